"""Pixels go in and come out where they were; each head reads its own network's numbers."""

import numpy as np
import pytest
from tebura_models.heads import decode_movenet, decode_yolo_pose, place, prepare
from tebura_models.manifest import Axes, Colour, InputSpec, Number


def spec(axes: Axes, colour: Colour, dtype: Number, scale: float = 1.0) -> InputSpec:
    return InputSpec(axes=axes, colour=colour, dtype=dtype, scale=scale, size_px=(384, 256))


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
    placement = place(picture, (384, 256), 32)
    assert placement.tensor_px == tensor
    scaled = [side * placement.scale for side in picture]
    assert all(side <= room + 0.5 for side, room in zip(scaled, tensor, strict=True))


def test_colours_arrive_in_the_order_the_network_wants() -> None:
    blue = np.zeros((180, 320, 3), np.uint8)
    blue[..., 0] = 255
    rgb, _ = prepare(blue, spec(Axes.NHWC, Colour.RGB, Number.INT32), (320, 192))
    assert rgb.shape == (1, 192, 320, 3)
    assert rgb.dtype == np.int32
    assert rgb[0, 90, 160].tolist() == [0, 0, 255]
    planar, _ = prepare(blue, spec(Axes.NCHW, Colour.BGR, Number.FLOAT32, 1 / 255), (320, 192))
    assert planar.shape == (1, 3, 192, 320)
    assert planar[0, :, 90, 160].tolist() == [1, 0, 0]


def test_movenet_person_lands_where_it_stood() -> None:
    placement = place((640, 360), (384, 256), 32)
    row = np.zeros(56, np.float32)
    # A left wrist at picture (320, 180): tensor (192, 108) of 384 x 224, written y first.
    row[9 * 3 : 9 * 3 + 3] = (108 / 224, 192 / 384, 0.8)
    row[51:56] = (60 / 224, 120 / 384, 180 / 224, 240 / 384, 0.6)
    output = np.zeros((1, 6, 56), np.float32)
    output[0, 3] = row
    people = decode_movenet([output], placement)
    assert len(people.scores) == 1
    np.testing.assert_allclose(people.keypoints_px[0, 9], [320, 180, 0.8], atol=1e-3)
    np.testing.assert_allclose(people.boxes_xyxy_px[0], [200, 100, 400, 300], atol=1e-3)


def test_yolo_pose_keeps_one_box_a_person() -> None:
    placement = place((640, 360), (640, 384), 32)
    columns = np.zeros((56, 4), np.float32)
    columns[:5, 0] = (100, 100, 50, 80, 0.7)
    columns[:5, 1] = (102, 101, 50, 80, 0.9)
    columns[:5, 2] = (400, 200, 60, 90, 0.5)
    people = decode_yolo_pose([columns[None]], placement)
    assert people.scores.tolist() == pytest.approx([0.9, 0.5])
    np.testing.assert_allclose(people.boxes_xyxy_px[1], [370, 155, 430, 245])
