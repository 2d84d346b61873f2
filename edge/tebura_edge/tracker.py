"""Keeps who is who from frame to frame of one camera, in seconds rather than frames.

Two rounds a frame (after ByteTrack, Zhang et al. 2022): strong detections go to tracks first, weak
ones then only continue tracks that are still without. Nobody counts who was not seen strongly a few
times. A pair is judged by overlap of boxes, by place (on the floor where the camera is calibrated,
else in the picture) and by the torso's keypoints, then by the colours of clothes: the longer
somebody was unseen, the more. The best sum of pairs wins.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s, seconds
from tebura_models.heads import iou

from tebura_edge.assignment import best_pairs
from tebura_edge.blends import blends
from tebura_edge.clothes import LOOK_S, Worn, are_exchanged, exchange, likeness
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.geometry import Floats

Float32s = NDArray[np.float32]
FootFinder = Callable[[Float32s, Float32s], Floats | None]

TORSO = [
    Keypoint.LEFT_SHOULDER,
    Keypoint.RIGHT_SHOULDER,
    Keypoint.LEFT_HIP,
    Keypoint.RIGHT_HIP,
]
APART_IOU, BETTER = 0.5, 0.25
"""Two detections that overlap less are two people; one that fits by so much better is the one."""
TORSO_SHARE, TORSO_SHARE_PER_S = 0.12, 0.8
"""How far off a torso may be, of the height: from look to look, and for each second unseen."""
MIXED_IOU, MIXED_SCORE = 0.3, 0.1
"""Of who overlaps somebody by more the clothes are not remembered: they may be the other's."""
MOST_BLENDED_S = 2.0
"""For so long two may be told as one; then somebody has left."""
MAX_TRACKS = 64
"""More people than any one camera of a shop tells apart; beyond it no new track begins."""


class TrackerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tracker's few numbers.

    `strong` begins a track, `weak` continues one, `faint` only one that hangs over the picture's
    edge. Measured with MoveNet at 384 x 256: shoppers of the demo's footage score 0.45-0.6, of a
    real ceiling camera 0.4-0.65, 0.14-0.3 while they leave the picture, and 0.06-0.12 where only a
    head looks in from below; clutter reaches 0.12 in places. Of 271 people in 200 real frames
    (marked by hand) movenet-shop finds 187 with 0.3 or more, 251 with 0.2 or more, and nobody who
    is not there with either; three who stand together in drawn shops score 0.17-0.3.

    `confirm_s` is how long someone must be seen before counting, `confirm_hits` of it strongly. One
    not yet confirmed is kept by weak sights in between for `doubt_s`: who is half hidden scores
    about `strong`. An unseen one is waited for:
    `hold_s` in mid-view (an arm across, a crossing: under 1.5 s), `hold_edge_s` past the picture's
    edge (under the camera and back: 3 s in the real recording), but only `hold_exit_s` of somebody
    who is leaving, where the next one to appear is somebody else: in the demo's footage one enters
    2.2 s after the other left, at the same place.
    """

    strong: float = 0.2
    weak: float = 0.1
    faint: float = 0.05
    least_similarity: float = 0.25
    least_similarity_weak: float = 0.35
    confirm_s: float = 0.25
    confirm_hits: int = 3
    drop_unconfirmed_s: float = 0.35
    doubt_s: float = 1.0
    hold_s: float = 2.0
    hold_edge_s: float = 3.5
    hold_exit_s: float = 0.8
    edge_share: float = 0.015
    walk_m_per_s: float = 1.6


@dataclass(slots=True, eq=False)
class Track:
    """One person as this camera knows them; owned and changed by the tracker alone.

    `number` is given on confirmation. `hits` are strong sights, `strong_ns` the last of them.
    `foot_m` (2,) is smoothed, store metres, or None. From `blended_from_ns` to `blended_ns` they
    were seen together with somebody else as one (`blends`).
    """

    box: Floats
    keypoints: Float32s
    score: float
    first_ns: int
    last_ns: int
    strong_ns: int
    foot_m: Floats | None
    number: int | None = None
    hits: int = 1
    clothes: Worn = field(default_factory=Worn)
    velocity: Floats = field(default_factory=lambda: np.zeros(2))
    foot_velocity: Floats = field(default_factory=lambda: np.zeros(2))
    blended_from_ns: int = 0
    blended_ns: int = 0

    @property
    def is_blended(self) -> bool:
        """Whether the last sight of them was of them and somebody else at once."""
        return self.blended_ns > self.last_ns

    def box_at(self, now_ns: int) -> Floats:
        """Where the box should be now: motion fades out, for people stop sooner than they go on."""
        return self.box + np.tile(self.velocity * _faded_s(now_ns - self.last_ns), 2)

    def foot_at(self, now_ns: int) -> Floats | None:
        """Where the foot should be at a time; what is smoothed lags behind who walks."""
        if self.foot_m is None:
            return None
        gap_ns = now_ns - self.last_ns
        gap_s = _faded_s(gap_ns) if gap_ns > 0 else seconds(gap_ns)
        return self.foot_m + self.foot_velocity * (FOOT_S + gap_s)


FADE_S, WEAK_FADE_S = 0.5, 1.0
VELOCITY_S = 0.3
FOOT_S = 0.15


def _faded_s(gap_ns: int) -> float:
    return FADE_S * float(1 - np.exp(-max(0.0, seconds(gap_ns)) / FADE_S))


@dataclass(frozen=True, slots=True)
class Tracked:
    """What one frame did to the tracks: seen in it, newly confirmed, and gone for good.

    `exchanged` are pairs of which it is plain only now that they had been taken for each other.
    """

    seen: tuple[Track, ...] = ()
    confirmed: tuple[Track, ...] = ()
    ended: tuple[Track, ...] = ()
    exchanged: tuple[tuple[Track, Track], ...] = ()


class Tracker:
    """Tracks of one camera."""

    def __init__(
        self,
        settings: TrackerSettings | None = None,
        *,
        picture_px: tuple[int, int],
        foot_of: FootFinder | None = None,
        is_leaving: Callable[[Floats, Floats], bool] | None = None,
    ) -> None:
        """Begin with nobody.

        Args:
            settings: The numbers.
            picture_px: Width and height of the pictures.
            foot_of: Finds feet from box and keypoints, if the camera is calibrated.
            is_leaving: Whether somebody last seen at a floor position (2,), with a velocity (2,) in
                m/s, left the store.
        """
        self._settings = settings or TrackerSettings()
        self.picture_px = picture_px
        self._foot_of = foot_of or (lambda _box, _keypoints: None)
        self._is_leaving = is_leaving or (lambda _foot_m, _velocity_mps: False)
        self._next_number = 1
        self.tracks: list[Track] = []

    def step(self, found: Detections) -> Tracked:
        """Take one frame's detections; frames come in time order."""
        now_ns = found.captured_ns
        ended = self.expire(now_ns)
        feet = [
            self._foot_of(box, keypoints)
            for box, keypoints in zip(found.boxes_xyxy_px, found.keypoints_px, strict=True)
        ]
        strong, weak, faint = self._by_strength(found)
        blended = self._blended(found, np.concatenate([strong, weak]))
        strong, weak = (rows[~np.isin(rows, blended)] for rows in (strong, weak))
        seen: list[Track] = []
        unused = strong
        for rows, least, may_continue in (
            (strong, self._settings.least_similarity, lambda _: True),
            (weak, self._settings.least_similarity_weak, lambda _: True),
            (faint, self._settings.least_similarity_weak, self._hangs_over_edge),
        ):
            able = [t for t in self.tracks if t not in seen and may_continue(t)]
            similarity = self._similarity(able, found, rows, feet)
            if rows is strong:
                similarity[self._is_rather_weak(able, found, similarity, strong, weak, feet)] = 0.0
            pairs = best_pairs(similarity, least)
            for index, column in pairs:
                row = int(rows[column])
                _update(able[index], found, row, feet[row], is_strong=rows is strong)
                seen.append(able[index])
            if rows is strong:
                unused = np.delete(strong, [column for _, column in pairs])
        exchanged = _exchanged(seen)
        seen += self._begin(found, unused, feet, seen)
        return Tracked(tuple(seen), self._confirm(seen), ended, exchanged)

    def _blended(self, found: Detections, rows: NDArray[np.intp]) -> list[int]:
        """Those rows that are two people at once: neither moves by it, and both are waited for."""
        now_ns = found.captured_ns
        long_ns = now_ns - ns_from_s(MOST_BLENDED_S)
        known = [
            track
            for track in self.tracks
            if track.number is not None
            and not (track.is_blended and track.blended_from_ns < long_ns)
        ]
        expected = np.array([track.box_at(now_ns) for track in known], np.float32).reshape(-1, 4)
        was_blended = np.array([track.is_blended for track in known], np.bool_)
        told = blends(expected, found.boxes_xyxy_px[rows], was_blended)
        for pair in told.values():
            for number in pair:
                track = known[number]
                if not was_blended[number]:
                    track.blended_from_ns = now_ns
                track.blended_ns = now_ns
        return [int(rows[row]) for row in told]

    def _is_rather_weak(
        self,
        tracks: list[Track],
        found: Detections,
        similarity: Floats,
        strong: NDArray[np.intp],
        weak: NDArray[np.intp],
        feet: list[Floats | None],
    ) -> NDArray[np.bool_]:
        """Which strong detections (tracks, strong) are not a track that is half hidden.

        Who was seen weakly just now, and is again about where they were, has not become whoever
        comes into view beside them.
        """
        if not tracks or not len(weak) or not len(strong):
            return np.zeros(similarity.shape, np.bool_)
        hidden = np.array([track.score < self._settings.strong for track in tracks])
        boxes = found.boxes_xyxy_px.astype(float)
        others = iou(boxes[strong], boxes[weak]) < APART_IOU
        fits = self._similarity(tracks, found, weak, feet)
        best = np.where(others[None], fits[:, None, :], 0.0).max(axis=2)
        return np.asarray(hidden[:, None] & (best >= similarity + BETTER))

    def _by_strength(self, found: Detections) -> tuple[NDArray[np.intp], ...]:
        """Rows of strong, weak and faint detections."""
        limits = (np.inf, self._settings.strong, self._settings.weak, self._settings.faint)
        return tuple(
            np.flatnonzero((found.scores < above) & (found.scores >= below))
            for above, below in pairwise(limits)
        )

    def _is_at_edge(self, track: Track) -> bool:
        """Whether the picture cuts the person off."""
        width, height = self.picture_px
        margin = self._settings.edge_share * max(width, height)
        x_min, y_min, x_max, y_max = track.box
        return bool(
            min(x_min, y_min) <= margin or x_max >= width - margin or y_max >= height - margin
        )

    def _is_doubtful(self, track: Track, now_ns: int) -> bool:
        """Whether somebody who does not count yet has only been seen weakly for too long."""
        return track.number is None and now_ns - track.strong_ns > ns_from_s(self._settings.doubt_s)

    def _is_at_exit(self, track: Track) -> bool:
        return track.foot_m is not None and self._is_leaving(track.foot_m, track.foot_velocity)

    def _hangs_over_edge(self, track: Track) -> bool:
        return track.number is not None and self._is_at_edge(track) and not self._is_at_exit(track)

    def _hold_ns(self, track: Track) -> int:
        """How long this one is waited for."""
        if track.number is None:
            return ns_from_s(self._settings.drop_unconfirmed_s)
        if self._is_at_exit(track):
            return ns_from_s(self._settings.hold_exit_s)
        is_cut = self._is_at_edge(track)
        return ns_from_s(self._settings.hold_edge_s if is_cut else self._settings.hold_s)

    def expire(self, now_ns: int) -> tuple[Track, ...]:
        """Drop who was not seen for too long; the confirmed ones among them are returned."""
        gone = [
            track
            for track in self.tracks
            if now_ns - max(track.last_ns, track.blended_ns) > self._hold_ns(track)
            or self._is_doubtful(track, now_ns)
        ]
        self.tracks = [track for track in self.tracks if track not in gone]
        return tuple(track for track in gone if track.number is not None)

    def end_all(self) -> tuple[Track, ...]:
        """Forget everybody (the camera went blind); the confirmed ones are returned."""
        ended = tuple(track for track in self.tracks if track.number is not None)
        self.tracks = []
        return ended

    def _begin(
        self,
        found: Detections,
        unused: NDArray[np.intp],
        feet: list[Floats | None],
        seen: list[Track],
    ) -> list[Track]:
        """A track for each strong detection that is nobody's, unless it doubles another."""
        begun: list[Track] = []
        for row in unused:
            box = found.boxes_xyxy_px[row].astype(float)
            others = np.array([track.box for track in (*seen, *begun)]).reshape(-1, 4)
            is_double = len(others) > 0 and iou(box[None], others).max() > 0.6
            if is_double or len(self.tracks) + len(begun) >= MAX_TRACKS:
                continue
            begun.append(
                Track(
                    box=box,
                    keypoints=found.keypoints_px[row],
                    score=float(found.scores[row]),
                    first_ns=found.captured_ns,
                    last_ns=found.captured_ns,
                    strong_ns=found.captured_ns,
                    foot_m=feet[row],
                    clothes=Worn(found.worn(row), found.worn(row)),
                )
            )
        self.tracks += begun
        return begun

    def _confirm(self, seen: list[Track]) -> tuple[Track, ...]:
        confirmed = []
        for track in seen:
            age_ns = track.last_ns - track.first_ns
            is_due = track.hits >= self._settings.confirm_hits and age_ns >= ns_from_s(
                self._settings.confirm_s
            )
            if track.number is None and is_due:
                track.number = self._next_number
                self._next_number += 1
                confirmed.append(track)
        return tuple(confirmed)

    def _similarity(
        self,
        tracks: list[Track],
        found: Detections,
        rows: NDArray[np.intp],
        feet: list[Floats | None],
    ) -> Floats:
        """How well each track and each of these detections fit: (tracks, rows), 0..1."""
        if not tracks or not len(rows):
            return np.zeros((len(tracks), len(rows)))
        now_ns = found.captured_ns
        # Someone half out of the picture is looked for where they went out, not beyond.
        expected = np.array([t.box if self._is_at_edge(t) else t.box_at(now_ns) for t in tracks])
        boxes = found.boxes_xyxy_px[rows].astype(float)
        total = 0.4 * iou(expected, boxes)
        for i, track in enumerate(tracks):
            for j, row in enumerate(rows):
                near = self._nearness(track, now_ns, expected[i], boxes[j], feet[row])
                unseen_s = seconds(now_ns - track.last_ns)
                torso = _torso_fit(track, expected[i], found.keypoints_px[row], unseen_s)
                total[i, j] += 0.6 * near if torso is None else 0.3 * near + 0.3 * torso
                total[i, j] *= likeness(track.clothes.now, found.worn(row), unseen_s)
        return np.asarray(total)

    def _nearness(
        self, track: Track, now_ns: int, expected: Floats, box: Floats, foot_m: Floats | None
    ) -> float:
        """1 where the person was expected, falling with distance; wider the longer unseen."""
        gap_s = seconds(now_ns - track.last_ns)
        track_foot_m = track.foot_at(now_ns)
        if foot_m is not None and track_foot_m is not None:
            reach_m = 0.3 + self._settings.walk_m_per_s * gap_s / 2
            return float(np.exp(-(((foot_m - track_foot_m) / reach_m) ** 2).sum() / 2))
        # The longer side: someone cut off by the picture's edge is wider than high.
        size = max((expected[2:] - expected[:2]).max(), (box[2:] - box[:2]).max())
        if self._is_at_edge(track):
            # Of someone cut off now more is found, now less, so the middle says little; but they
            # come back where they went, and whoever appears elsewhere is somebody else.
            apart = np.maximum(0, np.maximum(expected[:2] - box[2:], box[:2] - expected[2:]))
            reach_px = size * (0.15 + 0.1 * gap_s)
        else:
            apart = (expected[:2] + expected[2:] - box[:2] - box[2:]) / 2
            reach_px = size * (0.15 + 0.4 * gap_s)
        return float(np.exp(-((apart / reach_px) ** 2).sum() / 2))


def _torso_fit(
    track: Track, expected: Floats, keypoints: Float32s, unseen_s: float
) -> float | None:
    """How well shoulders and hips fall on each other; None where too few are seen in both."""
    both = (track.keypoints[TORSO, 2] >= 0.2) & (keypoints[TORSO, 2] >= 0.2)
    if both.sum() < 2:
        return None
    moved = expected[:2] - track.box[:2]
    apart = track.keypoints[TORSO][both, :2] + moved - keypoints[TORSO][both, :2]
    share = TORSO_SHARE + TORSO_SHARE_PER_S * max(0.0, unseen_s - LOOK_S)
    tolerance_px = share * max(expected[3] - expected[1], 1.0)
    return float(np.exp(-(apart**2).sum(axis=1) / (2 * tolerance_px**2)).mean())


def _update(
    track: Track, found: Detections, row: int, foot_m: Floats | None, *, is_strong: bool
) -> None:
    """Take what was found; what is seen weakly, half behind somebody, tells no motion."""
    box = found.boxes_xyxy_px[row].astype(float)
    gap_s = max(1e-3, seconds(found.captured_ns - track.last_ns))
    share = gap_s / (gap_s + VELOCITY_S) if is_strong else 0.0
    moved = (box[:2] + box[2:] - track.box[:2] - track.box[2:]) / 2
    track.velocity = track.velocity + share * (moved / gap_s - track.velocity)
    if foot_m is not None and track.foot_m is not None:
        # Of the smoothed foot: what was found lies ahead of it by more than was walked.
        walked_m = gap_s / (gap_s + FOOT_S) * (foot_m - track.foot_m)
        track.foot_velocity = track.foot_velocity + share * (walked_m / gap_s - track.foot_velocity)
        track.foot_m = track.foot_m + walked_m
    elif foot_m is not None:
        track.foot_m = foot_m
    track.box, track.keypoints = box, found.keypoints_px[row]
    track.score = float(found.scores[row])
    track.last_ns = found.captured_ns
    if is_strong:
        if not _is_mixed(found, row):
            track.clothes.see(found.worn(row), gap_s)
        track.hits += 1
        track.strong_ns = found.captured_ns
    else:
        fade = float(np.exp(-gap_s / WEAK_FADE_S))
        track.velocity, track.foot_velocity = fade * track.velocity, fade * track.foot_velocity


def _is_mixed(found: Detections, row: int) -> bool:
    """Whether what a row wears may be somebody else's, who stands before them."""
    overlaps = iou(found.boxes_xyxy_px[[row]], found.boxes_xyxy_px)[0]
    overlaps[row] = 0.0
    return bool((overlaps[found.scores >= MIXED_SCORE] > MIXED_IOU).any())


def _exchanged(seen: list[Track]) -> tuple[tuple[Track, Track], ...]:
    """Pairs that were taken for each other; from now on each is who it is taken for."""
    known = [track for track in seen if track.number is not None]
    found = []
    for one in [track for track in known if track.clothes.looks_different]:
        for other in known:
            if other is not one and are_exchanged(one.clothes, other.clothes):
                exchange(one.clothes, other.clothes)
                found.append((one, other))
    return tuple(found)
