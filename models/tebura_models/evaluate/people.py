"""Judges a people network on a folder of pictures with a COCO-like ``truth.json``.

``{"images": [{"id", "file_name"}], "annotations": [{"image_id", "bbox": [x, y, w, h],
"keypoints": [x, y, visibility, ...17 times]}]}``; further fields are ignored.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from tebura_models.heads import KEYPOINTS, People, find_people, iou
from tebura_models.loader import Network

Floats = NDArray[np.float64]

MATCH_IOU = 0.5
WRISTS = (9, 10)


class TruthError(ValueError):
    """A truth folder that cannot be used; the text names the file and why."""


class CocoImage(msgspec.Struct, frozen=True):
    id: int
    file_name: str


class CocoPerson(msgspec.Struct, frozen=True):
    image_id: int
    bbox: tuple[float, float, float, float]
    keypoints: tuple[float, ...] = ()
    iscrowd: int = 0


class CocoTruth(msgspec.Struct, frozen=True):
    images: tuple[CocoImage, ...]
    annotations: tuple[CocoPerson, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came out.

    `recall` and `precision` of boxes at IoU 0.5 and the score threshold; keypoint errors are
    medians in pixels over visible keypoints of the people found; `wrist_within_tenth` is the share
    of wrists nearer than a tenth of the box's diagonal; speeds are milliseconds a picture,
    preparation and decoding included. A figure nothing was there for is null.
    """

    network: str
    provider: str
    size_px: tuple[int, int]
    min_score: float
    pictures: int
    people: int
    recall: float | None
    precision: float | None
    keypoint_error_px: float | None
    wrist_error_px: float | None
    wrist_within_tenth: float | None
    p50_ms: float
    p95_ms: float


@dataclass(slots=True)
class _Tally:
    """What adds up over the pictures."""

    people: int = 0
    found: int = 0
    claimed: int = 0
    took_ms: list[float] = field(default_factory=list)
    error_px: list[float] = field(default_factory=list)
    wrist_px: list[float] = field(default_factory=list)
    wrist_near: list[bool] = field(default_factory=list)


def load_truth(folder: Path) -> CocoTruth:
    """Read ``truth.json`` of a folder.

    Raises:
        TruthError: If it cannot be read or is malformed.
    """
    path = folder / "truth.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=CocoTruth)
    except OSError as error:
        raise TruthError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise TruthError(f"{path}: {error}") from error


def evaluate_people(
    network: Network, folder: Path, *, size_px: tuple[int, int], min_score: float = 0.2
) -> Report:
    """Run the network over every picture and compare.

    Raises:
        TruthError: If the folder's truth or one of its pictures cannot be used.
    """
    truth = load_truth(folder)
    by_image = defaultdict(list)
    for person in truth.annotations:
        if not person.iscrowd:
            by_image[person.image_id].append(person)
    tally = _Tally()
    for image in truth.images:
        picture = cv2.imread(str(folder / image.file_name))
        if picture is None:
            raise TruthError(f"{folder / image.file_name}: is no picture")
        started = time.perf_counter()
        people = find_people(network, np.asarray(picture, np.uint8), size_px)
        tally.took_ms.append((time.perf_counter() - started) * 1000)
        _compare(by_image[image.id], people, min_score, tally)
    return Report(
        network=network.entry.name,
        provider=network.provider,
        size_px=size_px,
        min_score=min_score,
        pictures=len(truth.images),
        people=tally.people,
        recall=tally.found / tally.people if tally.people else None,
        precision=tally.found / tally.claimed if tally.claimed else None,
        keypoint_error_px=_median(tally.error_px),
        wrist_error_px=_median(tally.wrist_px),
        wrist_within_tenth=float(np.mean(tally.wrist_near)) if tally.wrist_near else None,
        p50_ms=float(np.percentile(tally.took_ms, 50)) if tally.took_ms else 0.0,
        p95_ms=float(np.percentile(tally.took_ms, 95)) if tally.took_ms else 0.0,
    )


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _compare(persons: list[CocoPerson], people: People, min_score: float, tally: _Tally) -> None:
    tally.people += len(persons)
    tally.claimed += int(np.count_nonzero(people.scores >= min_score))
    for person, row in _matches(persons, people, min_score):
        tally.found += 1
        error_px, visible = _keypoint_errors(person, people.keypoints_px[row])
        tally.error_px += error_px[visible].tolist()
        wrists = [float(error_px[k]) for k in WRISTS if visible[k]]
        tally.wrist_px += wrists
        diagonal_px = float(np.hypot(person.bbox[2], person.bbox[3]))
        tally.wrist_near += [error < 0.1 * diagonal_px for error in wrists]


def _matches(
    persons: list[CocoPerson], people: People, min_score: float
) -> Iterator[tuple[CocoPerson, int]]:
    """Each detection, best first, takes the person it overlaps most that is still free."""
    if not persons:
        return
    x, y, width, height = np.asarray([person.bbox for person in persons], np.float32).T
    overlaps = iou(people.boxes_xyxy_px, np.stack([x, y, x + width, y + height], axis=1))
    for row in np.flatnonzero(people.scores >= min_score):
        best = int(overlaps[row].argmax())
        if overlaps[row, best] >= MATCH_IOU:
            overlaps[:, best] = 0
            yield persons[best], int(row)


def _keypoint_errors(
    person: CocoPerson, found: NDArray[np.float32]
) -> tuple[Floats, NDArray[np.bool_]]:
    if len(person.keypoints) != KEYPOINTS * 3:
        return np.zeros(KEYPOINTS), np.zeros(KEYPOINTS, np.bool_)
    truth = np.asarray(person.keypoints).reshape(KEYPOINTS, 3)
    # COCO's visibility: 2 is seen, 1 is hidden but marked, 0 is not marked.
    return np.linalg.norm(found[:, :2] - truth[:, :2], axis=1), truth[:, 2] == 2
