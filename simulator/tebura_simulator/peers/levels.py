"""A plain detector: the plates of a shelf rest, move, and rest again at another level."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import PlateId, ShelfId

from tebura_simulator.peers.planogram import Planogram
from tebura_simulator.peers.traces import ShelfTrace

BLOCK_S = 0.25
MIN_BLOCK_SAMPLES = 5
"""A block's median forgets up to two bad samples of five."""
REST_S = 1.0
MIN_REST_BLOCKS = 3
"""Blocks must agree for so long, and be so many, before a shelf counts as still."""
REST_G = 6.0
REST_NOISES = 6.0
"""Still: a plate's blocks lie within this, or within so many times that plate's own noise."""
PART_OF_LIGHTEST = 0.4
MIN_CHANGE_G = 8.0
"""A change is at least this share of the lightest product there, and never less grams."""
PART_OF_LARGEST = 0.15
TOUCHED_G = 4.0
"""A plate was touched if it changed by this share of the plate that changed most, and grams."""


@dataclass(frozen=True)
class Change:
    """Plates of one shelf came to rest at another level.

    Attributes:
        plates: Those that changed, neighbours that share a product.
        delta_g: Sum over them; negative when something left.
        shares: Of each plate in that sum.
        peak_ns: When they moved most.
    """

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    delta_g: float
    shares: tuple[float, ...]
    from_ns: int
    to_ns: int
    peak_ns: int


@dataclass(frozen=True)
class _Blocks:
    at_ns: NDArray[np.int64]
    grams: NDArray[np.float64]
    per_rest: int


def changes_of(trace: ShelfTrace, planogram: Planogram) -> list[Change]:
    """All changes of a shelf's plates that could be a product."""
    blocks = _blocks(trace)
    rests = _rests(blocks)
    lightest_g = planogram.lightest_g(trace.shelf)
    if lightest_g is None:
        return []
    least_g = max(MIN_CHANGE_G, PART_OF_LIGHTEST * lightest_g)
    return [
        change
        for (a, b), (c, d) in pairwise(rests)
        for change in _changes(trace, blocks, (a, b), (c, d), least_g, planogram)
    ]


def _blocks(trace: ShelfTrace) -> _Blocks:
    size = max(MIN_BLOCK_SAMPLES, round(BLOCK_S * trace.rate_hz))
    count = len(trace.at_ns) // size
    shape = (count, size, len(trace.plates))
    grams = np.median(trace.grams[: count * size].reshape(shape), axis=1)
    per_rest = max(MIN_REST_BLOCKS, round(REST_S * trace.rate_hz / size))
    return _Blocks(trace.at_ns[: count * size : size], grams, per_rest)


def _rests(blocks: _Blocks) -> list[tuple[int, int]]:
    """First and last block of each time all plates of the shelf were still."""
    grams, size = blocks.grams, blocks.per_rest
    if len(grams) < size:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(grams, size, axis=0)
    spread = windows.max(axis=-1) - windows.min(axis=-1)
    noise = np.median(np.abs(np.diff(grams, axis=0)), axis=0)
    is_still = (spread <= np.maximum(REST_G, REST_NOISES * noise)).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_still.view(np.int8), [0]))))
    starts, ends = edges[::2], edges[1::2]
    return [(int(a), int(b) + size - 2) for a, b in zip(starts, ends, strict=True)]


def _changes(
    trace: ShelfTrace,
    blocks: _Blocks,
    before: tuple[int, int],
    after: tuple[int, int],
    least_g: float,
    planogram: Planogram,
) -> list[Change]:
    old = blocks.grams[before[1] - blocks.per_rest + 1 : before[1] + 1]
    new = blocks.grams[after[0] : after[0] + blocks.per_rest]
    deltas = np.median(new, axis=0) - np.median(old, axis=0)
    floor_g = max(TOUCHED_G, PART_OF_LARGEST * float(np.abs(deltas).max()))
    # Where it crept, the one rest may begin before the other has ended.
    last_before = min(before[1], after[0] - 1)
    moved = np.abs(np.diff(blocks.grams[last_before : after[0] + 1], axis=0))
    found = []
    for sign in (-1.0, 1.0):
        touched = [
            plate
            for plate, delta in zip(trace.plates, deltas, strict=True)
            if sign * delta >= floor_g
        ]
        # A product stands on its own plates; what is put down may lie across any.
        groups = planogram.groups(touched) if sign < 0 else [touched] if touched else []
        for group in groups:
            columns = [trace.plates.index(plate) for plate in group]
            mine = deltas[columns]
            peak = last_before + 1 + int(moved[:, columns].sum(axis=1).argmax())
            if abs(mine.sum()) >= least_g:
                found.append(
                    Change(
                        shelf=trace.shelf,
                        plates=tuple(group),
                        delta_g=float(mine.sum()),
                        shares=tuple(float(share) for share in mine / mine.sum()),
                        from_ns=int(blocks.at_ns[last_before + 1]),
                        to_ns=int(blocks.at_ns[after[0]]),
                        peak_ns=int(blocks.at_ns[peak]),
                    )
                )
    return found
