"""Builds preparation into the networks of faces, so that all take pictures as OpenCV has them.

The detector's anchors are built in too: it then puts out boxes and points in its own pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tebura_models.embedding import NUMBERS
from tebura_models.export.augment import AugmentError
from tebura_models.export.embedding import round_weights
from tebura_models.export.graph import Graph
from tebura_models.export.narrow import narrow
from tebura_models.faces.networks import FACE_ROW, FACE_ROWS, IS_FACE, POINTS
from tebura_models.loader import PICTURE
from tebura_models.train.extra import load_onnx

ANCHORS = ((16, 16, 2), (8, 32, 6))
"""BlazeFace's grids: cells a side, pixels a cell, anchors a cell."""


Shapes = dict[tuple[int, ...], list[str]]
"""Names of a network's outputs by their shape without the batch, in the network's order."""


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
    count = "pictures" if family is FaceFamily.MOBILEFACENET else 1
    prepare(source, out, family, _FAMILIES[family], count)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done with a network's outputs (by shape, each in its order), and with its pixels."""

    finish: Callable[[Graph, Shapes], list[Any]]
    gain: float
    zero: float


def prepare(source: Path, out: Path, family: str, how: Preparation, count: int | str) -> None:
    """Write a network with pixels' scale before it and `how.finish` behind it.

    Raises:
        AugmentError: If it does not put out what the family does.
        TrainExtraMissing: If the ``train`` extra is not installed.
    """
    onnx = load_onnx()
    network = onnx.load(str(source))
    raw_in = network.graph.input[0]
    shape = [dim.dim_value for dim in raw_in.type.tensor_type.shape.dim]
    shapes: Shapes = {}
    for output in network.graph.output:
        shapes.setdefault(tuple(_dims(output)[1:]), []).append(output.name)
    round_weights(network)
    graph = Graph(network)
    try:
        outputs = how.finish(graph, shapes)
    except (KeyError, ValueError) as error:
        raise AugmentError(f"{source}: puts out {sorted(shapes)}, which is no {family}") from error
    _take_pictures(graph, raw_in.name, how.gain, how.zero)
    graph.finish()
    for ends in (network.graph.input, network.graph.output):
        del ends[:]
    value = onnx.helper.make_tensor_value_info
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


def anchors(grids: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
    """Middles of a detector's anchors in pixels, (N, 2), in the order of its rows.

    `grids` are its cells a side, pixels a cell, anchors a cell.
    """
    rows = []
    for cells, step, each in grids:
        y, x = np.mgrid[0:cells, 0:cells]
        middles = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * step
        rows.append(np.repeat(middles, each, axis=0))
    return np.concatenate(rows).astype(np.float32)


def corners(numbers: int) -> NDArray[np.float32]:
    """Turns rows of so many numbers from middle and size to two corners; the rest stays."""
    found = np.eye(numbers, dtype=np.float32)
    for axis in range(2):
        found[2 + axis, axis], found[axis, 2 + axis], found[2 + axis, 2 + axis] = -0.5, 1, 0.5
    return found


def _detector(graph: Graph, sizes: Shapes) -> list[Any]:
    grids = [cells * cells * each for cells, _, each in ANCHORS]
    logits, numbers = ([sizes[(grid, wide)][0] for grid in grids] for wide in (1, 16))
    score = graph.add("Concat", logits, "logits", axis=1)
    score = graph.add("Sigmoid", [score], "scores")
    raw = graph.add("Concat", numbers, "raw", axis=1)
    # Row: middle, size, six points; middle and points are told from the anchor.
    ones, none = np.ones(2), np.zeros(2)
    moved = np.concatenate([ones, none, np.tile(ones, 6)])
    shift = np.tile(anchors(ANCHORS), 8) * moved
    placed = graph.add("Add", [raw, graph.constant("anchors", shift.astype(np.float32))], "placed")
    boxed = graph.add("MatMul", [placed, graph.constant("corners", corners(16))], "boxed")
    rows = graph.add("Concat", [boxed, score], "rows_of_one", axis=2)
    graph.add("Squeeze", [rows, graph.constant("first", np.array([0], np.int64))], FACE_ROWS)
    value, types = graph.onnx.helper.make_tensor_value_info, graph.onnx.TensorProto
    return [value(FACE_ROWS, types.FLOAT, [sum(grids), FACE_ROW])]


def _mesh(graph: Graph, sizes: Shapes) -> list[Any]:
    graph.add(
        "Reshape",
        [sizes[(1404,)][0], graph.constant("triples", np.array([468, 3], np.int64))],
        POINTS,
    )
    graph.add("Identity", [sizes[(1,)][0]], IS_FACE)
    value, types = graph.onnx.helper.make_tensor_value_info, graph.onnx.TensorProto
    return [value(POINTS, types.FLOAT, [468, 3]), value(IS_FACE, types.FLOAT, [1, 1])]


def _embedding(graph: Graph, sizes: Shapes) -> list[Any]:
    (((dimensions,), (name,)),) = sizes.items()
    graph.add("Identity", [name], NUMBERS)
    value = graph.onnx.helper.make_tensor_value_info
    return [value(NUMBERS, graph.onnx.TensorProto.FLOAT, ["pictures", dimensions])]


def _dims(value: Any) -> list[int]:
    return [dim.dim_value for dim in value.type.tensor_type.shape.dim]


_FAMILIES = {
    FaceFamily.BLAZEFACE: Preparation(_detector, 1 / 127.5, 127.5),
    FaceFamily.FACEMESH: Preparation(_mesh, 1 / 255, 0.0),
    FaceFamily.MOBILEFACENET: Preparation(_embedding, 1 / 128, 127.5),
}
