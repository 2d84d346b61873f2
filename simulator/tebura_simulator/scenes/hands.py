"""Hands: where they look and point, how far they are closed, and their fingers."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import Body
from tebura_simulator.scenes.manner import Manner
from tebura_simulator.scenes.rotation import aligning, between, cross, swing, turn, unit
from tebura_simulator.scenes.skeleton import SUFFIX, Skeleton
from tebura_simulator.story.timeline import GestureKind, Hand, ShopperState

Array = NDArray[np.float64]

GRIP_RADIUS_M = 0.035
"""Between the palm's skeleton and the middle of what it holds."""
_CURL_RAD = (math.radians(55), math.radians(70), math.radians(45))
_THUMB_RAD = (math.radians(48), math.radians(30), math.radians(35))
"""Bend of a closed finger's and thumb's three joints."""


def palm_of(fingers: Array, normal: Array) -> Array:
    """Columns: where the fingers point, where the palm looks, and their cross product."""
    f = unit(fingers)
    n = unit(normal - (normal @ f) * f)
    return np.stack([f, n, cross(f, n)], axis=1)


def rest_palm(body: Body, hand: Hand) -> Array:
    """The hand's directions at rest, from its knuckle and its thumb."""
    side = SUFFIX[hand]
    wrist = body.bone(f"hand.{side}")
    fingers = unit(body.bone(f"finger3-1.{side}") - wrist)
    thumb = body.bone(f"finger1-3.{side}") - wrist
    # Fingers ahead and thumb up, the left palm looks right and the right palm left.
    normal = cross(fingers, thumb) if hand is Hand.LEFT else cross(thumb, fingers)
    return palm_of(fingers, normal)


def grip(body: Body, hand: Hand) -> Array:
    """From the wrist to the middle of what is held, along (fingers, palm, thumb)."""
    side = SUFFIX[hand]
    knuckle = body.bone(f"finger3-1.{side}") - body.bone(f"hand.{side}")
    return np.array([0.8 * float(np.linalg.norm(knuckle)), GRIP_RADIUS_M, 0.0])


def curl(state: ShopperState, manner: Manner, hand: Hand, reading: float) -> float:
    """How far the fingers are closed, 0 (flat) to 1 (a fist)."""
    reach = next(
        (
            reach
            for reach in (state.reach, state.other_reach)
            if reach is not None and reach.hand is hand and reach.kind is not GestureKind.LOOK
        ),
        None,
    )
    if reach is not None and reach.kind is GestureKind.PHONE:
        return 0.3 + 0.15 * reach.progress
    if state.held[hand]:
        return 0.55
    if manner.carries and hand is Hand.LEFT:
        return 0.95
    if reach is not None:
        return 0.34 - 0.22 * reach.progress
    return 0.34 + (0.12 * reading if hand is Hand.RIGHT else 0.0)


def pose_arm(bones: Skeleton, hand: Hand, elbow: Array, wrist: Array, palm: Array) -> None:
    """Lay an arm from its shoulder, where that is now, over the elbow to the wrist."""
    side = SUFFIX[hand]
    bone, shoulder = bones.body.bone, bones.posed(f"upperarm.{side}")
    upper0 = bone(f"forearm.{side}") - bone(f"upperarm.{side}")
    lower0 = bone(f"hand.{side}") - bone(f"forearm.{side}")
    upper, lower = elbow - shoulder, wrist - elbow
    hinge0, hinge = cross(upper0, lower0), cross(upper, lower)
    forearm = aligning(lower0, hinge0, lower, hinge)
    turned = palm @ rest_palm(bones.body, hand).T
    half = between(forearm, turned, 0.5)
    bones.place(f"upperarm.{side}", aligning(upper0, hinge0, upper, hinge), shoulder)
    bones.place(f"forearm.{side}", forearm, elbow)
    bones.hang(f"wrist.{side}")
    # The lower half of the forearm takes up half of the hand's twist.
    bones.place(f"wrist.{side}", swing(half @ lower0, lower) @ half)
    bones.place(f"hand.{side}", turned, wrist)


def bend_fingers(bones: Skeleton, hand: Hand, closed: float) -> None:
    """Bend all fingers alike."""
    bend_each(bones, hand, (closed,) * 5)


def bend_each(bones: Skeleton, hand: Hand, closed: Sequence[float]) -> None:
    """Bend each finger, the thumb first, about the palm's width, and the thumb against them."""
    side = SUFFIX[hand]
    ahead, normal, _ = rest_palm(bones.body, hand).T
    axis = cross(ahead, normal)
    thumb = unit(bones.body.bone(f"finger1-3.{side}") - bones.body.bone(f"finger1-1.{side}"))
    across = cross(thumb, unit(normal + 0.35 * ahead))
    for finger in range(1, 6):
        turned = bones.turned(f"hand.{side}")
        for joint in range(3):
            bone = f"finger{finger}-{joint + 1}.{side}"
            bones.hang(bone)
            if finger == 1:
                turned = turned @ turn(unit(across), closed[0] * _THUMB_RAD[joint])
            else:
                # The little finger closes first.
                more = 0.9 + 0.06 * (finger - 2)
                turned = turned @ turn(axis, more * closed[finger - 1] * _CURL_RAD[joint])
            bones.place(bone, turned)
