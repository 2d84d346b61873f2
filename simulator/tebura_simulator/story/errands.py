"""What one person of a drawn scenario does: picks, put-backs, looks and touches."""

from dataclasses import dataclass

from tebura_contract.ids import FacingId, Sku

from tebura_simulator.story.agenda import Todo, todo_at
from tebura_simulator.story.chance import Chance
from tebura_simulator.story.difficulty import Knobs
from tebura_simulator.story.liking import NEAR_M, Liking
from tebura_simulator.story.mischief import Mischief
from tebura_simulator.story.script import Deed, Hand, OtherHand
from tebura_simulator.story.supply import Supply

_LEFT_HAND = 0.25
_TOUCH_KG = (-0.08, 0.4)


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
        self._liking = Liking(supply, chance)
        self._mischief = Mischief(supply, knobs, self._liking)

    def of_shopper(self, chance: Chance) -> list[Todo]:
        """All that a shopper does between gate and gate."""
        wanted = chance.whole("events", self._knobs.events)
        todo: list[Todo] = []
        held: list[_Held] = []
        done, here = 0, None
        while done + len(held) < wanted:
            place = self._liking.place(chance, here)
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
        self._mischief.weave_into(todo, chance)
        return todo

    def of_staff(self, chance: Chance) -> list[Todo]:
        """What staff bring: the place for it was left free."""
        todo = []
        for _ in range(chance.whole("refills", (1, 3))):
            place = self._liking.place(chance, None)
            if place is None:
                break
            quantity = min(self._supply.room(place), chance.whole("refill", (1, 6)))
            self._supply.keep_free(place, quantity)
            todo.append(todo_at(Deed.REFILL, place, self._supply, quantity=quantity))
        return todo

    def _second_thoughts(self, chance: Chance, place: FacingId) -> list[Todo]:
        """A look at it, or a hand on it, before it is taken."""
        todo = []
        if chance.happens("look", self._knobs.look):
            time_s = chance.seconds("look_s", (0.8, 4.0))
            todo.append(todo_at(Deed.LOOK, place, self._supply, duration_s=time_s))
        if chance.happens("touch", self._knobs.touch):
            time_s = chance.seconds("touch_s", (0.4, 3.0))
            kilos = round(float(chance.stream("touch_kg").uniform(*_TOUCH_KG)), 3)
            todo.append(
                todo_at(Deed.TOUCH, place, self._supply, duration_s=time_s, force_kg=kilos or 0.05)
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
        todo = todo_at(
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
        todo = todo_at(
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

    def _manner(self, chance: Chance) -> dict[str, object]:
        """How a reach is made."""
        knobs = self._knobs
        is_left = chance.happens("hand", _LEFT_HAND)
        return {
            "hand": Hand.LEFT if is_left else Hand.RIGHT,
            "pace": chance.between("pace", knobs.pace),
            "is_hidden": chance.happens("hidden", knobs.hidden),
        }
