"""What people carry in: totes, shoulder bags, backpacks, the shop's baskets."""

import mujoco
import numpy as np

from tebura_simulator.scenes.backpack import add_backpack
from tebura_simulator.scenes.fabric import rgb
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.products import Colour, add_geom
from tebura_simulator.scenes.solids import add_mesh, add_tubes, bowed, grid, soft
from tebura_simulator.story.attire import Bag


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
            add_backpack(spec, body, name, colour, m, clear_m)
        case Bag.BASKET:
            _add_basket(spec, body, name, s)
        case Bag.NONE:
            pass


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
