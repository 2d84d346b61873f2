"""What touches that take nothing leave behind: false events, grams, items on receipts."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tebura_simulator.story.timetable import Touch
from tebura_simulator.weighing_bench.given import Given
from tebura_simulator.weighing_bench.matching import Matching
from tebura_simulator.weighing_bench.playing import Played, Told

AFTER_TOUCH_S = 5.0


def presses_on(touch: Touch, one: Told) -> bool:
    """Whether an event may be of a touch."""
    is_there = touch.shelf == one.event.shelf or not set(touch.plates).isdisjoint(one.event.plates)
    return is_there and touch.from_s - 0.5 <= one.to_s and one.from_s <= touch.to_s + AFTER_TOUCH_S


def told_by_touch(played: Played, found: Matching) -> list[list[Told]]:
    """False events of each touch: of the last one there that began before the event's end."""
    touches = played.case.story.touches
    told: list[list[Told]] = [[] for _ in touches]
    for one in found.false:
        near = [n for n, touch in enumerate(touches) if presses_on(touch, one)]
        if near:
            told[max(near, key=lambda number: touches[number].from_s)].append(one)
    return told


def left_g(told: Sequence[Told]) -> float:
    """Grams of each shelf, summed without sign; 0 only where nothing was told at all."""
    by_shelf: dict[str, float] = {}
    for one in told:
        shelf = str(one.event.shelf)
        by_shelf[shelf] = by_shelf.get(shelf, 0.0) + one.event.delta_g
    grams = sum(abs(of_shelf) for of_shelf in by_shelf.values())
    return max(round(grams, 2), 0.01) if told else 0.0


def items_charged(told: Sequence[Told], decided: Mapping[int, Given]) -> int:
    """How many items are left on receipts, too many or too few."""
    items: Counter[str] = Counter()
    for one in _made(told, decided):
        if one.is_decided and one.sku:
            items[one.sku] += one.quantity
    return sum(abs(count) for count in items.values())


def is_asked(told: Sequence[Told], decided: Mapping[int, Given]) -> bool:
    """Whether a person would be asked about any of it."""
    return not all(one.is_decided for one in _made(told, decided))


def _made(told: Sequence[Told], decided: Mapping[int, Given]) -> list[Given]:
    return [decided[id(one)] for one in told if id(one) in decided]
