"""Everybody in the store as the cameras together tell: who is who, and who stands where."""

from collections.abc import Iterator, Mapping, Sequence
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
a second off, and on who stood together within three seconds of that."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """What follows from where people were seen to stand."""

    bodies: Bodies
    beliefs: Beliefs
    _looks: Mapping[int, Sequence[Look]]

    def standing(self, at_ns: int) -> Mapping[TrackId, tuple[Spot, int]]:
        """Where each track was seen just then, or else up to a second off, and when that was."""
        found: dict[TrackId, tuple[Spot, int]] = {}
        moment = moment_of(at_ns)
        for near in sorted(range(moment - 2, moment + 3), key=lambda one: abs(one - moment)):
            for look in self._looks.get(near, ()):
                for track, spot in look.spots.items():
                    found.setdefault(track, (spot, look.at_ns))
        return found

    def within(self, from_ns: int, to_ns: int) -> Iterator[Look]:
        """Looks at moments from one time to another, in order."""
        for moment in range(moment_of(from_ns), moment_of(to_ns) + 1):
            yield from self._looks.get(moment, ())

    def until(self, at_ns: int) -> object:
        """All that was seen until then and is rested on, to be compared.

        Of where people stood only the last of it, beyond what the facts of the time before tell.
        """
        first, last = moment_of(at_ns - LOOKS_AHEAD_NS) - 2, moment_of(at_ns)
        looks = {when: looks for when, looks in self._looks.items() if first <= when <= last}
        return self.beliefs.until(at_ns), looks

    def spot(self, track: TrackId, at_ns: int) -> Spot | None:
        """Where a track was seen then."""
        spot, _ = self.standing(at_ns).get(track, (None, at_ns))
        return spot


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
