"""Networks that find people, trained on photographs only: from a picture to boxes and scores.

Their files lie beside the project (``../shared/models``); none is part of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

SIDE_PX = 416
_STRIDES = (8, 16, 32)
_SAME_IOU = 0.55
_FLOOR = 0.05
_MOVENET_WIDE = 384


@dataclass(frozen=True, eq=False)
class Seen:
    """People of one picture, best first: boxes (N, 4) xyxy in its pixels, scores (N,).

    `keypoints_px` (N, 17, 2) and `keypoint_scores` (N, 17) are of a network that finds them, else
    None.
    """

    boxes: Floats
    scores: Floats
    keypoints_px: Floats | None = None
    keypoint_scores: Floats | None = None


@dataclass(frozen=True)
class Seer:
    """A network by name; `look` finds people in a BGR picture, `sure` is a score that counts."""

    name: str
    sure: float
    look: Callable[[Picture], Seen]


def seers(folder: Path) -> list[Seer]:
    """Those whose files are there."""
    files = {
        "yolox-nano": ("yolox_nano_416_teacher_only.onnx", 0.5, _yolox),
        "nanodet-g": ("nanodet_g_416_int8.onnx", 0.4, _nanodet),
        # Its scores are lower throughout.
        "movenet": ("movenet_multipose.onnx", 0.25, _movenet),
    }
    return [
        Seer(name, sure, look(_open(folder / file)))
        for name, (file, sure, look) in files.items()
        if (folder / file).exists()
    ]


def movenet(file: Path) -> Seer:
    """Another network of MoveNet's layout, by its file's name."""
    return Seer(file.stem, 0.25, _movenet(_open(file)))


def _open(file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _letterbox(picture: Picture, fill: int) -> tuple[Picture, float]:
    """The picture in a square's top left corner, and its scale there."""
    high, wide = picture.shape[:2]
    scale = SIDE_PX / max(wide, high)
    size = (round(wide * scale), round(high * scale))
    square = np.full((SIDE_PX, SIDE_PX, 3), fill, np.uint8)
    square[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    return square, scale


def _grid(stride: int) -> Floats:
    count = SIDE_PX // stride
    x, y = np.meshgrid(np.arange(count), np.arange(count))
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def _yolox(session: Any) -> Callable[[Picture], Seen]:
    """YOLOX: centre and size of a box by grid cell and stride; BGR as it is."""
    cells = np.concatenate([_grid(stride) for stride in _STRIDES])
    steps = np.concatenate([np.full(len(_grid(s)), s, np.float32) for s in _STRIDES])[:, None]

    def look(picture: Picture) -> Seen:
        square, scale = _letterbox(picture, 114)
        tensor = square.transpose(2, 0, 1)[None].astype(np.float32)
        (rows,) = session.run(None, {"images": tensor})[0]
        centre = (rows[:, :2] + cells) * steps
        half = np.exp(rows[:, 2:4]) * steps / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1) / scale
        return _tidy(boxes, rows[:, 4] * rows[:, 5])

    return look


_BGR_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
_BGR_SD = np.array([57.375, 57.12, 58.395], np.float32)


def _nanodet(session: Any) -> Callable[[Picture], Seen]:
    """NanoDet: distances to a box's sides as distributions over eleven steps of a stride."""
    names = [output.name for output in session.get_outputs()]

    def look(picture: Picture) -> Seen:
        square, scale = _letterbox(picture, 0)
        tensor = ((square.astype(np.float32) - _BGR_MEAN) / _BGR_SD).transpose(2, 0, 1)[None]
        found = dict(zip(names, session.run(None, {"input_1:0": tensor}), strict=True))
        boxes, scores = [], []
        for stride in _STRIDES:
            cells = _grid(stride)
            kinds = next(v[0] for v in found.values() if v.shape[1:] == (len(cells), 80))
            sides = next(v[0] for v in found.values() if v.shape[1:] == (len(cells), 44))
            steps = np.exp(sides.reshape(-1, 4, 11) - sides.reshape(-1, 4, 11).max(2)[..., None])
            off = (steps / steps.sum(2)[..., None]) @ np.arange(11, dtype=np.float32) * stride
            centre = (cells + 0.5) * stride
            boxes.append(np.concatenate([centre - off[:, :2], centre + off[:, 2:]], axis=1))
            scores.append(kinds[:, 0])
        return _tidy(np.concatenate(boxes) / scale, np.concatenate(scores))

    return look


def _movenet(session: Any) -> Callable[[Picture], Seen]:
    """MoveNet MultiPose: six people, 17 x (y, x, score), box, score; shares of the tensor."""

    def look(picture: Picture) -> Seen:
        high, wide = picture.shape[:2]
        scale = _MOVENET_WIDE / max(wide, high)
        size = (round(wide * scale), round(high * scale))
        rgb = cv2.cvtColor(cv2.resize(picture, size), cv2.COLOR_BGR2RGB)
        tensor = np.zeros((1, -(-size[1] // 32) * 32, -(-size[0] // 32) * 32, 3), np.int32)
        tensor[0, : size[1], : size[0]] = rgb
        (rows,) = session.run(None, {"input:0": tensor})[0]
        to_px = np.array([tensor.shape[2], tensor.shape[1]], np.float32) / scale
        keypoints = rows[:, :51].reshape(-1, 17, 3)
        points = keypoints[:, :, [1, 0]] * to_px
        boxes = rows[:, [52, 51, 54, 53]] * np.tile(to_px, 2)
        order = np.argsort(-rows[:, 55])
        order = order[rows[order, 55] >= _FLOOR]
        return Seen(boxes[order], rows[order, 55], points[order], keypoints[order, :, 2])

    return look


def _tidy(boxes: NDArray[np.floating], scores: Floats) -> Seen:
    """Best first, what overlaps a better one left out."""
    order = np.argsort(-scores)
    kept: list[int] = []
    for row in order[scores[order] >= _FLOOR]:
        if not kept or float(iou(boxes[row], boxes[kept]).max()) < _SAME_IOU:
            kept.append(int(row))
    return Seen(boxes[kept].astype(np.float32), scores[kept].astype(np.float32))


def iou(one: Floats, many: Floats) -> Floats:
    """Intersection over union of a box (4,) with boxes (N, 4), xyxy."""
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=1)
    area, areas = (one[2:] - one[:2]).prod(), (many[:, 2:] - many[:, :2]).prod(axis=1)
    return np.asarray(inner / np.maximum(area + areas - inner, 1e-9), np.float32)
