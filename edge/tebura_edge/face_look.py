"""Looks for a face in a gate camera's frames while somebody is attended to."""

import threading
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from tebura_models.faces.reader import FaceReader

from tebura_edge.face_glow import glow_of
from tebura_edge.face_motion import FaceMotion
from tebura_edge.face_seen import FaceSeen
from tebura_edge.frames import Frame, Image

AS_NEAR: Final = 0.6
"""A second face counts from this share of the first one's size on: behind, people may queue."""
JUMP: Final = 0.9
"""A face that moved by more than its eyes are apart from one frame to the next is another one."""
WORKING_PX: Final = 640
"""Larger pictures are looked at this wide: eyes are then still some 60 px apart at arm's length."""


@dataclass(slots=True)
class Attention:
    """Until when (store time) a gate's camera looks closely; set by the main loop."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until_ns: int = 0
    _thumb_until_ns: int = 0

    def until(self, at_ns: int, *, thumb: bool = False) -> None:
        """Look for a face so long; with `thumb` for a hand beside it, too."""
        with self._lock:
            self._until_ns = at_ns
            self._thumb_until_ns = at_ns if thumb else 0

    def is_thumb_wanted(self, at_ns: int) -> bool:
        with self._lock:
            return at_ns <= self._thumb_until_ns

    def is_wanted(self, at_ns: int) -> bool:
        with self._lock:
            return at_ns <= self._until_ns


class FaceLook:
    """One gate camera's eye for faces; call it with each frame.

    While nobody is attended to it does not even look, and forgets what it followed. `middle_px`
    and `eyes_px` tell where the face of the last frame was (between the eyes, in the picture as it
    is worked on) and how far its eyes are apart.
    """

    def __init__(self, reader: FaceReader, attention: Attention) -> None:
        self._reader, self._attention = reader, attention
        self._motion = FaceMotion()
        self._track = 0
        self.middle_px: tuple[float, float] | None = None
        self.eyes_px = 0.0

    def __call__(self, frame: Frame) -> list[FaceSeen]:
        if not self._attention.is_wanted(frame.captured_ns):
            self._lose()
            return []
        image = working(frame.image_bgr)
        faces = self._reader.faces(image)
        read = self._reader.read(image, faces[0]) if faces else None
        if read is None:
            self._lose()
            return []
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        x, y = read.mesh.five_px()[:2].mean(axis=0).tolist()
        eyes_px = read.quality.eyes_px
        motion = None
        if self._is_another((x, y), eyes_px):
            self._track += 1
            self._motion.begin(grey, read.mesh.points_px, read.face.box_px, eyes_px)
        else:
            motion = self._motion.update(grey)
        self.middle_px, self.eyes_px = (x, y), eyes_px
        fault = read.fault
        return [
            FaceSeen(
                camera=frame.camera,
                at_ns=frame.captured_ns,
                track=self._track,
                aside=read.pose.aside,
                down=read.pose.down,
                fault=fault.value if fault else "",
                others=sum(face.eyes_px >= AS_NEAR * faces[0].eyes_px for face in faces[1:]),
                motion=motion,
                vector=None if fault else self._reader.vector(image, read),
                points=read.mesh.points_px,
                glow=glow_of(image, read.mesh.points_px, eyes_px),
            )
        ]

    def _is_another(self, middle: tuple[float, float], eyes_px: float) -> bool:
        if self.middle_px is None:
            return True
        way = np.hypot(middle[0] - self.middle_px[0], middle[1] - self.middle_px[1])
        return bool(way > JUMP * eyes_px)

    def _lose(self) -> None:
        if self.middle_px is not None:
            self.middle_px = None
            self._motion.stop()


def working(image_bgr: Image) -> Image:
    """The picture as it is worked on: no wider than `WORKING_PX`."""
    if image_bgr.shape[1] <= WORKING_PX:
        return image_bgr
    scale = WORKING_PX / image_bgr.shape[1]
    small = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
