"""Which promotions together leave least to pay: the same answer whatever the order of the pieces.

Pieces that cost the same and may take part in the same promotions are one class. Groups (several,
bundles) are tried in a fixed order, best first; what is in no group takes its best promotion by
itself; the best coupon comes last. All ways are looked through, up to `MOST_WAYS`.

What a group or a coupon takes off is split over its pieces by what they cost, what is left over
one unit each, dearest first: so each rate of tax gets its part.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Final

import msgspec
from tebura_contract.ids import Sku

from tebura_gateway.domain.promotions import Coupon, OnGroup, OnPiece, Promotion, Several

MOST_WAYS: Final = 1_000
"""So many ways of grouping are compared; a cart with more gets the best of these."""
MOST_GROUPS: Final = 100
"""So many different groups of one promotion are considered, those of the dearest pieces first."""


class Off(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What a promotion takes off one piece."""

    promotion: str
    amount_minor: int


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """One piece in a cart: its list price, and which promotions it may take part in."""

    sku: Sku
    price_minor: int
    promotions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Group:
    """Pieces, by class, that a promotion takes together, and what it takes off each."""

    promotion: str
    classes: tuple[int, ...]
    off_minor: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    groups: tuple[_Group, ...]
    coupon: Coupon | None
    left_minor: int


def combine(
    pieces: Sequence[Piece], keep: Mapping[Sku, int], promotions: Sequence[Promotion]
) -> list[tuple[Sku, tuple[Off, ...]]]:
    """Find the way with least to pay.

    Args:
        pieces: All that were picked; which of an article's pieces were put back is not known.
        keep: How many of each article are bought, at most as many as were picked.
        promotions: Those that this shopper may have.

    Returns:
        Each piece bought with what comes off it.
    """
    counts = Counter(pieces)
    search = _Search(
        sorted(counts, key=lambda one: (-one.price_minor, one)), counts, keep, promotions
    )
    return search.spread(search.best())


@dataclass(slots=True)
class _Search:
    classes: list[Piece]
    counts: Counter[Piece]
    keep: Mapping[Sku, int]
    promotions: Sequence[Promotion]
    _single: list[Off | None] = field(init=False)
    _of_sku: dict[Sku, list[int]] = field(init=False)
    _groups: list[_Group] = field(init=False)
    _coupons: list[Coupon] = field(init=False)
    _ways: int = 0
    _best: _Way | None = None

    def __post_init__(self) -> None:
        ordered = sorted(self.promotions, key=lambda one: one.id)
        singles = [one for one in ordered if isinstance(one, OnPiece)]
        self._single = [_best_single(piece, singles) for piece in self.classes]
        # An article's pieces that cost least by themselves come first.
        self._of_sku = {
            sku: sorted(
                (index for index, piece in enumerate(self.classes) if piece.sku == sku),
                key=lambda index: (-_minor(self._single[index]), index),
            )
            for sku in sorted(self.keep)
        }
        groups = [self._groups_of(one) for one in ordered if isinstance(one, OnGroup)]
        self._groups = sorted(
            (group for found in groups for group in found),
            key=lambda group: (-self._saves(group), group.promotion, group.classes),
        )
        self._coupons = [one for one in ordered if isinstance(one, Coupon)]

    def best(self) -> _Way:
        left = [self.counts[piece] for piece in self.classes]
        self._look(left, dict(self.keep), (), 0)
        assert self._best is not None
        return self._best

    def _look(
        self, left: list[int], room: dict[Sku, int], chosen: tuple[_Group, ...], first: int
    ) -> None:
        """Weigh all ways to go on with groups from `first` on: the best as often as it fits."""
        for index in range(first, len(self._groups)):
            group = self._groups[index]
            for times in range(self._most(group, left, room), 0, -1):
                if self._ways >= MOST_WAYS:
                    return
                rest, rest_room = list(left), dict(room)
                for one in group.classes:
                    rest[one] -= times
                    rest_room[self.classes[one].sku] -= times
                self._look(rest, rest_room, chosen + (group,) * times, index + 1)
        self._ways += 1
        self._weigh(left, room, chosen)

    def _most(self, group: _Group, left: Sequence[int], room: Mapping[Sku, int]) -> int:
        """How often a group fits in what is left."""
        skus = Counter(self.classes[one].sku for one in group.classes)
        return min(
            *(left[one] // count for one, count in Counter(group.classes).items()),
            *(room[sku] // count for sku, count in skus.items()),
        )

    def _weigh(
        self, left: Sequence[int], room: Mapping[Sku, int], chosen: tuple[_Group, ...]
    ) -> None:
        paid = {
            sku: self.classes[own[0]].price_minor * self.keep[sku]
            for sku, own in self._of_sku.items()
        }
        for group in chosen:
            for one, off_minor in zip(group.classes, group.off_minor, strict=True):
                paid[self.classes[one].sku] -= off_minor
        for sku, index, count in self._alone(left, room):
            paid[sku] -= count * _minor(self._single[index])
        coupon, coupon_minor = self._best_coupon(paid)
        left_minor = sum(paid.values()) - coupon_minor
        if self._best is None or left_minor < self._best.left_minor:
            self._best = _Way(chosen, coupon, left_minor)

    def _alone(
        self, left: Sequence[int], room: Mapping[Sku, int]
    ) -> Iterator[tuple[Sku, int, int]]:
        """What is bought by itself: the article, the class and how many."""
        for sku, own in self._of_sku.items():
            wanted = room[sku]
            for index in own:
                count = min(left[index], wanted)
                wanted -= count
                yield sku, index, count
            assert wanted == 0, f"more of {sku} is bought than was picked"

    def _best_coupon(self, paid: Mapping[Sku, int]) -> tuple[Coupon | None, int]:
        best: Coupon | None = None
        most_minor = 0
        for coupon in self._coupons:
            taken = [sku for sku in paid if coupon.takes(sku)]
            off_minor = coupon.off(self._listed_minor(coupon), sum(paid[sku] for sku in taken))
            if off_minor > most_minor:
                best, most_minor = coupon, off_minor
        return best, most_minor

    def _listed_minor(self, coupon: Coupon) -> int:
        return sum(
            self.classes[own[0]].price_minor * self.keep[sku]
            for sku, own in self._of_sku.items()
            if coupon.takes(sku)
        )

    def _groups_of(self, promotion: OnGroup) -> list[_Group]:
        """All groups it can take that are off at all."""
        if isinstance(promotion, Several):
            wanted = [(promotion.take, promotion.skus)]
        else:
            wanted = [(count, (sku,)) for sku, count in sorted(promotion.parts.items())]
        choices = [list(self._choices(promotion, count, skus)) for count, skus in wanted]
        found = [
            self._group(promotion, tuple(sorted(one for part in parts for one in part)))
            for parts in islice(product(*choices), MOST_GROUPS)
        ]
        return [group for group in found if sum(group.off_minor)]

    def _choices(
        self, promotion: OnGroup, count: int, skus: Sequence[Sku]
    ) -> Iterator[tuple[int, ...]]:
        """So many pieces of these articles, by class, the dearest first."""
        able = [
            (index, self.counts[piece])
            for index, piece in enumerate(self.classes)
            if piece.sku in skus and promotion.id in piece.promotions
        ]
        return islice(_choose(able, count), MOST_GROUPS)

    def _group(self, promotion: OnGroup, classes: tuple[int, ...]) -> _Group:
        prices = [self.classes[one].price_minor for one in classes]
        off_minor = (
            promotion.off(prices) if isinstance(promotion, Several) else promotion.off(sum(prices))
        )
        return _Group(promotion.id, classes, tuple(shares(off_minor, prices)))

    def _saves(self, group: _Group) -> int:
        """What it is off beyond what its pieces would be by themselves."""
        alone = (self._single[one] for one in group.classes)
        return sum(group.off_minor) - sum(off.amount_minor for off in alone if off is not None)

    def spread(self, way: _Way) -> list[tuple[Sku, tuple[Off, ...]]]:
        """The pieces bought, each with what comes off it."""
        left, room = [self.counts[piece] for piece in self.classes], dict(self.keep)
        found: list[tuple[Sku, tuple[Off, ...]]] = []
        for group in way.groups:
            for one, off_minor in zip(group.classes, group.off_minor, strict=True):
                sku = self.classes[one].sku
                left[one] -= 1
                room[sku] -= 1
                found.append((sku, _offs(Off(promotion=group.promotion, amount_minor=off_minor))))
        for sku, index, count in self._alone(left, room):
            found += [(sku, _offs(self._single[index]))] * count
        return found if way.coupon is None else self._with_coupon(found, way.coupon)

    def _with_coupon(
        self, found: list[tuple[Sku, tuple[Off, ...]]], coupon: Coupon
    ) -> list[tuple[Sku, tuple[Off, ...]]]:
        prices = {piece.sku: piece.price_minor for piece in self.classes}
        found = sorted(found, key=lambda one: (_sum(one[1]) - prices[one[0]], one))
        left = [prices[sku] - _sum(offs) if coupon.takes(sku) else 0 for sku, offs in found]
        off_minor = coupon.off(self._listed_minor(coupon), sum(left))
        return [
            (sku, offs + _offs(Off(promotion=coupon.id, amount_minor=share)))
            for (sku, offs), share in zip(found, shares(off_minor, left), strict=True)
        ]


def _choose(able: Sequence[tuple[int, int]], count: int) -> Iterator[tuple[int, ...]]:
    """All ways to choose so many of what there is, the first ones first.

    >>> list(_choose([(0, 2), (1, 1)], 2))
    [(0, 0), (0, 1)]
    """
    if count == 0:
        yield ()
    elif sum(there for _, there in able) >= count:
        (first, there), rest = able[0], able[1:]
        for taken in range(min(there, count), -1, -1):
            for others in _choose(rest, count - taken):
                yield (first,) * taken + others


def _best_single(piece: Piece, promotions: Sequence[OnPiece]) -> Off | None:
    offers = [
        (-one.off(piece.price_minor), one.id) for one in promotions if one.id in piece.promotions
    ]
    minus_minor, name = min(offers, default=(0, ""))
    return Off(promotion=name, amount_minor=-minus_minor) if minus_minor else None


def _offs(off: Off | None) -> tuple[Off, ...]:
    return (off,) if off is not None and off.amount_minor else ()


def _minor(off: Off | None) -> int:
    return off.amount_minor if off is not None else 0


def _sum(offs: tuple[Off, ...]) -> int:
    return sum(off.amount_minor for off in offs)


def shares(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights, none above its own; what is left over goes to the first ones.

    >>> shares(100, [100, 100, 100])
    [34, 33, 33]
    """
    total = sum(weights)
    assert 0 <= amount_minor <= total, f"{amount_minor} is more than {total}"
    if not amount_minor:
        return [0] * len(weights)
    found = [amount_minor * weight // total for weight in weights]
    rest = amount_minor - sum(found)
    for index, weight in enumerate(weights):
        # At most one each: rounding down lost less than one of each.
        if rest and found[index] < weight:
            found[index] += 1
            rest -= 1
    assert rest == 0
    return found
