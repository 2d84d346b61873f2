"""What colours people wear above and below the hip: who is who when two pass each other.

A tie-break between people of one camera within minutes of each other and in its light, never a way
to know anybody again. Held in memory, with a track and for a while after it; neither published nor
recorded: what is told is that two tracks were taken for each other, and how alike two are.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_edge.detections import CLOTHES, Detections, Keypoint
from tebura_edge.frames import Image

Float32s = NDArray[np.float32]
JOINT_SCORE = 0.2
CHEST = ((Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER), (Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP))
THIGHS = ((Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP), (Keypoint.LEFT_KNEE, Keypoint.RIGHT_KNEE))
WITHIN = (0.15, 0.85)
"""Of the way from one pair of joints to the other: neither face nor belt."""
HALF_WIDTH, OF_JOINTS = 0.2, 0.35
"""To each side of that way: of its length, for from the side both shoulders lie on one spot; of how
far the joints of a pair are apart, if that is more."""
COLOUR = 2.0
"""How much more colour says than lightness, which changes with where somebody stands."""
ALIKE, UNLIKE = 2.0, 3.0
"""By how much somebody's own colours may differ from look to look (1.1 in the median, 5.7 in one of
20), and how much more makes it somebody else (6.5 in the median)."""
TRUST_SEEN, TRUST_A_SECOND, TRUST_MOST = 0.1, 1.0, 0.8
"""How much colours count against place: little for who was seen a moment ago, more for each second
unseen."""
LOOK_S = 0.1
NOW_S, USUAL_S = 0.5, 5.0
"""Time constants of what somebody wears now, and usually."""
LEAST_S, NEW_S, LONG_S = 0.5, 3.0, 1.0
"""Who is new was seen for so long; and for so long whoever wears something usually."""
EXCHANGED = 6.0
"""Each of two is by so much more like the other."""
SAMPLE_S, SAMPLES = 1.0, 12
"""What somebody wears is kept once in so long, so often: they turn, and go from light to light."""
EVEN, FALLS, ALIKE_MOST, ALIKE_LEAST = 7.2, 4.5, 3.0, 0.05
"""Samples of two tracks that differ by so much tell nothing; by `FALLS` less, and they are likelier
to be one person's by e, within bounds. Of 60 pairs of tracks of one person and 269 of two people in
seven drawn hours it is so 8 times as likely below 2.4, a twentieth from 15.5 on. Of 26 and 780 in
80 s of real pedestrians, many of them in dark clothes, it is 3 times as likely below 5.9."""


def with_clothes(found: Detections, image_bgr: Image) -> Detections:
    """The same people, with the colours that they wear in this picture."""
    clothes = np.full((len(found), CLOTHES), np.nan, np.float32)
    for worn, joints in zip(clothes, found.keypoints_px, strict=True):
        worn[:3] = _mean_lab(image_bgr, joints, CHEST)
        worn[3:] = _mean_lab(image_bgr, joints, THIGHS)
    return dataclasses.replace(found, clothes=clothes)


@dataclass(slots=True)
class Worn:
    """What one track wears: just now and usually (6,), and for how long that was seen."""

    now: Float32s = field(default_factory=lambda: np.full(CLOTHES, np.nan, np.float32))
    usually: Float32s = field(default_factory=lambda: np.full(CLOTHES, np.nan, np.float32))
    seen_s: float = 0.0
    samples: list[Float32s] = field(default_factory=list)
    _since_s: float = 0.0

    def see(self, seen: Float32s, gap_s: float) -> None:
        """Take another look, so long after the one before."""
        self.seen_s = min(self.seen_s + gap_s, USUAL_S)
        self.now = _moved(self.now, seen, gap_s / (gap_s + NOW_S))
        self.usually = _moved(self.usually, seen, min(1.0, gap_s / self.seen_s))
        self._since_s += min(gap_s, NOW_S)
        if self._since_s >= SAMPLE_S:
            self._since_s = 0.0
            self.samples = [*self.samples, self.now][-SAMPLES:]

    @property
    def looks_different(self) -> bool:
        """Whether they wear now what they usually do not."""
        apart = _apart(self.now, self.usually)
        return apart is not None and apart >= EXCHANGED and self.seen_s >= LONG_S


def likeness(worn: Float32s, seen: Float32s, unseen_s: float) -> float:
    """How well what a track wears (6,) and what is seen now (6,) agree: 1 - trust to 1.

    >>> red, blue = np.float32([40, 50, 30] * 2), np.float32([40, 10, -40] * 2)
    >>> [round(likeness(red, blue, unseen_s), 2) for unseen_s in (0.1, 0.6, 3.0)]
    [0.9, 0.4, 0.2]
    >>> likeness(red, red + 1, 3.0)
    1.0
    """
    apart = _apart(worn, seen)
    if apart is None:
        return 1.0
    trust = min(TRUST_MOST, TRUST_SEEN + TRUST_A_SECOND * max(0.0, unseen_s - LOOK_S))
    return 1.0 - trust * (1.0 - float(np.exp(-0.5 * (max(0.0, apart - ALIKE) / UNLIKE) ** 2)))


def likelier(one: Sequence[Float32s], other: Sequence[Float32s]) -> float:
    """How much likelier it is that two tracks with these samples are one person than that not.

    >>> red, blue = np.float32([40, 50, 30] * 2), np.float32([40, 10, -40] * 2)
    >>> likelier([red, blue], [red]), likelier([red], [blue]), likelier([red], [])
    (3.0, 0.05, 1.0)
    """
    found = [far for a in one for b in other if (far := _apart(a, b)) is not None]
    if not found:
        return 1.0
    ratio = float(np.exp((EVEN - min(found)) / FALLS))
    return min(ALIKE_MOST, max(ALIKE_LEAST, ratio))


def are_exchanged(one: Worn, other: Worn) -> bool:
    """Whether two were taken for each other, or the other is new and who the first one was."""
    is_new = LEAST_S <= other.seen_s < NEW_S
    return _wears_what(other, one) and (is_new or _wears_what(one, other))


def exchange(one: Worn, other: Worn) -> None:
    """Give each what the other usually wears; who is new has nothing usual to give."""
    usually, seen_s = one.usually, one.seen_s
    if other.seen_s < NEW_S:
        one.usually, one.seen_s = one.now, 0.0
    else:
        one.usually, one.seen_s = other.usually, other.seen_s
    other.usually, other.seen_s = usually, seen_s
    one.samples, other.samples = [one.now], [other.now]


def _wears_what(one: Worn, other: Worn) -> bool:
    """Whether one wears what the other usually does and does not now."""
    if not other.looks_different:
        return False
    own, mine = _apart(other.now, other.usually), _apart(one.now, other.usually)
    return own is not None and mine is not None and own >= mine + EXCHANGED


def _apart(one: Float32s, other: Float32s) -> float | None:
    """How far two people's colours are apart (root mean square), None if nothing tells."""
    apart = ((one - other) * np.tile([1.0, COLOUR, COLOUR], 2))[np.isfinite(one - other)]
    return float(np.sqrt((apart**2).mean())) if apart.size else None


def _moved(before: Float32s, seen: Float32s, share: float) -> Float32s:
    moved = before + np.float32(share) * (seen - before)
    return np.where(np.isnan(before), seen, np.where(np.isnan(seen), before, moved))


def _mean_lab(
    image_bgr: Image, joints: Float32s, pairs: tuple[tuple[Keypoint, Keypoint], ...]
) -> Float32s:
    """Mean CIE L*a*b* (3,) between two pairs of joints; not a number where they do not show."""
    unknown = np.full(3, np.nan, np.float32)
    upper, lower = (joints[list(pair)] for pair in pairs)
    if min(upper[:, 2].min(), lower[:, 2].min()) < JOINT_SCORE:
        return unknown
    top, bottom = upper[:, :2].mean(axis=0), lower[:, :2].mean(axis=0)
    apart = max(float(np.ptp(upper[:, 0])), float(np.ptp(lower[:, 0])))
    half_px = max(HALF_WIDTH * float(np.linalg.norm(bottom - top)), OF_JOINTS * apart)
    ends = np.array([top + share * (bottom - top) for share in WITHIN])
    beside, size = np.array([half_px, 0.0]), image_bgr.shape[1::-1]
    x0, y0 = np.clip(np.floor(ends.min(axis=0) - beside).astype(int), 0, size)
    x1, y1 = np.clip(np.ceil(ends.max(axis=0) + beside).astype(int), 0, size)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return unknown
    mean_bgr = np.array(cv2.mean(image_bgr[y0:y1, x0:x1])[:3], np.float32) / 255
    return np.asarray(cv2.cvtColor(mean_bgr.reshape(1, 1, 3), cv2.COLOR_BGR2LAB)[0, 0], np.float32)
