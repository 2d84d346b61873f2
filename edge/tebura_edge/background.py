"""What a camera sees when nobody is there, learnt as it looks, to tell weak sights from clutter.

A network's weak detections are people half out of view, and also bags, posters and reflections that
never move. Where the picture is as it always was, there is nobody new.
"""

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import seconds

from tebura_edge.detections import Detections
from tebura_edge.frames import Frame
from tebura_edge.glance import GRID

CHANGED_GREYS = 12.0
LEARN_S = 15.0
LEAST_SHARE = 0.4
"""Of a weak detection's box. On the real store recording heads and arms at the picture's edge have
0.41-0.88, static clutter at most 0.33, somebody dim behind glass 0.1-0.36."""


class Background:
    """The empty scene of one camera, in coarse grey cells; people seen are left out of it."""

    def __init__(self) -> None:
        self._cells: NDArray[np.float32] | None = None
        self._first_ns = 0
        self._last_ns = 0

    def keep_sure(self, frame: Frame, found: Detections, strong: float) -> Detections:
        """Drop weak detections where the picture shows nothing new, and learn from the frame."""
        cells = frame.glance.cells
        if self._cells is None:
            self._cells = cells
            self._first_ns = self._last_ns = frame.captured_ns
        changed = np.abs(cells - self._cells) > CHANGED_GREYS
        size_px = (frame.image_bgr.shape[1], frame.image_bgr.shape[0])
        boxes = [_cells_of(box, size_px) for box in found.boxes_xyxy_px]
        is_sure = [
            bool(score >= strong) or bool(changed[box].mean() >= LEAST_SHARE)
            for box, score in zip(boxes, found.scores, strict=True)
        ]
        self._learn(
            frame.captured_ns, cells, [box for box, k in zip(boxes, is_sure, strict=True) if k]
        )
        return found[np.flatnonzero(is_sure)]

    def _learn(
        self, now_ns: int, cells: NDArray[np.float32], people: list[tuple[slice, slice]]
    ) -> None:
        """Move towards the picture; quickly at first, when the background is one frame's guess."""
        assert self._cells is not None
        passed_s = max(0.0, seconds(now_ns - self._last_ns))
        age_s = max(passed_s, seconds(now_ns - self._first_ns))
        share = np.full(cells.shape, min(1.0, passed_s / min(LEARN_S, age_s or 1.0)), np.float32)
        for box in people:
            share[box] = 0
        self._cells = self._cells + share * (cells - self._cells)
        self._last_ns = now_ns


def _cells_of(box: NDArray[np.float32], size_px: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the grid that a box touches; at least one each."""
    scale = np.array(GRID) / size_px
    low = np.clip(np.floor(box[:2] * scale), 0, np.array(GRID) - 1).astype(int)
    high = np.clip(np.ceil(box[2:] * scale).astype(int), low + 1, GRID)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
