"""Videos watched from end to end by the real network."""

from pathlib import Path

import cv2
import pytest
from tebura_contract.config import ConfigError
from tebura_edge.annotate import AnnotateError, annotate_video
from tebura_edge.people import PeopleSettings


@pytest.fixture
def cut(tmp_path: Path, shared_data: Path) -> Path:
    """The first 15 frames of the real store recording."""
    capture = cv2.VideoCapture(str(shared_data / "store-aifi" / "cps-test-2-cam6.mp4"))
    path = tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 360))
    for _ in range(15):
        writer.write(capture.read()[1])
    writer.release()
    return path


def test_annotated_video_is_as_long_and_shows_the_track(cut: Path, tmp_path: Path) -> None:
    out = tmp_path / "seen.mp4"
    report = annotate_video(cut, out, people=PeopleSettings(size_px=(256, 160), threads=2))
    drawn = cv2.VideoCapture(str(out))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == report.frames == 15
    assert (report.tracks[0].first_frame, report.tracks[0].last_frame) == (0, 14)


@pytest.mark.long
def test_the_real_shopper_is_held_from_first_to_last_sight(
    tmp_path: Path, shared_data: Path
) -> None:
    # Watched frame by frame: she stands in view until she steps below the camera at about 120;
    # from then on her head or only her hair is at the lower edge, with an arm that takes a bag at
    # 152-164; the last of her hair is gone after 190.
    video = shared_data / "store-aifi" / "cps-test-2-cam6.mp4"
    report = annotate_video(video, tmp_path / "seen.mp4")
    shopper = report.tracks[0]
    assert shopper.first_frame == 0
    assert 184 <= shopper.last_frame <= 190
    assert shopper.frames >= 125
    # The other one is behind glass, and never takes over her track.
    assert all(span.last_frame <= 155 for span in report.tracks[1:])


@pytest.mark.long
def test_six_people_who_come_one_after_another_are_six_tracks(
    tmp_path: Path, shared_data: Path
) -> None:
    # Watched: each comes in from below, stands at the table, and leaves at the right edge.
    video = shared_data / "video" / "one-by-one-person-detection.mp4"
    report = annotate_video(video, tmp_path / "seen.mp4")
    there = [(67, 190), (233, 445), (510, 695), (751, 865), (931, 1195), (1241, 1355)]
    assert len(report.tracks) == len(there)
    for span, (first, last) in zip(report.tracks, there, strict=True):
        assert span.first_frame == pytest.approx(first, abs=5)
        assert span.last_frame == pytest.approx(last, abs=8)


def test_whoever_walks_through_the_aisle_before_two_others_is_a_third(
    tmp_path: Path, shared_data: Path
) -> None:
    # Watched: two from the first frames to the last; before them a woman in brown, seen from
    # behind, with scores of 0.2 to 0.32. Her head comes in with frame 14, her shoulders with 20.
    video = shared_data / "video" / "store-aisle-detection.gif"
    report = annotate_video(video, tmp_path / "seen.mp4", people=PeopleSettings(threads=2))
    assert [span.first_frame <= 8 for span in report.tracks] == [True, True, False]
    assert 14 <= report.tracks[2].first_frame <= 40
    assert all(span.last_frame >= 64 for span in report.tracks)


def test_no_video_and_no_such_camera_are_named(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(AnnotateError, match=r"nothing\.mp4"):
        annotate_video(tmp_path / "nothing.mp4", tmp_path / "out.mp4")
    capture_of = tmp_path / "grey.avi"
    writer = cv2.VideoWriter(str(capture_of), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 32))
    writer.release()
    layout = repository / "simulator" / "tebura_simulator" / "demo" / "layout.toml"
    with pytest.raises((AnnotateError, ConfigError)):
        annotate_video(capture_of, tmp_path / "out.mp4", layout, "roof")
