"""Decides the steps of a window one after the other, and need not begin anew at each event.

A judgement is a function of all facts of its window, of which a busy store has thousands, and one
more comes every second. Who walks goes on from where everything is as it was: the same facts, read
in the same way, up to a time that no step decided so far looks beyond. Where anything differs, all
of it is decided anew, so what comes out never depends on what was remembered.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import ForeignObject, ItemPicked, ItemReturned, began_ns
from tebura_contract.ids import EventId, NodeId, ShelfId
from tebura_contract.layout import Layout

from tebura_gateway.domain.bench import Bench
from tebura_gateway.domain.blindness import Outage, outages_until
from tebura_gateway.domain.decision import Decision, Ruling
from tebura_gateway.domain.facts import Fact, Step
from tebura_gateway.domain.places import Places
from tebura_gateway.domain.presence import Presence
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.visiting import NEVER_NS
from tebura_gateway.domain.who import NO_REACHES, ShelfReaches, reaches_by_shelf, who_took

LAG_NS = 8 * SECOND_NS
"""How far behind the newest fact it stops to remember: what is newer, others may still add to."""
_BESIDE = 16
"""So many steps before one are looked at for what else a hand may have been there for."""
STRIDE = 64
"""Steps after which it remembers where it is, should a later one wait for a node's word."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What steps are decided by; `facts` in order."""

    facts: Sequence[Fact]
    presence: Presence
    outages: Sequence[Outage]
    layout: Layout
    through_ns: Mapping[NodeId, int]
    settings: JudgementSettings
    rulings: Mapping[EventId, Ruling]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it stopped: after `done` steps, none of which looks beyond `until_ns`.

    `facts` are those that began by then; the rest is what was true of that time.
    """

    done: int
    until_ns: int
    bench: Bench
    facts: Sequence[Fact]
    presence: object
    outages: Sequence[Outage]
    seen: Seen

    def is_on_the_way(self, seen: Seen) -> bool:
        """Whether everything up to here is as it was."""
        was = self.seen
        return (
            seen.layout is was.layout
            and seen.settings == was.settings
            and seen.rulings == was.rulings
            and _have_said_as_much(seen.through_ns, was.through_ns)
            and seen.facts[: len(self.facts)] == self.facts
            and outages_until(seen.outages, self.until_ns) == self.outages
            and seen.presence.until(self.until_ns) == self.presence
        )


@dataclass(slots=True)
class Walk:
    """Remembers one place on the way; for one store, and one judgement after the other."""

    lag_ns: int = LAG_NS
    _place: _Place | None = field(default=None)
    # Of the last one, how many steps it decided; the others were as before.
    decided: int = 0

    def over(self, seen: Seen) -> dict[EventId, Decision]:
        """Decide all steps."""
        steps = [(fact, event) for fact in seen.facts if (event := _step(fact)) is not None]
        reaches = reaches_by_shelf(seen.facts)
        if self._place is not None and self._place.is_on_the_way(seen):
            done = self._place.done
            bench = self._place.bench.going_on(seen.through_ns, seen.outages)
        else:
            self._place, done = None, 0
            bench = Bench(seen.layout, seen.through_ns, seen.settings, seen.outages, seen.rulings)
        places = Places.of(seen.layout)
        stops = self._stops(seen, steps, reaches, done)
        stop = next(stops, None)
        for index in range(done, len(steps)):
            fact, step = steps[index]
            there = reaches.get(step.shelf, NO_REACHES)
            before = [one for _, one in steps[max(0, index - _BESIDE) : index]]
            who = who_took(
                fact,
                step,
                seen.presence,
                there,
                [one for one in before if one.shelf == step.shelf],
                seen.layout,
                places,
                seen.settings,
            )
            bench.decide(fact, step, who)
            if stop is not None and stop[0] == index + 1:
                if not bench.waits:
                    self._place = _stop(seen, bench, *stop)
                stop = next(stops, None)
        self.decided = len(steps) - done
        return bench.decisions

    def _stops(
        self,
        seen: Seen,
        steps: Sequence[tuple[Fact, Step]],
        reaches: Mapping[ShelfId, ShelfReaches],
        done: int,
    ) -> Iterator[tuple[int, int]]:
        """After how many steps to remember, and how far those look at most."""
        # What is flagged may be of any time.
        sound = (_began_ns(fact) for fact in reversed(seen.facts) if not fact.flags)
        newest_ns = next(sound, NEVER_NS) - self.lag_ns
        after_ns = round(seen.settings.reach_after_s * SECOND_NS)
        looks_ns = (
            step.to_ns
            + fact.uncertainty_ns
            + after_ns
            + reaches.get(step.shelf, NO_REACHES).longest_ns
            for fact, step in steps
        )
        until = [ns for ns in accumulate(looks_ns, max) if ns <= newest_ns]
        # Beyond this, steps wait for somebody's word.
        heard_ns = min(seen.through_ns.values(), default=NEVER_NS)
        heard_ns -= round(seen.settings.slack_s * SECOND_NS)
        heard = sum(ns <= heard_ns for ns in until)
        for count in range(done + 1, len(until) + 1):
            if count % STRIDE == 0 or count in (heard, len(until)):
                yield count, until[count - 1]


def _have_said_as_much(now: Mapping[NodeId, int], then: Mapping[NodeId, int]) -> bool:
    return all(now.get(node, NEVER_NS) >= through_ns for node, through_ns in then.items())


def _stop(seen: Seen, bench: Bench, done: int, until_ns: int) -> _Place:
    begun = bisect_right(seen.facts, until_ns, key=_began_ns)
    # What the store holds changes in place.
    was = replace(seen, through_ns=dict(seen.through_ns), rulings=dict(seen.rulings))
    return _Place(
        done=done,
        until_ns=until_ns,
        bench=bench.going_on(seen.through_ns, seen.outages),
        facts=seen.facts[:begun],
        presence=seen.presence.until(until_ns),
        outages=outages_until(seen.outages, until_ns),
        seen=was,
    )


def _began_ns(fact: Fact) -> int:
    return int(began_ns(fact.event))


def _step(fact: Fact) -> Step | None:
    event = fact.event
    return event if isinstance(event, ItemPicked | ItemReturned | ForeignObject) else None
