"""How right networks are on 200 real frames that were marked by eye: people, and wrists in sight.

``.venv/bin/python benchmarks/marked.py [--also FILE] [--closer NAME] [--drawn SET] [--json]``

Frames are of three films beside the project (``../shared/data``) that no network of ours learnt
from; the marks are ``tests/models/marks/people.jsonl``. Frames of one film are much alike, so each
film stands for itself. With ``--drawn`` also the `test` half of a set that ``tebura-simulate
dataset`` drew.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from seers import Floats, Picture, Seen, Seer, iou, movenet, seers
from tebura_contract.ids import CameraId
from tebura_edge.closer import look_closer, who_to_look_at
from tebura_edge.frames import Frame
from tebura_edge.people import PeopleSettings, detect_people
from tebura_edge.trial import EVERYWHERE
from tebura_models.loader import load_network

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
MARKS = ROOT / "tests" / "models" / "marks" / "people.jsonl"
SAME_IOU = 0.5
NEAR = 0.1
"""A wrist is found this share of the person's height from the mark."""
WRIST_SCORE = 0.1
SURE = 0.25
"""Networks of MoveNet's layout: tracks go on from 0.1."""


class MarkedPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person's box, and wrists that can be seen; pixels of the frame."""

    box: tuple[float, float, float, float]
    left: tuple[float, float] | None
    right: tuple[float, float] | None


class MarkedFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a frame; what a network finds in `ignored` is neither right nor wrong."""

    clip: str
    frame: int
    people: tuple[MarkedPerson, ...]
    ignored: tuple[tuple[float, float, float, float], ...]


@dataclass
class Tally:
    """One network on one film."""

    wrist_score: float = WRIST_SCORE
    frames: int = 0
    people: int = 0
    found: int = 0
    claimed: int = 0
    wrists: int = 0
    near: int = 0
    has_keypoints: bool = False
    off: list[float] = field(default_factory=list)

    def told(self) -> dict[str, float | int | None]:
        """Shares; wrists' distances as shares of the person's height, of people found."""
        return {
            "frames": self.frames,
            "people": self.people,
            "recall": _share(self.found, self.people),
            "precision": _share(self.found, self.claimed),
            "wrists": self.wrists,
            "wrists_near": _share(self.near, self.wrists) if self.has_keypoints else None,
            "wrist_off": round(float(np.median(self.off)), 3) if self.off else None,
        }

    def add(self, marked: MarkedFrame, seen: Seen, sure: float) -> None:
        """Compare a frame: the best box first, each takes the person it lies on."""
        self.frames += 1
        self.people += len(marked.people)
        self.wrists += sum(p.left is not None for p in marked.people)
        self.wrists += sum(p.right is not None for p in marked.people)
        free = list(marked.people)
        for row in np.flatnonzero(seen.scores >= sure):
            overlaps = [_iou(seen.boxes[row], person.box) for person in free]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best < 0 or overlaps[best] < SAME_IOU:
                self.claimed += not _is_ignored(seen.boxes[row], marked)
                continue
            self.claimed += 1
            self.found += 1
            self._wrists(free.pop(best), seen, int(row))

    def _wrists(self, person: MarkedPerson, seen: Seen, row: int) -> None:
        if seen.keypoints_px is None or seen.keypoint_scores is None:
            return
        self.has_keypoints = True
        height = person.box[3] - person.box[1]
        for mark, number in ((person.left, 9), (person.right, 10)):
            if mark is None:
                continue
            off = float(np.hypot(*(seen.keypoints_px[row, number] - mark))) / height
            self.off.append(off)
            self.near += (
                off <= NEAR and float(seen.keypoint_scores[row, number]) >= self.wrist_score
            )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _iou(box: Floats, mark: tuple[float, ...]) -> float:
    return float(iou(box, np.array([mark], np.float32))[0])


def _is_ignored(box: Floats, marked: MarkedFrame) -> bool:
    """Whether a box's middle lies where nothing counts."""
    x, y = (box[:2] + box[2:]) / 2
    return any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in marked.ignored)


def read_marks(file: Path = MARKS) -> dict[str, dict[int, MarkedFrame]]:
    """Marks by film and frame."""
    marks: dict[str, dict[int, MarkedFrame]] = defaultdict(dict)
    for line in file.read_bytes().splitlines():
        frame = msgspec.json.decode(line, type=MarkedFrame)
        marks[frame.clip][frame.frame] = frame
    return marks


def shipped(name: str, sure: float, closer: str | None = None) -> Seer:
    """A network of the manifest, as a node uses it; another may look at arms from nearer."""
    network = load_network(name)
    arms = load_network(closer) if closer else None
    size_px = network.entry.input.size_px

    def look(picture: Picture) -> Seen:
        frame = Frame(CameraId("marked"), 0, picture)
        found = detect_people(network, frame, size_px)
        if arms is not None:
            wide_high = (picture.shape[1], picture.shape[0])
            rows = who_to_look_at(found, EVERYWHERE, wide_high, size_px)
            found = look_closer(arms, frame, found, rows, size_px)
        points = found.keypoints_px
        return Seen(found.boxes_xyxy_px, found.scores, points[:, :, :2], points[:, :, 2])

    return Seer(f"{name}, {closer}" if closer else name, sure, look)


def drawn_frames(folder: Path) -> Iterator[tuple[MarkedFrame, Picture]]:
    """Pictures of a set's `test` half; anybody counts of whom its labels tell."""
    for file in sorted((folder / "images" / "test").glob("*.jpg")):
        picture = np.asarray(cv2.imread(str(file)), np.uint8)
        high, wide = picture.shape[:2]
        label = folder / "labels" / "test" / f"{file.stem}.txt"
        rows = [line.split()[1:] for line in label.read_text().splitlines()]
        people = tuple(_drawn_person(np.array(row, float), wide, high) for row in rows)
        yield MarkedFrame("drawn", 0, people, ()), picture


def _drawn_person(row: NDArray[np.float64], wide: int, high: int) -> MarkedPerson:
    """From shares of the picture: middle, size, 17 x (x, y, v); 2 is in sight."""
    x, y, w, h = row[:4] * [wide, high, wide, high]
    points = row[4:].reshape(17, 3) * [wide, high, 1]
    left, right = (
        (float(point[0]), float(point[1])) if point[2] == 2 else None for point in points[9:11]
    )
    return MarkedPerson((x - w / 2, y - h / 2, x + w / 2, y + h / 2), left, right)


def _frames(film: Path, wanted: dict[int, MarkedFrame]) -> Iterator[tuple[MarkedFrame, Picture]]:
    source = cv2.VideoCapture(str(film))
    for index in range(max(wanted) + 1):
        is_read, picture = source.read()
        if not is_read:
            raise SystemExit(f"{film}: ends before frame {max(wanted)}")
        if index in wanted:
            yield wanted[index], np.asarray(picture, np.uint8)


def main() -> int:
    """Read the command line and run; 0 also where there is nothing to look at."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--also", type=Path, action="append", default=[], help="MoveNet's layout")
    parser.add_argument("--model", action="append", help="of the manifest; default: what ships")
    parser.add_argument(
        "--closer", action="append", default=[], help="of the manifest: looks at arms from nearer"
    )
    parser.add_argument(
        "--sure", type=float, default=SURE, help=f"a score of these that counts; default {SURE}"
    )
    parser.add_argument(
        "--wrist-score",
        type=float,
        default=WRIST_SCORE,
        help=f"of a wrist that counts; default {WRIST_SCORE}",
    )
    parser.add_argument("--clip", help="only films with this in their name")
    parser.add_argument("--drawn", type=Path, help="a set of `tebura-simulate dataset`")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args()
    if not (SHARED / "data").exists():
        print(f"skipped: no recordings in {SHARED / 'data'}", file=sys.stderr)
        return 0
    models = options.model or [PeopleSettings().model]
    networks = [
        shipped(name, options.sure, closer) for name in models for closer in (None, *options.closer)
    ]
    networks += [one for one in seers(SHARED / "models") if one.name != "movenet"]
    networks += [replace(movenet(file), sure=options.sure) for file in options.also]
    for name, frames in _sources(options.clip, options.drawn):
        tallies = {network.name: Tally(options.wrist_score) for network in networks}
        for marked, picture in frames:
            for network in networks:
                tallies[network.name].add(marked, network.look(picture), network.sure)
        for network_name, tally in tallies.items():
            row = {"film": name, "network": network_name, **tally.told()}
            print(json.dumps(row) if options.json else _line(row), flush=True)
    return 0


def _sources(
    clip_part: str | None, drawn: Path | None
) -> Iterator[tuple[str, Iterator[tuple[MarkedFrame, Picture]]]]:
    for clip, wanted in read_marks().items():
        if not clip_part or clip_part in clip:
            yield Path(clip).stem, _frames(SHARED / "data" / clip, wanted)
    if drawn:
        yield drawn.name, drawn_frames(drawn)


def _line(row: Mapping[str, object]) -> str:
    film, network, *rest = row.values()
    figures = "  ".join(f"{key} {value}" for key, value in zip([*row][2:], rest, strict=True))
    return f"{film!s:28} {network!s:28} {figures}"


if __name__ == "__main__":
    sys.exit(main())
