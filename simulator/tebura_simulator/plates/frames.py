"""From counts to what comes in: rows of a scale in batches, each with the moment it arrives.

A batch comes a little after its last sample. Lines and readers lose, delay and repeat what they
carry; a device's clock may step, and its rows then bear the times that the node's own reckoning
(`tebura_edge.device_time`) makes of it. On a line nothing overtakes.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import NodeId, PlateId, ShelfId
from tebura_contract.recording import CountBatch
from tebura_edge.device_time import DeviceTime

from tebura_simulator.plates.breakage import Span, size_of, span_of
from tebura_simulator.plates.cells import stream
from tebura_simulator.plates.models import PlateModel
from tebura_simulator.story.scenario import FaultKind, FaultScript

Ints = NDArray[np.int64]
LUCK = 4
MOST_JITTER = 0.4
"""Of a sample's period: samples never change places."""


@dataclass(frozen=True)
class Scale:
    """A converter box: the plates of one shelf, in their order."""

    label: str
    shelf: ShelfId
    node: NodeId
    plates: tuple[PlateId, ...]
    rate_hz: float


def label_of(shelf: ShelfId) -> str:
    """What the box on a shelf is called."""
    return shelf.replace("/", "-").lower()


@dataclass(frozen=True)
class _Trouble:
    kind: FaultKind
    span: Span
    size: float


@dataclass(eq=False)
class Line:
    """One scale's way to its node: counts in, `(arrival_ns, CountBatch)` out."""

    scale: Scale
    model: PlateModel
    start_ns: int
    seed: int
    duration_s: float
    faults: Sequence[FaultScript]
    _jitter: np.random.Generator = field(init=False)
    _luck: np.random.Generator = field(init=False)
    _troubles: tuple[_Trouble, ...] = field(init=False)
    _lost: Ints = field(init=False)
    _device: DeviceTime | None = None
    _last_ns: int = 0

    def __post_init__(self) -> None:
        label = self.scale.label
        self._jitter = stream(self.seed, "jitter", label)
        self._luck = stream(self.seed, "line", label)
        self._troubles = tuple(
            _Trouble(f.kind, span_of(f, self.duration_s, self.model.rate_hz), size_of(f))
            for f in self.faults
            if _concerns(f, self.scale)
        )
        self._lost = self._pauses(stream(self.seed, "pauses", label))
        if self._of(FaultKind.SCALE_CLOCK_STEP):
            self._device = DeviceTime()

    def batches(self, begin: int, counts: NDArray[np.int64]) -> Iterator[tuple[int, CountBatch]]:
        """Send rows, the first of which is row `begin`, a whole number of batches."""
        at_ns = self._at_ns(begin, len(counts))
        rows = list(map(tuple, counts.tolist()))
        told_ns = self._told_ns(begin, at_ns).tolist()
        kept = self._kept(begin, len(rows)).tolist()
        size = self.model.batch_rows
        firsts = range(0, len(rows), size)
        # Luck is drawn for every batch, so that a fault disturbs nothing outside its time.
        luck = self._luck.random((len(firsts), LUCK)).tolist()
        for number, first in enumerate(firsts):
            part = slice(first, first + size)
            end_ns = int(at_ns[min(first + size, len(rows)) - 1])
            arrival_ns, copies = self._carried(begin + first, end_ns, luck[number])
            if not copies or not any(kept[part]):
                continue
            batch = CountBatch(
                scale=self.scale.label,
                plates=self.scale.plates,
                at_ns=self._dated(itertools.compress(told_ns[part], kept[part]), arrival_ns),
                counts=tuple(itertools.compress(rows[part], kept[part])),
            )
            for _ in range(copies):
                yield arrival_ns, batch

    def _dated(self, told_ns: Iterable[int], arrival_ns: int) -> tuple[Ns, ...]:
        """Store times of rows: the device's, or the node's reckoning where that clock steps."""
        device = self._device
        if device is None:
            return tuple(map(Ns, told_ns))
        return tuple(Ns(device.monotonic_ns(told // 1000, arrival_ns)) for told in told_ns)

    def _at_ns(self, begin: int, rows: int) -> Ints:
        """When samples were taken."""
        period_s = 1.0 / self.model.rate_hz
        most_s = MOST_JITTER * period_s
        off_s = np.clip(self._jitter.normal(0.0, 1.0, rows) * self.model.jitter_s, -most_s, most_s)
        at_s = np.arange(begin, begin + rows) * period_s + off_s
        return self.start_ns + np.round(np.maximum(at_s, 0.0) * SECOND_NS).astype(np.int64)

    def _told_ns(self, begin: int, at_ns: Ints) -> Ints:
        """When the device says they were taken."""
        told = at_ns.copy()
        for trouble in self._of(FaultKind.SCALE_CLOCK_STEP):
            told[trouble.span.within(begin, len(at_ns))] += round(trouble.size * SECOND_NS)
        return told

    def _kept(self, begin: int, rows: int) -> NDArray[np.bool_]:
        kept = np.ones(rows, np.bool_)
        first, stop = np.searchsorted(self._lost, [begin, begin + rows])
        kept[self._lost[first:stop] - begin] = False
        for trouble in self._of(FaultKind.SCALE_SILENT, FaultKind.NODE_OFF):
            kept[trouble.span.within(begin, rows)] = False
        return kept

    def _carried(self, row: int, end_ns: int, luck: Sequence[float]) -> tuple[int, int]:
        """When a batch arrives that ends at `end_ns`, and how many times."""
        low_s, high_s = self.model.delay_s
        delay_s = low_s + (high_s - low_s) * luck[0]
        copies = 1
        for trouble in self._troubles:
            if not trouble.span.first <= row < trouble.span.stop:
                continue
            if trouble.kind is FaultKind.SAMPLES_LATE:
                delay_s += trouble.size * luck[1]
            elif trouble.kind is FaultKind.SAMPLES_DROPPED and luck[2] < trouble.size:
                copies = 0
            elif trouble.kind is FaultKind.SAMPLES_REPEATED and luck[3] < trouble.size:
                copies = max(copies, 2) if copies else 0
        if copies:
            self._last_ns = max(self._last_ns, end_ns + round(delay_s * SECOND_NS))
        return self._last_ns, copies

    def _of(self, *kinds: FaultKind) -> list[_Trouble]:
        return [trouble for trouble in self._troubles if trouble.kind in kinds]

    def _pauses(self, rng: np.random.Generator) -> Ints:
        """Rows that the reader was too busy to read, in order."""
        if not self.model.pauses_hz:
            return np.zeros(0, np.int64)
        expected = self.duration_s * self.model.pauses_hz
        gaps_s = rng.exponential(
            1.0 / self.model.pauses_hz, int(expected + 10 * expected**0.5 + 20)
        )
        first = np.round(np.cumsum(gaps_s) * self.model.rate_hz).astype(np.int64)
        return np.unique(first[:, None] + np.arange(self.model.pause_rows))


def _concerns(fault: FaultScript, scale: Scale) -> bool:
    if fault.kind is FaultKind.NODE_OFF:
        return fault.on == scale.node
    return fault.on == scale.shelf
