"""What was said and what was true, as marks in time."""

from collections.abc import Mapping, Sequence

from tebura_contract.clock import seconds
from tebura_contract.events import NodeStarted, Reach, SensorChanged, SensorState
from tebura_contract.ids import NodeId, TrackId, VisitId
from tebura_contract.truth import OutcomeKind, TrueEvent, Truth
from tebura_gateway.domain.decision import Decision
from tebura_gateway.domain.facts import Fact, in_order

from tebura_simulator.outcomes import outcome
from tebura_simulator.scoring.matching import NEAR_S, matches
from tebura_simulator.story.scenario import FaultScript
from tebura_simulator.view.scene import Guess, Hand, Mark, Trouble, TrueMark
from tebura_simulator.view.watching import Watched

MOST_GUESSES = 4
Names = Mapping[str, str]


def marks_of(
    watched: Watched, truth: Truth | None, names: Names, accounts: Mapping[VisitId, str]
) -> tuple[tuple[Mark, ...], tuple[TrueMark, ...]]:
    """The replay's steps and the true events, each told whether the other side has it."""
    start_ns = watched.replay.start_ns
    decisions = sorted(
        watched.replay.judgement.decisions.values(), key=lambda d: (d.from_ns, str(d.id))
    )
    lines = [outcome(decision, start_ns) for decision in decisions]
    claims = [n for n, line in enumerate(lines) if line.kind in (_PICK, _RETURN)]
    events = truth.events if truth else ()
    pairs = matches(events, [lines[n] for n in claims])
    verdicts = {
        claims[c]: _verdict(events[t], accounts.get(decisions[claims[c]].visit or VisitId("")))
        for t, c in pairs
    }
    found = {t for t, _ in pairs}
    marks = tuple(
        _mark(
            decision,
            watched,
            names,
            "" if truth is None or n not in claims else verdicts.get(n, "wrong"),
        )
        for n, decision in enumerate(decisions)
    )
    return marks, tuple(
        _true_mark(event, names, "found" if number in found else _unfound(event, marks))
        for number, event in enumerate(events)
    )


def _verdict(event: TrueEvent, who: str | None) -> str:
    return "right" if event.shopper in ("", who) else "wrong person"


_PICK, _RETURN = OutcomeKind.PICK, OutcomeKind.RETURN


def _mark(decision: Decision, watched: Watched, names: Names, verdict: str) -> Mark:
    start_ns = watched.replay.start_ns
    line = outcome(decision, start_ns)
    known_ns = watched.replay.decided_ns.get(decision.id, watched.end_ns)
    return Mark(
        kind=line.kind.value,
        shelf=decision.shelf,
        plates=decision.plates,
        from_s=line.time_s,
        to_s=_s(decision.to_ns - start_ns),
        known_s=_s(min(known_ns, watched.end_ns) - start_ns),
        name=names.get(str(decision.sku), str(decision.sku or "")),
        quantity=abs(decision.quantity),
        delta_g=line.delta_g,
        confidence=line.confidence,
        guesses=tuple(
            Guess(
                name=names.get(guess.sku, guess.sku),
                quantity=guess.quantity,
                probability=guess.probability,
            )
            for guess in line.candidates[:MOST_GUESSES]
        ),
        visit=str(decision.visit or ""),
        track=str(decision.track or ""),
        reason=" ".join(part for part in (decision.reason.value, decision.detail) if part),
        verdict=verdict,
    )


def _unfound(event: TrueEvent, marks: Sequence[Mark]) -> str:
    """Whether the replay left what happened here to a person, or saw nothing."""
    shelf = f"{event.gondola}/{event.shelf}"
    is_asked = any(
        mark.kind == OutcomeKind.REVIEW
        and mark.shelf == shelf
        and mark.from_s - NEAR_S <= event.time_s <= mark.to_s + NEAR_S
        for mark in marks
    )
    return "asked" if is_asked else "missed"


def _true_mark(event: TrueEvent, names: Names, state: str) -> TrueMark:
    shelf = f"{event.gondola}/{event.shelf}"
    return TrueMark(
        kind=event.kind.value,
        shelf=shelf,
        plates=tuple(f"{shelf}/{plate}" for plate in event.plates),
        at_s=event.time_s,
        name=names.get(event.sku, event.sku),
        quantity=event.quantity,
        who=event.shopper,
        state=state,
    )


def hands_of(
    facts: Sequence[Fact], start_ns: int, owner: Mapping[TrackId, VisitId]
) -> tuple[Hand, ...]:
    """Every reach once (a repeated message is no second one), in order of time."""
    reaches = [fact.event for fact in in_order(facts) if isinstance(fact.event, Reach)]
    return tuple(
        Hand(
            shelf=reach.shelf,
            track=reach.track,
            visit=str(owner.get(reach.track, "")),
            from_s=_s(reach.from_ns - start_ns),
            to_s=_s(reach.to_ns - start_ns),
            camera=reach.camera,
            confidence=reach.confidence,
        )
        for reach in reaches
    )


def troubles_of(
    watched: Watched, faults: Sequence[FaultScript], end_s: float
) -> tuple[Trouble, ...]:
    """When sensors were blind and nodes away, and what the scenario broke."""
    start_ns = watched.replay.start_ns
    found = []
    began: dict[tuple[NodeId, str], tuple[SensorChanged, float]] = {}
    for fact in in_order(watched.replay.facts):
        match fact.event:
            case SensorChanged() as change:
                key = (fact.id.node, change.sensor)
                at_s = _s(change.since_ns - start_ns)
                if change.state is SensorState.BLIND:
                    began.setdefault(key, (change, at_s))
                elif key in began:
                    found.append(_blind(*began.pop(key), at_s))
            case NodeStarted(last_alive_ns=last_ns) as start if last_ns is not None:
                from_s, to_s = _s(last_ns - start_ns), _s(start.at_ns - start_ns)
                why = f"away for {to_s - from_s:.1f} s"
                what = f"node {fact.id.node} off"
                found.append(
                    Trouble(what=what, why=why, from_s=from_s, to_s=to_s, shelves=start.shelves)
                )
            case _:
                pass
    found += [_blind(change, at_s, end_s) for change, at_s in began.values()]
    found += [_planted(fault, end_s) for fault in faults]
    return tuple(sorted(found, key=lambda trouble: (trouble.from_s, trouble.what)))


def _blind(change: SensorChanged, from_s: float, to_s: float) -> Trouble:
    what = f"{change.sensor_kind.value} {change.sensor} blind"
    return Trouble(what=what, why=change.reason, from_s=from_s, to_s=to_s, shelves=change.shelves)


def _planted(fault: FaultScript, end_s: float) -> Trouble:
    from_s = fault.at_s or 0.0
    to_s = from_s + fault.for_s if fault.for_s else end_s
    what = f"planted: {fault.kind.value.replace('-', ' ')} {fault.on or ''}".strip()
    why = "the scenario broke it" + (f", {fault.size:g}" if fault.size is not None else "")
    shelves = (fault.on,) if fault.on and "/" in fault.on else ()
    return Trouble(what=what, why=why, from_s=from_s, to_s=to_s, shelves=shelves)


def _s(span_ns: int) -> float:
    return round(seconds(span_ns), 3)
