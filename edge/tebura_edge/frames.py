"""Frames on their way from cameras to inference, with a bound for each camera.

A live camera keeps its newest frame only: inference that is slow sees fewer frames, never older
ones. A replayed camera keeps up to `REPLAY_BOUND` and then makes its reader wait, so that a slow
machine is slower, not different.
"""

import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId

Image = NDArray[np.uint8]

LIVE_BOUND = 1
REPLAY_BOUND = 2


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture of a camera: (height, width, 3) BGR, and when it was taken in store time."""

    camera: CameraId
    captured_ns: int
    image_bgr: Image

    def __post_init__(self) -> None:
        if self.image_bgr.ndim != 3 or self.image_bgr.shape[2] != 3:
            raise ValueError(f"camera {self.camera}: a frame is (height, width, 3)")


class FrameDesk:
    """Where camera threads lay frames down and the inference thread picks them up."""

    def __init__(self, replayed: Collection[CameraId] = ()) -> None:
        self._replayed = frozenset(replayed)
        self._changed = threading.Condition()
        self._waiting: dict[CameraId, deque[Frame]] = {}
        self._dropped: dict[CameraId, int] = {}
        self._is_closed = False

    def put(self, frame: Frame) -> bool:
        """Lay a frame down; False once the desk is closed.

        A live camera's older frame is dropped and counted; a replayed one waits for room.
        """
        with self._changed:
            waiting = self._waiting.setdefault(frame.camera, deque())
            if frame.camera in self._replayed:
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
        """What is ready, at most one frame a camera, oldest first; empty after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or any(self._waiting.values()), timeout_s
            )
            ready = [waiting.popleft() for waiting in self._waiting.values() if waiting]
            if ready:
                self._changed.notify_all()
        return sorted(ready, key=lambda frame: frame.captured_ns)

    def dropped(self) -> dict[CameraId, int]:
        """Frames a camera that inference never saw because a newer one came."""
        with self._changed:
            return dict(self._dropped)

    def close(self) -> None:
        """Let everybody who waits go; nothing is taken in any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
