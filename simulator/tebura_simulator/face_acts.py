"""Who stands before a gate's camera, and what they do when the screen asks for a move.

People turn their heads; attackers turn what they hold up. Each is a function of time and of what
was asked so far, so that the gate's own judgement can be played against it frame by frame.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_edge.face_life import Move
from tebura_edge.face_light import LIGHTS, SLOT_NS, Tint

from tebura_simulator.scenes.held_up import Mirrors, Sheet, held_up
from tebura_simulator.scenes.portrait import Portrait, Stance
from tebura_simulator.scenes.screen_light import GateScreen, Shining

Image = NDArray[np.uint8]

SIGNS: Final = {Move.LEFT: (1, 0), Move.RIGHT: (-1, 0), Move.UP: (0, -1), Move.DOWN: (0, 1)}
GOES_S: Final = 0.35
"""How long a head takes to one side."""
STAYS_S: Final = 0.25
EXPOSED_S: Final = (0.0, 0.013, 0.026, 0.04)
CUT: Final = (slice(60, 420), slice(140, 500))
"""What of a portrait a print shows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A move that the screen asked for, and when."""

    move: Move
    at_s: float


@dataclass(frozen=True, slots=True)
class Turning:
    """How far something is turned aside and down, as shares of its full turn, at a moment."""

    aside: float
    down: float


def turning(t_s: float, asked: Sequence[Asked], reacts_s: float) -> Turning:
    """Somebody who answers each move: there, a moment's stay, and back."""
    aside = down = 0.0
    for one in asked:
        share = _there_and_back(t_s - one.at_s - reacts_s)
        x, y = SIGNS[one.move]
        aside, down = aside + x * share, down + y * share
    return Turning(aside, down)


def _there_and_back(t_s: float) -> float:
    if t_s <= 0:
        return 0.0
    if t_s < GOES_S:
        return 0.5 - 0.5 * math.cos(math.pi * t_s / GOES_S)
    if t_s < GOES_S + STAYS_S:
        return 1.0
    back = (t_s - GOES_S - STAYS_S) / GOES_S
    return 0.5 + 0.5 * math.cos(math.pi * back) if back < 1 else 0.0


class Act(Protocol):
    """What the camera sees at a moment, by what was asked up to then and by the screen's light."""

    def __call__(
        self, t_s: float, asked: Sequence[Asked], shining: Shining | None = None, /
    ) -> Image: ...


@dataclass(frozen=True, slots=True)
class Flashing:
    """A gate's screen going through colours, as its camera sees it: `late_s` after it was told."""

    screen: GateScreen
    tints: Sequence[Tint]
    late_s: float

    def __call__(self, t_s: float) -> Shining:
        """The light in a picture that is exposed for 40 ms and taken then."""
        rgb = np.zeros(3)
        for share in EXPOSED_S:
            slot = math.floor((t_s - self.late_s - share) * SECOND_NS / SLOT_NS)
            if 0 <= slot < len(self.tints):
                rgb += LIGHTS[self.tints[slot]]
        red, green, blue = (float(one) for one in rgb / len(EXPOSED_S))
        return Shining(self.screen, (red, green, blue))


@dataclass
class Sensor:
    """A plain camera's noise; exposure follows the middle of the picture."""

    rng: np.random.Generator
    noise: float = 2.0
    _gain: float = field(default=0.0)

    def __call__(self, picture: Image) -> Image:
        if not self._gain:
            middle = float(picture[120:360, 200:440].mean())
            self._gain = float(np.clip(115 / max(middle, 1), 0.6, 2.2))
        seen = picture * self._gain + self.rng.normal(0, self.noise, picture.shape)
        return np.asarray(seen.clip(0, 255), np.uint8)


@dataclass
class AdaptingSensor:
    """A cheap camera that goes on adapting: exposure, white balance, flicker of lamps, MJPEG.

    Exposure follows the picture's middle and white balance goes most of the way to a grey world,
    both within a second or two, so that they answer a screen's colours, too.
    """

    rng: np.random.Generator
    noise: float = 2.0
    follows: float = 0.07
    """So much of the way from picture to picture, ten a second."""
    flicker: float = 0.01
    quality: int = 85
    _gain: NDArray[np.float64] | None = None

    def __call__(self, picture: Image) -> Image:
        means = picture.reshape(-1, 3).mean(axis=0)
        balance = (means.mean() / np.maximum(means, 1)) ** 0.6
        middle = float(picture[120:360, 200:440].mean())
        wanted = balance * float(np.clip(115 / max(middle, 1), 0.6, 2.2))
        if self._gain is None:
            self._gain = wanted
        self._gain = self._gain + self.follows * (wanted - self._gain)
        lamps = 1 + self.flicker * float(self.rng.uniform(-1, 1))
        seen = picture * (self._gain * lamps) + self.rng.normal(0, self.noise, picture.shape)
        flags = [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        coded = cv2.imencode(".jpg", seen.clip(0, 255).astype(np.uint8), flags)[1]
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _sway(t_s: float, phase: float) -> tuple[float, float]:
    """Nobody stands quite still: metres aside and up."""
    return 0.006 * math.sin(1.7 * t_s + phase), 0.003 * math.sin(2.3 * t_s + 2 * phase)


def living(portrait: Portrait, rng: np.random.Generator) -> Act:
    """A person who does as the screen asks, as far and as fast as people do."""
    reacts_s = float(rng.uniform(0.3, 0.6))
    full_rad = float(rng.uniform(0.36, 0.55)), float(rng.uniform(0.30, 0.45))
    phase = float(rng.uniform(0, 6))

    def act(t_s: float, asked: Sequence[Asked], shining: Shining | None = None) -> Image:
        now = turning(t_s, asked, reacts_s)
        x, z = _sway(t_s, phase)
        stance = Stance(full_rad[0] * now.aside, full_rad[1] * now.down, shift_m=(x, 0.0, z))
        return portrait.frame(stance, shining)

    return act


def print_held(
    picture: Image, behind: Image, rng: np.random.Generator, *, bend_m: float | None = None
) -> Act:
    """A print, flat or bent, that only trembles in a hand."""
    return _sheet(picture, behind, rng, turns_rad=0.0, bend_m=bend_m)


def print_turned(
    picture: Image, behind: Image, rng: np.random.Generator, *, bend_m: float | None = None
) -> Act:
    """A print, flat or bent, that is turned as the screen asks, by up to 40 degrees."""
    return _sheet(picture, behind, rng, turns_rad=float(rng.uniform(0.5, 0.7)), bend_m=bend_m)


def print_moved(picture: Image, behind: Image, rng: np.random.Generator) -> Act:
    """A print that is shaken to and fro, tilted and brought nearer."""
    phase = float(rng.uniform(0, 6))

    def act(t_s: float, _: Sequence[Asked], shining: Shining | None = None) -> Image:
        swing = math.sin(2.4 * t_s + phase)
        return held_up(
            picture,
            behind,
            Sheet(
                shift_m=(0.05 * swing, 0.02 * math.sin(1.3 * t_s)),
                tilt_rad=0.25 * swing,
                away_m=0.5 + 0.06 * math.sin(0.9 * t_s + phase),
            ),
            shining,
        )

    return act


def screen_turned(picture: Image, behind: Image, rng: np.random.Generator) -> Act:
    """A tablet with a still picture, turned as the screen asks."""
    return _sheet(
        picture, behind, rng, turns_rad=float(rng.uniform(0.5, 0.7)), bend_m=None, is_screen=True
    )


def film(
    portrait: Portrait,
    behind: Image,
    rng: np.random.Generator,
    filmed: Sequence[Move] | None,
    *,
    mirrors: Mirrors = Mirrors.NOTHING,
    lit: Flashing | None = None,
) -> Act:
    """A tablet that plays a film of the person doing moves, begun when the first is asked for.

    `filmed` None is a film of just what is asked: the attack that nobody can make beforehand.
    `lit` is what light lay on the person in it; `mirrors` what the tablet's glass shows.
    """
    reacts_s = float(rng.uniform(0.3, 0.5))
    phase = float(rng.uniform(0, 6))

    def act(t_s: float, asked: Sequence[Asked], shining: Shining | None = None) -> Image:
        shown: Sequence[Asked] = asked
        if filmed is not None:
            began_s = asked[0].at_s if asked else math.inf
            shown = [Asked(move, began_s + 1.1 * n) for n, move in enumerate(filmed)]
        now = turning(t_s, shown, reacts_s)
        x, z = _sway(t_s, phase)
        stance = Stance(0.45 * now.aside, 0.36 * now.down, shift_m=(x, 0.0, z))
        seen = portrait.frame(stance, lit(t_s) if lit else None)
        tablet = Sheet(shift_m=(0.3 * x, 0.3 * z), is_screen=True, mirrors=mirrors)
        return held_up(seen[CUT], behind, tablet, shining)

    return act


def _sheet(
    picture: Image,
    behind: Image,
    rng: np.random.Generator,
    *,
    turns_rad: float,
    bend_m: float | None,
    is_screen: bool = False,
) -> Act:
    reacts_s, phase = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0, 6))

    def act(t_s: float, asked: Sequence[Asked], shining: Shining | None = None) -> Image:
        now = turning(t_s, asked, reacts_s)
        x, z = _sway(t_s, phase)
        sheet = Sheet(
            aside_rad=turns_rad * now.aside,
            down_rad=turns_rad * now.down,
            tilt_rad=0.03 * math.sin(1.9 * t_s + phase),
            shift_m=(x, z),
            bend_m=bend_m,
            is_screen=is_screen,
        )
        return held_up(picture, behind, sheet, shining)

    return act
