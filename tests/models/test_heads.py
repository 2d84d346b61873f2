"""Pictures go in and people come out where they stood, whatever is built into the graph."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from tebura_models.heads import find_in_all, find_people, lay, place, read_people
from tebura_models.loader import Provider, load_network

SIZE_PX = (384, 256)


@pytest.mark.parametrize(
    ("picture", "tensor"),
    [
        pytest.param((640, 360), (384, 224), id="16:9"),
        pytest.param((640, 480), (352, 256), id="4:3"),
        pytest.param((360, 640), (160, 256), id="upright"),
        pytest.param((64, 64), (256, 256), id="tiny-grows"),
    ],
)
def test_picture_keeps_its_shape_in_the_tensor(
    picture: tuple[int, int], tensor: tuple[int, int]
) -> None:
    placement = place(picture, SIZE_PX, 32)
    assert placement.tensor_px == tensor
    scaled = [side * placement.scale for side in picture]
    assert all(side <= room + 0.5 for side, room in zip(scaled, tensor, strict=True))


def test_a_picture_is_drawn_into_its_corner_of_the_tensor_and_nowhere_else() -> None:
    placement = place((640, 360), SIZE_PX, 32)
    tensor = np.zeros((224, 384, 3), np.uint8)
    lay(np.full((360, 640, 3), (255, 128, 7), np.uint8), placement, tensor)
    assert (tensor[:216] == (255, 128, 7)).all()
    assert not tensor[216:].any()


def row(box: tuple[float, ...], score: float, wrist: tuple[float, ...] = (0, 0, 0)) -> list[float]:
    """Box, score, then a left wrist among sixteen unseen keypoints."""
    return [*box, score, *([0.0] * 27), *wrist, *([0.0] * 21)]


def test_people_land_where_they_stood_best_first_and_noise_is_dropped() -> None:
    placement = place((640, 360), SIZE_PX, 32)
    rows = np.array(
        [
            row((0, 0, 30, 60), 0.04),
            row((60, 30, 120, 90), 0.3),
            # A left wrist at picture (320, 180): times 0.6 in the tensor.
            row((120, 60, 240, 180), 0.6, (192, 108, 0.8)),
            row((300, 30, 500, 300), 0.5),
            row((np.nan, 30, 120, 90), 0.9),
        ],
        np.float32,
    )
    people = read_people(rows, placement, most=2)
    assert people.scores.tolist() == pytest.approx([0.6, 0.5])
    np.testing.assert_allclose(people.keypoints_px[0, 9], [320, 180, 0.8], atol=1e-3)
    np.testing.assert_allclose(people.boxes_xyxy_px[0], [200, 100, 400, 300], atol=1e-3)
    # Cut at the picture's edge.
    np.testing.assert_allclose(people.boxes_xyxy_px[1], [500, 50, 640, 360], atol=1e-3)


def test_what_is_built_into_the_graph_changes_no_result(shared_data: Path) -> None:
    """Beside the network as it was published, fed by hand: RGB int32, 17 x (y, x, score), box."""
    published = shared_data.parent / "models" / "movenet_multipose.onnx"
    if not published.is_file():
        pytest.skip("the published network is not beside the repository")
    bare = onnxruntime.InferenceSession(published, providers=["CPUExecutionProvider"])
    network = load_network("movenet-multipose", providers=[Provider.CPU])
    count = 0
    for image in pictures(shared_data / "store-aifi" / "cps-test-2-cam6.mp4", every=60):
        scaled = cv2.resize(image, (384, 216), interpolation=cv2.INTER_AREA)
        fed = np.zeros((1, 224, 384, 3), np.int32)
        fed[0, :216] = scaled[:, :, ::-1]
        (raw,) = bare.run(None, {bare.get_inputs()[0].name: fed})
        expected = sorted((r for r in raw[0] if r[55] >= 0.05), key=lambda r: -r[55])
        people = find_people(network, image, SIZE_PX)
        assert len(people.scores) == len(expected)
        count += len(expected)
        for found, points, r in zip(people.scores, people.keypoints_px, expected, strict=True):
            assert found == pytest.approx(r[55], abs=1e-3)
            yxs = r[:51].reshape(17, 3)
            np.testing.assert_allclose(points[:, 0], yxs[:, 1] * 384 / 0.6, atol=1e-3)
            np.testing.assert_allclose(points[:, 1], yxs[:, 0] * 224 / 0.6, atol=1e-3)
    assert count >= 5


def test_the_same_buffer_is_drawn_into_again(shared_data: Path) -> None:
    """A picture leaves nothing behind for the next one."""
    network = load_network("movenet-multipose", providers=[Provider.CPU])
    first, second = pictures(shared_data / "store-aifi" / "cps-test-2-cam6.mp4", every=200)
    alone = find_people(network, second, SIZE_PX)
    find_people(network, first, SIZE_PX)
    [after] = find_in_all(network, [second], SIZE_PX)
    np.testing.assert_array_equal(after.boxes_xyxy_px, alone.boxes_xyxy_px)
    np.testing.assert_array_equal(after.keypoints_px, alone.keypoints_px)


def pictures(video: Path, every: int) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(video))
    images: list[NDArray[np.uint8]] = []
    while True:
        is_read, image = capture.read()
        if not is_read:
            return images[::every]
        images.append(np.asarray(image, np.uint8))
