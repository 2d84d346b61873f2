"""Readings of many plates, put together into rows of one scale."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import NodeId, PlateId
from tebura_contract.recording import CountBatch

from tebura_simulator.plate_csv import Readings

BATCH_S = 0.5
MAX_BATCH_ROWS = 600
ROW_PERIODS = 1.2
"""How much of a sample's period the readings of one row may span: plates that are read one after
another share a row, and a row lacks a plate only where the file does."""


@dataclass(frozen=True, eq=False)
class ScaleRows:
    """Samples of one scale.

    `at_ns` is (rows,) int64 store time, `counts` (rows, plates) float64 with NaN for not read.
    """

    label: str
    node: NodeId
    plates: tuple[PlateId, ...]
    at_ns: NDArray[np.int64]
    counts: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        label: str,
        node: NodeId,
        readings: Readings,
        columns: list[int],
        time_s: NDArray[np.float64],
        period_s: float,
        counts_per_g: float,
    ) -> Self:
        """Gather the readings of some plates (`columns` of `readings`) at their `time_s`."""
        column_of = np.full(len(readings.plates), -1, np.int64)
        column_of[columns] = np.arange(len(columns))
        mine = np.flatnonzero(column_of[readings.plate] >= 0)
        mine = mine[np.argsort(time_s[mine], kind="stable")]
        column = column_of[readings.plate[mine]]
        row, starts_s = _rows(time_s[mine], column, period_s * ROW_PERIODS)
        counts = np.full((len(starts_s), len(columns)), np.nan)
        counts[row, column] = np.round(readings.grams[mine] * counts_per_g)
        return cls(
            label=label,
            node=node,
            plates=tuple(readings.plates[i] for i in columns),
            at_ns=np.round(starts_s * SECOND_NS).astype(np.int64),
            counts=counts,
        )

    def batches(self) -> Iterator[CountBatch]:
        """The rows in batches of at most `BATCH_S`, as a recording holds them."""
        start = 0
        while start < len(self.at_ns):
            stop = np.searchsorted(self.at_ns, self.at_ns[start] + int(BATCH_S * SECOND_NS))
            end = min(int(stop), start + MAX_BATCH_ROWS)
            yield count_batch(
                self.label, self.plates, self.at_ns[start:end], self.counts[start:end]
            )
            start = end


def count_batch(
    scale: str,
    plates: tuple[PlateId, ...],
    at_ns: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> CountBatch:
    """Arrays as the message of a recording; NaN becomes null."""
    rows = np.nan_to_num(counts).astype(np.int64).astype(object)
    rows[np.isnan(counts)] = None
    return CountBatch(
        scale=scale,
        plates=plates,
        at_ns=tuple(map(Ns, at_ns.tolist())),
        counts=tuple(map(tuple, rows.tolist())),
    )


def _rows(
    time_s: NDArray[np.float64], column: NDArray[np.int64], within_s: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Put readings, ordered by time, into rows; gives the row of each and the time of each row.

    A row ends when a plate would be in it twice, or `within_s` after it began.
    """
    rows, starts_s = [], []
    held_in = [-1] * (int(column.max()) + 1)
    row, end_s = -1, -np.inf
    for at_s, plate in zip(time_s.tolist(), column.tolist(), strict=True):
        if at_s > end_s or held_in[plate] == row:
            row += 1
            end_s = at_s + within_s
            starts_s.append(at_s)
        held_in[plate] = row
        rows.append(row)
    return np.array(rows, np.int64), np.array(starts_s)
