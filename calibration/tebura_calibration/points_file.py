"""CSV files of points that staff write by hand: pixels, and places in the store."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tebura_calibration.measurement import MeasurementError


def read_columns(path: Path, columns: Sequence[str]) -> NDArray[np.float64]:
    """Read named number columns (n, len(columns)) of a CSV file.

    Raises:
        MeasurementError: If the file, a column or a number is missing; names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise MeasurementError(f"{path}: line 1: no column {', '.join(missing)}")
            rows = [
                [_number(path, line, name, record[name]) for name in columns]
                for line, record in enumerate(reader, start=2)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MeasurementError(f"{path}: cannot be read: {error}") from error
    return np.asarray(rows, float).reshape(-1, len(columns))


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise MeasurementError(f"{path}: line {line}: {name}: {text!r} is no number") from error
    if not np.isfinite(value):
        raise MeasurementError(f"{path}: line {line}: {name}: must be finite")
    return value
