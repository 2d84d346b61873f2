"""Counts from a CSV file: one reading a line, of any plate, at any rate.

The header names the columns ``timestamp,gondola,shelf,plate,grams`` (in any order; others are
ignored). Time is in seconds, grams may be empty or NaN for "not read". What plates of a real store
write has gaps, batches that overlap a little, and clocks that are set back; see `steady_time_s`.
"""

import csv
import math
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import PlateId, plate_id, shelf_id
from tebura_contract.layout import Layout

COLUMNS = ("timestamp", "gondola", "shelf", "plate", "grams")


@dataclass(frozen=True)
class Form:
    """How a file is written: what each of `COLUMNS` may be called in its header.

    `numbered` files may write the number of a gondola, shelf or plate as 1.0; the layout says 1.
    """

    names: Mapping[str, tuple[str, ...]]
    numbered: bool = False


PLAIN = Form({name: (name,) for name in COLUMNS})
MAX_PROBLEMS = 20
CLOCK_STEP_S = 1.0
"""Readings less than this behind the newest are late; more, and the clock was set back."""
BEGINS_WITHIN_S = 10.0
"""A plate that first occurs after a clock step goes with the plates around it in the file if that
puts it this near to them in time; else the file is sorted by plate and its clock as written."""
LATEST_S = 9e9
"""Store time is 64 bits of nanoseconds; what is beyond (year 2255) is milliseconds or nonsense."""
PROGRESS_ROWS = 250_000
_WHOLE = re.compile(r"\.0*$")


class PlateCsvError(ValueError):
    """A file that cannot be imported; each line of the text names the line and what is wrong."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(f"{path}:\n" + "\n".join(f"  {problem}" for problem in problems))


@dataclass(frozen=True, eq=False)
class Readings:
    """All readings of a file in file order.

    Attributes:
        plates: The plates that occur, in order of first occurrence.
        time_s: (n,) float64 wall time as written.
        plate: (n,) int32 index into `plates`.
        grams: (n,) float64; NaN where nothing was read.
        unknown: Plates that the layout does not hold, with the first line that names them.
    """

    plates: tuple[PlateId, ...]
    time_s: NDArray[np.float64]
    plate: NDArray[np.int32]
    grams: NDArray[np.float64]
    unknown: dict[PlateId, int]


def read_plates(
    path: Path, layout: Layout, progress: Callable[[int], None] = lambda _: None
) -> Readings:
    """Read a file of plate readings. `progress` is told the number of lines read now and then.

    Plates that the layout does not hold are left out and listed: real stores log channels that
    nothing is connected to.

    Raises:
        PlateCsvError: With every problem found (at most `MAX_PROBLEMS`), each naming its line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            readings = read_text(path, file, layout, PLAIN, progress)
    except OSError as error:
        raise PlateCsvError(path, [f"cannot be read: {error.strerror}"]) from error
    if not len(readings.time_s):
        named = ", ".join(f"{p} (line {n})" for p, n in list(readings.unknown.items())[:5])
        why = f"no plate of the layout occurs; it names {named}" if named else "holds no readings"
        raise PlateCsvError(path, [why])
    return readings


def read_text(
    path: Path, file: TextIO, layout: Layout, form: Form, progress: Callable[[int], None]
) -> Readings:
    """The readings of an open file; none of them where no plate is one of the layout.

    Raises:
        PlateCsvError: With every problem found (at most `MAX_PROBLEMS`), each naming its line.
    """
    try:
        return _read(path, file, layout, form, progress)
    except (UnicodeDecodeError, csv.Error) as error:
        raise PlateCsvError(path, [f"is no CSV text: {error}"]) from error


def _read(
    path: Path, file: TextIO, layout: Layout, form: Form, progress: Callable[[int], None]
) -> Readings:
    rows = csv.reader(file)
    places = _columns(path, next(rows, []), form)
    known = layout.plates()
    index: dict[tuple[str, str, str], int] = {}
    plates: list[PlateId] = []
    unknown: dict[PlateId, int] = {}
    times, columns, grams = array("d"), array("i"), array("d")
    problems: list[str] = []
    at_time, at_gondola, at_shelf, at_plate, at_grams = places
    for row in rows:
        if not row:
            continue
        try:
            key = (row[at_gondola], row[at_shelf], row[at_plate])
            time_s = float(row[at_time])
            text = row[at_grams]
            value = float(text) if text and not text.isspace() else math.nan
            if not 0.0 <= time_s < LATEST_S:
                raise ValueError(f"timestamp {row[at_time]!r} is no time in seconds")
        except (IndexError, ValueError) as error:
            problems.append(_problem(rows.line_num, row, places, error))
            if len(problems) >= MAX_PROBLEMS:
                break
            continue
        column = index.get(key)
        if column is None:
            name = _plate_name(key, form)
            column = len(plates) if name in known else -1
            if column < 0:
                unknown.setdefault(name, rows.line_num)
            elif name in plates:
                column = plates.index(name)
            else:
                plates.append(name)
            index[key] = column
        if column >= 0:
            times.append(time_s)
            columns.append(column)
            grams.append(value)
        if rows.line_num % PROGRESS_ROWS == 0:
            progress(rows.line_num)
    if problems:
        raise PlateCsvError(path, problems)
    values = np.frombuffer(grams, np.float64) if grams else np.zeros(0)
    return Readings(
        plates=tuple(plates),
        time_s=np.frombuffer(times, np.float64) if times else np.zeros(0),
        plate=np.frombuffer(columns, np.int32) if columns else np.zeros(0, np.int32),
        # An infinite weight is no weight: the sensor said nothing usable.
        grams=np.where(np.isfinite(values), values, np.nan),
        unknown=unknown,
    )


def has_columns(header: Sequence[str], form: Form) -> bool:
    """Whether a header names every column."""
    return None not in _places(header, form).values()


def _columns(path: Path, header: list[str], form: Form) -> tuple[int, ...]:
    places = _places(header, form)
    lacking = [form.names[name][0] for name, place in places.items() if place is None]
    if lacking:
        expected = f"line 1: the header must be {','.join(form.names[n][0] for n in COLUMNS)}"
        said = ",".join(header) or "nothing"
        raise PlateCsvError(path, [f"{expected}; {said!r} lacks {', '.join(lacking)}"])
    return tuple(place for place in places.values() if place is not None)


def _places(header: Sequence[str], form: Form) -> dict[str, int | None]:
    """Where each of `COLUMNS` is; None where it is not."""
    names = [name.strip().lower() for name in header]
    return {
        column: next((names.index(name) for name in form.names[column] if name in names), None)
        for column in COLUMNS
    }


def _plate_name(key: tuple[str, str, str], form: Form) -> PlateId:
    gondola, shelf, plate = (
        _WHOLE.sub("", part.strip()) if form.numbered else part.strip() for part in key
    )
    return plate_id(shelf_id(gondola, shelf), plate)


def _problem(line: int, row: list[str], places: tuple[int, ...], error: Exception) -> str:
    if isinstance(error, IndexError):
        return f"line {line}: {len(row)} values, expected {max(places) + 1}"
    for place, name in ((places[0], "timestamp"), (places[4], "grams")):
        try:
            float(row[place] or ("nan" if name == "grams" else ""))
        except ValueError:
            return f"line {line}: {name} {row[place]!r} is no number"
    return f"line {line}: {error}"


@dataclass(frozen=True)
class ClockStep:
    """At this reading (counted from 0) the file's clock was set back by `back_s`."""

    row: int
    back_s: float


def steady_time_s(readings: Readings) -> tuple[NDArray[np.float64], list[ClockStep]]:
    """Time of each reading on a clock that never runs backwards for any plate.

    A reading up to `CLOCK_STEP_S` late (batches overlap) takes the time of its plate's newest one;
    a clock set back further goes on from where it was, one sample later. A plate is late only
    behind itself: a file sorted by plate, or written plate after plate in batches, is no step back.
    Readings of a batch that all bear one time are spread up to the next batch.

    Returns:
        (n,) float64 seconds, and the steps that were taken out.
    """
    time_s = readings.time_s.copy()
    rows_of = [rows for _, rows in _rows_by_plate(readings)]
    stretches = {
        int(stretch[0]): stretch
        for rows in rows_of
        for stretch in np.split(rows, list(_set_backs(readings.time_s[rows])))
    }
    newest_s: dict[int, float] = {}
    last_row: dict[int, int] = {}
    steps: list[ClockStep] = []
    offset_s, period_s = 0.0, typical_period_s(readings)
    for row in sorted(stretches):
        stretch, plate, written_s = stretches[row], int(readings.plate[row]), readings.time_s[row]
        if plate not in newest_s:
            # A plate that begins after a step goes by the clock of those read around it.
            is_with_others = abs(written_s + offset_s - time_s[row - 1]) <= BEGINS_WITHIN_S
            own_offset_s = offset_s if row and is_with_others else 0.0
        else:
            since = last_row[plate]
            if not steps or steps[-1].row <= since:
                # Whoever was read in between says when it was that the clock was set.
                now_s = max(newest_s[plate], float(time_s[since:row].max()))
                back_s = float(readings.time_s[since:row].max() - written_s)
                steps.append(ClockStep(row, back_s))
                offset_s = now_s + period_s - float(written_s)
            own_offset_s = offset_s
        time_s[stretch] += own_offset_s
        newest_s[plate] = max(newest_s.get(plate, -np.inf), float(time_s[stretch].max()))
        last_row[plate] = int(stretch[-1])
    for rows in rows_of:
        time_s[rows] = _spread_s(np.maximum.accumulate(time_s[rows]))
    return time_s, steps


def _spread_s(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """One plate's times with batches that bear a single time spread evenly up to the next batch."""
    stamps_s, counts = np.unique(time_s, return_counts=True)
    if len(stamps_s) < 2 or np.median(counts) < 2:
        return time_s
    spacing_s = np.diff(stamps_s) / counts[:-1]
    typical_s = float(np.median(spacing_s))
    # A batch before a gap is no longer than others.
    spacing_s = np.append(np.minimum(spacing_s, 1.5 * typical_s), typical_s)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    place = np.arange(len(time_s)) - first
    spread_s: NDArray[np.float64] = time_s + place * np.repeat(spacing_s, counts)
    return spread_s


def _set_backs(time_s: NDArray[np.float64]) -> Iterator[int]:
    """Rows where time falls far behind the newest since the last such row."""
    start = 0
    while start < len(time_s):
        newest_s = np.maximum.accumulate(time_s[start:])
        behind = np.flatnonzero(time_s[start:] < newest_s - CLOCK_STEP_S)
        if not len(behind):
            return
        start += int(behind[0])
        yield start


def _rows_by_plate(readings: Readings) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Rows of each plate in file order."""
    order = np.argsort(readings.plate, kind="stable")
    ends = np.searchsorted(readings.plate[order], np.arange(len(readings.plates) + 1))
    for plate in range(len(readings.plates)):
        yield plate, order[ends[plate] : ends[plate + 1]]


def plate_periods_s(readings: Readings, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median time between each plate's readings, (plates,), by `time_s`; NaN for fewer than two."""
    periods = np.full(len(readings.plates), np.nan)
    for plate, rows in _rows_by_plate(readings):
        gaps = np.diff(time_s[rows])
        gaps = gaps[gaps > 0]
        if len(gaps):
            periods[plate] = np.median(gaps)
    return periods


def typical_period_s(readings: Readings) -> float:
    """Median over the plates of the time as written; 0.1 s where no plate has two readings."""
    periods = plate_periods_s(readings, readings.time_s)
    return float(np.nanmedian(periods)) if np.isfinite(periods).any() else 0.1
