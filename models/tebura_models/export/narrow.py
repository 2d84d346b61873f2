"""Stores float32 weights as float16 where that loses nothing; arithmetic stays float32.

Networks that once travelled as float16 (TensorFlow.js ones do) carry float32 weights that all are
float16 numbers. ONNX Runtime widens them while it loads: the same outputs, half the file.
"""

from pathlib import Path

import numpy as np

from tebura_models.train.extra import load_onnx

MIN_VALUES = 64
"""Smaller tensors are shapes and constants: nothing to gain."""


def narrow(source: Path, out: Path) -> int:
    """Write the narrow copy; how many weights could be narrowed.

    Raises:
        TrainExtraMissing: If the ``train`` extra is not installed.
    """
    onnx = load_onnx()
    network = onnx.load(str(source))
    weights, casts, narrowed = [], [], 0
    for weight in network.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        half = values.astype(np.float16) if values.dtype == np.float32 else values
        if half is values or values.size <= MIN_VALUES or not np.array_equal(half, values):
            weights.append(weight)
            continue
        name = weight.name
        weights.append(onnx.numpy_helper.from_array(half, f"{name}/half"))
        casts.append(
            onnx.helper.make_node(
                "Cast", [f"{name}/half"], [name], to=onnx.TensorProto.FLOAT, name=f"{name}/widen"
            )
        )
        narrowed += values.size
    nodes = [*casts, *network.graph.node]
    del network.graph.initializer[:], network.graph.node[:]
    network.graph.initializer.extend(weights)
    network.graph.node.extend(nodes)
    onnx.checker.check_model(network)
    onnx.save(network, str(out))
    return narrowed
