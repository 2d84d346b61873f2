"""Trains a people-and-keypoints network of the YOLO pose family from nothing.

Ultralytics is AGPL-3.0 and its makers claim that trained weights fall under it too: say so in the
card of whatever comes out. Nothing is downloaded: architectures come as YAML with the package.
"""

from pathlib import Path

from tebura_models.train.extra import load_ultralytics, use_threads


def train_pose(
    data: Path,
    out: Path,
    *,
    start: str = "yolo11n-pose.yaml",
    epochs: int = 50,
    size_px: int = 320,
    threads: int = 2,
    device: str = "cpu",
    resume: bool = False,
) -> Path:
    """Train and return the best weights.

    Args:
        data: The data set's YAML in ultralytics' form (train and val folders, kpt_shape 17, 3).
        out: Folder for the run.
        start: An architecture (.yaml) to begin from nothing, or weights (.pt) to begin from.
        epochs: Passes over the data.
        size_px: Longer side of the pictures in training.
        threads: Processor threads.
        device: As torch names it: ``cpu``, ``0``.
        resume: Go on with the run in `out` that was cut off.

    Raises:
        TrainExtraMissing: If the ``train`` extra is not installed.
        FileNotFoundError: If there is no data set, or nothing to resume.
    """
    last = out / "pose" / "weights" / "last.pt"
    for needed in (data, *([last] if resume else [])):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed}: no such file")
    ultralytics = load_ultralytics()
    use_threads(threads)
    network = ultralytics.YOLO(str(last) if resume else start, task="pose")
    network.train(
        data=str(data),
        epochs=epochs,
        imgsz=size_px,
        project=str(out.resolve()),
        name="pose",
        exist_ok=True,
        resume=resume,
        device=device,
        # Each of these would fetch something from the network or fail without a display.
        pretrained=False,
        amp=False,
        plots=False,
    )
    return out / "pose" / "weights" / "best.pt"
