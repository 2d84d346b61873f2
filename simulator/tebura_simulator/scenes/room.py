"""The shop around the shoppers: floor, walls, ceiling, what stands and hangs along the walls.

Nothing of it stands where somebody of the story walks.
"""

from dataclasses import dataclass, field

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray
from tebura_contract.layout import Layout

from tebura_simulator.scenes.decor import (
    behind_glass_picture,
    ceiling_picture,
    cooler_picture,
    floor_picture,
    wall_picture,
)
from tebura_simulator.scenes.fixtures import add_baskets, add_exit, add_gondola, add_reader
from tebura_simulator.scenes.light import Hall, add_lights, hall_of, lamps_m, light_map
from tebura_simulator.scenes.look import Look
from tebura_simulator.scenes.mannequin import add_mannequin, poster
from tebura_simulator.scenes.panes import add_pane
from tebura_simulator.scenes.products import add_geom
from tebura_simulator.scenes.rotation import Z
from tebura_simulator.story.stocking import frame_of

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_FREE_M = 0.38
"""Between the middle of somebody who walks and what stands there."""
_STEP_M = 0.15


@dataclass
class _Walls:
    """The four walls as corner and direction, seen from inside, and what stands there already."""

    hall: Hall
    taken_m: list[Array]
    uses: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def sides(self) -> list[tuple[Array, Array, float]]:
        (x0, y0), (x1, y1) = self.hall.low_m, self.hall.high_m
        wide, deep = x1 - x0, y1 - y0
        return [
            (np.array([x0, y1, 0.0]), np.array([1.0, 0.0, 0.0]), wide),
            (np.array([x0, y0, 0.0]), np.array([0.0, 1.0, 0.0]), deep),
            (np.array([x1, y1, 0.0]), np.array([0.0, -1.0, 0.0]), deep),
            (np.array([x1, y0, 0.0]), np.array([-1.0, 0.0, 0.0]), wide),
        ]

    def room_for(
        self, wide_m: float, deep_m: float, rng: np.random.Generator
    ) -> tuple[Array, Array, Array] | None:
        """A free stretch of wall: its lower left corner, its direction, the way into the room."""
        sides = self.sides()
        for number in rng.permutation(len(sides)):
            corner, along, long = sides[number]
            inward = np.cross(along, Z)
            starts = np.arange(0.05, long - wide_m - 0.05, _STEP_M)
            for start in rng.permutation(starts):
                if self._is_free(int(number), float(start), wide_m, deep_m, corner, along, inward):
                    self.uses.setdefault(int(number), []).append((float(start), start + wide_m))
                    return corner + start * along, along, inward
        return None

    def _is_free(
        self,
        number: int,
        start: float,
        wide_m: float,
        deep_m: float,
        corner: Array,
        along: Array,
        inward: Array,
    ) -> bool:
        end = start + wide_m
        if any(start < high + 0.1 and low - 0.1 < end for low, high in self.uses.get(number, [])):
            return False
        off = np.asarray(self.taken_m) - corner[:2]
        s, t = off @ along[:2], off @ inward[:2]
        return not ((s > start - _FREE_M) & (s < end + _FREE_M) & (t < deep_m + _FREE_M)).any()


def add_room(spec: mujoco.MjSpec, layout: Layout, look: Look, ways_m: Array) -> None:
    """Everything that stands still; `ways_m` (N, 2) are places where somebody walks."""
    rng = np.random.default_rng([look.seed, 0x600D])
    hall, decor = hall_of(layout), look.decor
    lamps = lamps_m(hall, decor.ceiling)
    add_lights(spec, hall, look.lighting)
    _surfaces(spec, layout, look, hall, lamps, rng)
    products = {str(sku): product for sku, product in layout.products().items()}
    for gondola in layout.gondola:
        add_gondola(spec, gondola, products, decor)
    for camera in layout.camera:
        if any(camera.node == gate.node for gate in layout.gate):
            add_reader(spec, frame_of(camera.store_from_camera))
    for gate in layout.gate:
        if gate.zone_m and look.decor.has_exit:
            add_exit(spec, gate, decor.accent)
    _along_walls(spec, layout, look, hall, ways_m, rng)


def _surfaces(
    spec: mujoco.MjSpec,
    layout: Layout,
    look: Look,
    hall: Hall,
    lamps: Array,
    rng: np.random.Generator,
) -> None:
    """Floor, ceiling and walls in the light that reaches them."""
    decor = look.decor
    wide, deep = 2 * hall.half_m
    x, y = np.array([wide, 0.0, 0.0]), np.array([0.0, deep, 0.0])
    low = np.array([*hall.low_m, 0.0])
    up = np.array([0.0, 0.0, hall.height_m])
    floor = floor_picture(decor.floor, wide, deep, rng)
    light = light_map(low, x, y, lamps, layout.gondola)
    add_pane(spec, "floor", low, x, y, _lit(floor, light), shine=decor.floor_shine)
    ceiling = ceiling_picture(decor.ceiling, deep, wide, lamps[:, 1::-1] - hall.low_m[::-1])
    add_pane(spec, "ceiling", low + up, y, x, ceiling, glow=0.5)
    for number, (corner, along, long) in enumerate(_Walls(hall, []).sides()):
        across = long * along
        wall = wall_picture(decor.wall, decor.wall_colour, long, hall.height_m, rng)
        light = light_map(corner, across, up, lamps, layout.gondola)
        add_pane(spec, f"wall-{number}", corner, across, up, _lit(wall, light))
        inward = np.cross(along, Z)
        middle = corner + across / 2 + 0.006 * inward + (0, 0, 0.045)
        half = np.abs(across) / 2 + 0.006 * np.abs(inward) + (0, 0, 0.045)
        add_geom(spec.worldbody, _BOX, half.tolist(), (0.36, 0.37, 0.40), tuple(middle))


def _lit(picture: Picture, light: NDArray[np.float32]) -> Picture:
    """A surface's picture, its first row the top, in its light, whose first row is the bottom."""
    high, wide, _ = picture.shape
    share = cv2.resize(light[::-1], (wide, high), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.asarray(np.clip(picture * share, 0, 255), np.uint8)


def _along_walls(
    spec: mujoco.MjSpec,
    layout: Layout,
    look: Look,
    hall: Hall,
    ways_m: Array,
    rng: np.random.Generator,
) -> None:
    decor = look.decor
    taken = [np.asarray(point) for point in ways_m]
    for gondola in layout.gondola:
        frame, (wide, deep, _) = frame_of(gondola.store_from_gondola), gondola.size_m
        grid = [(x, y) for x in np.linspace(0, wide, 9) for y in (0.0, deep / 2, deep)]
        taken += [np.asarray(frame.point((x, y, 0.0))[:2]) for x, y in grid]
    taken += [np.asarray(point) for gate in layout.gate for point in gate.zone_m]
    for camera in layout.camera:
        frame = frame_of(camera.store_from_camera)
        # Nor close before a camera.
        taken += [(frame.origin_m + far * frame.rotation[:, 2])[:2] for far in (0.0, 0.6, 1.2)]
    walls = _Walls(hall, taken or [np.array([1e3, 1e3])])
    for number in range(decor.coolers):
        _cooler(spec, walls, f"cooler-{number}", rng)
    for number in range(decor.glass_doors):
        _glass(spec, walls, f"decor/glass-{number}", rng)
    for number in range(decor.mannequins):
        if (spot := walls.room_for(0.7, 0.6, rng)) is not None:
            corner, along, inward = spot
            yaw = float(np.arctan2(inward[1], inward[0]) + rng.normal(0, 0.3))
            at = corner + 0.35 * along + 0.32 * inward
            add_mannequin(spec, f"decor/mannequin-{number}", at, yaw, rng)
    for _ in range(decor.baskets):
        if (spot := walls.room_for(0.6, 0.5, rng)) is not None:
            add_baskets(spec, (spot[0] + 0.3 * spot[1] + 0.25 * spot[2])[:2], decor.accent)
    for number in range(decor.posters):
        if (spot := walls.room_for(0.75, -0.3, rng)) is not None:
            corner, along, inward = spot
            low = corner + 0.004 * inward + (0, 0, float(rng.uniform(0.75, 1.25)))
            tall = np.array([0.0, 0.0, 0.98])
            add_pane(spec, f"decor/poster-{number}", low, 0.7 * along, tall, poster(rng))


def _cooler(spec: mujoco.MjSpec, walls: _Walls, name: str, rng: np.random.Generator) -> None:
    """A cooler of drinks behind glass that mirrors the room."""
    spot = walls.room_for(1.3, 0.45, rng) or walls.room_for(1.3, 0.1, rng)
    if spot is None:
        return
    corner, along, inward = spot
    middle = corner + 0.65 * along + 0.21 * inward + (0, 0, 0.98)
    half = 0.65 * np.abs(along) + 0.21 * np.abs(inward) + (0, 0, 0.98)
    add_geom(spec.worldbody, _BOX, half.tolist(), (0.84, 0.85, 0.87), tuple(middle))
    front = corner + 0.03 * along + 0.424 * inward + (0, 0, 0.14)
    picture = cooler_picture(rng)
    up = np.array([0.0, 0.0, 1.72])
    add_pane(spec, f"decor/{name}", front, 1.24 * along, up, picture, shine=0.12, glow=0.18)
    for share in (0.0, 0.62, 1.24):
        handle = front + share * along + 0.008 * inward + (0, 0, 0.86)
        add_geom(spec.worldbody, _BOX, [0.015, 0.015, 0.86], (0.3, 0.31, 0.33), tuple(handle))


def _glass(spec: mujoco.MjSpec, walls: _Walls, name: str, rng: np.random.Generator) -> None:
    """A front of glass to a dim room: it mirrors the shop, people and all."""
    spot = walls.room_for(1.8, -0.3, rng) or walls.room_for(1.0, -0.3, rng)
    if spot is None:
        return
    corner, along, inward = spot
    low = corner + 0.005 * inward + (0, 0, 0.02)
    up = np.array([0.0, 0.0, 2.2])
    add_pane(spec, name, low, 1.8 * along, up, behind_glass_picture(rng), shine=0.35)
    for share in (0.0, 0.9, 1.8):
        post = corner + share * along + 0.01 * inward + (0, 0, 1.12)
        add_geom(spec.worldbody, _BOX, [0.025, 0.025, 1.12], (0.12, 0.12, 0.13), tuple(post))
