"""Turns trained weights into ONNX, all built in, and into the manifest entry that pins them."""

import hashlib
from pathlib import Path

from tebura_models.export.augment import MOST_PEOPLE, Family, augment
from tebura_models.train.extra import load_ultralytics


def export_pose(weights: Path, out: Path, *, size_px: tuple[int, int] = (384, 256)) -> str:
    """Export YOLO pose weights (.pt) to `out` (.onnx).

    The result is the manifest entry in TOML, to be completed with licence, source and card.

    Raises:
        TrainExtraMissing: If the ``train`` extra is not installed.
        FileNotFoundError: If there are no such weights.
    """
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: no such file")
    ultralytics = load_ultralytics()
    raw = ultralytics.YOLO(str(weights), task="pose").export(
        format="onnx", imgsz=[size_px[1], size_px[0]], dynamic=True, simplify=True, device="cpu"
    )
    augment(Path(raw), out, Family.YOLO_POSE)
    Path(raw).unlink()
    return pose_entry(out, size_px)


def pose_entry(file: Path, size_px: tuple[int, int]) -> str:
    """The manifest entry of an exported file."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"""[[network]]
name = "{file.stem.lower().replace("_", "-")}"
file = "{file.name}"
sha256 = "{digest}"
task = "people"
labels = ["person"]
max_people = {MOST_PEOPLE}
batch = 8
licence = ""
source = ""
card = ""

[network.input]
size_multiple = 32
size_px = [{size_px[0]}, {size_px[1]}]
"""
