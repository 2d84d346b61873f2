"""What a recording brings besides its messages: layout, calibrations, truth."""

import tempfile
from itertools import islice
from pathlib import Path

from tebura_contract.calibration import Calibration, load_calibration
from tebura_contract.codec import DecodeError, decode
from tebura_contract.config import ConfigError
from tebura_contract.ids import NodeId
from tebura_contract.layout import Layout, load_layout
from tebura_contract.recording import (
    CALIBRATION_ATTACHMENT,
    FAULTS_ATTACHMENT,
    LAYOUT_ATTACHMENT,
    TRUTH_ATTACHMENT,
    CountBatch,
)
from tebura_contract.truth import Truth
from tebura_edge.recorder import RecordingError

from tebura_simulator.reels import Reel
from tebura_simulator.story.script import FaultScript

FIRST_ROUNDS = 8
MAX_TRUTH_BYTES = 16 * 1024 * 1024


def layout_of(reader: Reel) -> Layout:
    """The layout inside a recording.

    Raises:
        RecordingError: If it holds none, or one with problems; they are all named.
    """
    raw = reader.attachment(LAYOUT_ATTACHMENT)
    if raw is None:
        raise RecordingError(f"{reader.path}: holds no {LAYOUT_ATTACHMENT}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LAYOUT_ATTACHMENT
        path.write_bytes(raw)
        try:
            return load_layout(path)
        except ConfigError as error:
            said = "; ".join(error.problems)
            raise RecordingError(f"{reader.path}: {LAYOUT_ATTACHMENT}: {said}") from error


def calibrations_of(reader: Reel) -> dict[NodeId, Calibration]:
    """The calibration of each node inside a recording.

    Raises:
        CalibrationError: If one was altered.
    """
    prefix, suffix = CALIBRATION_ATTACHMENT.split("{node}")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in reader.attachments():
            if name.startswith(prefix) and name.endswith(suffix):
                path = Path(folder) / Path(name).name
                path.write_bytes(reader.attachment(name) or b"")
                calibration = load_calibration(path)
                found[calibration.node] = calibration
    return found


def first_batches(reader: Reel) -> dict[str, CountBatch]:
    """The first counts of each scale, by topic."""
    topics = [topic for topic in reader.topics() if topic.startswith("/counts/")]
    found: dict[str, CountBatch] = {}
    # All scales speak within the first rounds of batches; only for one that does not is it worth
    # while to look it up by itself.
    for recorded in islice(reader.messages(topics), FIRST_ROUNDS * len(topics)):
        if isinstance(recorded.message, CountBatch):
            found.setdefault(recorded.topic, recorded.message)
        if len(found) == len(topics):
            break
    for topic in topics:
        if topic not in found:
            first = next(reader.messages([topic]), None)
            if first is not None and isinstance(first.message, CountBatch):
                found[topic] = first.message
    return {topic: found[topic] for topic in topics if topic in found}


def truth_of(reader: Reel) -> Truth | None:
    """What really happened; None where nobody wrote it down.

    Looked for in this order: ``NAME.truth.json`` beside the recording, the one inside,
    ``truth.json`` in its folder.

    Raises:
        RecordingError: If it is there but malformed.
    """
    beside = (reader.path.with_suffix(".truth.json"), reader.path.with_name(TRUTH_ATTACHMENT))
    inside = reader.attachment(TRUTH_ATTACHMENT)
    if beside[0].exists():
        return _parse(beside[0].read_bytes(), str(beside[0]))
    if inside is not None:
        return _parse(inside, f"{reader.path}: {TRUTH_ATTACHMENT}")
    if beside[1].exists():
        return _parse(beside[1].read_bytes(), str(beside[1]))
    return None


def faults_of(reader: Reel) -> tuple[FaultScript, ...]:
    """What broke outside the sensors' data: network, broker, gateway, power.

    Raises:
        RecordingError: If it is there but malformed.
    """
    raw = reader.attachment(FAULTS_ATTACHMENT)
    if raw is None:
        return ()
    try:
        return decode(raw, tuple[FaultScript, ...])
    except DecodeError as error:
        raise RecordingError(f"{reader.path}: {FAULTS_ATTACHMENT}: {error}") from error


def _parse(raw: bytes, name: str) -> Truth:
    try:
        return decode(raw, Truth, limit_bytes=MAX_TRUTH_BYTES)
    except DecodeError as error:
        raise RecordingError(f"{name}: {error}") from error
