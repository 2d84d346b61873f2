"""Labels people in real recordings by what several networks say of them, in YOLO's pose format.

``PYTHONPATH=benchmarks .venv/bin/python models/training/real_frames.py FILM… -o SET [--every N]``

Boxes are of people whom two detectors see, or one sees surely; keypoints come from MoveNet, which
looks at each of them again from near. Whom only one half-sees is neither person nor background:
the place is smeared over, and a frame where that would smear a sure person is left out.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from seers import Floats, Picture, Seen, Seer, iou, seers

SHARED = Path(__file__).resolve().parents[3] / "shared"
SURE, DOUBTED = 1.0, 0.6
"""Shares of a detector's own score that counts: enough alone, and worth a doubt."""
SAME_IOU = 0.5
TOUCH_IOU = 0.05
NEAR_ROOM, NEAR_HIGH_PX, NEAR_LEAST_IOU = 0.3, 320, 0.4
KEYPOINT_SCORE = 0.3
KEYPOINTS_LEAST = 4
JPEG_QUALITY = 92


@dataclass(frozen=True, eq=False)
class Labelled:
    """A person: box xyxy and keypoints (17, 3) as x, y, v; pixels."""

    box: Floats
    keypoints: Floats


def sort_out(seen: Sequence[tuple[Seer, Seen]]) -> tuple[list[Floats], list[Floats]]:
    """Boxes of sure people, and those of doubtful ones that no sure one covers."""
    sure: list[Floats] = []
    doubtful: list[Floats] = []
    for seer, found in seen:
        for box, score in zip(found.boxes, found.scores, strict=True):
            if score < DOUBTED * seer.sure:
                continue
            others = [other for name, other in seen if name is not seer]
            agreed = any(_overlaps(box, other.boxes, SAME_IOU) for other in others)
            if _overlaps(box, sure, SAME_IOU):
                continue
            (sure if agreed and score >= SURE * seer.sure else doubtful).append(box)
    return sure, [box for box in doubtful if not _overlaps(box, sure, SAME_IOU)]


def label(picture: Picture, finders: Sequence[Seer], poser: Seer) -> list[Labelled] | None:
    """People of a picture, in which doubtful ones are smeared over; None: better left out."""
    sure, doubtful = sort_out([(one, one.look(picture)) for one in finders])
    people = []
    for box in sure:
        keypoints = look_near(picture, box, poser)
        if keypoints is None:
            doubtful.append(box)
        else:
            people.append(Labelled(box, keypoints))
    boxes = [person.box for person in people]
    if any(_overlaps(box, boxes, TOUCH_IOU) for box in doubtful):
        return None
    for box in doubtful:
        _smear(picture, box)
    return people


def look_near(picture: Picture, box: Floats, poser: Seer) -> Floats | None:
    """Keypoints (17, 3) of the person in a box, from an enlarged cut; None where none is there."""
    left, top, right, bottom = box
    room = NEAR_ROOM * max(right - left, bottom - top)
    high, wide = picture.shape[:2]
    x0, y0 = int(max(left - room, 0)), int(max(top - room, 0))
    x1, y1 = int(min(right + room, wide)), int(min(bottom + room, high))
    cut = picture[y0:y1, x0:x1]
    scale = NEAR_HIGH_PX / max(cut.shape[:2])
    found = poser.look(cv2.resize(cut, None, fx=scale, fy=scale).astype(np.uint8))
    if found.keypoints_px is None or not len(found.scores):
        return None
    overlaps = iou(box, found.boxes / scale + np.array([x0, y0, x0, y0], np.float32))
    best = int(overlaps.argmax())
    if overlaps[best] < NEAR_LEAST_IOU or found.keypoint_scores is None:
        return None
    points = found.keypoints_px[best] / scale + np.array([x0, y0], np.float32)
    is_seen = found.keypoint_scores[best] >= KEYPOINT_SCORE
    is_seen &= ((points >= 0) & (points < [wide, high])).all(axis=1)
    if is_seen.sum() < KEYPOINTS_LEAST:
        return None
    return np.where(is_seen[:, None], np.c_[points, np.full(17, 2)], 0).astype(np.float32)


def line(person: Labelled, size_px: tuple[int, int]) -> str:
    """A person as a line of a label file: shares of the picture."""
    wide, high = size_px
    left, top, right, bottom = np.clip(person.box, 0, [wide, high, wide, high])
    values = [(left + right) / 2 / wide, (top + bottom) / 2 / high]
    values += [(right - left) / wide, (bottom - top) / high]
    words = ["0", *(f"{value:.6f}" for value in values)]
    for x, y, v in person.keypoints:
        words += [f"{x / wide:.6f}", f"{y / high:.6f}", str(int(v))]
    return " ".join(words)


def _overlaps(box: Floats, boxes: Sequence[Floats] | Floats, least: float) -> bool:
    return len(boxes) > 0 and bool((iou(box, np.asarray(boxes, np.float32)) >= least).any())


def _smear(picture: Picture, box: Floats) -> None:
    high, wide = picture.shape[:2]
    left, top, right, bottom = np.clip(box, 0, [wide, high, wide, high]).astype(int)
    place = picture[top:bottom, left:right]
    if place.size:
        picture[top:bottom, left:right] = cv2.blur(place, (2 * (right - left) + 1,) * 2)


def _frames(film: Path, every: int) -> Iterator[tuple[int, Picture]]:
    source = cv2.VideoCapture(str(film))
    if not source.isOpened():
        raise SystemExit(f"{film}: is no film that can be read")
    index = 0
    while True:
        is_read, picture = source.read()
        if not is_read:
            return
        if index % every == 0:
            yield index, np.asarray(picture, np.uint8)
        index += 1


def main() -> int:
    """Read the command line and label."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True, help="the set's folder")
    parser.add_argument("--every", type=int, default=4, help="one frame of so many")
    options = parser.parse_args()
    networks = {seer.name: seer for seer in seers(SHARED / "models")}
    if len(networks) < 3:
        print(f"networks are missing in {SHARED / 'models'}", file=sys.stderr)
        return 2
    finders = list(networks.values())
    for part in ("images", "labels"):
        (options.out / part / "real").mkdir(parents=True, exist_ok=True)
    for film in options.films:
        taken = left_out = count = 0
        for index, picture in _frames(film, options.every):
            people = label(picture, finders, networks["movenet"])
            if people is None:
                left_out += 1
                continue
            name = f"{film.stem}-{index:05d}"
            size_px = (picture.shape[1], picture.shape[0])
            file = options.out / "images" / "real" / f"{name}.jpg"
            cv2.imwrite(str(file), picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            told = "".join(f"{line(person, size_px)}\n" for person in people)
            (options.out / "labels" / "real" / f"{name}.txt").write_text(told, "utf-8")
            taken += 1
            count += len(people)
        print(
            f"{film.name}: {taken} frames, {count} people; {left_out} frames left out", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
