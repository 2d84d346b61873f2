"""MoveNet MultiPose from a camera's picture to rows of people, around the network's own layers.

What its file had around them turned the picture over three times, and weighed each cell by a bell
in two dimensions, for every keypoint of every person: a quarter of the whole time. A bell is a
column's times a row's, so a few thousand numbers do for half a million. What comes out is the same
but for rounding.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tebura_models.export.graph import Graph
from tebura_models.heads import KEYPOINTS
from tebura_models.loader import PICTURE, PICTURE_OF, ROWS

PLANES = "Conv1_relu/Relu6/BiasAdd__6:0"
"""What the first layer takes: planes of RGB from -1 to 1."""
CENTRE, POINTS, REACH, SPOT, SIZE, MIDDLE = (
    f"{head}/BiasAdd:0"
    for head in (
        "center_0/conv2d_4",
        "kpt_heatmap_0/conv2d_7",
        "kpt_regress_0/conv2d_8",
        "kpt_offset_0/conv2d_9",
        "box_scale_0/conv2d_5",
        "box_offset_0/conv2d_6",
    )
)
STRIDE, MOST_PEOPLE = 4, 6
GREY_SCALE = np.float32(0.007843017578125)
WINDOW, SAME_PEAK = 5, np.float32(1.013279e-06)
BELL = np.float32(0.30004883)
"""A bell's square width in cells, as a share of the picture's shorter side in cells."""
SHOULDERS, WRISTS = np.array([5, 6]), np.array([9, 10])
ARM, UNEXPECTED = np.float32(0.4), np.float32(0.4)
"""How far a wrist may be from its shoulder, of the longer side of a person's box, and what one is
worth there that is not where the middle has it: hands above heads are always found so."""
SURE_MIDDLE = np.float32(0.3)
"""Whose middle is as sure may claim a wrist for themselves."""
LEAST_POINT = np.float32(0.12695312)
"""A person is as sure as its middle times the mean of keypoints surer than this."""


Array = NDArray[Any] | np.generic


class _Layers:
    """Adds layers, each named after its number; arrays among the inputs become constants."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._count = 0

    def __call__(self, kind: str, *inputs: str | Array, out: str = "", **more: Any) -> str:
        return self.several(kind, *inputs, outs=[out or self._name(kind)], **more)[0]

    def several(
        self, kind: str, *inputs: str | Array, outs: list[str] | int, **more: Any
    ) -> list[str]:
        given = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        names = outs if isinstance(outs, list) else [self._name(kind) for _ in range(outs)]
        return self._graph.add_several(kind, given, names, **more)

    def _constant(self, values: Array) -> str:
        return self._graph.constant(self._name("constant"), values)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind.lower()}-{self._count}"


def take_pictures(graph: Graph) -> None:
    """From a picture, uint8 in rows of BGR, to what the first layer takes."""
    at = graph.add("Transpose", [PICTURE], "planes", front=True, perm=[0, 3, 1, 2])
    order = graph.constant("rgb", np.array([2, 1, 0], np.int64))
    at = graph.add("Gather", [at, order], "coloured", front=True, axis=1)
    at = graph.add("Cast", [at], "greys", front=True, to=graph.onnx.TensorProto.FLOAT)
    at = graph.add("Mul", [at, graph.constant("scale", GREY_SCALE)], "scaled", front=True)
    one = graph.constant("one", np.float32(1))
    graph.add("Sub", [at, one], graph.tensor(PLANES), front=True)


def choose_people(graph: Graph) -> None:
    """From the heads to rows of people, at most `MOST_PEOPLE`, pixels of the picture."""
    _choose(graph, are_arms=False)


def choose_arms(graph: Graph) -> None:
    """The same of one person's picture: wrists are looked for wherever an arm gets, too."""
    _choose(graph, are_arms=True)


def _choose(graph: Graph, *, are_arms: bool) -> None:
    op = _Layers(graph)
    centre = graph.tensor(CENTRE)
    shape = op("Shape", centre)
    sides = op("Gather", shape, np.array([2, 3]), axis=0)  # cells: high, wide
    wide = op("Gather", shape, np.array([3]), axis=0)
    scores, at = _peaks(op, centre)
    yx = _places(op, at, wide)
    low, high = _boxes(op, graph, at, yx, sides)
    targets = _targets(op, graph, at, yx)
    weighed = _weighed(op, graph, targets, low, high, sides)
    if are_arms:
        weighed = _with_unexpected(op, graph, weighed, low, high, sides)
    points, sure = _keypoints(op, graph, weighed, wide, scores if are_arms else None)
    _write(op, low, high, op("Mul", scores, _sureness(op, sure)), points, sure)
    op("Identity", np.zeros(MOST_PEOPLE, np.int64), out=PICTURE_OF)  # there is one picture


def _flat(op: _Layers, graph: Graph, head: str, shape: tuple[int, ...]) -> str:
    """A head as (channels…, cells)."""
    return op("Reshape", graph.tensor(head), np.array([*shape, -1]))


def _peaks(op: _Layers, centre: str) -> tuple[str, str]:
    """Scores and cells (K,) of the likeliest middles that none beside them outdoes."""
    score = op("Sigmoid", centre)
    around = WINDOW // 2
    best = op("MaxPool", score, kernel_shape=[WINDOW] * 2, strides=[1, 1], pads=[around] * 4)
    is_peak = op("Less", op("Abs", op("Sub", score, best)), SAME_PEAK)
    alone = op("Mul", score, op("Cast", is_peak, to=1))
    flat = op("Reshape", alone, np.array([-1]))
    scores, at = op.several("TopK", flat, np.array([MOST_PEOPLE]), outs=2, axis=0, sorted=1)
    return scores, at


def _places(op: _Layers, at: str, wide: str) -> str:
    """Row and column of cells, (2, …)."""
    both = [op("Div", at, wide), op("Mod", at, wide)]
    stacked = op("Concat", *(op("Unsqueeze", one, np.array([0])) for one in both), axis=0)
    return op("Cast", stacked, to=1)


def _boxes(op: _Layers, graph: Graph, at: str, yx: str, sides: str) -> tuple[str, str]:
    """Top left and bottom right corners (2, K) as y, x; cells, cut at the picture's edges."""
    size = op("Gather", _flat(op, graph, SIZE, (2,)), at, axis=1)
    half = op("Mul", op("Max", size, np.float32(0)), np.float32(0.5))
    middle = op("Add", yx, op("Gather", _flat(op, graph, MIDDLE, (2,)), at, axis=1))
    most = op("Unsqueeze", op("Cast", sides, to=1), np.array([1]))
    low, high = (
        op("Max", op("Min", op(kind, middle, half), most), np.float32(0)) for kind in ("Sub", "Add")
    )
    return low, high


def _targets(op: _Layers, graph: Graph, at: str, yx: str) -> str:
    """Where each person's keypoints should be by its middle alone, (2, K, 17)."""
    reach = op("Gather", _flat(op, graph, REACH, (2 * KEYPOINTS,)), at, axis=1)
    reach = op("Reshape", reach, np.array([KEYPOINTS, 2, -1]))
    return op("Add", op("Unsqueeze", yx, np.array([2])), op("Transpose", reach, perm=[1, 2, 0]))


def _weighed(op: _Layers, graph: Graph, targets: str, low: str, high: str, sides: str) -> str:
    """How likely each cell is each keypoint of each person, (K, 17, cells)."""
    spread = op("Mul", op("Cast", op("ReduceMin", sides, keepdims=1), to=1), -BELL)
    heat = op("Sigmoid", graph.tensor(POINTS))
    for axis in (0, 1):
        count = op("Gather", sides, np.array(axis))
        cells = op("Cast", op("Range", np.array(0), count, np.array(1)), to=1)
        target, start, end = (
            op("Unsqueeze", op("Gather", one, np.array(axis), axis=0), np.array([-1]))
            for one in (targets, low, high)
        )
        far = op("Sub", cells, target)
        bell = op("Exp", op("Div", op("Mul", far, far), spread))
        is_in = op("And", op("GreaterOrEqual", cells, start), op("Less", cells, end))
        inside = op("Unsqueeze", op("Cast", is_in, to=1), np.array([1]))
        bell = op("Mul", bell, inside)
        heat = op("Mul", heat, op("Unsqueeze", bell, np.array([3 - axis])))
    return op("Reshape", heat, np.array([0, 0, -1]))


def _with_unexpected(
    op: _Layers, graph: Graph, weighed: str, low: str, high: str, sides: str
) -> str:
    """The same (K, 17, cells) with wrists as far from their shoulders as an arm is long."""
    wide = op("Gather", sides, np.array([1]), axis=0)
    best = op("Gather", op("ArgMax", weighed, axis=2, keepdims=0), SHOULDERS, axis=1)
    shoulders = _places(op, best, wide)  # (2, K, 2)
    longer = op("ReduceMax", op("Sub", high, low), axes=[0], keepdims=0)
    arm = op("Unsqueeze", op("Mul", longer, ARM), np.array([1, 2]))
    heat = op("Gather", op("Sigmoid", graph.tensor(POINTS)), WRISTS, axis=1)
    heat = op("Mul", heat, UNEXPECTED)
    for axis in (0, 1):
        count = op("Gather", sides, np.array(axis))
        cells = op("Cast", op("Range", np.array(0), count, np.array(1)), to=1)
        shoulder = op("Gather", shoulders, np.array(axis), axis=0)
        apart = op("Abs", op("Sub", cells, op("Unsqueeze", shoulder, np.array([-1]))))
        is_near = op("Cast", op("Less", apart, arm), to=1)
        heat = op("Mul", heat, op("Unsqueeze", is_near, np.array([3 - axis])))
    far = op("Reshape", heat, np.array([0, 0, -1]))
    above, wrists, below = (
        op("Gather", weighed, joints, axis=1)
        for joints in (np.arange(WRISTS[0]), WRISTS, np.arange(WRISTS[-1] + 1, KEYPOINTS))
    )
    return op("Concat", above, op("Max", wrists, far), below, axis=1)


def _keypoints(
    op: _Layers, graph: Graph, weighed: str, wide: str, middles: str | None
) -> tuple[str, str]:
    """Keypoints (2, K, 17) as y, x in cells, and how sure they are (K, 17).

    With `middles`, how sure each person's is, a place that is worth more to another one is nobody's
    but theirs; without, of two who claim it both are as sure as the surer, as Google has it.
    """
    best = op("ArgMax", weighed, axis=2, keepdims=0)
    asked = op("Transpose", best, perm=[1, 0])
    persons = np.array([MOST_PEOPLE, KEYPOINTS, MOST_PEOPLE])
    # What a place is worth to anybody.
    by_all = op("Expand", op("Unsqueeze", asked, np.array([0])), persons)
    worth = op("GatherElements", weighed, by_all, axis=2)
    if middles is None:
        told = op("ReduceMax", worth, axes=[0], keepdims=0)
    else:
        may_claim = op("Cast", op("GreaterOrEqual", middles, SURE_MIDDLE), to=1)
        claimed = op("Mul", worth, op("Unsqueeze", may_claim, np.array([1, 2])))
        own = op("Transpose", op("ReduceMax", weighed, axes=[2], keepdims=0), perm=[1, 0])
        is_own = op("GreaterOrEqual", own, op("ReduceMax", claimed, axes=[0], keepdims=0))
        told = op("Mul", own, op("Cast", is_own, to=1))
    sure = op("Transpose", told, perm=[1, 0])
    by_axis = op(
        "Expand", op("Unsqueeze", asked, np.array([1])), np.array([KEYPOINTS, 2, MOST_PEOPLE])
    )
    off = op("GatherElements", _flat(op, graph, SPOT, (KEYPOINTS, 2)), by_axis, axis=2)
    places = _places(op, best, wide)
    return op("Add", places, op("Transpose", off, perm=[1, 2, 0])), sure


def _sureness(op: _Layers, sure: str) -> str:
    """The mean of each person's keypoints that count, (K,)."""
    counts = op("Cast", op("Greater", sure, LEAST_POINT), to=1)
    over = np.array([1])
    total = op("ReduceSum", op("Mul", sure, counts), over, keepdims=0)
    count = op("ReduceSum", counts, over, keepdims=0)
    return op("Div", total, op("Max", count, np.float32(1)))


def _write(op: _Layers, low: str, high: str, score: str, points: str, sure: str) -> None:
    """Rows of box, score, 17 x (x, y, score)."""
    stride, xy = np.float32(STRIDE), np.array([1, 0])
    corners = op("Concat", *(op("Gather", one, xy, axis=0) for one in (low, high)), axis=0)
    boxes = op("Mul", op("Transpose", corners, perm=[1, 0]), stride)
    places = op("Mul", op("Gather", points, xy, axis=0), stride)
    told = op("Concat", places, op("Unsqueeze", sure, np.array([0])), axis=0)
    told = op("Transpose", told, perm=[1, 2, 0])
    told = op("Reshape", told, np.array([0, -1]))
    op("Concat", boxes, op("Unsqueeze", score, np.array([1])), told, out=ROWS, axis=1)
