"""What one person of a drawn scenario does: picks, put-backs, looks, touches and worse."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from tebura_contract.ids import FacingId, Sku

from tebura_simulator.story.chance import Chance
from tebura_simulator.story.difficulty import Knobs
from tebura_simulator.story.script import Deed, Hand, OtherHand, ShopperScript, Step
from tebura_simulator.story.supply import Supply

NEAR_M = 0.6
"""Two hands, or two people who want the same, reach no further apart than this."""
_SAME_GONDOLA, _SAME_SHELF = 0.5, 0.2
_LEFT_HAND = 0.25
_OWN_G = (60.0, 450.0)
"""What people lay down: keys, a phone, a bottle of their own."""
_TOUCH_KG = (-0.08, 0.4)
_OF_PRODUCTS = (Deed.TAKE, Deed.PUT_BACK, Deed.REFILL)


@dataclass
class Todo:
    """A step in the making.

    `is_kept`: a take of what is never given away again; `is_free`: it might as well be another.
    """

    step: Step
    is_kept: bool = False
    is_free: bool = False

    def change(self, **fields: object) -> None:
        self.step = msgspec.structs.replace(self.step, **fields)


@dataclass
class Person:
    """Somebody in the making; `script` is without what it does."""

    script: ShopperScript
    todo: list[Todo]

    def written(self) -> ShopperScript:
        return msgspec.structs.replace(self.script, do=tuple(todo.step for todo in self.todo))


@dataclass(frozen=True)
class _Held:
    """What is to be put back once `after` picks and put-backs are done."""

    after: int
    sku: Sku
    quantity: int
    home: FacingId


class Errands:
    """Draws what people do, out of one supply."""

    def __init__(self, supply: Supply, knobs: Knobs, chance: Chance) -> None:
        self._supply = supply
        self._knobs = knobs
        liking = chance.stream("liking").lognormal(0.0, 0.8, len(supply.facings))
        self._liking = dict(zip(supply.facings, liking.tolist(), strict=True))

    def of_shopper(self, chance: Chance) -> list[Todo]:
        """All that a shopper does between gate and gate."""
        wanted = chance.whole("events", self._knobs.events)
        todo: list[Todo] = []
        held: list[_Held] = []
        done, here = 0, None
        while done + len(held) < wanted:
            place = self._place(chance, here)
            if place is None:
                break
            here = place
            todo += self._second_thoughts(chance, place)
            picked = self._pick(chance, place, done)
            todo += picked[0]
            done += picked[1]
            held += picked[2]
            ready = [h for h in held if h.after <= done]
            for back in ready:
                todo.append(self._put_back(chance, back))
                held.remove(back)
                done += 1
        todo += [self._put_back(chance, back) for back in held]
        return self._worse(chance, todo)

    def of_staff(self, chance: Chance) -> list[Todo]:
        """What staff bring: the place for it was left free."""
        todo = []
        for _ in range(chance.whole("refills", (1, 3))):
            place = self._place(chance, None)
            if place is None:
                break
            quantity = min(self._supply.room(place), chance.whole("refill", (1, 6)))
            self._supply.keep_free(place, quantity)
            todo.append(_todo(Deed.REFILL, place, self._supply, quantity=quantity))
        return todo

    def _place(self, chance: Chance, here: FacingId | None) -> FacingId | None:
        """Where something is wanted next: often near by, and rather what is liked."""
        luck, where = chance.stream("place").random(2)
        supply = self._supply
        there = [name for name in supply.facings if supply.room(name) > 0]
        if here is not None and where < _SAME_SHELF + _SAME_GONDOLA:
            depth = 2 if where < _SAME_SHELF else 1
            prefix = here.split("/")[:depth]
            there = [name for name in there if name.split("/")[:depth] == prefix] or there
        return _weighted(there, [self._liking[name] for name in there], luck)

    def _second_thoughts(self, chance: Chance, place: FacingId) -> list[Todo]:
        """A look at it, or a hand on it, before it is taken."""
        todo = []
        if chance.happens("look", self._knobs.look):
            time_s = chance.seconds("look_s", (0.8, 4.0))
            todo.append(_todo(Deed.LOOK, place, self._supply, duration_s=time_s))
        if chance.happens("touch", self._knobs.touch):
            time_s = chance.seconds("touch_s", (0.4, 3.0))
            kilos = round(float(chance.stream("touch_kg").uniform(*_TOUCH_KG)), 3)
            todo.append(
                _todo(Deed.TOUCH, place, self._supply, duration_s=time_s, force_kg=kilos or 0.05)
            )
        return todo

    def _pick(
        self, chance: Chance, place: FacingId, done: int
    ) -> tuple[list[Todo], int, list[_Held]]:
        """Take something: the steps, how many picks they are, what of it goes back later."""
        knobs, supply = self._knobs, self._supply
        quantity = chance.whole("several", (2, 3)) if chance.happens("some", knobs.several) else 1
        quantity = min(quantity, supply.room(place))
        supply.take(place, quantity)
        other = self._other_hand(chance, place)
        todo = _todo(
            Deed.TAKE,
            place,
            supply,
            quantity=quantity,
            other_hand=other,
            **self._manner(chance),
        )
        held = []
        if chance.happens("put_back", knobs.put_back):
            wait = chance.whole("put_back_after", (0, 3))
            some = chance.whole("put_back_some", (1, quantity))
            held.append(_Held(done + 1 + wait, supply.sku(place), some, place))
        todo.is_kept = not held
        todo.is_free = not held and other is None
        return [todo], 2 if other else 1, held

    def _other_hand(self, chance: Chance, place: FacingId) -> OtherHand | None:
        wants = chance.happens("both_hands", self._knobs.both_hands)
        luck = chance.stream("other_hand").random()
        beside = [f for f in self._supply.beside(place, NEAR_M) if self._supply.room(f) > 0]
        if not wants or not beside:
            return None
        facing = beside[int(luck * len(beside))]
        self._supply.take(facing, 1)
        lag_s = chance.seconds("lag", (0.0, 0.6))
        return OtherHand(sku=self._supply.sku(facing), facing=facing, lag_s=lag_s)

    def _put_back(self, chance: Chance, held: _Held) -> Todo:
        place = held.home
        if chance.happens("wrong_place", self._knobs.wrong_place):
            place = self._wrong_place(chance, held) or place
        todo = _todo(
            Deed.PUT_BACK, place, self._supply, quantity=held.quantity, **self._manner(chance)
        )
        todo.change(sku=held.sku)
        return todo

    def _wrong_place(self, chance: Chance, held: _Held) -> FacingId | None:
        """Another product's place with room for it: one of the same weight, or one near by."""
        supply = self._supply
        is_similar = chance.happens("similar_place", self._knobs.similar_place)
        luck = chance.stream("where").random()
        gondola = held.home.split("/")[0] + "/"
        others = [
            name
            for name in supply.facings
            if supply.sku(name) != held.sku
            and supply.room(name) >= held.quantity
            and supply.fits(held.sku, name)
        ]
        similar = set(supply.similar(held.home)) if is_similar else set()
        near = [name for name in others if name.startswith(gondola)]
        there = [name for name in others if name in similar] or near or others
        if not there:
            return None
        place = there[int(luck * len(there))]
        supply.keep_free(place, held.quantity)
        return place

    def _worse(self, chance: Chance, todo: list[Todo]) -> list[Todo]:
        """What honest shops fear, woven into what somebody does."""
        knobs = self._knobs
        for _ in range(chance.count("swap", knobs.swap)):
            _weave(todo, self._swap(chance), chance.stream("swap_at").random())
        for _ in range(chance.count("fast_pair", knobs.fast_pair)):
            _weave(todo, self._fast_pair(chance), chance.stream("fast_at").random())
        for _ in range(chance.count("lay", knobs.lay)):
            self._lay(chance, todo)
        if chance.happens("drop", knobs.drop):
            _drop(chance, todo)
        return todo

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
            _todo(Deed.TAKE, a, supply),
            _todo(Deed.TAKE, b, supply, **left),
            _todo(Deed.PUT_BACK, b, supply),
            _todo(Deed.PUT_BACK, a, supply, **left),
        ]
        swapped[2].change(sku=supply.sku(a))
        swapped[3].change(sku=supply.sku(b))
        return swapped

    def _fast_pair(self, chance: Chance) -> list[Todo]:
        """Two things side by side, as fast as hands go."""
        supply = self._supply
        place = self._place(chance, None)
        luck = chance.stream("fast_what").random()
        if place is None:
            return []
        supply.take(place, 1)
        beside = [f for f in supply.beside(place, NEAR_M) if supply.room(f) > 0]
        pair = [place, beside[int(luck * len(beside))]] if beside else [place]
        for facing in pair[1:]:
            supply.take(facing, 1)
        return [
            _todo(Deed.TAKE, facing, supply, pace=3.0, hand=hand)
            for facing, hand in zip(pair, Hand, strict=False)
        ]

    def _lay(self, chance: Chance, todo: list[Todo]) -> None:
        """Something of one's own lies on a shelf for a while."""
        place = self._place(chance, None)
        own_g = round(float(chance.stream("own_g").uniform(*_OWN_G)))
        if place is None:
            return
        at = chance.index("lay_at", len(todo) + 1)
        todo.insert(at, _todo(Deed.LAY, place, self._supply, own_g=float(own_g)))
        back = at + 1 + chance.index("retrieve_at", len(todo) - at)
        todo.insert(back, _todo(Deed.RETRIEVE, place, self._supply))

    def _manner(self, chance: Chance) -> dict[str, object]:
        """How a reach is made."""
        knobs = self._knobs
        is_left = chance.happens("hand", _LEFT_HAND)
        return {
            "hand": Hand.LEFT if is_left else Hand.RIGHT,
            "pace": chance.between("pace", knobs.pace),
            "is_hidden": chance.happens("hidden", knobs.hidden),
        }


def _todo(deed: Deed, facing: FacingId, supply: Supply, **fields: object) -> Todo:
    sku = supply.sku(facing) if deed in _OF_PRODUCTS else None
    return Todo(msgspec.structs.replace(Step(action=deed, sku=sku, facing=facing), **fields))


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
    if again < 0.5:
        fall.append(Todo(msgspec.structs.replace(fields, action=Deed.PICK_UP)))
    todo[number + 1 : number + 1] = fall


def _weighted(names: Sequence[FacingId], weights: Sequence[float], luck: float) -> FacingId | None:
    """One of them, by weight; `luck` in [0, 1) says which."""
    left = luck * sum(weights)
    for name, weight in zip(names, weights, strict=True):
        left -= weight
        if left < 0:
            return name
    return names[-1] if names else None
