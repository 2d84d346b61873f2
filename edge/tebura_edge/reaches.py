"""Whose hand is in which shelf: wrists of tracked people against the fronts of shelves, in 3-D.

One camera gives a ray for a hand, not a point. Where on the ray the hand is follows from the body
(`arms`), people reach for what is in front of them, and no hand is in a board or behind it. That
makes a distribution; the share of it that lies inside a shelf is the probability that the hand is
in it. A reach begins and ends with that probability, with hysteresis.

A camera that looks along the fronts, or slantwise at them, sees how deep a hand is. One that looks
straight at a shelf over the shopper's back has only the arm's bones to tell it by, and its
probabilities are lower.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.ids import ShelfId

from tebura_edge.arms import Arm, Cloud, above_foot, ahead_of, hand_cloud
from tebura_edge.detections import Keypoint
from tebura_edge.geometry import CameraView, Floats, Front

ARMS = (
    (Keypoint.LEFT_SHOULDER, Keypoint.LEFT_ELBOW, Keypoint.LEFT_WRIST),
    (Keypoint.RIGHT_SHOULDER, Keypoint.RIGHT_ELBOW, Keypoint.RIGHT_WRIST),
)
LEAST_WEIGHT = 1e-3


class ReachSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body and the hysteresis.

    Shoulders and wrists below `guess_score` are nowhere. `arm_m` is how far a hand gets from the
    shoulder without effort, falling off over `arm_soft_m`; `side_m` how far to the side people
    reach (deviation). `hand_share` of the forearm is added beyond the wrist, for it is the hand
    that takes. `board_m` is the slack above and below the opening: a thin board, a low product.

    On the demo's footage a hand inside has 0.6-0.88, one that hangs or passes below 0.1, and the
    shelf beside the right one up to 0.46 while the hand moves past it: less than `sure` just
    before, after or while another shelf is surely reached is part of that reach. What lasts longer
    than hands pass, `passing_s`, may as well have been the right one, and both are told. What is
    less than `alone` is as sure as two looks on end: one alone may show a joint where none is.
    """

    guess_score: float = 0.12
    arm_m: float = 0.62
    arm_soft_m: float = 0.08
    side_m: float = 0.25
    hand_share: float = 0.35
    board_m: float = 0.05
    stand_off_m: float = 1.1
    begin: float = 0.35
    stay: float = 0.15
    sure: float = 0.5
    alone: float = 0.6
    bridge_s: float = 0.45
    passing_s: float = 0.7


@dataclass(frozen=True, slots=True)
class HandAt:
    """A hand may be in a shelf: how likely, and how far along the front from its left."""

    shelf: ShelfId
    probability: float
    x_m: float


@dataclass(frozen=True, slots=True)
class Reached:
    """A finished reach of track `number`."""

    number: int
    shelf: ShelfId
    x_m: float
    from_ns: int
    to_ns: int
    confidence: float


def hands_in_shelves(
    view: CameraView,
    fronts: Iterable[Front],
    foot_m: Floats,
    keypoints_px: NDArray[np.float32],
    settings: ReachSettings,
) -> dict[ShelfId, HandAt]:
    """For each shelf in front of a person, the likelier of their two hands.

    Args:
        view: The camera, at the size of the picture.
        fronts: Shelves this camera sees.
        foot_m: Where the person stands, store metres (2,).
        keypoints_px: (17, 3) as (x, y, score).
        settings: The body's measures.
    """
    near = [front for front in fronts if _stands_before(front, foot_m, settings)]
    ahead = ahead_of(view, keypoints_px, foot_m) if near else None
    longest_m = settings.arm_m + 3 * settings.arm_soft_m
    best: dict[ShelfId, HandAt] = {}
    for joints in ARMS:
        joints_px = keypoints_px[list(joints)].astype(float)
        if not near or min(joints_px[0, 2], joints_px[2, 2]) < settings.guess_score:
            continue
        shoulder_m = above_foot(view, joints_px[0, :2], foot_m)
        arm = Arm(joints_px, shoulder_m, ahead)
        cloud = hand_cloud(view, arm, settings.hand_share, longest_m)
        if cloud is None:
            continue
        for hand in _in_shelves(near, cloud, shoulder_m, settings):
            if hand.shelf not in best or best[hand.shelf].probability < hand.probability:
                best[hand.shelf] = hand
    return best


def _stands_before(front: Front, foot_m: Floats, settings: ReachSettings) -> bool:
    x, y, _ = front.store_from_front.inverse().apply([foot_m[0], foot_m[1], 0.0])
    side_m = settings.arm_m
    return bool(-settings.stand_off_m <= y <= 0.0 and -side_m <= x <= front.width_m + side_m)


def _in_shelves(
    fronts: Sequence[Front], cloud: Cloud, shoulder_m: Floats, settings: ReachSettings
) -> Iterator[HandAt]:
    """The share of a hand's cloud in each shelf; no part of it is in boards or behind them."""
    slack_m = settings.board_m
    maps = [front.store_from_front.inverse() for front in fronts]
    places = [to_front.apply(cloud.points_m) for to_front in maps]
    insides, solid = [], np.zeros(len(cloud.weights), np.bool_)
    for front, points in zip(fronts, places, strict=True):
        x, y, z = points.T
        is_behind = (x >= -slack_m) & (x <= front.width_m + slack_m) & (y >= 0)
        is_behind &= z <= front.height_m + slack_m
        insides.append(is_behind & (y <= front.depth_m) & (z >= -slack_m))
        solid |= is_behind
    may_be = ~solid | np.any(insides, axis=0)
    for front, to_front, points, inside in zip(fronts, maps, places, insides, strict=True):
        shoulder = to_front.apply(shoulder_m)
        too_far_m = np.clip(np.linalg.norm(points - shoulder, axis=1) - settings.arm_m, 0, None)
        sideways_m = points[:, 0] - shoulder[0]
        weight = cloud.weights * np.exp(
            -((too_far_m / settings.arm_soft_m) ** 2) / 2 - (sideways_m / settings.side_m) ** 2 / 2
        )
        total, share = float(weight[may_be].sum()), float(weight[inside].sum())
        # A ray that misses the arm's sphere leaves weights near zero: then no share means anything.
        if total < LEAST_WEIGHT or share <= 0:
            yield HandAt(front.shelf, 0.0, float(np.clip(shoulder[0], 0, front.width_m)))
            continue
        x_m = float((weight[inside] * points[inside, 0]).sum() / share)
        yield HandAt(front.shelf, share / total, float(np.clip(x_m, 0, front.width_m)))


@dataclass(slots=True)
class _Open:
    from_ns: int
    inside_ns: int
    last: float = 0.0
    peak: float = 0.0
    weighted_x: float = 0.0
    weight: float = 0.0


class ReachFinder:
    """Turns probabilities frame by frame into reaches, a person and shelf at a time."""

    def __init__(self, settings: ReachSettings) -> None:
        self._settings = settings
        self._open: dict[tuple[int, ShelfId], _Open] = {}
        self._sure_ns: dict[int, int] = {}

    def step(self, number: int, now_ns: int, hands: Mapping[ShelfId, HandAt]) -> None:
        """Take what one frame shows of a track's hands."""
        for shelf, hand in hands.items():
            if hand.probability < self._settings.stay:
                continue
            reach = self._open.setdefault((number, shelf), _Open(now_ns, now_ns))
            sure = hand.probability
            if sure < self._settings.alone:
                sure = min(reach.last, sure)
            reach.inside_ns, reach.last = now_ns, hand.probability
            reach.peak = max(reach.peak, sure)
            if sure >= self._settings.sure:
                self._sure_ns[number] = now_ns
            # Squared: where the hand was surely inside counts, not where it passed the edge.
            reach.weighted_x += hand.probability**2 * hand.x_m
            reach.weight += hand.probability**2

    def finish(self, now_ns: int, ended: Iterable[int] = ()) -> list[Reached]:
        """Reaches that are over: the hand stayed out, or its track (of `ended`) is gone."""
        gone = set(ended)
        over = [
            key
            for key, reach in self._open.items()
            if key[0] in gone or now_ns - reach.inside_ns > ns_from_s(self._settings.bridge_s)
        ]
        done = [(key, self._open.pop(key)) for key in over]
        reached = [self._reached(key, reach) for key, reach in done if self._counts(key[0], reach)]
        for number in gone:
            self._sure_ns.pop(number, None)
        return reached

    def open_since_ns(self) -> int | None:
        """When the earliest reach that is not over began."""
        return min((reach.from_ns for reach in self._open.values()), default=None)

    def _counts(self, number: int, reach: _Open) -> bool:
        if reach.peak >= self._settings.sure:
            return True
        # By the time a reach is over, a sure one right after it has shown itself too.
        sure_ns = self._sure_ns.get(number)
        bridge_ns = ns_from_s(self._settings.bridge_s)
        is_part = sure_ns is not None and reach.from_ns - sure_ns <= bridge_ns
        is_passing = is_part and reach.inside_ns - reach.from_ns < ns_from_s(
            self._settings.passing_s
        )
        return reach.peak >= self._settings.begin and not is_passing

    def _reached(self, key: tuple[int, ShelfId], reach: _Open) -> Reached:
        number, shelf = key
        return Reached(
            number=number,
            shelf=shelf,
            x_m=reach.weighted_x / reach.weight,
            from_ns=reach.from_ns,
            to_ns=reach.inside_ns,
            confidence=min(1.0, reach.peak),
        )
