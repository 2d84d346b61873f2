"""Pictures of a recording's cameras for the page: small, some a second, drawn over."""

import base64

import cv2
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout

from tebura_simulator.reels import Reel
from tebura_simulator.view.findings import Findings
from tebura_simulator.view.overlay import Picture
from tebura_simulator.view.scene import Hand, Still
from tebura_simulator.view.shots import filmed, shots

STILLS_BYTES = 2_000_000
"""What all pictures of a page may take in base64; the longer the recording, the fewer a second."""
WIDE_PX = 360
_QUALITY = 55
_EACH_BYTES = 14_000
"""About what one takes, in base64."""
_CLOSEST_S = 0.3


def stills_of(
    reel: Reel,
    layout: Layout,
    findings: Findings,
    hands: tuple[Hand, ...],
    span_ns: tuple[int, int],
) -> dict[CameraId, tuple[Still, ...]]:
    """The pictures of each camera, in order of time; `span_ns` is when the recording begins, ends.

    Raises:
        RecordingError: If the recording cannot be read again.
    """
    start_ns, end_ns = span_ns
    cameras = filmed(reel)
    if not cameras:
        return {}
    room = STILLS_BYTES / _EACH_BYTES / len(cameras)
    every_ns = max(_CLOSEST_S * 1e9, (end_ns - start_ns) / room)
    found: dict[CameraId, list[Still]] = {camera: [] for camera in cameras}
    due_ns = dict.fromkeys(cameras, 0.0)
    for shot in shots(reel, layout, findings, hands, start_ns):
        if shot.at_ns >= due_ns[shot.camera]:
            due_ns[shot.camera] = shot.at_ns + every_ns - 1
            at_s = round((shot.at_ns - start_ns) / 1e9, 2)
            found[shot.camera].append(Still(at_s=at_s, jpeg=_jpeg(shot.picture)))
    return {camera: tuple(stills) for camera, stills in found.items()}


def _jpeg(picture: Picture) -> str:
    high, wide = picture.shape[:2]
    size = (WIDE_PX, round(high * WIDE_PX / wide))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return base64.b64encode(data.tobytes()).decode()
