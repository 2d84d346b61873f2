"""The plates of a store as individuals: zero, gain, noise, drift, what warmth does to each.

Zero and gain as staff measured them belong to the plate's name: recordings of one shop follow each
other without a new calibration. What calibration missed, and how noisy a plate is, the scenario's
seed decides.
"""

import zlib
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration, PlateCalibration
from tebura_contract.clock import Ns
from tebura_contract.ids import NodeId, PlateId, ShelfId
from tebura_contract.layout import Layout

from tebura_simulator.plates.models import WANDERS_G, PlateModel
from tebura_simulator.plates.quantiles import Floats

TARE_G = 800.0
"""Zeros lie within this of the converter's middle."""
GAIN_LIMITS = 2.5
"""No plate's gain is off by more than so many deviations: 3 %."""


def stream(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of one part of a scenario, undisturbed by any other part."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


@dataclass(frozen=True, eq=False, kw_only=True)
class Cells:
    """All plates of a store, each array (plates,).

    `true_gain` is counts a gram, `gain` what the calibration says; `shelf` is an index of
    `shelves`; `x_m` the middle of the plate along its shelf's front.
    """

    plates: tuple[PlateId, ...]
    shelves: tuple[ShelfId, ...]
    nodes: tuple[NodeId, ...]
    shelf: NDArray[np.int64]
    x_m: Floats
    width_m: Floats
    tare: Floats
    gain: Floats
    true_gain: Floats
    noise_g: Floats
    rho: Floats
    flicker_g: Floats
    walk_g: Floats
    zero_g_per_k: Floats
    gain_per_k: Floats
    creep: Floats
    is_dead: NDArray[np.bool_]

    @classmethod
    def of(cls, layout: Layout, model: PlateModel, seed: int) -> Self:
        """Draw the plates of a layout: all of them, shelf by shelf."""
        owners = layout.shelves()
        by_shelf = {
            name: [(pid, plate) for pid, (shelf, plate) in layout.plates().items() if shelf == name]
            for name in owners
        }
        shelves = tuple(name for name, plates in by_shelf.items() if plates)
        places = [(name, *one) for name in shelves for one in by_shelf[name]]
        stocked = {
            PlateId(f"{shelf}/{plate}")
            for shelf, facing in layout.facings().values()
            for plate in facing.plates
        }
        drawn = [_draw(plate, model, seed, plate in stocked) for _, plate, _ in places]
        return cls(
            plates=tuple(plate for _, plate, _ in places),
            shelves=shelves,
            nodes=tuple(owners[name][1].reports_picks for name in shelves),
            shelf=np.array([shelves.index(name) for name, _, _ in places], np.int64),
            x_m=np.array([one.xy_m[0] + one.size_m[0] / 2 for _, _, one in places]),
            width_m=np.array([one.size_m[0] for _, _, one in places]),
            is_dead=np.array([one.is_dead for one in drawn], np.bool_),
            **{
                field.name: np.array([getattr(one, field.name) for one in drawn], np.float64)
                for field in fields(_Cell)
                if field.name != "is_dead"
            },
        )

    def columns_of(self, shelf: ShelfId) -> NDArray[np.int64]:
        """Which plates lie on a shelf."""
        return np.flatnonzero(self.shelf == self.shelves.index(shelf))

    def calibrations(self, model: PlateModel) -> dict[NodeId, Calibration]:
        """What staff measured: zero and gain as they think, and the noise of the still plate."""
        seen_g = self.noise_g * np.linalg.norm(model.response)
        return {
            node: Calibration(
                node=node,
                measured_ns=Ns(0),
                plates={
                    plate: PlateCalibration(
                        tare_counts=float(self.tare[i]),
                        counts_per_g=float(self.gain[i]),
                        noise_g=round(float(seen_g[i]), 3),
                    )
                    for i, plate in enumerate(self.plates)
                    if self.nodes[self.shelf[i]] == node
                },
            )
            for node in dict.fromkeys(self.nodes)
        }


@dataclass(frozen=True, kw_only=True)
class _Cell:
    tare: float
    gain: float
    true_gain: float
    noise_g: float
    rho: float
    flicker_g: float
    walk_g: float
    zero_g_per_k: float
    gain_per_k: float
    creep: float
    is_dead: bool


def _draw(plate: PlateId, model: PlateModel, seed: int, is_stocked: bool) -> _Cell:
    made = np.random.default_rng(zlib.crc32(plate.encode()))
    tare_counts = TARE_G * model.counts_per_g
    tare = float(round(made.uniform(-tare_counts, tare_counts)))
    spread = model.gain_spread
    gain = round(model.counts_per_g * float(made.uniform(1 - spread, 1 + spread)), 4)
    rng = stream(seed, "cell", plate)
    missed = float(np.clip(rng.normal(), -GAIN_LIMITS, GAIN_LIMITS)) * model.gain_error
    noise_g, rho, flicker_g, walk_g = (
        q.draw(rng, 1).item()
        for q in (model.noise_g, model.neighbour_rho, model.flicker_g, model.walk_g)
    )
    return _Cell(
        tare=tare,
        gain=gain,
        true_gain=gain * (1.0 + missed),
        noise_g=noise_g * (0.1 if walk_g > WANDERS_G else 1.0),
        rho=rho,
        flicker_g=flicker_g,
        walk_g=walk_g,
        zero_g_per_k=float(rng.normal()) * model.zero_g_per_k,
        gain_per_k=float(rng.normal()) * model.gain_per_k,
        creep=float(rng.normal()) * model.creep,
        is_dead=bool(rng.random() < model.dead) and not is_stocked,
    )
