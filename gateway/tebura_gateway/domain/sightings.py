"""Where cameras saw people stand and have their hands, second by second.

The first tells tracks apart and joins them, the second who took what.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Alike, HandSeen, PeopleSeen
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, NodeId, TrackId

from tebura_gateway.domain.facts import Fact

Eye = tuple[NodeId, CameraId]
"""A camera, by the node it hangs on."""
APART_NS = SECOND_NS // 2
"""Between two looks."""
_LEAST_ALIKE, _MOST_ALIKE = 0.05, 3.0
_FARTHEST_M = 10_000.0
"""From a store's corner: no store is larger."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where somebody stood, and how far off that may be each way."""

    xy_m: Xy
    sd_m: float


@dataclass(frozen=True, slots=True)
class Look:
    """Everybody one camera saw at one moment, and pairs it says it had taken for each other.

    `hands` are of the second until then. `alike` says of a track how much likelier clothes make it
    that it is the same person as others of the camera, lost before.
    """

    at_ns: int
    spots: Mapping[TrackId, Spot]
    exchanged: Sequence[tuple[TrackId, TrackId]] = ()
    hands: Mapping[TrackId, Sequence[HandSeen]] = field(default_factory=dict)
    alike: Mapping[TrackId, Mapping[TrackId, float]] = field(default_factory=dict)

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

    def alike(self) -> dict[TrackId, Mapping[TrackId, float]]:
        """What was last told of each track: how much likelier others of its camera are it."""
        found: dict[TrackId, Mapping[TrackId, float]] = {}
        for looks in self.looks.values():
            for look in looks:
                found.update(look.alike)
        return found


def moment_of(at_ns: int) -> int:
    """The nearest half second, counted."""
    return (at_ns + APART_NS // 2) // APART_NS


def sightings_of(facts: Sequence[Fact]) -> Sightings:
    """What cameras told; `facts` in order.

    Where a node's clock was set back it tells of one time twice: the first word counts.
    """
    found: dict[Eye, dict[int, Look]] = {}
    for fact in facts:
        event = fact.event
        if not isinstance(event, PeopleSeen):
            continue
        mine = found.setdefault((fact.id.node, event.camera), {})
        at_ns = int(event.at_ns)
        before = _spots((one.track, one.before_xy_m, one.sd_m) for one in event.people)
        if before:
            mine.setdefault(at_ns - APART_NS, Look(at_ns - APART_NS, before))
        spots = _spots((one.track, one.foot_xy_m, one.sd_m) for one in event.people)
        exchanged = tuple(pair for pair in event.exchanged if _are_two_of(pair, spots))
        hands = {one.track: told for one in event.people if (told := _hands(one.hands))}
        alike = {one.track: like for one in event.people if (like := _alike(one.alike))}
        mine.setdefault(at_ns, Look(at_ns, spots, exchanged, hands, alike))
    return Sightings(
        {eye: [looks[at_ns] for at_ns in sorted(looks)] for eye, looks in found.items()}
    )


def _are_two_of(pair: tuple[TrackId, TrackId], spots: Mapping[TrackId, Spot]) -> bool:
    """Nobody is taken for themselves, and a camera only speaks of whom it sees."""
    return pair[0] != pair[1] and spots.keys() >= set(pair)


def _hands(told: Iterable[HandSeen]) -> tuple[HandSeen, ...]:
    """What can be a hand in a shelf."""
    return tuple(hand for hand in told if 0.0 < hand.probability <= 1.0 and math.isfinite(hand.x_m))


def _alike(told: Iterable[Alike]) -> dict[TrackId, float]:
    """What can be a ratio, and no surer than clothes ever are."""
    return {
        one.track: min(_MOST_ALIKE, max(_LEAST_ALIKE, one.ratio))
        for one in told
        if math.isfinite(one.ratio)
    }


def _spots(told: Iterable[tuple[TrackId, Xy | None, float]]) -> dict[TrackId, Spot]:
    """What can be a place in a store; nothing else is reckoned with."""
    return {
        track: Spot(xy_m, sd_m)
        for track, xy_m, sd_m in told
        if xy_m is not None and math.hypot(*xy_m) <= _FARTHEST_M and 0.0 <= sd_m <= _FARTHEST_M
    }
