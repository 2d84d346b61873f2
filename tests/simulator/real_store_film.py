"""Film a busy visit in an imported store: ``tests/simulator/real_store_film.py LAYOUT.toml``.

Four of its cameras, side by side, for the part of a drawn visit in which most is seen of people;
and a still of it. What was drawn is kept in ``--work``: the same command goes on.
"""

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tebura_contract.ids import CameraId  # noqa: E402
from tebura_contract.layout import load_layout  # noqa: E402
from tebura_simulator.eta import Eta  # noqa: E402
from tebura_simulator.scenes.filming import RUN_FRAMES, Run, Scene, draw, read_run  # noqa: E402
from tebura_simulator.scenes.look import Look, quiet  # noqa: E402
from tebura_simulator.scenes.shops import resized  # noqa: E402
from tebura_simulator.story.drawing import Difficulty  # noqa: E402
from tebura_simulator.story.drawing import draw as drawn  # noqa: E402

TARGET = ROOT / "simulator" / "screenshots" / "real-store.mp4"
CAMERAS = tuple(CameraId(name) for name in ("cam12", "cam6", "cam10", "cam2"))
SIZE_PX, FPS = (480, 270), 6.0
SEED, LOOK = 1000, 7
FROM_S, FOR_S = 50.0, 33.4
STILL_S = 12.0
MOST_BYTES = 700_000
"""All recordings and films of the repository together have a limit."""
QUALITIES = (33, 34, 35, 36, 37)
Picture = NDArray[np.uint8]


def runs_of(scene: Scene, work: Path) -> dict[CameraId, list[Run]]:
    """The runs of frames that the film needs, camera by camera."""
    first, last = (int(s * scene.fps) for s in (FROM_S, FROM_S + FOR_S))
    return {
        camera: [
            Run(camera, at, min(at + RUN_FRAMES, last), work / f"{camera}-{at:06d}.run")
            for at in range(first, last, RUN_FRAMES)
        ]
        for camera in CAMERAS
    }


def pictures(runs: list[Run]) -> list[Picture]:
    """All pictures of one camera, (H, W, 3) RGB."""
    found: list[Picture] = []
    for run in runs:
        shown = read_run(run)
        assert shown is not None, "every run was drawn"
        decoder: Any = av.CodecContext.create("h264", "r")
        packets = [av.Packet(unit) for unit in shown.units]
        frames = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
        found += [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]
    return found


def write(path: Path, frames: list[Picture], quality: int) -> None:
    high, wide, _ = frames[0].shape
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as film:
        stream: Any = film.add_stream("libx264", rate=Fraction(FPS).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = wide, high, "yuv420p"
        stream.options = {"crf": str(quality), "preset": "veryslow", "threads": "1"}
        for picture in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode(None))


def main() -> None:
    """Read the command line, draw what is missing, put it together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layout", type=Path, help="as `tebura-calibrate layout import` writes it")
    parser.add_argument("--work", type=Path, default=Path("real-store-film"))
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    layout = resized(load_layout(options.layout), SIZE_PX)
    scenario = drawn(layout, Difficulty.BUSY, SEED)
    scene = Scene(scenario, layout, quiet(Look.drawn(LOOK)), FPS, has_masks=False)
    options.work.mkdir(parents=True, exist_ok=True)
    wanted = runs_of(scene, options.work)
    missing = [run for runs in wanted.values() for run in runs if read_run(run) is None]
    eta = Eta("runs of frames")
    for done, _ in enumerate(draw(scene, missing, options.jobs) if missing else (), 1):
        eta(done, len(missing))
    four = [pictures(wanted[camera]) for camera in CAMERAS]
    frames = [
        np.vstack([np.hstack(views[:2]), np.hstack(views[2:])]) for views in zip(*four, strict=True)
    ]
    still = frames[int(STILL_S * FPS)][:, :, ::-1]
    cv2.imwrite(str(TARGET.with_suffix(".jpg")), still, [cv2.IMWRITE_JPEG_QUALITY, 82])
    for quality in QUALITIES:
        write(TARGET, frames, quality)
        if TARGET.stat().st_size <= MOST_BYTES:
            print(f"{TARGET}: {len(frames)} frames, {TARGET.stat().st_size} bytes, CRF {quality}")
            return
    raise AssertionError("too much moves in this film")


if __name__ == "__main__":
    main()
