"""A thumbs-up is told by all of it, and a drawn one is found by the networks."""

import ctypes.util
import os

import numpy as np
import pytest
from tebura_models.gestures.hands import HandSight, load_hand_finder
from tebura_models.gestures.sign import FINGERS, THUMB, Sign, sign_of

from tests.conftest import missing

UP_RAD = 0.0


def hand(
    *, thumb_rad: float = UP_RAD, thumb: float = 0.9, open_fingers: tuple[int, ...] = ()
) -> HandSight:
    """A right hand seen from its back, fingers to the right, the palm one hundred pixels long.

    Args:
        thumb_rad: How far the thumb is turned from straight up.
        thumb: Its length in palms.
        open_fingers: Which fingers are stretched out, 0 to 3; the others are closed.
    """
    points = np.zeros((21, 2), np.float32)
    points[1] = 20, -25
    knuckle = np.array([35.0, -40.0])
    way = 100 * thumb * np.array([np.sin(thumb_rad), -np.cos(thumb_rad)])
    for index, share in zip(THUMB, (0.0, 0.6, 1.0), strict=True):
        points[index] = knuckle + share * way
    for n, finger in enumerate(FINGERS):
        y = -30 + 20 * n
        outs = (100, 135, 160, 185) if n in open_fingers else (100, 125, 115, 85)
        points[list(finger)] = [(x, y) for x in outs]
    return HandSight(points + 300)


def test_a_thumb_up_over_closed_fingers_is_one() -> None:
    assert sign_of(hand()) is Sign.THUMB_UP
    assert sign_of(hand(thumb_rad=0.5)) is Sign.THUMB_UP
    assert sign_of(hand(thumb_rad=-0.5)) is Sign.THUMB_UP


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(hand(thumb_rad=1.2), id="aside"),
        pytest.param(hand(thumb_rad=np.pi), id="down"),
        pytest.param(hand(thumb=0.2), id="tucked-in"),
        pytest.param(hand(open_fingers=(0,)), id="pistol"),
        pytest.param(hand(open_fingers=(3,)), id="little-finger-out"),
        pytest.param(hand(open_fingers=(0, 1, 2, 3)), id="flat"),
    ],
)
def test_anything_less_is_none(other: HandSight) -> None:
    assert sign_of(other) is Sign.NONE


def test_a_hand_without_any_extent_says_nothing() -> None:
    assert sign_of(HandSight(np.full((21, 2), 7, np.float32))) is Sign.NONE


def test_the_networks_see_a_drawn_thumbs_up_and_no_other_gesture() -> None:
    os.environ.setdefault("MUJOCO_GL", "egl")
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")
    from tebura_simulator.scenes.gestures import Gesture, HeldUp
    from tebura_simulator.scenes.portrait import Portrait, Stance

    finder = load_hand_finder()
    with Portrait("man", 1000, 0.65) as portrait:
        said = {
            gesture: [
                sign_of(found)
                for found in finder.hands(portrait.frame(Stance(hand=HeldUp(gesture))))
            ]
            for gesture in (Gesture.THUMB_UP, Gesture.FIST, Gesture.FLAT, Gesture.PISTOL)
        }
        assert finder.hands(portrait.frame(Stance())) == []
    assert said.pop(Gesture.THUMB_UP) == [Sign.THUMB_UP]
    assert list(said.values()) == [[Sign.NONE]] * 3
