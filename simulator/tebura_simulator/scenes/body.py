"""A baked body: mesh, bones, skinning weights, garments and keypoints of one shape.

Body coordinates: metres, x to the body's left, y to its back, z up; the soles at z = 0. Posed bones
are given as rotations (B, 3, 3) and heads (B, 3) in any outer frame.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BODIES = Path(__file__).parent / "bodies"
Array = NDArray[np.float64]

_LIMBS = ("thigh", "shin", "foot", "shoulder", "upperarm", "forearm", "wrist", "hand")
BONES: tuple[str, ...] = (
    "root",
    "waist",
    "belly",
    "chest",
    "neck",
    "head",
    *(f"{limb}.{side}" for side in "lr" for limb in _LIMBS),
)
_PARENTS = {
    "waist": "root",
    "belly": "waist",
    "chest": "belly",
    "neck": "chest",
    "head": "neck",
    "thigh": "root",
    "shin": "thigh",
    "foot": "shin",
    "shoulder": "chest",
    "upperarm": "shoulder",
    "forearm": "upperarm",
    "wrist": "forearm",
    "hand": "wrist",
}
KEYPOINTS: tuple[str, ...] = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""COCO's 17 keypoints in their order."""


class Region(IntEnum):
    """Parts of the mesh with a colour of their own; the bit numbers of `Body.regions`."""

    SKIN = 0
    SHIRT = 1
    SLEEVE = 2
    TROUSERS = 3
    SHOES = 4
    HAIR = 5
    EYES = 6


def parent_of(bone: int) -> int | None:
    """The bone a bone hangs on; None for the root.

    >>> BONES[parent_of(BONES.index("hand.l"))]
    'wrist.l'
    """
    stem, _, side = BONES[bone].partition(".")
    if stem == "root":
        return None
    parent = _PARENTS[stem]
    return BONES.index(parent if parent in BONES else f"{parent}.{side}")


PARENTS: tuple[int | None, ...] = tuple(parent_of(bone) for bone in range(len(BONES)))


@dataclass(frozen=True)
class Body:
    """One shape at rest.

    `vertices_m` (V, 3), `faces` (F, 3), `regions` (F,) bit masks, `bones_m` (B, 3) heads, `weights`
    (V, B), `keypoints` (17, B, 4) as `bake` writes them; `knuckles_m` and `thumbs_m` (2, 3) are the
    left and right middle knuckle and thumb tip.
    """

    vertices_m: Array
    faces: NDArray[np.int32]
    regions: NDArray[np.uint16]
    bones_m: Array
    weights: Array
    keypoints: Array
    knuckles_m: Array
    thumbs_m: Array

    def bone(self, name: str) -> Array:
        return np.asarray(self.bones_m[BONES.index(name)])

    def faces_of(self, region: Region) -> NDArray[np.int32]:
        return np.asarray(self.faces[(self.regions >> region) & 1 == 1])


@cache
def load_body(shape: str) -> Body:
    """Read a baked shape.

    Raises:
        ValueError: If there is no such shape.
    """
    path = BODIES / f"{shape}.npz"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in BODIES.glob("*.npz")))
        raise ValueError(f"no body shape {shape!r}; there are {known or 'none baked'}")
    with np.load(path) as file:
        return Body(
            vertices_m=file["vertices"].astype(np.float64),
            faces=file["faces"].astype(np.int32),
            regions=file["regions"],
            bones_m=file["bones"].astype(np.float64),
            weights=file["weights"].astype(np.float64),
            keypoints=file["keypoints"].astype(np.float64),
            knuckles_m=file["knuckles"].astype(np.float64),
            thumbs_m=file["thumbs"].astype(np.float64),
        )


def skinned(body: Body, rotations: Array, heads_m: Array) -> Array:
    """The mesh of a posed body, (V, 3): linear blend skinning."""
    offsets = heads_m - np.einsum("bij,bj->bi", rotations, body.bones_m)
    maps = np.concatenate([rotations, offsets[:, :, None]], axis=2).reshape(len(BONES), 12)
    blended = (body.weights @ maps).reshape(-1, 3, 4)
    return np.asarray(
        np.einsum("vij,vj->vi", blended[:, :, :3], body.vertices_m) + blended[:, :, 3]
    )


def keypoints_of(body: Body, rotations: Array, heads_m: Array) -> Array:
    """COCO's keypoints of a posed body, (17, 3)."""
    turned = np.einsum("bij,kbj->ki", rotations, body.keypoints[:, :, :3])
    return np.asarray(turned + body.keypoints[:, :, 3] @ heads_m)
