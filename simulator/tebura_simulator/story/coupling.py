"""What people of a drawn scenario do to each other, once it is known when each is where.

Who waits for another waits for one who was drawn before it, so nobody waits in a circle.
"""

from collections.abc import Sequence

import msgspec
from tebura_contract.ids import FacingId, Sku

from tebura_simulator.story.agenda import Todo
from tebura_simulator.story.chance import Chance
from tebura_simulator.story.course import ENTRY_S, NEXT_S, Course
from tebura_simulator.story.difficulty import Knobs
from tebura_simulator.story.liking import NEAR_M
from tebura_simulator.story.script import Deed, Step
from tebura_simulator.story.supply import Supply

_EARLIER_S, _LATER_S = 10.0, 25.0
"""How far what somebody wanted anyway is moved, so that two want it at once."""
_LAG_S = 0.4
_LEAN_KG, _LEAN_S = (2.0, 12.0), (1.0, 15.0)
_KNOCK_KG = (3.0, 12.0)


class Coupling:
    """Makes people meet, in what they want and otherwise."""

    def __init__(
        self, courses: Sequence[Course], supply: Supply, knobs: Knobs, chance: Chance
    ) -> None:
        self._courses = courses
        self._supply = supply
        self._knobs = knobs
        self._chance = chance

    def couple(self) -> None:
        self._same_moments()
        self._buy_misplaced()
        self._hand_over()
        self._find_dropped()
        self._jostle()

    def _same_moments(self) -> None:
        """Somebody else takes from the same shelf just then."""
        picks = sorted(
            (
                (at_s, course, todo)
                for course in self._courses
                for at_s, todo in course.free()
                if course.is_shopper
            ),
            key=lambda pick: pick[0],
        )
        for _, course, todo in picks:
            wants = self._chance.happens("same_moment", self._knobs.same_moment)
            same_facing = self._chance.happens("same_facing", self._knobs.same_facing)
            lag_s = float(self._chance.stream("lag").uniform(-_LAG_S, _LAG_S))
            if not wants or not todo.is_free:
                continue
            partner = self._partner(course, course.time_of(todo))
            facing = self._wanted_with(todo, same_facing)
            if partner is None or facing is None:
                continue
            other, its = partner
            self._redirect(its, facing, self._supply.sku(facing))
            at_s = max(course.time_of(todo), other.ready_s(its) + _LAG_S)
            for who, what, when in ((course, todo, at_s), (other, its, at_s + lag_s)):
                who.move(what, when)
                what.change(at_s=round(when, 2))
                what.is_free = False

    def _partner(self, course: Course, at_s: float) -> tuple[Course, Todo] | None:
        """Who is in the shop as well, and the pick of its own it would make about then."""
        found = [
            (abs(its_s - at_s), other.order, other, its)
            for other in self._courses
            if other is not course and other.enter_s + ENTRY_S <= at_s <= other.leave_s
            for its_s, its in other.free()
            if -_EARLIER_S <= its_s - at_s <= _LATER_S
        ]
        if not found:
            return None
        return min(found, key=lambda one: one[:2])[2:]

    def _wanted_with(self, todo: Todo, same_facing: bool) -> FacingId | None:
        facing = todo.step.facing
        assert facing is not None
        has_more = [facing] if self._supply.room(facing) > 0 else []
        beside = [f for f in self._supply.beside(facing, NEAR_M) if self._supply.room(f) > 0]
        there = has_more or beside if same_facing else beside or has_more
        return there[self._chance.index("beside", len(there))] if there else None

    def _redirect(self, todo: Todo, facing: FacingId, sku: Sku) -> None:
        """Take one of something else instead."""
        assert todo.step.facing is not None
        self._supply.leave(todo.step.facing, todo.step.quantity)
        if sku == self._supply.sku(facing):
            self._supply.take(facing, 1)
        todo.change(facing=facing, sku=sku, quantity=1)

    def _buy_misplaced(self) -> None:
        """What stands in a wrong place is bought from there by somebody else, later."""
        for course in self._courses:
            for todo in list(course.person.todo):
                step = todo.step
                if step.action is not Deed.PUT_BACK or step.facing is None or step.sku is None:
                    continue
                if step.sku == self._supply.sku(step.facing) or id(todo) not in course.at_s:
                    continue
                if not self._chance.happens("bought_there", self._knobs.bought_there):
                    continue
                put_s = course.time_of(todo)
                buyer = next(
                    (
                        (other, its)
                        for other in self._courses[course.order + 1 :]
                        for its_s, its in other.free()
                        if its_s > put_s + 2.0
                    ),
                    None,
                )
                if buyer is not None:
                    self._redirect(buyer[1], step.facing, step.sku)
                    buyer[1].is_free = False

    def _hand_over(self) -> None:
        """Something taken is given to somebody else who is there."""
        for course in self._courses:
            luck = self._chance.stream("hand_over_what").random()
            if not self._chance.happens("hand_over", self._knobs.hand_over):
                continue
            mine = [
                (todo, others)
                for todo in course.person.todo
                if todo.is_kept and id(todo) in course.at_s
                if (others := self._there(course, course.time_of(todo) + NEXT_S))
            ]
            if not mine:
                continue
            todo, others = mine[int(luck * len(mine))]
            to = others[self._chance.index("hand_over_to", len(others))].person.script.id
            step = Step(action=Deed.HAND_OVER, sku=todo.step.sku, hand=todo.step.hand, to=to)
            course.insert_after(todo, Todo(step))
            todo.is_free = todo.is_kept = False

    def _there(self, course: Course, at_s: float) -> list[Course]:
        """Other shoppers in the shop at a time, of those drawn later."""
        return [
            other
            for other in self._courses[course.order + 1 :]
            if other.is_shopper and other.enter_s + ENTRY_S <= at_s <= other.leave_s
        ]

    def _find_dropped(self) -> None:
        """What somebody left lying is picked up by another one, and put back."""
        for course in self._courses:
            for number, todo in enumerate(course.person.todo):
                if todo.step.action is not Deed.DROP or _is_picked_up(course, number):
                    continue
                taken = course.person.todo[number - 1]
                finds = self._chance.happens("found", self._knobs.found)
                others = self._there(course, course.at_s.get(id(taken), 0.0) + NEXT_S)
                if not finds or not others:
                    continue
                finder = others[0]
                at_s = course.time_of(taken) + NEXT_S
                up = msgspec.structs.replace(todo.step, action=Deed.PICK_UP)
                back = msgspec.structs.replace(up, action=Deed.PUT_BACK, facing=taken.step.facing)
                first = Todo(up)
                finder.insert_at(at_s, first, is_handful=True)
                finder.insert_after(first, Todo(back))

    def _jostle(self) -> None:
        """Somebody leans on a board, or runs into the gondola, while another one takes there."""
        for course in self._courses:
            for _ in range(self._chance.count("jostle", self._knobs.jostle)):
                places = [
                    (at_s, step.facing)
                    for other in self._courses
                    if other is not course
                    for todo in other.person.todo
                    if (step := todo.step).action is Deed.TAKE and step.facing is not None
                    if (at_s := other.at_s.get(id(todo), -1.0)) >= course.enter_s + ENTRY_S
                    and at_s <= course.leave_s
                ]
                if places:
                    at_s, facing = places[self._chance.index("jostle_when", len(places))]
                    course.insert_at(at_s, Todo(self._push(at_s, facing)))

    def _push(self, at_s: float, facing: FacingId) -> Step:
        chance = self._chance
        beside = self._supply.beside(facing, 2.0) or [facing]
        where = beside[chance.index("push_where", len(beside))]
        if chance.happens("lean", 0.5):
            from_s = at_s - chance.seconds("lean_before", (0.0, 3.0))
            return Step(
                action=Deed.LEAN,
                facing=where,
                at_s=round(from_s, 2),
                force_kg=chance.between("lean_kg", _LEAN_KG),
                duration_s=chance.seconds("lean_s", _LEAN_S),
            )
        from_s = at_s + chance.seconds("knock_after", (-0.5, 0.3))
        force_kg = chance.between("knock_kg", _KNOCK_KG)
        return Step(action=Deed.KNOCK, facing=where, at_s=round(from_s, 2), force_kg=force_kg)


def _is_picked_up(course: Course, number: int) -> bool:
    after = course.person.todo[number + 1 : number + 2]
    return any(todo.step.action is Deed.PICK_UP for todo in after)
