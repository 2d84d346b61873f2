"""The grams of each shelf's plates over time, as a shop would read them off its converters."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import PlateCalibration
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import PlateId, ShelfId
from tebura_contract.layout import Layout
from tebura_contract.recording import CountBatch

from tebura_simulator.recordings import calibrations_of
from tebura_simulator.reels import Reel

LATE_NS = 5 * SECOND_NS


@dataclass(frozen=True)
class ShelfTrace:
    """One shelf.

    Attributes:
        at_ns: Store time of each sample, rising, shape (n,).
        grams: One column a plate, shape (n, plates). Where nothing was read the last reading
            stays; a plate that was never read weighs nothing.
        rate_hz: Samples a second.
    """

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    at_ns: NDArray[np.int64]
    grams: NDArray[np.float64]
    rate_hz: float


@dataclass(frozen=True)
class Weighed:
    """All a recording's plates told; `start_ns` is store time of the first sample."""

    start_ns: int
    traces: tuple[ShelfTrace, ...]


def weighed(reel: Reel, layout: Layout) -> Weighed:
    """All shelves whose plates were recorded and calibrated.

    Samples are put in order of their own time, those told twice count once.

    Raises:
        CalibrationError: If a calibration inside was altered.
    """
    plates = {
        name: plate
        for calibration in calibrations_of(reel).values()
        for name, plate in calibration.plates.items()
    }
    shelf_of = {name: shelf for name, (shelf, _) in layout.plates().items()}
    scales = _batches_by_scale(reel)
    pieces: dict[ShelfId, list[ShelfTrace]] = {}
    for batches in scales.values():
        at_ns, counts = _joined(batches)
        columns: dict[ShelfId, list[int]] = {}
        for index, name in enumerate(batches[0].plates):
            if name in plates and name in shelf_of:
                columns.setdefault(shelf_of[name], []).append(index)
        for shelf, mine in columns.items():
            names = tuple(batches[0].plates[index] for index in mine)
            piece = _trace(shelf, names, at_ns, counts[:, mine], plates)
            pieces.setdefault(shelf, []).append(piece)
    first = [int(batches[0].at_ns[0]) for batches in scales.values()]
    return Weighed(
        min(first, default=int(reel.meta().start_ns)),
        tuple(_as_one(pieces[shelf]) for shelf in sorted(pieces)),
    )


def first_sample_ns(reel: Reel) -> int:
    """Store time of the first sample: the zero of the truth's seconds."""
    topics = _count_topics(reel)
    first: dict[str, int] = {}
    for recorded in reel.messages(topics) if topics else ():
        if isinstance(recorded.message, CountBatch) and recorded.message.at_ns:
            first.setdefault(recorded.topic, int(recorded.message.at_ns[0]))
        # A scale that says nothing for long will not be the first.
        is_late = bool(first) and recorded.at_ns > min(first.values()) + LATE_NS
        if is_late or len(first) == len(topics):
            break
    return min(first.values(), default=int(reel.meta().start_ns))


def _count_topics(reel: Reel) -> list[str]:
    return [topic for topic in reel.topics() if topic.startswith("/counts/")]


def _batches_by_scale(reel: Reel) -> dict[str, list[CountBatch]]:
    found: dict[str, list[CountBatch]] = {}
    topics = _count_topics(reel)
    for recorded in reel.messages(topics) if topics else ():
        if isinstance(recorded.message, CountBatch) and recorded.message.at_ns:
            found.setdefault(recorded.message.scale, []).append(recorded.message)
    return found


def _joined(batches: list[CountBatch]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """All samples of a scale in order of time; null becomes NaN."""
    at_ns = np.array([ns for batch in batches for ns in batch.at_ns], np.int64)
    counts = np.array([row for batch in batches for row in batch.counts], np.float64)
    at_ns, order = np.unique(at_ns, return_index=True)
    return at_ns, counts[order]


def _trace(
    shelf: ShelfId,
    names: tuple[PlateId, ...],
    at_ns: NDArray[np.int64],
    counts: NDArray[np.float64],
    plates: Mapping[PlateId, PlateCalibration],
) -> ShelfTrace:
    tare = np.array([plates[name].tare_counts for name in names])
    gain = np.array([plates[name].counts_per_g for name in names])
    step_ns = float(np.median(np.diff(at_ns))) if len(at_ns) > 1 else SECOND_NS
    return ShelfTrace(shelf, names, at_ns, _held((counts - tare) / gain), SECOND_NS / step_ns)


def _held(grams: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaps keep the reading before them, or at the beginning the first one."""
    is_read = ~np.isnan(grams)
    if is_read.all():
        return grams
    rows = np.arange(len(grams))[:, None]
    source = np.maximum.accumulate(np.where(is_read, rows, -1), axis=0)
    source = np.where(source < 0, is_read.argmax(axis=0), source)
    held = np.take_along_axis(grams, source, axis=0)
    return np.where(is_read.any(axis=0), held, 0.0)


def _as_one(pieces: list[ShelfTrace]) -> ShelfTrace:
    """Several scales under one board, on the time of the one with the most samples."""
    if len(pieces) == 1:
        return pieces[0]
    lead = max(pieces, key=lambda piece: len(piece.at_ns))
    columns = []
    for piece in pieces:
        latest = np.searchsorted(piece.at_ns, lead.at_ns, side="right") - 1
        columns.append(piece.grams[np.maximum(latest, 0)])
    names = tuple(name for piece in pieces for name in piece.plates)
    return ShelfTrace(lead.shelf, names, lead.at_ns, np.hstack(columns), lead.rate_hz)
