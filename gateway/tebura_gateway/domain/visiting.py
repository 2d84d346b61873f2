"""Those who passed a gate: a visit's people as they are worked out, and how the visit ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import ShopperEntered, ShopperLeft
from tebura_contract.ids import EventId, GateId, MemberId, VisitId, visit_id

from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.tracks import Track

NEVER_NS = -(2**62)
"""The watermark of a node that has not spoken."""


class Doubt(StrEnum):
    """Why a visit as a whole needs a person: its end was not seen."""

    NOT_SEEN_LEAVING = "not-seen-leaving"
    ENTERED_AGAIN = "entered-again"
    TOO_LONG = "too-long"
    NOT_PAID = "not-paid"  # a walk-up who left without paying at the exit screen


@dataclass(slots=True)
class Person:
    """One who passed the gate in; a group's visit has several."""

    entry: EventId
    gate: GateId
    at_ns: int
    uncertainty_ns: int
    tracks: list[Track] = field(default_factory=list)
    left_ns: int | None = None
    is_walk_up: bool = False

    def last(self) -> Track | None:
        """The track that reaches furthest; one still going on reaches furthest of all."""
        return max(self.tracks, key=lambda t: (end_ns(t), t.id), default=None)

    def is_lost(self, at_ns: int) -> bool:
        """In the store as far as anyone knows, and in nobody's sight."""
        is_inside = self.at_ns <= at_ns and (self.left_ns is None or at_ns < self.left_ns)
        return is_inside and not any(track.is_live(at_ns) for track in self.tracks)


@dataclass(slots=True)
class VisitDraft:
    id: VisitId
    member: MemberId
    people: list[Person]
    left_ns: int | None = None
    doubt: Doubt | None = None


def entries_of(facts: Sequence[Fact]) -> tuple[dict[VisitId, VisitDraft], list[Person]]:
    drafts: dict[VisitId, VisitDraft] = {}
    people = []
    for fact in facts:
        event = fact.event
        if not isinstance(event, ShopperEntered):
            continue
        person = Person(fact.id, event.gate, int(event.at_ns), fact.uncertainty_ns)
        people.append(person)
        joined = drafts.get(event.joins) if event.joins is not None else None
        if joined is not None and joined.member == event.member:
            joined.people.append(person)
        else:
            name = visit_id(fact.id)
            drafts[name] = VisitDraft(name, event.member, [person])
    return drafts, people


def leave_by_code(drafts: Mapping[VisitId, VisitDraft], facts: Sequence[Fact]) -> None:
    """Close visits whose member showed a code at an exit, or came in once more."""
    begun: dict[MemberId, list[VisitDraft]] = {}
    for fact in facts:
        event = fact.event
        if isinstance(event, ShopperLeft):
            for draft in _open_of(begun, event.member, int(event.at_ns)):
                draft.left_ns = int(event.at_ns)
        elif isinstance(event, ShopperEntered):
            opened = visit_id(fact.id)
            for draft in _open_of(begun, event.member, int(event.at_ns)):
                if opened in drafts and draft.id != opened and draft.doubt is None:
                    # Whether the first one left unseen or a friend came in through another
                    # gate cannot be told: a person decides.
                    draft.left_ns = int(event.at_ns)
                    draft.doubt = Doubt.ENTERED_AGAIN
            if opened in drafts:
                begun.setdefault(drafts[opened].member, []).append(drafts[opened])
    for draft in drafts.values():
        for person in draft.people:
            person.left_ns = draft.left_ns


def _open_of(
    begun: dict[MemberId, list[VisitDraft]], member: MemberId | None, at_ns: int
) -> list[VisitDraft]:
    """The open visits of a member, or the only open one of all where nobody knows who left."""
    found: list[VisitDraft] = []
    for known in list(begun) if member is None else [member]:
        begun[known] = [draft for draft in begun.get(known, []) if draft.left_ns is None]
        found += [draft for draft in begun[known] if draft.people[0].at_ns < at_ns]
    if member is None:
        return found if len(found) == 1 and len(found[0].people) == 1 else []
    return found


def close_by_hand(drafts: Mapping[VisitId, VisitDraft], closed: Mapping[VisitId, int]) -> None:
    for name, at_ns in closed.items():
        draft = drafts.get(name)
        if draft is not None and (draft.left_ns is None or at_ns < draft.left_ns):
            draft.left_ns, draft.doubt = at_ns, None


def has_left(person: Person, exits: frozenset[GateId]) -> bool:
    last = person.last()
    return last is not None and last.was_last_at(exits) and went_in(person)


def went_in(person: Person) -> bool:
    """Whether the person was seen outside the gate's zone after entering, and in one again."""
    outside_ns = [
        stay.to_ns
        for track in person.tracks
        for stay in track.stays
        if stay.to_ns is not None and stay.to_ns > person.at_ns
    ] + [
        track.started_ns
        for track in person.tracks
        if track.started_ns > person.at_ns
        and not any(stay.from_ns <= track.started_ns for stay in track.stays)
    ]
    first_ns = min(outside_ns, default=2**62)
    return any(
        stay.from_ns > first_ns + 2 * SECOND_NS for track in person.tracks for stay in track.stays
    )


def end_ns(track: Track) -> int:
    return 2**62 if track.ended_ns is None else track.ended_ns
