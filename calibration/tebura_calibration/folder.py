"""The folder of a node's calibration files: dated, never edited, the newest one counts."""

import datetime as dt
import os
from pathlib import Path

import msgspec
from tebura_contract.calibration import Calibration, dump_calibration, load_calibration
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import NodeId


def newest(folder: Path, node: NodeId) -> Calibration | None:
    """The calibration in force, or None before the first.

    Raises:
        CalibrationError: If the newest file is damaged.
    """
    files = sorted(folder.glob(f"{node}.*.json"))
    return load_calibration(files[-1]) if files else None


def write(folder: Path, calibration: Calibration, now_ns: int) -> Path:
    """Write a calibration as a new file dated now; what was there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = dt.datetime.fromtimestamp(now_ns / SECOND_NS, tz=dt.UTC)
    path = folder / f"{calibration.node}.{moment:%Y-%m-%dT%H-%M-%S.%fZ}.json"
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(dump_calibration(msgspec.structs.replace(calibration, measured_ns=Ns(now_ns))))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return path
