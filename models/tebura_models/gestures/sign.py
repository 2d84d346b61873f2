"""What the 21 points of a hand say: a thumb that points up over closed fingers, or nothing."""

import math
from enum import StrEnum
from typing import Final

import numpy as np

from tebura_models.gestures.hands import HandSight
from tebura_models.heads import Floats

WRIST: Final = 0
THUMB: Final = (2, 3, 4)
"""Its knuckle, joint and tip."""
FINGERS: Final = ((5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
"""Knuckle, two joints and tip of each."""
MOST_ASLANT_RAD: Final = math.radians(40)
"""Between the thumb and straight up."""
LEAST_STRAIGHT: Final = 0.9
"""The thumb's way from knuckle to tip over that along its joints."""
LEAST_LONG: Final = 0.45
"""The thumb beside the palm's length, from wrist to middle knuckle."""
MOST_REACH, SLACK = 0.6, 0.1
"""How far a closed finger's tip is from its knuckle at most, and how much further from the wrist
than its joint is; in lengths of the palm. Tips of a fist are mostly hidden, so not quite known."""


class Sign(StrEnum):
    """What a hand says."""

    THUMB_UP = "thumb-up"
    NONE = "none"


def sign_of(hand: HandSight) -> Sign:
    """A thumbs-up only if all of it is seen; a hand that holds something says nothing."""
    points = hand.points_px
    is_up = _is_up(points) and all(_is_closed(points, finger) for finger in FINGERS)
    return Sign.THUMB_UP if is_up and _is_on_top(points) else Sign.NONE


def palm_px(hand: HandSight) -> float:
    """From the wrist to the middle knuckle."""
    return _apart(hand.points_px[WRIST], hand.points_px[FINGERS[1][0]])


def _is_up(points: Floats) -> bool:
    knuckle, joint, tip = (points[index] for index in THUMB)
    way = tip - knuckle
    length = math.hypot(*way.tolist())
    along = _apart(knuckle, joint) + _apart(joint, tip)
    palm = _apart(points[WRIST], points[FINGERS[1][0]])
    # The picture's y runs down.
    aslant_rad = math.atan2(abs(float(way[0])), -float(way[1]))
    return (
        aslant_rad <= MOST_ASLANT_RAD
        and length >= LEAST_STRAIGHT * along
        and length >= LEAST_LONG * palm
    )


def _is_closed(points: Floats, finger: tuple[int, int, int, int]) -> bool:
    """Its tip is back near its knuckle, and no further from the wrist than its joint."""
    knuckle, joint, _, tip = finger
    palm = _apart(points[WRIST], points[FINGERS[1][0]])
    beyond = _apart(points[tip], points[WRIST]) - _apart(points[joint], points[WRIST])
    return _apart(points[tip], points[knuckle]) <= MOST_REACH * palm and beyond <= SLACK * palm


def _is_on_top(points: Floats) -> bool:
    """The thumb's tip stands out above everything else."""
    knuckle, _, tip = THUMB
    others = np.delete(points[:, 1], [*THUMB])
    height = float(points[knuckle, 1] - points[tip, 1])
    return float(points[tip, 1]) < float(others.min()) - 0.3 * height


def _apart(a: Floats, b: Floats) -> float:
    return math.hypot(*(a - b).tolist())
