"""A baked body: mesh, bones, skinning weights, marks and keypoints of one shape.

Body coordinates: metres, x to the body's left, y to its back, z up; the soles at z = 0. Posed bones
are given as rotations (B, 3, 3) and heads (B, 3) in any outer frame.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BODIES = Path(__file__).parent / "bodies"
MESH = Path(__file__).parent / "mesh.npz"
"""What all shapes share: faces, weights, marks."""
STEP_M = 1e-4
"""Places of vertices are kept as whole multiples of it."""
Array = NDArray[np.float64]

_FINGERS = tuple(f"finger{finger}-{joint}" for finger in range(1, 6) for joint in range(1, 4))
"""The thumb is finger 1; joint 1 is the knuckle."""
ARM = ("upperarm", "forearm", "wrist", "hand", *_FINGERS)
_LIMBS = ("thigh", "shin", "foot", "shoulder", "upperarm", "forearm", "wrist", "hand", *_FINGERS)
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
    **{
        f"finger{finger}-{joint}": f"finger{finger}-{joint - 1}" if joint > 1 else "hand"
        for finger in range(1, 6)
        for joint in range(1, 4)
    },
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


class Mark(IntEnum):
    """What is painted on the skin; the bit numbers of `Body.marks`."""

    LIPS = 0
    EARS = 1
    LIDS = 2
    NAILS = 3
    MOUTH = 4
    EYES = 5


class Region(IntEnum):
    """Parts of the mesh that plain clothes would cover; for figures that nobody dresses."""

    SKIN = 0
    SHIRT = 1
    TROUSERS = 2
    SHOES = 3
    HAIR = 4
    EYES = 5


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

    `vertices_m` (V, 3), `faces` (F, 3), `marks` (V,) bit masks, `bones_m` (B, 3) heads, `weights`
    (V, B), `keypoints` (17, B, 4) as `bake` writes them; `tips_m` (2, 5, 3) are the ends of the
    left and right fingers, thumb first.
    """

    vertices_m: Array
    faces: NDArray[np.int32]
    marks: NDArray[np.uint8]
    bones_m: Array
    weights: Array
    keypoints: Array
    tips_m: Array

    @property
    def height_m(self) -> float:
        return float(self.vertices_m[:, 2].max())

    @cached_property
    def hips_m(self) -> float:
        """Half the trunk's width where hands hang."""
        return float(np.abs(self._trunk_at(0.47)[:, 0]).max())

    @cached_property
    def belly_m(self) -> float:
        """How far the belly is before the shoulders' joints."""
        return float(self.bone("upperarm.l")[1] - self._trunk_at(0.62)[:, 1].min())

    def _trunk_at(self, share: float) -> Array:
        """The trunk's vertices about a share of the height, arms left out."""
        near = np.abs(self.vertices_m[:, 2] / self.height_m - share) < 0.06
        return np.asarray(self.vertices_m[near & (self.share(*ARM) < 0.02)])

    @cached_property
    def region_of(self) -> NDArray[np.uint8]:
        """The region of each face, (F,)."""
        z = self.vertices_m[:, 2]
        eyes = self.vertices_m[self.marked(Mark.EYES)].mean(0)
        behind = self.vertices_m[:, 1] - eyes[1]
        is_hair = (self.share("head") > 0.5) & ~self.marked(Mark.EARS)
        is_hair &= z > eyes[2] + 0.06 - 0.9 * np.clip(behind - 0.02, 0.0, None)
        trunk = self.share("waist", "belly", "chest", "shoulder", "upperarm") > 0.5
        legs = self.share("root", "thigh", "shin") > 0.5
        region = np.full(len(z), Region.SKIN, dtype=np.uint8)
        region[legs | trunk & (z < self.bone("root")[2] + 0.05 * self.height_m)] = Region.TROUSERS
        region[trunk & (z > self.bone("root")[2] + 0.05 * self.height_m)] = Region.SHIRT
        region[(self.share("foot") > 0.5)] = Region.SHOES
        region[is_hair] = Region.HAIR
        region[self.marked(Mark.EYES)] = Region.EYES
        return np.asarray(np.median(region[self.faces], axis=1), dtype=np.uint8)

    def bone(self, name: str) -> Array:
        return np.asarray(self.bones_m[BONES.index(name)])

    def share(self, *names: str) -> Array:
        """How much each vertex hangs on bones of these names, with or without a side, (V,)."""
        index = [i for i, bone in enumerate(BONES) if bone in names or bone[:-2] in names]
        return np.asarray(self.weights[:, index].sum(1))

    def marked(self, mark: Mark) -> NDArray[np.bool_]:
        """Which vertices carry a mark, (V,)."""
        return np.asarray((self.marks >> mark) & 1 == 1, dtype=np.bool_)


@cache
def load_body(shape: str, height_m: float | None = None) -> Body:
    """Read a baked shape, as tall as asked for.

    Raises:
        ValueError: If there is no such shape.
    """
    path = BODIES / f"{shape}.npz"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in BODIES.glob("*.npz")))
        raise ValueError(f"no body shape {shape!r}; there are {known or 'none baked'}")
    faces, weights, marks = _mesh()
    with np.load(path) as file:
        vertices = file["steps"].T.astype(np.float64) * STEP_M
        scale = 1.0 if height_m is None else height_m / float(vertices[:, 2].max())
        keypoints = file["keypoints"].astype(np.float64)
        keypoints[:, :, :3] *= scale
        return Body(
            vertices_m=vertices * scale,
            faces=faces,
            marks=marks,
            bones_m=file["bones"].astype(np.float64) * scale,
            weights=weights,
            keypoints=keypoints,
            tips_m=file["tips"].astype(np.float64) * scale,
        )


@cache
def _mesh() -> tuple[NDArray[np.int32], Array, NDArray[np.uint8]]:
    """Faces, dense weights and marks of every shape."""
    with np.load(MESH) as file:
        weights = np.zeros((len(file["marks"]), len(BONES)))
        np.put_along_axis(weights, file["tied"].astype(np.intp), file["ties"] / 255.0, axis=1)
        return file["faces"].astype(np.int32), weights, file["marks"]


def skinned(body: Body, rotations: Array, heads_m: Array) -> Array:
    """The mesh of a posed body, (V, 3): linear blend skinning."""
    offsets = heads_m - np.einsum("bij,bj->bi", rotations, body.bones_m)
    maps = np.concatenate([rotations, offsets[:, :, None]], axis=2).reshape(len(BONES), 12)
    blended = (body.weights @ maps).reshape(-1, 3, 4)
    x, y, z = body.vertices_m.T
    return np.stack(
        [
            row[:, 0] * x + row[:, 1] * y + row[:, 2] * z + row[:, 3]
            for row in blended.swapaxes(0, 1)
        ],
        axis=1,
    )


def keypoints_of(body: Body, rotations: Array, heads_m: Array) -> Array:
    """COCO's keypoints of a posed body, (17, 3)."""
    turned = np.einsum("bij,kbj->ki", rotations, body.keypoints[:, :, :3])
    return np.asarray(turned + body.keypoints[:, :, 3] @ heads_m)
