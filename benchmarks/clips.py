"""Videos to measure cameras with: real ones, made alike (640 x 360, H.264, 10 pictures a second).

They are made anew into a folder each time from recordings beside the repository, which are not part
of it. The idle one is the real store without its shopper: the median of her recording, with the
noise that recording has.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SIZE_PX = (640, 360)
RATE_HZ = 10
IDLE_S = 20
NOISE_GREYS = 6.0
"""Standard deviation of a pixel before encoding: what is left after it is what the store's
recording has where nothing moves, half a grey from picture to picture."""
BUSY = {
    # First picture and count: somebody is in view all the time.
    "store": ("store-aifi/cps-test-2-cam6.mp4", 0, 390),
    "one-by-one": ("video/one-by-one-person-detection.mp4", 0, 400),
    "pedestrians": ("video/pedestrians.avi", 0, 400),
}


def busy_clips(data: Path, folder: Path) -> dict[str, Path]:
    """Write each busy clip; by name."""
    clips = {}
    for name, (source, first, count) in BUSY.items():
        pictures = (image for n, image in enumerate(read(data / source)) if first <= n)
        clips[name] = folder / f"{name}.mp4"
        write(clips[name], (image for _, image in zip(range(count), pictures, strict=False)))
    return clips


def idle_clip(data: Path, folder: Path) -> Path:
    """Write the empty store."""
    pictures = list(read(data / BUSY["store"][0]))[::4]
    empty = np.median(np.stack(pictures), axis=0)
    noise = np.random.default_rng(7)
    path = folder / "idle.mp4"
    write(
        path,
        (
            np.clip(empty + noise.normal(0, NOISE_GREYS, empty.shape), 0, 255).astype(np.uint8)
            for _ in range(IDLE_S * RATE_HZ)
        ),
    )
    return path


def read(path: Path) -> Iterator[Image]:
    """Pictures of a video, at `SIZE_PX`."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not path.is_file() or not capture.isOpened():
        raise SystemExit(f"{path}: is no video that can be read")
    while True:
        is_read, image = capture.read()
        if not is_read:
            return
        yield np.asarray(cv2.resize(image, SIZE_PX, interpolation=cv2.INTER_AREA), np.uint8)


def write(path: Path, pictures: Iterable[Image]) -> None:
    """Encode as an IP camera does: H.264, a whole picture every two seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE_HZ)
        stream.width, stream.height = SIZE_PX
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "26", "bf": "0", "g": str(2 * RATE_HZ)}
        for image in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
