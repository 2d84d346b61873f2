"""Lamps of a shop: what OpenGL is told of them, and how much of their light each surface gets.

OpenGL knows no soft shadows, so the light of many lamps on floor and walls is worked out once, past
the gondolas that stand in its way, and goes into the pictures of these surfaces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray
from tebura_contract.layout import Gondola, Layout

from tebura_simulator.scenes.look import Ceiling, Lighting
from tebura_simulator.story.stocking import frame_of

Array = NDArray[np.float64]

_WALL_M = 2.7
_OVER_CAMERA_M = 0.25
_AROUND_M = 0.35
_CELL_M = 0.09
_CONE_DEG = 72.0
_FROM_AROUND = 0.55
"""Share of the light that comes from walls and ceiling, not from lamps straight."""


@dataclass(frozen=True, eq=False)
class Hall:
    """The room: corners of its floor (2,) and its height. All cameras and gondolas are inside."""

    low_m: Array
    high_m: Array
    height_m: float

    @property
    def middle_m(self) -> Array:
        return np.asarray((self.low_m + self.high_m) / 2)

    @property
    def half_m(self) -> Array:
        return np.asarray((self.high_m - self.low_m) / 2)


def hall_of(layout: Layout) -> Hall:
    """The room around a layout: its floor's outline, or what stands there with room before it."""
    cameras = [frame_of(camera.store_from_camera).origin_m for camera in layout.camera]
    corners = [point for gondola in layout.gondola for point in _footprint(gondola)]
    points = [*(np.asarray(p) for p in layout.store.floor_m), *(c[:2] for c in cameras), *corners]
    if not layout.store.floor_m:
        points += [corner + 1.6 * way for corner in corners for way in (-1.0, 1.0)]
    points = points or [np.zeros(2), np.array([4.0, 4.0])]
    low, high = np.min(points, 0), np.max(points, 0)
    tops = [_WALL_M, *(c[2] + _OVER_CAMERA_M for c in cameras)]
    inside = [c for c in cameras if ((c[:2] < low + 0.1) | (c[:2] > high - 0.1)).any()]
    room = _AROUND_M if inside else 0.0
    return Hall(low - room, high + room, float(max(tops)))


def lamps_m(hall: Hall, ceiling: Ceiling) -> Array:
    """Middles of the lamps, (N, 3), in rows under the ceiling."""
    wide, deep = 2 * hall.half_m
    pitch = {Ceiling.PANELS: (1.8, 1.8), Ceiling.STRIPS: (1.2, 2.2), Ceiling.SPOTS: (1.1, 1.5)}
    across, along = (
        max(1, round(side / step)) for side, step in zip((wide, deep), pitch[ceiling], strict=True)
    )
    x = hall.low_m[0] + wide * (np.arange(across) + 0.5) / across
    y = hall.low_m[1] + deep * (np.arange(along) + 0.5) / along
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.asarray(np.c_[grid, np.full(len(grid), hall.height_m - 0.03)])


def add_lights(spec: mujoco.MjSpec, hall: Hall, lighting: Lighting) -> None:
    """Lamps under the ceiling: one that throws the shadows, two that throw none.

    All hang below the ceiling: what is above a lamp would shade the whole shop.
    """
    level = lighting.level
    spec.visual.headlight.ambient = [0.40 * level] * 3
    spec.visual.headlight.diffuse = [0.12 * level] * 3
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]
    spec.visual.map.shadowscale = 1.0
    way = np.array([np.cos(lighting.from_rad), np.sin(lighting.from_rad)])
    strong = hall.middle_m + 0.62 * hall.half_m * way
    places = [(strong, 0.10 + 0.40 * lighting.aslant, True)]
    for share in (0.3, 0.75):
        place = hall.low_m + 2 * hall.half_m * (0.6, share)
        places.append((place, 0.22 - 0.15 * lighting.aslant, False))
    for (x, y), power, is_casting in places:
        lamp = spec.worldbody.add_light(pos=[x, y, hall.height_m - 0.06], dir=[0, 0, -1])
        lamp.type = mujoco.mjtLightType.mjLIGHT_SPOT
        lamp.diffuse, lamp.specular = [power * level] * 3, [0.12] * 3
        lamp.castshadow, lamp.cutoff, lamp.exponent = is_casting, _CONE_DEG, 0.0


def light_map(
    corner: Array, across: Array, up: Array, lamps: Array, gondolas: Sequence[Gondola]
) -> NDArray[np.float32]:
    """Light on a rectangle, (rows, columns) from its corner on: about 1 where lamps shine freely.

    `across` and `up` are its sides; it is lit on the side of their cross product.
    """
    columns, rows = (max(4, round(np.linalg.norm(s) / _CELL_M)) for s in (across, up))
    u, v = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    points = corner + u[..., None] * across + v[..., None] * up
    points = points.reshape(-1, 3)
    normal = np.cross(across, up)
    normal /= np.linalg.norm(normal)
    way = lamps[None] - points[:, None]
    far = np.linalg.norm(way, axis=2)
    # Of a lamp that shines down, on a surface turned away by an angle: both as the cosine.
    power = np.clip(way @ normal, 0.0, None) * np.abs(way[..., 2]) / far**4
    for gondola in gondolas:
        power[_is_between(points + 0.02 * normal, lamps, gondola)] = 0.0
    lit = power.sum(1).reshape(rows, columns)
    lit = lit / max(1e-9, float(np.percentile(lit, 65)))
    soft = cv2.GaussianBlur(np.minimum(lit, 1.3), (0, 0), 2.0)
    return np.asarray(_FROM_AROUND + (1 - _FROM_AROUND) * soft, np.float32)


def _is_between(points: Array, lamps: Array, gondola: Gondola) -> NDArray[np.bool_]:
    """Whether a gondola stands between points (N, 3) and lamps (L, 3), (N, L)."""
    frame = frame_of(gondola.store_from_gondola)
    start = (points - frame.origin_m) @ frame.rotation
    end = (lamps - frame.origin_m) @ frame.rotation
    way = end[None] - start[:, None]
    way = np.where(np.abs(way) < 1e-9, 1e-9, way)
    near, far = -start[:, None] / way, (np.asarray(gondola.size_m) - start[:, None]) / way
    first = np.minimum(near, far).max(2)
    last = np.maximum(near, far).min(2)
    return np.asarray((first < last) & (last > 0) & (first < 1))


def _footprint(gondola: Gondola) -> list[Array]:
    frame, (wide, deep, _) = frame_of(gondola.store_from_gondola), gondola.size_m
    return [np.asarray(frame.point((x, y, 0.0))[:2]) for x in (0.0, wide) for y in (0.0, deep)]
