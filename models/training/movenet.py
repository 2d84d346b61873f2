"""MoveNet MultiPose as a torch module, read from its ONNX file, and written back to it.

Only what lies before the choice of people is read: a MobileNetV2 (the trunk), a feature pyramid
on four of its layers, and six heads at a quarter of the picture. What chooses people from them
stays in the file as it is.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as fn

STRIDE = 4
CENTRE, KEYPOINTS, REGRESSION, OFFSET, BOX, BOX_OFFSET = (
    "center_0/conv2d_4",
    "kpt_heatmap_0/conv2d_7",
    "kpt_regress_0/conv2d_8",
    "kpt_offset_0/conv2d_9",
    "box_scale_0/conv2d_5",
    "box_offset_0/conv2d_6",
)
"""Heads: where people's middles and their keypoints are (before the sigmoid), each keypoint from
the middle, its place in a cell, height and width, and the middle's place in a cell. All pairs are
(y, x) in cells."""
HEADS = (CENTRE, KEYPOINTS, REGRESSION, OFFSET, BOX, BOX_OFFSET)
ON_TRUNK = ("model_1/conv2d_3", "model_1/conv2d_2", "model_1/conv2d_1", "model_1/conv2d")
"""The pyramid's own first layers, finest first: what goes into them is what the trunk puts out."""


class MoveNet(nn.Module):
    """The layers of the file one after the other, or those that follow its trunk alone."""

    def __init__(self, file: Path, *, follows: int = 0) -> None:
        """Read the layers.

        Args:
            file: The network as it was converted.
            follows: So many of what the trunk puts out, finest first, are given; 0: pictures.
        """
        super().__init__()
        network = onnx.load(str(file))
        numbers = {t.name: numpy_helper.to_array(t) for t in network.graph.initializer}
        self.outputs = {head: _layer(network, head).output[0] for head in HEADS}
        self.inputs = trunk_outputs(network)[:follows]
        given = {*numbers, *self.inputs}
        self.nodes = _needed(network.graph.node, set(self.outputs.values()), given)
        self.names: dict[str, str] = {}
        self.weights = nn.ParameterDict()
        self.sizes: dict[str, Tensor] = {}
        for node in self.nodes:
            for name in node.input[1:] if node.op_type == "Conv" else []:
                key = f"w{len(self.names)}"
                if name not in self.names:
                    self.names[name] = key
                    weight = torch.from_numpy(numbers[name].copy())
                    self.sizes[key] = _size(weight)
                    self.weights[key] = nn.Parameter(weight / self.sizes[key])

    def forward(self, *given: Tensor) -> dict[str, Tensor]:
        """Each head's (N, channels, H / 4, W / 4).

        Args:
            given: Pictures (N, 3, H, W) in RGB, 0 to 255; or what the trunk says of them.
        """
        values = dict(zip(self.inputs, given, strict=True)) if self.inputs else {}
        if not self.inputs:
            (pictures,) = given
            values[self.nodes[0].input[0]] = pictures * 0.007843017578125 - 1
        for node in self.nodes:
            taken = [values[name] for name in node.input if name in values]
            values[node.output[0]] = self._run(node, taken)
        return {head: values[name] for head, name in self.outputs.items()}

    def _run(self, node: Any, taken: list[Tensor]) -> Tensor:
        match node.op_type:
            case "Conv":
                return self._conv(node, taken[0])
            case "Clip":
                return fn.relu6(taken[0])
            case "Relu":
                return fn.relu(taken[0])
            case "Add":
                return taken[0] + taken[1]
            case "Resize":
                return fn.interpolate(taken[0], scale_factor=2, mode="bilinear")
        raise ValueError(f"{node.name}: {node.op_type} is not known here")

    def _conv(self, node: Any, value: Tensor) -> Tensor:
        options = {a.name: list(a.ints) or a.i for a in node.attribute}
        keys = [self.names[name] for name in node.input[1:]]
        weight, *bias = [self.weights[key] * self.sizes[key] for key in keys]
        stride = options.get("strides", [1, 1])[0]
        side = weight.shape[-1]
        # As TensorFlow pads: what is left over goes below and to the right.
        lacking = [
            max(side - (stride if length % stride == 0 else length % stride), 0)
            for length in value.shape[:1:-1]
        ]
        sides = [part for over in lacking for part in (over // 2, over - over // 2)]
        value = fn.pad(value, sides)
        groups = int(options.get("group", 1))
        return fn.conv2d(value, weight, bias[0] if bias else None, stride, groups=groups)

    def learn_only(self, heads: Collection[str]) -> None:
        """Leave all weights as they are but those of these heads, named as in `HEADS`."""
        own = {
            self.names[name]
            for node in self.nodes
            if any(f"/{head.split('/')[0]}/" in node.name for head in heads)
            for name in node.input
            if name in self.names
        }
        for key, weight in self.weights.items():
            weight.requires_grad_(key in own)

    def write(self, source: Path, out: Path) -> None:
        """The file with these weights in place of its own, in half precision as it travelled."""
        network = onnx.load(str(source))
        for number in network.graph.initializer:
            if number.name in self.names:
                key = self.names[number.name]
                values = (self.weights[key].detach() * self.sizes[key]).numpy()
                half = values.astype(np.float16).astype(np.float32)
                number.CopyFrom(numpy_helper.from_array(half, number.name))
        onnx.save(network, str(out))


def _size(weight: Tensor) -> Tensor:
    """How large a layer's numbers are, of each of its channels.

    Where normalisation is folded into a network they differ ten-thousandfold, so what learns is
    each weight as a share of this.
    """
    whole = weight.square().mean().sqrt()
    if weight.dim() == 1:
        return whole
    channels = weight.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return channels.clamp(min=0.01 * float(whole))


def trunk_outputs(network: Any) -> tuple[str, ...]:
    """The names of what the trunk puts out, as `ON_TRUNK`."""
    return tuple(_layer(network, name).input[0] for name in ON_TRUNK)


def _layer(network: Any, name: str) -> Any:
    return next(n for n in network.graph.node if n.name.endswith(f"{name}/BiasAdd"))


def _needed(nodes: Any, wanted: set[str], given: set[str]) -> list[Any]:
    """The layers that lead to `wanted`, in order, from the first convolution on."""
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.output) and node.op_type in ("Conv", "Clip", "Relu", "Add", "Resize"):
            kept.append(node)
            # What a Resize is told of sizes is always twice what comes in.
            ins = node.input[:1] if node.op_type in ("Resize", "Clip") else node.input
            wanted |= set(ins) - given
    return kept[::-1]
