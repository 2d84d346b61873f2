"""The code of the moment, on a phone's screen in a gate camera's picture."""

import io
from functools import lru_cache

import cv2
import numpy as np
import segno
from numpy.typing import NDArray
from tebura_contract.geometry import Xy

SCREEN_WIDTH_PX = 330
WHITE, INK = 250, 18
OVERSAMPLE = 3


def show_code(picture: NDArray[np.uint8], corners_px: tuple[Xy, ...], text: str) -> None:
    """Draw a phone page with the code into a (height, width, 3) BGR picture, in place.

    Args:
        picture: The gate camera's frame.
        corners_px: The screen's corners, clockwise from its own top left.
        text: What the code says.
    """
    corners = np.array(corners_px, np.float32)
    low = np.floor(corners.min(axis=0)).astype(int)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    low = np.maximum(low, 0)
    high = np.minimum(high, (picture.shape[1], picture.shape[0]))
    if (high <= low).any():
        return
    across, along = _side_px(corners, 0, 1), _side_px(corners, 1, 2)
    screen = _screen(text, round(SCREEN_WIDTH_PX * along / max(across, 1.0)))
    height, width = screen.shape[:2]
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    to_patch = cv2.getPerspectiveTransform(
        source, ((corners - low.astype(np.float32)) * OVERSAMPLE).astype(np.float32)
    )
    size = tuple(int(v) for v in (high - low))
    large = (size[0] * OVERSAMPLE, size[1] * OVERSAMPLE)
    shown = cv2.resize(cv2.warpPerspective(screen, to_patch, large), size, None, 0, 0, 3)
    full = np.full(screen.shape[:2], 255, np.uint8)
    cover = cv2.resize(cv2.warpPerspective(full, to_patch, large), size, None, 0, 0, 3)
    share = cover.astype(np.float32)[:, :, None] / 255
    patch = picture[low[1] : high[1], low[0] : high[0]]
    patch[:] = (patch * (1 - share) + shown.astype(np.float32)).clip(0, 255).astype(np.uint8)


def _side_px(corners: NDArray[np.float32], a: int, b: int) -> float:
    return float(
        np.linalg.norm(corners[a] - corners[b])
        + np.linalg.norm(corners[(a + 2) % 4] - corners[(b + 2) % 4])
    )


@lru_cache(maxsize=8)
def _screen(text: str, height_px: int) -> NDArray[np.uint8]:
    """A white screen with the code across its middle, quiet zone included, (height, width, 3)."""
    code = _code(text, SCREEN_WIDTH_PX)
    screen = np.full((max(height_px, len(code)), SCREEN_WIDTH_PX, 3), WHITE, np.uint8)
    top = (screen.shape[0] - code.shape[0]) // 2
    left = (SCREEN_WIDTH_PX - code.shape[1]) // 2
    screen[top : top + code.shape[0], left : left + code.shape[1]] = code[:, :, None]
    return screen


def _code(text: str, size_px: int) -> NDArray[np.uint8]:
    """The code with its quiet zone as grey levels, near `size_px` wide."""
    out = io.StringIO()
    segno.make(text, error="m", micro=False).save(out, kind="txt", border=4)
    modules = np.array([[ch == "1" for ch in row] for row in out.getvalue().split()], bool)
    levels = np.where(modules, INK, WHITE).astype(np.uint8)
    return np.kron(levels, np.ones((max(1, size_px // len(levels)),) * 2, np.uint8))
