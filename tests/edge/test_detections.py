import dataclasses

import numpy as np
import pytest
from tebura_contract.codec import decode, encode
from tebura_contract.ids import CameraId, NodeId
from tebura_contract.recording import RecordedDetections
from tebura_edge.detections import Detections, from_recorded, to_recorded

AISLE = CameraId("aisle")


def two_people() -> Detections:
    """The second one's trousers are not to be seen."""
    keypoints = np.zeros((2, 17, 3), np.float32)
    keypoints[1, 9] = (12.25, 30.5, 0.75)
    return Detections(
        camera=AISLE,
        captured_ns=1_700_000_000_123_456_789,
        boxes_xyxy_px=np.array([[0, 0, 10, 20], [5, 6, 50, 60]], np.float32),
        scores=np.array([0.5, 0.75], np.float32),
        keypoints_px=keypoints,
        clothes=np.array([[50, 20, 10] * 2, [30, 0, -10, *[np.nan] * 3]], np.float32),
    )


@pytest.mark.parametrize(
    ("boxes", "keypoints"),
    [
        pytest.param(np.zeros((1, 4)), np.zeros((2, 17, 3)), id="one-box-short"),
        pytest.param(np.zeros((2, 4)), np.zeros((2, 16, 3)), id="a-keypoint-missing"),
        pytest.param(np.full((2, 4), np.nan), np.zeros((2, 17, 3)), id="nan"),
        pytest.param(np.array([[5, 0, 1, 1], [0, 0, 1, 1]]), np.zeros((2, 17, 3)), id="inside-out"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(boxes: np.ndarray, keypoints: np.ndarray) -> None:
    with pytest.raises(ValueError):
        Detections(AISLE, 0, boxes, np.zeros(2, np.float32), keypoints)


def test_clothes_are_of_as_many_people_as_there_are() -> None:
    found = two_people()
    with pytest.raises(ValueError, match="clothes"):
        dataclasses.replace(found, clothes=np.zeros((1, 6), np.float32))


def test_detections_cannot_be_changed_afterwards() -> None:
    boxes = np.array([[0, 0, 10, 20]], np.float32)
    found = Detections(AISLE, 0, boxes, np.ones(1, np.float32), np.zeros((1, 17, 3), np.float32))
    boxes[0, 0] = 9
    assert found.boxes_xyxy_px[0, 0] == 0
    with pytest.raises(ValueError):
        found.boxes_xyxy_px[0, 0] = 9


def test_recorded_form_survives_the_wire() -> None:
    found = two_people()
    raw = encode(to_recorded(found, NodeId("camera-1")))
    again = from_recorded(decode(raw, RecordedDetections))
    assert again.captured_ns == found.captured_ns
    np.testing.assert_allclose(again.boxes_xyxy_px, found.boxes_xyxy_px, atol=0.05)
    np.testing.assert_allclose(again.keypoints_px, found.keypoints_px, atol=0.06)
    assert again.clothes is None
    nobody = from_recorded(to_recorded(Detections.empty(AISLE, 5), NodeId("camera-1")))
    assert len(nobody) == 0


def test_rows_select_people() -> None:
    found = two_people()
    assert found[found.scores > 0.6].scores.tolist() == [0.75]
    np.testing.assert_array_equal(found[[1]].worn(0), found.worn(1))
    assert len(found[[]]) == 0
