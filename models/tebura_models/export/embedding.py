"""Builds preparation into a network that embeds pictures, and halves what it weighs."""

from pathlib import Path

import numpy as np

from tebura_models.embedding import NUMBERS
from tebura_models.export.augment import AugmentError
from tebura_models.export.graph import Graph
from tebura_models.export.narrow import narrow
from tebura_models.loader import PICTURE
from tebura_models.train.extra import load_onnx

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def prepare_embedding(source: Path, out: Path) -> None:
    """Write the network so that it takes pictures as OpenCV has them.

    It took planes of RGB, scaled as ImageNet networks do. Weights are rounded to half precision:
    what comes out stays the same to about a thousandth of its length.

    Raises:
        AugmentError: If it does not take (N, 3, height, width) and put out one row a picture.
        TrainExtraMissing: If the ``train`` extra is not installed.
    """
    onnx = load_onnx()
    network = onnx.load(str(source))
    raw_in, raw_out = network.graph.input[0], network.graph.output[0]
    sizes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in (raw_in, raw_out)]
    if len(network.graph.output) != 1 or len(sizes[0]) != 4 or sizes[0][1] != 3:
        raise AugmentError(f"{source}: takes {sizes[0]}, which is no picture in planes")
    if len(sizes[1]) != 2:
        raise AugmentError(f"{source}: puts out {sizes[1]}, which is not a row a picture")
    round_weights(network)
    graph = Graph(network)
    _take_pictures(graph, raw_in.name)
    graph.add("Identity", [raw_out.name], NUMBERS)
    graph.finish()
    for ends in (network.graph.input, network.graph.output):
        del ends[:]
    types, value = onnx.TensorProto, onnx.helper.make_tensor_value_info
    network.graph.input.append(value(PICTURE, types.UINT8, ["pictures", "height", "width", 3]))
    network.graph.output.append(value(NUMBERS, types.FLOAT, ["pictures", sizes[1][1]]))
    onnx.checker.check_model(network)
    out.write_bytes(network.SerializeToString(deterministic=True))
    narrow(out, out)


def round_weights(network: object) -> None:
    """Weights to the nearest half-precision number, so that none is lost when they are narrowed."""
    numpy_helper = load_onnx().numpy_helper
    for weight in network.graph.initializer:  # type: ignore[attr-defined]
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32:
            rounded = values.astype(np.float16).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(rounded, weight.name))


def _take_pictures(graph: Graph, raw_in: str) -> None:
    """uint8 rows of BGR to planes of RGB with ImageNet's mean and deviation."""
    mean, deviation = (np.array(v, np.float32) for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    at = graph.add("Transpose", [PICTURE], "planes", front=True, perm=[0, 3, 1, 2])
    order = graph.constant("rgb", np.array([2, 1, 0], np.int64))
    at = graph.add("Gather", [at, order], "coloured", front=True, axis=1)
    at = graph.add("Cast", [at], "numbers_255", front=True, to=graph.onnx.TensorProto.FLOAT)
    gain = graph.constant("gain", (1 / (255 * deviation)).reshape(1, 3, 1, 1).astype(np.float32))
    at = graph.add("Mul", [at, gain], "scaled", front=True)
    zero = graph.constant("zero", (mean / deviation).reshape(1, 3, 1, 1).astype(np.float32))
    graph.add("Sub", [at, zero], raw_in, front=True)
