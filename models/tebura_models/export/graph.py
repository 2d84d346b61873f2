"""A network that layers are added to, before and after its own."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tebura_models.train.extra import load_onnx

OURS = "tebura/"


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
        return self.add_several(kind, inputs, [out], front=front, **more)[0]

    def add_several(
        self, kind: str, inputs: list[str], outs: list[str], *, front: bool = False, **more: Any
    ) -> list[str]:
        """A node with several outputs; their names come back."""
        node = self.onnx.helper.make_node(kind, inputs, outs, name=f"{OURS}{outs[0]}", **more)
        (self._front if front else self._back).append(node)
        return outs

    def constant(self, name: str, values: NDArray[Any] | np.generic) -> str:
        tensor = self.onnx.numpy_helper.from_array(np.asarray(values), f"{OURS}{name}")
        self.network.graph.initializer.append(tensor)
        return f"{OURS}{name}"

    def tensor(self, ending: str) -> str:
        """The network's own tensor whose name ends so.

        Raises:
            KeyError: If there is none, or several.
        """
        names = {str(name) for node in self.network.graph.node for name in node.output}
        found = [name for name in names if name.endswith(ending)]
        if len(found) != 1:
            raise KeyError(ending)
        return found[0]

    def finish(self) -> None:
        """Put all layers in order; where ours make what the network's own made, ours do."""
        ours = {name for node in self._front for name in node.output}
        own = [node for node in self.network.graph.node if not ours & set(node.output)]
        del self.network.graph.node[:]
        self.network.graph.node.extend([*self._front, *own, *self._back])

    def leave_out(self, outputs: set[str]) -> None:
        """Leave out what none of `outputs` needs; after `finish`."""
        graph = self.network.graph
        wanted, kept = set(outputs), []
        for node in reversed(graph.node):
            if wanted & set(node.output):
                wanted |= set(node.input)
                kept.append(node)
        used = [tensor for tensor in graph.initializer if tensor.name in wanted]
        del graph.node[:], graph.initializer[:]
        graph.node.extend(kept[::-1])
        graph.initializer.extend(used)
