import threading
import time

import numpy as np
import pytest
from tebura_contract.ids import CameraId
from tebura_edge.frames import LIVE_BOUND, REPLAY_BOUND, Frame, FrameDesk

LIVE, REPLAY = CameraId("live"), CameraId("replay")
IMAGE = np.zeros((4, 4, 3), np.uint8)


def test_the_newest_frames_of_a_live_camera_win() -> None:
    desk = FrameDesk()
    for at_ns in range(10):
        desk.put(Frame(LIVE, at_ns, IMAGE))
    assert [frame.captured_ns for frame in desk.take(0)] == list(range(10 - LIVE_BOUND, 10))
    assert desk.dropped() == {LIVE: 10 - LIVE_BOUND}
    assert desk.take(0.01) == []


def test_frames_of_a_replay_wait_and_none_is_lost() -> None:
    desk = FrameDesk(replayed={REPLAY})
    taken: list[int] = []

    def play() -> None:
        for at_ns in range(20):
            desk.put(Frame(REPLAY, at_ns, IMAGE))

    player = threading.Thread(target=play)
    player.start()
    time.sleep(0.05)
    assert player.is_alive(), "the player must wait for room"
    while len(taken) < 20:
        taken += [frame.captured_ns for frame in desk.take(1)]
    player.join(1)
    assert taken == list(range(20))
    assert REPLAY_BOUND < 20


def test_one_frame_of_a_replay_is_taken_at_a_time_oldest_first() -> None:
    desk = FrameDesk(replayed={REPLAY})
    desk.put(Frame(LIVE, 7, IMAGE))
    desk.put(Frame(REPLAY, 3, IMAGE))
    desk.put(Frame(REPLAY, 9, IMAGE))
    assert [frame.captured_ns for frame in desk.take(0)] == [3, 7]
    assert [frame.captured_ns for frame in desk.take(0)] == [9]


def test_closing_lets_a_waiting_reader_go() -> None:
    desk = FrameDesk(replayed={REPLAY})
    for at_ns in range(REPLAY_BOUND):
        assert desk.put(Frame(REPLAY, at_ns, IMAGE))
    threading.Timer(0.05, desk.close).start()
    assert not desk.put(Frame(REPLAY, 99, IMAGE))


def test_a_grey_picture_is_no_frame() -> None:
    with pytest.raises(ValueError):
        Frame(LIVE, 0, np.zeros((4, 4), np.uint8))
