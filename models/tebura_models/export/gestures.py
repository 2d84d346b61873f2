"""Builds preparation into the networks of hands: anchors, scores and colours, as for faces."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from tebura_models.export.faces import Preparation, Shapes, anchors, corners, prepare
from tebura_models.export.graph import Graph
from tebura_models.gestures.networks import HAND_POINTS, IS_HAND, PALM_ROW, PALM_ROWS, POINT_COUNT

ANCHORS = ((24, 8, 2), (12, 16, 6))
"""The palm detector's grids: cells a side, pixels a cell, anchors a cell."""
_NUMBERS = 18


class GestureFamily(StrEnum):
    """Networks of hands whose inputs and outputs are understood."""

    PALMS = "palms"
    HAND_POINTS = "hand-points"


def prepare_gestures(source: Path, out: Path, family: GestureFamily) -> None:
    """Write the network with its preparation; weights are rounded to half precision.

    Raises:
        AugmentError: If inputs or outputs are not those of the family.
        TrainExtraMissing: If the ``train`` extra is not installed.
    """
    prepare(source, out, family, _FAMILIES[family], 1)


def _palms(graph: Graph, shapes: Shapes) -> list[Any]:
    middles = anchors(ANCHORS)
    (raw,), (logits,) = shapes[(len(middles), _NUMBERS)], shapes[(len(middles), 1)]
    score = graph.add("Sigmoid", [logits], "scores")
    # Row: middle, size, seven points; middle and points are told from the anchor.
    shift = np.tile(middles, _NUMBERS // 2)
    shift[:, 2:4] = 0
    placed = graph.add("Add", [raw, graph.constant("anchors", shift)], "placed")
    boxed = graph.add("MatMul", [placed, graph.constant("corners", corners(_NUMBERS))], "boxed")
    rows = graph.add("Concat", [boxed, score], "rows_of_one", axis=2)
    graph.add("Squeeze", [rows, graph.constant("first", np.array([0], np.int64))], PALM_ROWS)
    value, types = graph.onnx.helper.make_tensor_value_info, graph.onnx.TensorProto
    return [value(PALM_ROWS, types.FLOAT, [len(middles), PALM_ROW])]


def _points(graph: Graph, shapes: Shapes) -> list[Any]:
    # Points in pixels come before those in metres, the hand's presence before its side.
    (in_picture, _), (is_hand, _) = shapes[(3 * POINT_COUNT,)], shapes[(1,)]
    triples = graph.constant("triples", np.array([POINT_COUNT, 3], np.int64))
    graph.add("Reshape", [in_picture, triples], HAND_POINTS)
    graph.add("Identity", [is_hand], IS_HAND)
    value, types = graph.onnx.helper.make_tensor_value_info, graph.onnx.TensorProto
    return [
        value(HAND_POINTS, types.FLOAT, [POINT_COUNT, 3]),
        value(IS_HAND, types.FLOAT, [1, 1]),
    ]


_FAMILIES = {
    GestureFamily.PALMS: Preparation(_palms, 1 / 255, 0.0),
    GestureFamily.HAND_POINTS: Preparation(_points, 1 / 255, 0.0),
}
