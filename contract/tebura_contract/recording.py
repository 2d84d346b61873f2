"""What a recording holds: the channels and message types inside an MCAP file.

One file a visit or incident. Messages are JSON; video uses Foxglove's schemas, so the file opens in
viewers as it is. ``layout.toml``, ``calibration/NODE.json`` and ``truth.json`` ride as attachments.
The log time of each message is store time.
"""

import msgspec

from tebura_contract.clock import Ns
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, NodeId, PlateId

SCHEMA_VERSION = 1
LAYOUT_ATTACHMENT = "layout.toml"
TRUTH_ATTACHMENT = "truth.json"
CALIBRATION_ATTACHMENT = "calibration/{node}.json"
FAULTS_ATTACHMENT = "faults.json"
SCENARIO_ATTACHMENT = "scenario.toml"

COUNTS_TOPIC = "/counts/{scale}"
VIDEO_TOPIC = "/video/{camera}"
SCREEN_TOPIC = "/screen/{camera}"
DETECTIONS_TOPIC = "/detections/{camera}"
EVENTS_TOPIC = "/events/{node}"
WATERMARKS_TOPIC = "/watermarks/{node}"
POSITIONS_TOPIC = "/positions/{node}"
META_TOPIC = "/meta"


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """First message of a recording: what made it and whether it is a rendering."""

    schema_version: int = SCHEMA_VERSION
    title: str
    made_by: str
    is_simulated: bool
    start_ns: Ns


class CountBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Raw counts of one scale: one row a sample, one column a plate; null where none was read.

    `at_ns` is the store time of each row, non-decreasing except where the device's clock stepped.
    """

    scale: str
    plates: tuple[PlateId, ...]
    at_ns: tuple[Ns, ...]
    counts: tuple[tuple[int | None, ...], ...]


class FoxgloveTime(msgspec.Struct, frozen=True, kw_only=True):
    sec: int
    nsec: int


class CompressedVideo(msgspec.Struct, frozen=True, kw_only=True):
    """foxglove.CompressedVideo: one frame of H.264, Annex B, parameter sets with each key frame."""

    timestamp: FoxgloveTime
    frame_id: str
    data: bytes
    format: str = "h264"


class CompressedImage(msgspec.Struct, frozen=True, kw_only=True):
    """foxglove.CompressedImage: one JPEG, as the flight recorder writes it."""

    timestamp: FoxgloveTime
    frame_id: str
    data: bytes
    format: str = "jpeg"


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """Where a phone's screen is in a gate camera's frame.

    A replay shows on it the code of the moment. Corners in pixels, clockwise from the screen's own
    top left. `account` names whose phone it is in the recording's truth.
    """

    camera: CameraId
    account: str
    corners_px: tuple[Xy, Xy, Xy, Xy]


class RecordedDetections(msgspec.Struct, frozen=True, kw_only=True):
    """What a network found in one frame.

    Per person a box, a score and 17 COCO keypoints (x, y in pixels, score). `size_px` is the
    frame's width and height, null where it is that of the camera's calibration.
    """

    camera: CameraId
    node: NodeId
    captured_ns: Ns
    boxes_xyxy_px: tuple[tuple[float, float, float, float], ...]
    scores: tuple[float, ...]
    keypoints_px: tuple[tuple[tuple[float, float, float], ...], ...]
    size_px: tuple[int, int] | None = None
