"""What is kept of a case: a line a true step, a line an event, and what it cost."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum

import msgspec
from tebura_contract.events import ForeignObject, ItemPicked
from tebura_gateway.domain.what import Guess, guesses

from tebura_simulator.story.timetable import ActionKind
from tebura_simulator.weighing_bench.bill import Bill, bill
from tebura_simulator.weighing_bench.given import Given, given
from tebura_simulator.weighing_bench.matching import Fate, Group, Matching, fate, matched
from tebura_simulator.weighing_bench.places import Place
from tebura_simulator.weighing_bench.playing import Played, Told
from tebura_simulator.weighing_bench.receipts import ReceiptLine, asked_untold, receipt_lines
from tebura_simulator.weighing_bench.touching import (
    is_asked,
    items_charged,
    left_g,
    presses_on,
    told_by_touch,
)
from tebura_simulator.weighing_bench.true_steps import TrueStep

AFTER_ACTION_S = 3.0

COMPANY_S = 0.4
"""What turns within so long of a step on its shelf is one action with it (`edge`'s `LINK_S`), and a
plate that was touched rings for about so long."""


class Cause(StrEnum):
    """What was going on where an event is false."""

    ACTION = "action"
    TOUCH = "touch"
    NOTHING = "nothing"


class Verdict(StrEnum):
    """What the gateway would make of a true step if who it was were given.

    `RIGHT` and `WRONG` without a person; of what is told together, all of it. `UNTOLD`: missed, or
    netted with another. `REFILL`: staff's, nobody's line.
    """

    RIGHT = "right"
    WRONG = "wrong"
    ASKED = "asked"
    UNTOLD = "untold"
    REFILL = "refill"


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """A true step and what became of it; `error_g` and `late_s` only where it was found alone.

    `late_s` runs from the plates' settling to the report; `is_alone`: nobody did anything else on
    that shelf meanwhile.
    """

    at_s: float
    kind: str
    shopper: str
    shelf: str
    plates: tuple[str, ...]
    sku: str
    quantity: int
    delta_g: float
    noise_g: float
    fate: Fate
    place: Place
    verdict: Verdict
    error_g: float | None = None
    late_s: float | None = None
    is_alone: bool = False


class ToldLine(msgspec.Struct, frozen=True, kw_only=True):
    """An event. `truth` is empty where it is false, and so is `cause` where it is of something.

    `is_right`: product and quantity of the top candidate; of a piece, those of all pieces together.
    For something foreign: told as foreign. `has_candidate`: the truth is among the candidates.
    `place` is of the only step it is of.
    """

    from_s: float
    to_s: float
    told_s: float
    kind: str
    shelf: str
    plates: tuple[str, ...]
    delta_g: float
    sigma_g: float
    blind: str
    candidates: tuple[tuple[str, int, float], ...]
    probability: float
    truth: tuple[str, ...]
    cause: Cause | None
    is_piece: bool
    is_right: bool
    has_candidate: bool
    is_foreign_truth: bool
    place: Place = Place.NONE
    given: Given | None = None
    """What the gateway would decide if who it was were given."""


class CaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A case of a suite."""

    suite: str
    case: str
    seed: int
    store_s: float
    rate_hz: float
    plates: int
    samples: int
    cpu_s: float
    took_s: float
    steps: tuple[StepLine, ...]
    told: tuple[ToldLine, ...]
    touches: tuple[float, ...] = ()
    """Grams that each touch left behind in events, all of its shelves together; 0 if none."""
    touched_events: int = 0
    touches_charged: tuple[int, ...] = ()
    """Items that each touch would leave on receipts, too many or too few."""
    touches_asked: int = 0
    """Touches about which a person would be asked."""
    plates_sick: int = 0
    passing: int = 0
    """Halves of what came and went; of these a person is asked about `passing_asked`."""
    passing_asked: int = 0
    receipts: tuple[ReceiptLine, ...] = ()
    bill: Bill = Bill()
    failure: str = ""


def case_line(played: Played, took_s: float) -> CaseLine:
    """Compare what was told in a case with what was true."""
    found = matched(played.true, played.told)
    case = played.case
    decided = given(played, found)
    by_touch = told_by_touch(played, found)
    receipts = receipt_lines(found, decided, played.passing)
    seen = {step.number for step in asked_untold(found, decided, played.passing)}
    return CaseLine(
        suite=case.suite,
        case=case.name,
        seed=case.seed,
        store_s=case.story.duration_s,
        rate_hz=played.rate_hz,
        plates=played.plates,
        samples=played.samples,
        cpu_s=played.cpu_s,
        took_s=took_s,
        steps=_step_lines(found, decided, seen, played),
        told=_told_lines(found, played, decided),
        touches=tuple(left_g(told) for told in by_touch),
        touched_events=sum(len(told) for told in by_touch),
        touches_charged=tuple(items_charged(told, decided) for told in by_touch),
        touches_asked=sum(is_asked(told, decided) for told in by_touch),
        plates_sick=len({change.sensor for change in played.health}),
        passing=len(played.passing),
        passing_asked=sum(id(one) in decided for one in played.passing),
        receipts=receipts,
        bill=bill(receipts, found, decided, case.layout),
    )


def _step_lines(
    found: Matching, decided: Mapping[int, Given], seen: AbstractSet[int], played: Played
) -> tuple[StepLine, ...]:
    lines = []
    for group in found.groups:
        became = fate(group)
        for step in group.steps:
            verdict = _verdict(step, group, decided)
            if became is Fate.FOUND:
                one = group.told[0]
                error_g = round(one.event.delta_g - step.delta_g, 3)
                late_s = round(one.told_s - step.settled_s, 3)
                line = _step_line(step, became, verdict)
                is_alone = _is_alone(step, one.told_s, played)
                lines.append(
                    msgspec.structs.replace(line, error_g=error_g, late_s=late_s, is_alone=is_alone)
                )
            else:
                lines.append(_step_line(step, became, verdict))
    untold = [(step, Fate.MISSED) for step in found.missed]
    untold += [(step, Fate.NETTED) for step in found.netted]
    for step, became in untold:
        verdict = Verdict.ASKED if step.number in seen else _untold(step)
        lines.append(_step_line(step, became, verdict))
    return tuple(sorted(lines, key=lambda line: line.at_s))


def _verdict(step: TrueStep, group: Group, decided: Mapping[int, Given]) -> Verdict:
    made = [decided[id(one)] for one in group.told if id(one) in decided]
    if not made or step.kind is ActionKind.REFILL:
        return _untold(step)
    if not all(one.is_decided for one in made):
        return Verdict.ASKED
    return Verdict.RIGHT if all(one.is_right for one in made) else Verdict.WRONG


def _untold(step: TrueStep) -> Verdict:
    return Verdict.REFILL if step.kind is ActionKind.REFILL else Verdict.UNTOLD


def _is_alone(step: TrueStep, told_s: float, played: Played) -> bool:
    """Whether nothing else went on on its shelf from when it began until it was told."""
    others = [
        (other.at_s, other.settled_s)
        for other in played.true
        if other is not step and other.shelf == step.shelf
    ]
    others += [
        (touch.from_s, touch.to_s + COMPANY_S)
        for touch in played.case.story.touches
        if touch.shelf == step.shelf
    ]
    return not any(from_s <= told_s and to_s >= step.at_s - COMPANY_S for from_s, to_s in others)


def _step_line(step: TrueStep, became: Fate, verdict: Verdict) -> StepLine:
    return StepLine(
        at_s=round(step.at_s, 3),
        kind=step.kind.value,
        shopper=step.shopper,
        shelf=step.shelf,
        plates=tuple(step.deltas_g),
        sku=step.sku,
        quantity=step.quantity,
        delta_g=round(step.delta_g, 2),
        noise_g=round(step.noise_g, 2),
        fate=became,
        place=step.place,
        verdict=verdict,
    )


def _told_lines(
    found: Matching, played: Played, decided: Mapping[int, Given]
) -> tuple[ToldLine, ...]:
    def line(one: Told, group: Group | None, cause: Cause | None) -> ToldLine:
        return _told_line(one, group, cause, decided.get(id(one)))

    lines = [line(one, group, None) for group in found.groups for one in group.told]
    lines += [line(one, None, _cause(one, played)) for one in found.false]
    return tuple(sorted(lines, key=lambda line: (line.told_s, line.plates)))


def _told_line(
    one: Told, group: Group | None, cause: Cause | None, decided: Given | None
) -> ToldLine:
    event = one.event
    found = () if isinstance(event, ForeignObject) else guesses(event.candidates, event.log_other)
    return ToldLine(
        from_s=round(one.from_s, 3),
        to_s=round(one.to_s, 3),
        told_s=round(one.told_s, 3),
        kind=_kind(one),
        shelf=event.shelf,
        plates=event.plates,
        delta_g=round(event.delta_g, 2),
        sigma_g=round(event.sigma_g, 3),
        blind=event.blind,
        candidates=tuple((g.sku, g.quantity, round(g.probability, 5)) for g in found[:6]),
        probability=found[0].probability if found else 0.0,
        truth=() if group is None else tuple(_said(step) for step in group.steps),
        cause=cause,
        is_piece=group is not None and len(group.told) > 1,
        is_right=group is not None and _is_right(group),
        has_candidate=group is not None and _has_candidate(group, found),
        is_foreign_truth=group is not None and any(step.is_foreign for step in group.steps),
        place=group.steps[0].place if group is not None and len(group.steps) == 1 else Place.NONE,
        given=decided,
    )


def _kind(one: Told) -> str:
    if isinstance(one.event, ForeignObject):
        return "foreign"
    return "pick" if isinstance(one.event, ItemPicked) else "return"


def _said(step: TrueStep) -> str:
    what = f"{step.quantity} {step.sku}" if step.sku else "thing"
    return f"{step.at_s:.2f} {step.kind.value} {what} {step.delta_g:+.1f} g"


def _is_right(group: Group) -> bool:
    if any(step.is_foreign for step in group.steps):
        return all(isinstance(one.event, ForeignObject) for one in group.told)
    true: dict[str, int] = {}
    for step in group.steps:
        true[step.sku] = true.get(step.sku, 0) - step.sign * step.quantity
    claimed: dict[str, int] = {}
    for one in group.told:
        event = one.event
        found = (
            () if isinstance(event, ForeignObject) else guesses(event.candidates, event.log_other)
        )
        if not found:
            return False
        sign = -1 if event.delta_g > 0 else 1
        claimed[found[0].sku] = claimed.get(found[0].sku, 0) + sign * found[0].quantity
    return _counts(true) == _counts(claimed)


def _counts(items: dict[str, int]) -> dict[str, int]:
    return {sku: count for sku, count in items.items() if count}


def _has_candidate(group: Group, found: tuple[Guess, ...]) -> bool:
    if len({step.sku for step in group.steps}) != 1 or len(group.told) != 1:
        return _is_right(group)
    quantity = abs(sum(step.sign * step.quantity for step in group.steps))
    truth = group.steps[0].sku, quantity
    return _is_right(group) or any((g.sku, g.quantity) == truth for g in found)


def _cause(one: Told, played: Played) -> Cause:
    near = (
        one.from_s - AFTER_ACTION_S <= step.at_s <= one.to_s + 0.5
        for step in played.true
        if step.shelf == one.event.shelf
    )
    if any(near):
        return Cause.ACTION
    if any(presses_on(touch, one) for touch in played.case.story.touches):
        return Cause.TOUCH
    return Cause.NOTHING
