"""From a scenario to a timetable: ways to walk, gestures to make, items that change place.

The planner always continues the person who is furthest behind in time, so that two at one facing
find it as the other left it. Who lacks something that another one may still bring (stock, room, a
package handed over or dropped) waits for it.
"""

from tebura_contract.layout import Layout

from tebura_simulator.story import deeds
from tebura_simulator.story.deeds import Crowd, Lack
from tebura_simulator.story.premises import Premises
from tebura_simulator.story.script import Deed, Scenario, ShopperScript, Step
from tebura_simulator.story.timetable import Action, ActionKind, Passage, Plan
from tebura_simulator.story.walker import Walker

__all__ = ["Action", "ActionKind", "Passage", "Plan", "plan"]


def plan(scenario: Scenario, layout: Layout) -> Plan:
    """Work out where and when everything of a scenario happens.

    Raises:
        ValueError: If the shelves or somebody's hands do not hold what a step needs and nobody will
            bring it, or the last person is not out again when the scenario ends.
    """
    shop = Premises(scenario, layout)
    courses = [
        _Course(number, script, scenario, shop) for number, script in enumerate(scenario.shopper)
    ]
    crowd = {course.walker.script.id: course.walker for course in courses}
    while left := [course for course in courses if not course.done]:
        due = [(course.due_s(crowd, left), course) for course in left]
        ready = [(at_s, course) for at_s, course in due if not isinstance(at_s, Lack)]
        if not ready:
            raise ValueError(f"scenario {scenario.name!r}: " + "; ".join(_stuck(due)))
        at_s, course = min(ready, key=lambda one: one[0])
        try:
            course.advance(at_s, crowd)
        except ValueError as error:
            raise ValueError(f"scenario {scenario.name!r}: {course.place}: {error}") from error
    for course in courses:
        walker = course.walker
        if walker.now_s > scenario.duration_s:
            raise ValueError(
                f"scenario {scenario.name!r}: shopper {walker.script.id!r} leaves at "
                f"{walker.now_s:.1f} s, after the end ({scenario.duration_s} s)"
            )
    return Plan(
        shoppers=[course.walker.plan for course in courses],
        items=shop.items,
        moves=sorted(shop.moves, key=lambda move: move.t_s),
        actions=sorted(shop.actions, key=lambda action: action.t_s),
        touches=sorted(shop.touches, key=lambda touch: touch.from_s),
    )


def _stuck(due: list[tuple[float | Lack, "_Course"]]) -> list[str]:
    return [f"{course.place}: {lack.reason}" for lack, course in due if isinstance(lack, Lack)]


class _Course:
    """How far somebody has got with what the scenario has it do."""

    def __init__(
        self, number: int, script: ShopperScript, scenario: Scenario, shop: Premises
    ) -> None:
        self.walker = Walker(script, scenario, shop)
        self.done = False
        self._number = number
        self._next = 0
        self._has_come = False

    @property
    def place(self) -> str:
        """Where in the scenario's file it is."""
        steps = len(self.walker.script.do)
        here = f".do[{self._next}]" if self.walker.stance and self._next < steps else ""
        return f"shopper[{self._number}]{here}"

    def due_s(self, crowd: Crowd, others: list["_Course"]) -> float | Lack:
        """When it goes on, or what it lacks for that."""
        walker, step = self.walker, self._step
        if walker.stance is None or (step is not None and self._comes_early(step)):
            return walker.free_s
        if step is not None:
            return deeds.starts_s(walker, step, crowd)
        givers = [c.walker.script.id for c in others if c.will_give(walker.script.id)]
        return Lack(f"waits for what {givers[0]!r} hands over") if givers else walker.free_s

    def will_give(self, receiver: str) -> bool:
        """Whether it has still something to hand over to somebody."""
        return any(
            step.action is Deed.HAND_OVER and step.to == receiver
            for step in self.walker.script.do[self._next :]
        )

    def advance(self, at_s: float, crowd: Crowd) -> None:
        walker, step = self.walker, self._step
        walker.now_s = walker.free_s = max(walker.now_s, at_s)
        if walker.stance is None:
            walker.enter()
        elif step is None:
            walker.leave()
            self.done = True
        elif self._comes_early(step):
            self._has_come = True
            deeds.come_early(walker, step, crowd)
        else:
            deeds.do(walker, step, crowd)
            self._has_come = False
            self._next += 1
        walker.free_s = max(walker.free_s, walker.now_s)

    @property
    def _step(self) -> Step | None:
        steps = self.walker.script.do
        return steps[self._next] if self._next < len(steps) else None

    def _comes_early(self, step: Step) -> bool:
        return step.at_s is not None and not self._has_come
