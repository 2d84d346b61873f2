"""The behaviour report: of every recording what differs, as text, as JSON lines and as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec
from tebura_contract.codec import encode
from tebura_contract.truth import Outcome

from tebura_simulator.behaviour.changes import Change, Way
from tebura_simulator.behaviour.strips import AFTER_S, BEFORE_S, HIGH_PX, WIDE_PX, Strip
from tebura_simulator.pages import template

_HERE: Final = Path(__file__).parent
SIGNS: Final = {Way.GAINED: "+", Way.LOST: "−", Way.MOVED: "~"}


@dataclass(frozen=True)
class Compared:
    """One recording: what differs with the strips around it, or why it could not be compared."""

    recording: str
    changes: tuple[Change, ...] = ()
    strips: tuple[tuple[Strip, ...], ...] = ()
    events: int = 0
    problems: tuple[str, ...] = ()

    def by_visit(self) -> Iterator[tuple[str, list[tuple[Change, tuple[Strip, ...]]]]]:
        pairs = zip(self.changes, self.strips, strict=True)
        for visit, group in groupby(pairs, key=lambda pair: pair[0].visit):
            yield visit, list(group)


class VisitChanges(msgspec.Struct, frozen=True, kw_only=True):
    visit: str
    gained: tuple[Outcome, ...]
    lost: tuple[Outcome, ...]
    moved: tuple[Change, ...]


class RecordingChanges(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``diff --json``; `problems` says why a side told nothing."""

    recording: str
    is_same: bool
    visits: tuple[VisitChanges, ...]
    problems: tuple[str, ...]


def as_json(one: Compared) -> str:
    """One line a recording."""
    visits = tuple(
        VisitChanges(
            visit=visit,
            gained=tuple(c.now for c, _ in pairs if c.way is Way.GAINED and c.now),
            lost=tuple(c.was for c, _ in pairs if c.way is Way.LOST and c.was),
            moved=tuple(c for c, _ in pairs if c.way is Way.MOVED),
        )
        for visit, pairs in one.by_visit()
    )
    return encode(
        RecordingChanges(
            recording=one.recording,
            is_same=not visits and not one.problems,
            visits=visits,
            problems=one.problems,
        )
    ).decode()


def as_text(one: Compared) -> Iterator[str]:
    """Lines for a terminal; a recording that is the same takes one."""
    if not one.changes and not one.problems:
        yield f"{one.recording}: same, {one.events} events"
        return
    ways = [change.way for change in one.changes]
    said = ", ".join(f"{ways.count(way)} {way}" for way in Way if way in ways)
    yield f"{one.recording}: {said or 'not compared'}"
    for problem in one.problems:
        yield f"  ! {problem}"
    for visit, pairs in one.by_visit():
        yield f"  visit {visit}"
        for change, shown in pairs:
            yield f"    {SIGNS[change.way]} {change.way} {sentence(change)}"
            for strip in shown:
                yield f"      {strip.as_text()}  {strip.plate} {levels(strip)}"


def levels(strip: Strip) -> str:
    """The first and the last weight of a strip."""
    settled = strip.settled_g()
    return "not read" if settled is None else f"{settled[0]:.0f} → {settled[1]:.0f} g"


def sentence(change: Change) -> str:
    """What happened to one event, in words."""
    event, was, now = change.either, change.was, change.now
    place = f"{event.gondola}/{event.shelf}"
    if was is None or now is None:
        return f"{event.time_s:.2f} s {place}: {_words(event)}"
    when = f"{was.time_s:.2f} → " if "time" in change.what else ""
    what = ", ".join(change.what)
    return f"{when}{now.time_s:.2f} s {place} ({what}): {_words(was)} → {_words(now)}"


def as_page(revision: str, compared: Sequence[Compared]) -> str:
    """All of it as one HTML page that needs nothing else."""
    return template(_HERE / "report.html").render(
        revision=revision,
        compared=compared,
        signs=SIGNS,
        sentence=sentence,
        levels=levels,
        wide=WIDE_PX,
        high=HIGH_PX,
        event_x=BEFORE_S / (BEFORE_S + AFTER_S) * WIDE_PX,
    )


def _words(event: Outcome) -> str:
    what = f"{event.quantity} × {event.sku}" if event.sku else "?"
    return f"{event.kind} {what} {event.confidence:.0%} {event.visit or 'nobody'}"
