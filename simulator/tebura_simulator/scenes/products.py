"""What packages look like: a few shapes and colours, made of MuJoCo geoms."""

import hashlib
from dataclasses import dataclass

import mujoco
import numpy as np
from tebura_contract.geometry import Xyz

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """A shape (a name of `_BUILDERS`) and its two colours."""

    shape: str
    main: Colour
    second: Colour


LOOKS: dict[str, Look] = {
    "onigiri-salmon": Look("onigiri", (0.95, 0.93, 0.9), (0.90, 0.45, 0.30)),
    "onigiri-tuna": Look("onigiri", (0.95, 0.93, 0.9), (0.20, 0.45, 0.75)),
    "melon-pan": Look("bun", (0.88, 0.74, 0.36), (0.93, 0.84, 0.52)),
    "sandwich-egg": Look("wedge", (0.96, 0.94, 0.88), (0.95, 0.80, 0.25)),
    "green-tea": Look("bottle", (0.42, 0.52, 0.16), (0.10, 0.42, 0.20)),
    "mineral-water": Look("bottle", (0.78, 0.88, 0.95), (0.12, 0.35, 0.78)),
    "potato-chips": Look("bag", (0.93, 0.62, 0.10), (0.98, 0.95, 0.85)),
    "chocolate-bar": Look("box", (0.30, 0.13, 0.08), (0.80, 0.20, 0.16)),
}


def look_of(sku: str) -> Look:
    """The look of a product; a plain box of a colour of its own where none is known."""
    if sku in LOOKS:
        return LOOKS[sku]
    a, b, c = (byte / 320 + 0.1 for byte in hashlib.sha256(sku.encode()).digest()[:3])
    return Look("box", (a, b, c), (0.9, 0.9, 0.88))


def add_package(spec: mujoco.MjSpec, body: mujoco.MjsBody, sku: str, size_m: Xyz) -> None:
    """Give a body the geoms of a package; its middle is the body's origin."""
    look = look_of(sku)
    _BUILDERS[look.shape](spec, body, sku, look, np.asarray(size_m) / 2)


def add_geom(
    body: mujoco.MjsBody,
    kind: mujoco.mjtGeom,
    size: list[float],
    colour: Colour,
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0),
    **more: object,
) -> None:
    """A geom that is only seen: it collides with nothing."""
    geom = body.add_geom(type=kind, size=[*size, 0.0, 0.0, 0.0][:3], pos=pos, **more)
    geom.rgba = [*colour, 1.0]
    geom.contype = geom.conaffinity = 0


def _bottle(
    _spec: mujoco.MjSpec, body: mujoco.MjsBody, _sku: str, look: Look, half: np.ndarray
) -> None:
    r, h = float(half[0]) * 0.97, float(half[2])
    cylinder = mujoco.mjtGeom.mjGEOM_CYLINDER
    add_geom(body, cylinder, [r * 0.97, 0.66 * h], look.main, (0, 0, -0.34 * h))
    add_geom(
        body,
        mujoco.mjtGeom.mjGEOM_ELLIPSOID,
        [r * 0.97, r * 0.97, 0.36 * h],
        look.main,
        (0, 0, 0.32 * h),
    )
    add_geom(body, cylinder, [0.42 * r, 0.16 * h], look.main, (0, 0, 0.7 * h))
    add_geom(body, cylinder, [0.45 * r, 0.09 * h], (0.95, 0.95, 0.95), (0, 0, 0.9 * h))
    add_geom(body, cylinder, [r, 0.34 * h], look.second, (0, 0, -0.12 * h))
    add_geom(body, cylinder, [r * 1.01, 0.07 * h], (0.95, 0.95, 0.92), (0, 0, -0.05 * h))


def _onigiri(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, sku: str, look: Look, half: np.ndarray
) -> None:
    x, y, z = (float(v) for v in half)
    triangle = [(-x, -z), (x, -z), (x, -0.7 * z), (0.16 * x, z), (-0.16 * x, z), (-x, -0.7 * z)]
    _hull(spec, body, f"{sku}-rice", [(a, b, c) for a, c in triangle for b in (-y, y)], look.main)
    band = [
        (a * 0.45, c) for a, c in ((-x, -z * 1.02), (x, -z * 1.02), (x, 0.35 * z), (-x, 0.35 * z))
    ]
    nori = [(a, b * 1.03, c) for a, c in band for b in (-y, y)]
    _hull(spec, body, f"{sku}-nori", nori, (0.07, 0.09, 0.07))
    box = mujoco.mjtGeom.mjGEOM_BOX
    add_geom(body, box, [0.3 * x, 1.08 * y, 0.25 * z], look.second, (0, 0, -0.25 * z))


def _bun(
    _spec: mujoco.MjSpec, body: mujoco.MjsBody, _sku: str, look: Look, half: np.ndarray
) -> None:
    x, y, z = (float(v) for v in half)
    ellipsoid = mujoco.mjtGeom.mjGEOM_ELLIPSOID
    add_geom(body, ellipsoid, [0.95 * x, 0.95 * y, z], look.main)
    add_geom(body, ellipsoid, [0.6 * x, 0.6 * y, 0.72 * z], look.second, (0, 0, 0.33 * z))


def _wedge(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, sku: str, look: Look, half: np.ndarray
) -> None:
    x, y, z = (float(v) for v in half)
    for name, low, high, colour in (
        ("a", -1.0, -0.3, look.main),
        ("b", -0.3, 0.3, look.second),
        ("c", 0.3, 1.0, look.main),
    ):
        points = [(side * x, b, c) for side in (low, high) for b, c in ((-y, -z), (y, -z), (y, z))]
        _hull(spec, body, f"{sku}-{name}", points, colour)


def _bag(spec: mujoco.MjSpec, body: mujoco.MjsBody, sku: str, look: Look, half: np.ndarray) -> None:
    x, y, z = (float(v) for v in half)
    points = [
        (0.97 * x * a, 0.12 * y * b, z * c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)
    ]
    points += [(x * a, 0.2 * y * b, 0.5 * z * c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    points += [
        (0.6 * x * a, y * b, 0.55 * z * c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)
    ]
    _hull(spec, body, f"{sku}-bag", points, look.main)
    ellipsoid = mujoco.mjtGeom.mjGEOM_ELLIPSOID
    add_geom(body, ellipsoid, [0.55 * x, 1.06 * y, 0.3 * z], look.second, (0, 0, 0.12 * z))


def _box(
    _spec: mujoco.MjSpec, body: mujoco.MjsBody, _sku: str, look: Look, half: np.ndarray
) -> None:
    x, y, z = (float(v) for v in half)
    box = mujoco.mjtGeom.mjGEOM_BOX
    add_geom(body, box, [x, y, z], look.main)
    add_geom(body, box, [1.01 * x, 1.02 * y, 0.3 * z], look.second, (0, 0, 0.25 * z))


def _hull(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    points: list[tuple[float, float, float]],
    colour: Colour,
) -> None:
    if spec.mesh(name) is None:
        mesh = spec.add_mesh(name=name)
        mesh.uservert = np.asarray(points, dtype=np.float64).ravel()
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
    # MuJoCo moves a mesh to its centre of mass and the geom with it, so the place stays.
    add_geom(body, mujoco.mjtGeom.mjGEOM_MESH, [], colour, meshname=name)


_BUILDERS = {
    "bottle": _bottle,
    "onigiri": _onigiri,
    "bun": _bun,
    "wedge": _wedge,
    "bag": _bag,
    "box": _box,
}
