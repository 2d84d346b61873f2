"""What cameras told of people, in the form in which it is compared with where people truly were."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tebura_contract.clock import seconds
from tebura_contract.events import PeopleSeen, Reach
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, ShelfId, TrackId, VisitId
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.presence import Presence


@dataclass(frozen=True)
class Spotted:
    """A track at a moment: where it stood, and by which account it went, if by any."""

    camera: CameraId
    at_s: float
    track: TrackId
    foot_m: Xy
    account: str | None


@dataclass(frozen=True)
class ToldReach:
    """A hand in a shelf."""

    camera: CameraId
    track: TrackId
    shelf: ShelfId
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Watching:
    """All of a recording, in seconds since its start."""

    spotted: tuple[Spotted, ...]
    reaches: tuple[ToldReach, ...]


def watching_of(
    facts: Iterable[Fact], presence: Presence, name_of: Mapping[VisitId, str], start_ns: int
) -> Watching:
    """What a replay's facts say of people; `presence` says whose tracks are."""
    spotted, reaches = [], []
    for fact in facts:
        match fact.event:
            case PeopleSeen() as seen:
                for one in seen.people:
                    owners = presence.owners(one.track, int(seen.at_ns))
                    visit = max(owners, key=lambda v: (owners[v], v or ""), default=None)
                    account = name_of.get(visit) if visit is not None else None
                    at_s = seconds(seen.at_ns - start_ns)
                    if one.before_xy_m is not None:
                        before = Spotted(
                            seen.camera, at_s - 0.5, one.track, one.before_xy_m, account
                        )
                        spotted.append(before)
                    spotted.append(Spotted(seen.camera, at_s, one.track, one.foot_xy_m, account))
            case Reach() as reach:
                from_s, to_s = (seconds(ns - start_ns) for ns in (reach.from_ns, reach.to_ns))
                reaches.append(ToldReach(reach.camera, reach.track, reach.shelf, from_s, to_s))
            case _:
                pass
    return Watching(tuple(spotted), tuple(reaches))
