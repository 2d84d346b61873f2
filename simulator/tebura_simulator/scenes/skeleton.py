"""A body's bones while they are being posed, in the body's own frame."""

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BONES, PARENTS, Body
from tebura_simulator.story.timeline import Hand

Array = NDArray[np.float64]

SIDE = {Hand.LEFT: 1.0, Hand.RIGHT: -1.0}
"""The direction of a body's left and right along x."""
SUFFIX = {Hand.LEFT: "l", Hand.RIGHT: "r"}
_INDEX = {name: index for index, name in enumerate(BONES)}


class Skeleton:
    """Rotations (B, 3, 3) and heads (B, 3) of all bones; at rest until they are placed."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.rotations = np.repeat(np.eye(3)[None], len(BONES), axis=0)
        self.heads_m = body.bones_m.copy()

    def posed(self, name: str) -> Array:
        return np.asarray(self.heads_m[_INDEX[name]])

    def turned(self, name: str) -> Array:
        return np.asarray(self.rotations[_INDEX[name]])

    def place(self, name: str, rotation: Array, head: Array | None = None) -> None:
        index = _INDEX[name]
        self.rotations[index] = rotation
        if head is not None:
            self.heads_m[index] = head

    def hang(self, name: str) -> None:
        """Put a bone's head where its parent carries it."""
        index = _INDEX[name]
        parent = PARENTS[index]
        assert parent is not None
        offset = self.body.bones_m[index] - self.body.bones_m[parent]
        self.heads_m[index] = self.heads_m[parent] + self.rotations[parent] @ offset

    def arm_lengths(self, hand: Hand) -> tuple[float, float]:
        s = SUFFIX[hand]
        return self._length(f"upperarm.{s}", f"forearm.{s}"), self._length(
            f"forearm.{s}", f"hand.{s}"
        )

    def leg_lengths(self, hand: Hand) -> tuple[float, float]:
        s = SUFFIX[hand]
        return self._length(f"thigh.{s}", f"shin.{s}"), self._length(f"shin.{s}", f"foot.{s}")

    def _length(self, bone: str, end: str) -> float:
        return float(np.linalg.norm(self.body.bone(end) - self.body.bone(bone)))
