"""What labels of visits say, made consistent; every change is written down as a `Cleaned`.

Times become seconds of the visit, in order; articles become products of the store. Where an article
lies is worked out in `placing`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial

import msgspec
import numpy as np
from tebura_contract.ids import Gtin, ShelfId, Sku, gtin_from_digits, shelf_id, sku_from_name
from tebura_contract.layout import Layout, Product

from tebura_simulator.story.labels import LabelledEvent, LabelledProduct, LabelledVisit, Stamp

PLACEHOLDER_G = 1.0
"""Labels say 0 or 1 g where nobody knew the weight."""
SAME_WEIGHT = 0.03
"""Labelled and planogram weights that differ by more than this share are written down."""
_SUMMED_WITHIN_S = 30.0
_UNKNOWN = re.compile(r"\s*(unk?n?own|none|n/?a|\?*)\s*", re.IGNORECASE)


class Change(StrEnum):
    """What kind of thing was changed."""

    TIME = "time"
    ORDER = "order"
    PACE = "pace"
    PRODUCT = "product"
    WEIGHT = "weight"
    PLACE = "place"
    MISSING = "missing"
    STORE = "store"


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """One change: of which visit and event (counted from 0; None: of the store), what and why."""

    visit: str
    event: int | None
    what: Change
    why: str


Tell = Callable[[int | None, Change, str], None]


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose time, article and shelf are known.

    `at_s` are whole seconds since the visit's first event; `index` is None for what no label says.
    `goods` are articles and how many of each; `unknown` more are not told.
    """

    index: int | None
    at_s: float
    shopper: str
    is_put_back: bool
    shelf: ShelfId
    plates: tuple[str, ...]
    goods: tuple[tuple[Sku, int], ...]
    unknown: int = 0


class Catalogue:
    """The store's products, and those that labels add."""

    def __init__(self, layout: Layout, visits: Iterable[LabelledVisit]) -> None:
        self.products = dict(layout.products())
        self._by_gtin = {Gtin(p.gtin): p.sku for p in layout.product if p.gtin}
        self._by_name = {sku_from_name(p.name): p.sku for p in layout.product}
        self._known_g = [p.weight_g for p in layout.product if _is_weighed(p)]
        self._prices = [p.price_minor for p in layout.product]
        labelled = [
            product
            for visit in visits
            for event in visit.events
            for product in event.label.products
        ]
        self._labelled_g: defaultdict[str, list[float]] = defaultdict(list)
        for product in labelled:
            sku, gtin = self._named(product), _gtin(product)
            if sku is not None and gtin is not None:
                self._by_gtin.setdefault(gtin, sku)
            if product.weight_g is not None and product.weight_g > PLACEHOLDER_G:
                self._labelled_g[sku_from_name(product.name)].append(product.weight_g)

    def sku_of(self, labelled: LabelledProduct, tell: Callable[[Change, str], None]) -> Sku | None:
        """The product that is meant, new ones added; None where the label does not know it."""
        sku = self._named(labelled)
        if sku is None and (gtin := _gtin(labelled)) in self._by_gtin and gtin is not None:
            sku = self._by_gtin[gtin]
            tell(Change.PRODUCT, f"{labelled.name!r} has the GTIN of {sku}: the same article")
        if sku is None and (_UNKNOWN.fullmatch(labelled.name) or not sku_from_name(labelled.name)):
            return None
        if sku is None:
            return self._added(labelled, tell)
        self._compare(labelled, self.products[sku], tell)
        return sku

    def _named(self, labelled: LabelledProduct) -> Sku | None:
        name = sku_from_name(labelled.name)
        return name if name in self.products else self._by_name.get(name)

    def _compare(
        self, labelled: LabelledProduct, product: Product, tell: Callable[[Change, str], None]
    ) -> None:
        weight_g = labelled.weight_g or 0.0
        if not _is_weighed(product):
            if weight_g > PLACEHOLDER_G:
                self.products[product.sku] = msgspec.structs.replace(
                    product, weight_g=weight_g, weight_sd_g=0.0
                )
                tell(
                    Change.WEIGHT,
                    f"the planogram does not know what {product.sku} weighs; "
                    f"the label says {weight_g:.1f} g",
                )
            return
        if weight_g <= PLACEHOLDER_G:
            tell(
                Change.WEIGHT,
                f"{weight_g:g} g is no weight of {product.sku}; "
                f"the planogram says {product.weight_g:.1f} g",
            )
        elif abs(weight_g - product.weight_g) > SAME_WEIGHT * product.weight_g:
            tell(
                Change.WEIGHT,
                f"{product.sku} is labelled {weight_g:.1f} g; "
                f"the planogram's {product.weight_g:.1f} g win",
            )

    def _added(self, labelled: LabelledProduct, tell: Callable[[Change, str], None]) -> Sku:
        sku = sku_from_name(labelled.name)
        weights = self._labelled_g[sku]
        weight_g = float(np.median(weights or self._known_g or [100.0]))
        price = round(float(np.median(self._prices or [0])))
        source = "" if weights else ", the median of the planogram as no label knows"
        tell(Change.PRODUCT, f"{sku} is not in the planogram: added, {weight_g:.1f} g{source}")
        gtin = _gtin(labelled)
        self.products[sku] = Product(
            sku=sku, name=labelled.name, gtin=gtin or "", price_minor=price, weight_g=weight_g
        )
        if gtin is not None:
            self._by_gtin.setdefault(gtin, sku)
        return sku


def _is_weighed(product: Product) -> bool:
    """Imported products of unknown weight have a spread as large as the weight."""
    return product.weight_g > PLACEHOLDER_G and product.weight_sd_g < product.weight_g


def _gtin(labelled: LabelledProduct) -> Gtin | None:
    try:
        return gtin_from_digits(str(labelled.gtin or ""))
    except ValueError:
        return None


def happenings(visit: LabelledVisit, catalogue: Catalogue, tell: Tell) -> tuple[Happening, ...]:
    """A visit's events in order of time, with articles of the store."""
    names: dict[str, str] = {}
    for event in visit.events:
        names.setdefault(str(event.label.shopper), f"shopper-{len(names) + 1}")
    at_s = _times_s(visit.events, tell)
    first_s = min(at_s)
    order = sorted(range(len(at_s)), key=lambda number: (at_s[number], number))
    found = []
    for number in order:
        event = visit.events[number]
        label, index = event.label, event.index
        goods, unknown = _goods(event, catalogue, tell)
        found.append(
            Happening(
                index=index,
                at_s=at_s[number] - first_s,
                shopper=names[str(label.shopper)],
                is_put_back=bool(label.putback),
                shelf=shelf_id(str(label.gondola), str(label.shelf)),
                plates=tuple(dict.fromkeys(str(plate) for plate in label.plates)),
                goods=goods,
                unknown=unknown,
            )
        )
    _tell_of_order(found, tell)
    return tuple(found)


def _goods(
    event: LabelledEvent, catalogue: Catalogue, tell: Tell
) -> tuple[tuple[tuple[Sku, int], ...], int]:
    """Articles and how many of each, and how many more the label does not know."""
    products = event.label.products
    skus = [catalogue.sku_of(product, partial(tell, event.index)) for product in products]
    goods = Counter(sku for sku in skus if sku is not None)
    return tuple(goods.items()), skus.count(None) if skus else 1


def _times_s(events: Sequence[LabelledEvent], tell: Tell) -> list[float]:
    """When each event was, offsets that were added up already put right."""
    films_s = [e.stamp.video_s for e in events if e.stamp.video_s is not None]
    return [_time_s(event, min(films_s, default=0.0), tell) for event in events]


def _time_s(event: LabelledEvent, film_s: float, tell: Tell) -> float:
    stamp: Stamp = event.stamp
    if stamp.video_s is None:
        return stamp.at_s
    later_s = stamp.video_s - film_s
    if stamp.offset_s > _SUMMED_WITHIN_S and abs(later_s - stamp.offset_s) < _SUMMED_WITHIN_S:
        tell(
            event.index,
            Change.TIME,
            f"{event.label.time!r} is no offset into a film: the others "
            f"began {later_s:.0f} s earlier, so the sum is written already",
        )
        return stamp.video_s
    return stamp.at_s


def _tell_of_order(found: Sequence[Happening], tell: Tell) -> None:
    by_shopper: defaultdict[str, list[Happening]] = defaultdict(list)
    for happening in found:
        by_shopper[happening.shopper].append(happening)
    for mine in by_shopper.values():
        for number, happening in enumerate(mine):
            assert happening.index is not None
            passed = [h.index for h in mine[number + 1 :] if h.index is not None]
            if any(index < happening.index for index in passed):
                tell(
                    happening.index, Change.ORDER, "happened before events that are told before it"
                )
        for at_s, count in Counter(h.at_s for h in mine).items():
            if count > 1:
                indexes = [h.index for h in mine if h.at_s == at_s]
                tell(
                    indexes[1],
                    Change.TIME,
                    f"events {', '.join(map(str, indexes))} bear one "
                    "second: they follow one another as fast as hands go",
                )
