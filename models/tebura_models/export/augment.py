"""Builds into a network what lies between a camera's picture and people, so that it runs in one go.

What goes in is a picture as OpenCV has it; scale, colour and layout are nodes of the graph. What
comes out are people in one form, whatever the network's own is; overlapping boxes are settled
inside.
"""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from tebura_models.export import movenet
from tebura_models.export.graph import Graph
from tebura_models.heads import NMS_IOU, SCORE_FLOOR
from tebura_models.loader import PICTURE, PICTURE_OF, ROW, ROWS
from tebura_models.train.extra import load_onnx

MOST_PEOPLE = 30
PIXEL_SCALE = 1 / 255


class Family(StrEnum):
    """Networks whose raw outputs are understood."""

    MOVENET_MULTIPOSE = "movenet-multipose"
    MOVENET_ARMS = "movenet-arms"
    YOLO_POSE = "yolo-pose"


class AugmentError(ValueError):
    """A network that is not of the family it is said to be."""


def augment(source: Path, out: Path, family: Family) -> None:
    """Write the network with everything built in; the same file gives the same bytes.

    Raises:
        AugmentError: If inputs or outputs are not those of the family.
        TrainExtraMissing: If the ``train`` extra is not installed.
    """
    onnx = load_onnx()
    network = onnx.load(str(source))
    raw_in, raw_out = network.graph.input[0], network.graph.output[0]
    if len(network.graph.output) != 1 or not any(_dims(raw_out)[n] == ROW for n in (1, 2)):
        raise AugmentError(f"{source}: puts out {_dims(raw_out)}, which is no {family}")
    graph = Graph(network)
    try:
        _BUILD[family](graph)
    except KeyError as error:
        raise AugmentError(f"{source}: is no {family}: it has no {error}") from error
    graph.finish()
    graph.leave_out({ROWS, PICTURE_OF})
    for ends in (network.graph.input, network.graph.output):
        del ends[:]
    types, value = onnx.TensorProto, onnx.helper.make_tensor_value_info
    batch = _dims(raw_in)[0] if isinstance(_dims(raw_in)[0], int) else "pictures"
    network.graph.input.append(value(PICTURE, types.UINT8, [batch, "height", "width", 3]))
    network.graph.output.append(value(ROWS, types.FLOAT, ["people", ROW]))
    network.graph.output.append(value(PICTURE_OF, types.INT64, ["people"]))
    onnx.checker.check_model(network)
    out.write_bytes(network.SerializeToString(deterministic=True))


def _dims(value: Any) -> list[int | str]:
    return [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]


def _movenet(graph: Graph) -> None:
    movenet.take_pictures(graph)
    movenet.choose_people(graph)


def _movenet_arms(graph: Graph) -> None:
    movenet.take_pictures(graph)
    movenet.choose_arms(graph)


def _yolo(graph: Graph) -> None:
    raw_in, raw_out = graph.network.graph.input[0].name, graph.network.graph.output[0].name
    at = graph.add("Transpose", [PICTURE], "planes", front=True, perm=[0, 3, 1, 2])
    order = graph.constant("rgb", np.array([2, 1, 0], np.int64))
    at = graph.add("Gather", [at, order], "coloured", front=True, axis=1)
    scale = graph.constant("scale", np.array(PIXEL_SCALE, np.float32))
    graph.add("DequantizeLinear", [at, scale], raw_in, front=True)
    _best_of_yolo(graph, raw_out)


def _best_of_yolo(graph: Graph, raw_out: str) -> None:
    """(N, 56, A) of centre, size, score, 17 x (x, y, score); pixels of the input."""
    found = graph.add("Transpose", [raw_out], "found", perm=[0, 2, 1])
    ends = {n: graph.constant(f"at{n}", np.array([n], np.int64)) for n in (0, 1, 2, 4, 5)}
    boxes = graph.add("Slice", [found, ends[0], ends[4], ends[2]], "centres")
    scores = graph.add("Slice", [raw_out, ends[4], ends[5], ends[1]], "scores")
    most = graph.constant("most", np.array([MOST_PEOPLE], np.int64))
    overlap = graph.constant("overlap", np.array([NMS_IOU], np.float32))
    least = graph.constant("least", np.array([SCORE_FLOOR], np.float32))
    inputs = [boxes, scores, most, overlap, least]
    kept = graph.add("NonMaxSuppression", inputs, "kept", center_point_box=1)
    where = graph.constant("picture_and_box", np.array([0, 2], np.int64))
    where = graph.add("Gather", [kept, where], "where", axis=1)
    rows = graph.add("GatherND", [found, where], "centred_rows")
    corners = np.eye(ROW, dtype=np.float32)
    # (x, y, w, h) to (x - w/2, y - h/2, x + w/2, y + h/2)
    corners[0, 2] = corners[1, 3] = 1
    corners[2, [0, 2]] = corners[3, [1, 3]] = (-0.5, 0.5)
    graph.add("MatMul", [rows, graph.constant("corners", corners)], ROWS)
    picture = graph.constant("picture_column", np.array(0, np.int64))
    graph.add("Gather", [kept, picture], PICTURE_OF, axis=1)


_BUILD: dict[Family, Callable[[Graph], None]] = {
    Family.MOVENET_MULTIPOSE: _movenet,
    Family.MOVENET_ARMS: _movenet_arms,
    Family.YOLO_POSE: _yolo,
}
