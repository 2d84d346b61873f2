"""What is built into networks, on tiny ones made here; needs onnx (the train extra)."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx")

from tebura_models.export.augment import AugmentError, Family, augment  # noqa: E402

BOXES = {
    # centre, size, score; and where the nose is
    0: (100, 100, 50, 80, 0.7, 90),
    1: (102, 101, 50, 80, 0.9, 95),
    2: (300, 150, 60, 90, 0.5, 290),
    3: (20, 20, 10, 10, 0.01, 20),
}


def tiny_pose(path: Path) -> Path:
    """(N, 3, H, W) to (N, 56, 4): the boxes above, scores times the mean of the red plane."""
    answer = np.zeros((1, 56, len(BOXES)), np.float32)
    for column, values in BOXES.items():
        answer[0, :6, column] = values
    weights = np.ones((1, 56, 1), np.float32)
    scored = np.zeros((1, 56, 1), np.float32)
    scored[0, 4], weights[0, 4] = 1, 0
    helper, types = onnx.helper, onnx.TensorProto
    number = onnx.numpy_helper.from_array
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Gather", ["means", "zero"], ["red"], axis=1),
        helper.make_node("Unsqueeze", ["red", "two"], ["level"]),
        helper.make_node("Mul", ["level", "scored"], ["gain"]),
        helper.make_node("Add", ["gain", "weights"], ["factor"]),
        helper.make_node("Mul", ["factor", "answer"], ["output0"]),
    ]
    constants = {
        "zero": np.array([0], np.int64),
        "two": np.array([2], np.int64),
        "scored": scored,
        "weights": weights,
        "answer": answer,
    }
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("images", types.FLOAT, ["batch", 3, "height", "width"])],
        [value("output0", types.FLOAT, ["batch", 56, 4])],
        [number(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


def run(network: bytes, pictures: NDArray[Any]) -> list[NDArray[Any]]:
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    outputs: list[NDArray[Any]] = session.run(None, {session.get_inputs()[0].name: pictures})
    return outputs


def test_one_box_a_person_is_left_and_each_knows_its_picture(tmp_path: Path) -> None:
    out = tmp_path / "people.onnx"
    augment(tiny_pose(tmp_path / "tiny.onnx"), out, Family.YOLO_POSE)
    red, blue = np.zeros((2, 64, 96, 3), np.uint8)
    red[:, :, 2], blue[:, :, 0] = 255, 255
    rows, picture_of = run(out.read_bytes(), np.stack([blue, red]))
    # Blue's mean of the red plane is 0, so nobody is in it; doubles and noise of red's are gone.
    assert picture_of.tolist() == [1, 1]
    np.testing.assert_allclose(rows[:, 4], [0.9, 0.5], atol=1e-5)
    np.testing.assert_allclose(rows[0, :4], [77, 61, 127, 141], atol=1e-4)
    assert rows[:, 5].tolist() == [95, 290]


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    tiny = tiny_pose(tmp_path / "tiny.onnx")
    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    augment(tiny, one, Family.YOLO_POSE)
    augment(tiny, other, Family.YOLO_POSE)
    assert one.read_bytes() == other.read_bytes()


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    tiny = tiny_pose(tmp_path / "tiny.onnx")
    model = onnx.load(str(tiny))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 7
    onnx.save(model, str(tiny))
    with pytest.raises(AugmentError, match=r"tiny\.onnx: puts out"):
        augment(tiny, tmp_path / "out.onnx", Family.YOLO_POSE)
