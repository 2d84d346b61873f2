"""How a camera of the layout maps the store to its picture, lens distortion and all.

OpenCV's model: a point at (x, y, 1) of the camera lands at `focal * distorted(x, y) + center`, with
radial terms k1, k2, k3 and tangential ones p1, p2. Pixel (0, 0) covers 0 to 1 both ways. Beyond the
angle at which the polynomial turns back (a lens never does) the picture goes on evenly outward.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.layout import Camera

from tebura_simulator.story.stocking import frame_of

Array = NDArray[np.float64]

_NEAREST_M = 0.02
_ROUNDS = 80
_EXACT = 1e-9
_NODE_PX = 8
_WIDEST = 4.0
"""Tangent of the widest angle from the axis that is drawn; a pinhole picture cannot go on."""
_FLATTEST = 0.2
"""Where a polynomial has become this flat it is about to turn back."""


@dataclass(frozen=True)
class Pinhole:
    """A distortion-free picture: its size and what it shows, in the camera at a depth of 1.

    `low` and `high` are the x, y of its left top and right bottom edges.
    """

    size_px: tuple[int, int]
    low: tuple[float, float]
    high: tuple[float, float]

    def pixels(self, rays: Array) -> Array:
        """Pixels of points (N, 2) at a depth of 1."""
        span = np.subtract(self.high, self.low)
        return np.asarray((rays - self.low) / span * self.size_px)


class Lens:
    """Projects store points through a camera of the layout.

    Raises:
        ValueError: If the distortion has other than OpenCV's five coefficients or none.
    """

    def __init__(self, camera: Camera) -> None:
        if len(camera.intrinsics.distortion) not in (0, 4, 5):
            raise ValueError(
                f"camera {camera.label!r}: distortion holds k1, k2, p1, p2 and perhaps k3, "
                f"got {len(camera.intrinsics.distortion)} numbers"
            )
        self.size_px = camera.intrinsics.size_px
        self.frame = frame_of(camera.store_from_camera)
        self._focal = np.asarray(camera.intrinsics.focal_px)
        self._center = np.asarray(camera.intrinsics.center_px)
        terms = (*camera.intrinsics.distortion, 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
        self._radial = np.array([terms[0], terms[1], terms[4]])
        self._tangential = np.array(terms[2:4])
        self.is_distorted = any(terms)

    def project(self, points_m: Array) -> tuple[Array, Array]:
        """Pixels (N, 2) and depths (N,) in metres of store points (N, 3); NaN behind the lens."""
        depth = (points_m - self.frame.origin_m) @ self.frame.rotation[:, 2]
        return self.distorted(self.rays_to(points_m)) * self._focal + self._center, depth

    def rays_to(self, points_m: Array) -> Array:
        """Where lines to store points (N, 3) cross a depth of 1, (N, 2); NaN behind the lens."""
        local = (points_m - self.frame.origin_m) @ self.frame.rotation
        ahead = np.where(local[:, 2] > _NEAREST_M, local[:, 2], np.nan)
        return np.asarray(local[:, :2] / ahead[:, None])

    def sees(self, pixels: Array) -> NDArray[np.bool_]:
        """Which pixels (N, 2) lie in the picture."""
        wide, high = self.size_px
        x, y = pixels[:, 0], pixels[:, 1]
        return np.asarray((x >= 0) & (x < wide) & (y >= 0) & (y < high))

    def distorted(self, rays: Array) -> Array:
        """Where points (N, 2) at a depth of 1 appear to be."""
        if not self.is_distorted:
            return rays
        radius = np.hypot(rays[:, 0], rays[:, 1])
        bent = np.minimum(radius, self._turn)
        x, y = (rays * (bent / np.maximum(radius, 1e-12))[:, None]).T
        square = bent * bent
        k1, k2, k3 = self._radial
        p1, p2 = self._tangential
        grown = 1.0 + square * (k1 + square * (k2 + square * k3))
        out = np.stack(
            [
                x * grown + 2 * p1 * x * y + p2 * (square + 2 * x * x),
                y * grown + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
            ],
            axis=1,
        )
        return np.asarray(out * np.where(radius > bent, radius / self._turn, 1.0)[:, None])

    def undistorted(self, seen: Array) -> Array:
        """The inverse of `distorted`, (N, 2)."""
        if not self.is_distorted:
            return seen
        far = np.hypot(seen[:, 0], seen[:, 1])
        radius = np.linspace(0.0, _WIDEST, 4001)
        bent = np.hypot(*self.distorted(np.stack([radius, np.zeros_like(radius)], axis=1)).T)
        rays = seen * (np.interp(far, bent, radius) / np.maximum(far, 1e-12))[:, None]
        for _ in range(_ROUNDS):
            # The radial terms are right from the start, so only the small tangential ones are left.
            off = seen - self.distorted(rays)
            if np.abs(off).max() < _EXACT:
                break
            radius = np.hypot(rays[:, 0], rays[:, 1])
            steep = np.maximum(
                self._slope(np.minimum(radius, self._turn)), far / np.maximum(radius, 1e-12)
            )
            rays = rays + off / steep[:, None]
        return rays

    def rays(self, pixels: Array) -> Array:
        """The points at a depth of 1 that pixels (N, 2) show."""
        return self.undistorted((pixels - self._center) / self._focal)

    def pinhole(self, scale: int) -> Pinhole:
        """The distortion-free picture that holds all this lens sees, `scale` times as fine.

        Without distortion it is the picture itself.
        """
        wide, high = self.size_px
        corners = (np.array([[0.0, 0.0], [wide, high]]) - self._center) / self._focal
        if not self.is_distorted:
            low, upper = corners
            return Pinhole((wide * scale, high * scale), _xy(low), _xy(upper))
        x, y = np.linspace(corners[0], corners[1], 65).T
        edge = np.concatenate(
            [np.stack(np.broadcast_arrays(x, v), axis=1) for v in corners[:, 1]]
            + [np.stack(np.broadcast_arrays(v, y), axis=1) for v in corners[:, 0]]
        )
        rays = self.undistorted(edge)
        low, upper = rays.min(0), rays.max(0)
        size = np.ceil((upper - low) * self._focal * scale).astype(int)
        return Pinhole((int(size[0]), int(size[1])), _xy(low), _xy(upper))

    def maps(self, drawn: Pinhole, scale: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For each pixel of the picture, `scale` times as fine, its x and y in the drawn one."""
        # A lens bends smoothly: found exactly at nodes, one row of them outside, straight between.
        counts = [-(-count * scale // _NODE_PX) + 2 for count in self.size_px]
        x, y = (_NODE_PX / scale * (np.arange(count) - 0.5) for count in counts)
        pixels = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        # OpenCV samples by pixels' middles.
        at = drawn.pixels(self.rays(pixels)) - 0.5
        nodes = at.reshape(counts[1], counts[0], 2).astype(np.float32)
        fine = cv2.resize(nodes, (counts[0] * _NODE_PX, counts[1] * _NODE_PX))
        wide, high = (count * scale + _NODE_PX for count in self.size_px)
        inner = fine[_NODE_PX:high, _NODE_PX:wide]
        return np.ascontiguousarray(inner[..., 0]), np.ascontiguousarray(inner[..., 1])

    def _slope(self, radius: Array) -> Array:
        """How fast the distorted radius grows with the radius."""
        k1, k2, k3 = self._radial
        square = radius * radius
        return np.asarray(1.0 + square * (3 * k1 + square * (5 * k2 + square * 7 * k3)))

    @cached_property
    def _turn(self) -> float:
        """The radius up to which the polynomial grows; `_WIDEST` where it always does."""
        radius = np.linspace(0.0, _WIDEST, 2001)
        falling = np.flatnonzero(self._slope(radius) < _FLATTEST)
        return float(radius[falling[0]]) if len(falling) else _WIDEST


def _xy(values: Array) -> tuple[float, float]:
    return float(values[0]), float(values[1])
