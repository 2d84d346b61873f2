"""How well faces are told apart as a gate sees them: `face_errors.py PAIRS.csv [-o DET.png]`.

The pictures of a list of pairs (``file_a,file_b,same``) as they are, and made as bad as a gate's
camera may: small, out of focus, dim and noisy. One line a way, at the shipped threshold, and a
picture of the errors at every threshold. Nothing of the pictures is kept.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_calibration.gate import draw_curve
from tebura_contract.face_threshold import load_face_threshold
from tebura_models.faces.pairs import COLUMNS, Compared, Pair, compare_pairs, read_pairs
from tebura_models.faces.reader import FaceReader, load_face_reader
from tebura_models.manifest import FACE_THRESHOLD

Image = NDArray[np.uint8]
Worsen = Callable[[Image, float], Image]
"""A picture made worse; the distance of its eyes is given."""


def small(eyes_px: float) -> Worsen:
    """Taken from so far away, and enlarged again."""

    def worsen(image: Image, now_px: float) -> Image:
        scale = min(1.0, eyes_px / now_px)
        little = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        size = image.shape[1], image.shape[0]
        return np.asarray(cv2.resize(little, size, interpolation=cv2.INTER_CUBIC), np.uint8)

    return worsen


def blurred(share: float) -> Worsen:
    """Out of focus by a share of the eyes' distance."""
    return lambda image, eyes_px: np.asarray(
        cv2.GaussianBlur(image, (0, 0), share * eyes_px), np.uint8
    )


def dim(level: float, noise: float) -> Worsen:
    """Little light, brightened by the camera together with its noise; as large as at a gate."""

    def worsen(image: Image, eyes_px: float) -> Image:
        little = small(50)(image, eyes_px).astype(np.float64) * level
        rng = np.random.default_rng(image.shape[0])
        seen = (little + rng.normal(0, noise, little.shape)).clip(0, 255).round() / level
        return np.asarray(seen.clip(0, 255), np.uint8)

    return worsen


SHOWN: dict[str, Worsen] = {
    "as they are": lambda image, _: image,
    "eyes 16 px apart": small(16),
    "eyes 10 px apart": small(10),
    "out of focus by 6 %": blurred(0.06),
    "dim to 0.15, noise 3": dim(0.15, 3),
}


def measured(reader: FaceReader, pairs: list[Pair], worsen: Worsen, folder: Path) -> Compared:
    """Distances of the pairs, all pictures made worse."""
    files = list(dict.fromkeys(f for pair in pairs for f in (pair.file_a, pair.file_b)))
    name_of = {file: f"{number}.png" for number, file in enumerate(files)}
    for file in files:
        image = np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), np.uint8)
        found = reader.largest(image)
        worse = image if found is None else worsen(image, found.quality.eyes_px)
        cv2.imwrite(str(folder / name_of[file]), worse)
    with (folder / "PAIRS.csv").open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(COLUMNS)
        rows.writerows([name_of[p.file_a], name_of[p.file_b], int(p.is_same)] for p in pairs)
    return compare_pairs(reader, read_pairs(folder / "PAIRS.csv"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    threshold = load_face_threshold(FACE_THRESHOLD)
    reader, pairs = load_face_reader(threshold.network), read_pairs(args.pairs)
    series: list[tuple[str, Compared, float | None]] = []
    for name, worsen in SHOWN.items():
        with tempfile.TemporaryDirectory() as folder:
            compared = measured(reader, pairs, worsen, Path(folder))
        report = compared.report(threshold.distance)
        print(
            f"{name:22} accepted {compared.false_matches(threshold.distance)} of "
            f"{len(compared.different)} strangers, refused "
            f"{compared.false_non_matches(threshold.distance)} of {len(compared.same)}; "
            f"no face in {report.not_detected} of {compared.pictures}"
        )
        series.append((name, compared, threshold.distance))
    if args.out is not None:
        draw_curve(series, args.out)


if __name__ == "__main__":
    main()
