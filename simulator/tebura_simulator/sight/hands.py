"""Hands in shelves, as the script has them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tebura_contract.events import HandContent
from tebura_contract.ids import FacingId, ShelfId
from tebura_contract.layout import Layout

from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.timetable import Action, Touch, TouchKind

BRIDGE_S = 0.45
"""A hand out for less is still the same reach: the camera role's own."""


@dataclass(frozen=True)
class InShelf:
    """A hand was inside a shelf, `x_m` along its front from the left."""

    person: str
    shelf: ShelfId
    x_m: float
    from_s: float
    to_s: float
    before: HandContent
    after: HandContent


def hands_of(timeline: Timeline, layout: Layout) -> tuple[InShelf, ...]:
    """All hands that could be seen, in order of time.

    Two of one person in one shelf at once are one to a camera.
    """
    facings = layout.facings()
    found = [
        _of_action(a, facings[a.facing][0], layout) for a in timeline.actions if not a.is_hidden
    ]
    found += [
        _of_touch(touch, layout)
        for touch in timeline.touches
        if not touch.is_hidden and touch.kind is not TouchKind.KNOCK
    ]
    return tuple(sorted(_merged(found), key=lambda h: (h.from_s, h.person, h.shelf)))


def _of_action(action: Action, shelf: ShelfId, layout: Layout) -> InShelf:
    taken, left = HandContent.EMPTY, HandContent.HOLDING
    if not action.kind.is_removal:
        taken, left = left, taken
    x_m = _middle_m(action.facing, layout)
    return InShelf(
        action.shopper, shelf, x_m, action.inside_from_s, action.inside_to_s, taken, left
    )


def _of_touch(touch: Touch, layout: Layout) -> InShelf:
    x_m = _middle_m(touch.facing, layout)
    empty = HandContent.EMPTY
    return InShelf(touch.shopper, touch.shelf, x_m, touch.from_s, touch.to_s, empty, empty)


def _middle_m(facing: FacingId, layout: Layout) -> float:
    low_m, high_m = layout.facings()[facing][1].x_m
    return (low_m + high_m) / 2


def _merged(hands: Iterable[InShelf]) -> list[InShelf]:
    out: list[InShelf] = []
    for hand in sorted(hands, key=lambda h: (h.person, h.shelf, h.from_s)):
        last = out[-1] if out else None
        if (
            last is not None
            and (last.person, last.shelf) == (hand.person, hand.shelf)
            and hand.from_s <= last.to_s + BRIDGE_S
        ):
            out[-1] = replace(
                last,
                x_m=(last.x_m + hand.x_m) / 2,
                to_s=max(last.to_s, hand.to_s),
                after=hand.after if hand.to_s >= last.to_s else last.after,
            )
        else:
            out.append(hand)
    return out
