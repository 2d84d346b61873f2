"""Frames of drawn worlds, kept in files: drawing them takes longer than looking at them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from seers import Floats, Picture

Keypoints = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whole:
    """A rendered person in full view: box (4,), keypoints (17, 3) as x, y, v."""

    box: Floats
    keypoints: Keypoints


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture, and who is in full view in it; None where nobody knows."""

    picture: Picture
    people: tuple[Whole, ...] | None = None
    name: str = ""


def kept(file: Path, draw: Callable[[], list[Frame]]) -> list[Frame]:
    """The frames of a file; drawn and written where there is none."""
    if file.exists():
        return _read(file)
    frames = draw()
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial.npz")
    _write(partial, frames)
    partial.replace(file)
    return frames


def _write(file: Path, frames: list[Frame]) -> None:
    people = [(row, one) for row, frame in enumerate(frames) for one in frame.people or ()]
    np.savez_compressed(
        file,
        names=np.array([frame.name for frame in frames]),
        pictures=np.array([frame.picture for frame in frames]),
        rows=np.array([row for row, _ in people], np.int64),
        boxes=np.array([one.box for _, one in people], np.float32).reshape(-1, 4),
        keypoints=np.array([one.keypoints for _, one in people]).reshape(-1, 17, 3),
    )


def _read(file: Path) -> list[Frame]:
    with np.load(file) as data:
        people = [Whole(*one) for one in zip(data["boxes"], data["keypoints"], strict=True)]
        rows = data["rows"].tolist()
        return [
            Frame(
                picture,
                tuple(one for at, one in zip(rows, people, strict=True) if at == row),
                str(name),
            )
            for row, (name, picture) in enumerate(zip(data["names"], data["pictures"], strict=True))
        ]
