"""Where cameras saw people stand, second by second: what tells tracks apart and joins them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import PeopleSeen
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, NodeId, TrackId

from tebura_gateway.domain.facts import Fact

Eye = tuple[NodeId, CameraId]
"""A camera, by the node it hangs on."""
APART_NS = SECOND_NS // 2
"""Between two looks."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where somebody stood, and how far off that may be each way."""

    xy_m: Xy
    sd_m: float


@dataclass(frozen=True, slots=True)
class Look:
    """Everybody one camera saw at one moment."""

    at_ns: int
    spots: Mapping[TrackId, Spot]

    @property
    def moment(self) -> int:
        """Looks of two cameras in the same half second were taken together."""
        return moment_of(self.at_ns)


@dataclass(frozen=True, slots=True)
class Sightings:
    """All looks of each camera, in order of time; empty where nodes do not tell."""

    looks: Mapping[Eye, Sequence[Look]] = field(default_factory=dict)

    def by_moment(self) -> dict[int, list[Look]]:
        """The looks of all cameras that were taken together."""
        found: dict[int, list[Look]] = {}
        for looks in self.looks.values():
            for look in looks:
                found.setdefault(look.moment, []).append(look)
        return found


def moment_of(at_ns: int) -> int:
    """The nearest half second, counted."""
    return (at_ns + APART_NS // 2) // APART_NS


def sightings_of(facts: Sequence[Fact]) -> Sightings:
    """What cameras told; `facts` in order."""
    looks: dict[Eye, list[Look]] = {}
    for fact in facts:
        event = fact.event
        if not isinstance(event, PeopleSeen):
            continue
        mine = looks.setdefault((fact.id.node, event.camera), [])
        before = {
            one.track: Spot(one.before_xy_m, one.sd_m)
            for one in event.people
            if one.before_xy_m is not None
        }
        if before:
            mine.append(Look(int(event.at_ns) - APART_NS, before))
        spots = {one.track: Spot(one.foot_xy_m, one.sd_m) for one in event.people}
        mine.append(Look(int(event.at_ns), spots))
    return Sightings(looks)
