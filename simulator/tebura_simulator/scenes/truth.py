"""What is exactly so in footage: people, their keypoints and the phone's code in each frame.

The files beside the videos; read without anything that draws.
"""

from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, Sku

from tebura_simulator.scenes.lens import Lens
from tebura_simulator.story.script import Hand
from tebura_simulator.story.timetable import Action, Passage

Array = NDArray[np.float64]

Box = tuple[float, float, float, float]

FPS = 10.0
"""Frames a second of footage, unless more are asked for: frame i is the moment i / FPS."""


class Thing(StrEnum):
    """What a hand may hold that no shop sells."""

    PHONE = "phone"
    BASKET = "basket"


class HandTruth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hand that is at least partly in the picture, and what it holds.

    `box_px` goes around the hand and what is seen of what it holds, cut at the picture's edge.
    `seen_share` is how much of the hand nothing stands before (what it holds may). `skus` are
    products, `thing` is of the shopper's own; an empty hand has neither.
    """

    hand: Hand
    box_px: Box
    seen_share: float
    skus: tuple[Sku, ...] = ()
    thing: Thing | None = None


class PersonTruth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person who is at least partly in the picture.

    Boxes are x_min, y_min, x_max, y_max. `box_px` is of the whole body, cut at the picture's edge;
    what stands before it is not cut away. `visible_px` is of what is seen, None where nothing is,
    and `seen_share` how much of the whole body's outline is, also beyond the picture's edge; what
    somebody carries hides nothing of it.
    `keypoints_px` are COCO's 17 as x, y, v: 2 seen, 1 hidden, 0 outside the picture. `foot_m` is
    the floor point between the feet, in the store. `mask` is what is seen, as COCO's compressed run
    lengths (`masks.decode_mask`); empty where nothing is, or where masks were not kept.
    """

    shopper: str
    box_px: Box
    keypoints_px: tuple[tuple[float, float, int], ...]
    foot_m: Xy
    visible_px: Box | None = None
    seen_share: float = 1.0
    hands: tuple[HandTruth, ...] = ()
    mask: str = ""


class FrameTruth(msgspec.Struct, frozen=True, kw_only=True):
    """A frame: its time since the scenario's start, the people, the code's place on the phone.

    `phone_quad_px` are the corners of the square a code is shown in, in the order top left, top
    right, bottom right, bottom left of the upright code.
    """

    t_s: float
    people: tuple[PersonTruth, ...] = ()
    phone_quad_px: tuple[Xy, Xy, Xy, Xy] | None = None


class FootageTruth(msgspec.Struct, frozen=True, kw_only=True):
    """The truth file beside a camera's video."""

    scenario: str
    camera: CameraId
    fps: float
    size_px: tuple[int, int]
    frames: tuple[FrameTruth, ...]


class TimelineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a scenario, as `timeline.json` beside its videos says it."""

    scenario: str
    title: str
    duration_s: float
    actions: tuple[Action, ...]
    passages: tuple[Passage, ...]


def quad_px(corners_m: Array, lens: Lens) -> tuple[Xy, Xy, Xy, Xy] | None:
    """Four store points as a quad in the picture; None unless wholly inside and seen from front."""
    pixels, _ = lens.project(corners_m)
    if np.isnan(pixels).any() or not lens.sees(pixels).all():
        return None
    across, down = pixels[1] - pixels[0], pixels[3] - pixels[0]
    if across[0] * down[1] - across[1] * down[0] <= 0:
        return None
    a, b, c, d = ((_px(x, 2), _px(y, 2)) for x, y in pixels)
    return (a, b, c, d)


def _px(value: float, digits: int = 1) -> float:
    return round(float(value), digits)
