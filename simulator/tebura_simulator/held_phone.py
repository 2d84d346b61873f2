"""A phone held up to a gate's camera, well or badly: what a code reader has to cope with."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.phone import show_code

MODULES_ACROSS: Final = 33
"""Of the screen's width: 25 of the code and its quiet zone."""
LENGTH_TO_WIDTH: Final = 2.0
DISTANCE_IN_WIDTHS: Final = 4.0
"""How far the camera is, in widths of the phone: nearer ones are distorted more."""
_UNIT: Final = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)


@dataclass(frozen=True, kw_only=True)
class Held:
    """How a phone is held and seen.

    Attributes:
        module_px: Side of one module of the code in the picture, were the phone not tilted.
        turned_deg: Turned about its upright axis.
        tipped_deg: Tipped backwards.
        rolled_deg: Rolled in its own plane.
        blur_px: Out of focus: standard deviation of the spot.
        shake_px: How far the phone moves while the picture is taken.
        light: Share of the full brightness; the grain stays, so that dim pictures are noisy ones.
        grain: Standard deviation of a pixel's noise, of 255.
        cracks: Lines of broken glass across the screen.
        glare: Share of the screen's width that a lamp's reflection washes out.
        glass: Which phone: where its glass is broken and where the lamp stands in it.
    """

    module_px: float = 5.0
    turned_deg: float = 0.0
    tipped_deg: float = 0.0
    rolled_deg: float = 0.0
    blur_px: float = 0.6
    shake_px: float = 0.0
    light: float = 0.8
    grain: float = 4.0
    cracks: int = 0
    glare: float = 0.0
    glass: int = 0


def picture_of(
    held: Held, text: str, chance: np.random.Generator, size_px: tuple[int, int] = (640, 360)
) -> NDArray[np.uint8]:
    """A gate camera's picture, (height, width, 3) BGR, of a phone before a busy background."""
    width, height = size_px
    clutter = chance.integers(0, 255, (height, width, 3), np.uint8)
    picture = np.asarray(cv2.GaussianBlur(clutter, (0, 0), 6), np.uint8)
    corners = _corners(held, width, height, chance)
    show_code(picture, tuple((float(x), float(y)) for x, y in corners), text)
    glass = np.random.default_rng(held.glass)
    lamp = glass.uniform(0.2, 0.8, 2)
    transform = cv2.getPerspectiveTransform(_UNIT, corners.astype(np.float32))
    to_picture = np.asarray(transform, np.float64)
    for _ in range(held.cracks):
        _crack(picture, to_picture, held.module_px, glass)
    seen = picture.astype(np.float32)
    if held.glare > 0:
        _wash_out(seen, to_picture, lamp, held.glare * held.module_px * MODULES_ACROSS)
    if held.blur_px > 0:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), held.blur_px), np.float32)
    if held.shake_px >= 1:
        seen = _shaken(seen, held.shake_px, chance)
    grain = chance.normal(0, held.grain, seen.shape)
    return (seen * held.light + grain).clip(0, 255).astype(np.uint8)


def _corners(
    held: Held, width: int, height: int, chance: np.random.Generator
) -> NDArray[np.float64]:
    """The screen's four corners in the picture, clockwise from its own top left, (4, 2)."""
    half_w, half_h = 0.5, 0.5 * LENGTH_TO_WIDTH
    flat = np.array(
        [(-half_w, -half_h, 0), (half_w, -half_h, 0), (half_w, half_h, 0), (-half_w, half_h, 0)]
    )
    turned, tipped, rolled = np.radians([held.turned_deg, held.tipped_deg, held.rolled_deg])
    about_y = cv2.Rodrigues(np.array([0.0, turned, 0.0]))[0]
    about_x = cv2.Rodrigues(np.array([tipped, 0.0, 0.0]))[0]
    about_z = cv2.Rodrigues(np.array([0.0, 0.0, rolled]))[0]
    space = flat @ (about_y @ about_x @ about_z).T
    scale_px = held.module_px * MODULES_ACROSS * DISTANCE_IN_WIDTHS
    seen = scale_px * space[:, :2] / (DISTANCE_IN_WIDTHS + space[:, 2:])
    middle = np.array([width, height]) / 2 + chance.uniform(-8, 8, 2)
    return np.asarray(seen + middle, np.float64)


def _crack(
    picture: NDArray[np.uint8],
    to_picture: NDArray[np.float64],
    module_px: float,
    glass: np.random.Generator,
) -> None:
    """A bright or dark line across the code, with a kink; it lies in the screen."""
    way = glass.uniform(0, np.pi)
    middle = glass.normal((0.5, 0.5), (0.15, 0.15 / LENGTH_TO_WIDTH))
    reach = 0.45 * np.array([np.cos(way), np.sin(way) / LENGTH_TO_WIDTH])
    points = np.array([[middle - reach, middle + glass.normal(0, 0.04, 2), middle + reach]])
    line = cv2.perspectiveTransform(points, to_picture)[0].round().astype(np.int32)
    shade = int(glass.choice([40, 220]))
    thick = max(1, round(module_px / 4))
    cv2.polylines(picture, [line], False, (shade, shade, shade), thick, cv2.LINE_AA)


def _wash_out(
    seen: NDArray[np.float32],
    to_picture: NDArray[np.float64],
    lamp: NDArray[np.float64],
    across_px: float,
) -> None:
    """A lamp mirrored in the glass: white with a soft edge, at a place of the screen (0 to 1)."""
    x, y = 0.5 + (lamp - 0.5) * (1, 1 / LENGTH_TO_WIDTH)
    middle = cv2.perspectiveTransform(np.array([[(x, y)]]), to_picture)[0, 0]
    rows, columns = np.mgrid[: seen.shape[0], : seen.shape[1]]
    away = np.hypot(columns - middle[0], rows - middle[1]) / (across_px / 2)
    seen += (255 * np.exp(-(away**4)))[:, :, None].astype(np.float32)


def _shaken(
    seen: NDArray[np.float32], shake_px: float, chance: np.random.Generator
) -> NDArray[np.float32]:
    way = chance.uniform(0, np.pi)
    side = 2 * int(np.ceil(shake_px / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    for step in np.linspace(-shake_px / 2, shake_px / 2, 8 * side):
        x, y = side // 2 + step * np.cos(way), side // 2 + step * np.sin(way)
        kernel[round(y), round(x)] += 1
    return np.asarray(cv2.filter2D(seen, -1, kernel / kernel.sum()), np.float32)
