"""Compares faces with templates. Who decides what follows is somebody else."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from tebura_contract.face_threshold import FaceThreshold
from tebura_contract.faces import FaceTemplate
from tebura_contract.ids import MemberId

LEAST_FRAMES: Final = 3
LEAST_SHARE: Final = 2 / 3
"""Of the frames that could be compared so many must agree."""

Vector = NDArray[np.float32]


class Enrolled(Protocol):
    """Somebody whose template is open."""

    @property
    def member(self) -> MemberId: ...

    @property
    def template(self) -> FaceTemplate: ...


@dataclass(frozen=True, slots=True)
class Vote:
    """What several frames say together: the median of their distances, and how many agree."""

    distance: float
    frames: int
    near: int

    @property
    def is_match(self) -> bool:
        return self.near >= max(LEAST_FRAMES, LEAST_SHARE * self.frames)

    @property
    def is_other(self) -> bool:
        """Enough frames, and most of them of somebody else."""
        return self.frames >= LEAST_FRAMES and self.near < LEAST_SHARE * self.frames


@dataclass(frozen=True, slots=True)
class Identified:
    """Who of many it is; the second is further away by `margin`."""

    member: MemberId
    distance: float
    margin: float


def rows_of(template: FaceTemplate) -> Vector:
    """A template's vectors, (N, size)."""
    return np.frombuffer(template.vectors, "<f4").reshape(-1, template.size)


def template_of(network: str, rows: Vector) -> FaceTemplate:
    """Vectors (N, size) as a template."""
    return FaceTemplate(network=network, size=rows.shape[1], vectors=rows.astype("<f4").tobytes())


def distance_to(template: FaceTemplate, vector: Vector) -> float:
    """1 - cosine to the nearest of a template's vectors."""
    return float(1 - (rows_of(template) @ vector).max())


def vote(
    template: FaceTemplate, vectors: Sequence[Vector], threshold: FaceThreshold
) -> Vote | None:
    """What frames say about a template; None where there are none, or of another network."""
    if template.network != threshold.network or not vectors:
        return None
    distances = [distance_to(template, vector) for vector in vectors]
    near = sum(far <= threshold.distance for far in distances)
    return Vote(statistics.median(distances), len(distances), near)


def identify(
    gallery: Sequence[Enrolled], vectors: Sequence[Vector], threshold: FaceThreshold
) -> Identified | None:
    """Who of those enrolled it is, if frames agree and nobody else comes near.

    It looks at nobody where more are enrolled than the measured errors allow.
    """
    if not 0 < len(gallery) <= threshold.most_enrolled:
        return None
    votes = [
        (one, who) for who in gallery if (one := vote(who.template, vectors, threshold)) is not None
    ]
    ranked = sorted(votes, key=lambda pair: pair[0].distance)
    if not ranked or not ranked[0][0].is_match:
        return None
    best, who = ranked[0]
    second = ranked[1][0].distance if len(ranked) > 1 else 2.0
    margin = second - best.distance
    return Identified(who.member, best.distance, margin) if margin >= threshold.spread else None
