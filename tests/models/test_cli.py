"""The command line as a user meets it, and a network judged on pictures with truth."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

COMMAND = [sys.executable, "-m", "tebura_models.cli"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)


def test_help_shows_examples() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    assert "tebura-models evaluate people pictures/" in shown.stdout


def test_verify_says_ok_for_each_network() -> None:
    checked = run("verify", "--json")
    assert checked.returncode == 0
    assert json.loads(checked.stdout) == {
        "movenet-multipose": "ok",
        "movenet-multipose-int8": "ok",
        "movenet-shop": "ok",
        "movenet-arms": "ok",
        "mobilenetv2-embedding": "ok",
        "hand-content": "ok",
        "blazeface": "ok",
        "facemesh": "ok",
        "mobilefacenet": "ok",
        "palms": "ok",
        "hand-points": "ok",
    }


def test_training_without_its_extra_says_how_to_get_it(tmp_path: Path) -> None:
    data = tmp_path / "people.yaml"
    data.write_text("path: .\n")
    refused = run("train", str(data), "-o", str(tmp_path))
    if "Traceback" not in refused.stderr and refused.returncode == 0:
        pytest.skip("the train extra is installed here")
    assert refused.returncode == 2
    assert "pip install 'tebura[train]'" in refused.stderr


def test_evaluate_finds_a_real_shopper(tmp_path: Path, shared_data: Path) -> None:
    video = cv2.VideoCapture(str(shared_data / "store-aifi" / "cps-test-2-cam6.mp4"))
    found, frame = video.read()
    assert found
    cv2.imwrite(str(tmp_path / "0.png"), frame)
    # The shopper's outline in the first frame, read off the picture.
    truth = {
        "images": [{"id": 1, "file_name": "0.png", "width": 640, "height": 360}],
        "annotations": [{"image_id": 1, "bbox": [318, 98, 100, 248]}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    judged = run("evaluate", "people", str(tmp_path), "--min-score", "0.4", "--json")
    report = json.loads(judged.stdout)
    assert (report["people"], report["recall"], report["precision"]) == (1, 1.0, 1.0)


def test_enrol_writes_an_index_and_names_products_with_few_photographs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("tea", 3), ("rice", 1)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(count):
            noise = rng.integers(0, 255, (64, 64, 3))
            cv2.imwrite(str(tmp_path / "photos" / name / f"{number}.png"), noise)
    out = tmp_path / "products.index"
    enrolled = run("enrol", str(tmp_path / "photos"), "-o", str(out))
    assert enrolled.returncode == 0
    assert enrolled.stdout == f"{out}: 2 products, 4 photographs\n"
    assert enrolled.stderr == "fewer than 3 photographs: rice\n"
    assert out.stat().st_size < 20_000
    assert run("enrol", str(tmp_path / "none"), "-o", str(out)).returncode == 2


def test_evaluate_names_a_truth_that_is_missing(tmp_path: Path) -> None:
    refused = run("evaluate", "people", str(tmp_path))
    assert refused.returncode == 2
    assert "truth.json: cannot be read" in refused.stderr
