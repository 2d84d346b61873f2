"""Hands that are held up to a camera: a thumbs-up, and what is none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.hands import bend_each, palm_of, pose_arm
from tebura_simulator.scenes.rotation import X, Y, Z, turn, two_bones
from tebura_simulator.scenes.skeleton import SUFFIX, Skeleton
from tebura_simulator.story.timeline import Hand

Array = NDArray[np.float64]


class Gesture(StrEnum):
    """What a right hand shows."""

    THUMB_UP = "thumb-up"
    THUMB_ASIDE = "thumb-aside"
    THUMB_DOWN = "thumb-down"
    FIST = "fist"
    FLAT = "flat"
    POINTING = "pointing"
    TWO = "two"
    GRIP = "grip"
    PISTOL = "pistol"
    CALLING = "calling"
    HANDSHAKE = "handshake"


@dataclass(frozen=True, slots=True)
class Form:
    """How far each finger is closed, thumb first, where they point and where the palm looks.

    In the body's frame: x to its left, y to its back, z up; of a right hand.
    """

    closed: tuple[float, float, float, float, float]
    ahead: tuple[float, float, float]
    palm: tuple[float, float, float]


_FIST = (1.25, 1.25, 1.25, 1.25)
FORMS: Final = {
    # Fingers point to the body's left, closed; the palm looks back at the body.
    Gesture.THUMB_UP: Form((-0.55, *_FIST), (1.0, -0.3, 0.0), (0.3, 1.0, 0.0)),
    Gesture.THUMB_ASIDE: Form((-0.55, *_FIST), (0.0, -0.3, 1.0), (0.0, 1.0, 0.3)),
    Gesture.THUMB_DOWN: Form((-0.55, *_FIST), (-1.0, -0.3, 0.0), (-0.3, 1.0, 0.0)),
    Gesture.FIST: Form((1.0, *_FIST), (1.0, -0.3, 0.0), (0.3, 1.0, 0.0)),
    Gesture.FLAT: Form((0.0, 0.05, 0.05, 0.05, 0.05), (0.0, -0.1, 1.0), (0.0, -1.0, 0.0)),
    Gesture.POINTING: Form((0.9, 0.0, 1.25, 1.25, 1.25), (0.0, -0.2, 1.0), (0.0, -1.0, -0.2)),
    Gesture.TWO: Form((0.9, 0.0, 0.0, 1.25, 1.25), (0.0, -0.2, 1.0), (0.0, -1.0, -0.2)),
    Gesture.GRIP: Form((0.4, 0.55, 0.55, 0.55, 0.55), (0.8, -0.6, 0.2), (0.6, 0.8, 0.0)),
    # Thumbs that are up, over fingers that are not closed.
    Gesture.PISTOL: Form((-0.55, 0.0, 1.25, 1.25, 1.25), (1.0, -0.3, 0.0), (0.3, 1.0, 0.0)),
    Gesture.CALLING: Form((-0.55, 1.25, 1.25, 1.25, 0.0), (1.0, -0.3, 0.0), (0.3, 1.0, 0.0)),
    Gesture.HANDSHAKE: Form((-0.55, 0.1, 0.1, 0.1, 0.1), (0.8, -0.6, 0.0), (0.6, 0.8, 0.0)),
}


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A gesture, where the wrist is from between the eyes (metres), and how it is turned."""

    gesture: Gesture
    wrist_m: tuple[float, float, float] = (-0.15, -0.16, -0.15)
    aslant_rad: float = 0.0
    aside_rad: float = 0.0


def hold_up(bones: Skeleton, eyes_m: Array, held: HeldUp) -> None:
    """Pose the right arm and hand of a body whose trunk is posed already."""
    side, form = SUFFIX[Hand.RIGHT], FORMS[held.gesture]
    turned = turn(Y, held.aslant_rad) @ turn(Z, held.aside_rad)
    palm = turned @ palm_of(np.array(form.ahead), np.array(form.palm))
    bones.hang(f"upperarm.{side}")
    shoulder = bones.posed(f"upperarm.{side}")
    pole = -0.5 * X + 0.2 * Y - Z
    elbow, wrist = two_bones(
        shoulder, eyes_m + np.array(held.wrist_m), bones.arm_lengths(Hand.RIGHT), pole
    )
    pose_arm(bones, Hand.RIGHT, elbow, wrist, palm)
    bend_each(bones, Hand.RIGHT, form.closed)
