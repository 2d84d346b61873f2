"""What honest shops fear, woven into what somebody does."""

from collections.abc import Sequence

import msgspec

from tebura_simulator.story.agenda import Todo, todo_at
from tebura_simulator.story.chance import Chance
from tebura_simulator.story.difficulty import Knobs
from tebura_simulator.story.liking import NEAR_M, Liking
from tebura_simulator.story.script import Deed, Hand, Step
from tebura_simulator.story.supply import Supply

_OWN_G = (60.0, 450.0)
"""What people lay down: keys, a phone, a bottle of their own."""
_AGAIN = 0.5
"""Share of things dropped that are picked up at once."""


class Mischief:
    """Swaps, pairs too fast to tell apart, foreign things, things dropped."""

    def __init__(self, supply: Supply, knobs: Knobs, liking: Liking) -> None:
        self._supply = supply
        self._knobs = knobs
        self._liking = liking

    def weave_into(self, todo: list[Todo], chance: Chance) -> None:
        """Add to what somebody does, in place."""
        knobs = self._knobs
        for _ in range(chance.count("swap", knobs.swap)):
            _weave(todo, self._swap(chance), chance.stream("swap_at").random())
        for _ in range(chance.count("fast_pair", knobs.fast_pair)):
            _weave(todo, self._fast_pair(chance), chance.stream("fast_at").random())
        for _ in range(chance.count("lay", knobs.lay)):
            self._lay(chance, todo)
        if chance.happens("drop", knobs.drop):
            _drop(chance, todo)

    def _swap(self, chance: Chance) -> list[Todo]:
        """Two of nearly one weight are taken, and each is put back in the other's place."""
        supply = self._supply
        pairs = [
            (a, b)
            for a in supply.facings
            for b in supply.similar(a)
            if min(supply.room(a), supply.room(b)) >= 2
            and supply.fits(supply.sku(a), b)
            and supply.fits(supply.sku(b), a)
        ]
        luck = chance.stream("swap_what").random()
        if not pairs:
            return []
        a, b = pairs[int(luck * len(pairs))]
        for facing in (a, b):
            supply.take(facing, 1)
            supply.keep_free(facing, 1)
        left = {"hand": Hand.LEFT}
        swapped = [
            todo_at(Deed.TAKE, a, supply),
            todo_at(Deed.TAKE, b, supply, **left),
            todo_at(Deed.PUT_BACK, b, supply),
            todo_at(Deed.PUT_BACK, a, supply, **left),
        ]
        swapped[2].change(sku=supply.sku(a))
        swapped[3].change(sku=supply.sku(b))
        return swapped

    def _fast_pair(self, chance: Chance) -> list[Todo]:
        """Two things side by side, as fast as hands go."""
        supply = self._supply
        place = self._liking.place(chance, None)
        luck = chance.stream("fast_what").random()
        if place is None:
            return []
        supply.take(place, 1)
        beside = [f for f in supply.beside(place, NEAR_M) if supply.room(f) > 0]
        pair = [place, beside[int(luck * len(beside))]] if beside else [place]
        for facing in pair[1:]:
            supply.take(facing, 1)
        return [
            todo_at(Deed.TAKE, facing, supply, pace=3.0, hand=hand)
            for facing, hand in zip(pair, Hand, strict=False)
        ]

    def _lay(self, chance: Chance, todo: list[Todo]) -> None:
        """Something of one's own lies on a shelf for a while."""
        place = self._liking.place(chance, None)
        own_g = round(float(chance.stream("own_g").uniform(*_OWN_G)))
        if place is None:
            return
        at = chance.index("lay_at", len(todo) + 1)
        todo.insert(at, todo_at(Deed.LAY, place, self._supply, own_g=float(own_g)))
        back = at + 1 + chance.index("retrieve_at", len(todo) - at)
        todo.insert(back, todo_at(Deed.RETRIEVE, place, self._supply))


def _weave(todo: list[Todo], more: Sequence[Todo], luck: float) -> None:
    at = int(luck * (len(todo) + 1))
    todo[at:at] = more


def _drop(chance: Chance, todo: list[Todo]) -> None:
    """Drop something that was taken and kept; half of the time it is picked up again."""
    free = [number for number, item in enumerate(todo) if item.is_free]
    luck, again = chance.stream("drop_what").random(2)
    if not free:
        return
    number = free[int(luck * len(free))]
    taken = todo[number]
    taken.is_free = taken.is_kept = False
    fields = Step(action=Deed.DROP, sku=taken.step.sku, hand=taken.step.hand)
    fall = [Todo(fields)]
    if again < _AGAIN:
        fall.append(Todo(msgspec.structs.replace(fields, action=Deed.PICK_UP)))
    todo[number + 1 : number + 1] = fall
