"""Labelled pictures for the tuning of a people network: read, varied, turned into targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

FLIPPED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
SEEN, HIDDEN = 2, 1
LEAST_HIGH_PX, LEAST_LEFT = 12.0, 0.25
ZOOM = (0.7, 1.5)
GREY = (114, 114, 114)
AROUND, AROUND_ZOOM, BOX_SIZE, BOX_PLACE = 1.3, (0.85, 1.2), 0.06, 0.04
"""What is cut out around somebody, of the longer side of their box; by how much boxes are off."""


@dataclass(frozen=True, eq=False)
class People:
    """Boxes (N, 4) xyxy and keypoints (N, 17, 3) as x, y, v; pixels of their picture."""

    boxes: Floats
    keypoints: Floats


def listed(folder: Path, parts: Sequence[str]) -> list[Path]:
    """Pictures of a set's parts, by name; a part may stand there several times."""
    return [file for part in parts for file in sorted((folder / "images" / part).glob("*.jpg"))]


def read(file: Path) -> tuple[Picture, People]:
    """A picture (BGR) and its people."""
    picture = np.asarray(cv2.imread(str(file)), np.uint8)
    high, wide = picture.shape[:2]
    label = file.parents[2] / "labels" / file.parent.name / f"{file.stem}.txt"
    rows = np.array([line.split()[1:] for line in label.read_text().splitlines()], np.float32)
    rows = rows.reshape(-1, 4 + 17 * 3)
    middle, size = rows[:, :2] * (wide, high), rows[:, 2:4] * (wide, high)
    keypoints = rows[:, 4:].reshape(-1, 17, 3) * (wide, high, 1)
    boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    return picture, People(boxes.astype(np.float32), keypoints.astype(np.float32))


def varied(
    picture: Picture, people: People, size_px: tuple[int, int], rng: np.random.Generator
) -> tuple[Picture, People]:
    """Another picture of the same: nearer or farther, mirrored, in other light, less clear."""
    high, wide = picture.shape[:2]
    fit = min(size_px[0] / wide, size_px[1] / high)
    scale = fit * float(rng.uniform(*ZOOM))
    room = np.array(size_px) - scale * np.array([wide, high])
    shift = room * rng.random(2)
    mirrored = bool(rng.random() < 0.5)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    if mirrored:
        matrix[0] = [-scale, 0, size_px[0] - shift[0]]
    if scale < 0.8:
        picture = np.asarray(cv2.blur(picture, (2, 2)), np.uint8)
    shown = cv2.warpAffine(picture, matrix, size_px, borderValue=GREY)
    return _relit(np.asarray(shown, np.uint8), rng), moved(people, matrix, size_px, mirrored)


def fitted(picture: Picture, people: People, size_px: tuple[int, int]) -> tuple[Picture, People]:
    """As a camera's picture is laid: as large as it fits, in the top left corner."""
    high, wide = picture.shape[:2]
    scale = min(size_px[0] / wide, size_px[1] / high)
    matrix = np.array([[scale, 0, 0], [0, scale, 0]])
    laid = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    small = cv2.resize(
        picture, (round(wide * scale), round(high * scale)), interpolation=cv2.INTER_AREA
    )
    laid[: small.shape[0], : small.shape[1]] = small
    return laid, moved(people, matrix, size_px, mirrored=False)


def cut_out(
    picture: Picture, people: People, which: int, side_px: int, rng: np.random.Generator | None
) -> tuple[Picture, People]:
    """What a node's closer look (`edge/closer.py`) is shown of one person, and who is in it.

    With `rng` as a box that is a little off has it, and varied like whole pictures.
    """
    low, high = people.boxes[which].astype(float).reshape(2, 2)
    size, middle, around = high - low, (low + high) / 2, AROUND
    if rng is not None:
        size = size * np.exp(rng.normal(0, BOX_SIZE, 2))
        middle = middle + rng.normal(0, BOX_PLACE, 2) * size
        around *= float(rng.uniform(*AROUND_ZOOM))
    side = max(round(around * float(size.max())), 2)
    corner = np.round(middle - side / 2).astype(int)
    room = np.array(picture.shape[1::-1])
    first, last = np.clip(corner, 0, room), np.clip(corner + side, 0, room)
    cut = np.zeros((side, side, 3), np.uint8)
    (x0, y0), (x1, y1) = first - corner, last - corner
    cut[y0:y1, x0:x1] = picture[first[1] : last[1], first[0] : last[0]]
    scale = side_px / side
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = np.asarray(cv2.resize(cut, (side_px, side_px), interpolation=method), np.uint8)
    matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
    mirrored = rng is not None and bool(rng.random() < 0.5)
    if mirrored:
        matrix[0] = [-scale, 0, side_px + corner[0] * scale]
        shown = np.ascontiguousarray(shown[:, ::-1])
    if rng is not None:
        shown = _relit(shown, rng)
    return shown, moved(people, matrix, (side_px, side_px), mirrored)


def moved(
    people: People, matrix: NDArray[np.float64], size_px: tuple[int, int], mirrored: bool
) -> People:
    """People where they are after a picture was scaled, shifted, mirrored and cut."""
    factors, shift = matrix[[0, 1], [0, 1]], matrix[:, 2]
    ends = np.stack([people.boxes[:, :2], people.boxes[:, 2:]], axis=1) * factors + shift
    low, high = ends.min(axis=1), ends.max(axis=1)
    area = np.maximum(high - low, 1e-6).prod(axis=1)
    low, high = np.clip(low, 0, size_px), np.clip(high, 0, size_px)
    left = (high - low).prod(axis=1) / area
    keypoints = people.keypoints.copy()
    keypoints[:, :, :2] = keypoints[:, :, :2] * factors + shift
    if mirrored:
        keypoints = keypoints[:, FLIPPED]
    is_inside = ((keypoints[:, :, :2] >= 0) & (keypoints[:, :, :2] < size_px)).all(axis=2)
    keypoints[:, :, 2] *= is_inside
    kept = (left >= LEAST_LEFT) & (high[:, 1] - low[:, 1] >= LEAST_HIGH_PX)
    boxes = np.concatenate([low, high], axis=1)[kept]
    return People(boxes.astype(np.float32), keypoints[kept].astype(np.float32))


def _relit(picture: Picture, rng: np.random.Generator) -> Picture:
    shown = np.asarray(picture, np.float32) / np.float32(255)
    shown **= float(np.exp(rng.normal(0, 0.25)))
    shown = (shown - 0.5) * float(rng.uniform(0.75, 1.25)) + 0.5 + float(rng.normal(0, 0.05))
    shown *= rng.uniform(0.9, 1.1, 3).astype(np.float32)
    if rng.random() < 0.15:
        shown[:] = shown.mean(axis=2, keepdims=True)
    if rng.random() < 0.3:
        blurred = cv2.GaussianBlur(shown, (0, 0), float(rng.uniform(0.4, 1.2)))
        shown = np.asarray(blurred, np.float32)
    shown += rng.normal(0, float(rng.uniform(0, 0.03)), shown.shape).astype(np.float32)
    return np.asarray(np.clip(shown * 255, 0, 255), np.uint8)


@dataclass(frozen=True, eq=False)
class Targets:
    """What the heads should say of one picture, in cells; (y, x) everywhere.

    `centre` (1, H, W) and `keypoints` (17, H, W) are bumps of height 1; `counted` (17, H, W) is 0
    where a keypoint is hidden: it may be said to be there or not. Of each person: `cells` (N, 2),
    `box` (N, 2), `box_offset` (N, 2), `reach` (N, 34) to keypoints, `reach_known` (N, 34). Of each
    keypoint seen: `spots` (K, 3) as keypoint, y, x, and `spot_offset` (K, 2).
    """

    centre: Floats
    keypoints: Floats
    counted: Floats
    cells: NDArray[np.int64]
    box: Floats
    box_offset: Floats
    reach: Floats
    reach_known: Floats
    spots: NDArray[np.int64]
    spot_offset: Floats


def targets(people: People, size_px: tuple[int, int], stride: int) -> Targets:
    """The targets of a picture of this size."""
    wide, high = size_px[0] // stride, size_px[1] // stride
    rows, columns = np.mgrid[:high, :wide].astype(np.float32)
    count = len(people.boxes)
    centre = np.zeros((1, high, wide), np.float32)
    heat = np.zeros((17, high, wide), np.float32)
    counted = np.ones((17, high, wide), np.float32)
    middle = (people.boxes[:, :2] + people.boxes[:, 2:])[:, ::-1] / (2 * stride)
    size = (people.boxes[:, 2:] - people.boxes[:, :2])[:, ::-1] / stride
    cells = np.minimum(middle.astype(np.int64), [high - 1, wide - 1])
    points = people.keypoints[:, :, 1::-1] / stride
    spots = []
    for person in range(count):
        across = float(np.sqrt(size[person].prod()))
        _bump(centre[0], rows, columns, cells[person], float(np.clip(0.09 * across, 0.8, 4)))
        width = float(np.clip(0.035 * across, 0.7, 2))
        for number, (point, v) in enumerate(
            zip(points[person], people.keypoints[person, :, 2], strict=True)
        ):
            cell = np.minimum(point.astype(np.int64), [high - 1, wide - 1])
            if v == SEEN:
                _bump(heat[number], rows, columns, cell, width)
                spots.append((number, *cell.tolist(), *(point - cell).tolist()))
            elif v == HIDDEN:
                near = (rows - cell[0]) ** 2 + (columns - cell[1]) ** 2 <= (3 * width) ** 2
                counted[number][near] = 0
    counted[heat > 0.5] = 1
    told = np.array(spots, np.float32).reshape(-1, 5)
    known = np.repeat(people.keypoints[:, :, 2] > 0, 2, axis=1)
    reach = (points - cells[:, None]).reshape(count, 34) * known
    return Targets(
        centre,
        heat,
        counted,
        cells,
        size.astype(np.float32),
        (middle - cells).astype(np.float32),
        reach.astype(np.float32),
        known.astype(np.float32),
        told[:, :3].astype(np.int64),
        told[:, 3:],
    )


def _bump(
    onto: Floats, rows: Floats, columns: Floats, cell: NDArray[np.int64], width: float
) -> None:
    far = (rows - cell[0]) ** 2 + (columns - cell[1]) ** 2
    np.maximum(onto, np.exp(-far / (2 * width**2)), out=onto)
