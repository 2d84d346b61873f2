"""What really happened on the plates: every action with the weight its plates show, settled when.

A step is settled once nothing that presses on the plates that carry it moves by more than
`STILL_G`, or a hundredth of the step, for `STILL_S`; creep and noise do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tebura_contract.ids import FacingId, PlateId, ShelfId, Sku

from tebura_simulator.plates.disturbances import Columns, Disturbance, Landing
from tebura_simulator.plates.handling import disturbances
from tebura_simulator.plates.packages import Packages
from tebura_simulator.plates.quantiles import Floats
from tebura_simulator.plates.simulated import SimulatedPlates, Story
from tebura_simulator.story.timetable import Action, ActionKind
from tebura_simulator.weighing_bench.places import Place, places

STILL_G = 2.0
STILL_SHARE = 0.01
STILL_S = 0.3
LONGEST_S = 30.0
_GRID_HZ = 60.0


@dataclass(frozen=True, kw_only=True)
class TrueStep:
    """An action as its plates could show it at best.

    `delta_g` is the sum of `deltas_g`, by plate, in grams of the calibration; `noise_g` the white
    noise of the noisiest of these plates as the converter gives it. `sku` is empty for what is no
    product.
    """

    number: int
    at_s: float
    settled_s: float
    kind: ActionKind
    shopper: str
    shelf: ShelfId
    facing: FacingId
    sku: Sku
    quantity: int
    delta_g: float
    deltas_g: dict[PlateId, float]
    noise_g: float
    place: Place = Place.HOME

    @property
    def sign(self) -> int:
        return -1 if self.kind.is_removal else 1

    @property
    def plates(self) -> frozenset[PlateId]:
        return frozenset(self.deltas_g)

    @property
    def is_foreign(self) -> bool:
        return self.kind in (ActionKind.LAY, ActionKind.RETRIEVE)


def true_steps(story: Story, plates: SimulatedPlates) -> tuple[TrueStep, ...]:
    """The actions of a story that its plates can feel, in order of time."""
    cells, model, seed = plates.cells, plates.model, story.scenario.seed
    felt = disturbances(story.actions, story.touches, _packages(story, plates), cells, model, seed)
    seen_share = cells.true_gain / cells.gain
    noise_g = cells.noise_g * float(np.linalg.norm(model.response))
    packages = _packages(story, plates)
    found = []
    actions = sorted(story.actions, key=lambda action: action.t_s)
    placed = places(actions, plates.layout, model, plates.faults)
    for number, (action, place) in enumerate(zip(actions, placed, strict=True)):
        change = packages.change(action)
        if change is None:
            continue
        carries = np.abs(change.grams) > 0.0
        columns = change.columns[carries]
        seen_g = change.grams[carries] * seen_share[columns]
        if not len(columns):
            continue
        found.append(
            TrueStep(
                number=number,
                at_s=action.t_s,
                settled_s=_settled_s(action, columns, float(seen_g.sum()), felt),
                kind=action.kind,
                shopper=action.shopper,
                shelf=cells.shelves[int(cells.shelf[columns[0]])],
                facing=action.facing,
                sku=action.sku,
                quantity=action.quantity,
                delta_g=float(seen_g.sum()),
                deltas_g={
                    cells.plates[column]: float(grams)
                    for column, grams in zip(columns, seen_g, strict=True)
                },
                noise_g=float(noise_g[columns].max()),
                place=place,
            )
        )
    return tuple(found)


def _packages(story: Story, plates: SimulatedPlates) -> Packages:
    packages = Packages(plates.layout, plates.cells, plates.model.corner, story.scenario.seed)
    packages.standing_g(story.standing(0.0))
    return packages


def _settled_s(
    action: Action, columns: Columns, delta_g: float, felt: Sequence[Disturbance]
) -> float:
    """When its plates rest, at most `LONGEST_S` after the action."""
    at_s = action.t_s + np.arange(round(LONGEST_S * _GRID_HZ)) / _GRID_HZ
    moving_g = np.zeros((len(at_s), len(columns)))
    for one in felt:
        if one.from_s > at_s[-1] or (one.to_s < at_s[0]) or not np.isin(one.columns, columns).any():
            continue
        mine = np.isin(one.columns, columns)
        moving_g[:, np.searchsorted(columns, one.columns[mine])] += _moving_g(one, at_s)[:, mine]
    limit_g = max(STILL_G, STILL_SHARE * abs(delta_g))
    is_still = (np.abs(moving_g) <= limit_g).all(axis=1)
    rows = round(STILL_S * _GRID_HZ)
    still_for = np.convolve(is_still, np.ones(rows), "full")[rows - 1 :]
    first = np.flatnonzero(still_for >= rows)
    return float(at_s[first[0]]) if len(first) else float(at_s[-1])


def _moving_g(one: Disturbance, at_s: Floats) -> Floats:
    """How far a disturbance is from what will stay of it, while it lasts."""
    if isinstance(one, Landing):
        one = replace(one, creep=np.zeros_like(one.creep))
    grams = one.grams(at_s) - one.after_g
    lasts = (at_s >= one.from_s) & (at_s < one.to_s)
    moving: Floats = np.where(lasts[:, None], grams, 0.0)
    return moving
