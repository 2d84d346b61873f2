"""Draws what a node makes of a video, tracks, feet and hands in shelves, into a new video."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s, seconds
from tebura_contract.config import ConfigError
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout, load_layout

from tebura_edge.closer import front_boxes
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.footing import KEYPOINT_SCORE, Footing
from tebura_edge.frames import Frame
from tebura_edge.geometry import CameraView, Front, camera_view, gondola_blocks, shelf_fronts
from tebura_edge.people import PeopleLook, PeopleSettings, open_arms, open_people
from tebura_edge.reaches import ReachSettings, hands_in_shelves
from tebura_edge.tracker import Track, Tracker

Image = NDArray[np.uint8]

BONES = (
    (Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER),
    (Keypoint.LEFT_SHOULDER, Keypoint.LEFT_ELBOW),
    (Keypoint.LEFT_ELBOW, Keypoint.LEFT_WRIST),
    (Keypoint.RIGHT_SHOULDER, Keypoint.RIGHT_ELBOW),
    (Keypoint.RIGHT_ELBOW, Keypoint.RIGHT_WRIST),
    (Keypoint.LEFT_SHOULDER, Keypoint.LEFT_HIP),
    (Keypoint.RIGHT_SHOULDER, Keypoint.RIGHT_HIP),
    (Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP),
    (Keypoint.LEFT_HIP, Keypoint.LEFT_KNEE),
    (Keypoint.LEFT_KNEE, Keypoint.LEFT_ANKLE),
    (Keypoint.RIGHT_HIP, Keypoint.RIGHT_KNEE),
    (Keypoint.RIGHT_KNEE, Keypoint.RIGHT_ANKLE),
)
COLOURS = ((80, 200, 80), (60, 140, 255), (230, 120, 60), (200, 80, 200), (60, 210, 230))
WHITE = (255, 255, 255)


class AnnotateError(ValueError):
    """A video that cannot be read or written; the text names the file."""


class TrackSpan(msgspec.Struct, frozen=True, kw_only=True):
    """From which to which frame (0-based) a track was seen, and in how many."""

    track: int
    first_frame: int
    last_frame: int
    frames: int


class AnnotateReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a video."""

    video: str
    frames: int
    rate_hz: float
    provider: str
    tracks: tuple[TrackSpan, ...]


def annotate_video(
    video: Path,
    out: Path,
    layout: Path | None = None,
    camera: str | None = None,
    *,
    people: PeopleSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AnnotateReport:
    """Run network and tracker over a video and draw what they say.

    With a layout and the label of the camera in it, feet on the floor and hands in shelves are
    drawn as well; without, tracking works in the picture alone.

    Args:
        video: What OpenCV reads.
        out: The MP4 to write.
        layout: The store's layout file.
        camera: The camera's label in it; may be left out if it has only one.
        people: The network and its input size.
        progress: Called with frames done and frames in all.

    Raises:
        AnnotateError: If the video cannot be read or `out` not written.
        ConfigError: If the layout has problems, or no such camera.
        ModelError: If the network cannot be used.
    """
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    if not video.is_file() or not capture.isOpened():
        raise AnnotateError(f"{video}: is no video that can be read")
    rate_hz = capture.get(cv2.CAP_PROP_FPS) or 10.0
    size = (
        round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )
    total = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    settings = people or PeopleSettings()
    network = open_people(settings)
    footing, fronts = _scene(layout, camera, size)
    sketch = _Sketch(size, rate_hz, footing, fronts)
    writer = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, size)
    if not writer.isOpened():
        raise AnnotateError(f"{out}: cannot be written")
    boxes = front_boxes(footing.view, fronts) if footing else None
    look = PeopleLook(network, settings, boxes, arms=open_arms(settings, network))
    count = 0
    try:
        for count, image in enumerate(_frames(capture), start=1):
            frame = Frame(CameraId("video"), ns_from_s((count - 1) / rate_hz), image)
            writer.write(sketch.draw(frame, look(frame)[0], count - 1))
            if progress is not None:
                progress(count, total)
    finally:
        capture.release()
        writer.release()
    return AnnotateReport(
        video=video.name,
        frames=count,
        rate_hz=rate_hz,
        provider=network.provider,
        tracks=tuple(sketch.spans.values()),
    )


def _frames(capture: cv2.VideoCapture) -> Iterator[Image]:
    while True:
        is_read, image = capture.read()
        if not is_read:
            return
        yield np.asarray(image, np.uint8)


def _scene(
    path: Path | None, label: str | None, size_px: tuple[int, int]
) -> tuple[Footing | None, list[Front]]:
    """The camera at the video's size and the fronts it watches."""
    if path is None:
        return None, []
    layout: Layout = load_layout(path)
    cameras = {str(camera.label): camera for camera in layout.camera}
    chosen = label if label is not None else (next(iter(cameras)) if len(cameras) == 1 else "")
    if chosen not in cameras:
        raise ConfigError(path, [f"camera {chosen!r}: choose one of {', '.join(cameras)}"])
    camera = cameras[chosen]
    fronts = shelf_fronts(layout)
    view = camera_view(camera.intrinsics, camera.store_from_camera).scaled(size_px)
    return Footing(view, gondola_blocks(layout)), [fronts[shelf] for shelf in camera.watches]


class _Sketch:
    """Tracks a video and draws on its frames."""

    def __init__(
        self,
        size_px: tuple[int, int],
        rate_hz: float,
        footing: Footing | None,
        fronts: list[Front],
    ) -> None:
        self._rate_hz = rate_hz
        self._view = None if footing is None else footing.view
        self._fronts = fronts
        foot_of = None if footing is None else footing.xy_m
        self._tracker = Tracker(picture_px=size_px, foot_of=foot_of)
        self.spans: dict[int, TrackSpan] = {}

    def draw(self, frame: Frame, found: Detections, index: int) -> Image:
        image = frame.image_bgr.copy()
        tracked = self._tracker.step(found)
        inside: dict[str, float] = {}
        for track in tracked.seen:
            if track.number is None:
                continue
            is_new = track in tracked.confirmed
            first = round(seconds(track.first_ns) * self._rate_hz) if is_new else index
            self._extend(track.number, index, first)
            _draw_track(image, track)
            if self._view is not None and track.foot_m is not None:
                _draw_foot(image, self._view, track)
                hands = hands_in_shelves(
                    self._view, self._fronts, track.foot_m, track.keypoints, ReachSettings()
                )
                for shelf, hand in hands.items():
                    inside[shelf] = max(inside.get(shelf, 0.0), hand.probability)
        for front in self._fronts:
            _draw_front(image, self._view, front, inside.get(front.shelf, 0.0))
        _label(
            image, f"{index}  {seconds(frame.captured_ns):.1f} s", (6, image.shape[0] - 8), WHITE
        )
        return image

    def _extend(self, number: int, index: int, first: int) -> None:
        known = self.spans.get(number)
        self.spans[number] = TrackSpan(
            track=number,
            first_frame=known.first_frame if known else first,
            last_frame=index,
            frames=(known.frames if known else index - first) + 1,
        )


def _draw_track(image: Image, track: Track) -> None:
    colour = COLOURS[(track.number or 0) % len(COLOURS)]
    x_min, y_min, x_max, y_max = (round(float(v)) for v in track.box)
    cv2.rectangle(image, (x_min, y_min), (x_max, y_max), colour, 2)
    for one, other in BONES:
        ends = track.keypoints[[one, other]]
        if (ends[:, 2] >= KEYPOINT_SCORE).all():
            cv2.line(image, _at(ends[0]), _at(ends[1]), colour, 1, cv2.LINE_AA)
    for wrist in (Keypoint.LEFT_WRIST, Keypoint.RIGHT_WRIST):
        if track.keypoints[wrist, 2] >= KEYPOINT_SCORE:
            cv2.circle(image, _at(track.keypoints[wrist]), 4, (0, 0, 255), -1, cv2.LINE_AA)
    _label(image, f"track {track.number}  {track.score:.2f}", (x_min, max(14, y_min - 5)), colour)


def _draw_foot(image: Image, view: CameraView, track: Track) -> None:
    assert track.foot_m is not None
    x_m, y_m = (float(v) for v in track.foot_m)
    foot_px = view.image_from_store([x_m, y_m, 0.0])
    if np.isfinite(foot_px).all():
        cv2.drawMarker(image, _at(foot_px), (0, 255, 255), cv2.MARKER_TILTED_CROSS, 12, 2)
        _label(image, f"{x_m:.2f}, {y_m:.2f} m", (_at(foot_px)[0] + 8, _at(foot_px)[1]), WHITE)


def _draw_front(image: Image, view: CameraView | None, front: Front, share: float) -> None:
    assert view is not None
    corners = view.image_from_store(front.corners_m())
    if np.isfinite(corners).all():
        is_reached = share >= ReachSettings().begin
        colour = (0, 0, 255) if is_reached else (190, 190, 190)
        outline = np.round(corners).astype(np.int32)
        cv2.polylines(image, [outline], True, colour, 2 if is_reached else 1, cv2.LINE_AA)
        text = f"{front.shelf} {share:.2f}" if is_reached else str(front.shelf)
        _label(image, text, (int(outline[0, 0]), int(outline[0, 1])), colour)


def _at(point: NDArray[np.floating]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _label(image: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    for thickness, shade in ((3, (0, 0, 0)), (1, colour)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, shade, thickness, cv2.LINE_AA)
