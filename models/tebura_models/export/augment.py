"""Builds into a network what lies between a camera's picture and people, so that it runs in one go.

What goes in is a picture as OpenCV has it; scale, colour and layout are nodes of the graph. What
comes out are people in one form, whatever the network's own is; overlapping boxes are settled
inside. `bare` takes it all off again, to compare with.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tebura_models.heads import KEYPOINTS, NMS_IOU, SCORE_FLOOR
from tebura_models.loader import PICTURE, PICTURE_OF, ROW, ROWS
from tebura_models.train.extra import load_onnx

MOST_PEOPLE = 30
OURS = "tebura/"
RAW_INPUT, RAW_OUTPUT = "tebura.raw_input", "tebura.raw_output"


class Family(StrEnum):
    """Networks whose raw outputs are understood."""

    MOVENET_MULTIPOSE = "movenet-multipose"
    YOLO_POSE = "yolo-pose"


@dataclass(frozen=True, slots=True)
class RawInput:
    """What a family takes: colours' order, whether planes come first, and a pixel's scale."""

    is_rgb: bool
    is_planar: bool
    scale: float


RAW_INPUTS = {
    Family.MOVENET_MULTIPOSE: RawInput(is_rgb=True, is_planar=False, scale=1.0),
    Family.YOLO_POSE: RawInput(is_rgb=True, is_planar=True, scale=1 / 255),
}


class AugmentError(ValueError):
    """A network that is not of the family it is said to be."""


class Graph:
    """A network being added to; nodes of ours are named after what they put out."""

    def __init__(self, network: Any) -> None:
        self.onnx = load_onnx()
        self.network = network
        self._front: list[Any] = []
        self._back: list[Any] = []

    def add(
        self, kind: str, inputs: list[str], out: str, *, front: bool = False, **more: Any
    ) -> str:
        """A node whose output is `out`; that name comes back."""
        node = self.onnx.helper.make_node(kind, inputs, [out], name=f"{OURS}{out}", **more)
        (self._front if front else self._back).append(node)
        return out

    def constant(self, name: str, values: NDArray[Any]) -> str:
        tensor = self.onnx.numpy_helper.from_array(values, f"{OURS}{name}")
        self.network.graph.initializer.append(tensor)
        return f"{OURS}{name}"

    def finish(self) -> None:
        nodes = [*self._front, *self.network.graph.node, *self._back]
        del self.network.graph.node[:]
        self.network.graph.node.extend(nodes)


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
    onnx.helper.set_model_props(network, {RAW_INPUT: raw_in.name, RAW_OUTPUT: raw_out.name})
    graph = Graph(network)
    _take_pictures(graph, raw_in, RAW_INPUTS[family])
    _SELECT[family](graph, raw_out.name)
    graph.finish()
    for ends in (network.graph.input, network.graph.output):
        del ends[:]
    types, value = onnx.TensorProto, onnx.helper.make_tensor_value_info
    batch = _dims(raw_in)[0] if isinstance(_dims(raw_in)[0], int) else "pictures"
    network.graph.input.append(value(PICTURE, types.UINT8, [batch, "height", "width", 3]))
    network.graph.output.append(value(ROWS, types.FLOAT, ["people", ROW]))
    network.graph.output.append(value(PICTURE_OF, types.INT64, ["people"]))
    onnx.checker.check_model(network)
    out.write_bytes(network.SerializeToString(deterministic=True))


def bare(source: Path) -> bytes:
    """The network without what `augment` added.

    Raises:
        AugmentError: If it was not made by `augment`.
    """
    onnx = load_onnx()
    network = onnx.load(str(source))
    properties = {entry.key: entry.value for entry in network.metadata_props}
    if RAW_INPUT not in properties:
        raise AugmentError(f"{source}: nothing was added to it")
    ours = [node for node in network.graph.node if node.name.startswith(OURS)]
    (first,) = [node for node in ours if properties[RAW_INPUT] in node.output]
    kind = next((a.i for a in first.attribute if a.name == "to"), onnx.TensorProto.FLOAT)
    for node in ours:
        network.graph.node.remove(node)
    for tensor in [t for t in network.graph.initializer if t.name.startswith(OURS)]:
        network.graph.initializer.remove(tensor)
    for ends in (network.graph.input, network.graph.output):
        del ends[:]
    value = onnx.helper.make_tensor_value_info
    network.graph.input.append(value(properties[RAW_INPUT], kind, None))
    network.graph.output.append(value(properties[RAW_OUTPUT], onnx.TensorProto.FLOAT, None))
    return bytes(network.SerializeToString(deterministic=True))


def _dims(value: Any) -> list[int | str]:
    return [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]


def _take_pictures(graph: Graph, raw_in: Any, raw: RawInput) -> None:
    """From pictures, uint8 in rows of BGR, to what the network takes."""
    # Planes first: to swap three planes is a copy, to swap three colours of every pixel is not.
    at = graph.add("Transpose", [PICTURE], "planes", front=True, perm=[0, 3, 1, 2])
    if raw.is_rgb:
        order = graph.constant("rgb", np.array([2, 1, 0], np.int64))
        at = graph.add("Gather", [at, order], "coloured", front=True, axis=1)
    if not raw.is_planar:
        at = graph.add("Transpose", [at], "pixels", front=True, perm=[0, 2, 3, 1])
    if raw.scale == 1:
        kind = raw_in.type.tensor_type.elem_type
        graph.add("Cast", [at], raw_in.name, front=True, to=kind)
    else:
        scale = graph.constant("scale", np.array(raw.scale, np.float32))
        graph.add("DequantizeLinear", [at, scale], raw_in.name, front=True)


def _all_of_movenet(graph: Graph, raw_out: str) -> None:
    """(1, 6, 56) of 17 x (y, x, score), box (y0, x0, y1, x1), score; 0..1 of the input."""
    columns = [52, 51, 54, 53, 55]
    for keypoint in range(KEYPOINTS):
        columns += [3 * keypoint + 1, 3 * keypoint, 3 * keypoint + 2]
    order = graph.constant("columns", np.array(columns, np.int64))
    at = graph.add("Gather", [raw_out, order], "ordered", axis=2)
    size = graph.add("Shape", [PICTURE], "shape")
    wanted = graph.constant("width_height", np.array([2, 1], np.int64))
    size = graph.add("Gather", [size, wanted], "size", axis=0)
    size = graph.add("Cast", [size], "size_px", to=graph.onnx.TensorProto.FLOAT)
    one = graph.constant("one", np.ones(1, np.float32))
    units = graph.add("Concat", [size, one], "units", axis=0)
    spread = graph.constant("spread", np.array([0, 1, 0, 1, 2] + [0, 1, 2] * KEYPOINTS, np.int64))
    units = graph.add("Gather", [units, spread], "factors", axis=0)
    at = graph.add("Mul", [at, units], "scaled")
    flat = graph.constant("flat", np.array([-1, ROW], np.int64))
    graph.add("Reshape", [at, flat], ROWS)
    count = graph.add("Shape", [ROWS], "count_and_row")
    first = graph.constant("first", np.zeros(1, np.int64))
    count = graph.add("Gather", [count, first], "count", axis=0)
    zero = graph.onnx.numpy_helper.from_array(np.zeros(1, np.int64))
    graph.add("ConstantOfShape", [count], PICTURE_OF, value=zero)


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


_SELECT: dict[Family, Callable[[Graph, str], None]] = {
    Family.MOVENET_MULTIPOSE: _all_of_movenet,
    Family.YOLO_POSE: _best_of_yolo,
}
