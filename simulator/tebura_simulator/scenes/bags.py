"""What people carry in: totes, shoulder bags, backpacks, the shop's baskets."""

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.fabric import rgb
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.products import Colour, add_geom
from tebura_simulator.scenes.solids import add_mesh, add_tubes, add_webbing, bowed, grid, soft
from tebura_simulator.story.attire import Bag

Array = NDArray[np.float64]


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
            loops = [bowed(loop, 9) for loop in loops]
            add_tubes(spec, body, f"{name}/bag-straps", loops, 0.008, dark)
        case Bag.SHOULDER:
            half = (0.045, 0.12 * s, 0.085 * s)
            _add_sack(spec, body, f"{name}/bag-sack", half, (aside, 0.09, -0.52 * s), tint)
            strap = [[aside, -0.02, -0.45 * s], [-0.01, 0.0, high], [aside, 0.20, -0.45 * s]]
            add_tubes(spec, body, f"{name}/bag-straps", [bowed(np.array(strap), 11)], 0.009, dark)
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
    """It lies flat on the back, in the chest bone's frame, its top as high as the shoulders."""
    tint, dark = colours
    s, chest = m.scale, m.body.bone("chest")
    v = m.body.vertices_m
    half = np.array([0.135, 0.058, 0.205]) * s
    high = float(m.body.bone("upperarm.l")[2] - chest[2]) + 0.015 * s - half[2]
    behind = (m.on_arm < 0.1) & (np.abs(v[:, 0]) < 0.09 * s)
    behind &= np.abs(v[:, 2] - chest[2] - high) < 0.8 * half[2]
    depth = float(v[behind][:, 1].max() - chest[1]) + clear_m + 0.004
    place = (0.0, depth, high)
    add_mesh(spec, body, f"{name}/bag-sack", grid(_pack(half)), tint, place)
    pocket = half * (0.76, 0.5, 0.42)
    outside = (0.0, depth + 1.85 * half[1], high - 0.46 * half[2])
    add_mesh(spec, body, f"{name}/bag-pocket", grid(_pack(pocket)), dark, outside)
    arch = np.linspace(-0.1 * np.pi, 1.1 * np.pi, 21)
    zip_m = np.stack(
        [
            0.93 * half[0] * np.cos(arch),
            depth + 0.95 * half[1] * (1.0 - 0.35 * np.sin(arch)),
            high + 0.98 * half[2] * np.sin(arch) ** 3,
        ],
        axis=1,
    )
    add_tubes(spec, body, f"{name}/bag-zip", [zip_m], 0.004, dark)
    straps = [_strap(m, side, clear_m) - chest for side in (-1.0, 1.0)]
    add_webbing(spec, body, f"{name}/bag-straps", straps, dark)


def _pack(half_m: Array) -> Array:
    """A wedge with rounded edges, (rows, columns, 3): flat on its side y = 0, fuller below."""
    up, around = np.linspace(-np.pi / 2, np.pi / 2, 17), np.linspace(0, 2 * np.pi, 33)
    ring, high = soft(np.cos(up), 0.35)[:, None], soft(np.sin(up), 0.5)[:, None]
    narrow, full = 1.0 - 0.12 * high, 1.0 - 0.30 * high
    x = half_m[0] * ring * narrow * soft(np.cos(around), 0.5)[None]
    y = half_m[1] * full * (1.0 + ring * soft(np.sin(around), 0.5)[None])
    return np.stack([x, y, half_m[2] * np.broadcast_to(high, x.shape)], axis=2)


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
    add_tubes(spec, body, f"{name}/basket-slots", bars, 0.006, (0.42, 0.05, 0.07))
    handle = np.array(
        [[0, -long, low + high], [0, -0.09 * s, 0.0], [0, 0.09 * s, 0.0], [0, long, low + high]]
    )
    add_tubes(spec, body, f"{name}/basket-handle", [rim, handle], 0.008, wire)


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
    ring = soft(np.cos(up), 0.45)[:, None]
    x = half_m[0] * ring * soft(np.cos(around), 0.45)[None]
    y = half_m[1] * ring * soft(np.sin(around), 0.45)[None]
    z = half_m[2] * np.broadcast_to(soft(np.sin(up), 0.45)[:, None], x.shape)
    full = 1.0 - 0.14 * (z / half_m[2])
    points = np.stack([x * full, y * full, z], axis=2)
    add_mesh(spec, body, name, grid(points), colour, pos)
