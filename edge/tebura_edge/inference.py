"""What looks at frames: the people network and the code reader, in one thread for all cameras."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Protocol

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import Clock, ns_from_s
from tebura_contract.ids import CameraId
from tebura_models.heads import find_people
from tebura_models.loader import BEST_FIRST, Network, Provider, load_network

from tebura_edge.background import Background
from tebura_edge.camera import CameraReader
from tebura_edge.detections import Detections
from tebura_edge.frames import Frame, FrameDesk
from tebura_edge.role import CodeRead

TURN_S = 0.25
"""How often the thread wakes without frames, to notice cameras that went silent."""


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[people]`` table of a node's configuration.

    `size_px` (width, height) bounds the network's input: twice the pixels, twice the time.
    `skip_still` leaves the network out while nothing moves. Below `sure_score` a detection must
    show something that is not always there.
    """

    model: str = "movenet-multipose"
    size_px: tuple[int, int] = (384, 256)
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    providers: tuple[Provider, ...] = BEST_FIRST
    skip_still: bool = True
    sure_score: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.3


def open_people(settings: PeopleSettings) -> Network:
    """Open the configured network.

    Raises:
        ModelError: If its file is not the pinned one or no provider takes it.
    """
    return load_network(settings.model, threads=settings.threads, providers=settings.providers)


class Look(Protocol):
    """What is done with one camera's frames, in their order."""

    def __call__(self, frame: Frame) -> Sequence[Detections | CodeRead]: ...


class MotionGate:
    """Whether a frame differs from the last one that was looked at.

    Compared with what was *looked at*, not with the frame before, so a slow hand adds up until it
    is noticed; and at least every `LOOK_EVERY_NS` somebody looks anyway.
    """

    LOOK_EVERY_NS = ns_from_s(2)
    GRID = (80, 48)
    MOVED_GREYS = 6.0
    """Mean change of one cell, 8 x 8 pixels at 640 x 360. Sensor noise of 10 greys a pixel averages
    to under 2; a dark sleeve moving by 2 pixels over a grey floor gives 10 and more."""

    def __init__(self) -> None:
        self._looked_at: NDArray[np.float32] | None = None
        self._looked_ns = 0

    def must_look(self, frame: Frame) -> bool:
        """Decide for this frame, and remember it if it is looked at."""
        grey = cv2.cvtColor(frame.image_bgr, cv2.COLOR_BGR2GRAY)
        cells = cv2.resize(grey, self.GRID, interpolation=cv2.INTER_AREA).astype(np.float32)
        age_ns = frame.captured_ns - self._looked_ns
        if (
            self._looked_at is not None
            and 0 <= age_ns < self.LOOK_EVERY_NS
            and float(np.abs(cells - self._looked_at).max()) < self.MOVED_GREYS
        ):
            return False
        self._looked_at, self._looked_ns = cells, frame.captured_ns
        return True


class PeopleLook:
    """Finds people in one camera's frames; while nothing moves they are where they were."""

    def __init__(self, network: Network, settings: PeopleSettings) -> None:
        self._network = network
        self._size_px = settings.size_px
        self._sure_score = settings.sure_score
        self._gate = MotionGate() if settings.skip_still else None
        self._background = Background()
        self._last: Detections | None = None
        self.looked_count = 0

    def __call__(self, frame: Frame) -> list[Detections]:
        must_look = self._gate is None or self._gate.must_look(frame)
        if self._last is not None and not must_look:
            found = Detections(
                camera=frame.camera,
                captured_ns=frame.captured_ns,
                boxes_xyxy_px=self._last.boxes_xyxy_px,
                scores=self._last.scores,
                keypoints_px=self._last.keypoints_px,
                picture_px=self._last.picture_px,
            )
        else:
            self.looked_count += 1
            found = detect_people(self._network, frame, self._size_px)
            found = self._background.keep_sure(frame, found, self._sure_score)
        self._last = found
        return [found]


def detect_people(network: Network, frame: Frame, size_px: tuple[int, int]) -> Detections:
    """People of one frame, in its pixels, weak ones (0.05 and up) included."""
    people = find_people(network, frame.image_bgr, size_px)
    return Detections(
        camera=frame.camera,
        captured_ns=frame.captured_ns,
        boxes_xyxy_px=people.boxes_xyxy_px,
        scores=people.scores,
        keypoints_px=people.keypoints_px,
        picture_px=(frame.image_bgr.shape[1], frame.image_bgr.shape[0]),
    )


class InferenceThread:
    """Takes what is ready from the desk, looks, and hands the findings on.

    It also polls the cameras, so that one that stops sending is noticed within `TURN_S`.
    """

    def __init__(
        self,
        desk: FrameDesk,
        looks: Mapping[CameraId, Look],
        cameras: Sequence[CameraReader],
        *,
        clock: Clock,
        sink: Callable[[Detections | CodeRead], None],
    ) -> None:
        self._desk = desk
        self._looks = looks
        self._cameras = cameras
        self._clock = clock
        self._sink = sink
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self.turned_ns = clock.monotonic_ns()
        self.looked_count = 0
        self.look_ns = 0
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        self._stopping.set()
        self._desk.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def check(self) -> None:
        """Raise in the caller what ended the thread; a node without eyes must not live on.

        Raises:
            RuntimeError: From whatever the thread died of.
        """
        if self._failure is not None:
            raise RuntimeError("inference ended") from self._failure

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.turn()
        except Exception as error:
            self._failure = error

    def turn(self) -> None:
        """One round: poll the cameras, take what is ready, look at it."""
        for camera in self._cameras:
            camera.poll()
        for frame in self._desk.take(TURN_S):
            started_ns = self._clock.monotonic_ns()
            findings = self._looks[frame.camera](frame)
            self.look_ns += self._clock.monotonic_ns() - started_ns
            self.looked_count += 1
            for finding in findings:
                self._sink(finding)
        self.turned_ns = self._clock.monotonic_ns()
