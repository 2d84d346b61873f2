"""What a people network found in one frame: parallel arrays, checked when built.

Every stage after the network speaks this. A row is a person; keypoints are the 17 of COCO.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tebura_contract.clock import Ns
from tebura_contract.ids import CameraId, NodeId
from tebura_contract.recording import RecordedDetections

KEYPOINTS = 17
CLOTHES = 6


class Keypoint(IntEnum):
    """Column of a COCO keypoint; left and right are the person's own."""

    NOSE = 0
    LEFT_EYE = 1
    RIGHT_EYE = 2
    LEFT_EAR = 3
    RIGHT_EAR = 4
    LEFT_SHOULDER = 5
    RIGHT_SHOULDER = 6
    LEFT_ELBOW = 7
    RIGHT_ELBOW = 8
    LEFT_WRIST = 9
    RIGHT_WRIST = 10
    LEFT_HIP = 11
    RIGHT_HIP = 12
    LEFT_KNEE = 13
    RIGHT_KNEE = 14
    LEFT_ANKLE = 15
    RIGHT_ANKLE = 16


@dataclass(frozen=True, eq=False, slots=True)
class Detections:
    """People of one frame, in pixels of that frame.

    `boxes_xyxy_px` is (N, 4) as (x_min, y_min, x_max, y_max), `scores` (N,), `keypoints_px`
    (N, 17, 3) as (x, y, score). A keypoint nobody looked for has score 0. Arrays are float32 and
    read-only. `picture_px` is the frame's width and height, None where it is that of the camera's
    calibration. `clothes`, where somebody looked at them, is (N, 6): mean CIE L*a*b* above the hip
    and below it, not a number where it is not to be seen.

    Raises:
        ValueError: If shapes disagree, a number is not finite, or a box is inside out.
    """

    camera: CameraId
    captured_ns: int
    boxes_xyxy_px: NDArray[np.float32]
    scores: NDArray[np.float32]
    keypoints_px: NDArray[np.float32]
    picture_px: tuple[int, int] | None = None
    clothes: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        count = len(self.scores)
        expected = {
            "boxes_xyxy_px": (count, 4),
            "scores": (count,),
            "keypoints_px": (count, KEYPOINTS, 3),
        }
        if self.clothes is not None:
            expected["clothes"] = (count, CLOTHES)
        for name, shape in expected.items():
            # A copy: freezing an array that the caller still writes to would surprise both.
            array = np.array(getattr(self, name), dtype=np.float32)
            if array.shape != shape:
                raise ValueError(f"{name}: shape {array.shape}, expected {shape}")
            if name != "clothes" and not np.isfinite(array).all():
                raise ValueError(f"{name}: holds a number that is not finite")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if (self.boxes_xyxy_px[:, :2] > self.boxes_xyxy_px[:, 2:]).any():
            raise ValueError("boxes_xyxy_px: a box is inside out")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: ArrayLike) -> Self:
        """The people at these rows (indices or a mask)."""
        index = np.asarray(rows)
        if index.size == 0:
            index = index.astype(np.intp)
        return type(self)(
            camera=self.camera,
            captured_ns=self.captured_ns,
            boxes_xyxy_px=self.boxes_xyxy_px[index],
            scores=self.scores[index],
            keypoints_px=self.keypoints_px[index],
            picture_px=self.picture_px,
            clothes=None if self.clothes is None else self.clothes[index],
        )

    def worn(self, row: int) -> NDArray[np.float32]:
        """What colours the person of a row wears (6,); not a number where nothing tells."""
        none = np.full(CLOTHES, np.nan, np.float32)
        return none if self.clothes is None else np.asarray(self.clothes[row])

    @classmethod
    def empty(cls, camera: CameraId, captured_ns: int) -> Self:
        """Nobody in the frame."""
        return cls(
            camera=camera,
            captured_ns=captured_ns,
            boxes_xyxy_px=np.zeros((0, 4), np.float32),
            scores=np.zeros(0, np.float32),
            keypoints_px=np.zeros((0, KEYPOINTS, 3), np.float32),
        )


def to_recorded(detections: Detections, node: NodeId) -> RecordedDetections:
    """The form a recording holds; a tenth of a pixel and a thousandth of score are kept.

    What people wear is not.
    """
    boxes: Sequence[Sequence[float]] = np.round(detections.boxes_xyxy_px.astype(float), 1).tolist()
    keypoints = np.round(detections.keypoints_px.astype(float), 1)
    keypoints[:, :, 2] = np.round(detections.keypoints_px[:, :, 2].astype(float), 3)
    return RecordedDetections(
        camera=detections.camera,
        node=node,
        captured_ns=Ns(detections.captured_ns),
        boxes_xyxy_px=tuple((b[0], b[1], b[2], b[3]) for b in boxes),
        scores=tuple(np.round(detections.scores.astype(float), 3).tolist()),
        keypoints_px=tuple(
            tuple((k[0], k[1], k[2]) for k in person) for person in keypoints.tolist()
        ),
        size_px=detections.picture_px,
    )


def from_recorded(recorded: RecordedDetections) -> Detections:
    """The inverse of `to_recorded`.

    Raises:
        ValueError: If the recording's arrays do not fit each other.
    """
    count = len(recorded.scores)
    return Detections(
        camera=recorded.camera,
        captured_ns=int(recorded.captured_ns),
        boxes_xyxy_px=np.asarray(recorded.boxes_xyxy_px, np.float32).reshape(-1, 4),
        scores=np.asarray(recorded.scores, np.float32),
        keypoints_px=np.asarray(recorded.keypoints_px, np.float32).reshape(count, KEYPOINTS, 3),
        picture_px=recorded.size_px,
    )
