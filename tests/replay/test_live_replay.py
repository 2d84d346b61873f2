"""The same recording in process and through real processes: one story, told twice."""

import pytest
from tebura_contract.truth import Outcome, OutcomeKind
from tebura_simulator.cases import named
from tebura_simulator.live_replay import live_outcomes
from tebura_simulator.memory_reel import MemoryReel, reel_of
from tebura_simulator.outcomes import outcomes
from tebura_simulator.replay import Replay
from tebura_simulator.stores import store
from tebura_simulator.story.scenario import load_scenario


def _reel(name: str) -> MemoryReel:
    case = named()[name]
    layout, layout_toml = store(case.store)
    return reel_of(load_scenario(case.path, layout), layout, layout_toml)


def _in_process(reel: MemoryReel) -> list[Outcome]:
    replay = Replay.of(reel)
    for _ in replay.run(reel.messages()):
        pass
    return outcomes(replay.judgement, replay.start_ns)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("broker-killed", id="one-board-and-a-broker-that-dies"),
        pytest.param("network-cut", id="three-nodes-and-a-cable-pulled-out"),
    ],
)
def test_real_processes_charge_what_the_replay_in_process_charges(name: str) -> None:
    reel = _reel(name)
    expected, told = _charged(_in_process(reel)), _charged(live_outcomes(reel))
    assert expected, "nothing happens in this case: nothing is compared"
    assert [(o.kind, o.gondola, o.shelf, o.sku, o.quantity) for o in told] == [
        (o.kind, o.gondola, o.shelf, o.sku, o.quantity) for o in expected
    ]
    # A live node dates samples by their arrival, over a loaded machine's serial line.
    for live, replayed in zip(told, expected, strict=True):
        assert live.time_s == pytest.approx(replayed.time_s, abs=1.0)
        assert live.delta_g == pytest.approx(replayed.delta_g, abs=3.0)
    assert _grouped(told) == _grouped(expected), "the same steps belong to the same visit"


def _charged(told: list[Outcome]) -> list[Outcome]:
    """What goes on a cart. A noisy plate's twitch may be told once and not the next time."""
    return [o for o in told if o.kind in (OutcomeKind.PICK, OutcomeKind.RETURN)]


def _grouped(told: list[Outcome]) -> list[int]:
    """The first step of each one's visit."""
    visits = [o.visit for o in told]
    return [visits.index(visit) for visit in visits]
