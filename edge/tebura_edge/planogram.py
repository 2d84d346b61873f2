"""What is expected where: the layout's planogram and what has been learnt since.

A product put back elsewhere is expected there from then on, a foreign object laid down is expected
to be taken away, counts of facings follow, and weights follow the units seen. All of it survives a
restart; all of it is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from tebura_contract.ids import FacingId, PlateId, ShelfId, Sku, plate_id
from tebura_contract.layout import Facing, Layout, Shelf

from tebura_edge.bearing import spans_of

MAX_DISPLACED: Final = 256
MAX_FOREIGN: Final = 64
MAX_LESSONS: Final = 512
"""Oldest are forgotten beyond: they are then a surprise again, which goes to review."""

UNIT_SPREAD: Final = 0.015
"""Deviation of one unit's weight where the layout gives none: packages of a few hundred grams are
within about 3 % of what is printed on them."""

CATALOGUE_UNITS: Final = 10.0
"""How many seen units the catalogue's weight counts as: fewer, and one odd package moves it."""

LEARN_WITHIN: Final = 0.1
"""Units off by more than this share teach nothing: they are half empty or something else."""

HOME_EXPECTATION: Final = 1.0
DISPLACED_EXPECTATION: Final = 0.5
EMPTY_EXPECTATION: Final = 0.05
"""How strongly a pick is expected: of a facing's product, of a unit once put elsewhere, of a facing
that was counted empty (counts drift, so never 0)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a product may stand on a shelf: its facing, or where a unit of it was put instead.

    `beside` are the plates next to its own, onto which it may have slipped.
    """

    sku: Sku
    plates: frozenset[PlateId]
    beside: frozenset[PlateId]
    facing: FacingId | None
    expectation: float


@dataclass(frozen=True, slots=True)
class UnitWeight:
    """Weight of one unit of a product, grams."""

    mean_g: float
    sd_g: float


class Displaced(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a product away from home."""

    sku: Sku
    plates: tuple[PlateId, ...]
    count: int


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """Something lies there that no product explains, or a product that nobody decided yet.

    `chance`: that it does; what is little may have been noise.
    """

    plates: tuple[PlateId, ...]
    weight_g: float
    chance: float = 1.0


class SeenUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Mean weight of the units of a product that were decided."""

    mean_g: float
    units: float


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What a step was said to be."""

    sku: Sku
    quantity: int


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """What the planogram learnt, as it is saved."""

    displaced: tuple[Displaced, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    counts: dict[FacingId, int] = {}
    seen: dict[Sku, SeenUnits] = {}
    lessons: dict[str, Lesson] = {}


class Planogram:
    """The layout's planogram, kept up to date.

    Args:
        layout: The store.
        learnt: What was saved before.
    """

    def __init__(self, layout: Layout, learnt: Learnt | None = None) -> None:
        self.learnt = learnt or Learnt()
        self._products = layout.products()
        self._home: dict[ShelfId, tuple[Place, ...]] = {}
        self._shelves = {name: shelf for name, (_, shelf) in layout.shelves().items()}
        for name, shelf in self._shelves.items():
            self._home[name] = tuple(_home_place(name, shelf, facing) for facing in shelf.facing)
        self._on_fixture = _by_fixture(self._shelves)

    def places(self, shelf: ShelfId) -> list[Place]:
        """What may be taken from this shelf."""
        home = [self._as_counted(place) for place in self._home.get(shelf, ())]
        away = [
            Place(
                one.sku,
                frozenset(one.plates),
                frozenset(),
                None,
                DISPLACED_EXPECTATION * min(one.count, 2),
            )
            for one in self.learnt.displaced
            if any(plate.rpartition("/")[0] == shelf for plate in one.plates)
        ]
        return home + away

    def is_counter(self, shelf: ShelfId) -> bool:
        """Whether it sells nothing itself."""
        return self._shelves[shelf].is_counter

    def weight(self, sku: Sku) -> UnitWeight:
        """The weight model of a product: catalogue and what was seen."""
        product = self._products[sku]
        sd_g = product.weight_sd_g or UNIT_SPREAD * product.weight_g
        seen = self.learnt.seen.get(sku)
        return UnitWeight(seen.mean_g if seen else product.weight_g, sd_g)

    def products(self) -> tuple[Sku, ...]:
        """Every product of the store."""
        return tuple(self._products)

    def nearby(self, shelf: ShelfId) -> frozenset[Sku]:
        """Products that have a facing on the fixture of a shelf."""
        fixture = shelf.partition("/")[0]
        return self._on_fixture.get(fixture, frozenset())

    def plates(self, shelf: ShelfId) -> tuple[PlateId, ...]:
        """Every plate of a shelf, along its front."""
        known = self._shelves.get(shelf)
        plates = sorted(known.plate, key=lambda plate: plate.xy_m) if known else []
        return tuple(plate_id(shelf, plate.id) for plate in plates)

    def spans(self, sku: Sku, shelf: ShelfId) -> tuple[float, ...]:
        """How often one unit stands on one, two, three plates of a shelf."""
        product, known = self._products[sku], self._shelves.get(shelf)
        if product.size_m is None or known is None or not known.plate:
            return spans_of(None)
        return spans_of(product.size_m[0] / known.plate[0].size_m[0])

    def lightest_g(self) -> float | None:
        """Weight of the store's lightest product: it may be put back on any shelf."""
        return min((product.weight_g for product in self._products.values()), default=None)

    # Learning ------------------------------------------------------------------------------------

    def decided(
        self, sku: Sku, quantity: int, plates: tuple[PlateId, ...], delta_g: float, event: str = ""
    ) -> bool:
        """A step turned out to be `quantity` of `sku`; unknown products teach nothing.

        Told again of the same `event`, it teaches nothing; told otherwise, what was learnt of where
        units stand is taken back first.

        Returns:
            Whether there was anything to learn.
        """
        if sku not in self._products or quantity < 1 or not plates or delta_g == 0:
            return False
        lesson, before = Lesson(sku=sku, quantity=quantity), self.learnt.lessons.get(event)
        if lesson == before:
            return False
        sign = 1 if delta_g > 0 else -1
        if before is not None:
            self._move(before.sku, -sign * before.quantity, plates)
        else:
            self._learn_weight(sku, abs(delta_g) / quantity, quantity)
        self._move(sku, sign * quantity, plates)
        if event:
            lessons = {**self.learnt.lessons, event: lesson}
            self._change(lessons=dict(list(lessons.items())[-MAX_LESSONS:]))
        return True

    def counted(self, facing: FacingId, count: int) -> None:
        """Staff counted a facing: from now on this is how many stand there."""
        self._change(counts={**self.learnt.counts, facing: max(count, 0)})

    def laid_down(self, plates: tuple[PlateId, ...], weight_g: float, chance: float = 1.0) -> None:
        """Something that is no product, or one that is not decided, was put on these plates.

        What weighs too little to be anything is nothing.
        """
        if chance <= 0.0:
            return
        one = Foreign(plates=plates, weight_g=weight_g, chance=chance)
        self._change(foreign=(*self.learnt.foreign, one)[-MAX_FOREIGN:])

    def foreign_like(
        self, plates: tuple[PlateId, ...], weight_g: float, sigma_g: float
    ) -> Foreign | None:
        """The foreign object of about this weight that lies on these plates, if there is one."""
        for one in reversed(self.learnt.foreign):
            within_g = max(3.0, 3 * sigma_g + 0.01 * one.weight_g)
            if set(one.plates) & set(plates) and abs(one.weight_g - weight_g) <= within_g:
                return one
        return None

    def taken_away(self, foreign: Foreign) -> None:
        """That foreign object is gone."""
        self._change(foreign=tuple(one for one in self.learnt.foreign if one is not foreign))

    def _move(self, sku: Sku, change: int, plates: tuple[PlateId, ...]) -> None:
        shelf = ShelfId(plates[0].rpartition("/")[0])
        home = [p for p in self._home.get(shelf, ()) if p.sku == sku and p.plates & set(plates)]
        if home and home[0].facing is not None:
            self._add_count(home[0].facing, change)
        else:
            self._displace(sku, plates, change)

    def _change(self, **changes: object) -> None:
        self.learnt = msgspec.structs.replace(self.learnt, **changes)

    def _as_counted(self, place: Place) -> Place:
        if place.facing is not None and self.learnt.counts.get(place.facing) == 0:
            return replace(place, expectation=EMPTY_EXPECTATION)
        return place

    def _add_count(self, facing: FacingId, change: int) -> None:
        if facing in self.learnt.counts:
            self.counted(facing, self.learnt.counts[facing] + change)

    def _displace(self, sku: Sku, plates: tuple[PlateId, ...], change: int) -> None:
        same = [o for o in self.learnt.displaced if o.sku == sku and set(o.plates) & set(plates)]
        rest = [one for one in self.learnt.displaced if one not in same]
        count = sum(one.count for one in same) + change
        if count > 0:
            rest.append(Displaced(sku=sku, plates=plates, count=count))
        self._change(displaced=tuple(rest[-MAX_DISPLACED:]))

    def _learn_weight(self, sku: Sku, unit_g: float, quantity: int) -> None:
        catalogue_g = self._products[sku].weight_g
        if abs(unit_g - catalogue_g) > LEARN_WITHIN * catalogue_g:
            return
        seen = self.learnt.seen.get(sku) or SeenUnits(mean_g=catalogue_g, units=CATALOGUE_UNITS)
        units = min(seen.units + quantity, 20 * CATALOGUE_UNITS)
        mean_g = seen.mean_g + (unit_g - seen.mean_g) * quantity / units
        new = SeenUnits(mean_g=mean_g, units=units)
        self._change(seen={**self.learnt.seen, sku: new})


def _by_fixture(shelves: Mapping[ShelfId, Shelf]) -> dict[str, frozenset[Sku]]:
    found: dict[str, frozenset[Sku]] = {}
    for name, shelf in shelves.items():
        fixture = name.partition("/")[0]
        here = frozenset(facing.sku for facing in shelf.facing)
        found[fixture] = found.get(fixture, frozenset()) | here
    return found


def _home_place(name: ShelfId, shelf: Shelf, facing: Facing) -> Place:
    every = {plate_id(name, plate.id): plate for plate in shelf.plate}
    own = frozenset(plate_id(name, plate) for plate in facing.plates) or frozenset(every)
    left_m = min((every[plate].xy_m[0] for plate in own), default=0.0)
    right_m = max((every[plate].xy_m[0] + every[plate].size_m[0] for plate in own), default=0.0)
    beside = frozenset(
        plate_name
        for plate_name, plate in every.items()
        if plate.xy_m[0] + plate.size_m[0] > left_m - plate.size_m[0] / 2
        and plate.xy_m[0] < right_m + plate.size_m[0] / 2
    )
    return Place(facing.sku, own, beside - own, FacingId(f"{name}/{facing.id}"), HOME_EXPECTATION)
