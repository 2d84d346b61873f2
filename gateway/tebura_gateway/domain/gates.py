"""Whose track is whose at the gate: who stood in its zone when a code was read."""

from collections.abc import Mapping, Sequence
from typing import Final

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import GateId, NodeId, TrackId

from tebura_gateway.domain.spans import Spans
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.tracks import Track, away_from_stay_ns
from tebura_gateway.domain.visiting import Person

AT_THE_DOOR_NS = SECOND_NS
"""Who is seen no longer than this before they are in the zone came in by its door."""
NOBODY: Final[Spans[Track]] = Spans(())


def bind_at_gates(
    people: Sequence[Person],
    tracks: Mapping[TrackId, Track],
    settings: JudgementSettings,
    are_bodies: bool = False,
) -> set[TrackId]:
    """Give each entry the track that stood in the zone, one a camera; say which tossed up."""
    reach_ns = round(settings.entry_s * SECOND_NS)
    taken: set[TrackId] = set()
    unsure: set[TrackId] = set()
    in_zone = in_zones(tracks)
    for person, next_ns in zip(people, _next_entries_ns(people), strict=True):
        by_seer: dict[tuple[NodeId, str], list[tuple[int, int, TrackId]]] = {}
        near = in_zone.get(person.gate, NOBODY)
        for track in near.during(person.at_ns - reach_ns, person.at_ns + reach_ns):
            away_ns = away_from_stay_ns(track, person.gate, person.at_ns)
            if track.id not in taken and away_ns is not None and away_ns <= reach_ns:
                # Two that were both near enough, as far as the clocks tell, are a toss-up.
                near_ns = max(0, away_ns - person.uncertainty_ns)
                seer = (NodeId(""), "") if are_bodies else (track.node, track.camera or "")
                by_seer.setdefault(seer, []).append(
                    (near_ns, _came_ns(track, person.gate), track.id)
                )
        for found in by_seer.values():
            if are_bodies:
                coming = [
                    one for one in found if is_coming(tracks[one[2]], person.gate, person.at_ns)
                ]
                found = coming or found
            found.sort()
            first = [name for near_ns, _, name in found if near_ns == found[0][0]]
            # Who showed the code walks on; who still queues stays until their own code.
            walked_on = [name for name in first if _left_zone(tracks[name], person, next_ns)]
            chosen = walked_on[0] if len(walked_on) == 1 else first[0]
            if len(first) > 1 and len(walked_on) != 1:
                unsure.update(first)
            taken.add(chosen)
            person.tracks.append(tracks[chosen])
    return unsure


def in_zones(tracks: Mapping[TrackId, Track]) -> dict[GateId, Spans[Track]]:
    """The tracks that stood in each gate's zone, from their first time there to their last."""
    found: dict[GateId, list[tuple[int, int | None, Track]]] = {}
    for track in tracks.values():
        for gate in {stay.gate for stay in track.stays}:
            stays = [stay for stay in track.stays if stay.gate == gate]
            ends = [track.ended_ns if stay.to_ns is None else stay.to_ns for stay in stays]
            known = [end_ns for end_ns in ends if end_ns is not None]
            to_ns = max(known) if len(known) == len(ends) else None
            found.setdefault(gate, []).append((stays[0].from_ns, to_ns, track))
    return {gate: Spans(spans) for gate, spans in found.items()}


def is_coming(track: Track, gate: GateId, at_ns: int) -> bool:
    """Whether somebody came in and has not been farther in the store yet: not on the way out."""
    first = min((stay for stay in track.stays if stay.gate == gate), key=lambda s: s.from_ns)
    is_from_door = first.from_ns - track.started_ns <= AT_THE_DOOR_NS
    until_ns = track.ended_ns if first.to_ns is None else first.to_ns
    return is_from_door and (until_ns is None or until_ns >= at_ns - AT_THE_DOOR_NS)


def _next_entries_ns(people: Sequence[Person]) -> list[int]:
    """For each entry, when the next one at the same gate was."""
    next_ns: dict[GateId, int] = {}
    found = []
    for person in reversed(people):
        found.append(next_ns.get(person.gate, 2**62))
        next_ns[person.gate] = min(person.at_ns, found[-1])
    return found[::-1]


def _came_ns(track: Track, gate: GateId) -> int:
    return min(stay.from_ns for stay in track.stays if stay.gate == gate)


def _left_zone(track: Track, person: Person, before_ns: int) -> bool:
    return any(
        stay.gate == person.gate
        and stay.to_ns is not None
        and person.at_ns <= stay.to_ns < before_ns
        for stay in track.stays
    )
