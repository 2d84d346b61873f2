"""The public weight logs of a real store: CSV with timestamp, reading, gondola, shelf and plate.

"Data Visualization of Weight Sensor and Event Detection of Aifi Store" (Zenodo record 4300738,
CC BY 4.0): ten visits to the store whose layout `tebura-calibrate layout import autocheckout`
makes. Written from its description and tried on files made in that form; the original was not at
hand.
"""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from tebura_contract.ids import PlateId
from tebura_contract.layout import Layout

from tebura_simulator.plate_csv import Form, PlateCsvError, Readings, has_columns, read_text

FORM = Form(
    {
        "timestamp": ("timestamp", "time"),
        "gondola": ("gondola", "gondola_id", "gondola number"),
        "shelf": ("shelf", "shelf_index", "shelf number"),
        "plate": ("plate", "plate_index", "plate number", "plate_number"),
        "grams": ("reading", "reading(in grams)", "reading (in grams)", "weight", "grams"),
    },
    numbered=True,
)
SUFFIXES = (".csv", ".csv.gz", ".zip")


class WeightsFault(ValueError):
    """A folder in which nothing can be imported; the text says why."""


@dataclass(frozen=True)
class LogFile:
    """One CSV: a file, packed or not, or a member of an archive."""

    name: str
    path: Path
    member: str | None = None

    def open(self) -> AbstractContextManager[TextIO]:
        if self.member is not None:
            return _Member(self.path, self.member)
        if self.path.suffix == ".gz":
            return gzip.open(self.path, "rt", encoding="utf-8-sig", newline="")
        return self.path.open(encoding="utf-8-sig", newline="")


class _Member(AbstractContextManager[TextIO]):
    """A text member of a zip archive, which it closes with it."""

    def __init__(self, path: Path, member: str) -> None:
        self._archive = zipfile.ZipFile(path)
        self._text = io.TextIOWrapper(self._archive.open(member), encoding="utf-8-sig", newline="")

    def __enter__(self) -> TextIO:
        return self._text

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._archive.close()


@dataclass(frozen=True)
class Log:
    """Readings that belong together: of one visit, from one file or several."""

    name: str
    readings: Readings


def read_logs(
    folder: Path,
    layout: Layout,
    tell: Callable[[str], None],
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Log, ...]:
    """Read every log below a folder (or one file), in order of time.

    Files of other plates at the same time are parts of one visit and come as one. Files that are
    no such logs and plates the layout lacks are named through `tell` and left out.

    Raises:
        PlateCsvError: If a log has lines that cannot be read.
        WeightsFault: If there is no log, or none of its plates is in the layout.
    """
    found: list[Log] = []
    for file in _files(folder):
        readings = _read(file, layout, tell, progress)
        if readings is not None:
            found.append(Log(file.name, readings))
    if not found:
        raise WeightsFault(f"{folder}: no log with plates of the layout")
    return tuple(_joined(found))


def _files(folder: Path) -> Iterator[LogFile]:
    if not folder.exists():
        raise WeightsFault(f"{folder}: does not exist")
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    for path in paths:
        is_hidden = path.name.startswith((".", "__"))
        if not path.is_file() or is_hidden or not path.name.lower().endswith(SUFFIXES):
            continue
        stem = path.relative_to(folder if folder.is_dir() else folder.parent).as_posix()
        if path.suffix.lower() != ".zip":
            yield LogFile(_plain(stem), path)
            continue
        try:
            with zipfile.ZipFile(path) as archive:
                members = sorted(archive.namelist())
        except (zipfile.BadZipFile, OSError) as error:
            raise WeightsFault(f"{path}: is no archive that can be read: {error}") from error
        for member in members:
            name = member.rpartition("/")[2]
            if name.lower().endswith(".csv") and not name.startswith("."):
                yield LogFile(_plain(member), path, member)


def _plain(name: str) -> str:
    """A file's name without its ending, fit to be part of another."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return "-".join(part for part in name.replace("\\", "/").split("/") if part not in ("", ".."))


def _read(
    file: LogFile, layout: Layout, tell: Callable[[str], None], progress: Callable[[int], None]
) -> Readings | None:
    place = Path(f"{file.path}/{file.member}") if file.member else file.path
    try:
        with file.open() as text:
            header = next(csv.reader(text), [])
        if not has_columns(header, FORM):
            tell(f"{place}: no columns timestamp, reading, gondola, shelf, plate; left out")
            return None
        with file.open() as text:
            readings = read_text(place, text, layout, FORM, progress)
    except (UnicodeDecodeError, csv.Error, EOFError, zipfile.BadZipFile, OSError) as error:
        raise PlateCsvError(place, [f"cannot be read: {error}"]) from error
    for plate, line in readings.unknown.items():
        tell(f"{place}: line {line}: no plate {plate} in the layout; left out")
    return readings if len(readings.time_s) else None


def _joined(logs: Sequence[Log]) -> Iterator[Log]:
    """Logs in order of time, those of other plates at the same time put together."""
    ordered = sorted(logs, key=lambda log: float(log.readings.time_s.min()))
    group: list[Log] = []
    end_s = -np.inf
    for log in ordered:
        is_later = float(log.readings.time_s.min()) > end_s
        held = {plate for one in group for plate in one.readings.plates}
        if group and (is_later or held & set(log.readings.plates)):
            yield _one(group)
            group, end_s = [], -np.inf
        group.append(log)
        end_s = max(end_s, float(log.readings.time_s.max()))
    yield _one(group)


def _one(logs: Sequence[Log]) -> Log:
    if len(logs) == 1:
        return logs[0]
    plates: dict[PlateId, int] = {}
    columns, unknown = [], dict[PlateId, int]()
    for log in logs:
        mine = [plates.setdefault(plate, len(plates)) for plate in log.readings.plates]
        columns.append(np.asarray(mine, np.int32)[log.readings.plate])
        unknown |= log.readings.unknown
    time_s = np.concatenate([log.readings.time_s for log in logs])
    # One after another in the files, side by side in time.
    order = np.argsort(time_s, kind="stable")
    readings = Readings(
        plates=tuple(plates),
        time_s=time_s[order],
        plate=np.concatenate(columns)[order],
        grams=np.concatenate([log.readings.grams for log in logs])[order],
        unknown=unknown,
    )
    return Log(logs[0].name, readings)
