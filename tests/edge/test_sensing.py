"""Between sensors and the main loop: bounded, waiting rather than dropping, never a deadlock."""

import threading
import time

import numpy as np
from tebura_contract.events import SensorKind, SensorState
from tebura_contract.ids import CameraId
from tebura_edge.config import CameraConfig, LooksFor
from tebura_edge.frames import Frame
from tebura_edge.role import Counts, SensorStatus
from tebura_edge.sensing import MAX_ARRIVED, Inbox, Photographer, Snapshot, recorded

BLIND = SensorStatus("left", SensorKind.SCALE, SensorState.BLIND, "silent", 1)


def counts(n: int) -> Counts:
    return Counts("left", np.array([n], np.int64), np.zeros((1, 1)))


def full_inbox() -> Inbox:
    inbox = Inbox(lambda: None)
    for n in range(MAX_ARRIVED):
        inbox.put(counts(n))
    return inbox


def test_a_sensor_waits_for_room_and_loses_nothing() -> None:
    inbox = full_inbox()
    writer = threading.Thread(target=lambda: inbox.put(counts(MAX_ARRIVED)))
    writer.start()
    time.sleep(0.3)
    assert writer.is_alive()
    taken = inbox.take(MAX_ARRIVED)
    writer.join(5)
    taken += inbox.take(10)
    assert [int(c.at_ns[0]) for c in taken if isinstance(c, Counts)] == list(range(MAX_ARRIVED + 1))


def test_the_main_loop_may_tell_of_a_sensor_while_nobody_takes() -> None:
    inbox = full_inbox()
    inbox.tell(BLIND)  # would wait for itself for ever
    assert inbox.take(1)[0] == BLIND


def test_closing_lets_whoever_waits_go() -> None:
    inbox = full_inbox()
    writer = threading.Thread(target=lambda: inbox.put(counts(0)))
    writer.start()
    inbox.close()
    writer.join(5)
    assert not writer.is_alive()


def test_each_item_wakes_the_loop() -> None:
    woken = []
    inbox = Inbox(lambda: woken.append(1))
    inbox.put(counts(1))
    inbox.tell(BLIND)
    assert len(woken) == 2


def test_frames_of_a_gates_camera_are_never_recorded_for_they_show_faces() -> None:
    cameras = [
        CameraConfig(label=CameraId("aisle"), source="file://a"),
        CameraConfig(label=CameraId("gate"), source="file://b", looks_for=LooksFor.CODES),
    ]
    inbox = Inbox(lambda: None)
    photographer = Photographer(inbox, recorded(cameras))
    for camera in ("aisle", "gate"):
        photographer(Frame(CameraId(camera), 10**9, np.zeros((8, 8, 3), np.uint8)))
    taken = inbox.take(10)
    assert [one.camera for one in taken if isinstance(one, Snapshot)] == ["aisle"]
