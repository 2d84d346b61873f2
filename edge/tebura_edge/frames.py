"""Frames on their way from cameras to inference, with a bound for each camera.

A frame is never written to once it is made, so nobody copies it: the camera's thread hands it over,
and its memory goes back when the last who looks at it is done.

Of a live camera the newest few frames wait: while the network looks at one, those behind it are
kept to be followed, and what is older still makes room. A replayed camera keeps up to
`REPLAY_BOUND` and then makes its reader wait, so that a slow machine is slower, not different.
Before which live camera nothing happens is said here, too: its reader takes fewer pictures then.
"""

import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId

from tebura_edge.glance import Glance, glance_at

Image = NDArray[np.uint8]

LIVE_BOUND = 4
REPLAY_BOUND = 2


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture of a camera: (height, width, 3) BGR, and when it was taken in store time."""

    camera: CameraId
    captured_ns: int
    image_bgr: Image
    _glances: list[Glance] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.image_bgr.ndim != 3 or self.image_bgr.shape[2] != 3:
            raise ValueError(f"camera {self.camera}: a frame is (height, width, 3)")

    @property
    def glance(self) -> Glance:
        """The frame at a glance, made when first asked for: mostly by the camera's own thread."""
        if not self._glances:
            self._glances.append(glance_at(self.image_bgr))
        return self._glances[0]


class FrameDesk:
    """Where camera threads lay frames down and the inference thread picks them up."""

    def __init__(self, replayed: Collection[CameraId] = ()) -> None:
        self.replayed = frozenset(replayed)
        self._changed = threading.Condition()
        self._waiting: dict[CameraId, deque[Frame]] = {}
        self._dropped: dict[CameraId, int] = {}
        self._resting: set[CameraId] = set()
        self._is_closed = False

    def put(self, frame: Frame) -> bool:
        """Lay a frame down; False once the desk is closed.

        A live camera's older frame is dropped and counted; a replayed one waits for room.
        """
        with self._changed:
            waiting = self._waiting.setdefault(frame.camera, deque())
            if frame.camera in self.replayed:
                self._changed.wait_for(lambda: self._is_closed or len(waiting) < REPLAY_BOUND)
            elif len(waiting) >= LIVE_BOUND:
                waiting.popleft()
                self._dropped[frame.camera] = self._dropped.get(frame.camera, 0) + 1
            if self._is_closed:
                return False
            waiting.append(frame)
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> list[Frame]:
        """What is ready, oldest first; of a replayed camera one frame. Empty after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or any(self._waiting.values()), timeout_s
            )
            ready: list[Frame] = []
            for camera, waiting in self._waiting.items():
                count = min(1, len(waiting)) if camera in self.replayed else len(waiting)
                ready += [waiting.popleft() for _ in range(count)]
            if ready:
                self._changed.notify_all()
        return sorted(ready, key=lambda frame: frame.captured_ns)

    def rest(self, camera: CameraId, *, is_resting: bool) -> None:
        """Say whether a camera may rest: nobody is before it, and nothing moves."""
        (self._resting.add if is_resting else self._resting.discard)(camera)

    def is_resting(self, camera: CameraId) -> bool:
        """Whether fewer pictures of this camera will do; of a replayed one all are wanted."""
        return camera in self._resting and camera not in self.replayed

    def dropped(self) -> dict[CameraId, int]:
        """Frames a camera that inference never saw because a newer one came."""
        with self._changed:
            return dict(self._dropped)

    def close(self) -> None:
        """Let everybody who waits go; nothing is taken in any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
