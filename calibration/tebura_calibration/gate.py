"""Measures how near two faces must be: errors with exact intervals, and their curve."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tebura_contract.face_threshold import FaceThreshold, dump_face_threshold
from tebura_models.faces.pairs import Compared, compare_pairs, read_pairs, threshold_from
from tebura_models.faces.reader import load_face_reader

from tebura_calibration.measurement import MeasurementError

BEST_OF_ZERO = 3.0
"""No error in n comparisons bounds the rate at 3/n, with 95 %."""


def measure_gate(
    pairs_file: Path, *, network: str, most_false: float, data: str, now_s: float
) -> tuple[FaceThreshold, Compared]:
    """Compare the pairs and choose a threshold.

    Raises:
        ModelError: If the network cannot be used.
        PairsError: If the list cannot be used, or allows no threshold.
        MeasurementError: If there are too few comparisons to say anything about `most_false`.
    """
    compared = compare_pairs(load_face_reader(network), read_pairs(pairs_file))
    least = BEST_OF_ZERO / most_false
    if len(compared.different) < least:
        raise MeasurementError(
            f"{pairs_file}: {len(compared.different)} comparisons of different people cannot show "
            f"that fewer than {most_false:g} match: at least {least:.0f} are wanted"
        )
    day = datetime.datetime.fromtimestamp(now_s, datetime.UTC).date().isoformat()
    threshold = threshold_from(
        compared,
        threshold_id=f"{network}.{day}",
        network=network,
        most_false=most_false,
        pairs_file=pairs_file,
        data=data,
        measured_on=day,
    )
    return threshold, compared


def write_threshold(threshold: FaceThreshold, out: Path) -> None:
    """Write the file whole or not at all."""
    part = out.with_suffix(out.suffix + ".part")
    part.write_bytes(dump_face_threshold(threshold))
    part.replace(out)


def told(threshold: FaceThreshold) -> list[str]:
    """What staff should know about it, a line each."""
    false, people, missed = (
        threshold.false_match,
        threshold.people_matched,
        threshold.false_non_match,
    )
    most = threshold.most_enrolled
    without_claim = f"at most {most} enrolled" if most else "nobody; too little data"
    return [
        f"distance {threshold.distance:g} on {threshold.network}",
        f"strangers accepted: {false.count} of {false.of} comparisons, at most {false.high:.2g}",
        f"  by pairs of people: {people.count} of {people.of}, at most {people.high:.2g}",
        f"refused though the same: {missed.count} of {missed.of}, at most {missed.high:.2g}",
        f"pictures without a face: {threshold.origin.not_detected} of {threshold.origin.pictures}",
        f"without a claim (1:N): {without_claim}",
    ]


def draw_curve(series: Sequence[tuple[str, Compared, float | None]], out: Path) -> None:
    """The errors against each other at every threshold (DET), with the chosen ones.

    Raises:
        MeasurementError: If matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MeasurementError("a picture wants matplotlib (the figures extra)") from error
    figure, axes = pyplot.subplots(figsize=(6.4, 4.8), layout="constrained")
    for name, compared, chosen in series:
        others = np.sort([far for far, _ in compared.different])
        same = np.sort(compared.same)
        at = np.sort(np.concatenate([others, same]))
        false = np.searchsorted(others, at, side="right") / len(others)
        missed = 1 - np.searchsorted(same, at, side="right") / len(same)
        # What never happened is drawn where its bound is.
        floor_x, floor_y = BEST_OF_ZERO / len(others), BEST_OF_ZERO / len(same)
        (line,) = axes.step(
            np.maximum(false, floor_x), np.maximum(missed, floor_y), where="post", label=name
        )
        axes.axvline(floor_x, color=line.get_color(), linestyle=":", linewidth=1)
        axes.axhline(floor_y, color=line.get_color(), linestyle=":", linewidth=1)
        if chosen is not None:
            x = max(compared.false_matches(chosen) / len(others), floor_x)
            y = max(compared.false_non_matches(chosen) / len(same), floor_y)
            axes.plot([x], [y], "o", color=line.get_color())
    axes.set(xscale="log", yscale="log", xlim=(5e-4, 1), ylim=(5e-3, 1))
    axes.set_xlabel("different people accepted (FMR)")
    axes.set_ylabel("the same person refused (FNMR)")
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(out, dpi=110)
    pyplot.close(figure)
