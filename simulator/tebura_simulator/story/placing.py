"""Where labelled goods lie: facings of the layout, and those that must be added to it.

The planogram's own facing of a product wins where it shares a plate with the label. What is taken
where neither the planogram nor the visit has put it gets a facing there.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
from tebura_contract.ids import FacingId, ShelfId, Sku

from tebura_simulator.story.cleaned import Change
from tebura_simulator.story.cleaning import Happening
from tebura_simulator.story.fittings import Fittings, PlaceError, shelf_of
from tebura_simulator.story.scenario import Deed

Told = Callable[[Change, str], None]
_SEEN_BEFORE_S = 8.0
"""How long before a visit's first put-back what it puts back was taken, if no label says."""


@dataclass(frozen=True)
class Placed:
    """A happening of one product whose facing is known.

    `deed` is take, put_back or hand_over (`to` whom); several of one event bear its `index`.
    """

    index: int | None
    at_s: float
    shopper: str
    deed: Deed
    sku: Sku
    quantity: int
    facing: FacingId
    to: str | None = None


class Placing:
    """Goes through a visit in order, with what lies where it does not belong."""

    def __init__(self, fittings: Fittings) -> None:
        self._fittings = fittings
        self._strays: Counter[tuple[Sku, FacingId]] = Counter()
        self._has: defaultdict[str, Counter[Sku]] = defaultdict(Counter)
        self._last_s: dict[str, float] = {}

    def place(self, happening: Happening, tell: Told) -> Iterator[Placed]:
        """What a happening comes to, with what must have gone before it.

        Raises:
            PlaceError: If the store has no such shelf, or nothing on it can be meant.
        """
        plates = self._plates(happening, tell)
        goods = Counter(dict(happening.goods))
        if happening.unknown:
            goods[self._inferred(happening, plates, tell)] += happening.unknown
        for sku, quantity in goods.items():
            if happening.is_put_back:
                facing = self._put_place(sku, happening.shelf, plates, tell)
                yield from self._before(happening, sku, quantity, facing, tell)
            else:
                facing = self._take_place(sku, quantity, happening.shelf, plates, tell)
            deed = Deed.PUT_BACK if happening.is_put_back else Deed.TAKE
            yield self._done(happening, deed, sku, quantity, facing)
        self._last_s[happening.shopper] = happening.at_s

    def _plates(self, happening: Happening, tell: Told) -> tuple[str, ...]:
        known = self._fittings.plates(happening.shelf)
        lacking = [plate for plate in happening.plates if plate not in known]
        plates = tuple(plate for plate in happening.plates if plate in known)
        if lacking:
            tell(Change.PLACE, f"shelf {happening.shelf} has no plate {', '.join(lacking)}")
        if plates:
            return plates
        homes = [
            f
            for f in self._fittings.facings(happening.shelf).values()
            if any(f.sku == sku for sku, _ in happening.goods)
        ]
        plates = homes[0].plates if homes else ()
        if not plates:
            raise PlaceError(f"names no plate of shelf {happening.shelf!r}")
        tell(Change.PLACE, f"no plates named: those of {homes[0].sku} on shelf {happening.shelf}")
        return plates

    def _inferred(self, happening: Happening, plates: tuple[str, ...], tell: Told) -> Sku:
        facing = self._fittings.nearest(happening.shelf, plates)
        place = f"plates {', '.join(plates)} of shelf {happening.shelf}"
        has = self._has[happening.shopper]
        own = self._fittings.facings(happening.shelf)[facing].sku if facing else None
        held = [one for one, count in has.items() if count > 0]
        if happening.is_put_back and own not in held and held:
            sku, reason = held[-1], "the last of what is held"
        elif own is not None:
            sku, reason = own, f"the planogram's product of {place}"
        else:
            raise PlaceError(f"does not say what, and the planogram has nothing on {place}")
        tell(Change.PRODUCT, f"the label does not know the article: {sku}, {reason}")
        return sku

    def _take_place(
        self, sku: Sku, quantity: int, shelf: ShelfId, plates: tuple[str, ...], tell: Told
    ) -> FacingId:
        fittings = self._fittings
        own = fittings.own(sku, shelf, plates)
        if own is not None:
            return own
        for (stray, facing), count in self._strays.items():
            at = fittings.facings(shelf).get(facing)
            if (
                stray == sku
                and count >= quantity
                and at is not None
                and set(at.plates) & set(plates)
            ):
                return facing
        home = fittings.home(sku)
        facing = fittings.add(sku, shelf, plates)
        belongs = f"its place is {home}" if home else "it has no place in the planogram"
        tell(Change.PLACE, f"{sku} is taken where nobody put it ({belongs}): facing {facing} added")
        return facing

    def _put_place(self, sku: Sku, shelf: ShelfId, plates: tuple[str, ...], tell: Told) -> FacingId:
        facing = self._fittings.own(sku, shelf, plates) or self._fittings.nearest(shelf, plates)
        if facing is not None:
            return facing
        facing = self._fittings.add(sku, shelf, plates)
        tell(Change.PLACE, f"nothing belongs where {sku} is put: facing {facing} added, empty")
        return facing

    def _before(
        self, happening: Happening, sku: Sku, quantity: int, facing: FacingId, tell: Told
    ) -> Iterator[Placed]:
        """What must have happened so that somebody can put back what nobody saw taken."""
        lacking = quantity - self._has[happening.shopper][sku]
        if lacking <= 0:
            return
        begun_s = self._last_s.get(happening.shopper, happening.at_s - _SEEN_BEFORE_S)
        unseen = msgspec.structs.replace(happening, index=None, at_s=(begun_s + happening.at_s) / 2)
        for other in [name for name in self._has if name != happening.shopper]:
            given = min(lacking, self._has[other][sku])
            if given <= 0:
                continue
            why = f"{happening.shopper} puts back {sku} that {other} took: handed over before"
            tell(Change.MISSING, why)
            lacking -= given
            since_s = max(begun_s, self._last_s[other])
            over = msgspec.structs.replace(unseen, at_s=(since_s + happening.at_s) / 2)
            yield self._handed_over(over, other, sku, given, facing)
        if lacking > 0:
            source = self._fittings.source(sku, facing)
            why = f"{happening.shopper} puts back {sku} that nobody has: taken from {source} before"
            tell(Change.MISSING, why)
            yield self._done(unseen, Deed.TAKE, sku, lacking, source)

    def _handed_over(
        self, at: Happening, giver: str, sku: Sku, quantity: int, facing: FacingId
    ) -> Placed:
        self._has[giver][sku] -= quantity
        self._has[at.shopper][sku] += quantity
        return Placed(
            at.index, at.at_s, giver, Deed.HAND_OVER, sku, quantity, facing, to=at.shopper
        )

    def _done(self, at: Happening, deed: Deed, sku: Sku, quantity: int, facing: FacingId) -> Placed:
        count = quantity if deed is Deed.PUT_BACK else -quantity
        if self._fittings.facings(shelf_of(facing))[facing].sku != sku:
            self._strays[sku, facing] += count
        self._has[at.shopper][sku] -= count
        return Placed(at.index, at.at_s, at.shopper, deed, sku, quantity, facing)
