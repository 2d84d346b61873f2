"""One person's way through the shop, while a scenario is drawn."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tebura_simulator.story.agenda import Person, Todo
from tebura_simulator.story.script import Deed, Part
from tebura_simulator.story.timeline import Timeline

ENTRY_S = 8.0
"""From the door past the reader to the first shelf."""
NEXT_S = 6.0
"""From one shelf to another, and what was taken into the bag."""
_SEQUELS = (Deed.DROP, Deed.PICK_UP, Deed.HAND_OVER)
"""What follows at once on what was taken: nothing comes between."""


@dataclass
class Course:
    """One person's way through the shop: when each of its steps happens, where that is known."""

    order: int
    person: Person
    enter_s: float
    leave_s: float
    at_s: dict[int, float]

    @property
    def is_shopper(self) -> bool:
        return self.person.script.part is Part.SHOPPER

    def free(self) -> Iterator[tuple[float, Todo]]:
        """Its takes that might as well be others, in order."""
        for todo in self.person.todo:
            if todo.is_free and id(todo) in self.at_s:
                yield self.at_s[id(todo)], todo

    def time_of(self, todo: Todo) -> float:
        return self.at_s[id(todo)]

    def ready_s(self, todo: Todo) -> float:
        """When it can be at another shelf, about, instead of doing this step."""
        before = self.enter_s + ENTRY_S
        for other in self.person.todo:
            if other is todo:
                break
            before = max(before, self.at_s.get(id(other), 0.0) + NEXT_S)
        return before

    def move(self, todo: Todo, at_s: float) -> None:
        """A step is at another time; all that follows moves along."""
        later = at_s - self.time_of(todo)
        first = next(i for i, other in enumerate(self.person.todo) if other is todo)
        for other in self.person.todo[first:]:
            if id(other) in self.at_s:
                self.at_s[id(other)] += later
        self.leave_s += later

    def insert_at(self, at_s: float, todo: Todo, *, is_handful: bool = False) -> None:
        """A step more, after those that happen before; `is_handful` not while a hand is full."""
        index = 0
        for number, other in enumerate(self.person.todo):
            if self.at_s.get(id(other), math.inf) < at_s:
                index = number + 1
        if is_handful:
            index += self._sequels(index)
        self.person.todo.insert(index, todo)

    def _sequels(self, index: int) -> int:
        """How many steps from there on follow at once on what was taken before."""
        rest = self.person.todo[index:]
        return next((n for n, o in enumerate(rest) if o.step.action not in _SEQUELS), len(rest))

    def insert_after(self, todo: Todo, more: Todo) -> None:
        index = next(i for i, other in enumerate(self.person.todo) if other is todo)
        self.person.todo.insert(index + 1, more)


def courses_of(people: Sequence[Person], timeline: Timeline) -> list[Course]:
    """Where everybody's steps are in time."""
    found = []
    for order, (person, passage) in enumerate(zip(people, timeline.passages, strict=True)):
        left = [a for a in timeline.actions if a.shopper == person.script.id]
        at_s = {}
        for todo in person.todo:
            step = todo.step
            action = next(
                (
                    a
                    for a in left
                    if a.kind.value == step.action.value
                    and a.facing == step.facing
                    and a.sku == (step.sku or "")
                ),
                None,
            )
            if action is not None:
                left.remove(action)
                at_s[id(todo)] = action.t_s
        found.append(Course(order, person, passage.enter_s, passage.leave_s, at_s))
    return found
