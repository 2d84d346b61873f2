"""The demo's rendered footage through the real network: who came, who reached where, who left."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from tebura_contract.clock import seconds
from tebura_contract.events import Event, Reach, TrackEnded, TrackStarted
from tebura_contract.ids import CameraId, NodeId
from tebura_contract.layout import load_layout
from tebura_edge.camera_role import CameraRole, CameraRoleSettings
from tebura_edge.frames import Frame
from tebura_edge.people import PeopleLook, PeopleSettings, open_people

AISLE = CameraId("aisle")


class Action(msgspec.Struct):
    """A take or put-back of the timeline, and when the hand was inside the shelf."""

    shopper: str
    facing: str
    inside_from_s: float
    inside_to_s: float


class Passage(msgspec.Struct):
    shopper: str
    enter_s: float
    leave_s: float


class Timeline(msgspec.Struct):
    actions: tuple[Action, ...]
    passages: tuple[Passage, ...]


def watch(video: Path, layout: Path) -> list[Event]:
    """Every event of the aisle camera over a video."""
    settings = PeopleSettings(threads=2)
    look = PeopleLook(open_people(settings), settings)
    role = CameraRole(
        load_layout(layout), None, NodeId("camera-1"), 1, CameraRoleSettings(cameras=(AISLE,))
    )
    capture = cv2.VideoCapture(str(video))
    events: list[Event] = []
    while True:
        is_read, image = capture.read()
        if not is_read:
            return events
        at_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        for found in look(Frame(AISLE, at_ns, np.asarray(image, np.uint8))):
            events += role.step(found)


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param("take-two-put-one-back", marks=pytest.mark.long),
        "two-in-turn",
        pytest.param("just-looking", marks=pytest.mark.long),
    ],
)
def test_each_shopper_is_one_track_and_each_action_one_reach(
    scenario: str, repository: Path, require_file: Callable[[Path], Path]
) -> None:
    demo = repository / "simulator" / "tebura_simulator" / "demo"
    footage = demo / "footage" / scenario
    video = require_file(footage / "aisle.mp4")
    timeline = msgspec.convert(json.loads((footage / "timeline.json").read_text()), Timeline)
    events = watch(video, demo / "layout.toml")

    started = [event for event in events if isinstance(event, TrackStarted)]
    ended = [event for event in events if isinstance(event, TrackEnded)]
    assert len(started) == len(ended) == len(timeline.passages)
    of_shopper = {}
    for passage, start, end in zip(timeline.passages, started, ended, strict=True):
        assert start.track == end.track
        assert end.gate == "door"
        assert passage.enter_s <= seconds(start.at_ns) <= passage.enter_s + 1.5
        assert passage.leave_s - 1.5 <= seconds(end.at_ns) <= passage.leave_s
        of_shopper[passage.shopper] = start.track

    reaches = [event for event in events if isinstance(event, Reach)]
    assert len(reaches) == len(timeline.actions)
    for action, reach in zip(timeline.actions, reaches, strict=True):
        assert reach.track == of_shopper[action.shopper]
        assert action.facing.startswith(f"{reach.shelf}/")
        assert seconds(reach.from_ns) <= action.inside_to_s
        assert seconds(reach.to_ns) >= action.inside_from_s
        assert reach.confidence >= 0.5
