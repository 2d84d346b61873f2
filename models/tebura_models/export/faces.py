"""Builds preparation into the networks of faces, so that all take pictures as OpenCV has them.

The detector's anchors are built in too: it then puts out boxes and points in its own pixels.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tebura_models.embedding import NUMBERS
from tebura_models.export.augment import AugmentError, Graph
from tebura_models.export.embedding import round_weights
from tebura_models.export.narrow import narrow
from tebura_models.faces.networks import FACE_ROW, FACE_ROWS, IS_FACE, POINTS
from tebura_models.loader import PICTURE
from tebura_models.train.extra import load_onnx

ANCHORS = ((16, 16, 2), (8, 32, 6))
"""BlazeFace's grids: cells a side, pixels a cell, anchors a cell."""


class FaceFamily(StrEnum):
    """Networks of faces whose inputs and outputs are understood."""

    BLAZEFACE = "blazeface"
    FACEMESH = "facemesh"
    MOBILEFACENET = "mobilefacenet"


def prepare_faces(source: Path, out: Path, family: FaceFamily) -> None:
    """Write the network with its preparation; weights are rounded to half precision.

    Raises:
        AugmentError: If inputs or outputs are not those of the family.
        TrainExtraMissing: If the ``train`` extra is not installed.
    """
    onnx = load_onnx()
    network = onnx.load(str(source))
    raw_in = network.graph.input[0]
    shape = [dim.dim_value for dim in raw_in.type.tensor_type.shape.dim]
    sizes = {tuple(_dims(value)[1:]): value.name for value in network.graph.output}
    round_weights(network)
    graph = Graph(network)
    finish, gain, zero = _FAMILIES[family]
    try:
        outputs = finish(graph, sizes)
    except KeyError as error:
        raise AugmentError(f"{source}: puts out {sorted(sizes)}, which is no {family}") from error
    _take_pictures(graph, raw_in.name, gain, zero)
    graph.finish()
    for ends in (network.graph.input, network.graph.output):
        del ends[:]
    value = onnx.helper.make_tensor_value_info
    count = "pictures" if family is FaceFamily.MOBILEFACENET else 1
    picture = value(PICTURE, onnx.TensorProto.UINT8, [count, *shape[1:]])
    network.graph.input.append(picture)
    network.graph.output.extend(outputs)
    onnx.checker.check_model(network)
    out.write_bytes(network.SerializeToString(deterministic=True))
    narrow(out, out)


def _take_pictures(graph: Graph, raw_in: str, gain: float, zero: float) -> None:
    """uint8 BGR to scaled RGB; colours are swapped last, where they are the innermost numbers."""
    order = graph.constant("rgb", np.array([2, 1, 0], np.int64))
    at = graph.add("Gather", [PICTURE, order], "coloured", front=True, axis=3)
    at = graph.add("Cast", [at], "numbers_255", front=True, to=graph.onnx.TensorProto.FLOAT)
    at = graph.add(
        "Sub", [at, graph.constant("zero", np.array(zero, np.float32))], "level", front=True
    )
    scale = graph.constant("gain", np.array(gain, np.float32))
    graph.add("Mul", [at, scale], raw_in, front=True)


def _anchors() -> NDArray[np.float32]:
    """Middles of the anchors in pixels, (896, 2), in the order of the network's rows."""
    rows = []
    for cells, step, each in ANCHORS:
        y, x = np.mgrid[0:cells, 0:cells]
        middles = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * step
        rows.append(np.repeat(middles, each, axis=0))
    return np.concatenate(rows).astype(np.float32)


def _detector(graph: Graph, sizes: dict[tuple[int, ...], str]) -> list[Any]:
    grids = [cells * cells * each for cells, _, each in ANCHORS]
    logits, numbers = ([sizes[(grid, wide)] for grid in grids] for wide in (1, 16))
    score = graph.add("Concat", logits, "logits", axis=1)
    score = graph.add("Sigmoid", [score], "scores")
    raw = graph.add("Concat", numbers, "raw", axis=1)
    # Row: middle, size, six points; middle and points are told from the anchor.
    ones, none = np.ones(2), np.zeros(2)
    moved = np.concatenate([ones, none, np.tile(ones, 6)])
    shift = np.tile(_anchors(), 8) * moved
    placed = graph.add("Add", [raw, graph.constant("anchors", shift.astype(np.float32))], "placed")
    # From middle and size to corners.
    corners = np.eye(16, dtype=np.float32)
    for axis in range(2):
        corners[2 + axis, axis], corners[axis, 2 + axis], corners[2 + axis, 2 + axis] = -0.5, 1, 0.5
    boxed = graph.add("MatMul", [placed, graph.constant("corners", corners)], "boxed")
    rows = graph.add("Concat", [boxed, score], "rows_of_one", axis=2)
    graph.add("Squeeze", [rows, graph.constant("first", np.array([0], np.int64))], FACE_ROWS)
    value, types = graph.onnx.helper.make_tensor_value_info, graph.onnx.TensorProto
    return [value(FACE_ROWS, types.FLOAT, [sum(grids), FACE_ROW])]


def _mesh(graph: Graph, sizes: dict[tuple[int, ...], str]) -> list[Any]:
    graph.add(
        "Reshape",
        [sizes[(1404,)], graph.constant("triples", np.array([468, 3], np.int64))],
        POINTS,
    )
    graph.add("Identity", [sizes[(1,)]], IS_FACE)
    value, types = graph.onnx.helper.make_tensor_value_info, graph.onnx.TensorProto
    return [value(POINTS, types.FLOAT, [468, 3]), value(IS_FACE, types.FLOAT, [1, 1])]


def _embedding(graph: Graph, sizes: dict[tuple[int, ...], str]) -> list[Any]:
    (((dimensions,), name),) = sizes.items()
    graph.add("Identity", [name], NUMBERS)
    value = graph.onnx.helper.make_tensor_value_info
    return [value(NUMBERS, graph.onnx.TensorProto.FLOAT, ["pictures", dimensions])]


def _dims(value: Any) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


_FAMILIES = {
    FaceFamily.BLAZEFACE: (_detector, 1 / 127.5, 127.5),
    FaceFamily.FACEMESH: (_mesh, 1 / 255, 0.0),
    FaceFamily.MOBILEFACENET: (_embedding, 1 / 128, 127.5),
}
"""What is done with outputs, and the scale and zero of the pixels."""
