"""A whole store of real processes, parts of which are killed in mid-visit.

Whatever dies, a receipt is exact or a person looks; it is never wrong, and every visit comes to an
end. One store serves all tests of this file, in order: starting it takes longer than a visit.
"""

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console
from tebura_simulator.demo_command import Showing, play
from tebura_simulator.live_store import LiveStore
from tebura_simulator.stage import BROKER, GATEWAY
from tebura_simulator.take import Take, load_take
from tebura_simulator.visit_report import Verdict

RECORDINGS = Path("simulator/tebura_simulator/demo/recordings")


@pytest.fixture(scope="module")
def takes(repository: Path) -> list[Take]:
    return [load_take(path) for path in sorted((repository / RECORDINGS).glob("*.mcap"))]


@pytest.fixture(scope="module")
def showing(takes: list[Take], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showing]:
    folder = tmp_path_factory.mktemp("store")
    with LiveStore(folder, takes[0]) as store:
        store.wait_sensing()
        store.add_members({name: name for take in takes for name in take.accounts()})
        yield Showing(store, Console(file=io.StringIO()))


@dataclass
class Script:
    """Deeds at moments of a recording, each once."""

    deeds: list[tuple[float, Callable[[], None]]]
    done: list[float] = field(default_factory=list)

    def turn(self, at_s: float) -> None:
        while len(self.done) < len(self.deeds) and self.deeds[len(self.done)][0] <= at_s:
            _, deed = self.deeds[len(self.done)]
            self.done.append(at_s)
            deed()


def played(showing: Showing, take: Take, script: Script) -> list[Verdict]:
    verdicts = play(showing, take, lambda _: None, script.turn)
    assert len(script.done) == len(script.deeds), "not everything that should break broke"
    return verdicts


def restart(store: LiveStore, name: str) -> None:
    """Kill -9 and start again at once, as systemd would."""
    store.stage.start(store.stage.kill(name))


def test_broker_and_gateway_killed_in_mid_visit_cost_no_line(
    showing: Showing, takes: list[Take]
) -> None:
    store, stage = showing.store, showing.store.stage
    killed = []
    script = Script(
        [
            # Green tea leaves at 11.3 s, melon bread at 15.3 s and comes back at 18.8 s.
            (11.5, lambda: killed.append(stage.kill(BROKER))),
            (14.0, lambda: stage.start(killed.pop())),
            (15.8, lambda: restart(store, GATEWAY)),
        ]
    )
    verdicts = played(showing, takes[0], script)
    assert [v.shopper for v in verdicts] == ["hana"]
    assert not any(v.is_wrong for v in verdicts), verdicts
    # No sensor was blind and nothing that was reported may be lost: the receipt is exact.
    assert [v.is_exact for v in verdicts] == [True], verdicts


def test_plate_and_camera_node_killed_in_mid_visit_never_give_a_wrong_receipt(
    showing: Showing, takes: list[Take]
) -> None:
    store, stage = showing.store, showing.store.stage
    killed = []
    script = Script(
        [
            # Ken takes at 9.7 s, while his plates are off, and leaves at 16 s; Yuki comes in at
            # 20 s and takes at 26.7 s.
            (9.2, lambda: killed.append(stage.kill("plates-1"))),
            (10.9, lambda: stage.start(killed.pop())),
            (23.5, lambda: restart(store, "camera-1")),
        ]
    )
    verdicts = played(showing, takes[1], script)
    assert {v.shopper for v in verdicts} == {"ken", "yuki"}
    for verdict in verdicts:
        assert verdict.is_exact or verdict.stage == "review", verdict


def test_the_store_serves_the_next_shopper_as_if_nothing_had_been(
    showing: Showing, takes: list[Take]
) -> None:
    verdicts = played(showing, takes[2], Script([]))
    assert [(v.shopper, v.is_exact) for v in verdicts] == [("taro", True)], verdicts


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(8))
def test_parts_killed_at_random_never_give_a_wrong_receipt(
    showing: Showing, takes: list[Take], seed: int
) -> None:
    rng = random.Random(seed)
    store, stage = showing.store, showing.store.stage
    take = takes[seed % 2]
    store.forget_members()
    store.wait_sensing()
    store.add_members({name: f"{name} {seed}" for name in take.accounts()})
    parts = rng.choices([BROKER, GATEWAY, *map(str, store.files.nodes)], k=3)
    deeds = sorted((rng.uniform(2.0, take.duration_s - 1.0), part) for part in parts)
    script = Script([(at_s, lambda part=part: restart(store, part)) for at_s, part in deeds])  # type: ignore[misc]
    verdicts = played(showing, take, script)
    assert len(verdicts) == len(take.accounts())
    assert not any(v.is_wrong for v in verdicts), (deeds, verdicts)
    assert all(stage.is_running(part.name) for part in store.parts())
