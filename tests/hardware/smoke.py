"""Numbers from each native wheel of a node, one JSON object a line, for a look across processors.

Networks are those named, else all in `models/`.

Runs on its own, also where pytest is not installed.
"""

import json
import platform
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import zxingcpp
from numpy.typing import NDArray

AISLE_FRAME = 40
MODELS = Path(__file__).resolve().parents[2] / "models"


def picture(height_px: int, width_px: int) -> NDArray[np.uint8]:
    """A fixed picture with edges, ramps and noise."""
    noise = np.random.default_rng(7).integers(0, 40, (height_px, width_px, 3))
    rows = np.linspace(0, 150, height_px)[:, None, None]
    image = np.clip(noise + rows, 0, 255).astype(np.uint8)
    cv2.rectangle(
        image, (width_px // 4, height_px // 4), (width_px // 2, height_px), (9, 90, 200), -1
    )
    return image


def images() -> dict[str, object]:
    """Resize, blur and find a marker."""
    canvas = cv2.resize(picture(360, 640), (256, 256), interpolation=cv2.INTER_AREA)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    marker = cv2.aruco.generateImageMarker(dictionary, 7, 120)
    page = np.full((240, 240), 255, np.uint8)
    page[60:180, 60:180] = marker
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(page)
    return {
        "part": "cv2",
        "mean": float(cv2.GaussianBlur(canvas, (5, 5), 0).mean()),
        "markers": [int(value) for value in np.ravel(ids)] if len(corners) else [],
        "corners_px": [round(float(value), 2) for value in np.ravel(corners)],
    }


def code() -> dict[str, object]:
    """An entry code as large as a gate sees it, read by the gate's own reader."""
    from tebura_contract.ids import CameraId
    from tebura_edge.code_reader import CodeReader
    from tebura_edge.frames import Frame

    written = zxingcpp.create_barcode("T1" + "ABCDE234" * 3, zxingcpp.BarcodeFormat.QRCode)
    page = np.asarray(written.to_image(scale=4), np.uint8)
    image = cv2.cvtColor(cv2.GaussianBlur(page, (0, 0), 1.2), cv2.COLOR_GRAY2BGR)
    frame = Frame(CameraId("gate"), 0, np.asarray(image, np.uint8))
    return {"part": "code", "read": [read.text for read in CodeReader()(frame)]}


def numbers() -> dict[str, object]:
    """Least squares and a random stream."""
    rng = np.random.default_rng(3)
    matrix, target = rng.normal(size=(60, 4)), rng.normal(size=60)
    solution = np.linalg.lstsq(matrix, target, rcond=None)[0]
    return {"part": "numpy", "solution": [float(value) for value in solution]}


def network(path: Path) -> dict[str, object]:
    """The sum and the largest value of a network's first output for the fixed picture."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0]
    sizes = [size if isinstance(size, int) else None for size in wanted.shape]
    is_last = sizes[-1] == 3
    height, width = (sizes[1:3] if is_last else sizes[2:4]) if len(sizes) == 4 else (256, 256)
    image = picture(height or 256, width or 256)[None]
    if not is_last:
        image = image.transpose(0, 3, 1, 2)
    kinds = {"tensor(int32)": np.int32, "tensor(uint8)": np.uint8}
    feed = {wanted.name: np.ascontiguousarray(image.astype(kinds.get(wanted.type, np.float32)))}
    output = session.run(None, feed)[0]
    return {
        "part": "network",
        "file": path.name,
        "sum": float(np.sum(output)),
        "max": float(np.max(output)),
    }


def aisle() -> NDArray[np.uint8]:
    """A picture with somebody in it, to the bit the same on every processor.

    Decoders give the same luminance and colour everywhere, what turns them into BGR on the way out
    does not (a grey or two between x86 and ARM): so that is done here, by OpenCV, which does.
    """
    import av
    from tebura_edge import bench

    with av.open(str(bench.AISLE)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == AISLE_FRAME:
                planes = frame.to_ndarray(format="yuv420p")
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)


def people() -> dict[str, object]:
    """Whom the network that a node uses finds there."""
    from tebura_edge.people import PeopleSettings, open_people
    from tebura_models.heads import find_people

    settings = PeopleSettings(threads=1)
    image = aisle()
    found = find_people(open_people(settings), image, settings.size_px)
    return {
        "part": "people",
        "picture": zlib.crc32(image.tobytes()),
        "scores": found.scores.astype(float).tolist(),
        "boxes_px": found.boxes_xyxy_px.astype(float).tolist(),
        "keypoints_px": found.keypoints_px.astype(float).tolist(),
    }


def main() -> None:
    """Print one line a part; the processor goes to stderr, for it is meant to differ."""
    print(platform.machine(), onnxruntime.__version__, cv2.__version__, file=sys.stderr)
    print(json.dumps(numbers()))
    print(json.dumps(images()))
    print(json.dumps(code()))
    if not sys.argv[1:]:
        print(json.dumps(people()))
    for path in [Path(name) for name in sys.argv[1:]] or sorted(MODELS.rglob("*.onnx")):
        print(json.dumps(network(path)))


if __name__ == "__main__":
    main()
