"""From a scenario's actions and touches to what its plates feel."""

from collections.abc import Sequence

import numpy as np
from tebura_contract.ids import PlateId

from tebura_simulator.plates.cells import Cells, stream
from tebura_simulator.plates.disturbances import (
    Bump,
    Columns,
    Disturbance,
    Knock,
    Landing,
    Weight,
)
from tebura_simulator.plates.models import PlateModel
from tebura_simulator.plates.packages import Change, Packages
from tebura_simulator.plates.quantiles import Floats
from tebura_simulator.story.timetable import Action, Touch, TouchKind

NEAR_PLATES = 2.5
"""Neighbours farther off than this, in plates, feel nothing of a hand."""
LIFTS = 0.25
"""Share of hands that lift what they touch rather than press it."""
LEAN_WIDTH_PLATES = 1.5
KNOCK_RING_S = (0.2, 0.5)
KNOCK_HZ = (3.0, 9.0)
KNOCK_SHARE = 0.15
"""Of the force of a knock that a plate rings with."""


def disturbances(
    actions: Sequence[Action],
    touches: Sequence[Touch],
    packages: Packages,
    cells: Cells,
    model: PlateModel,
    seed: int,
) -> list[Disturbance]:
    """Everything the plates of a store feel, ordered by when it begins."""
    found: list[Disturbance] = []
    for number, action in enumerate(sorted(actions, key=lambda action: action.t_s)):
        change = packages.change(action)
        if change is not None:
            rng = stream(seed, "action", str(number), action.facing)
            found += _action(action, change, cells, model, rng)
    column = {plate: i for i, plate in enumerate(cells.plates)}
    for number, touch in enumerate(touches):
        under = np.array([column[PlateId(p)] for p in touch.plates if p in column], np.int64)
        if len(under):
            rng = stream(seed, "touch", str(number), touch.facing)
            found += _touch(touch, under, cells, model, rng)
    return sorted(found, key=lambda one: one.from_s)


def _action(
    action: Action, change: Change, cells: Cells, model: PlateModel, rng: np.random.Generator
) -> list[Disturbance]:
    landing = Landing(
        columns=change.columns,
        at_s=action.t_s,
        delta_g=change.grams,
        ramp_s=float(rng.uniform(*model.ramp_s)),
        overshoot=float(rng.uniform(*model.overshoot)),
        ring_s=float(rng.uniform(*model.ring_s)),
        ring_hz=float(rng.uniform(*model.ring_hz)),
        creep=cells.creep[change.columns],
    )
    # The hand lies on what it takes before, and on what it put a moment longer.
    room_s = (
        action.t_s - action.inside_from_s
        if action.kind.is_removal
        else action.inside_to_s - action.t_s
    )
    lead_s = float(rng.uniform(0.1, 0.5)) * min(1.0, max(0.2, room_s / 0.5))
    press_s = action.t_s - lead_s if action.kind.is_removal else action.t_s + lead_s
    beside = _beside(change.columns, press_s, cells, model, rng, action.t_s)
    return [landing, _press(change.columns, press_s, model, rng), *beside]


def _press(columns: Columns, at_s: float, model: PlateModel, rng: np.random.Generator) -> Bump:
    """A hand on the plates of a facing: most of it on one of them."""
    peak_g = model.press_g.draw(rng, 1).item() * (-1.0 if rng.random() < LIFTS else 1.0)
    weights = rng.permutation(np.array([1.0, 0.3, 0.1, *([0.0] * len(columns))])[: len(columns)])
    return Bump(
        columns=columns,
        at_s=at_s,
        width_s=float(rng.uniform(0.08, 0.2)),
        peak_g=peak_g * weights,
        stays_g=np.zeros(len(columns)),
    )


def _beside(
    touched: Columns,
    at_s: float,
    cells: Cells,
    model: PlateModel,
    rng: np.random.Generator,
    settles_s: float | None = None,
) -> list[Disturbance]:
    """Neighbours on the same shelf shake along and may stay a little off."""
    mine = np.flatnonzero(cells.shelf == cells.shelf[touched[0]])
    others = mine[~np.isin(mine, touched)]
    gaps_m = np.abs(cells.x_m[others, None] - cells.x_m[touched]).min(axis=1)
    apart = gaps_m / cells.width_m[touched[0]]
    near = others[apart <= NEAR_PLATES]
    if not len(near):
        return []
    fades = 1.0 / np.maximum(apart[apart <= NEAR_PLATES], 1.0)
    stays_g = rng.exponential(model.stays_g or 1.0, len(near)) * rng.choice([-1, 1], len(near))
    stays_g = np.clip(stays_g, -model.stays_limit_g, model.stays_limit_g)
    return [
        Bump(
            columns=near,
            at_s=at_s if settles_s is None else settles_s,
            width_s=0.2,
            peak_g=rng.uniform(-model.bump_g, model.bump_g, len(near)) * fades,
            stays_g=stays_g * fades,
        )
    ]


def _touch(
    touch: Touch, under: Columns, cells: Cells, model: PlateModel, rng: np.random.Generator
) -> list[Disturbance]:
    force_g = 1000.0 * touch.force_kg
    limit_g = model.stays_limit_g
    stays_g = np.clip(rng.normal(0.0, model.stays_g, len(under)), -limit_g, limit_g)
    if touch.kind is TouchKind.KNOCK:
        return [
            Knock(
                columns=under,
                from_s=touch.from_s,
                peak_g=force_g * KNOCK_SHARE * rng.uniform(0.2, 1.0, len(under)),
                ring_s=float(rng.uniform(*KNOCK_RING_S)),
                ring_hz=float(rng.uniform(*KNOCK_HZ)),
                stays_g=stays_g,
            )
        ]
    is_lean = touch.kind is TouchKind.LEAN
    weight = Weight(
        columns=under,
        from_s=touch.from_s,
        to_s=max(touch.to_s, touch.from_s + 0.2),
        force_g=force_g * _uneven(under, cells, rng, LEAN_WIDTH_PLATES if is_lean else 0.7),
        rise_s=float(rng.uniform(0.3, 0.9) if is_lean else rng.uniform(0.1, 0.3)),
        sway=_sway(rng),
        stays_g=stays_g,
    )
    return [weight, *_beside(under, (touch.from_s + touch.to_s) / 2, cells, model, rng)]


def _uneven(under: Columns, cells: Cells, rng: np.random.Generator, width_plates: float) -> Floats:
    """Shares of a weight that rests somewhere on a board: they sum to 1."""
    at_m = rng.choice(cells.x_m[under]) + rng.normal(0.0, 0.3) * cells.width_m[under[0]]
    reach_m = width_plates * cells.width_m[under[0]]
    near = np.exp(-0.5 * ((cells.x_m[under] - at_m) / reach_m) ** 2)
    uneven = near * rng.gamma(4.0, size=len(under)) + 1e-9
    shares: Floats = uneven / uneven.sum()
    return shares


def _sway(rng: np.random.Generator) -> Floats:
    """Swaying below 1 Hz by a tenth, trembling at 4-9 Hz by some per cent."""
    slow = [(rng.uniform(0.03, 0.12), rng.uniform(0.15, 0.9), rng.uniform(0, 6.3)) for _ in "abc"]
    fast = [(rng.uniform(0.003, 0.03), rng.uniform(4, 9), rng.uniform(0, 6.3)) for _ in "abc"]
    return np.array(slow + fast)
