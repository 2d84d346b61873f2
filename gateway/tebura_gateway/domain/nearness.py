"""Who stood so that they could reach a place, by where cameras saw everybody stand."""

import math
from collections.abc import Mapping

from tebura_contract.events import Reach
from tebura_contract.ids import TrackId, VisitId

from tebura_gateway.domain.places import FrontPoint, Places
from tebura_gateway.domain.presence import Presence
from tebura_gateway.domain.sightings import Spot

_ARM_M, _ARM_SIGMA_M = 0.6, 0.3
"""From the foot to the shelf's front: so far anybody reaches, and how that fades."""
_SIDE_SIGMA_M = 0.3
"""People stand before what they take. Chosen, for no real shop has said; drawn people stand within
0.28 m of it in 95 of 100 picks."""
_STRETCHED = 0.1
"""How many reach for something beside them all the same."""
UNKNOWN = 0.3
"""Of somebody whom no camera saw then."""
_OF_ANOTHER = 0.1
"""Of reaches told of somebody who stands too far off, how many are theirs all the same."""


def within_reach(
    place: FrontPoint, at_ns: int, presence: Presence, arms: Mapping[TrackId, float]
) -> dict[VisitId, float]:
    """How well each visit's people stood to reach a place; empty where no camera tells.

    `arms` are how much likelier it is of some tracks. As far as nobody who was seen is theirs,
    they may have stood anywhere.
    """
    best: dict[VisitId, float] = {}
    unseen: dict[VisitId, float] = {}
    for seen in presence.standing(at_ns):
        before, near = _stands_before(place, seen.spot), _reaches(place, seen.spot)
        fit = ((1.0 - _STRETCHED) * before + _STRETCHED * near) * arms.get(seen.track, 1.0)
        for visit, share in seen.shares.items():
            if visit is not None:
                best[visit] = max(best.get(visit, 0.0), share * fit)
                unseen[visit] = unseen.get(visit, 1.0) * (1.0 - share)
    return {visit: max(fit, UNKNOWN * unseen[visit]) for visit, fit in best.items()}


def stood_there(reach: Reach, presence: Presence, places: Places) -> float:
    """How well a reach's person stood for it: too far off, it was somebody's beside them."""
    spot = presence.spot(reach.track, (reach.from_ns + reach.to_ns) // 2)
    place = places.front_at(reach.shelf, reach.x_m) if spot is not None else None
    if spot is None or place is None:
        return 1.0
    return max(_OF_ANOTHER, _reaches(place, spot))


def _stands_before(place: FrontPoint, spot: Spot) -> float:
    """Just before it, not beside it, and on the side from which it is open."""
    side_m, before_m = place.stand_m(spot.xy_m)
    off_m = max(before_m - _ARM_M, -before_m, 0.0)
    side = side_m / math.hypot(_SIDE_SIGMA_M, spot.sd_m)
    off = off_m / math.hypot(_ARM_SIGMA_M, spot.sd_m)
    return math.exp(-0.5 * (side**2 + off**2))


def _reaches(place: FrontPoint, spot: Spot) -> float:
    """Anywhere an arm's length off."""
    beyond_m = max(0.0, math.dist(place.xy_m, spot.xy_m) - _ARM_M)
    return math.exp(-0.5 * (beyond_m / math.hypot(_ARM_SIGMA_M, spot.sd_m)) ** 2)
