"""Follows people from frame to frame where the network did not look, by how the picture flows.

A frame or two at a time: the next look sets everything right again.
"""

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from tebura_edge.detections import Detections
from tebura_edge.frames import Frame
from tebura_edge.glance import Glance

POINT_SCORE = 0.15
WINDOW_PX = (15, 15)
LEVELS = 2
LEAST_POINTS = 3
STRAYED = 0.25
"""Of a person's height: a point that moved by more against the rest was lost, not moved."""


class Follower:
    """One camera's people as last seen, and the picture they were seen in."""

    def __init__(self) -> None:
        self._glance: Glance | None = None
        self._found: Detections | None = None

    def saw(self, glance: Glance, found: Detections) -> None:
        """The network's word."""
        self._glance, self._found = glance, found

    def follow(self, frame: Frame) -> Detections:
        """The same people where they are in this frame."""
        if self._found is None or self._glance is None:
            return Detections.empty(frame.camera, frame.captured_ns)
        moved = dataclasses.replace(self._found, captured_ns=frame.captured_ns)
        same_size = self._glance.grey.shape == frame.glance.grey.shape
        if len(moved) and same_size:
            moved = _moved(moved, self._glance, frame.glance)
        self._glance, self._found = frame.glance, moved
        return moved

    def stay(self, frame: Frame) -> Detections:
        """The same people where they were: nothing has moved."""
        if self._found is None:
            return Detections.empty(frame.camera, frame.captured_ns)
        self._found = dataclasses.replace(self._found, captured_ns=frame.captured_ns)
        return self._found


def _moved(found: Detections, before: Glance, now: Glance) -> Detections:
    """Shift each person by what most of their points did, and each point by its own flow."""
    points = found.keypoints_px[:, :, :2] / now.divisor
    flat = np.ascontiguousarray(points.reshape(-1, 1, 2), np.float32)
    there, status, _ = cv2.calcOpticalFlowPyrLK(
        before.grey, now.grey, flat, np.empty_like(flat), winSize=WINDOW_PX, maxLevel=LEVELS
    )
    flow = (np.asarray(there) - flat).reshape(points.shape) * now.divisor
    is_tracked = np.asarray(status).reshape(points.shape[:2]) == 1
    is_good = is_tracked & (found.keypoints_px[:, :, 2] >= POINT_SCORE)
    boxes, keypoints = found.boxes_xyxy_px.copy(), found.keypoints_px.copy()
    for person in range(len(found)):
        shift, own = _flow_of(flow[person], is_good[person], float(np.ptp(boxes[person, 1::2])))
        boxes[person] += np.tile(shift, 2)
        keypoints[person, :, :2] += own
    if found.picture_px is not None:
        boxes = np.clip(boxes, 0, np.tile(np.asarray(found.picture_px, np.float32), 2))
    return dataclasses.replace(found, boxes_xyxy_px=boxes, keypoints_px=keypoints)


def _flow_of(
    flow: NDArray[np.float32], is_good: NDArray[np.bool_], height_px: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the person did as a whole (2,), and what each point did (17, 2)."""
    if is_good.sum() < LEAST_POINTS:
        return np.zeros(2, np.float32), np.zeros_like(flow)
    shift = np.median(flow[is_good], axis=0)
    strays = np.linalg.norm(flow - shift, axis=1) > STRAYED * height_px
    own = np.where((is_good & ~strays)[:, None], flow, shift)
    return shift.astype(np.float32), own.astype(np.float32)
