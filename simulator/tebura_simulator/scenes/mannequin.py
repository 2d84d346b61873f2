"""People who are none: mannequins in clothes, and people printed on posters."""

from dataclasses import dataclass

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BODIES, BONES, PARENTS, Body, Region, load_body
from tebura_simulator.scenes.cloth import Cut, top, trousers
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.rotation import Y, Z, turn

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
Colour = tuple[float, float, float]

_HANG_RAD = 0.72
"""How far an arm turns down from the rest pose to hang."""
_OVER_M = 0.03
_WORDS = ("SALE", "NEW", "Fresh", "Today", "Enjoy", "20% OFF", "Summer", "Good day")
_SKINS = ((0.91, 0.75, 0.63), (0.59, 0.41, 0.30), (0.35, 0.24, 0.18))


@dataclass(frozen=True, eq=False)
class _Piece:
    """A surface in its place: vertices (V, 3), faces (F, 3) and their colours (F, 3), 0 to 1."""

    name: str
    vertices_m: Array
    faces: NDArray[np.int64]
    colours: Array


def add_mannequin(
    spec: mujoco.MjSpec, name: str, at_m: Array, yaw_rad: float, rng: np.random.Generator
) -> None:
    """A figure of one colour in a shirt and trousers that stands there and looks along yaw."""
    tone = float(rng.choice([0.9, 0.8, 0.16]))
    half = (yaw_rad + np.pi / 2) / 2
    stand = spec.worldbody.add_body(
        name=name, pos=[*at_m[:2], 0.0], quat=[np.cos(half), 0, 0, np.sin(half)]
    )
    for piece in _figure(_anybody(rng), (tone, tone, 0.98 * tone), None, _HANG_RAD, rng):
        mesh = spec.add_mesh(name=f"{name}/{piece.name}")
        mesh.uservert = piece.vertices_m.ravel()
        mesh.userface = piece.faces.ravel()
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        geom = stand.add_geom(name=mesh.name, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh.name)
        geom.rgba = [*piece.colours[0], 1.0]
        geom.contype = geom.conaffinity = 0
    foot = stand.add_geom(
        name=f"{name}/stand", type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.19, 0.008, 0.0]
    )
    foot.rgba, foot.contype, foot.conaffinity = [0.72, 0.73, 0.75, 1.0], 0, 0


def poster(rng: np.random.Generator, size_px: tuple[int, int] = (240, 340)) -> Picture:
    """A printed person on a coloured ground with a headline."""
    wide, high = size_px
    ground = rng.uniform(90, 245, 3)
    shade = np.linspace(1.1, 0.8, high)[:, None, None]
    picture = np.asarray(np.clip(np.full((high, wide, 3), ground) * shade, 0, 255), np.uint8)
    skin = _SKINS[int(rng.integers(len(_SKINS)))]
    hair = tuple(value * 0.25 for value in skin)
    body = _anybody(rng)
    pieces = _figure(body, skin, (hair[0], hair[1], hair[2]), float(rng.uniform(0.3, 0.8)), rng)
    turned = turn(Z, float(rng.uniform(-0.7, 0.7)))
    scale = high * (1.5 if rng.random() < 0.4 else 0.82) / body.height_m
    left, above = wide * float(rng.uniform(0.38, 0.62)), high * 0.16
    origin = np.array([left, above + body.height_m * scale])
    _paint(picture, pieces, turned, origin, scale)
    ink = (250, 250, 248) if ground.mean() < 165 else (34, 34, 40)
    word = _WORDS[int(rng.integers(len(_WORDS)))]
    cv2.putText(picture, word, (14, 40), ink, cv2.FontFace("sans"), 34, 800)
    cv2.rectangle(picture, (0, high - 26), (wide, high), tuple(int(v) for v in 0.5 * ground), -1)
    return picture


def _anybody(rng: np.random.Generator) -> Body:
    known = sorted(path.stem for path in BODIES.glob("*.npz"))
    return load_body(known[int(rng.integers(len(known)))])


def _figure(
    body: Body, skin: Colour, hair: Colour | None, hang_rad: float, rng: np.random.Generator
) -> list[_Piece]:
    """A body that stands with hanging arms, and its clothes; without `hair` it is of one colour."""
    measures = Measures(body)
    shirt = top(measures, Cut(sleeve=float(rng.choice([0.33, 0.98])), ease_m=0.014, loose=0.7))
    legs = trousers(measures, float(rng.choice([0.06, 0.45])), 0.078)
    tones = np.full((len(body.faces), 3), skin)
    if hair is not None:
        tones[body.region_of == Region.HAIR] = hair
        tones[body.region_of == Region.EYES] = (0.1, 0.08, 0.08)
    rotations, heads = _standing(body, hang_rad)

    def posed(vertices: Array, weights: Array) -> Array:
        offsets = heads - np.einsum("bij,bj->bi", rotations, body.bones_m)
        turns = np.einsum("vb,bij->vij", weights, rotations)
        return np.asarray(np.einsum("vij,vj->vi", turns, vertices) + weights @ offsets)

    pieces = [_Piece("skin", posed(body.vertices_m, body.weights), body.faces.astype("i8"), tones)]
    for name, worn, low, high in (("shirt", shirt, 0.08, 0.9), ("trousers", legs, 0.06, 0.5)):
        colour = np.tile(rng.uniform(low, high, 3), (len(worn.faces), 1))
        pieces.append(_Piece(name, posed(worn.vertices_m, worn.weights), worn.faces, colour))
    return pieces


def _standing(body: Body, hang_rad: float) -> tuple[Array, Array]:
    """Rotations (B, 3, 3) and heads (B, 3) of the bones of a body whose arms hang."""
    rotations = np.repeat(np.eye(3)[None], len(BONES), axis=0)
    heads = body.bones_m.copy()
    for bone, parent in enumerate(PARENTS):
        if parent is None:
            continue
        rotations[bone] = rotations[parent]
        way = body.bones_m[bone] - body.bones_m[parent]
        heads[bone] = heads[parent] + rotations[parent] @ way
        if BONES[bone].startswith("upperarm"):
            sign = 1.0 if BONES[bone].endswith("l") else -1.0
            rotations[bone] = turn(Y, sign * hang_rad) @ rotations[bone]
    return rotations, heads


def _paint(
    picture: Picture, pieces: list[_Piece], turned: Array, origin_px: Array, scale: float
) -> None:
    """Paint faces from back to front, lit from above; the body looks out of the picture."""
    faces = np.concatenate([(p.vertices_m @ turned.T)[p.faces] for p in pieces])
    tones = np.concatenate([p.colours for p in pieces])
    # Faces are sorted whole: clothes count as a little nearer than the skin under them.
    over = np.concatenate([np.full(len(p.faces), _OVER_M * (p.name != "skin")) for p in pieces])
    normal = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    light = 0.55 + 0.45 * np.clip(normal @ np.array([0.35, -0.75, 0.55]), 0, 1)
    seen = np.flatnonzero(normal[:, 1] < 0)
    order = seen[np.argsort(over[seen] - faces[seen, :, 1].mean(1))]
    at = faces[order][:, :, [0, 2]] * (scale, -scale) + origin_px
    shown = np.clip(255 * tones[order] * light[order, None], 0, 255).tolist()
    for points, colour in zip((at * 16).astype(np.int32), shown, strict=True):
        cv2.fillConvexPoly(picture, points, colour, cv2.LINE_8, 4)
