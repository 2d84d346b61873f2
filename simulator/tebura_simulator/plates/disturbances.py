"""What plates feel for a while: grams as a function of time on a few plates, each for itself.

A disturbance is silent before `from_s` and constant (`after_g`) from `to_s` on.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.plates.quantiles import Floats

Columns = NDArray[np.int64]
CREEP_S = 600.0
CREEP_MINUTE = math.log1p(60.0)
RINGS_OUT = 8.0


class Disturbance(Protocol):
    """Something that plates feel."""

    @property
    def columns(self) -> Columns: ...
    @property
    def from_s(self) -> float: ...
    @property
    def to_s(self) -> float: ...
    @property
    def after_g(self) -> Floats: ...
    def grams(self, at_s: Floats) -> Floats:
        """(n, columns) grams at moments between `from_s` and `to_s`."""
        ...


@dataclass(frozen=True, eq=False)
class Landing:
    """A weight that comes (or, negative, goes): it ramps, overshoots, rings, and then creeps."""

    columns: Columns
    at_s: float
    delta_g: Floats
    ramp_s: float
    overshoot: float
    ring_s: float
    ring_hz: float
    creep: Floats

    @property
    def from_s(self) -> float:
        return self.at_s - self.ramp_s / 2

    @property
    def to_s(self) -> float:
        return self.at_s + CREEP_S

    @property
    def after_g(self) -> Floats:
        return self.delta_g * (1.0 + self.creep * _creep(CREEP_S))

    def grams(self, at_s: Floats) -> Floats:
        since_s = at_s - self.at_s
        after_s = np.maximum(since_s - self.ramp_s / 2, 0.0)
        shape = np.clip(since_s / self.ramp_s + 0.5, 0.0, 1.0)
        is_ringing = after_s < RINGS_OUT * self.ring_s
        ringing_s = after_s[is_ringing]
        shape[is_ringing] += (
            self.overshoot
            * np.sin(2 * math.pi * self.ring_hz * ringing_s)
            * np.exp(-ringing_s / self.ring_s)
        )
        crept = np.log1p(np.maximum(since_s, 0.0)) / CREEP_MINUTE
        return (shape[:, None] + crept[:, None] * self.creep) * self.delta_g


def _creep(since_s: float) -> float:
    return math.log1p(since_s) / CREEP_MINUTE


@dataclass(frozen=True, eq=False)
class Bump:
    """A short push about `at_s`, and what stays of it: a hand, a neighbour that shakes along."""

    columns: Columns
    at_s: float
    width_s: float
    peak_g: Floats
    stays_g: Floats

    @property
    def from_s(self) -> float:
        return self.at_s - 3.5 * self.width_s

    @property
    def to_s(self) -> float:
        return self.at_s + 3.5 * self.width_s

    @property
    def after_g(self) -> Floats:
        return self.stays_g

    def grams(self, at_s: Floats) -> Floats:
        since = (at_s - self.at_s) / self.width_s
        push = np.exp(-(since**2))[:, None] * self.peak_g
        moved: Floats = push + np.clip(since + 0.5, 0.0, 1.0)[:, None] * self.stays_g
        return moved


@dataclass(frozen=True, eq=False)
class Weight:
    """Somebody's weight on plates from `from_s` to `to_s`: it sways and trembles.

    `sway` is (waves, 3): size as a share of the weight, frequency in Hz, phase.
    """

    columns: Columns
    from_s: float
    to_s: float
    force_g: Floats
    rise_s: float
    sway: Floats
    stays_g: Floats

    @property
    def after_g(self) -> Floats:
        return self.stays_g

    def grams(self, at_s: Floats) -> Floats:
        rise_s = min(self.rise_s, (self.to_s - self.from_s) / 3)
        lean = np.clip(np.minimum(at_s - self.from_s, self.to_s - at_s) / rise_s, 0.0, 1.0)
        size, hz, phase = self.sway.T
        waves = np.sin(2 * math.pi * hz * at_s[:, None] + phase) * size
        shape = lean**2 * (3.0 - 2.0 * lean) * (1.0 + waves.sum(axis=1))
        passed = np.clip((at_s - self.from_s) / (self.to_s - self.from_s), 0.0, 1.0)
        found: Floats = shape[:, None] * self.force_g + passed[:, None] * self.stays_g
        return found


@dataclass(frozen=True, eq=False)
class Knock:
    """A whole gondola rings after a knock; what stood on it may stand otherwise afterwards."""

    columns: Columns
    from_s: float
    peak_g: Floats
    ring_s: float
    ring_hz: float
    stays_g: Floats

    @property
    def to_s(self) -> float:
        return self.from_s + RINGS_OUT * self.ring_s

    @property
    def after_g(self) -> Floats:
        return self.stays_g

    def grams(self, at_s: Floats) -> Floats:
        since_s = at_s - self.from_s
        ring = np.sin(2 * math.pi * self.ring_hz * since_s) * np.exp(-since_s / self.ring_s)
        moved = np.clip(since_s / self.ring_s, 0.0, 1.0)
        found: Floats = ring[:, None] * self.peak_g + moved[:, None] * self.stays_g
        return found
