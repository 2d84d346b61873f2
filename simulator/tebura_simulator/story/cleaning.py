"""What labels of visits say, made consistent; every change is written down as a `Cleaned`.

Times become seconds of the visit, in order; articles become products of the store. Where an article
lies is worked out in `placing`.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial

import msgspec
from tebura_contract.ids import ShelfId, Sku, shelf_id

from tebura_simulator.story.catalogue import Catalogue
from tebura_simulator.story.cleaned import Change, Tell
from tebura_simulator.story.labels import LabelledEvent, LabelledVisit, Stamp

_SUMMED_WITHIN_S = 30.0


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
