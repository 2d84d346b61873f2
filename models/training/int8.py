"""MoveNet with its trunk in 8 bits: about half the time of a look where a processor has them.

``python models/training/int8.py SET --start movenet_multipose.onnx -o out.onnx``

Only the trunk is rounded (most of the work); the pyramid and the heads, whose numbers are places,
stay as they are. Ranges come from pictures of the set that learn, every so many of them, as a
camera gives them. Weights have all 8 bits: with 7, which older x86 processors want, heads were off
by half as much again on pictures held out.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from movenet import trunk_outputs
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from samples import fitted, listed, read

SIZE_PX = (384, 224)
PICTURES = 40
ROUNDED = ("Conv", "Clip", "Add")


class Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Pictures of files, one after the other, as the network takes them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._next = self._all(files)

    @staticmethod
    def _all(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
        for file in files:
            picture, _ = fitted(*read(file), SIZE_PX)
            yield {"input:0": np.ascontiguousarray(picture[None, ..., ::-1], np.int32)}

    def get_next(self) -> dict[str, Any] | None:
        return next(self._next, None)


def trunk_nodes(network: Any) -> list[str]:
    """Names of the layers that lead to what the trunk puts out."""
    wanted = set(trunk_outputs(network))
    names = []
    for node in reversed(network.graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            if node.op_type in ROUNDED:
                names.append(node.name)
    return names[::-1]


def round_off(start: Path, out: Path, files: Sequence[Path]) -> None:
    """Write the network with its trunk in 8 bits."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(start), str(ready), skip_optimization=True, skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(out),
            Pictures(files),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_quantize=trunk_nodes(onnx.load(str(ready))),
        )


def main() -> int:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("set", type=Path, help="images/ and labels/, as `dataset` draws them")
    parser.add_argument("--start", type=Path, required=True, help="MoveNet, or one tuned")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    files = listed(options.set, ["train", "real"])
    round_off(options.start, options.out, files[:: max(1, len(files) // PICTURES)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
