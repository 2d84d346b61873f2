"""Pictures of a face held up before a gate's camera: prints, flat and bent, and screens.

What the camera sees is worked out ray by ray: where it meets the sheet, and what is on it there.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.portrait import SIZE_PX, UPRIGHT_DEG
from tebura_simulator.scenes.rotation import X, Y, Z, turn
from tebura_simulator.scenes.screen_light import HAZE, Shining, light_of, picture_of

Image = NDArray[np.uint8]
Array = NDArray[np.float64]

FOCAL_PX: Final = SIZE_PX[1] / 2 / math.tan(math.radians(UPRIGHT_DEG / 2))
SCREEN_PITCH_M: Final = 0.000_096
"""A pixel of a tablet of 264 to the inch."""


class Mirrors(Enum):
    """Where a tablet's glass shows the gate's screen, as it is tilted."""

    NOTHING = auto()
    BELOW = auto()
    """Held square to the camera: its image is half as large as it, and half as far below."""
    ALL_OVER = auto()
    """Before a screen that is larger than any at a gate."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a picture is held: `wide_m` across, `away_m` from the camera.

    `aside_rad`, `down_rad` and `tilt_rad` turn it as a head is turned. `bend_m` is the radius of
    the upright cylinder it is bent to; None is flat. On a screen its pixels are seen; what its
    glass mirrors of a gate's screen lies where `mirrors` says.
    """

    wide_m: float = 0.26
    away_m: float = 0.5
    aside_rad: float = 0.0
    down_rad: float = 0.0
    tilt_rad: float = 0.0
    shift_m: tuple[float, float] = (0.0, 0.0)
    bend_m: float | None = None
    is_screen: bool = False
    mirrors: Mirrors = Mirrors.NOTHING


def held_up(picture: Image, behind: Image, sheet: Sheet, shining: Shining | None = None) -> Image:
    """What the camera sees of `picture` held before `behind` (480, 640, 3)."""
    wide, high = SIZE_PX
    x, y = np.meshgrid(np.arange(wide) - wide / 2 + 0.5, np.arange(high) - high / 2 + 0.5)
    rays = np.stack([x / FOCAL_PX, y / FOCAL_PX, np.ones_like(x)], axis=-1)
    # Of the sheet: x across, y down its upright, z away from the camera.
    camera_from_sheet = (
        turn(Y, -sheet.aside_rad) @ turn(X, sheet.down_rad) @ turn(Z, -sheet.tilt_rad)
    )
    middle = np.array([*sheet.shift_m, sheet.away_m])
    across_m, down_m = _met(rays @ camera_from_sheet, -middle @ camera_from_sheet, sheet.bend_m)
    metres_px = sheet.wide_m / picture.shape[1]
    u = across_m / metres_px + picture.shape[1] / 2 - 0.5
    v = down_m / metres_px + picture.shape[0] / 2 - 0.5
    source = cv2.GaussianBlur(picture, (0, 0), max(0.3, 0.4 * _fineness(sheet, metres_px)))
    seen = cv2.remap(
        source, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderValue=(0, 0, 0)
    ).astype(np.float32)
    if sheet.is_screen:
        seen *= _pixels(across_m, down_m, sheet)[:, :, None]
    margin = 6 if sheet.is_screen else 2
    inside = (u > -margin) & (v > -margin)
    inside &= (u < picture.shape[1] + margin) & (v < picture.shape[0] + margin)
    if shining is not None:
        given = _given_back(sheet, shining, across_m, down_m)
        seen = picture_of(_lit(seen.clip(0, 255).astype(np.uint8), given, sheet)).astype(np.float32)
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.7)[:, :, None]
    return np.asarray(soft * seen + (1 - soft) * behind, np.float32).clip(0, 255).astype(np.uint8)


def _lit(seen: Image, given: NDArray[np.float32], sheet: Sheet) -> NDArray[np.float32]:
    """What is printed gives back light as it does the shop's; a screen's glass adds its own."""
    light = light_of(seen)
    return light + given if sheet.is_screen else light * (1 + given)


def _given_back(
    sheet: Sheet, shining: Shining, across_m: Array, down_m: Array
) -> NDArray[np.float32]:
    screen, share = shining.screen, shining.screen.share(sheet.away_m)
    if not sheet.is_screen:
        return shining.bgr(share * math.cos(sheet.aside_rad) * math.cos(sheet.down_rad))
    given = np.broadcast_to(shining.bgr(HAZE * share), (*across_m.shape, 3))
    image = np.ones_like(across_m)
    if sheet.mirrors is Mirrors.NOTHING:
        return np.asarray(given, np.float32)
    if sheet.mirrors is Mirrors.BELOW:
        # On the way from the screen over the glass to the camera all lengths are halved.
        wide_m, high_m = screen.size_m
        inside = np.abs(across_m) < wide_m / 4
        inside &= np.abs(down_m - screen.below_m / 2) < high_m / 4
        image = np.asarray(cv2.GaussianBlur(inside.astype(np.float64), (0, 0), 1.5), np.float64)
    return np.asarray(given + image[:, :, None] * shining.bgr(screen.mirrored()), np.float32)


def _met(rays: Array, origin: Array, bend_m: float | None) -> tuple[Array, Array]:
    """Where rays (H, W, 3) from the camera meet the sheet, in its own frame: across and down."""
    if bend_m is None:
        far = -origin[2] / np.where(np.abs(rays[..., 2]) < 1e-6, 1e-6, rays[..., 2])
        return origin[0] + far * rays[..., 0], origin[1] + far * rays[..., 1]
    # An upright cylinder whose nearest line is the sheet's middle.
    a = rays[..., 0] ** 2 + rays[..., 2] ** 2
    to_axis = np.array([origin[0], origin[2] - bend_m])
    b = rays[..., 0] * to_axis[0] + rays[..., 2] * to_axis[1]
    c = float(to_axis @ to_axis) - bend_m**2
    root = b**2 - a * c
    far = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, 1e3)
    x, z = origin[0] + far * rays[..., 0], to_axis[1] + far * rays[..., 2]
    around = np.where(root > 0, np.arctan2(x, -z) * bend_m, 1e3)
    return around, origin[1] + far * rays[..., 1]


def _fineness(sheet: Sheet, metres_px: float) -> float:
    """Pixels of the picture in one of the camera."""
    return sheet.away_m / FOCAL_PX / metres_px


def _pixels(across_m: Array, down_m: Array, sheet: Sheet) -> NDArray[np.float32]:
    """The beat between a screen's pixels and the camera's: weak, for a camera's are far larger."""
    seen_m = sheet.away_m / FOCAL_PX
    strength = 1.2 * abs(float(np.sinc(seen_m / SCREEN_PITCH_M)))
    phase = 2 * np.pi / SCREEN_PITCH_M
    beat = np.cos(phase * across_m) + 0.6 * np.cos(phase * down_m)
    return np.asarray(1 + strength * beat, np.float32)
