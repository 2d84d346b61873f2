"""What a network for arms is taught from: whoever has an arm above the head, several times."""

import importlib
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]
EYES, WRISTS = (1, 2), (9, 10)


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.syspath_prepend(str(ROOT / "models" / "training"))
    return importlib.import_module("lessons")


def picture(folder: Path, name: str, wrist_y: float, seen: int) -> Path:
    """One person 100 px high whose eyes are at 0.3 of the picture's height."""
    keypoints = np.full((17, 3), (0.5, 0.6, 2.0))
    keypoints[list(EYES), 1] = 0.3
    keypoints[WRISTS[0]] = (0.5, wrist_y, seen)
    row = " ".join(f"{value:.4f}" for value in (0, 0.5, 0.5, 0.2, 0.6, *keypoints.ravel()))
    file = folder / "images" / "train" / f"{name}.jpg"
    label = folder / "labels" / "train" / f"{name}.txt"
    for path in (file, label):
        path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.zeros((200, 200, 3), np.uint8))
    label.write_text(f"{row}\n")
    return file


def test_an_arm_above_the_head_counts_several_times(lessons: object, tmp_path: Path) -> None:
    up = picture(tmp_path, "up", 0.1, 2)
    down = picture(tmp_path, "down", 0.7, 2)
    hidden = picture(tmp_path, "hidden", 0.1, 1)
    cuts = lessons.FromCuts.of([up, down, hidden], [up])  # type: ignore[attr-defined]
    files = [file for file, _ in cuts.people]
    assert files.count(down) == files.count(hidden) == 1
    assert files.count(up) == lessons.RAISED_TIMES > 1  # type: ignore[attr-defined]
    assert len(cuts.check_people) == 1
