"""How much light reaches each pixel from around it: ambient occlusion, found in the depth picture.

Corners, what stands close together and what is under something are darker, and nothing seems to
float. After the idea of screen-space ambient occlusion: from each surface point some directions are
looked along, and what stands in the way above its tangent plane takes light.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.lens import Pinhole

Picture = NDArray[np.float32]

_RADII_M = (0.06, 0.25)
_DIRECTIONS = 5
_WIDEST_PX = 360
_STRENGTH = 1.15
_LEAST = 0.30
_SLANT = 0.12
"""A sine this small above the tangent plane is the surface's own roundness."""


class Shading:
    """Ambient light of pinhole pictures of one camera, found at half their size or less."""

    def __init__(self, drawn: Pinhole) -> None:
        wide, high = drawn.size_px
        share = min(0.5, _WIDEST_PX / wide)
        self._size = (max(8, round(wide * share)), max(8, round(high * share)))
        (left, top), (right, bottom) = drawn.low, drawn.high
        x = np.linspace(left, right, 2 * self._size[0] + 1)[1::2]
        y = np.linspace(top, bottom, 2 * self._size[1] + 1)[1::2]
        self._x, self._y = x.astype(np.float32)[None, :], y.astype(np.float32)[:, None]
        self._focal_px = self._size[0] / (right - left)
        self._rows, self._columns = np.indices(self._size[::-1], dtype=np.float32)
        # Neighbours look in different directions, in a pattern that the blur below averages away.
        place = (self._columns % 4) * 4 + self._rows % 4
        self._ways = [
            (np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32), radius_m)
            for ring, radius_m in enumerate(_RADII_M)
            for direction in range(_DIRECTIONS)
            for angle in [2 * np.pi / _DIRECTIONS * (direction + ring / 3 + place / 16)]
        ]

    def ambient(self, depth_m: NDArray[np.float32]) -> Picture:
        """The share of the light from around that arrives, (H, W) like the depth, 0 to 1."""
        high, wide = depth_m.shape
        small: Picture = np.asarray(
            cv2.resize(depth_m, self._size, interpolation=cv2.INTER_NEAREST), np.float32
        )
        normals = _normals(np.dstack([self._x * small, self._y * small, small]))
        planes = [np.ascontiguousarray(normals[..., axis]) for axis in range(3)]
        taken: Picture = np.zeros(small.shape, np.float32)
        for across, down, radius_m in self._ways:
            taken += self._taken(small, planes, across, down, radius_m)
        taken = cv2.blur(taken, (4, 4)) * np.float32(2.0 * _STRENGTH / len(self._ways))
        open_share = np.clip(1.0 - taken, _LEAST, 1.0)
        return np.asarray(cv2.resize(open_share, (wide, high), interpolation=cv2.INTER_LINEAR))

    def _taken(
        self,
        small: Picture,
        normals: Sequence[Picture],
        across: Picture,
        down: Picture,
        radius_m: float,
    ) -> Picture:
        """How far what stands a radius away in a direction rises above the tangent plane."""
        off_px = np.clip(np.float32(radius_m * self._focal_px) / small, 1.5, 60.0)
        dx, dy = off_px * across, off_px * down
        other = cv2.remap(
            small,
            self._columns + dx,
            self._rows + dy,
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_REPLICATE,
        )
        scale = np.float32(1 / self._focal_px)
        x = other * (self._x + dx * scale) - self._x * small
        y = other * (self._y + dy * scale) - self._y * small
        z = other - small
        square = x * x + y * y + z * z + np.float32(1e-6)
        rise = (x * normals[0] + y * normals[1] + z * normals[2]) / np.sqrt(square)
        near = 1.0 - square * np.float32(1 / (2.5 * radius_m) ** 2)
        return np.asarray(np.clip(rise - np.float32(_SLANT), 0.0, 1.0) * np.maximum(near, 0.0))


_BEFORE, _AFTER = ((0, 0), (1, 0), (0, 0)), ((0, 0), (0, 1), (0, 0))
_ABOVE, _BELOW = ((1, 0), (0, 0), (0, 0)), ((0, 1), (0, 0), (0, 0))


def _normals(points: Picture) -> Picture:
    """Unit normals towards the camera; across an edge, of the nearer side's surface."""
    right, down = np.diff(points, axis=1), np.diff(points, axis=0)
    right = _smaller(np.pad(right, _BEFORE, "edge"), np.pad(right, _AFTER, "edge"))
    down = _smaller(np.pad(down, _ABOVE, "edge"), np.pad(down, _BELOW, "edge"))
    normal = np.cross(down, right)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-12
    return np.asarray(normal, dtype=np.float32)


def _smaller(before: Picture, after: Picture) -> Picture:
    """Of two differences the one that changes depth less: the one within the surface."""
    return np.where(np.abs(before[..., 2:]) < np.abs(after[..., 2:]), before, after)
