"""Whether two people one camera saw changed places, or only names.

Two who stand still and are each where the other was a second before did not swap places to the
centimetre: the camera took one for the other. How a person moves in a second is a mixture of
standing and walking; both hypotheses are weighed with it. While two are near each other some doubt
is left each second. What the camera says itself, by what they wear, is believed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from tebura_contract.clock import SECOND_NS
from tebura_contract.geometry import Xy
from tebura_contract.ids import TrackId

from tebura_gateway.domain.sightings import Look, Spot

NEAR_M = 1.2
"""Farther apart nobody is taken for the other."""
RATE_PER_S = 0.5 / 60.0
"""How often two who are near are taken for each other: an assumption, no camera's figure yet."""
LONGEST_NS = 5 * SECOND_NS
"""Of two looks farther apart the second tells nothing of the first."""
_STANDING = (0.1, 0.5, 0.95)
"""How likely somebody stood for a second who moved before and after it, stood before or after it,
stood before and after it."""
_STILL_M = 0.08
_SHIFT_M, _WELL_APART = 0.12, 2.0
_WALK_MPS, _TURN_MPS = 0.7, 0.4
_MOVED = 2.5
"""Who was seen that many deviations off moved."""
_JITTER = 0.6
"""Of a spot's deviation, what changes from look to look; the rest stays with the track."""
SAID = 0.98
"""How likely two were taken for each other of whom the camera says so: an assumption."""
LEAST = 2e-4
"""A smaller probability is not kept."""


@dataclass(frozen=True, slots=True)
class _Motion:
    """How somebody moved, and whether that is more than a deviation."""

    velocity_mps: Xy
    has_moved: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """Two tracks that may each have gone over to the other's person at `at_ns`."""

    at_ns: int
    one: TrackId
    other: TrackId
    probability: float


def exchanges_of(looks: Sequence[Look]) -> Iterator[Exchange]:
    """What one camera's looks, in order, let one suspect, and what the camera says."""
    for look in looks:
        for one, other in look.exchanged:
            yield Exchange(look.at_ns, one, other, SAID)
    for index in range(1, len(looks)):
        before, after = looks[index - 1], looks[index]
        if after.at_ns - before.at_ns > LONGEST_NS:
            continue
        both = sorted(before.spots.keys() & after.spots.keys())
        for one, other in combinations(both, 2):
            if not _may_be_exchanged(before, after, one, other):
                continue
            probability = _steps(looks, index, one, other).probability()
            if probability >= LEAST:
                yield Exchange(after.at_ns, one, other, probability)


def _may_be_exchanged(before: Look, after: Look, one: TrackId, other: TrackId) -> bool:
    """Whether it is worth weighing: they are near, and did not just both stand, well apart."""
    first, second = before.spots[one], before.spots[other]
    apart_m = _apart(first, second)
    if min(apart_m, _apart(after.spots[one], after.spots[other])) > NEAR_M:
        return False
    has_moved = any(_apart(before.spots[n], after.spots[n]) > _SHIFT_M for n in (one, other))
    blur_m = math.hypot(first.sd_m, second.sd_m, _STILL_M)
    return has_moved or apart_m < _WELL_APART * blur_m


def _steps(looks: Sequence[Look], index: int, one: TrackId, other: TrackId) -> "_Steps":
    before, after = looks[index - 1], looks[index]
    return _Steps(
        _gap_s(before, after),
        (before.spots[one], before.spots[other]),
        (after.spots[one], after.spots[other]),
        (_motion(looks, index - 1, one, -1), _motion(looks, index - 1, other, -1)),
        (_motion(looks, index, one, 1), _motion(looks, index, other, 1)),
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """Two tracks from one look to the next, and how each moved before and after."""

    gap_s: float
    starts: tuple[Spot, Spot]
    ends: tuple[Spot, Spot]
    before: tuple[_Motion | None, _Motion | None]
    after: tuple[_Motion | None, _Motion | None]

    def probability(self) -> float:
        """That they were exchanged."""
        kept = self._log_step(0, 0, _JITTER) + self._log_step(1, 1, _JITTER)
        swapped = self._log_step(0, 1, 1.0) + self._log_step(1, 0, 1.0)
        share = 1.0 - math.exp(-RATE_PER_S * self.gap_s)
        log_odds = swapped - kept + math.log(share / (1.0 - share))
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, log_odds))))

    def _log_step(self, start: int, end: int, share: float) -> float:
        """Log density of one person at a start and at an end; `share` of the deviation."""
        one, other = self.starts[start], self.ends[end]
        before, after = self.before[start], self.after[end]
        blur_m2 = share**2 * (one.sd_m**2 + other.sd_m**2)
        standing = _STANDING[_stood(before) + _stood(after)]
        walk_m2 = blur_m2 + (_WALK_MPS * self.gap_s) ** 2
        walking = _density(one.xy_m, other.xy_m, walk_m2)
        if before is not None and before.has_moved:
            ahead = _ahead(one.xy_m, before.velocity_mps, self.gap_s)
            on_m2 = blur_m2 + (_TURN_MPS * self.gap_s) ** 2
            walking = 0.5 * (walking + _density(ahead, other.xy_m, on_m2))
        still = _density(one.xy_m, other.xy_m, blur_m2 + _STILL_M**2)
        return math.log(standing * still + (1.0 - standing) * walking + 1e-12)


def _motion(looks: Sequence[Look], index: int, track: TrackId, step: int) -> _Motion | None:
    """How a track moved between a look and the one before or after it."""
    if not 0 <= index + step < len(looks):
        return None
    here, there = looks[index], looks[index + step]
    gap_s = abs(_gap_s(here, there))
    if track not in there.spots or gap_s * SECOND_NS > LONGEST_NS:
        return None
    one, other = here.spots[track], there.spots[track]
    velocity = tuple(step * (b - a) / gap_s for a, b in zip(one.xy_m, other.xy_m, strict=True))
    blur_m = math.hypot(_JITTER * one.sd_m, _JITTER * other.sd_m, _STILL_M)
    return _Motion((velocity[0], velocity[1]), _apart(one, other) > _MOVED * blur_m)


def _stood(motion: _Motion | None) -> int:
    return int(motion is not None and not motion.has_moved)


def _gap_s(before: Look, after: Look) -> float:
    return (after.at_ns - before.at_ns) / SECOND_NS


def _apart(one: Spot, other: Spot) -> float:
    return math.dist(one.xy_m, other.xy_m)


def _ahead(xy_m: Xy, velocity_mps: Xy, gap_s: float) -> Xy:
    return (xy_m[0] + velocity_mps[0] * gap_s, xy_m[1] + velocity_mps[1] * gap_s)


def _density(one: Xy, other: Xy, spread_m2: float) -> float:
    """Of a normal deviation on the floor, up to a factor that all share."""
    square_m2 = (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2
    return math.exp(-0.5 * square_m2 / spread_m2) / spread_m2
