"""From picture to tensor and from raw outputs to people, a function pair a family of networks.

A head is named in the manifest, so another network of a known family plugs in without code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_models.loader import Network
from tebura_models.manifest import Axes, Colour, Head, InputSpec

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

KEYPOINTS = 17
NMS_IOU = 0.65
"""Two boxes that overlap more are one person: half-hidden neighbours overlap up to about 0.6."""


@dataclass(frozen=True, eq=False, slots=True)
class People:
    """People in one picture, in its pixels, best score first.

    `boxes_xyxy_px` (N, 4), `scores` (N,), `keypoints_px` (N, 17, 3) as (x, y, score), COCO order.
    """

    boxes_xyxy_px: Floats
    scores: Floats
    keypoints_px: Floats


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the picture lies in the tensor: scaled by `scale`, top left corner on top left."""

    picture_px: tuple[int, int]
    tensor_px: tuple[int, int]
    scale: float


def place(picture_px: tuple[int, int], size_px: tuple[int, int], multiple: int) -> Placement:
    """Fit a picture into `size_px` (both width, height) keeping its shape.

    The tensor is only as large as the scaled picture needs, rounded up to `multiple`.

    >>> place((640, 360), (384, 256), 32)
    Placement(picture_px=(640, 360), tensor_px=(384, 224), scale=0.6)
    """
    scale = min(size_px[0] / picture_px[0], size_px[1] / picture_px[1])
    width, height = (-(-round(side * scale) // multiple) * multiple for side in picture_px)
    return Placement(picture_px, (width, height), scale)


def prepare(image_bgr: Image, spec: InputSpec, size_px: tuple[int, int]) -> tuple[Any, Placement]:
    """The tensor of a picture (height, width, 3; BGR as OpenCV reads it), and where it lies."""
    placement = place((image_bgr.shape[1], image_bgr.shape[0]), size_px, spec.size_multiple)
    width, height = (round(side * placement.scale) for side in placement.picture_px)
    shrinks = placement.scale < 1
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    scaled = cv2.resize(image_bgr, (width, height), interpolation=method)
    if spec.colour is Colour.RGB:
        scaled = cv2.cvtColor(scaled, cv2.COLOR_BGR2RGB)
    tensor = np.zeros((1, placement.tensor_px[1], placement.tensor_px[0], 3), spec.dtype.value)
    tensor[0, :height, :width] = scaled
    if spec.scale != 1:
        tensor *= spec.scale
    if spec.axes is Axes.NCHW:
        tensor = np.ascontiguousarray(tensor.transpose(0, 3, 1, 2))
    return tensor, placement


def decode_movenet(outputs: list[Floats], placement: Placement) -> People:
    """MoveNet MultiPose: (1, 6, 56): 17 x (y, x, score), box (y0, x0, y1, x1), score; 0..1."""
    rows = outputs[0][0]
    to_px = np.asarray(placement.tensor_px, np.float32) / placement.scale
    keypoints = rows[:, :51].reshape(-1, KEYPOINTS, 3)[:, :, [1, 0, 2]].copy()
    keypoints[:, :, :2] *= to_px
    boxes = rows[:, [52, 51, 54, 53]] * np.tile(to_px, 2)
    return _tidy(boxes, rows[:, 55], keypoints, placement)


def decode_yolo_pose(outputs: list[Floats], placement: Placement) -> People:
    """Ultralytics pose export: (1, 56, A): centre, size, score, 17 x (x, y, score); pixels."""
    rows = outputs[0][0].T
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    boxes = (np.concatenate([centre - half, centre + half], axis=1) / placement.scale).astype("f4")
    keypoints = rows[:, 5:].reshape(-1, KEYPOINTS, 3).copy()
    keypoints[:, :, :2] /= placement.scale
    people = _tidy(boxes, rows[:, 4], keypoints, placement)
    kept = _suppress(people.boxes_xyxy_px)
    return _rows(people, kept)


DECODERS: dict[Head, Callable[[list[Floats], Placement], People]] = {
    Head.MOVENET_MULTIPOSE: decode_movenet,
    Head.YOLO_POSE: decode_yolo_pose,
}
SCORE_FLOOR = 0.05
"""Below it even the tracker, which holds on to weak detections, finds noise only."""


def find_people(network: Network, image_bgr: Image, size_px: tuple[int, int]) -> People:
    """Run a people network on one picture."""
    tensor, placement = prepare(image_bgr, network.entry.input, size_px)
    people = DECODERS[network.entry.head](network.run(tensor), placement)
    return _rows(people, np.arange(min(len(people.scores), network.entry.max_people)))


def _tidy(boxes: Floats, scores: Floats, keypoints: Floats, placement: Placement) -> People:
    """Drop noise, cut boxes at the picture's edge, best first."""
    width, height = placement.picture_px
    boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    has_size = (boxes[:, 2:] - boxes[:, :2] > 1).all(axis=1)
    finite = np.isfinite(keypoints).all(axis=(1, 2)) & np.isfinite(boxes).all(axis=1)
    kept = np.flatnonzero((scores >= SCORE_FLOOR) & has_size & finite)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return People(boxes[kept], scores[kept].astype(np.float32), keypoints[kept].astype(np.float32))


def _rows(people: People, rows: NDArray[np.intp]) -> People:
    return People(people.boxes_xyxy_px[rows], people.scores[rows], people.keypoints_px[rows])


def _suppress(boxes: Floats) -> NDArray[np.intp]:
    """Rows that stay when boxes, best first, swallow those they overlap."""
    kept: list[int] = []
    for row in range(len(boxes)):
        if not kept or iou(boxes[row : row + 1], boxes[kept]).max() < NMS_IOU:
            kept.append(row)
    return np.asarray(kept, np.intp)


def iou(first: Floats, second: Floats) -> Floats:
    """Intersection over union of boxes (N, 4) and (M, 4) as xyxy: (N, M).

    >>> iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - inner
    return np.asarray(inner / np.maximum(union, 1e-9))
