"""Whose turn it is at the network, and what becomes of frames whose turn never comes."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.ids import CameraId
from tebura_edge import inference, people
from tebura_edge.detections import Detections
from tebura_edge.frames import Frame, FrameDesk
from tebura_edge.inference import InferenceThread
from tebura_edge.people import PeopleLook, PeopleSettings, open_people
from tebura_edge.role import CodeRead, FaceSeen, HandSeen
from tebura_models.loader import Network

PERIOD_NS = 100_000_000
RNG = np.random.default_rng(2)


class Stopped:
    def monotonic_ns(self) -> int:
        return 0

    def wall_ns(self) -> int:
        return 0


@pytest.fixture(scope="module")
def network() -> Network:
    return open_people(PeopleSettings())


class Node:
    """Cameras, the thread turned by hand, a network that finds nobody and notes what it saw."""

    def __init__(
        self,
        cameras: Sequence[str],
        network: Network,
        monkeypatch: pytest.MonkeyPatch,
        *,
        replayed: Sequence[str] = (),
        settings: PeopleSettings | None = None,
    ) -> None:
        self.labels = [CameraId(camera) for camera in cameras]
        self.desk = FrameDesk([CameraId(camera) for camera in replayed])
        self.told: dict[str, list[int]] = defaultdict(list)
        self.looked: list[tuple[str, int]] = []
        monkeypatch.setattr(inference, "detect_in_all", self._detect)
        looks = {label: PeopleLook(network, settings or PeopleSettings()) for label in self.labels}
        self.thread = InferenceThread(self.desk, looks, [], clock=Stopped(), sink=self._sink)

    def _detect(
        self, network: Network, frames: Sequence[Frame], size_px: tuple[int, int]
    ) -> list[Detections]:
        self.looked += [(frame.camera, frame.captured_ns // PERIOD_NS) for frame in frames]
        return [Detections.empty(frame.camera, frame.captured_ns) for frame in frames]

    def _sink(self, found: Detections | CodeRead | FaceSeen | HandSeen) -> None:
        assert isinstance(found, Detections)
        self.told[found.camera].append(found.captured_ns // PERIOD_NS)

    def put(self, camera: str, tick: int, *, moves: bool = True) -> None:
        self.desk.put(Frame(CameraId(camera), tick * PERIOD_NS, scene(tick if moves else 0)))


def scene(tick: int) -> NDArray[np.uint8]:
    image = np.full((90, 160, 3), 120, np.uint8)
    image[20:60, (tick * 10) % 120 : (tick * 10) % 120 + 30] = 220
    return image


def test_every_frame_is_told_once_in_order_though_the_network_is_slow(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three cameras and one look a beat: each is looked at every third time, and never dropped."""
    node = Node("abc", network, monkeypatch)
    for tick in range(30):
        for camera in "abc":
            node.put(camera, tick)
        node.thread.turn()
    for _ in range(3):
        node.thread.turn()
    for camera in "abc":
        assert node.told[camera] == list(range(30))
        ticks = [tick for of, tick in node.looked if of == camera]
        assert max(np.diff(ticks)) <= 3
    for counts in node.thread.counts().values():
        assert counts.looked + counts.followed == 30
        # One look a beat for three frames: the two others were overtaken, save the last ones.
        assert 18 <= counts.overtaken <= 20
        assert counts.dropped == 0


def test_who_was_not_looked_at_for_longest_is_next(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("ab", network, monkeypatch)
    for tick in range(5):
        node.put("a", tick)
        node.thread.turn()
    node.put("a", 5)
    node.put("b", 5)
    node.thread.turn()
    assert node.looked[-1] == ("b", 5)


def test_a_camera_that_stalls_holds_nobody_up(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("ab", network, monkeypatch)
    node.put("a", 0)
    node.put("b", 0)
    node.thread.turn()
    node.thread.turn()
    for tick in range(1, 10):
        node.put("b", tick)
        node.thread.turn()
    assert node.told["a"] == [0]
    assert node.told["b"] == list(range(10))
    assert [tick for of, tick in node.looked if of == "b"] == list(range(10))


def test_an_empty_aisle_never_reaches_the_network(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("a", network, monkeypatch)
    for tick in range(90):
        node.put("a", tick, moves=False)
        node.thread.turn()
    assert node.told["a"] == list(range(90))
    assert node.looked == [("a", 0)]


def test_a_camera_rests_while_nobody_is_there_and_nothing_moves(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("ab", network, monkeypatch, replayed="b")
    rests: list[bool] = []
    for tick, moves in enumerate([False, False, False, True, True, False]):
        node.put("a", tick, moves=moves)
        node.put("b", tick, moves=False)
        node.thread.turn()
        rests.append(node.desk.is_resting(CameraId("a")))
    # The first picture is looked at, and what moves is; the way back to the empty scene, too.
    assert rests == [False, True, True, False, False, False]
    # What is replayed is replayed whole.
    assert not node.desk.is_resting(CameraId("b"))


def test_a_camera_before_which_somebody_stands_still_does_not_rest(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("a", network, monkeypatch)
    monkeypatch.setattr(inference, "detect_in_all", somebody)
    for tick in range(5):
        node.put("a", tick, moves=False)
        node.thread.turn()
        assert not node.desk.is_resting(CameraId("a"))


def somebody(
    network: Network, frames: Sequence[Frame], size_px: tuple[int, int]
) -> list[Detections]:
    return [
        Detections(
            camera=frame.camera,
            captured_ns=frame.captured_ns,
            boxes_xyxy_px=np.array([[10, 10, 60, 80]], np.float32),
            scores=np.array([0.9], np.float32),
            keypoints_px=np.zeros((1, 17, 3), np.float32),
            picture_px=(160, 90),
        )
        for frame in frames
    ]


def test_looks_are_as_frequent_as_the_configuration_allows(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("a", network, monkeypatch, settings=PeopleSettings(look_hz=5))
    for tick in range(20):
        node.put("a", tick)
        node.thread.turn()
    assert [tick for _, tick in node.looked] == list(range(0, 20, 2))
    assert node.told["a"] == list(range(20))
    counts = node.thread.counts()[CameraId("a")]
    assert (counts.looked, counts.followed, counts.overtaken) == (10, 10, 0)


def test_frames_alike_are_looked_at_together_where_that_is_faster(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "batch_size", lambda _: 4)
    node = Node("abc", network, monkeypatch)
    for camera in "abc":
        node.put(camera, 0)
    node.thread.turn()
    assert sorted(node.looked) == [("a", 0), ("b", 0), ("c", 0)]
    assert all(told == [0] for told in node.told.values())


def test_a_replay_has_every_moving_frame_looked_at_at_once(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node("ab", network, monkeypatch, replayed="ab")
    seen: list[tuple[str, int]] = []

    def detect(_: Network, frame: Frame, size_px: tuple[int, int]) -> Detections:
        seen.append((frame.camera, frame.captured_ns // PERIOD_NS))
        return Detections.empty(frame.camera, frame.captured_ns)

    monkeypatch.setattr(people, "detect_people", detect)
    for tick in range(6):
        node.put("a", tick)
        node.put("b", tick)
        node.thread.turn()
    assert sorted(seen) == sorted((camera, tick) for camera in "ab" for tick in range(6))
