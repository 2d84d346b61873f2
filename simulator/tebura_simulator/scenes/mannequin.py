"""People who are none: mannequins in clothes, and people printed on posters."""

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BODIES, BONES, PARENTS, Body, Region, load_body, skinned
from tebura_simulator.scenes.rotation import Y, turn

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

_HANG_RAD = 0.72
"""How far an arm turns down from the rest pose to hang."""
_CLOTH_M = 0.012


def shapes() -> tuple[str, ...]:
    """The body shapes there are."""
    return tuple(sorted(path.stem for path in BODIES.glob("*.npz")))


def standing(body: Body, hang_rad: float = _HANG_RAD) -> Array:
    """The mesh of a body that stands with hanging arms, (V, 3)."""
    rotations = np.repeat(np.eye(3)[None], len(BONES), axis=0)
    heads = body.bones_m.copy()
    for bone, parent in enumerate(PARENTS):
        if parent is None:
            continue
        rotations[bone] = rotations[parent]
        heads[bone] = heads[parent] + rotations[parent] @ (
            body.bones_m[bone] - body.bones_m[parent]
        )
        if BONES[bone].startswith("upperarm"):
            sign = 1.0 if BONES[bone].endswith("l") else -1.0
            rotations[bone] = turn(Y, sign * hang_rad) @ rotations[bone]
    return skinned(body, rotations, heads)


def add_mannequin(
    spec: mujoco.MjSpec, name: str, at_m: Array, yaw_rad: float, rng: np.random.Generator
) -> None:
    """A figure of one colour in a shirt and trousers that stands there and looks along yaw."""
    known = shapes()
    body = load_body(known[int(rng.integers(len(known)))])
    mesh = standing(body)
    skin = float(rng.choice([0.9, 0.86, 0.16]))
    colours = {
        Region.SKIN: (skin, skin, 0.98 * skin),
        Region.HAIR: (skin, skin, 0.98 * skin),
        Region.EYES: (skin, skin, 0.98 * skin),
        Region.SHIRT: tuple(rng.uniform(0.08, 0.9, 3)),
        Region.TROUSERS: tuple(rng.uniform(0.06, 0.5, 3)),
        Region.SHOES: (skin, skin, 0.98 * skin),
    }
    stand = spec.worldbody.add_body(
        name=name, pos=[*at_m[:2], 0.0], quat=[np.cos(_turn(yaw_rad)), 0, 0, np.sin(_turn(yaw_rad))]
    )
    out = _normals(mesh, body.faces)
    for region, colour in colours.items():
        is_cloth = region in (Region.SHIRT, Region.TROUSERS)
        grown = mesh + (_CLOTH_M if is_cloth else 0.0) * out
        used, faces = np.unique(body.faces_of(region), return_inverse=True)
        shape = spec.add_mesh(name=f"{name}/{region.name}")
        shape.uservert = grown[used].ravel()
        shape.userface = faces.reshape(-1, 3).ravel()
        shape.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        geom = stand.add_geom(
            name=f"{name}/{region.name}", type=mujoco.mjtGeom.mjGEOM_MESH, meshname=shape.name
        )
        geom.rgba = [*colour, 1.0]
        geom.contype = geom.conaffinity = 0
    foot = stand.add_geom(
        name=f"{name}/stand", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.19, 0.008, 0.0]
    )
    foot.rgba, foot.contype, foot.conaffinity = [0.72, 0.73, 0.75, 1.0], 0, 0


def _turn(yaw_rad: float) -> float:
    """Half the turn from a body's front, -y, to a direction."""
    return (yaw_rad + np.pi / 2) / 2


def poster(rng: np.random.Generator, size_px: tuple[int, int] = (240, 340)) -> Picture:
    """A printed person on a coloured ground with a headline."""
    wide, high = size_px
    known = shapes()
    body = load_body(known[int(rng.integers(len(known)))])
    ground = rng.uniform(90, 245, 3)
    shade = np.linspace(1.1, 0.8, high)[:, None, None]
    picture = np.asarray(np.clip(np.full((high, wide, 3), ground) * shade, 0, 255), np.uint8)
    angle = float(rng.uniform(-0.7, 0.7))
    mesh = standing(body, float(rng.uniform(0.3, 0.8))) @ turn(np.array([0.0, 0.0, 1.0]), angle).T
    tall = mesh[:, 2].max()
    is_bust = rng.random() < 0.4
    scale = high * (1.5 if is_bust else 0.82) / tall
    left, top = wide * float(rng.uniform(0.38, 0.62)), high * 0.14
    at = np.c_[left + mesh[:, 0] * scale, top + (tall - mesh[:, 2]) * scale]
    _printed(picture, body, mesh, at, rng)
    ink = (250, 250, 248) if ground.mean() < 165 else (34, 34, 40)
    words = ("SALE", "NEW", "Fresh", "Today", "Enjoy", "20% OFF", "Summer", "Good day")
    word = words[int(rng.integers(len(words)))]
    cv2.putText(picture, word, (14, 40), ink, cv2.FontFace("sans"), 34, 800)
    cv2.rectangle(picture, (0, high - 26), (wide, high), tuple(int(v) for v in 0.5 * ground), -1)
    return picture


def _printed(
    picture: Picture, body: Body, mesh: Array, at: Array, rng: np.random.Generator
) -> None:
    """Paint a body's faces from back to front, lit from above."""
    skin = np.array([(232, 190, 160), (150, 104, 76), (88, 60, 46)][int(rng.integers(3))], float)
    cloth, legs = rng.uniform(30, 240, 3), rng.uniform(20, 140, 3)
    tones = np.full((len(body.faces), 3), skin)
    for region, colour in (
        (Region.TROUSERS, legs),
        (Region.SHIRT, cloth),
        (Region.HAIR, skin * 0.25),
        (Region.SHOES, legs * 0.4),
    ):
        tones[body.region_of == region] = colour
    a, b, c = (mesh[body.faces[:, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    seen = np.flatnonzero(normal[:, 1] < 0)
    light = 0.55 + 0.45 * np.clip(normal @ np.array([0.35, -0.75, 0.55]), 0, 1)
    order = seen[np.argsort(-(a[seen, 1] + b[seen, 1] + c[seen, 1]))]
    corners = (at[body.faces[order, :3]] * 16).astype(np.int32)
    colours = np.clip(tones[order] * light[order, None], 0, 255)
    for points, colour in zip(corners, colours.tolist(), strict=True):
        cv2.fillConvexPoly(picture, points, colour, cv2.LINE_8, 4)


def _normals(mesh: Array, faces: NDArray[np.int32]) -> Array:
    a, b, c = (mesh[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(mesh)
    for corner in range(3):
        np.add.at(total, faces[:, corner], across)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1), 1e-12)[:, None])
