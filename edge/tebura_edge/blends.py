"""Sights of two people at once: whom one half hides, and who hides them, told as one body.

A network that sees two stand close together may tell one box from the head of one to the feet of
the other. Given to either, that track wanders from one person to the other, and the other's ends.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from tebura_models.heads import iou

Float32s = NDArray[np.float32]

SPAN_IOU, BETTER = 0.7, 0.1
"""So well a blend fills what both together fill, and by so much better than what either does."""
OWN_IOU = 0.8
"""Who was blended just now is seen alone again where a sight is so well theirs."""
ELSEWHERE_IOU = 0.5
"""Whoever has another sight that overlaps them so is seen by that."""


def blends(
    expected: Float32s, boxes: Float32s, was_blended: NDArray[np.bool_]
) -> Mapping[int, tuple[int, int]]:
    """The sights that are of two people, and of which two.

    Args:
        expected: Where people should be, boxes (N, 4) as xyxy.
        boxes: Where somebody is seen (M, 4).
        was_blended: Who (N,) was part of a blend just now; it ends where either is seen alone.

    Returns:
        By row of `boxes` two rows of `expected`.
    """
    if len(expected) < 2 or not len(boxes):
        return {}
    overlaps, beside = iou(expected, boxes), iou(expected, expected)
    found: dict[int, tuple[int, int]] = {}
    for row, box in enumerate(boxes):
        others = np.delete(overlaps, row, axis=1).max(axis=1, initial=0.0)
        near = np.flatnonzero((others < ELSEWHERE_IOU) & (overlaps[:, row] > 0.0))
        best = 0.0
        for one, other in combinations(near.tolist(), 2):
            if not beside[one, other]:
                continue
            pair = expected[[one, other]]
            span = np.concatenate([pair[:, :2].min(axis=0), pair[:, 2:].max(axis=0)])
            filled = float(iou(span[None], box[None])[0, 0])
            alone = float(overlaps[[one, other], row].max())
            is_new = filled >= max(SPAN_IOU, alone + BETTER)
            goes_on = bool(was_blended[[one, other]].all()) and alone < OWN_IOU
            if (is_new or goes_on) and filled > best:
                best, found[row] = filled, (one, other)
    return found
