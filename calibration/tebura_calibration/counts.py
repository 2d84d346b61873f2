"""Counts to calibrate with: live from a scale's serial line, or from a recording."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import serial
from numpy.typing import NDArray
from tebura_contract.ids import PlateId
from tebura_contract.recording import CountBatch
from tebura_edge.recorder import RecordingReader
from tebura_edge.serial_frame import FrameParser

from tebura_calibration.measurement import MeasurementError

CountsByPlate = dict[PlateId, NDArray[np.float64]]


def from_recording(path: Path, start_s: float, seconds: float) -> CountsByPlate:
    """Counts (n,) of each plate in a stretch of a recording, NaN where none was read.

    Raises:
        RecordingError: If the file is no recording.
        MeasurementError: If there are no counts in that stretch.
    """
    columns: dict[PlateId, list[float]] = {}
    first_ns: int | None = None
    with RecordingReader(path) as reader:
        for recorded in reader.messages():
            batch = recorded.message
            if not isinstance(batch, CountBatch):
                continue
            first_ns = int(batch.at_ns[0]) if first_ns is None else first_ns
            for at_ns, row in zip(batch.at_ns, batch.counts, strict=True):
                if not 0 <= (at_ns - first_ns) / 1e9 - start_s < seconds:
                    continue
                for plate, count in zip(batch.plates, row, strict=True):
                    columns.setdefault(plate, []).append(np.nan if count is None else count)
    if not columns:
        raise MeasurementError(f"{path}: no counts from {start_s:g} s for {seconds:g} s")
    return {plate: np.asarray(column) for plate, column in columns.items()}


def from_line(
    port: str,
    baud: int,
    plates: Sequence[PlateId],
    seconds: float,
    progress: Callable[[float], None] = lambda _share: None,
) -> CountsByPlate:
    """Read a scale for some seconds; the node that owns the port must be stopped.

    Raises:
        MeasurementError: If the port cannot be opened or no good frame came.
    """
    parser = FrameParser(channels=len(plates))
    rows: list[list[float]] = []
    try:
        with serial.Serial(port, baud, timeout=0.1, exclusive=True) as line:
            line.reset_input_buffer()
            started_s = time.monotonic()
            while (passed_s := time.monotonic() - started_s) < seconds:
                for frame in parser.feed(line.read(line.in_waiting or 1)):
                    rows.append([np.nan if c is None else float(c) for c in frame.counts])
                progress(passed_s / seconds)
    except (serial.SerialException, OSError) as error:
        raise MeasurementError(
            f"{port}: {error}; is the node stopped, and is the label right?"
        ) from error
    if not rows:
        raise MeasurementError(
            f"{port}: no frame of {len(plates)} plates in {seconds:g} s "
            f"({parser.counters.garbage_bytes} other bytes)"
        )
    table = np.asarray(rows)
    return {plate: table[:, column] for column, plate in enumerate(plates)}
