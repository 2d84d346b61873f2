"""The shop of the gateway's tests with a second camera, where both tell how people stand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tebura_contract.events import Alike, HandSeen, PeopleSeen, Seen, TrackEnded, TrackStarted
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, NodeId, TrackId, VisitId, track_id
from tebura_gateway.domain.facts import Fact, in_order
from tebura_gateway.domain.presence import Presence, presence_of
from tebura_gateway.domain.tolerances import JudgementSettings

from tests.gateway.shop import CAMERA, Script, layout, ns, through

SHOP = layout()
AISLE, BACK = CameraId("aisle"), CameraId("back")
SECOND_NODE = NodeId("camera-2")
HERE, THERE = (3.0, 2.0), (5.0, 2.0)
Path = Callable[[float], Xy]
NO_HANDS: Final[Mapping[TrackId, tuple[HandSeen, ...]]] = MappingProxyType({})
NONE_ALIKE: Final[Mapping[TrackId, tuple[Alike, ...]]] = MappingProxyType({})


def stays(xy_m: Xy) -> Path:
    return lambda _: xy_m


def walks(from_m: Xy, to_m: Xy, from_s: float, to_s: float) -> Path:
    """Straight and evenly, standing before and after."""

    def at(at_s: float) -> Xy:
        share = min(1.0, max(0.0, (at_s - from_s) / (to_s - from_s)))
        x, y = (a + share * (b - a) for a, b in zip(from_m, to_m, strict=True))
        return x, y

    return at


@dataclass
class Sighted(Script):
    """The same shop with a second camera; both tell where people stand."""

    paths: dict[TrackId, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.boots[SECOND_NODE] = 1

    def comes_in(self, n: int, at_s: float, to_m: Xy) -> TrackId:
        """From the door, a code shown a second later, to a place five seconds after."""
        name = self.walk_in(n, at_s)
        self.paths[name] = walks((0.0, 0.0), to_m, at_s + 1.5, at_s + 5.0)
        return name

    def begins(self, n: int, at_s: float, path: Path, node: NodeId = CAMERA) -> TrackId:
        name = track_id(node, self.boots[node], n)
        camera = AISLE if node == CAMERA else BACK
        started = TrackStarted(track=name, camera=camera, at_ns=ns(at_s), foot_xy_m=path(at_s))
        self.say(node, started)
        self.paths[name] = path
        return name

    def breaks(self, track: TrackId, at_s: float) -> None:
        self.say(CAMERA, TrackEnded(track=track, at_ns=ns(at_s), foot_xy_m=self.paths[track](at_s)))

    def look(
        self,
        from_s: int,
        to_s: int,
        *tracks: TrackId,
        node: NodeId = CAMERA,
        hands: Mapping[TrackId, tuple[HandSeen, ...]] = NO_HANDS,
        alike: Mapping[TrackId, tuple[Alike, ...]] = NONE_ALIKE,
    ) -> None:
        """Every full second, with the half before it; in each the same hands and likenesses."""
        for second in range(from_s, to_s + 1):
            people = tuple(
                Seen(
                    track=track,
                    foot_xy_m=self.paths[track](second),
                    sd_m=0.1,
                    before_xy_m=self.paths[track](second - 0.5),
                    hands=hands.get(track, ()),
                    alike=alike.get(track, ()),
                )
                for track in tracks
            )
            camera = AISLE if node == CAMERA else BACK
            self.say(node, PeopleSeen(camera=camera, at_ns=ns(second), people=people))


def seen(facts: list[Fact]) -> Presence:
    told = {**through(), SECOND_NODE: 2**61}
    return presence_of(in_order(facts), SHOP, told, JudgementSettings())


def share(script: Sighted, track: TrackId, at_s: float, visit: VisitId) -> float:
    return seen(script.facts).owners(track, ns(at_s)).get(visit, 0.0)


def is_in_store(found: Presence, visit: VisitId, at_s: float) -> bool:
    exited_ns = found.visits[visit].exited_ns
    return exited_ns is None or exited_ns > ns(at_s)
