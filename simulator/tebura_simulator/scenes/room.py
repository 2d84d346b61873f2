"""The shop around the shoppers: floor, walls, gondolas with their shelves and plates, the gate."""

import mujoco
import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xyz
from tebura_contract.layout import Gondola, Layout

from tebura_simulator.scenes.look import Look
from tebura_simulator.scenes.products import Colour, add_geom
from tebura_simulator.scenes.rotation import quaternion
from tebura_simulator.story.stocking import PLATE_TOP_M, Frame, frame_of, shelf_frame

WALL_M = 2.7
_STEEL: Colour = (0.80, 0.81, 0.83)
_DARK: Colour = (0.17, 0.18, 0.20)
_BOX = mujoco.mjtGeom.mjGEOM_BOX


def add_room(spec: mujoco.MjSpec, layout: Layout, look: Look) -> None:
    """Everything that stands still."""
    rng = np.random.default_rng(look.seed)
    _floor_and_walls(spec, layout, rng)
    for gondola in layout.gondola:
        _gondola(spec, gondola)
    for camera in layout.camera:
        if any(camera.node == gate.node for gate in layout.gate):
            _reader(spec, frame_of(camera.store_from_camera))
    _lights(spec, layout)


def _lights(spec: mujoco.MjSpec, layout: Layout) -> None:
    """Light from the ceiling: a wide one that throws the shadows, two lamps that throw none."""
    wide = spec.worldbody.add_light(pos=[2.0, 0.5, 6.0], dir=[-0.18, 0.22, -1.0])
    wide.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    wide.diffuse, wide.specular = [0.30] * 3, [0.06] * 3
    outline = np.asarray(layout.store.floor_m or ((-3.0, -3.0), (5.0, 5.0)))
    low, high = outline.min(0), outline.max(0)
    for share in (0.35, 0.75):
        x, y = low + (high - low) * (0.6, share)
        lamp = spec.worldbody.add_light(pos=[x, y, WALL_M - 0.05], dir=[0, 0, -1])
        lamp.diffuse, lamp.specular, lamp.castshadow = [0.25] * 3, [0.1] * 3, False
        lamp.cutoff, lamp.exponent = 90.0, 0.4


def _floor_and_walls(spec: mujoco.MjSpec, layout: Layout, rng: np.random.Generator) -> None:
    outline = np.asarray(layout.store.floor_m or ((-3.0, -3.0), (5.0, 5.0)))
    low, high = outline.min(0), outline.max(0)
    middle, half = (low + high) / 2, (high - low) / 2
    _texture(spec, "tiles", _tiles(rng), repeat=(1.7, 1.7))
    _texture(spec, "plaster", _plaster(rng), repeat=(1.0, 1.0))
    _texture(spec, "cooler", _cooler(rng), repeat=(1.0, 1.0), uniform=False)
    world = spec.worldbody
    add_geom(
        world,
        _BOX,
        [half[0] + 0.5, half[1] + 0.5, 0.05],
        (1, 1, 1),
        (middle[0], middle[1], -0.05),
        material="tiles",
    )
    walls = (
        ([0.05, half[1], WALL_M / 2], (low[0] - 0.05, middle[1], WALL_M / 2)),
        ([0.05, half[1], WALL_M / 2], (high[0] + 0.05, middle[1], WALL_M / 2)),
        ([half[0], 0.05, WALL_M / 2], (middle[0], high[1] + 0.05, WALL_M / 2)),
        ([half[0], 0.05, WALL_M / 2], (middle[0], low[1] - 0.05, WALL_M / 2)),
    )
    for size, pos in walls:
        add_geom(world, _BOX, size, (1, 1, 1), pos, material="plaster")
    skirting = (0.36, 0.37, 0.40)
    add_geom(world, _BOX, [0.012, half[1], 0.05], skirting, (low[0] + 0.012, middle[1], 0.05))
    add_geom(world, _BOX, [half[0], 0.012, 0.05], skirting, (middle[0], high[1] - 0.012, 0.05))
    cooler = (low[0] + 0.2, middle[1] + 0.3 * half[1], 0.95)
    add_geom(world, _BOX, [0.2, 0.3 * half[1], 0.95], (0.85, 0.86, 0.88), cooler)
    glass = (cooler[0] + 0.205, cooler[1], 1.0)
    add_geom(world, _BOX, [0.005, 0.28 * half[1], 0.85], (1, 1, 1), glass, material="cooler")


def _gondola(spec: mujoco.MjSpec, gondola: Gondola) -> None:
    wide, deep, high = gondola.size_m
    frame = frame_of(gondola.store_from_gondola)
    _board(spec, frame, (wide / 2, deep - 0.01, high / 2), (wide / 2, 0.01, high / 2), _STEEL)
    _board(
        spec,
        frame,
        (wide / 2, deep / 2, 0.07),
        (wide / 2, deep / 2 - 0.03, 0.07),
        (0.45, 0.46, 0.48),
    )
    for x in (0.0, wide):
        _board(spec, frame, (x, deep - 0.03, high / 2), (0.012, 0.03, high / 2), _DARK)
    for shelf in gondola.shelf:
        at = shelf_frame(gondola, shelf)
        w, d, _ = shelf.size_m
        _board(spec, at, (w / 2, d / 2, -0.015), (w / 2, d / 2, 0.012), (0.9, 0.9, 0.91))
        _board(spec, at, (w / 2, -0.006, -0.018), (w / 2, 0.006, 0.022), (0.86, 0.13, 0.16))
        for plate in shelf.plate:
            (x, y), (pw, pd) = plate.xy_m, plate.size_m
            _board(
                spec,
                at,
                (x + pw / 2, y + pd / 2, PLATE_TOP_M / 2),
                (pw / 2 - 0.003, pd / 2, PLATE_TOP_M / 2),
                (0.62, 0.64, 0.67),
            )
        for facing in shelf.facing:
            x = sum(facing.x_m) / 2
            _board(spec, at, (x, -0.014, -0.018), (0.035, 0.002, 0.016), (0.98, 0.97, 0.90))


def _reader(spec: mujoco.MjSpec, frame: Frame) -> None:
    """A pillar with a window; the camera looks out of it."""
    ahead = frame.rotation[:, 2]
    level = np.array([ahead[0], ahead[1], 0.0]) / np.linalg.norm(ahead[:2])
    turned = np.stack([np.cross(level, [0, 0, 1]), level, [0, 0, 1]], axis=1)
    x, y, z = frame.origin_m - 0.12 * level
    quat = quaternion(turned)
    world = spec.worldbody
    add_geom(world, _BOX, [0.09, 0.06, z / 2], (0.93, 0.94, 0.95), (x, y, z / 2), quat=quat)
    add_geom(world, _BOX, [0.092, 0.062, 0.02], (0.10, 0.55, 0.62), (x, y, z - 0.12), quat=quat)
    add_geom(world, _BOX, [0.075, 0.05, 0.02], _DARK, (x, y, z + 0.01), quat=quat)


def _board(spec: mujoco.MjSpec, frame: Frame, middle_m: Xyz, half_m: Xyz, colour: Colour) -> None:
    add_geom(
        spec.worldbody,
        _BOX,
        list(half_m),
        colour,
        frame.point(middle_m),
        quat=quaternion(frame.rotation),
    )


def _texture(
    spec: mujoco.MjSpec,
    name: str,
    picture: NDArray[np.uint8],
    repeat: tuple[float, float],
    uniform: bool = True,
) -> None:
    high, wide, _ = picture.shape
    texture = spec.add_texture(name=name, width=wide, height=high, nchannel=3)
    texture.type = mujoco.mjtTexture.mjTEXTURE_2D
    texture.data = picture.tobytes()
    material = spec.add_material(name=name, texrepeat=list(repeat), texuniform=uniform)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    material.specular, material.shininess, material.reflectance = 0.15, 0.2, 0.0


def _tiles(rng: np.random.Generator) -> NDArray[np.uint8]:
    picture = np.full((256, 256, 3), (196, 192, 184), dtype=np.float64)
    picture += rng.normal(0.0, 4.0, (256, 256, 1))
    for a in (0, 128):
        for b in (0, 128):
            picture[a : a + 128, b : b + 128] += rng.normal(0.0, 4.0)
    for line in (0, 128):
        picture[line : line + 3] = picture[:, line : line + 3] = (150, 147, 141)
    return picture.clip(0, 255).astype(np.uint8)


def _plaster(rng: np.random.Generator) -> NDArray[np.uint8]:
    picture = np.full((128, 128, 3), (226, 223, 215), dtype=np.float64)
    return (picture + rng.normal(0.0, 2.5, (128, 128, 1))).clip(0, 255).astype(np.uint8)


def _cooler(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A drinks cooler behind glass: rows of bottles in the dark."""
    picture = np.full((256, 256, 3), (38, 42, 48), dtype=np.uint8)
    for row in range(5):
        base = 46 + row * 50
        picture[base : base + 4] = (120, 124, 128)
        for column in range(13):
            x = 8 + column * 19
            colour = rng.integers(50, 190, 3)
            picture[base - 34 : base, x : x + 13] = colour
            picture[base - 24 : base - 10, x : x + 13] = (colour // 2 + 90).clip(0, 255)
            picture[base - 40 : base - 34, x + 4 : x + 9] = (200, 200, 200)
    return picture
