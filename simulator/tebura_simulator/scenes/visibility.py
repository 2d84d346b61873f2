"""How well a people network sees drawn people: the share found, and how far the wrists are off.

``python -m tebura_simulator.scenes.visibility FOOTAGE_DIR ...`` prints a line a folder and input
size. What a camera's place, the light or a shopper's clothes do to a network shows here first.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_models.heads import People, find_people
from tebura_models.loader import Network, Provider, load_network

from tebura_simulator.scenes.body import KEYPOINTS
from tebura_simulator.scenes.truth import FootageTruth, PersonTruth, TimelineRecord
from tebura_simulator.story.scenario import Hand

SCORE = 0.2
MATCH_IOU = 0.3
SIZES_PX = ((256, 192), (320, 192), (384, 256), (640, 384))
_EDGE_PX = 2.0
_WRIST = {hand: KEYPOINTS.index(f"{hand}_wrist") for hand in Hand}


@dataclass(frozen=True)
class Visibility:
    """Of the people wholly in the picture (none cut by its edge): how many a network found.

    `wrist_px` holds, for each look at a hand inside a shelf, how far the found wrist is off.
    """

    people: int
    found: int
    scores: tuple[float, ...]
    wrist_px: tuple[float, ...]

    @property
    def found_share(self) -> float:
        return self.found / max(1, self.people)


def frames_of(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video as BGR pictures."""
    with av.open(str(path)) as video:
        for frame in video.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def measure(
    folder: Path, camera: str, network: Network, size_px: tuple[int, int], every: int = 1
) -> Visibility:
    """Run a network over every n-th frame of footage, and over each with a hand in a shelf."""
    record = msgspec.json.decode((folder / "timeline.json").read_bytes(), type=TimelineRecord)
    truth = msgspec.json.decode((folder / f"{camera}.truth.json").read_bytes(), type=FootageTruth)
    people = found = 0
    scores: list[float] = []
    wrists: list[float] = []
    for index, picture in enumerate(frames_of(folder / f"{camera}.mp4")):
        frame = truth.frames[index]
        hands = _hands_inside(record, frame.t_s)
        if index % every and not hands:
            continue
        whole = [p for p in frame.people if not _is_cut(p, truth.size_px)]
        if not whole:
            continue
        seen = find_people(network, picture, size_px)
        for person in whole:
            people += 1
            row = _match(person, seen)
            if row is None:
                continue
            found += 1
            scores.append(float(seen.scores[row]))
            for hand in hands.get(person.shopper, ()):
                x, y, _ = person.keypoints_px[_WRIST[hand]]
                off = seen.keypoints_px[row, _WRIST[hand], :2] - (x, y)
                wrists.append(float(np.hypot(*off)))
    return Visibility(people, found, tuple(scores), tuple(wrists))


def _hands_inside(record: TimelineRecord, t_s: float) -> dict[str, tuple[Hand, ...]]:
    inside: dict[str, tuple[Hand, ...]] = {}
    for action in record.actions:
        if action.inside_from_s <= t_s <= action.inside_to_s:
            inside[action.shopper] = (*inside.get(action.shopper, ()), action.hand)
    return inside


def _is_cut(person: PersonTruth, size_px: tuple[int, int]) -> bool:
    x_min, y_min, x_max, y_max = person.box_px
    wide, high = size_px
    return min(x_min, y_min, wide - x_max, high - y_max) < _EDGE_PX


def _match(person: PersonTruth, seen: People) -> int | None:
    """The row of the found person that overlaps best, None where none overlaps enough."""
    box = np.asarray(person.box_px)
    low = np.maximum(seen.boxes_xyxy_px[:, :2], box[:2])
    high = np.minimum(seen.boxes_xyxy_px[:, 2:], box[2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=1)
    areas = np.prod(seen.boxes_xyxy_px[:, 2:] - seen.boxes_xyxy_px[:, :2], axis=1)
    union = areas + float(np.prod(box[2:] - box[:2])) - shared
    iou = np.where(seen.scores >= SCORE, shared / np.maximum(union, 1e-9), 0.0)
    if not len(iou) or iou.max() < MATCH_IOU:
        return None
    return int(iou.argmax())


def main() -> None:
    network = load_network("movenet-multipose", threads=1, providers=(Provider.CPU,))
    for folder in (Path(argument) for argument in sys.argv[1:]):
        for size_px in SIZES_PX:
            seen = measure(folder, "aisle", network, size_px)
            wrists = np.asarray(seen.wrist_px or [np.nan])
            print(
                f"{folder.name} {size_px[0]}x{size_px[1]}: found {seen.found}/{seen.people} "
                f"({seen.found_share:.3f}), score {np.median(seen.scores):.2f}; wrists of reaches: "
                f"{len(seen.wrist_px)}, off {np.median(wrists):.1f} px, 90 % within "
                f"{np.percentile(wrists, 90):.1f} px",
                flush=True,
            )


if __name__ == "__main__":
    main()
