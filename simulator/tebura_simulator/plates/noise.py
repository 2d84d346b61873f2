"""Noise of plates at which nothing happens: white, 1/f, a random walk, and what warmth does.

Made in stretches of rows, one after another; how long the stretches are changes no number. What is
slow is drawn at knots 0.2 s apart and runs straight between them.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from tebura_simulator.plates.cells import Cells
from tebura_simulator.plates.models import FLICKER_S, PlateModel
from tebura_simulator.plates.quantiles import Floats

KNOT_S = 0.2
SWING_S = (1500.0, 3600.0)
"""Period of the shop's temperature: heating that goes on and off, an afternoon's sun."""


@dataclass(eq=False)
class White:
    """White noise whose successive samples are correlated as each plate's are."""

    cells: Cells
    rng: np.random.Generator
    _last: Floats = field(init=False)
    _theta: Floats = field(init=False)
    _size_g: Floats = field(init=False)

    def __post_init__(self) -> None:
        rho = self.cells.rho
        # A moving average of two has rho = theta / (1 + theta^2).
        root = np.sqrt(np.maximum(1.0 - 4.0 * rho**2, 0.0))
        self._theta = 2.0 * rho / (1.0 + root)
        self._size_g = self.cells.noise_g / np.sqrt(1.0 + self._theta**2)
        self._last = self.rng.standard_normal(len(rho))

    def next(self, rows: int) -> Floats:
        """(rows, plates) grams."""
        drawn = self.rng.standard_normal((rows, len(self._last)))
        before = np.concatenate([self._last[None], drawn[:-1]])
        self._last = drawn[-1].copy()
        noise_g: Floats = (drawn + self._theta * before) * self._size_g
        return noise_g


@dataclass(eq=False)
class Slow:
    """What moves slowly: 1/f noise, random walk and the zero's answer to the temperature."""

    cells: Cells
    model: PlateModel
    rng: np.random.Generator
    warmth: "Warmth"
    knot_rows: int = field(init=False)
    _state: Floats = field(init=False)
    _knot: int = 0

    def __post_init__(self) -> None:
        self.knot_rows = max(1, round(KNOT_S * self.model.rate_hz))
        plates = len(self.cells.plates)
        self._state = self.rng.standard_normal((len(FLICKER_S) + 1, plates))
        self._state[-1] = 0.0

    def next(self, rows: int) -> Floats:
        """(rows, plates) grams; `rows` are whole stretches between knots."""
        knots = rows // self.knot_rows
        step_s = self.knot_rows / self.model.rate_hz
        times_s = np.array([*FLICKER_S, math.inf])
        keep = np.exp(-step_s / times_s)[:, None]
        kick = np.sqrt(1.0 - keep**2)
        kick[-1] = math.sqrt(step_s)
        drawn = self.rng.standard_normal((knots, *self._state.shape)) * kick
        flicker_g = np.tile(self.cells.flicker_g, (len(FLICKER_S), 1))
        size_g = np.vstack([flicker_g, self.cells.walk_g])
        levels_g = np.empty((knots + 1, len(self.cells.plates)))
        levels_g[0] = (self._state * size_g).sum(axis=0)
        for index, kicks in enumerate(drawn):
            self._state = self._state * keep + kicks
            levels_g[index + 1] = (self._state * size_g).sum(axis=0)
        at_s: Floats = (self._knot + np.arange(knots + 1.0)) * step_s
        levels_g += self.warmth.at(at_s)[:, self.cells.shelf] * self.cells.zero_g_per_k
        self._knot += knots
        part = (np.arange(self.knot_rows) / self.knot_rows)[None, :, None]
        between = levels_g[:-1, None] * (1.0 - part) + levels_g[1:, None] * part
        return between.reshape(rows, -1)


@dataclass(frozen=True, eq=False)
class Warming:
    """A shelf (by number) that grows warmer from `from_s` to `to_s`, by `k_per_s`."""

    shelf: int
    from_s: float
    to_s: float
    k_per_s: float


@dataclass(eq=False)
class Warmth:
    """Temperature of each shelf as a function of time, kelvin from where it was calibrated."""

    shelves: int
    swing_k: float
    rng: np.random.Generator
    warming: tuple[Warming, ...] = ()
    _period_s: float = field(init=False)
    _phase: float = field(init=False)

    def __post_init__(self) -> None:
        self._period_s = float(self.rng.uniform(*SWING_S))
        self._phase = float(self.rng.uniform(0.0, 2 * math.pi))

    def at(self, at_s: Floats) -> Floats:
        """(n, shelves) kelvin."""
        swing = self.swing_k * np.sin(2 * math.pi * at_s / self._period_s + self._phase)
        found = np.repeat(swing[:, None], self.shelves, axis=1)
        for one in self.warming:
            found[:, one.shelf] += one.k_per_s * (np.clip(at_s, one.from_s, one.to_s) - one.from_s)
        return found


@dataclass(eq=False)
class Response:
    """The converter's own memory: each reading is a mean of the last few samples."""

    weights: tuple[float, ...]
    _before: Floats | None = None

    def of(self, grams: Floats) -> Floats:
        """(rows, plates) grams as the converter gives them."""
        memory = len(self.weights) - 1
        if not memory:
            return grams
        if self._before is None:
            self._before = np.repeat(grams[:1], memory, axis=0)
        known = np.concatenate([self._before, grams])
        self._before = known[-memory:].copy()
        found: Floats = self.weights[0] * known[memory:]
        for lag, weight in enumerate(self.weights[1:], start=1):
            found = found + weight * known[memory - lag : len(known) - lag]
        return found
