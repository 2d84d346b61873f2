"""What looks at frames: the people network and the code reader, in one thread for all cameras.

A frame that shows nothing new costs next to nothing. In one that does, people are looked for by the
network as soon as it is free; a newer frame of that camera that comes before its turn takes its
place, and the people of the older one are followed by the flow of the picture. So each frame has
its people, in order, and the network's time goes where it was longest ago that it looked.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import cv2
from tebura_contract.clock import Clock, ns_from_s
from tebura_contract.ids import CameraId
from tebura_models.loader import Network, Provider

from tebura_edge.camera import CameraReader
from tebura_edge.detections import Detections
from tebura_edge.frames import Frame, FrameDesk
from tebura_edge.looking import Looking
from tebura_edge.pace import Pace
from tebura_edge.people import PeopleLook, detect_in_all
from tebura_edge.role import CodeRead, FaceSeen, HandSeen

T = TypeVar("T")

FAST_NS = ns_from_s(0.1)
"""Where a look takes longer, two more from nearer would leave fewer than five looks a second."""
TURN_S = 0.25
"""How often the thread wakes without frames, to notice cameras that went silent."""


class Look(Protocol):
    """What is done with one camera's frames, in their order."""

    def __call__(self, frame: Frame) -> Sequence[Detections | CodeRead | FaceSeen | HandSeen]: ...


class InferenceThread:
    """Takes what is ready from the desk, has it looked at, and hands the findings on.

    Of each live camera at most one frame waits for the network. It also polls the cameras, so that
    one that stops sending is noticed within `TURN_S`.
    """

    def __init__(
        self,
        desk: FrameDesk,
        looks: Mapping[CameraId, Look],
        cameras: Sequence[CameraReader],
        *,
        clock: Clock,
        sink: Callable[[Detections | CodeRead | FaceSeen | HandSeen], None],
        seen: Callable[[Frame], None] = lambda _: None,
    ) -> None:
        """Prepare; `start` starts it.

        Args:
            desk: Where frames come from.
            looks: What is done with each camera's frames.
            cameras: Those to poll.
            clock: Times the looks.
            sink: Where findings go, in each camera's order.
            seen: Called with every frame first (the flight recorder).
        """
        self._desk = desk
        self._looks = looks
        self._cameras = cameras
        self._clock = clock
        self._sink = sink
        self._seen = seen
        self._waiting: dict[CameraId, Frame] = {}
        self._followed: Counter[CameraId] = Counter()
        self._overtaken: Counter[CameraId] = Counter()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._polls = Pace(ns_from_s(TURN_S))
        self.turned_ns = clock.monotonic_ns()
        self.looked_count = 0
        self.look_ns = 0
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    def start(self) -> None:
        # Pictures are small: to wake threads of OpenCV's own costs more than they take off.
        cv2.setNumThreads(1)
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

    def counts(self) -> dict[CameraId, Looking]:
        """What became of each camera's frames so far; any thread may ask."""
        dropped = self._desk.dropped()
        return {
            label: Looking(
                looked=look.looked_count if isinstance(look, PeopleLook) else 0,
                followed=self._followed[label],
                overtaken=self._overtaken[label],
                dropped=dropped.get(label, 0),
            )
            for label, look in self._looks.items()
        }

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.turn()
        except Exception as error:
            self._failure = error

    def turn(self) -> None:
        """One round: poll the cameras if it is time, sift what came, have the network look once."""
        if self._polls.is_due(self._clock.monotonic_ns()):
            for camera in self._cameras:
                camera.poll()
        for frame in self._desk.take(0 if self._waiting else TURN_S):
            self._seen(frame)
            self._sift(frame)
        self._look_once()
        self.turned_ns = self._clock.monotonic_ns()

    def _sift(self, frame: Frame) -> None:
        """Let the frame wait for the network, or say at once what there is to say."""
        look = self._looks[frame.camera]
        if frame.camera in self._desk.replayed or not isinstance(look, PeopleLook):
            # A replay waits for each look: it must not depend on how fast this machine is.
            for finding in self._timed(lambda: look(frame), 1):
                self._sink(finding)
            return
        overtaken = self._waiting.pop(frame.camera, None)
        if overtaken is not None:
            self._overtaken[frame.camera] += 1
            self._follow(look, overtaken)
        if look.must_look(frame):
            self._waiting[frame.camera] = frame
        else:
            self._follow(look, frame)
        self._desk.rest(frame.camera, is_resting=look.is_idle)

    def _follow(self, look: PeopleLook, frame: Frame) -> None:
        self._followed[frame.camera] += 1
        self._sink(look.followed(frame))

    def _look_once(self) -> None:
        """Look at the frames whose cameras have waited longest, several where that is faster."""
        batch = self._batch()
        if not batch:
            return
        looks = [
            look for frame in batch if isinstance(look := self._looks[frame.camera], PeopleLook)
        ]
        first, before_ns = looks[0], self.look_ns
        all_found = self._timed(
            lambda: detect_in_all(first.network, batch, first.size_px), len(batch)
        )
        is_fast = self.look_ns - before_ns <= FAST_NS
        for look, frame, found in zip(looks, batch, all_found, strict=True):
            del self._waiting[frame.camera]
            has_time = is_fast and not self._waiting
            self._sink(look.looked(frame, found, has_time=has_time))

    def _batch(self) -> list[Frame]:
        def waits_since_ns(frame: Frame) -> int:
            look = self._looks[frame.camera]
            looked_ns = look.looked_ns if isinstance(look, PeopleLook) else None
            return looked_ns or 0

        queue = sorted(self._waiting.values(), key=waits_since_ns)
        if not queue:
            return []
        look = self._looks[queue[0].camera]
        assert isinstance(look, PeopleLook)
        shape = queue[0].image_bgr.shape
        alike = [frame for frame in queue if frame.image_bgr.shape == shape]
        return alike[: batch_size(look.network)]

    def _timed(self, call: Callable[[], Sequence[T]], frames: int) -> Sequence[T]:
        started_ns = self._clock.monotonic_ns()
        out = call()
        self.look_ns += self._clock.monotonic_ns() - started_ns
        self.looked_count += frames
        return out


def batch_size(network: Network) -> int:
    """On a processor two pictures take twice the time, and the first waits for the second."""
    return 1 if network.provider is Provider.CPU else network.entry.batch
