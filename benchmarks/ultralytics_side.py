"""The other side of `vision.py`: ultralytics on the same pictures, in a Python that has it.

`python ultralytics_side.py new OUT` makes an untrained pose network, as fast as a trained one;
`python ultralytics_side.py time NETWORK CLIP COUNT WIDTH HEIGHT` times `predict` and `track`.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def new(out: str) -> None:
    """A pose network of one class, untrained: for speed it makes no difference."""
    import onnx
    from tebura_models.train.extra import load_ultralytics

    ultralytics = load_ultralytics()
    folder = Path(out).parent
    plan = next(Path(ultralytics.__file__).parent.rglob("yolo11-pose.yaml"))
    # Its name tells ultralytics which size of the family to build.
    plan_here = folder / "yolo11n-pose.yaml"
    plan_here.write_text(plan.read_text().replace("nc: 80", "nc: 1"))
    weights = folder / "new.pt"
    ultralytics.YOLO(str(plan_here), task="pose").save(str(weights))
    exported = ultralytics.YOLO(str(weights)).export(
        format="onnx", imgsz=[224, 384], dynamic=True, simplify=True, device="cpu"
    )
    onnx.save(onnx.load(exported), out)


def measure(network: str, clip: str, count: int, size: tuple[int, int]) -> None:
    """Processor time of a frame, one thread: the process is kept on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import cv2
    from tebura_models.train.extra import load_ultralytics

    ultralytics = load_ultralytics()
    capture = cv2.VideoCapture(clip)
    pictures = [capture.read()[1] for _ in range(count)]
    options: dict[str, Any] = {"imgsz": [size[1], size[0]], "verbose": False, "device": "cpu"}
    took: dict[str, list[float]] = {"predict": [], "track": []}
    for name, times_ms in took.items():
        model = ultralytics.YOLO(network, task="pose")
        call = model.predict
        if name == "track":
            call, options = model.track, {**options, "persist": True}
        for picture in pictures:
            began_s = time.process_time()
            call(picture, **options)
            times_ms.append((time.process_time() - began_s) * 1000)
    print(json.dumps(took))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["new", out]:
            new(out)
        case ["time", network, clip, count, width, height]:
            measure(network, clip, int(count), (int(width), int(height)))
        case _:
            raise SystemExit(__doc__)
