"""From a hand that leaves a shelf to the cart on the shopper's phone, through a whole live store.

``.venv/bin/python benchmarks/hand_to_phone.py [--plates 60] [--rounds N] [--load N] [--json]``

The demo's films and plates are played at their own pace: pseudo-terminals and camera streams, a
node for each, broker, gateway, database, and phones that follow their page's stream. The hand's
moment is that of the film's truth; the cart's is when the stream says it, on the recording's own
clock. A round is two minutes and five moves. ``--load`` runs so many programs beside it that never
rest.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from run import machine
from tebura_contract.layout import load_layout
from tebura_simulator import demo
from tebura_simulator.live_store import LiveStore
from tebura_simulator.recording_scenario import record_scenario
from tebura_simulator.shop_client import Phone, ShopError
from tebura_simulator.story.scenario import PlateKind, PlatesScript, dump_scenario, load_scenario
from tebura_simulator.story.timeline import Action, Timeline
from tebura_simulator.take import Take, load_take

DEMO = Path(str(demo.__file__)).parent
KINDS = {60: PlateKind.STORE60, 10: PlateKind.HX711}
GOALS_S = {60: 1.5, 10: 2.5}
AFTERWARDS_S = 6.0
"""So long a phone is followed after the recording's end."""


@dataclass(frozen=True)
class Scene:
    """A recording, and what hands do in it."""

    name: str
    take: Take
    actions: Sequence[Action]


@dataclass(frozen=True)
class Shown:
    """The cart's size as a phone showed it from a moment of the recording on."""

    at_s: float
    pieces: int


@dataclass(frozen=True)
class Figure:
    """Of one kind of plates: seconds from the hand's leaving to the cart."""

    plates_hz: int
    goal_s: float
    moves: int
    never_shown: int
    p50_s: float
    p95_s: float
    slowest_s: float
    cores: float
    held: int


@dataclass
class Follower:
    """Follows the phone of one account for as long as its stream lasts."""

    store: LiveStore
    phone: Phone
    shown: list[Shown] = field(default_factory=list)

    def start(self) -> None:
        # A daemon: a stream that has nothing to say ends with the store.
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with suppress(ShopError):
            for pieces in self.phone.cart_sizes():
                self.shown.append(Shown(self.store.world.clock.now_s(), pieces))


def waits_s(actions: Sequence[Action], shown: Sequence[Shown]) -> list[float | None]:
    """For each thing that somebody did, how long after their hand left the cart showed it.

    It may show it before the hand is out (below 0), or never (None).
    """
    sizes, pieces = [], 0
    for action in actions:
        pieces += action.quantity if action.kind.is_removal else -action.quantity
        sizes.append(pieces)
    found: list[float | None] = []
    rest = list(shown)
    for action, wanted in zip(actions, sizes, strict=True):
        while rest and rest[0].at_s < action.t_s:
            rest.pop(0)
        after = [one for one in rest if one.pieces == wanted]
        found.append(after[0].at_s - action.inside_to_s if after else None)
    return found


def scenes(plates_hz: int, folder: Path, part: str) -> list[Scene]:
    """The demo's scenarios in which anything is done, with these plates under the same films.

    Raises:
        SystemExit: If none has `part` in its name.
    """
    layout_file = DEMO / "layout.toml"
    layout = load_layout(layout_file)
    found = []
    for file in sorted((DEMO / "scenarios").glob("*.toml")):
        if part not in file.stem:
            continue
        scenario = load_scenario(file, layout)
        actions = Timeline(scenario, layout).actions
        if not actions:
            continue
        plates = PlatesScript(kind=KINDS[plates_hz], harshness=scenario.plates.harshness)
        changed = folder / file.name
        changed.write_text(dump_scenario(msgspec.structs.replace(scenario, plates=plates)))
        recording = folder / f"{file.stem}.mcap"
        record_scenario(changed, layout_file, recording, DEMO / "footage" / file.stem)
        found.append(Scene(file.stem, load_take(recording), actions))
    if not found:
        raise SystemExit(f"no scenario of the demo with {part!r} in its name does anything")
    return found


def measured(plates_hz: int, rounds: int, part: str) -> Figure:
    """Play everything so often and look at all phones."""
    with tempfile.TemporaryDirectory(prefix="tebura-phone-") as name:
        folder = Path(name)
        played = scenes(plates_hz, folder, part)
        with LiveStore(folder / "store", played[0].take) as store:
            store.wait_sensing()
            waits: list[float | None] = []
            held = 0
            began_s, busy_s = time.monotonic(), _machine_s()
            for number in range(rounds):
                for scene in played:
                    found, was_held = _play(store, scene)
                    waits += found
                    held += was_held
                    _tell(plates_hz, number, scene, found)
            passed_s = time.monotonic() - began_s
            cores = (_machine_s() - busy_s) / passed_s
    times_s = [wait for wait in waits if wait is not None] or [float("nan")]
    p50_s, p95_s = (float(np.percentile(times_s, part)) for part in (50, 95))
    return Figure(
        plates_hz=plates_hz,
        goal_s=GOALS_S[plates_hz],
        moves=len(waits),
        never_shown=sum(wait is None for wait in waits),
        p50_s=round(p50_s, 2),
        p95_s=round(p95_s, 2),
        slowest_s=round(max(times_s), 2),
        cores=round(cores, 2),
        held=held,
    )


def _play(store: LiveStore, scene: Scene) -> tuple[list[float | None], bool]:
    """One recording with new members: how long each move took, and whether time was held."""
    store.forget_members()
    store.add_members({account: account for account in scene.take.accounts()})
    followers = {
        account: Follower(store, store.phone(account)) for account in scene.take.accounts()
    }
    for follower in followers.values():
        follower.start()
    was_held = False

    def turn(_at_s: float) -> None:
        nonlocal was_held
        store.check()
        was_held = was_held or not store.world.clock.is_running

    store.play(scene.take, turn)
    store.world.clock.run()
    time.sleep(AFTERWARDS_S)
    store.world.clock.hold()
    waits: list[float | None] = []
    for account, follower in followers.items():
        own = [action for action in scene.actions if action.member == account]
        waits += waits_s(own, follower.shown)
    return waits, was_held


def _tell(plates_hz: int, number: int, scene: Scene, waits: Sequence[float | None]) -> None:
    told = ", ".join("never" if wait is None else f"{wait:.2f} s" for wait in waits)
    print(f"{plates_hz} Hz, round {number + 1}, {scene.name}: {told}", file=sys.stderr, flush=True)


def _machine_s() -> float:
    """Processor time that all programs of this machine have used."""
    user, nice, system, _idle, _wait, interrupt, soft, *_ = (
        Path("/proc/stat").read_text().split()[1:9]
    )
    return sum(map(int, (user, nice, system, interrupt, soft))) / 100


@contextmanager
def _load(count: int) -> Iterator[None]:
    """Other programs that never rest."""
    endless = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(endless) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.terminate()
            one.wait()


def main() -> int:
    """Read the command line, play, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--plates", type=int, action="append", choices=list(KINDS), help="Hz")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--only", default="", help="scenarios with this in their name")
    parser.add_argument("--load", type=int, default=0, help="programs beside it that never rest")
    parser.add_argument("--json", action="store_true", help="one JSON object a kind of plates")
    options = parser.parse_args()
    if not options.json:
        print(machine())
    with _load(options.load):
        for plates_hz in options.plates or KINDS:
            figure = measured(plates_hz, options.rounds, options.only)
            if options.json:
                print(json.dumps({**asdict(figure), "machine": machine()}), flush=True)
                continue
            print(
                f"  plates at {plates_hz} Hz: p50 {figure.p50_s} s, p95 {figure.p95_s} s "
                f"(goal {figure.goal_s} s), slowest {figure.slowest_s} s of {figure.moves} moves, "
                f"{figure.never_shown} never shown; {figure.cores} cores used by all programs, "
                f"time held in {figure.held} recordings",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
