"""The shelves of the page: which are open, which plates moved, and how finely each is drawn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import PlateId, ShelfId
from tebura_contract.layout import Layout
from tebura_gateway.web.floor import CM, floor_plan

from tebura_simulator.view.envelopes import Envelope, Values, packed
from tebura_simulator.view.scene import PlateLane, ShelfBlock

TRACE_BYTES = 2_000_000
"""What all traces of a page may take, in base64: with script, marks and walks a page of 306 plates
stays below 3 MB however long the recording is. What is finer than fits is thinned by halves."""
BYTES_A_MOMENT = 2 * 2 * 4 / 3
"""Smallest and largest as int16, in base64."""
COARSE = 256
"""Moments of a plate that did not move."""
MOVED_G = 15.0
SHAKEN = 6.0
"""A plate moved when its level changed by this within `SOON_S`, and by so many of its deviations:
what wanders slowly is no movement of goods."""
SOON_S = 3.0
LEAST_SPAN_G = 60.0
OVERSHOOT = 0.5
"""What goes beyond the settled levels by less than this share of their span is kept in the lane."""


@dataclass(frozen=True)
class _Moved:
    envelope: Envelope
    column: int
    has_moved: bool
    fit_g: tuple[float, float]


def shelf_blocks(
    layout: Layout,
    envelopes: Iterable[Envelope],
    epoch_ns: int,
    told: Mapping[ShelfId, set[PlateId]],
) -> tuple[ShelfBlock, ...]:
    """All shelves with plates, in the layout's order.

    `told` are the shelves with marks, and the plates that these name.
    """
    plates = _measured(envelopes, told)
    finest = _moments_each(plates.values())
    fronts = _fronts(layout)
    blocks = []
    for name, (_, shelf) in layout.shelves().items():
        lanes = tuple(
            _lane(layout, name, plate.id, plates[known], epoch_ns, finest)
            for plate in shelf.plate
            if (known := PlateId(f"{name}/{plate.id}")) in plates
        )
        if lanes:
            is_open = name in told or any(lane.has_moved for lane in lanes)
            products = _names(layout, (facing.sku for facing in shelf.facing))
            blocks.append(
                ShelfBlock(
                    id=name,
                    products=products,
                    is_open=is_open,
                    front_m=fronts.get(name),
                    plates=lanes,
                )
            )
    return tuple(blocks)


def _measured(
    envelopes: Iterable[Envelope], told: Mapping[ShelfId, set[PlateId]]
) -> dict[PlateId, _Moved]:
    named = {plate for plates in told.values() for plate in plates}
    found = {}
    for envelope in envelopes:
        seen = envelope.thinned(2048)
        for column, plate in enumerate(envelope.plates):
            low, high = seen.low[:, column], seen.high[:, column]
            has_moved = plate in named or _has_moved(low, high, seen.width_ns)
            found[plate] = _Moved(envelope, column, has_moved, _fit(low, high))
    return found


def _lane(
    layout: Layout, shelf: ShelfId, plate: str, moved: _Moved, epoch_ns: int, finest: int
) -> PlateLane:
    _, board = layout.shelves()[shelf]
    on_it = (facing.sku for facing in board.facing if plate in facing.plates)
    thin = moved.envelope.thinned(finest if moved.has_moved else COARSE)
    return PlateLane(
        id=f"{shelf}/{plate}",
        label=plate,
        products=_names(layout, on_it),
        trace=packed(thin, moved.column, epoch_ns),
        fit_g=moved.fit_g,
        has_moved=moved.has_moved,
    )


def _moments_each(plates: Iterable[_Moved]) -> int:
    """How many moments a plate that moved may have."""
    moved = [plate.has_moved for plate in plates]
    left = TRACE_BYTES / BYTES_A_MOMENT - COARSE * (len(moved) - sum(moved))
    return max(COARSE, int(left / max(sum(moved), 1)))


def _has_moved(low: Values, high: Values, width_ns: int) -> bool:
    """Whether the level changed at once and for longer than a glitch."""
    level = _steady(((low + high) / 2).astype(np.float32))
    soon = max(1, round(SOON_S * SECOND_NS / width_ns))
    if len(level) <= soon:
        return False
    apart = np.abs(level[soon:] - level[:-soon])
    return bool(apart.max() > max(MOVED_G, SHAKEN * float(np.median(apart))))


def _fit(low: Values, high: Values) -> tuple[float, float]:
    """The range of levels that last; what shoots beyond is drawn at the edge."""
    lows, highs = _steady(low), _steady(high)
    if len(lows) == 0:
        return 0.0, LEAST_SPAN_G
    least, most = float(np.quantile(lows, 0.02)), float(np.quantile(highs, 0.98))
    near = OVERSHOOT * max(most - least, LEAST_SPAN_G)
    if np.nanmin(low) > least - near:
        least = min(least, float(np.nanmin(low)))
    if np.nanmax(high) < most + near:
        most = max(most, float(np.nanmax(high)))
    room = max(0.08 * (most - least), (LEAST_SPAN_G - (most - least)) / 2, 0.0)
    return round(least - room, 1), round(most + room, 1)


def _steady(values: Values) -> Values:
    """Without what lasts a few moments only: a running median."""
    known = values[~np.isnan(values)]
    width = min(7, len(known) - (len(known) + 1) % 2)
    if width < 3:
        return known
    steady = np.median(np.lib.stride_tricks.sliding_window_view(known, width), axis=1)
    return steady.astype(np.float32)


def _names(layout: Layout, skus: Iterable[str]) -> str:
    products = {str(sku): product.name for sku, product in layout.products().items()}
    return " · ".join(dict.fromkeys(products.get(sku, sku) for sku in skus))


def _fronts(layout: Layout) -> dict[ShelfId, tuple[float, float]]:
    """Where on the floor plan a shelf is: the middle of its gondola's front, a little outside."""
    middles = {}
    for area in floor_plan(layout).gondolas:
        ends = [tuple(map(float, point.split(","))) for point in area.front.split()]
        x, y = (sum(end[axis] for end in ends) / len(ends) for axis in (0, 1))
        middles[area.id] = (round(x / CM, 3), round(-y / CM, 3))
    return {name: middles[gondola.id] for name, (gondola, _) in layout.shelves().items()}
