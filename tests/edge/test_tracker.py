"""Identity through gaps, crossings and exits, on people made of boxes and torsos."""

from dataclasses import replace

import numpy as np
import pytest
from tebura_contract.clock import ns_from_s
from tebura_contract.ids import CameraId
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.geometry import Floats
from tebura_edge.tracker import MAX_TRACKS, Tracked, Tracker

PICTURE = (640, 360)


def frame(at_s: float, people: list[tuple[float, float]], y_px: float = 180.0) -> Detections:
    """People as (x of the centre in px, score), all 60 x 180 px."""
    boxes, keypoints = [], []
    for x, score in people:
        boxes.append((x - 30, y_px - 90, x + 30, y_px + 90))
        joints = np.zeros((17, 3), np.float32)
        joints[[Keypoint.LEFT_SHOULDER, Keypoint.RIGHT_SHOULDER]] = [
            (x - 18, y_px - 55, score),
            (x + 18, y_px - 55, score),
        ]
        joints[[Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP]] = [
            (x - 12, y_px, score),
            (x + 12, y_px, score),
        ]
        keypoints.append(joints)
    clipped = np.clip(np.array(boxes).reshape(-1, 4), 0, [640, 360, 640, 360])
    return Detections(
        CameraId("aisle"),
        ns_from_s(at_s),
        clipped.astype(np.float32),
        np.array([score for _, score in people], np.float32),
        np.array(keypoints, np.float32).reshape(-1, 17, 3),
    )


def together(*frames: Detections) -> Detections:
    """What was found in one picture; the time is the first one's."""
    return replace(
        frames[0],
        boxes_xyxy_px=np.concatenate([one.boxes_xyxy_px for one in frames]),
        scores=np.concatenate([one.scores for one in frames]),
        keypoints_px=np.concatenate([one.keypoints_px for one in frames]),
    )


def tracker() -> Tracker:
    return Tracker(picture_px=PICTURE)


def numbers_at(tracked: Tracked) -> dict[int, float]:
    return {
        track.number: float((track.box[0] + track.box[2]) / 2)
        for track in tracked.seen
        if track.number is not None
    }


@pytest.mark.parametrize("rate_hz", [5, 10, 30], ids=lambda hz: f"{hz}-hz")
def test_a_person_counts_after_a_quarter_second_at_any_rate(rate_hz: int) -> None:
    followed = tracker()
    confirmed_s = next(
        tick / rate_hz
        for tick in range(rate_hz * 2)
        if followed.step(frame(tick / rate_hz, [(300, 0.6)])).confirmed
    )
    assert 0.25 <= confirmed_s <= 0.41


def test_a_flicker_is_nobody() -> None:
    followed = tracker()
    for tick in range(40):
        people = [(300.0, 0.6)] if tick % 10 == 0 else []
        assert followed.step(frame(tick / 10, people)).confirmed == ()
    assert followed.tracks == [] or followed.tracks[0].number is None


def test_weak_sights_begin_nobody_but_keep_somebody() -> None:
    followed = tracker()
    for tick in range(20):
        followed.step(frame(tick / 10, [(300, 0.15)]))
    assert followed.tracks == []
    for tick in range(20, 40):
        followed.step(frame(tick / 10, [(300, 0.6)]))
    for tick in range(40, 140):
        tracked = followed.step(frame(tick / 10, [(300, 0.15)]))
    assert list(numbers_at(tracked)) == [1]


def test_who_is_seen_strongly_only_now_and_then_counts_and_clutter_that_flickers_does_not() -> None:
    def confirmed(strong_each: int) -> list[int]:
        followed = tracker()
        scores = [0.35 if tick % strong_each == 0 else 0.15 for tick in range(60)]
        return [
            track.number or 0
            for tick, score in enumerate(scores)
            for track in followed.step(frame(tick / 10, [(300, score)])).confirmed
        ]

    assert confirmed(5) == [1]
    assert confirmed(12) == []


def test_a_weak_sight_that_is_half_somebody_else_does_not_send_who_stands_away() -> None:
    followed = Tracker(picture_px=PICTURE, foot_of=floor)
    for tick in range(20):
        followed.step(frame(tick / 10, [(300, 0.6)]))
    # Somebody passes before them: half hidden they are seen weakly and off, then not, then again.
    followed.step(frame(2.0, [(275, 0.15)]))
    [track] = followed.step(frame(2.1, [(245, 0.12)])).seen
    assert np.hypot(*track.foot_velocity) < 0.1
    for tick in range(22, 26):
        followed.step(frame(tick / 10, []))
    tracked = [followed.step(frame(tick / 10, [(335, 0.6)])) for tick in range(26, 30)]
    assert list(numbers_at(tracked[-1])) == [1]


def test_who_is_half_hidden_is_not_whoever_comes_into_view_beside_them() -> None:
    following = tracker()
    for tick in range(6):
        following.step(frame(tick / 10, [(300, 0.5)]))
    for tick in range(6, 9):
        following.step(frame(tick / 10, [(300, 0.15)]))
    for tick in range(9, 15):
        tracked = following.step(frame(tick / 10, [(300, 0.15), (335, 0.5)]))
    assert numbers_at(tracked) == pytest.approx({1: 300.0, 2: 335.0}, abs=1.0)


def test_identity_survives_a_gap_while_walking() -> None:
    followed = tracker()
    for tick in range(15):
        followed.step(frame(tick / 10, [(100 + 8 * tick, 0.6)]))
    for tick in range(15, 27):
        followed.step(frame(tick / 10, []))
    tracked = followed.step(frame(2.7, [(100 + 8 * 20, 0.6)]))
    assert list(numbers_at(tracked)) == [1]


def test_who_walks_on_while_hidden_is_who_they_were() -> None:
    """Two thirds of their height in the second behind a shelf."""
    followed = tracker()
    for tick in range(41):
        people = [] if 20 < tick < 30 else [(60 + 12.0 * tick, 0.6)]
        tracked = followed.step(frame(tick / 10, people))
    assert list(numbers_at(tracked)) == [1]


def test_who_is_gone_too_long_has_ended_where_last_seen() -> None:
    followed = tracker()
    for tick in range(10):
        followed.step(frame(tick / 10, [(300, 0.6)]))
    ended = [
        (tick / 10, track)
        for tick in range(10, 40)
        for track in followed.step(frame(tick / 10, [])).ended
    ]
    [(at_s, track)] = ended
    assert track.last_ns == ns_from_s(0.9)
    assert 2.9 <= at_s <= 3.1
    assert followed.tracks == []


@pytest.mark.parametrize("hidden_ticks", [0, 4, 8], ids=["both-seen", "0.4-s", "0.8-s"])
def test_two_who_cross_keep_their_numbers(hidden_ticks: int) -> None:
    followed = tracker()
    for tick in range(60):
        left, right = 120 + 7.0 * tick, 540 - 7.0 * tick
        people = [(left, 0.6), (right, 0.55)]
        if abs(tick - 30) * 2 < hidden_ticks:
            people = [(left, 0.6)]  # the one in front hides the other
        tracked = followed.step(frame(tick / 10, people))
    at = numbers_at(tracked)
    assert sorted(at) == [1, 2]
    first_began_left = at[1] > at[2]  # who began left is right of the other in the end
    assert first_began_left


def behind(at_s: float) -> Detections:
    return frame(at_s, [(300, 0.6)], y_px=140.0)


def in_front(at_s: float) -> Detections:
    return frame(at_s, [(332, 0.6)], y_px=220.0)


def as_one(at_s: float) -> Detections:
    """From the head of who stands behind to the feet of who stands in front."""
    return replace(behind(at_s), boxes_xyxy_px=np.array([[270, 52, 356, 306]], np.float32))


def test_two_who_are_told_as_one_for_a_while_stay_two_and_who_they_were() -> None:
    followed = tracker()
    for tick in range(20):
        followed.step(together(behind(tick / 10), in_front(tick / 10)))
    for tick in range(20, 28):
        # It is neither: nobody has moved from here to there.
        assert followed.step(as_one(tick / 10)).seen == ()
    for tick in range(28, 38):
        assert list(numbers_at(followed.step(in_front(tick / 10)))) == [2]
    for tick in range(38, 42):
        tracked = followed.step(together(behind(tick / 10), in_front(tick / 10)))
    assert numbers_at(tracked) == pytest.approx({1: 300.0, 2: 332.0}, abs=1.0)


def test_two_who_are_told_as_one_for_long_are_one_who_stayed() -> None:
    followed = tracker()
    for tick in range(20):
        followed.step(together(behind(tick / 10), in_front(tick / 10)))
    for tick in range(20, 70):
        tracked = followed.step(as_one(tick / 10))
    assert len(numbers_at(tracked)) == 1
    assert len(followed.tracks) == 1


def test_two_boxes_of_one_person_are_one_track() -> None:
    followed = tracker()
    for tick in range(20):
        followed.step(frame(tick / 10, [(300, 0.6), (304, 0.4)]))
    assert len(followed.tracks) == 1


def floor(box: np.ndarray, keypoints: np.ndarray) -> Floats:
    """A floor straight below the picture: 100 px a metre."""
    return np.array([(box[0] + box[2]) / 200, 0.0])


@pytest.mark.parametrize("rate_hz", [5, 10, 30], ids=lambda hz: f"{hz}-hz")
def test_who_walks_is_known_to_walk_so_fast_and_to_be_where_they_are(rate_hz: int) -> None:
    followed = Tracker(picture_px=PICTURE, foot_of=floor)
    for tick in range(4 * rate_hz):
        at_s = tick / rate_hz
        [track] = followed.step(frame(at_s, [(60 + 120 * at_s, 0.6)])).seen
    assert track.foot_velocity[0] == pytest.approx(1.2, abs=0.05)
    foot_m = track.foot_at(track.last_ns)
    assert foot_m is not None
    assert foot_m[0] == pytest.approx(0.6 + 1.2 * at_s, abs=0.05)


def test_the_next_to_enter_is_not_the_one_who_left() -> None:
    followed = Tracker(
        picture_px=PICTURE, foot_of=floor, is_leaving=lambda foot_m, _velocity_mps: foot_m[0] < 1.2
    )
    for tick in range(20):
        followed.step(frame(tick / 10, [(300 - 15 * tick, 0.6)]))  # out at the left
    ended = [track for tick in range(20, 32) for track in followed.step(frame(tick / 10, [])).ended]
    assert [track.number for track in ended] == [1]
    for tick in range(32, 40):
        tracked = followed.step(frame(tick / 10, [(15 * (tick - 31), 0.6)]))
    assert list(numbers_at(tracked)) == [2]


def test_who_appears_at_another_edge_is_somebody_else() -> None:
    followed = tracker()
    for tick in range(20):
        followed.step(frame(tick / 10, [(420 + 10 * tick, 0.6)]))  # out at the right
    for tick in range(20, 45):
        followed.step(frame(tick / 10, []))
    for tick in range(45, 52):
        tracked = followed.step(frame(tick / 10, [(200.0, 0.6)], y_px=300.0))
    assert list(numbers_at(tracked)) == [2]


def test_a_head_at_the_edge_keeps_the_track_and_clutter_in_mid_view_does_not() -> None:
    followed = tracker()
    for tick in range(10):
        followed.step(frame(tick / 10, [(300, 0.6)], y_px=300.0))  # cut by the bottom edge
    for tick in range(10, 60):
        people = [(300.0, 0.07)] if tick % 10 == 0 else []
        tracked = followed.step(frame(tick / 10, people, y_px=420.0))
    assert [track.number for track in followed.tracks] == [1]
    other = tracker()
    for tick in range(10):
        other.step(frame(tick / 10, [(300, 0.6)]))
    for tick in range(10, 60):
        tracked = other.step(frame(tick / 10, [(300, 0.07)]))
    assert other.tracks == []
    assert tracked.seen == ()


def test_a_crowd_beyond_the_bound_begins_no_track() -> None:
    corners = np.array([(x, y) for x in range(0, 600, 60) for y in range(0, 320, 40)])
    boxes = np.concatenate([corners, corners + np.array([30, 38])], axis=1).astype(np.float32)
    assert len(boxes) > MAX_TRACKS
    followed = tracker()
    for tick in range(5):
        followed.step(
            Detections(
                CameraId("aisle"),
                ns_from_s(tick / 10),
                boxes,
                np.full(len(boxes), 0.6, np.float32),
                np.zeros((len(boxes), 17, 3), np.float32),
            )
        )
    assert len(followed.tracks) == MAX_TRACKS
