"""Runs a plan to its end, through as many lives of the process as it takes."""

import gc
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

from tests.gateway.simulation.audit import audit
from tests.gateway.simulation.crashing import NAME, Crash, Points, save_as_killed
from tests.gateway.simulation.disk import Disk
from tests.gateway.simulation.plan import VISIT_S, Plan
from tests.gateway.simulation.world import World

MOST_DEATHS = 200
END_S = 1e9
At = Callable[[int, str], bool]


class Death(StrEnum):
    """What is lost when the process dies."""

    KILLED = "killed"  # its memory
    POWER_CUT = "power-cut"  # and everything written that was not synced


def one_visit(seed: int) -> Plan:
    """A visit with something to pay, and what comes after it."""
    plan = Plan(seed)
    plan.go_shopping(0.0, is_simple=True)
    plan.remember_late(END_S)
    return plan


def a_day(seed: int, visits: int) -> Plan:
    """Visits one after the other, now and then with a pause."""
    plan = Plan(seed)
    start_s = 0.0
    for _ in range(visits):
        plan.go_shopping(start_s)
        start_s += VISIT_S + 5.0 + plan.rng.choice([0.0, 0.0, 20.0, 600.0])
    plan.remember_late(END_S)
    return plan


def a_hard_day(seed: int, visits: int) -> Plan:
    """Everything at once: each message up to 50 times, acks lost, the broker away, no answers."""
    plan = a_day(seed, visits)
    plan.duplicates, plan.most_copies = 1.0, 50
    plan.lost_acks, plan.trouble = 0.3, 0.6
    ends_s = plan.visits[-1].left_s
    for _ in range(3):
        from_s = plan.rng.uniform(0.0, ends_s)
        plan.outages.append((from_s, from_s + plan.rng.uniform(5.0, 50.0)))
    return plan


def live_through(
    plan: Plan,
    folder: Path,
    empty: Path,
    dies_at: At = lambda *_: False,
    death: Death = Death.KILLED,
    uses_house: bool = False,
    breaks_at: At = lambda *_: False,
    loses_at: At = lambda *_: False,
    gateways: int = 1,
) -> World:
    """Play a plan; where the process dies, start it again from what is on the disk.

    Raises:
        AssertionError: If a promise was broken, or the day does not come to its end.
    """
    world = World(plan, Points(dies_at, breaks_at, loses_at), uses_house, gateways)
    _lives(world, folder, _first_disk(folder, empty), death)
    return world


def _first_disk(folder: Path, empty: Path) -> Path:
    live = folder / "life-0"
    live.mkdir(parents=True)
    shutil.copy(empty, live / NAME)
    return live


def _lives(world: World, folder: Path, live: Path, death: Death) -> None:
    """Life after life, until the day is over."""
    while True:
        if world.deaths > MOST_DEATHS:
            raise RuntimeError("the process dies too often for a day to end")
        world.points.after = folder / f"life-{world.deaths + 1}"
        try:
            with _on_disk(world, live, death):
                world.start(live)
                while not world.is_over():
                    assert not world.is_stuck(), f"stuck: {world.unfinished()}"
                    world.turn()
                audit(world)
                return
        except Crash:
            world.deaths += 1
        finally:
            world.end_life()
        live = world.points.after


@contextmanager
def _on_disk(world: World, live: Path, death: Death) -> Iterator[None]:
    """Let the points save what such a death leaves of the folder `live`."""
    if death is Death.KILLED:
        world.points.save = partial(save_as_killed, live)
        yield
    else:
        disk = Disk(live)

        def cut(into: Path) -> None:
            disk.cut(into, random.Random(f"disk {world.plan.seed} {len(world.points.passed)}"))

        world.points.save = cut
        with disk.in_use():
            yield


@dataclass(frozen=True, slots=True)
class Broken:
    """A point at which dying breaks a promise: `live_through` with its number replays it."""

    seed: int
    number: int
    point: str
    said: str


@dataclass
class Explored:
    """What was tried: names of the points, and those that broke something."""

    points: list[str] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def die_everywhere(
    plan: Plan,
    folder: Path,
    empty: Path,
    death: Death = Death.KILLED,
    uses_house: bool = False,
    every: int = 1,
) -> Explored:
    """Play a plan once, and at each point on the way let a copy of this process die there.

    With `every`, only at one of so many.

    The copy (a fork) goes on from what is on its disk, to the end of the day and its audit, while
    the process itself passes the point unharmed.
    """
    explored = Explored()
    _warm_up(plan.seed, folder / "warm-up", empty)
    world = World(plan, Points(lambda *_: False), uses_house)

    def fork(number: int, name: str) -> bool:
        explored.points.append(name)
        if (number + plan.seed) % every:
            return False
        said = _in_a_copy(lambda: _die_here(world, folder / f"at-{number}", death))
        if said:
            explored.broken.append(Broken(plan.seed, number, name, said))
        return False

    world.points.dies_at = fork
    _lives(world, folder, _first_disk(folder, empty), death)
    return explored


def _warm_up(seed: int, folder: Path, empty: Path) -> None:
    """Have the statements of a day and of a restart compiled: the copies inherit them."""
    live_through(one_visit(seed), folder, empty, lambda number, _: number == 20)


def _die_here(world: World, folder: Path, death: Death) -> None:
    """In the copy: die, and live on. Nothing unwinds: the other process still uses its files."""
    inherited = world.life
    world.points.dies_at = lambda *_: False
    world.points.save(folder / "saved")
    world.life = None
    world.deaths += 1
    _lives(world, folder, folder / "saved", death)
    del inherited


def _in_a_copy(work: Callable[[], None]) -> str:
    """Do work in a copy of this process; what went wrong, or nothing."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # It lives for a tenth of a second: collecting would touch, and so copy, all it inherited.
        gc.disable()
        said = ""
        try:
            work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return said or ("" if status == 0 else f"the copy ended with {status}")
