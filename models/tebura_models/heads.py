"""From picture to people: where it lies in a network's input, and what the rows mean that come out.

Every network takes pictures and puts out people in the same form; `tebura_models.export.augment`
builds that into the graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_models.loader import Network

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

KEYPOINTS = 17
NMS_IOU = 0.65
"""Two boxes that overlap more are one person: half-hidden neighbours overlap up to about 0.6."""
SCORE_FLOOR = 0.05
"""Below it even the tracker, which holds on to weak detections, finds noise only."""


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


def lay(image_bgr: Image, placement: Placement, tensor: Image) -> None:
    """Draw a picture (height, width, 3; BGR) into its place of a tensor (height, width, 3)."""
    width, height = (round(side * placement.scale) for side in placement.picture_px)
    method = cv2.INTER_AREA if placement.scale < 1 else cv2.INTER_LINEAR
    cv2.resize(image_bgr, (width, height), dst=tensor[:height, :width], interpolation=method)


def find_people(network: Network, image_bgr: Image, size_px: tuple[int, int]) -> People:
    """Run a people network on one picture."""
    return find_in_all(network, [image_bgr], size_px)[0]


def find_in_all(
    network: Network, images_bgr: Sequence[Image], size_px: tuple[int, int]
) -> list[People]:
    """Run a people network on pictures of one size, at most `network.entry.batch` at once."""
    picture_px = (images_bgr[0].shape[1], images_bgr[0].shape[0])
    placement = place(picture_px, size_px, network.entry.input.size_multiple)
    pictures = network.pictures(len(images_bgr), placement.tensor_px)
    for image, tensor in zip(images_bgr, pictures, strict=True):
        lay(image, placement, tensor)
    rows, picture_of = network.run(pictures)
    most = network.entry.max_people
    return [read_people(rows[picture_of == n], placement, most) for n in range(len(images_bgr))]


def read_people(rows: Floats, placement: Placement, most: int) -> People:
    """People of one picture from its rows (N, 56): box, score, 17 x (x, y, score); tensor pixels.

    Noise is dropped, boxes are cut at the picture's edge, the best come first.
    """
    width, height = placement.picture_px
    boxes = np.clip(rows[:, :4] / placement.scale, 0, [width, height, width, height])
    scores = rows[:, 4]
    has_size = (boxes[:, 2:] - boxes[:, :2] > 1).all(axis=1)
    kept = np.flatnonzero((scores >= SCORE_FLOOR) & has_size & np.isfinite(rows).all(axis=1))
    kept = kept[np.argsort(-scores[kept], kind="stable")][:most]
    keypoints = rows[kept, 5:].reshape(-1, KEYPOINTS, 3)
    keypoints[:, :, :2] /= placement.scale
    return People(boxes[kept].astype(np.float32), scores[kept], keypoints)


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
