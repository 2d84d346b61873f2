"""The world feeds sensors in time, stands still with a living sensor's noise, and can be paced."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import pytest
import serial
from numpy.typing import NDArray
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import encode
from tebura_contract.ids import NodeId, StoreId
from tebura_contract.messages import Watermark
from tebura_contract.topics import Channel, topic
from tebura_edge.serial_frame import FrameParser
from tebura_simulator.pacing import MAX_LAG_S, Pacer
from tebura_simulator.serial_line import SerialLine
from tebura_simulator.stage import Part, Stage, free_port, python
from tebura_simulator.streams import CameraStreams
from tebura_simulator.take import Take, load_take
from tebura_simulator.world import World, WorldClock

RECORDINGS = Path("simulator/tebura_simulator/demo/recordings")
TOOK = "1-take-two-put-one-back.mcap"
SPEED = 20.0


@pytest.fixture(scope="module")
def take(repository: Path) -> Take:
    return load_take(repository / RECORDINGS / TOOK)


@pytest.fixture(scope="module")
def next_take(repository: Path) -> Take:
    return load_take(repository / RECORDINGS / "2-two-in-turn.mcap")


class Listener:
    """Reads a scale as a node does and gives grams."""

    def __init__(self, port: serial.Serial, take: Take, label: str) -> None:
        track = take.scales[label]
        cells = [take.calibrations[track.node].plates[p] for p in track.scale.plates]
        self._tare = np.array([cell.tare_counts for cell in cells])
        self._gain = np.array([cell.counts_per_g for cell in cells])
        self._parser = FrameParser(channels=len(cells))
        self._port = port

    def hear(self, for_s: float) -> NDArray[np.float64]:
        deadline_s = time.monotonic() + for_s
        rows: list[tuple[int | None, ...]] = []
        while time.monotonic() < deadline_s:
            rows += [frame.counts for frame in self._parser.feed(self._port.read(256))]
        heard: NDArray[np.float64] = (
            np.array(rows, np.float64).reshape(-1, len(self._tare)) - self._tare
        ) / self._gain
        return heard


@pytest.fixture
def shop(take: Take, tmp_path: Path) -> Iterator[tuple[World, Listener]]:
    label = "g1-s1"
    link = tmp_path / "scale"
    with CameraStreams(tuple(map(str, take.cameras))) as streams, SerialLine(link) as line:
        world = World(take, {label: line}, streams, lambda _: None, SPEED)
        with world, serial.Serial(str(link), 115200, timeout=0.05) as port:
            yield world, Listener(port, take, label)
            world.check()


def level(grams: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.median(grams, axis=0)
    return found


def settled_level(listener: Listener) -> NDArray[np.float64]:
    """The level once it no longer changes: older samples may still be on their way."""
    before, now = level(listener.hear(0.6)), level(listener.hear(0.6))
    deadline_s = time.monotonic() + 20
    while not np.abs(now - before).max() <= 2 and time.monotonic() < deadline_s:
        before, now = now, level(listener.hear(0.6))
    return now


def test_levels_change_as_recorded_and_go_on_in_the_next_recording(
    shop: tuple[World, Listener], next_take: Take
) -> None:
    world, listener = shop
    before = level(listener.hear(0.6))
    world.clock.run()
    while world.clock.now_s() < 28.5:
        listener.hear(0.1)
    world.clock.hold()
    after = settled_level(listener)
    # One green tea of about 552 g left this shelf and nothing came back.
    assert (after - before).min() == pytest.approx(-552, rel=0.03)
    assert np.abs(np.sort(after - before)[1:]).max() < 8
    world.put_on(next_take)
    # The next recording's shelf is full; real plates would not jump by themselves.
    assert settled_level(listener) == pytest.approx(after, abs=3)


def test_a_recording_that_was_not_played_leaves_the_levels_as_they_are(
    shop: tuple[World, Listener], next_take: Take
) -> None:
    world, listener = shop
    before = level(listener.hear(0.6))
    world.put_on(next_take)
    assert level(listener.hear(0.6)) == pytest.approx(before, abs=2)


def test_a_scale_that_stands_still_is_noisy_not_dead(shop: tuple[World, Listener]) -> None:
    _, listener = shop
    still = listener.hear(1.5)
    assert len(still) >= 10
    assert (np.std(still, axis=0) > 0.1).all()
    assert (np.std(still, axis=0) < 1.5).all()


@pytest.fixture
def mqtt_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    command = python("tebura_simulator.broker", "--port", str(port))
    with Stage(tmp_path) as stage:
        stage.start(Part("broker", command, port=port, holds_stdin=True))
        stage.wait_ready()
        yield port


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 5
    while not is_true():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def is_held(clock: WorldClock) -> bool:
    return not clock.is_running


def test_the_slowest_watermark_holds_the_clock_and_lets_it_go(mqtt_port: int) -> None:
    store, fast, slow = StoreId("demo"), NodeId("fast"), NodeId("slow")
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mqtt_port)
    client.loop_start()

    def say(node: NodeId, lag_s: float) -> None:
        at_ns = Ns(time.time_ns() - round(lag_s * SECOND_NS))
        mark = Watermark(boot=1, seq=-1, at_ns=at_ns, uncertainty_ns=Ns(0))
        client.publish(topic(Channel.WATERMARK, store, node), encode(mark))

    clock = WorldClock()
    clock.run()
    with Pacer(mqtt_port, store, (fast, slow)) as pacer:

        def is_heard(lag_s: float) -> bool:
            say(fast, 0.0)
            say(slow, lag_s)
            return abs(pacer.lag_s() - lag_s) < 1.0

        wait_until(lambda: is_heard(MAX_LAG_S + 2.0))
        pacer.pace(clock)
        assert is_held(clock)
        wait_until(lambda: is_heard(0.5))
        pacer.pace(clock)
        assert not is_held(clock)
    client.disconnect()
    client.loop_stop()
