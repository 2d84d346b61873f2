"""What a network is taught from: pictures, or what a frozen trunk made of them once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from movenet import STRIDE
from samples import SEEN, Picture, Targets, cut_out, fitted, read, targets, varied
from torch import Tensor
from trunk import Kept

Batch = tuple[tuple[Tensor, ...], list[Targets]]
"""What goes into the network, and what its heads should say."""
SIZES_PX = ((320, 192), (384, 224))
CUT_PX, LEAST_CUT_PX = 192, 40
"""Side of what a closer look is shown; whoever is smaller in the picture is not learnt from."""
RAISED_TIMES = 5
"""So often somebody with an arm above their head counts as one."""


class Lessons(Protocol):
    """Samples by number, of which `count` are an epoch, and others to check with."""

    count: int

    def batch(self, chosen: Sequence[int], step: int, rng: np.random.Generator) -> Batch: ...

    def checks(self) -> Iterator[Batch]:
        """One at a time, always the same, as a camera gives them."""
        ...


@dataclass(frozen=True)
class FromPictures:
    """Pictures that are varied anew each time."""

    files: Sequence[Path]
    check_files: Sequence[Path]

    @property
    def count(self) -> int:
        return len(self.files)

    def batch(self, chosen: Sequence[int], step: int, rng: np.random.Generator) -> Batch:
        size_px = SIZES_PX[step % len(SIZES_PX)]
        pairs = [varied(*read(self.files[number]), size_px, rng) for number in chosen]
        wanted = [targets(people, size_px, STRIDE) for _, people in pairs]
        return (_planes([picture for picture, _ in pairs]),), wanted

    def checks(self) -> Iterator[Batch]:
        for file in self.check_files:
            picture, people = fitted(*read(file), SIZES_PX[1])
            yield (_planes([picture]),), [targets(people, SIZES_PX[1], STRIDE)]


@dataclass(frozen=True)
class FromCuts:
    """Each person cut out as a closer look has them: a picture, and which of its people."""

    people: Sequence[tuple[Path, int]]
    check_people: Sequence[tuple[Path, int]]

    @classmethod
    def of(cls, files: Sequence[Path], check_files: Sequence[Path]) -> "FromCuts":
        """All people of pictures, raised arms several times; every fourth of those to check with.

        Arms above the head are few, and what the network knew of them is wrong: it looks for hands
        beside the hips.
        """
        taught = [
            one for one in _large(files) for _ in range(RAISED_TIMES if _has_arm_up(*one) else 1)
        ]
        return cls(taught, list(_large(check_files))[::4])

    @property
    def count(self) -> int:
        return len(self.people)

    def batch(self, chosen: Sequence[int], step: int, rng: np.random.Generator) -> Batch:
        del step
        return _cuts([self.people[number] for number in chosen], rng)

    def checks(self) -> Iterator[Batch]:
        for one in self.check_people:
            yield _cuts([one], None)


def _large(files: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    for file in files:
        _, people = read(file)
        longer = (people.boxes[:, 2:] - people.boxes[:, :2]).max(axis=1)
        for number in np.flatnonzero(longer >= LEAST_CUT_PX).tolist():
            yield file, number


def _has_arm_up(file: Path, number: int) -> bool:
    """Whether a wrist that is in sight is above the eyes."""
    joints = read(file)[1].keypoints[number]
    wrists = joints[[9, 10]]
    is_above = wrists[:, 1] < joints[[1, 2], 1].min()
    return bool((is_above & (wrists[:, 2] == SEEN)).any())


def _cuts(people: Sequence[tuple[Path, int]], rng: np.random.Generator | None) -> Batch:
    pairs = [cut_out(*read(file), number, CUT_PX, rng) for file, number in people]
    wanted = [targets(seen, (CUT_PX, CUT_PX), STRIDE) for _, seen in pairs]
    return (_planes([picture for picture, _ in pairs]),), wanted


@dataclass(frozen=True)
class FromTrunk:
    """Pictures that were varied once, as the trunk saw them."""

    kept: Kept
    check_kept: Kept

    @property
    def count(self) -> int:
        return len(self.kept)

    def batch(self, chosen: Sequence[int], step: int, rng: np.random.Generator) -> Batch:
        del step, rng  # all that varies was settled when it was kept
        return self._batch(self.kept, chosen)

    def checks(self) -> Iterator[Batch]:
        for number in range(len(self.check_kept)):
            yield self._batch(self.check_kept, [number])

    def _batch(self, kept: Kept, chosen: Sequence[int]) -> Batch:
        given = tuple(
            torch.from_numpy(layer).contiguous(memory_format=torch.channels_last)
            for layer in kept.layers(chosen)
        )
        return given, [targets(kept.people[n], kept.size_px, STRIDE) for n in chosen]


def _planes(pictures: Sequence[Picture]) -> Tensor:
    """Pictures (BGR) as the network takes them."""
    rgb = np.stack(pictures)[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    return torch.from_numpy(rgb).contiguous(memory_format=torch.channels_last)
