"""What a camera makes of the light: exposure, colour balance, blur, noise, sharpening, compression.

A pure function of the ideal pictures, the moment and the look: the same again is the same to the
bit, and the noise of no two moments is alike. The parameters' ranges (`Look.drawn`) lie around what
was measured on real footage; see the README here.
"""

import math
import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId

from tebura_simulator.scenes.look import Lighting, Look, SensorLook

Bytes = NDArray[np.uint8]
Light = NDArray[np.float32]

GAMMA = 2.2
"""From light to what is shown: the power whose root a display's numbers are."""
_LINEAR = ((np.arange(256) / 255) ** GAMMA).astype(np.float32)
_STEPS = 4095
_MIDDLE = 0.58
"""Brightness (0 to 1, as displayed) that automatic exposure aims at."""
_EAGER = 0.6
"""How far it goes to get there: it corrects, it does not flatten."""
_STILL_S = 0.003
"""An exposure this short freezes people."""
_WIDTH_PX = 640


class Sensor:
    """One camera's sensor in one look."""

    def __init__(self, look: Look, camera: CameraId, size_px: tuple[int, int]) -> None:
        self._look, self._given = look, look.sensor
        self._key = (look.seed, zlib.crc32(str(camera).encode()))
        self._is_perfect = look.sensor == SensorLook()
        self._vignette = _vignette(size_px, self._given.vignette)[..., None]
        self._fine = size_px[0] / _WIDTH_PX
        self._tones = _tones(self._given.contrast)
        self._tint = _tint(look.lighting.kelvin) * (
            self._given.balance[0],
            1.0,
            self._given.balance[1],
        )

    def moments(self, t_s: float) -> tuple[float, ...]:
        """When to draw the pictures that one frame gathers; only `t_s` if it freezes motion."""
        half_s = self._given.exposure_s / 4
        if self._given.exposure_s < _STILL_S:
            return (t_s,)
        return (t_s - half_s, t_s + half_s)

    def expose(self, pictures: Sequence[Bytes], t_s: float) -> Bytes:
        """The frame (H, W, 3) RGB that pictures drawn during its exposure become."""
        if self._is_perfect:
            return pictures[-1]
        given = self._given
        light = self._gathered(pictures, t_s)
        if given.blur_px > 0:
            light = _blurred(light, given.blur_px * self._fine)
        if given.bloom > 0:
            light = _bloomed(light, given.bloom)
        shown = self._tones[(np.minimum(light, 1.0) * _STEPS).astype(np.uint16)]
        shown = self._noisy(_saturated(shown, given.saturation), t_s)
        if given.sharpening > 0:
            soft = _blurred(shown, 1.1 * self._fine)
            shown = shown + np.float32(given.sharpening) * (shown - soft)
        return _compressed(np.clip(shown, 0, 255).astype(np.uint8), given.quality)

    def _gathered(self, pictures: Sequence[Bytes], t_s: float) -> Light:
        """Light on the sensor, 1 at white: the pictures' mean in the lamps' colour, exposed."""
        light = _LINEAR[pictures[0]]
        for picture in pictures[1:]:
            light = light + _LINEAR[picture]
        light *= np.float32(1 / len(pictures))
        lamps = self._look.lighting
        bright = float(light[::4, ::4].mean()) ** (1 / GAMMA)
        auto = (_MIDDLE / max(0.05, bright)) ** (GAMMA * _EAGER)
        gain = self._given.gain * auto * _flicker(lamps, self._given.exposure_s, t_s)
        return np.asarray(light * (gain * self._tint).astype(np.float32) * self._vignette)

    def _noisy(self, shown: Light, t_s: float) -> Light:
        """With noise of the moment: most of it brightness, less of it colour and coarser."""
        given = self._given
        if given.noise <= 0 and given.shot <= 0:
            return shown
        rng = np.random.default_rng([*self._key, round(abs(t_s) * 1e6)])
        high, wide, _ = shown.shape
        # Saturated colours go a little below black.
        deep = np.sqrt(given.noise**2 + given.shot**2 / 255 * np.maximum(shown[..., 1], 0.0))
        grain = rng.standard_normal((high, wide), np.float32) * deep
        coarse = rng.standard_normal((high // 2, wide // 2, 2), np.float32)
        colour = np.asarray(cv2.resize(coarse, (wide, high)), np.float32) * deep[..., None]
        shown = shown + grain[..., None]
        shown[..., ::2] += np.float32(0.55) * colour
        return shown


def _flicker(lamps: Lighting, exposure_s: float, t_s: float) -> float:
    """How bright the lamps are while a frame is exposed, about 1: their swing, averaged over it."""
    if lamps.flicker == 0:
        return 1.0
    swing_hz = 2 * lamps.mains_hz
    turns = math.pi * swing_hz * exposure_s
    seen = math.sin(turns) / turns if turns > 1e-9 else 1.0
    return 1.0 + lamps.flicker * seen * math.cos(2 * math.pi * swing_hz * t_s)


def _tint(kelvin: float) -> NDArray[np.float64]:
    """What is left of a lamp's colour after the camera has balanced most of it away (r, g, b)."""
    warm = (4600.0 - kelvin) / 4600.0
    return np.array([1.0 + 0.22 * warm, 1.0 + 0.02 * warm, 1.0 - 0.34 * warm])


def _vignette(size_px: tuple[int, int], lost: float) -> Light:
    wide, high = size_px
    x, y = np.linspace(-1, 1, wide), np.linspace(-1, 1, high)
    square = (x[None, :] ** 2 + y[:, None] ** 2) / 2
    return np.asarray(1.0 - lost * square, np.float32)


def _tones(contrast: float) -> Light:
    """From light to what is shown, 0 to 255: gamma, an S of the given slope, soft highlights."""
    shown = np.linspace(0.0, 1.0, _STEPS + 1) ** (1 / GAMMA)
    bent = 0.5 + np.tanh((shown - 0.5) * 2 * (contrast - 0.5)) / (2 * np.tanh(contrast - 0.5))
    mixed = shown + (bent - shown) * min(1.0, max(0.0, (contrast - 0.5) * 2))
    return np.asarray((255 * mixed).clip(0, 255), np.float32)


def _blurred(picture: Light, sigma_px: float) -> Light:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def _bloomed(light: Light, share: float) -> Light:
    """Light of what is bright spreads in the lens."""
    high, wide, _ = light.shape
    bright = np.maximum(light - np.float32(0.6), 0)
    small = cv2.resize(bright, (wide // 8, high // 8), interpolation=cv2.INTER_AREA)
    spread = cv2.resize(cv2.GaussianBlur(small, (0, 0), 4.0), (wide, high))
    return np.asarray(light + np.float32(share) * spread, np.float32)


def _saturated(shown: Light, saturation: float) -> Light:
    grey = shown @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(grey[..., None] + np.float32(saturation) * (shown - grey[..., None]))


def _compressed(frame: Bytes, quality: int | None) -> Bytes:
    if quality is None:
        return frame
    _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(
        np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    )
