"""How two replays of one recording differ, visit by visit."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec
from tebura_contract.truth import Outcome

MOVED_S = 0.2
SURER = 0.05
NEAR_S = 3.0
"""The same thing happened: same article, count and kind on the same shelf, this close in time."""
CLOSE_S = 1.0
"""The same movement of the same plates, however it is called."""
NOBODY = "nobody"


class Way(StrEnum):
    GAINED = "gained"
    LOST = "lost"
    MOVED = "moved"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One event that is not as it was; `was` null for a gained, `now` null for a lost one.

    `what` names what moved: time, person, article, quantity, kind, confidence.
    """

    visit: str
    way: Way
    what: tuple[str, ...] = ()
    was: Outcome | None = None
    now: Outcome | None = None

    @property
    def either(self) -> Outcome:
        """The event as it is now, else as it was."""
        one = self.now or self.was
        assert one is not None
        return one


def changes(was: Sequence[Outcome], now: Sequence[Outcome]) -> tuple[Change, ...]:
    """Everything that differs, by visit, then time. Nothing when both say the same."""
    name_of = same_visits(was, now)
    pairs = _pairs(was, now)
    found = []
    for old, new in pairs:
        what = _moved(was[old], now[new], name_of)
        if what:
            visit = name_of.get(was[old].visit or "", was[old].visit)
            found.append(
                Change(visit=visit or NOBODY, way=Way.MOVED, what=what, was=was[old], now=now[new])
            )
    paired_old, paired_new = {old for old, _ in pairs}, {new for _, new in pairs}
    found += [
        Change(visit=name_of.get(o.visit or "", o.visit) or NOBODY, way=Way.LOST, was=o)
        for n, o in enumerate(was)
        if n not in paired_old
    ]
    found += [
        Change(visit=o.visit or NOBODY, way=Way.GAINED, now=o)
        for n, o in enumerate(now)
        if n not in paired_new
    ]
    return tuple(sorted(found, key=lambda c: (c.visit, c.either.time_s, c.way)))


def same_visits(was: Sequence[Outcome], now: Sequence[Outcome]) -> dict[str, str]:
    """What each visit of the old side is called on the new one.

    Visits are named after the event that opened them, so most names agree. Those that only one
    side has are paired in their order: a gate that tells one event more shifts the numbers. Visits
    are never paired by what they hold, or two carts exchanged would look the same.
    """
    old, new = _visits(was), _visits(now)
    renamed = zip(
        [name for name in old if name not in new],
        [name for name in new if name not in old],
        strict=False,
    )
    return {name: name for name in old} | dict(renamed)


def _visits(lines: Sequence[Outcome]) -> list[str]:
    """In the order of their names' numbers."""
    names = {line.visit for line in lines if line.visit}
    return sorted(names, key=lambda name: [int(p) if p.isdigit() else p for p in name.split("-")])


def _pairs(was: Sequence[Outcome], now: Sequence[Outcome]) -> list[tuple[int, int]]:
    """The same events by number: equal ones first, then the same movement under another name."""
    found: list[tuple[int, int]] = []
    for is_same, near_s in ((_is_equal, NEAR_S), (_is_movement, CLOSE_S)):
        taken_old, taken_new = {o for o, _ in found}, {n for _, n in found}
        near = sorted(
            (abs(old.time_s - new.time_s), o, n)
            for o, old in enumerate(was)
            if o not in taken_old
            for n, new in enumerate(now)
            if n not in taken_new and abs(old.time_s - new.time_s) <= near_s and is_same(old, new)
        )
        for _, o, n in near:
            if o not in taken_old and n not in taken_new:
                taken_old.add(o)
                taken_new.add(n)
                found.append((o, n))
    return found


def _is_equal(old: Outcome, new: Outcome) -> bool:
    return (old.kind, old.sku, old.quantity, old.gondola, old.shelf) == (
        new.kind,
        new.sku,
        new.quantity,
        new.gondola,
        new.shelf,
    )


def _is_movement(old: Outcome, new: Outcome) -> bool:
    """Same shelf, same direction, and a plate in common."""
    return (
        (old.gondola, old.shelf) == (new.gondola, new.shelf)
        and (old.delta_g < 0) == (new.delta_g < 0)
        and (not old.plates or not new.plates or bool(set(old.plates) & set(new.plates)))
    )


def _moved(old: Outcome, new: Outcome, name_of: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_differences(old, new, name_of))


def _differences(old: Outcome, new: Outcome, name_of: Mapping[str, str]) -> Iterator[str]:
    if abs(old.time_s - new.time_s) > MOVED_S:
        yield "time"
    if name_of.get(old.visit or "", old.visit or "") != (new.visit or ""):
        yield "person"
    if old.kind is not new.kind:
        yield "kind"
    if old.sku != new.sku:
        yield "article"
    if old.quantity != new.quantity:
        yield "quantity"
    if abs(old.confidence - new.confidence) > SURER:
        yield "confidence"
