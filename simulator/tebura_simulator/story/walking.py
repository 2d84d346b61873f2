"""How people get from one place to another: where the body is and where the feet are put.

Pure functions of time. Feet are planted and do not slide: each step has a place where it lands, and
the body passes over it. Floor coordinates are the store's, metres; yaw is the direction someone
faces, radians from the store's x axis, counter-clockwise.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tebura_contract.geometry import Xy

STEP_LENGTH_M = 0.6
STEP_TURN_RAD = math.radians(50)
TURN_RATE_RAD_S = math.radians(130)
RAMP_S = 0.5
FOOT_SIDE_M = 0.085
LIFT_M = 0.05
_USUAL_M = 1.7
_OLD_STEP = 0.8
_SIDE_STEP_M = 0.7
"""Shorter ways are walked without turning into them."""


@dataclass(frozen=True)
class Stance:
    """Where someone stands (the point between the feet) and which way the body faces."""

    xy_m: Xy
    yaw_rad: float


@dataclass(frozen=True)
class Foot:
    """A foot: the point under its ankle, its direction, and how far it is through a swing (0 to 1).

    `lift_m` is the height over the floor; both are 0 while the foot is planted.
    """

    xy_m: Xy
    yaw_rad: float
    lift_m: float = 0.0
    swing: float = 0.0


@dataclass(frozen=True)
class Stride:
    """How somebody steps: about how long, how far the feet are apart, how high they are lifted."""

    length_m: float = STEP_LENGTH_M
    side_m: float = FOOT_SIDE_M
    lift_m: float = LIFT_M

    @classmethod
    def of(cls, walk_mps: float, height_m: float | None, *, is_old: bool = False) -> "Stride":
        """Whoever is small, slow or old takes smaller steps, about as people do."""
        size = (height_m or _USUAL_M) / _USUAL_M
        pace = min(1.15, max(0.6, math.sqrt(walk_mps / size)))
        pace *= _OLD_STEP if is_old else 1.0
        return cls(STEP_LENGTH_M * size * pace, FOOT_SIDE_M * size, LIFT_M * size)


def smooth(fraction: float) -> float:
    """Minimum-jerk ease from 0 to 1 (Flash and Hogan 1985); clipped outside.

    >>> smooth(0.5)
    0.5
    """
    f = min(1.0, max(0.0, fraction))
    return f * f * f * (10.0 + f * (6.0 * f - 15.0))


def turn_between(from_rad: float, to_rad: float) -> float:
    """The shorter turn from one direction to another, in (-pi, pi]."""
    turn = (to_rad - from_rad) % (2 * math.pi)
    return turn - 2 * math.pi if turn > math.pi else turn


def feet_of(stance: Stance, side_m: float = FOOT_SIDE_M) -> tuple[Foot, Foot]:
    """Both feet (left, right) of someone who stands."""
    return _planted(stance, side_m), _planted(stance, -side_m)


@dataclass(frozen=True)
class Leg:
    """A straight way, a side step or a turn on the spot, from one stance to another."""

    start_s: float
    origin: Stance
    goal: Stance
    speed_mps: float = 1.0
    stride: Stride = Stride()

    @cached_property
    def length_m(self) -> float:
        return math.dist(self.origin.xy_m, self.goal.xy_m)

    @cached_property
    def turn_rad(self) -> float:
        return turn_between(self.origin.yaw_rad, self.goal.yaw_rad)

    @cached_property
    def steps(self) -> int:
        """How many steps it takes, the closing one not counted."""
        turns = abs(self.turn_rad) / STEP_TURN_RAD if self.length_m < _SIDE_STEP_M else 0.0
        return max(1, round(self.length_m / self.stride.length_m), math.ceil(turns))

    @cached_property
    def moving_s(self) -> float:
        """How long the body moves."""
        turning = abs(self.turn_rad) / TURN_RATE_RAD_S if self.length_m < _SIDE_STEP_M else 0.0
        return max(0.6, turning, self.length_m / self.speed_mps) + RAMP_S

    @property
    def end_s(self) -> float:
        return self.start_s + self.moving_s

    def fraction(self, t_s: float) -> float:
        """How much of the way is done: even speed between two ramps."""
        t, whole = min(max(t_s - self.start_s, 0.0), self.moving_s), self.moving_s
        peak = 1.0 / (whole - RAMP_S)
        if t < RAMP_S:
            return peak * t * t / (2 * RAMP_S)
        if t > whole - RAMP_S:
            return 1.0 - peak * (whole - t) ** 2 / (2 * RAMP_S)
        return peak * (t - RAMP_S / 2)

    def moment_s(self, fraction: float) -> float:
        """When so much of the way is done: what `fraction` says, the other way round."""
        peak = 1.0 / (self.moving_s - RAMP_S)
        ramp = peak * RAMP_S / 2
        if fraction < ramp:
            return self.start_s + math.sqrt(2 * RAMP_S * max(0.0, fraction) / peak)
        if fraction > 1.0 - ramp:
            return self.end_s - math.sqrt(2 * RAMP_S * max(0.0, 1.0 - fraction) / peak)
        return self.start_s + fraction / peak + RAMP_S / 2

    def swings(self) -> Iterator[tuple[bool, float, float]]:
        """Each step in turn: whether it is the left foot's, when that is lifted, when it lands."""
        for step in range(self.steps + 1):
            low, high = max(0.0, step - 0.5), min(float(self.steps), step + 0.5)
            lift_s, land_s = (self.moment_s(walked / self.steps) for walked in (low, high))
            yield self._is_left(step), lift_s, land_s

    def stance(self, t_s: float) -> Stance:
        return self._at(self.fraction(t_s))

    def feet(self, t_s: float) -> tuple[Foot, Foot]:
        """Both feet (left, right) at a moment."""
        step, swing = self._step(t_s)
        swinging_left = self._is_left(step)
        side_m = self.stride.side_m if swinging_left else -self.stride.side_m
        swinging = self._swinging(step, side_m, swing)
        standing = _planted(self._landing(step - 1), -side_m)
        return (swinging, standing) if swinging_left else (standing, swinging)

    def _is_left(self, step: int) -> bool:
        """The outer foot of a turn goes first; the feet then take turns."""
        return (step % 2 == 0) == (self.turn_rad > 0)

    def _swinging(self, step: int, side_m: float, swing: float) -> Foot:
        lifted = _planted(self._landing(step - 2), side_m)
        lands = _planted(self._landing(step), side_m)
        if swing >= 1.0:
            return lands
        f = smooth(swing)
        return Foot(
            xy_m=(
                lifted.xy_m[0] + f * (lands.xy_m[0] - lifted.xy_m[0]),
                lifted.xy_m[1] + f * (lands.xy_m[1] - lifted.xy_m[1]),
            ),
            yaw_rad=lifted.yaw_rad + f * turn_between(lifted.yaw_rad, lands.yaw_rad),
            lift_m=self.stride.lift_m * math.sin(math.pi * swing),
            swing=swing,
        )

    def _step(self, t_s: float) -> tuple[int, float]:
        """The step under way (0-based; the closing one is number `steps`) and its share done.

        The body passes midway between the feet when a foot lands, so that the first and the closing
        step take half of a step's way.
        """
        walked = self.fraction(t_s) * self.steps
        if walked < 0.5:
            return 0, 2 * walked
        step = min(int(walked + 0.5), self.steps)
        share = walked + 0.5 - step
        return step, min(1.0, 2 * share) if step == self.steps else share

    def _landing(self, step: int) -> Stance:
        """The stance whose foot a step puts down."""
        return self._at(min(1.0, max(0, step + 1) / self.steps))

    def _at(self, fraction: float) -> Stance:
        (x0, y0), (x1, y1) = self.origin.xy_m, self.goal.xy_m
        xy = (x0 + fraction * (x1 - x0), y0 + fraction * (y1 - y0))
        return Stance(xy, self._yaw(fraction))

    def _yaw(self, fraction: float) -> float:
        start, goal = self.origin.yaw_rad, self.goal.yaw_rad
        if self.length_m < _SIDE_STEP_M:
            return start + smooth(fraction) * self.turn_rad
        (x0, y0), (x1, y1) = self.origin.xy_m, self.goal.xy_m
        ahead = math.atan2(y1 - y0, x1 - x0)
        bend = min(0.4, 0.7 / self.length_m)
        into = turn_between(start, ahead) * smooth(fraction / bend)
        out = turn_between(ahead, goal) * smooth((fraction - 1.0 + bend) / bend)
        return start + into + out


def _planted(stance: Stance, side: float) -> Foot:
    """A foot on the floor, `side` metres to the left of the middle."""
    x, y = stance.xy_m
    across = (-math.sin(stance.yaw_rad), math.cos(stance.yaw_rad))
    return Foot((x + side * across[0], y + side * across[1]), stance.yaw_rad)
