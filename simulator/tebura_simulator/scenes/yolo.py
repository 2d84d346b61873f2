"""Truth in the words of a training tool: a line a person, and crops of hands."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import KEYPOINTS
from tebura_simulator.scenes.truth import Box, HandTruth, PersonTruth

LEAST_SEEN = 0.1
"""People of whom less is seen are not in the labels; nobody could find them."""
LEAST_HIGH_PX = 12.0
HAND_SEEN = 0.35
HAND_LEAST_PX = 10.0
HAND_ROOM = 0.45
"""Room around a hand's box, a share of its longer side: what is held shows beyond the hand."""
HAND_SIDE_PX = 96
EMPTY, SEVERAL = "empty", "several"


def flipped() -> tuple[int, ...]:
    """Which keypoint each becomes in a mirrored picture.

    >>> flipped()[:5]
    (0, 2, 1, 4, 3)
    """
    swap = {"left": "right", "right": "left"}
    names = []
    for name in KEYPOINTS:
        side, _, rest = name.partition("_")
        names.append(f"{swap[side]}_{rest}" if side in swap else name)
    return tuple(KEYPOINTS.index(name) for name in names)


def is_labelled(person: PersonTruth) -> bool:
    """Whether a person is one to find."""
    box = person.visible_px
    return box is not None and person.seen_share >= LEAST_SEEN and box[3] - box[1] >= LEAST_HIGH_PX


def label_line(person: PersonTruth, size_px: tuple[int, int]) -> str:
    """Class, box (centre and size of what is seen) and keypoints (x, y, v), as shares."""
    assert person.visible_px is not None
    wide, high = size_px
    left, top, right, bottom = person.visible_px
    shares = [(left + right) / 2 / wide, (top + bottom) / 2 / high]
    shares += [(right - left) / wide, (bottom - top) / high]
    words = ["0", *(f"{share:.6f}" for share in shares)]
    for x, y, v in person.keypoints_px:
        words += [f"{x / wide:.6f}", f"{y / high:.6f}", str(v)]
    return " ".join(words)


@dataclass(frozen=True, eq=False)
class HandCrop:
    """A square picture around a hand, and what it holds: a SKU, several, a thing, nothing."""

    person: PersonTruth
    hand: HandTruth
    content: str
    box_px: Box
    picture: NDArray[np.uint8]


def content_of(hand: HandTruth) -> str:
    """What a hand holds, in a word."""
    if hand.thing is not None:
        return hand.thing.value
    kinds = sorted(set(hand.skus))
    if not kinds:
        return EMPTY
    return str(kinds[0]) if len(kinds) == 1 else SEVERAL


def hand_crops(people: tuple[PersonTruth, ...], bgr: NDArray[np.uint8]) -> Iterator[HandCrop]:
    """The hands that can be seen, each with room around it; grey beyond the picture's edge."""
    for person in people:
        for hand in person.hands:
            left, top, right, bottom = hand.box_px
            side = max(right - left, bottom - top)
            if hand.seen_share < HAND_SEEN or side < HAND_LEAST_PX:
                continue
            half = side * (0.5 + HAND_ROOM)
            x, y = (left + right) / 2, (top + bottom) / 2
            box = (x - half, y - half, x + half, y + half)
            yield HandCrop(person, hand, content_of(hand), box, _crop(bgr, box))


def _crop(bgr: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    left, top, right, _ = box
    scale = HAND_SIDE_PX / (right - left)
    crop_from_picture = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    grey = (114, 114, 114)
    found = cv2.warpAffine(
        bgr,
        crop_from_picture,
        (HAND_SIDE_PX, HAND_SIDE_PX),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=grey,
    )
    return np.asarray(found, np.uint8)
