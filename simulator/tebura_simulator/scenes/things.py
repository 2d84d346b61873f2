"""What people carry or wear that keeps its shape: bags, a basket, glasses, a phone."""

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.fabric import rgb
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.products import Colour, add_geom
from tebura_simulator.story.attire import Bag

Array = NDArray[np.float64]
PHONE_M = (0.074, 0.009, 0.152)
_SIDES = 8


def add_phone(spec: mujoco.MjSpec, name: str) -> None:
    """A phone; its screen looks along -y."""
    body = spec.worldbody.add_body(name=f"{name}/phone", mocap=True)
    box = mujoco.mjtGeom.mjGEOM_BOX
    x, y, z = (side / 2 for side in PHONE_M)
    if spec.material("screen") is None:
        spec.add_material(name="screen", rgba=[0.97, 0.97, 0.97, 1.0], emission=0.75)
    add_geom(body, box, [x, y, z], (0.08, 0.08, 0.09), name=f"{name}/phone")
    add_geom(
        body,
        box,
        [x - 0.004, 0.001, z - 0.006],
        (0.97, 0.97, 0.97),
        (0, -y, 0),
        material="screen",
        name=f"{name}/phone-screen",
    )


def add_glasses(spec: mujoco.MjSpec, name: str, m: Measures) -> None:
    """Two rims, a bridge and the sides, on the head."""
    s = m.scale**0.5
    head = m.body.bone("head")
    paths: list[Array] = []
    turn = np.linspace(0.0, 2 * np.pi, 17)
    for eye in m.eyes_m:
        ahead = eye - head + [0.0, -0.014 * s, 0.0]
        rim = np.c_[
            0.024 * s * np.cos(turn), 0.004 * np.abs(np.cos(turn)), 0.018 * s * np.sin(turn)
        ]
        paths.append(ahead + rim)
        outer = np.sign(eye[0]) * 0.024 * s
        ear = np.array([np.sign(eye[0]) * 0.074 * s, head[1] + 0.02 * s, eye[2]]) - head
        paths.append(
            np.stack(
                [
                    ahead + np.array([outer, 0.004, 0.004]),
                    ear + np.array([0, -0.07 * s, 0.004]),
                    ear,
                ]
            )
        )
    left, right = (eye - head + [0.0, -0.016 * s, 0.004] for eye in m.eyes_m)
    inner = np.array([0.022 * s, 0.0, 0.0])
    paths.append(np.stack([left - inner, right + inner]))
    _add_tubes(
        spec, spec.body(f"{name}/head"), f"{name}/glasses", paths, 0.0018, (0.06, 0.06, 0.07)
    )


def add_bag(
    spec: mujoco.MjSpec, name: str, kind: Bag, colour: str, m: Measures, clear_m: float
) -> None:
    """A bag on the mocap body ``{name}/bag``; `clear_m` is how thick the clothes below it are."""
    paint = tuple(float(c) for c in rgb(colour) / 255)
    tint = (paint[0], paint[1], paint[2])
    dark = (0.7 * tint[0], 0.7 * tint[1], 0.7 * tint[2])
    s = m.scale
    # Beside the hips, over what is worn there; its straps lie on the shoulder.
    aside = max(0.06, m.body.hips_m + clear_m + 0.03 - float(m.body.bone("upperarm.l")[0]))
    high = 0.030 + clear_m
    body = spec.worldbody.add_body(name=f"{name}/bag", mocap=True)
    match kind:
        case Bag.TOTE:
            half = (0.035, 0.15 * s, 0.18 * s)
            _add_sack(spec, body, f"{name}/bag-sack", half, (aside, 0.10, -0.56 * s), tint)
            loops = [
                np.array([[aside, y0, -0.39 * s], [0.0, 0.0, high], [aside, y1, -0.39 * s]])
                for y0, y1 in ((0.01, 0.05), (0.15, 0.19))
            ]
            loops = [_bowed(loop, 9) for loop in loops]
            _add_tubes(spec, body, f"{name}/bag-straps", loops, 0.008, dark)
        case Bag.SHOULDER:
            half = (0.045, 0.12 * s, 0.085 * s)
            _add_sack(spec, body, f"{name}/bag-sack", half, (aside, 0.09, -0.52 * s), tint)
            strap = [[aside, -0.02, -0.45 * s], [-0.01, 0.0, high], [aside, 0.20, -0.45 * s]]
            _add_tubes(spec, body, f"{name}/bag-straps", [_bowed(np.array(strap), 11)], 0.009, dark)
        case Bag.BACKPACK:
            _add_backpack(spec, body, name, m, clear_m, (tint, dark))
        case Bag.BASKET:
            _add_basket(spec, body, name, s)
        case Bag.NONE:
            pass


def _add_backpack(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    m: Measures,
    clear_m: float,
    colours: tuple[Colour, Colour],
) -> None:
    """It sits on the back, in the chest bone's frame."""
    tint, dark = colours
    s, chest = m.scale, m.body.bone("chest")
    v = m.body.vertices_m
    back = v[(m.on_arm < 0.1) & (np.abs(v[:, 2] - chest[2] - 0.05 * s) < 0.12 * s)][:, 1].max()
    depth = float(back - chest[1]) + clear_m
    _add_sack(
        spec,
        body,
        f"{name}/bag-sack",
        (0.14 * s, 0.075 * s, 0.21 * s),
        (0.0, depth + 0.085 * s, 0.02 * s),
        tint,
    )
    _add_sack(
        spec,
        body,
        f"{name}/bag-pocket",
        (0.10 * s, 0.03 * s, 0.09 * s),
        (0.0, depth + 0.165 * s, -0.06 * s),
        dark,
    )
    straps = [_strap(m, side, clear_m) - chest for side in (-1.0, 1.0)]
    _add_tubes(spec, body, f"{name}/bag-straps", straps, 0.016, dark)


def _strap(m: Measures, side: float, clear_m: float) -> Array:
    """A loop around a shoulder: the outline of the trunk there, a little off it."""
    v, s = m.body.vertices_m, m.scale
    at = side * 0.66 * float(m.body.bone("upperarm.l")[0])
    low = float(m.body.bone("chest")[2]) - 0.06 * s
    slab = v[(m.on_arm < 0.4) & (np.abs(v[:, 0] - at) < 0.025 * s) & (v[:, 2] > low)]
    slab = slab[slab[:, 2] < float(m.body.bone("upperarm.l")[2]) + 0.12 * s]
    hull = cv2.convexHull(slab[:, 1:].astype(np.float32))[:, 0].astype(np.float64)
    out = hull - (hull.min(0) + hull.max(0)) / 2
    hull = hull + (clear_m + 0.006) * out / np.linalg.norm(out, axis=1, keepdims=True)
    loop = np.concatenate([hull, hull[:1]])
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    even = np.linspace(0.0, steps[-1], 33)
    y, z = (np.interp(even, steps, loop[:, i]) for i in (0, 1))
    # Nearer together behind than in front.
    x = at * (1.0 - 0.5 * np.clip((y - y.mean()) / 0.2, -0.15, 1.0))
    return np.stack([x, y, z], axis=1)


def _add_basket(spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str, s: float) -> None:
    """A wire basket that hangs from its handle, the body's origin."""
    red, wire = (0.80, 0.10, 0.12), (0.12, 0.12, 0.13)
    box = mujoco.mjtGeom.mjGEOM_BOX
    wide, long, high, low = 0.13 * s, 0.20 * s, 0.10 * s, -0.25 * s
    sides = (
        ([wide, long, 0.004], (0.0, 0.0, low - high)),
        ([wide, 0.004, high], (0.0, long, low)),
        ([wide, 0.004, high], (0.0, -long, low)),
        ([0.004, long, high], (wide, 0.0, low)),
        ([0.004, long, high], (-wide, 0.0, low)),
    )
    for index, (half, pos) in enumerate(sides):
        add_geom(body, box, half, red, pos, name=f"{name}/basket{index}")
    # A rim, slots in the sides, and the handle.
    corners = np.array([[wide, long], [-wide, long], [-wide, -long], [wide, -long], [wide, long]])
    rim = np.c_[corners, np.full(5, low + high)]
    bars = [np.c_[1.02 * corners, np.full(5, low + share * high)] for share in (-0.45, 0.1, 0.55)]
    _add_tubes(spec, body, f"{name}/basket-slots", bars, 0.006, (0.42, 0.05, 0.07))
    handle = np.array(
        [[0, -long, low + high], [0, -0.09 * s, 0.0], [0, 0.09 * s, 0.0], [0, long, low + high]]
    )
    _add_tubes(spec, body, f"{name}/basket-handle", [rim, handle], 0.008, wire)


def _add_sack(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    half_m: tuple[float, float, float],
    pos: tuple[float, float, float],
    colour: Colour,
) -> None:
    """A soft box: its edges rounded, its lower half fuller."""
    up, around = np.linspace(-np.pi / 2, np.pi / 2, 13), np.linspace(0, 2 * np.pi, 25)

    def soft(value: Array) -> Array:
        return np.asarray(np.sign(value) * np.abs(value) ** 0.45)

    ring = soft(np.cos(up))[:, None]
    x = half_m[0] * ring * soft(np.cos(around))[None]
    y = half_m[1] * ring * soft(np.sin(around))[None]
    z = half_m[2] * np.broadcast_to(soft(np.sin(up))[:, None], x.shape)
    full = 1.0 - 0.14 * (z / half_m[2])
    points = np.stack([x * full, y * full, z], axis=2)
    _add_mesh(spec, body, name, _grid(points), colour, pos)


def _add_tubes(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    paths: list[Array],
    radius_m: float,
    colour: Colour,
) -> None:
    vertices, faces, start = [], [], 0
    for path in paths:
        points, corners = _grid(_tube(path, radius_m))
        vertices.append(points)
        faces.append(corners + start)
        start += len(points)
    _add_mesh(spec, body, name, (np.concatenate(vertices), np.concatenate(faces)), colour)


def _add_mesh(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    shape: tuple[Array, NDArray[np.int64]],
    colour: Colour,
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    mesh = spec.add_mesh(name=name)
    mesh.uservert = shape[0].ravel()
    mesh.userface = shape[1].ravel().astype(np.int32)
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    add_geom(body, mujoco.mjtGeom.mjGEOM_MESH, [], colour, pos, meshname=name, name=name)


def _bowed(points: Array, count: int) -> Array:
    """A smooth line through points."""
    steps = np.linspace(0.0, len(points) - 1, count)
    index = np.arange(len(points))
    line = np.stack([np.interp(steps, index, points[:, i]) for i in range(3)], axis=1)
    inner = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
    return np.concatenate([line[:1], inner, line[-1:]])


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


def _grid(points: Array) -> tuple[Array, NDArray[np.int64]]:
    """Vertices and faces, seen from both sides, of a grid of points (rows, columns, 3)."""
    rows, columns, _ = points.shape
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    b, c, d = a + 1, a + columns, a + columns + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    return points.reshape(-1, 3), faces
