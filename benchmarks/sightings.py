"""Where frames to look at come from: drawn worlds, the demo's footage, real recordings."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from kept_frames import Frame, Whole, kept

if TYPE_CHECKING:
    from tebura_simulator.scenes.truth import FrameTruth
    from tebura_simulator.scenes.worlds import Mix

SIZE_PX, PER_WORLD = (640, 360), 14
WHOLE_SHARE, WHOLE_HIGH_PX = 0.9, 60.0
"""Whom a network has to find: so much of the body's outline seen (legs behind a gondola and what is
beyond the picture's edge are not), so high in a picture 640 wide: 39 pixels at a network's 416."""
REAL = {
    "store clip": ("data/store-aifi/cps-test-2-cam6.mp4", 4),
    "one by one": ("data/video/one-by-one-person-detection.mp4", 10),
    "pedestrians": ("data/video/pedestrians.avi", 8),
    "shop aisle": ("data/video/store-aisle-detection.gif", 4),
    "people walking": ("data/video/people-detection.gif", 4),
}


def rendered(mix: str, seeds: Sequence[int], jobs: int, keep: Path | None) -> Iterator[Frame]:
    """Frames of worlds of the test half, about a dozen each, in one of their mixes."""
    from tebura_simulator.scenes.workers import at_once
    from tebura_simulator.scenes.worlds import Mix

    for frames in at_once(partial(_world, keep, Mix(mix)), seeds, jobs):
        yield from frames


def _world(keep: Path | None, mix: "Mix", seed: int) -> list[Frame]:
    """A world's frames; kept in a folder, they are those of the same code."""
    from tebura_simulator.scenes.filmcache import code_version

    if keep is None:
        return _drawn(mix, seed)
    return kept(keep / f"{mix}-{seed}-{code_version()}.npz", partial(_drawn, mix, seed))


def _drawn(mix: "Mix", seed: int) -> list[Frame]:
    from tebura_simulator.scenes.dataset import world_frames
    from tebura_simulator.scenes.split import Split
    from tebura_simulator.scenes.worlds import world_of

    world = world_of(Split.TEST, seed, SIZE_PX, mix)
    return [
        Frame(
            np.ascontiguousarray(frame.rgb[:, :, ::-1]), _whole(frame.truth), f"{seed}-{number:03d}"
        )
        for number, frame in world_frames(world, PER_WORLD)
    ]


def footage(folder: Path, every: int) -> Iterator[Frame]:
    """Every n-th frame of films that have their truth beside them."""
    import msgspec
    from tebura_simulator.scenes.truth import FootageTruth

    for file in sorted(folder.glob("*/aisle.mp4")):
        side = file.with_suffix(".truth.json").read_bytes()
        truth = msgspec.json.decode(side, type=FootageTruth)
        for index, frame in enumerate(filmed(file, 1)):
            if index % every == 0 and truth.frames[index].people:
                yield Frame(frame.picture, _whole(truth.frames[index]))


def _whole(truth: "FrameTruth") -> tuple[Whole, ...]:
    """Who is in full view, high enough in the picture."""
    return tuple(
        Whole(np.array(p.visible_px, np.float32), np.array(p.keypoints_px))
        for p in truth.people
        if p.visible_px is not None
        and p.seen_share >= WHOLE_SHARE
        and p.visible_px[3] - p.visible_px[1] >= WHOLE_HIGH_PX
    )


def filmed(file: Path, every: int) -> Iterator[Frame]:
    """Every n-th frame of a film."""
    film = cv2.VideoCapture(str(file))
    index = 0
    while True:
        is_read, picture = film.read()
        if not is_read:
            return
        if index % every == 0:
            yield Frame(np.asarray(picture, np.uint8))
        index += 1
