"""Where everybody stands, told at moments that all cameras share."""

import numpy as np
import pytest
from tebura_contract.clock import SECOND_NS, ns_from_s
from tebura_contract.events import HandSeen, PeopleSeen
from tebura_contract.geometry import Intrinsics, Pose
from tebura_contract.ids import CameraId, ShelfId, TrackId
from tebura_edge.footing import Footing
from tebura_edge.geometry import camera_view
from tebura_edge.reaches import HandAt
from tebura_edge.sightings import Rounds
from tebura_edge.tracker import FOOT_S, Track

LENS = Intrinsics(size_px=(640, 360), focal_px=(430.0, 430.0), center_px=(320.0, 180.0))
VIEW = camera_view(LENS, Pose(translation_m=(0.0, 0.0, 2.4), rotation_rad=(-2.2, 0.0, 0.0)))
WHOLE = np.ones((17, 3), np.float32)
MIKA, KEN = TrackId("camera-1-1-1"), TrackId("camera-1-1-2")


def track_at(at_s: float, foot_m: tuple[float, float], keypoints: np.ndarray = WHOLE) -> Track:
    return Track(
        box=np.zeros(4),
        keypoints=keypoints,
        score=1.0,
        first_ns=0,
        last_ns=ns_from_s(at_s),
        strong_ns=ns_from_s(at_s),
        foot_m=np.array(foot_m),
        foot_velocity=np.array([1.0, 0.0]),
    )


def told(frames_s: list[float], gone_from_s: float = 1e9) -> list[PeopleSeen]:
    """What is told of one who walks a metre a second from x = 0 at second 0, smoothed."""
    rounds, events = Rounds(CameraId("aisle")), []
    for at_s in frames_s:
        people = [(MIKA, track_at(at_s, (at_s - FOOT_S, 3.0)))] if at_s < gone_from_s else []
        events += rounds.step(ns_from_s(at_s), people, Footing(VIEW))
    return events


def test_every_full_second_is_told_once_with_the_half_second_before() -> None:
    events = told([0.07 + 0.1 * n for n in range(40)])
    assert [event.at_ns for event in events] == [n * SECOND_NS for n in (0, 1, 2, 3)]
    for event in events[1:]:
        (one,) = event.people
        assert one.foot_xy_m == (event.at_ns / SECOND_NS, 3.0)
        assert one.before_xy_m == (event.at_ns / SECOND_NS - 0.5, 3.0)


def test_cameras_with_other_frame_times_tell_of_the_same_moments() -> None:
    first, second = (
        [(one.at_ns, one.people[0].foot_xy_m) for one in told([off + 0.1 * n for n in range(40)])]
        for off in (0.01, 0.09)
    )
    assert first == second


def test_an_empty_view_tells_nothing_and_who_was_missed_has_no_half_before() -> None:
    assert told([0.1 * n for n in range(40)], gone_from_s=0.0) == []
    frames = [n / 10 for n in range(11)] + [n / 10 for n in range(20, 30)]
    assert [event.people[0].before_xy_m is None for event in told(frames)] == [True, False, True]


def test_where_a_hand_may_be_is_told_at_its_likeliest_of_the_second_before() -> None:
    top, low = ShelfId("g1/top"), ShelfId("g1/low")
    seen = {
        12: {top: HandAt(top, 0.04, 0.5), low: HandAt(low, 0.01, 0.5)},
        15: {top: HandAt(top, 0.3, 0.61), low: HandAt(low, 0.02, 0.6)},
        17: {top: HandAt(top, 0.2, 0.9)},
        24: {low: HandAt(low, 0.4, 0.123)},
    }
    rounds, events = Rounds(CameraId("aisle")), []
    for tick in range(60):
        if 25 <= tick < 50:
            continue
        rounds.reach(ns_from_s(tick / 10), MIKA, seen.get(tick, {}))
        people = [(MIKA, track_at(tick / 10, (1.0, 3.0)))]
        events += rounds.step(ns_from_s(tick / 10), people, Footing(VIEW))
    hands = {event.at_ns // SECOND_NS: event.people[0].hands for event in events}
    # What was seen just before nothing was for seconds is of no second that is told.
    likeliest = HandSeen(shelf=top, at_ns=ns_from_s(1.5), x_m=0.61, probability=0.3)
    assert hands == {0: (), 1: (), 2: (likeliest,), 5: ()}


def test_who_was_taken_for_another_is_told_once_in_the_next_second() -> None:
    rounds, events = Rounds(CameraId("aisle")), []
    for tick in range(41):
        people = [
            (name, track_at(tick / 10, (x_m, 3.0))) for name, x_m in ((MIKA, 1.0), (KEN, 2.0))
        ]
        pairs = [(MIKA, KEN)] if tick == 13 else []
        events += rounds.step(ns_from_s(tick / 10), people, Footing(VIEW), pairs)
    assert [event.exchanged for event in events if event.exchanged] == [((MIKA, KEN),)]
    [event] = [event for event in events if event.exchanged]
    assert event.at_ns == ns_from_s(2.0)


@pytest.mark.parametrize(("back_s", "is_told"), [(3.0, True), (6.0, False)])
def test_a_pair_is_told_when_both_are_seen_again_unless_that_takes_long(
    back_s: float, is_told: bool
) -> None:
    rounds, events = Rounds(CameraId("aisle")), []
    for tick in range(81):
        at_s = tick / 10
        names = (MIKA, KEN) if at_s <= 1.3 or at_s >= back_s else (MIKA,)
        people = [(name, track_at(at_s, (1.0, 3.0))) for name in names]
        events += rounds.step(
            ns_from_s(at_s), people, Footing(VIEW), [(MIKA, KEN)] if tick == 13 else []
        )
    told_ns = [event.at_ns for event in events if event.exchanged]
    assert told_ns == ([ns_from_s(back_s)] if is_told else [])
