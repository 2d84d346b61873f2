"""How pictures look, in numbers: light, contrast, colour, sharpness, noise."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

WIDE_PX = 640
"""Pictures are brought to this width first: sharpness is that of a pixel."""

SHARES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Appearance:
    """One picture, grey levels 0 to 255.

    Attributes:
        brightness: Mean grey.
        contrast: Standard deviation of grey.
        dark: Share of pixels below 30.
        bright: Share of pixels above 240.
        colour: Colourfulness (Hasler and Suesstrunk 2003).
        sharpness: Mean absolute gradient where there are edges (the strongest tenth).
        detail: Share of pixels with a gradient above 24.
        noise: Standard deviation of fine noise, in its quietest places (median of the flattest
            tenth of 8 x 8 blocks).
    """

    brightness: float
    contrast: float
    dark: float
    bright: float
    colour: float
    sharpness: float
    detail: float
    noise: float


def appearance(bgr: NDArray[np.uint8]) -> Appearance:
    """Measure a picture (H, W, 3) BGR."""
    high, wide = bgr.shape[:2]
    if wide != WIDE_PX:
        size = (WIDE_PX, round(high * WIDE_PX / wide))
        bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4
    strong = slope[slope >= np.quantile(slope, 0.9)]
    return Appearance(
        brightness=float(grey.mean()),
        contrast=float(grey.std()),
        dark=float((grey < 30).mean()),
        bright=float((grey > 240).mean()),
        colour=_colourfulness(bgr.astype(np.float32)),
        sharpness=float(strong.mean()),
        detail=float((slope > 24).mean()),
        noise=_noise(grey),
    )


def _colourfulness(bgr: NDArray[np.float32]) -> float:
    blue, green, red = bgr[..., 0], bgr[..., 1], bgr[..., 2]
    across, down = red - green, (red + green) / 2 - blue
    spread = float(np.hypot(across.std(), down.std()))
    return spread + 0.3 * float(np.hypot(across.mean(), down.mean()))


def _noise(grey: NDArray[np.float32]) -> float:
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    fine = cv2.filter2D(grey, cv2.CV_32F, kernel)
    high, wide = (side // 8 * 8 for side in grey.shape)
    blocks = fine[:high, :wide].reshape(high // 8, 8, wide // 8, 8).transpose(0, 2, 1, 3)
    level = grey[:high, :wide].reshape(high // 8, 8, wide // 8, 8).mean(axis=(1, 3))
    deviations = blocks.std(axis=(2, 3))[(level > 15) & (level < 240)]
    if not deviations.size:
        return 0.0
    return float(np.median(deviations[deviations <= np.quantile(deviations, 0.1)]))


def spread(measured: Iterable[Appearance]) -> dict[str, list[float]]:
    """For each measure what 10, 50 and 90 % of pictures stay below."""
    rows = [asdict(row) for row in measured]
    return {
        field.name: [float(v) for v in np.quantile([row[field.name] for row in rows], SHARES)]
        for field in fields(Appearance)
    }
