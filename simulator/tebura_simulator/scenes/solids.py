"""Soft solids of one colour: tubes and straps along lines, meshes of grids of points."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.products import Colour, add_geom

Array = NDArray[np.float64]
Faces = NDArray[np.int64]
Picture = NDArray[np.uint8]
_SIDES = 8


def add_tubes(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    paths: list[Array],
    radius_m: float,
    colour: Colour,
) -> None:
    pieces = [grid(_tube(path, radius_m)) for path in paths]
    add_mesh(spec, body, name, joined(pieces), colour)


def add_webbing(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str, paths: list[Array], colour: Colour
) -> None:
    """Flat straps along lines that run in planes of y and z."""
    half_wide, half_thick = 0.021, 0.004
    pieces = []
    for path in paths:
        way = np.gradient(path, axis=0)
        out = np.cross(way, [1.0, 0.0, 0.0])
        out *= half_thick / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        across = np.array([half_wide, 0.0, 0.0])
        corners = (across + out, across - out, -across - out, -across + out, across + out)
        pieces.append(grid(np.stack([path + corner for corner in corners], axis=1)))
    add_mesh(spec, body, name, joined(pieces), colour)


def joined(pieces: list[tuple[Array, Faces]]) -> tuple[Array, Faces]:
    """Several meshes as one."""
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in pieces])
    faces = [corners + start for (_, corners), start in zip(pieces, starts[:-1], strict=True)]
    return np.concatenate([vertices for vertices, _ in pieces]), np.concatenate(faces)


def add_mesh(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    shape: tuple[Array, Faces],
    colour: Colour,
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    _mesh(spec, name, shape)
    add_geom(body, mujoco.mjtGeom.mjGEOM_MESH, [], colour, pos, meshname=name, name=name)


def add_printed(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    shape: tuple[Array, Faces],
    uv: Array,
    picture: Picture,
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    """A mesh with a picture on it; `uv` (N, 2) from the picture's left and from below."""
    mesh = _mesh(spec, name, shape)
    # Texture coordinates of meshes, unlike those of skins, run down from the top.
    mesh.usertexcoord = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1).ravel()
    mesh.userfacetexcoord = mesh.userface
    high, wide, _ = picture.shape
    texture = spec.add_texture(name=name, width=wide, height=high, nchannel=3)
    texture.type, texture.data = mujoco.mjtTexture.mjTEXTURE_2D, picture.tobytes()
    material = spec.add_material(name=name)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    material.specular = material.shininess = 0.1
    white = (1.0, 1.0, 1.0)
    geom = mujoco.mjtGeom.mjGEOM_MESH
    add_geom(body, geom, [], white, pos, meshname=name, name=name, material=name)


def _mesh(spec: mujoco.MjSpec, name: str, shape: tuple[Array, Faces]) -> mujoco.MjsMesh:
    mesh = spec.add_mesh(name=name)
    mesh.uservert = shape[0].ravel()
    mesh.userface = shape[1].ravel().astype(np.int32)
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    return mesh


def bowed(points: Array, count: int) -> Array:
    """A smooth line through points."""
    steps = np.linspace(0.0, len(points) - 1, count)
    index = np.arange(len(points))
    line = np.stack([np.interp(steps, index, points[:, i]) for i in range(3)], axis=1)
    inner = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
    return np.concatenate([line[:1], inner, line[-1:]])


def soft(value: Array, power: float) -> Array:
    """Between a circle's and a square's: sines and cosines flattened to their ends."""
    return np.asarray(np.sign(value) * np.abs(value) ** power)


def _tube(path: Array, radius_m: float) -> Array:
    """Rings around a line, (N, sides + 1, 3)."""
    way = np.gradient(path, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    other = np.where(np.abs(way[:, 2:]) > 0.9, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    side = np.cross(way, other)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, way)
    turn = np.linspace(0.0, 2 * np.pi, _SIDES + 1)
    ring = np.cos(turn)[None, :, None] * side[:, None] + np.sin(turn)[None, :, None] * up[:, None]
    return np.asarray(path[:, None] + radius_m * ring)


def grid(points: Array) -> tuple[Array, Faces]:
    """Vertices and faces, seen from both sides, of a grid of points (rows, columns, 3)."""
    rows, columns, _ = points.shape
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    b, c, d = a + 1, a + columns, a + columns + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    return points.reshape(-1, 3), faces
