"""``tebura-calibrate gate``: what too little data is told, and what a threshold file says."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from tebura_calibration.cli import app
from tebura_calibration.gate import draw_curve, told, write_threshold
from tebura_contract.face_threshold import FaceThreshold, load_face_threshold
from tebura_models.faces.pairs import Compared, PairsError, threshold_from
from typer.testing import CliRunner


def pairs_file(folder: Path, *lines: str) -> Path:
    path = folder / "PAIRS.csv"
    path.write_text("\n".join(["file_a,file_b,same", *lines]) + "\n", encoding="utf-8")
    return path


def compared(same: int, different: int, nearest: float = 0.7) -> Compared:
    """People who all differ, pairs of one person who are all near."""
    far = tuple((nearest + 0.001 * (n % 100), (0, n + 1)) for n in range(different))
    return Compared(tuple(0.1 + 0.001 * (n % 100) for n in range(same)), far, 99, different + 1, 0)


def threshold(folder: Path, found: Compared) -> FaceThreshold:
    return threshold_from(
        found,
        threshold_id="mobilefacenet.2026-11-22",
        network="mobilefacenet",
        most_false=0.005,
        pairs_file=pairs_file(folder, "a.png,b.png,1"),
        data="made up",
        measured_on="2026-11-22",
    )


def test_pictures_without_faces_are_too_little_and_nothing_is_written(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((80, 80, 3), 99, np.uint8))
    out = tmp_path / "threshold.json"
    path = pairs_file(tmp_path, "a.png,b.png,0")
    result = CliRunner().invoke(app, ["gate", "--pairs", str(path), "-o", str(out)])
    assert result.exit_code == 2
    assert "at least 600 are wanted" in result.output
    assert not out.exists()


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.csv"
    result = CliRunner().invoke(app, ["gate", "--pairs", str(missing), "-o", str(tmp_path / "t")])
    assert result.exit_code == 2
    assert "none.csv" in result.output


def test_a_threshold_says_how_many_comparisons_it_rests_on(tmp_path: Path) -> None:
    found = threshold(tmp_path, compared(20, 1000))
    assert (found.false_match.count, found.false_match.of) == (0, 1000)
    assert found.false_non_match.of == 20
    # No error in n comparisons bounds the rate near 3/n.
    assert found.false_match.high == pytest.approx(3.7 / 1000, rel=0.05)
    out = tmp_path / "threshold.json"
    write_threshold(found, out)
    assert load_face_threshold(out) == found
    assert not list(tmp_path.glob("*.part"))


def test_staff_are_told_that_nobody_may_be_looked_for_without_a_claim(tmp_path: Path) -> None:
    assert any("nobody" in line for line in told(threshold(tmp_path, compared(20, 1000))))
    enough = msgspec.structs.replace(
        threshold(tmp_path, compared(20, 1000)),
        false_match=threshold(tmp_path, compared(20, 40_000)).false_match,
        people_matched=threshold(tmp_path, compared(20, 40_000)).people_matched,
    )
    assert any("at most 10 enrolled" in line for line in told(enough))


def test_pairs_of_one_kind_allow_no_threshold(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="different people"):
        threshold(tmp_path, compared(20, 0))


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    found = compared(20, 1000, nearest=0.15)
    out = tmp_path / "det.png"
    draw_curve([("made up", found, 0.2)], out)
    assert cv2.imread(str(out)) is not None
