"""A world to draw examples from, by half and seed: a shop, its cameras, who comes, how it looks."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
import numpy as np
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout

from tebura_simulator.scenes.look import Look
from tebura_simulator.scenes.lookouts import lookouts, mounted
from tebura_simulator.scenes.shops import resized, shop
from tebura_simulator.scenes.split import Split
from tebura_simulator.story.drawing import Difficulty, draw
from tebura_simulator.story.script import BodyScript, Scenario
from tebura_simulator.story.timeline import Timeline

CAMERAS = 4
_DIFFICULTIES = (Difficulty.CALM, Difficulty.BUSY, Difficulty.BUSY, Difficulty.CROWDED)
_TRIES = 20
Span = tuple[float, float]


class Mix(StrEnum):
    """What frames of a world are a sample of.

    LESSONS are what there is to learn: every other moment a hand in a shelf, cameras anywhere over
    the floor. SHOP is what a shop's cameras deliver: any moment at which somebody is there, cameras
    as a shop hangs them. HIGH are lessons in shops with boards as high as a hand can get, above
    many a head.
    """

    LESSONS = "lessons"
    HIGH = "high"
    SHOP = "shop"


@dataclass(frozen=True)
class World:
    """A scene of its own; `cameras` are those that examples are taken through."""

    split: Split
    seed: int
    mix: Mix
    layout: Layout
    scenario: Scenario
    look: Look
    cameras: tuple[CameraId, ...]

    @property
    def name(self) -> str:
        return f"w{self.seed:05d}"


def world_of(split: Split, seed: int, size_px: tuple[int, int], mix: Mix = Mix.LESSONS) -> World:
    """The world of a seed, always the same; SHOP differs from LESSONS in its cameras only."""
    rng = np.random.default_rng([seed, zlib.crc32(split.encode())])
    layout = resized(_shop(split, rng, is_high=mix is Mix.HIGH), size_px)
    eyes = lookouts(layout, split, CAMERAS, size_px, rng)
    difficulty = _DIFFICULTIES[int(rng.integers(len(_DIFFICULTIES)))]
    if mix is Mix.SHOP:
        eyes = mounted(layout, split, CAMERAS, size_px, rng)
    layout = msgspec.structs.replace(layout, camera=(*layout.camera, *eyes))
    scenario = draw(layout, difficulty, _seed_of(split, seed))
    undressed = tuple(
        msgspec.structs.replace(shopper, body=BodyScript()) for shopper in scenario.shopper
    )
    return World(
        split=split,
        seed=seed,
        mix=mix,
        layout=layout,
        scenario=msgspec.structs.replace(scenario, shopper=undressed),
        look=Look.drawn(_seed_of(split, seed)),
        cameras=tuple(eye.label for eye in eyes),
    )


def moments(world: World, count: int) -> list[float]:
    """Moments of a world in order of time, as its mix has them; none if nobody ever comes."""
    rng = np.random.default_rng([world.seed, zlib.crc32(world.split.encode()), 1])
    timeline = Timeline(world.scenario, world.layout)
    there = [(p.enter_s, p.leave_s) for p in timeline.passages]
    if world.mix is Mix.SHOP:
        return sorted(_any_moment(there, rng) for _ in range(count))
    inside = [(a.inside_from_s, a.inside_to_s) for a in timeline.actions] or there
    found = []
    for number in range(count):
        spans = inside if number % 2 else there
        low, high = spans[int(rng.integers(len(spans)))]
        found.append(round(float(rng.uniform(low, high)), 3))
    return sorted(found)


def _any_moment(there: Sequence[Span], rng: np.random.Generator) -> float:
    """A moment of all those at which anybody is there, each as likely as any other."""
    first, last = min(low for low, _ in there), max(high for _, high in there)
    while True:
        t_s = round(float(rng.uniform(first, last)), 3)
        if any(low <= t_s <= high for low, high in there):
            return t_s


def _seed_of(split: Split, seed: int) -> int:
    """Even for training, odd for tests: no stream of chance is used by both halves."""
    return 2 * seed + (split is Split.TEST)


def _shop(split: Split, rng: np.random.Generator, is_high: bool) -> Layout:
    for _ in range(_TRIES):
        try:
            return shop(split, rng, is_high)
        except ValueError:
            continue  # no place for a gate in this one
    raise AssertionError("no shop of twenty drawn has a place for a gate")
