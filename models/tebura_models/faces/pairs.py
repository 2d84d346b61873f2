"""Judges how well faces tell people apart, on pairs of pictures of which it is known.

A list of pairs is a CSV file ``file_a,file_b,same``: pictures relative to the list, `same` 1 or 0.
In each picture the largest face counts. No picture is left out for its quality: what a gate would
refuse to compare is compared here, which makes figures worse rather than better.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
from tebura_contract.binomial import clopper_pearson
from tebura_contract.face_threshold import ErrorRate, FaceOrigin, FaceThreshold

from tebura_models.faces.encoding import distance
from tebura_models.faces.reader import FaceReader
from tebura_models.heads import Floats

COLUMNS = ("file_a", "file_b", "same")


class PairsError(ValueError):
    """A list of pairs that cannot be used; the text names the place and why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures, and whether they show the same person."""

    file_a: Path
    file_b: Path
    is_same: bool


class FacesReport(msgspec.Struct, frozen=True, kw_only=True):
    """At the threshold: `tar` of pairs of one person were accepted, `far` of pairs of two.

    `pairs` were compared; in `not_detected` pictures no face was found, and pairs with one of them
    are in no other figure. A share of nothing is null.
    """

    tar: float | None
    far: float | None
    pairs: int
    not_detected: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Distances of pairs, and what they rest on.

    `different` says for each distance whose pair of people it is of; people are told apart by
    which pictures are said to show the same one.
    """

    same: tuple[float, ...]
    different: tuple[tuple[float, tuple[int, int]], ...]
    pictures: int
    people: int
    not_detected: int

    def false_matches(self, at_distance: float) -> int:
        return sum(far <= at_distance for far, _ in self.different)

    def people_matched(self, at_distance: float) -> int:
        """Pairs of people of whom any comparison matched."""
        return len({who for far, who in self.different if far <= at_distance})

    def false_non_matches(self, at_distance: float) -> int:
        return sum(far > at_distance for far in self.same)

    def report(self, at_distance: float) -> FacesReport:
        same, different = len(self.same), len(self.different)
        tar = 1 - self.false_non_matches(at_distance) / same if same else None
        far = self.false_matches(at_distance) / different if different else None
        return FacesReport(tar=tar, far=far, pairs=same + different, not_detected=self.not_detected)


def read_pairs(path: Path) -> list[Pair]:
    """Read a list of pairs.

    Raises:
        PairsError: If it is no such list, or contradicts itself, naming the line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise PairsError(f"{path}: the first line must be {','.join(COLUMNS)}")
            pairs = [_pair(path, rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError) as error:
        raise PairsError(f"{path}: cannot be read: {error}") from error
    if not pairs:
        raise PairsError(f"{path}: no pairs")
    person_of = _people(pairs)
    for number, pair in enumerate(pairs, 2):
        if not pair.is_same and person_of[pair.file_a] == person_of[pair.file_b]:
            raise PairsError(
                f"{path}: line {number}: {pair.file_a.name} and {pair.file_b.name} are said to "
                "differ, and other lines say that they are the same person"
            )
    return pairs


def _pair(path: Path, line: int, row: dict[str, str]) -> Pair:
    if row["same"] not in ("0", "1") or not row["file_a"] or not row["file_b"] or None in row:
        raise PairsError(f"{path}: line {line}: wants two files and 1 or 0")
    return Pair(path.parent / row["file_a"], path.parent / row["file_b"], row["same"] == "1")


def _people(pairs: Iterable[Pair]) -> dict[Path, int]:
    """A number for whom each picture shows: those said to be the same have one."""
    leader: dict[Path, Path] = {}

    def find(file: Path) -> Path:
        while leader.setdefault(file, file) != file:
            file = leader[file]
        return file

    for pair in pairs:
        first, second = find(pair.file_a), find(pair.file_b)
        if pair.is_same:
            leader[second] = first
    numbers: dict[Path, int] = {}
    return {file: numbers.setdefault(find(file), len(numbers)) for file in list(leader)}


def compare_pairs(reader: FaceReader, pairs: Sequence[Pair]) -> Compared:
    """Find the faces of all pictures and compare the pairs.

    Raises:
        PairsError: If a picture cannot be read.
    """
    files = dict.fromkeys(file for pair in pairs for file in (pair.file_a, pair.file_b))
    vectors = {file: _vector(reader, file) for file in files}
    person_of = _people(pairs)
    same: list[float] = []
    different: list[tuple[float, tuple[int, int]]] = []
    for pair in pairs:
        a, b = vectors[pair.file_a], vectors[pair.file_b]
        if a is None or b is None:
            continue
        if pair.is_same:
            same.append(distance(a, b))
        else:
            one, other = sorted((person_of[pair.file_a], person_of[pair.file_b]))
            different.append((distance(a, b), (one, other)))
    return Compared(
        same=tuple(same),
        different=tuple(different),
        pictures=len(files),
        people=len(set(person_of.values())),
        not_detected=sum(vector is None for vector in vectors.values()),
    )


def _vector(reader: FaceReader, file: Path) -> Floats | None:
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        raise PairsError(f"{file}: is no picture that can be read")
    read = reader.largest(np.asarray(image, np.uint8))
    return None if read is None else reader.vector(np.asarray(image, np.uint8), read)


def choose_distance(compared: Compared, most_false: float) -> float:
    """The largest distance at which no more than `most_false` of different pairs match.

    Where none of them comes as near as pairs of one person do, it is halfway between.

    Raises:
        PairsError: If there is nothing of one kind, or no distance will do.
    """
    if not compared.same or not compared.different:
        raise PairsError("wants pairs of the same person and of different people")
    others = sorted(far for far, _ in compared.different)
    allowed = int(most_false * len(others))
    furthest, nearest = max(compared.same), others[0]
    if furthest < nearest:
        return (furthest + nearest) / 2
    # Just below the first that must not match any more.
    chosen = float(np.nextafter(others[allowed], 0)) if allowed < len(others) else others[-1]
    if chosen <= 0:
        raise PairsError("pictures of different people are the same: nothing tells them apart")
    return chosen


def threshold_from(
    compared: Compared,
    *,
    threshold_id: str,
    network: str,
    most_false: float,
    pairs_file: Path,
    data: str,
    measured_on: str,
) -> FaceThreshold:
    """The threshold with the errors that were counted at it.

    Raises:
        PairsError: If the pairs do not allow one.
    """
    at = round(choose_distance(compared, most_false), 4)
    people = {who for _, who in compared.different}
    return FaceThreshold(
        id=threshold_id,
        network=network,
        distance=at,
        spread=round(float(np.std(compared.same)), 4),
        false_match=_rate(compared.false_matches(at), len(compared.different)),
        people_matched=_rate(compared.people_matched(at), len(people)),
        false_non_match=_rate(compared.false_non_matches(at), len(compared.same)),
        origin=FaceOrigin(
            data=data,
            sha256=hashlib.sha256(pairs_file.read_bytes()).hexdigest(),
            measured_on=measured_on,
            people=compared.people,
            pictures=compared.pictures,
            not_detected=compared.not_detected,
            nearest_different=round(min(far for far, _ in compared.different), 4),
            furthest_same=round(max(compared.same), 4),
        ),
    )


def _rate(count: int, of: int) -> ErrorRate:
    low, high = clopper_pearson(count, of)
    return ErrorRate(count=count, of=of, low=low, high=high)
