"""A second look, from nearer, at the arms of whoever may have a hand in a shelf.

In a whole picture the network sees somebody four metres off 75 pixels high. Of hands in shelves
that are in sight (66 of seeds 1023 and 1024, drawn) it then puts the wrist 11 px of 640 off in the
median, one in four by more than 32. What is cut out around a person and enlarged shows the arm
twice as large for half of the time: 5 px, and one in four by more than 10. Only elbows and wrists
are taken from it: where somebody stands is told by the same looks as before.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout
from tebura_models.heads import People, find_people, iou
from tebura_models.loader import Network, Provider

from tebura_edge.detections import Detections, Keypoint
from tebura_edge.frames import Frame
from tebura_edge.geometry import CameraView, Floats, Front, camera_view, shelf_fronts

CLOSER_PX = 192
"""Side of what the network is shown. At 224 wrists are no nearer, at 160 one in four is farther off
by half."""
MOST_PEOPLE = 2
"""So many at a time; more take turns."""
_AROUND = 1.3
"""Side of what is cut out, of the longer side of a person's box: arms reach out of it."""
_BESIDE = 0.15
"""Of the same: so far off a shelf's front may be that a hand gets to."""
_LEAST_GAIN, _CLEAR_GAIN = 0.75, 1.25
"""Who would be seen no larger than the first many times is near enough already. What looks from
nearer knows arms better, also above heads, so that is less than once; below the second many times
the surer of both looks counts for each arm."""
_SAME_IOU, _SAME_SHARE = 0.5, 0.15
"""Whoever overlaps less, or whose torso lies farther off (of the height), is somebody else."""
_TORSO = [
    Keypoint.LEFT_SHOULDER,
    Keypoint.RIGHT_SHOULDER,
    Keypoint.LEFT_HIP,
    Keypoint.RIGHT_HIP,
]
_ARMS = (
    [Keypoint.LEFT_ELBOW, Keypoint.LEFT_WRIST],
    [Keypoint.RIGHT_ELBOW, Keypoint.RIGHT_WRIST],
)
Image = NDArray[np.uint8]


def shelves_seen(layout: Layout, calibration: Calibration | None, label: CameraId) -> Floats:
    """Where the fronts that a camera watches are in its picture; see `front_boxes`."""
    camera = next(camera for camera in layout.camera if camera.label == label)
    measured = calibration.cameras.get(label) if calibration else None
    seen = measured or camera
    fronts = shelf_fronts(layout, calibration.shelf_fronts if calibration else None)
    view = camera_view(seen.intrinsics, seen.store_from_camera)
    return front_boxes(view, [fronts[shelf] for shelf in camera.watches])


def front_boxes(view: CameraView, fronts: Iterable[Front]) -> Floats:
    """Boxes (N, 4) of fronts as (x_min, y_min, x_max, y_max), shares of the picture's sides."""
    boxes = []
    for front in fronts:
        corners = view.image_from_store(front.corners_m()) / view.intrinsics.size_px
        if np.isfinite(corners).all():
            boxes.append([*corners.min(axis=0), *corners.max(axis=0)])
    return np.array(boxes).reshape(-1, 4)


def can_look_closer(network: Network) -> bool:
    """TensorRT builds an engine for each size of picture, which takes minutes."""
    return network.provider is not Provider.TENSORRT


def who_to_look_at(
    found: Detections, fronts: Floats, picture_px: tuple[int, int], size_px: tuple[int, int]
) -> list[int]:
    """Rows of those near a front who are small in what the network saw, the best seen first.

    Args:
        found: People in the picture.
        fronts: As `front_boxes` has them.
        picture_px: The picture's width and height.
        size_px: What bounds the network's input.
    """
    rows = []
    for row, box in enumerate(found.boxes_xyxy_px.astype(float)):
        longer_px = float((box[2:] - box[:2]).max())
        if _gain(longer_px, picture_px, size_px) < _LEAST_GAIN:
            continue
        slack = _BESIDE * longer_px * np.array([-1, -1, 1, 1])
        x_min, y_min, x_max, y_max = (box + slack) / np.tile(picture_px, 2)
        is_beside = (fronts[:, 0] < x_max) & (fronts[:, 2] > x_min)
        if (is_beside & (fronts[:, 1] < y_max) & (fronts[:, 3] > y_min)).any():
            rows.append(row)
    return sorted(rows, key=lambda row: -float(found.scores[row]))


def _gain(longer_px: float, picture_px: tuple[int, int], size_px: tuple[int, int]) -> float:
    """How many times larger somebody is seen from nearer."""
    scale = min(size_px[0] / picture_px[0], size_px[1] / picture_px[1])
    return CLOSER_PX / max(scale * _AROUND * longer_px, 1e-9)


def look_closer(
    network: Network,
    frame: Frame,
    found: Detections,
    rows: Sequence[int],
    size_px: tuple[int, int],
) -> Detections:
    """The same people; the arms of those at `rows` as they are seen from nearer.

    Args:
        network: What looks from nearer.
        frame: Where they were found.
        found: The people.
        rows: See `who_to_look_at`.
        size_px: What bounded the input of the first look.
    """
    picture_px = (frame.image_bgr.shape[1], frame.image_bgr.shape[0])
    keypoints = found.keypoints_px.copy()
    for row in rows:
        box = found.boxes_xyxy_px[row].astype(float)
        cut, corner_px = _cut_out(frame.image_bgr, box)
        people = find_people(network, cut, (CLOSER_PX, CLOSER_PX))
        joints = _joints_of(people, corner_px, box, keypoints[row])
        if joints is None:
            continue
        is_clear = _gain(float((box[2:] - box[:2]).max()), picture_px, size_px) >= _CLEAR_GAIN
        for arm in _ARMS:
            wrist = arm[-1]
            if is_clear or joints[wrist, 2] >= keypoints[row, wrist, 2]:
                keypoints[row, arm] = joints[arm]
    return dataclasses.replace(found, keypoints_px=keypoints)


def _cut_out(image_bgr: Image, box: Floats) -> tuple[Image, Floats]:
    """A square around a person, black where there is no picture, and its corner (2,)."""
    side = max(round(_AROUND * float((box[2:] - box[:2]).max())), 2)
    low = np.round((box[:2] + box[2:] - side) / 2).astype(int)
    size = np.array(image_bgr.shape[1::-1])
    first, last = np.clip(low, 0, size), np.clip(low + side, 0, size)
    cut = np.zeros((side, side, 3), np.uint8)
    (x0, y0), (x1, y1) = first - low, last - low
    cut[y0:y1, x0:x1] = image_bgr[first[1] : last[1], first[0] : last[0]]
    return cut, low.astype(float)


def _joints_of(
    people: People, corner_px: Floats, box: Floats, joints: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """The joints (17, 3) of whoever of the people is the one in the box, if anybody surely is."""
    if not len(people.scores):
        return None
    boxes = people.boxes_xyxy_px + np.tile(corner_px, 2).astype(np.float32)
    overlaps = iou(box[None].astype(np.float32), boxes)[0]
    best = int((overlaps + 0.3 * people.scores).argmax())
    found = people.keypoints_px[best] + [*corner_px, 0.0]
    apart = np.linalg.norm((found - joints)[_TORSO, :2], axis=1)
    if overlaps[best] < _SAME_IOU or np.median(apart) > _SAME_SHARE * (box[3] - box[1]):
        return None
    return np.asarray(found, np.float32)
