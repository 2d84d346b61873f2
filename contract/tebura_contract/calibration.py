"""The calibration file: what was measured about a node's plates and cameras, and when.

A JSON document a node, written by ``tebura-calibrate``, dated in its name, never edited. Its body
carries its own SHA-256; a file that does not match is refused and the node keeps the one before.
"""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec

from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.geometry import Intrinsics, Pose, Xyz
from tebura_contract.ids import CameraId, NodeId, PlateId, ShelfId

SCHEMA = "tebura/calibration/1"
MAX_FILE_BYTES = 4 * 1024 * 1024


class CalibrationError(ValueError):
    """A calibration file that must not be used; the text names the file and why."""


class PlateCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """Grams = (counts - tare_counts) / counts_per_g. `noise_g` is the still plate's deviation."""

    tare_counts: float
    counts_per_g: Annotated[float, msgspec.Meta(gt=0)]
    noise_g: float = 0.0


class CameraCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """Intrinsics and pose as measured, with the error of the fit in pixels."""

    intrinsics: Intrinsics
    store_from_camera: Pose
    reprojection_error_px: float


class ShelfFront(msgspec.Struct, frozen=True, kw_only=True):
    """The opening a hand passes through.

    Four corners in store metres, clockwise from top left as seen by a shopper facing the shelf.
    """

    corners_m: tuple[Xyz, Xyz, Xyz, Xyz]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured for one node, and when; too old means calibrate again."""

    node: NodeId
    measured_ns: Ns
    max_age_days: int = 365
    plates: dict[PlateId, PlateCalibration] = {}
    cameras: dict[CameraId, CameraCalibration] = {}
    shelf_fronts: dict[ShelfId, ShelfFront] = {}

    def is_expired(self, now_ns: int) -> bool:
        return now_ns - self.measured_ns > self.max_age_days * 86_400 * SECOND_NS


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: str
    sha256: str
    body: msgspec.Raw


def dump_calibration(calibration: Calibration) -> bytes:
    """The bytes of the file."""
    body = encode(calibration)
    digest = hashlib.sha256(body).hexdigest()
    return encode(_File(schema=SCHEMA, sha256=digest, body=msgspec.Raw(body))) + b"\n"


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file and check that it is whole.

    Raises:
        CalibrationError: If it cannot be read, is altered, or is of another schema.
    """
    try:
        raw = path.read_bytes()
        file = decode(raw, _File, limit_bytes=MAX_FILE_BYTES)
        if file.schema != SCHEMA:
            raise CalibrationError(f"{path}: schema {file.schema!r}, expected {SCHEMA!r}")
        body = bytes(file.body)
        if hashlib.sha256(body).hexdigest() != file.sha256:
            raise CalibrationError(f"{path}: SHA-256 does not match; the file was altered")
        return decode(body, Calibration, limit_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise CalibrationError(f"{path}: {error}") from error
