"""Everybody in the store as the cameras together tell: who is who, and who stands where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import GateId, TrackId

from tebura_gateway.domain.beliefs import Beliefs, beliefs_of
from tebura_gateway.domain.bodies import Bodies, bodies_of
from tebura_gateway.domain.companions import companions_of
from tebura_gateway.domain.doorstep import handed_over
from tebura_gateway.domain.sightings import Look, Sightings, Spot, moment_of
from tebura_gateway.domain.strands import strands_of
from tebura_gateway.domain.straying import strayings_of
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.tracks import Track
from tebura_gateway.domain.visiting import Person

LOOKS_AHEAD_NS = 4 * SECOND_NS
"""What it answers about a time rests on what was seen until so much later: on where people stood
half a second off, and on who stood together within three seconds of that."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """What follows from where people were seen to stand."""

    bodies: Bodies
    beliefs: Beliefs
    _looks: Mapping[int, Sequence[Look]]

    def around(self, at_ns: int) -> Sequence[Look]:
        """Looks just then, or where there are none half a second off."""
        moment = moment_of(at_ns)
        for near in (moment, moment - 1, moment + 1):
            if near in self._looks:
                return self._looks[near]
        return ()

    def until(self, at_ns: int) -> object:
        """All that was seen until then and is rested on, to be compared.

        Of where people stood only the last of it, beyond what the facts of the time before tell.
        """
        first, last = moment_of(at_ns - LOOKS_AHEAD_NS) - 2, moment_of(at_ns)
        looks = {when: looks for when, looks in self._looks.items() if first <= when <= last}
        return self.beliefs.until(at_ns), looks

    def spot(self, track: TrackId, at_ns: int) -> Spot | None:
        """Where a track was seen then."""
        found = [look.spots[track] for look in self.around(at_ns) if track in look.spots]
        return found[0] if found else None


def crowd_of(
    tracks: Mapping[TrackId, Track],
    sightings: Sightings,
    exits: frozenset[GateId],
    entries: Sequence[Person],
    settings: JudgementSettings,
) -> Crowd:
    """Undo exchanges, join cameras and broken tracks, and say how sure that is.

    `entries` are those who were let in, by time.
    """
    strands = strands_of(tracks, sightings)
    for found in strayings_of(sightings, strands):
        strands = strands.cut(
            found.track, found.at_ns, found.from_m, found.to_m, left_ns=found.left_ns
        )
    strands = handed_over(strands, sightings, entries, round(settings.entry_s * SECOND_NS))
    bodies = bodies_of(strands, sightings, exits)
    beliefs = beliefs_of(strands, companions_of(sightings, strands), bodies)
    return Crowd(bodies, beliefs, sightings.by_moment())
