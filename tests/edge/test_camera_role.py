"""From detections to events: people of known places, projected into the camera of a small store."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.events import (
    Event,
    PeopleSeen,
    Reach,
    SensorKind,
    SensorState,
    TrackAtGate,
    TrackEnded,
    TrackStarted,
    began_ns,
)
from tebura_contract.geometry import Intrinsics, Pose
from tebura_contract.ids import CameraId, GateId, NodeId, ShelfId, StoreId
from tebura_contract.layout import Camera, Gate, Gondola, Layout, Shelf, StoreInfo
from tebura_edge.camera_role import CameraRole
from tebura_edge.detections import Detections, Keypoint
from tebura_edge.geometry import camera_view
from tebura_edge.role import SensorStatus

AISLE, NODE = CameraId("aisle"), NodeId("camera-1")
POSE = Pose(translation_m=(4.5, 1.25, 2.35), rotation_rad=(-1.49887, -1.61183, 0.9893))
LENS = Intrinsics(size_px=(640, 360), focal_px=(430.0, 430.0), center_px=(320.0, 180.0))
VIEW = camera_view(LENS, POSE)
SHELVES = (("s1", 0.82), ("s2", 1.22))
LAYOUT = Layout(
    store=StoreInfo(
        id=StoreId("demo"),
        name="demo",
        floor_m=((0.0, -2.6), (4.6, -2.6), (4.6, 2.95), (0.0, 2.95)),
    ),
    gondola=(
        Gondola(
            id="g1",
            store_from_gondola=Pose(translation_m=(1.3, 2.5, 0.0)),
            size_m=(1.2, 0.42, 1.62),
            shelf=tuple(
                Shelf(
                    id=name,
                    gondola_from_shelf=Pose(translation_m=(0.02, 0.02, board_m)),
                    size_m=(1.16, 0.36, 0.3),
                    reports_picks=NodeId("plates-1"),
                )
                for name, board_m in SHELVES
            ),
        ),
    ),
    camera=(
        Camera(
            label=AISLE,
            node=NODE,
            intrinsics=LENS,
            store_from_camera=POSE,
            watches=(ShelfId("g1/s1"), ShelfId("g1/s2")),
        ),
    ),
    gate=(
        Gate(
            id=GateId("door"),
            node=NodeId("gate-1"),
            zone_m=((0.8, -1.1), (2.2, -1.1), (2.2, 0.55), (0.8, 0.55)),
        ),
    ),
)
Hand = tuple[float, float, float]


def body(foot: tuple[float, float], hand: Hand | None = None) -> NDArray[np.float64]:
    """17 joints (x, y, z) of an upright person of 1.68 m, the right hand where it is told."""
    x, y = foot
    heights = [1.56] * 5 + [1.38] * 2 + [1.1] * 2 + [0.85] * 2 + [0.92] * 2 + [0.5] * 2 + [0.08] * 2
    sides = [0, 0, 0, 0, 0, *(s * w for w in (0.18, 0.2, 0.2, 0.12, 0.1, 0.1) for s in (-1, 1))]
    joints = np.array([(x + side, y, z) for side, z in zip(sides, heights, strict=True)])
    if hand is not None:
        shoulder = joints[Keypoint.RIGHT_SHOULDER]
        elbow = (shoulder + hand) / 2 - np.array([0, 0, 0.08])
        joints[Keypoint.RIGHT_ELBOW] = elbow
        joints[Keypoint.RIGHT_WRIST] = elbow + (np.array(hand) - elbow) / 1.35
    return joints


def seen(
    at_s: float, people: list[tuple[tuple[float, float], Hand | None]], score: float = 0.6
) -> Detections:
    """What a perfect network finds of these people; who is out of the picture is not found."""
    boxes, keypoints = [], []
    for foot, hand in people:
        pixels = VIEW.image_from_store(body(foot, hand))
        low, high = pixels.min(axis=0) - 6, pixels.max(axis=0) + 6
        if high[0] < 40 or low[0] > 600 or not np.isfinite(pixels).all():
            continue
        boxes.append(np.clip([*low, *high], 0, [640, 360, 640, 360]))
        keypoints.append(np.concatenate([pixels, np.full((17, 1), 0.8)], axis=1))
    count = len(boxes)
    return Detections(
        AISLE,
        ns_from_s(at_s),
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, score, np.float32),
        np.array(keypoints, np.float32).reshape(count, 17, 3),
    )


def a_visit(at_s: float) -> tuple[tuple[float, float], Hand | None] | None:
    """In through the door, to the gondola, a hand in the upper shelf from 8 to 9 s, and out."""
    path = [(0, 1.4, -1.6), (3, 1.4, -0.2), (5, 1.4, -0.2), (7, 2.0, 2.1), (11, 2.0, 2.1),
            (14, 1.4, -0.2), (15.5, 1.4, -1.9)]  # fmt: skip
    if not 0 <= at_s <= 15.5:
        return None
    times, x, y = zip(*path, strict=True)
    foot = (float(np.interp(at_s, times, x)), float(np.interp(at_s, times, y)))
    if not 7.5 <= at_s <= 9.5:
        return foot, None
    depth_m = float(np.interp(at_s, (7.5, 8.0, 9.0, 9.5), (2.2, 2.72, 2.72, 2.2)))
    return foot, (2.05, depth_m, 1.34)


def play(
    role: CameraRole,
    until_s: float,
    person: Callable[[float], tuple[tuple[float, float], Hand | None] | None] = a_visit,
) -> list[tuple[float, Event]]:
    """Ten frames a second; each event with when it was said."""
    said = []
    for tick in range(round(until_s * 10)):
        here = person(tick / 10)
        events = role.step(seen(tick / 10, [here] if here else []))
        said += [(tick / 10, event) for event in events]
    return said


def new_role(boot: int = 3) -> CameraRole:
    return CameraRole(LAYOUT, None, NODE, boot)


def test_a_visit_is_one_track_from_door_to_door_with_its_reach() -> None:
    said = play(new_role(), 20)
    events = [event for _, event in said]
    [started] = [event for event in events if isinstance(event, TrackStarted)]
    [ended] = [event for event in events if isinstance(event, TrackEnded)]
    [reach] = [event for event in events if isinstance(event, Reach)]
    at_door = [e for e in events if isinstance(e, TrackAtGate)]
    assert started.track == ended.track == reach.track == "camera-1-3-1"
    assert [gate.is_inside for gate in at_door] == [True, False, True, False]
    assert (ended.gate, reach.shelf) == ("door", "g1/s2")
    assert reach.from_ns / 1e9 == pytest.approx(7.9, abs=0.21)
    assert reach.to_ns / 1e9 == pytest.approx(9.1, abs=0.21)
    assert reach.x_m == pytest.approx(2.05 - 1.32, abs=0.2)
    assert reach.confidence >= 0.5
    # The end is told soon after the last sight, for the receipt waits for it.
    told_s = next(at_s for at_s, event in said if event is ended)
    assert told_s - ended.at_ns / 1e9 <= 1.0


def test_who_is_hidden_for_a_moment_beside_the_gate_has_not_left() -> None:
    # At 2.0, 0.8: a quarter of a metre from the door's zone, not moving, unseen for 1.4 s.
    def stands(at_s: float) -> tuple[tuple[float, float], Hand | None] | None:
        return None if 6.0 <= at_s < 7.4 else ((2.0, 0.8), None)

    tracks = [event for _, event in play(new_role(), 10, stands)]
    assert [type(event) for event in tracks if not isinstance(event, PeopleSeen)] == [TrackStarted]


def test_who_stood_beside_the_gate_and_is_gone_did_not_leave_by_it_and_who_walked_did() -> None:
    def ended(speed_mps: float) -> TrackEnded:
        last_s = 4.0

        def goes(at_s: float) -> tuple[tuple[float, float], Hand | None] | None:
            if at_s > last_s:
                return None
            return (2.0, 0.8 + speed_mps * (last_s - at_s)), None

        [end] = [event for _, event in play(new_role(), 10, goes) if isinstance(event, TrackEnded)]
        return end

    assert ended(0.0).gate is None
    assert ended(0.5).gate == "door"


def test_two_who_were_taken_for_each_other_are_named() -> None:
    role = new_role()
    red, blue = np.array([[40, 50, 30] * 2, [40, 10, -40] * 2], np.float32)
    events: list[Event] = []
    for tick in range(60):
        found = seen(tick / 10, [((1.4, 2.0), None), ((2.2, 2.0), None)])
        worn = np.array([red, blue] if tick < 30 else [blue, red])
        events += role.step(dataclasses.replace(found, clothes=worn))
    named = [e.exchanged for e in events if isinstance(e, PeopleSeen) and e.exchanged]
    tracks = {e.track for e in events if isinstance(e, TrackStarted)}
    assert [set(pair) for [pair] in named] == [tracks]
    assert len(tracks) == 2


def test_the_foot_is_where_the_person_stands() -> None:
    role = new_role()
    play(role, 10.5)
    [position] = role.positions()
    assert position.foot_xy_m == pytest.approx((2.0, 2.1), abs=0.02)
    assert position.at_ns == ns_from_s(10.4)


def test_a_camera_that_sends_twice_the_size_sees_the_same_places() -> None:
    role = new_role()
    for tick in range(10):
        found = seen(tick / 10, [((2.0, 1.5), None)])
        twice = Detections(
            found.camera,
            found.captured_ns,
            found.boxes_xyxy_px * 2,
            found.scores,
            found.keypoints_px * np.array([2, 2, 1], np.float32),
            picture_px=(1280, 720),
        )
        role.step(twice)
    [position] = role.positions()
    assert position.foot_xy_m == pytest.approx((2.0, 1.5), abs=0.02)


def test_somebody_beyond_the_glass_is_no_shopper() -> None:
    # Beyond the back wall at y = 2.95: seen through a window, or a reflection in it.
    assert play(new_role(), 5, lambda _: ((1.2, 3.9), None)) == []


def test_who_steps_in_from_outside_starts_where_the_floor_starts() -> None:
    def steps_in(at_s: float) -> tuple[tuple[float, float], None]:
        return (1.5, max(2.0, 4.5 - 0.5 * at_s)), None

    [(_, started), *_] = play(new_role(), 6, steps_in)
    assert isinstance(started, TrackStarted)
    assert started.foot_xy_m[1] == pytest.approx(2.95 + 0.3, abs=0.15)
    assert started.at_ns / 1e9 == pytest.approx(2.5, abs=0.4)


def status(state: SensorState, at_s: float) -> SensorStatus:
    return SensorStatus(AISLE, SensorKind.CAMERA, state, "lost", ns_from_s(at_s))


def test_a_blind_camera_ends_its_tracks_and_holds_nobody_up() -> None:
    role = new_role()
    play(role, 8.5)  # in the middle of the reach
    held = role.watermark_ns()
    assert held is not None
    assert held < ns_from_s(8.0)
    [reach, ended] = role.step(status(SensorState.BLIND, 8.4))
    assert isinstance(reach, Reach)
    assert isinstance(ended, TrackEnded)
    assert (ended.at_ns, ended.gate) == (ns_from_s(8.4), None)
    role.tick(ns_from_s(12))
    assert role.watermark_ns() == ns_from_s(12) - 1
    role.step(status(SensorState.OK, 12.5))
    again = [event for _, event in play(role, 14) if isinstance(event, TrackStarted)]
    assert [event.track for event in again] == ["camera-1-3-2"]


def test_a_camera_never_heard_of_gives_no_watermark() -> None:
    role = new_role()
    role.tick(ns_from_s(5))
    assert role.watermark_ns() is None
    role.step(seen(6, []))
    assert role.watermark_ns() == ns_from_s(6) - 1


def test_frames_of_other_cameras_and_other_inputs_are_left_alone() -> None:
    role = new_role()
    assert role.step(Detections.empty(CameraId("gate"), 5)) == []
    assert role.step(status(SensorState.OK, 1)) == []
    assert role.save() == b""


def test_frames_from_before_what_was_told_are_dropped() -> None:
    role = new_role()
    play(role, 5)
    mark = role.watermark_ns()
    assert role.step(seen(1.0, [((2.0, 2.0), None)])) == []
    assert role.watermark_ns() == mark


walks = st.lists(
    st.tuples(
        st.floats(0.9, 2.6), st.floats(-1.8, 2.2), st.booleans(), st.sampled_from([0.07, 0.2, 0.6])
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(walks, st.integers(0, 20))
def test_nothing_is_ever_told_from_before_the_watermark(
    walk: list[tuple[float, float, bool, float]], blind_at: int
) -> None:
    """People jump, vanish and flicker, cameras go blind: what was promised stays promised."""
    role = new_role()
    promised = -1
    tick = 0
    for index, (x, y, is_reaching, score) in enumerate(walk):
        hand = (x + 0.1, 2.7, 1.34) if is_reaching and y > 1.8 else None
        for repeat in range(4):
            tick += 1
            people = [((x, y), hand)] if (repeat + index) % 3 else []
            events = role.step(seen(tick / 10, people, score))
            if index == blind_at and repeat == 0:
                events += role.step(status(SensorState.BLIND, tick / 10))
            events += role.tick(ns_from_s(tick / 10) + 50_000_000)
            assert all(began_ns(event) > promised for event in events)
            mark = role.watermark_ns()
            assert mark is not None
            assert mark >= promised
            promised = mark
