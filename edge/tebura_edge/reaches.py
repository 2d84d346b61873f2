"""Whose hand is in which shelf: wrists of tracked people against the fronts of shelves, in 3-D.

One camera gives a ray for a hand, not a point. Where on the ray the hand is follows from the body:
the shoulder stands about above the foot, the hand is within an arm of the shoulder, and people
reach for what is in front of them. That makes a distribution along the ray; the share of it that
lies inside a shelf is the probability that the hand is in it. A reach begins and ends with that
probability, with hysteresis.

A camera that looks along the fronts, or slantwise at them, sees how deep a hand is. One that looks
straight at a shelf over the shopper's back does not, and its probabilities stay low.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.ids import ShelfId

from tebura_edge.detections import Keypoint
from tebura_edge.geometry import CameraView, Floats, Front

ARMS = (
    (Keypoint.LEFT_SHOULDER, Keypoint.LEFT_ELBOW, Keypoint.LEFT_WRIST),
    (Keypoint.RIGHT_SHOULDER, Keypoint.RIGHT_ELBOW, Keypoint.RIGHT_WRIST),
)
RAY_STEPS = 64


class ReachSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body and the hysteresis.

    `arm_m` is how far a hand gets from the shoulder without effort, falling off over `arm_soft_m`;
    `side_m` how far to the side people reach (deviation). `hand_share` of the forearm is added
    beyond the wrist, for it is the hand that takes. `board_m` is the slack above and below the
    opening: a thin board, a low product. On the demo's footage a hand inside has 0.6-0.88, one
    that hangs or passes below 0.1, and the shelf beside the right one up to 0.46 while the hand
    moves past it: less than `sure` just before, after or while another shelf is surely reached is
    part of that reach.
    """

    wrist_score: float = 0.25
    arm_m: float = 0.62
    arm_soft_m: float = 0.08
    side_m: float = 0.25
    hand_share: float = 0.35
    board_m: float = 0.05
    stand_off_m: float = 1.1
    begin: float = 0.35
    stay: float = 0.15
    sure: float = 0.5
    bridge_s: float = 0.45


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
    best: dict[ShelfId, HandAt] = {}
    for shoulder, elbow, wrist in ARMS:
        arm = keypoints_px[[shoulder, elbow, wrist]].astype(float)
        if not near or arm[2, 2] < settings.wrist_score or arm[0, 2] < settings.wrist_score:
            continue
        hand_px = arm[2, :2] + settings.hand_share * (arm[2, :2] - arm[1, :2])
        shoulder_m = above_foot(view, arm[0, :2], foot_m)
        points_m = _along(view, hand_px, shoulder_m, settings)
        if points_m is None:
            continue
        for front in near:
            hand = _in_shelf(front, points_m, shoulder_m, settings)
            if hand.shelf not in best or best[hand.shelf].probability < hand.probability:
                best[hand.shelf] = hand
    return best


def above_foot(view: CameraView, point_px: Floats, foot_m: Floats) -> Floats:
    """The point (3,) seen at a pixel that is nearest to the upright line above the foot."""
    ray = view.rays_from_image(point_px)
    flat = ray[:2]
    distance = np.dot(foot_m - view.position_m[:2], flat) / max(float(np.dot(flat, flat)), 1e-9)
    point: Floats = view.position_m + distance * ray
    return point


def _stands_before(front: Front, foot_m: Floats, settings: ReachSettings) -> bool:
    x, y, _ = front.store_from_front.inverse().apply([foot_m[0], foot_m[1], 0.0])
    side_m = settings.arm_m
    return bool(
        -settings.stand_off_m <= y <= front.depth_m and -side_m <= x <= front.width_m + side_m
    )


def _along(
    view: CameraView, hand_px: Floats, shoulder_m: Floats, settings: ReachSettings
) -> Floats | None:
    """Points (n, 3) on the hand's ray that an arm can get to, or None if it gets to none."""
    ray = view.rays_from_image(hand_px)
    if not np.isfinite(ray).all() or not np.isfinite(shoulder_m).all():
        return None
    middle = float(np.dot(shoulder_m - view.position_m, ray))
    longest_m = settings.arm_m + 3 * settings.arm_soft_m
    steps = np.linspace(middle - longest_m, middle + longest_m, RAY_STEPS)
    points: Floats = view.position_m + steps[:, None] * ray
    return points


def _in_shelf(
    front: Front, points_m: Floats, shoulder_m: Floats, settings: ReachSettings
) -> HandAt:
    inverse = front.store_from_front.inverse()
    points, shoulder = inverse.apply(points_m), inverse.apply(shoulder_m)
    too_far_m = np.clip(np.linalg.norm(points - shoulder, axis=1) - settings.arm_m, 0, None)
    sideways_m = points[:, 0] - shoulder[0]
    weight = np.exp(
        -((too_far_m / settings.arm_soft_m) ** 2) / 2 - (sideways_m / settings.side_m) ** 2 / 2
    )
    total = float(weight.sum())
    slack_m = settings.board_m
    inside = (
        (points[:, 0] >= -slack_m)
        & (points[:, 0] <= front.width_m + slack_m)
        & (points[:, 1] >= 0)
        & (points[:, 1] <= front.depth_m)
        & (points[:, 2] >= -slack_m)
        & (points[:, 2] <= front.height_m + slack_m)
    )
    share = float(weight[inside].sum())
    # A ray that misses the arm's sphere leaves weights near zero: then no share means anything.
    if total < 1e-3 or share <= 0:
        return HandAt(front.shelf, 0.0, float(np.clip(shoulder[0], 0, front.width_m)))
    x_m = float((weight[inside] * points[inside, 0]).sum() / share)
    return HandAt(front.shelf, share / total, float(np.clip(x_m, 0, front.width_m)))


@dataclass(slots=True)
class _Open:
    from_ns: int
    inside_ns: int
    peak: float
    frames: int
    weighted_x: float
    weight: float


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
            reach = self._open.setdefault((number, shelf), _Open(now_ns, now_ns, 0.0, 0, 0.0, 0.0))
            reach.inside_ns = now_ns
            reach.peak = max(reach.peak, hand.probability)
            if hand.probability >= self._settings.sure:
                self._sure_ns[number] = now_ns
            reach.frames += 1
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
        return reach.peak >= self._settings.begin and reach.frames >= 2 and not is_part

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
