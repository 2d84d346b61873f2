import os
import queue
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS
from tebura_contract.events import SensorState
from tebura_edge import scale as scale_module
from tebura_edge.clock import SystemClock
from tebura_edge.device_time import DeviceTime
from tebura_edge.role import Counts, SensorStatus
from tebura_edge.scale import Line, ScaleReader, ScaleSettings, open_line
from tebura_edge.serial_frame import Frame, encode

STORE_OFFSET_NS = 1_700_000_000 * SECOND_NS


class Device:
    """A scale behind a pseudo-terminal; its name stays while it is unplugged and back."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master = self.slave = -1
        self.plug_in()

    def plug_in(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self.slave))

    def unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        os.close(self.master)
        os.close(self.slave)

    def send(self, sequence: int, *counts: int | None) -> None:
        self.send_raw(encode(Frame(sequence, sequence * 100_000, counts)))

    def send_raw(self, data: bytes) -> None:
        os.write(self.master, data)


class Heard:
    """What a reader delivered and reported."""

    def __init__(self) -> None:
        self.batches: queue.Queue[Counts] = queue.Queue()
        self.statuses: list[SensorStatus] = []

    def rows(self, count: int, timeout_s: float = 5.0) -> list[list[float]]:
        rows: list[list[float]] = []
        while len(rows) < count:
            rows += self.batches.get(timeout=timeout_s).counts.tolist()
        return rows

    def states(self) -> list[SensorState]:
        return [status.state for status in self.statuses]


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "scale")


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def make_reader(
    device: Device, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., ScaleReader]]:
    monkeypatch.setattr(scale_module, "SILENT_AFTER_S", 0.6)
    monkeypatch.setattr(scale_module, "RETRY_S", (0.05, 0.2))
    readers: list[ScaleReader] = []
    opened = threading.Event()

    def open_and_say(settings: ScaleSettings) -> Line:
        line = open_line(settings)
        opened.set()
        return line

    def make(channels: int = 2, *, replay: bool = False) -> ScaleReader:
        reader = ScaleReader(
            ScaleSettings(label="left", port=str(device.link), channels=channels, replay=replay),
            clock=SystemClock(),
            to_store_ns=lambda monotonic_ns: monotonic_ns + STORE_OFFSET_NS,
            deliver=heard.batches.put,
            report=heard.statuses.append,
            open_with=open_and_say,
        )
        readers.append(reader)
        reader.start()
        # What was sent before a port is opened is gone, as on a real one.
        assert opened.wait(5)
        return reader

    yield make
    for reader in readers:
        reader.stop()


def poll_until(reader: ScaleReader, is_done: Callable[[], bool], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_done():
        assert time.monotonic() < deadline_s, "did not happen in time"
        reader.poll()
        time.sleep(0.02)


def test_samples_arrive_with_unread_cells_as_nan(
    device: Device, heard: Heard, make_reader: Callable[..., ScaleReader]
) -> None:
    make_reader()
    device.send(0, 100, None)
    device.send(1, 101, -7)
    rows = heard.rows(2)
    assert rows[1] == [101.0, -7.0]
    assert rows[0][0] == 100.0
    assert np.isnan(rows[0][1])


def test_samples_are_timed_by_the_device_not_by_their_delay(
    device: Device, heard: Heard, make_reader: Callable[..., ScaleReader]
) -> None:
    make_reader(1)
    before_ns = time.monotonic_ns() + STORE_OFFSET_NS
    device.send(0, 1)
    heard_ns = [int(at) for at in heard.batches.get(timeout=5).at_ns]
    time.sleep(0.3)
    device.send(1, 2)
    heard_ns += [int(at) for at in heard.batches.get(timeout=5).at_ns]
    assert heard_ns[1] - heard_ns[0] == 100 * MILLISECOND_NS
    assert 0 <= heard_ns[0] - before_ns < SECOND_NS


def test_a_silent_scale_is_blind_and_sees_again(
    device: Device, heard: Heard, make_reader: Callable[..., ScaleReader]
) -> None:
    reader = make_reader(1)
    device.send(0, 1)
    poll_until(reader, lambda: heard.states() == [SensorState.OK])
    poll_until(reader, lambda: len(heard.statuses) == 2)
    assert heard.statuses[1].state is SensorState.BLIND
    assert heard.statuses[1].reason == "silent"
    device.send(1, 1)
    poll_until(reader, lambda: heard.states()[-1] is SensorState.OK)


def test_an_unplugged_scale_is_opened_again(
    device: Device, heard: Heard, make_reader: Callable[..., ScaleReader]
) -> None:
    reader = make_reader(1)
    device.send(0, 1)
    heard.rows(1)
    device.unplug()
    poll_until(reader, lambda: SensorState.BLIND in heard.states())
    assert str(device.link) in heard.statuses[-1].reason
    device.plug_in()
    stop = threading.Event()

    def keep_sending() -> None:
        for sequence in range(1000):
            if stop.wait(0.02):
                return
            device.send(sequence, 5)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        assert heard.rows(1)[0] == [5.0]
        poll_until(reader, lambda: heard.states()[-1] is SensorState.OK)
    finally:
        stop.set()
        sender.join()


def test_a_wrong_crc_is_named_in_health_and_loses_only_its_frame(
    device: Device, heard: Heard, make_reader: Callable[..., ScaleReader]
) -> None:
    reader = make_reader(1)
    damaged = bytearray(encode(Frame(1, 100_000, (2,))))
    damaged[-1] ^= 1
    device.send(0, 1)
    device.send_raw(bytes(damaged))
    device.send(2, 3)
    assert heard.rows(2) == [[1.0], [3.0]]
    poll_until(reader, lambda: "wrong CRC" in reader.part().reason)
    assert reader.part().reason == "1 frames with a wrong CRC, 1 frames lost"


def test_a_long_loss_is_blindness_with_a_beginning_and_an_end(
    device: Device, heard: Heard, make_reader: Callable[..., ScaleReader]
) -> None:
    make_reader(1)
    device.send(0, 1)
    device.send(12, 1)
    heard.rows(2)
    deadline_s = time.monotonic() + 5
    while len(heard.statuses) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.02)
    blind, sees = heard.statuses[:2]
    assert (blind.state, blind.reason) == (SensorState.BLIND, "11 frames lost")
    assert sees.state is SensorState.OK
    assert sees.at_ns - blind.at_ns == 1_100 * MILLISECOND_NS


def test_a_recording_brings_its_own_time_and_may_pause(
    device: Device, heard: Heard, make_reader: Callable[..., ScaleReader]
) -> None:
    reader = make_reader(1, replay=True)
    device.send_raw(encode(Frame(0, 1_600_000_000_000_000, (1,))))
    assert heard.batches.get(timeout=5).at_ns.tolist() == [1_600_000_000 * SECOND_NS]
    time.sleep(0.9)
    reader.poll()
    assert heard.states() == [SensorState.OK]


@given(st.lists(st.integers(0, 80), min_size=1, max_size=200))
def test_device_time_is_never_late_and_keeps_the_devices_intervals(delays_ms: list[int]) -> None:
    device = DeviceTime()
    taken = []
    for n, delay_ms in enumerate(delays_ms):
        arrived_ns = (5_000 + 100 * n + delay_ms) * MILLISECOND_NS
        at_ns = device.monotonic_ns(n * 100_000, arrived_ns)
        assert at_ns <= arrived_ns
        taken.append(at_ns)
    best_ms = min(delays_ms)
    assert taken[-1] == (5_000 + 100 * (len(taken) - 1) + best_ms) * MILLISECOND_NS


def test_device_time_starts_anew_with_the_device() -> None:
    device = DeviceTime()
    device.monotonic_ns(50_000_000, 60 * SECOND_NS)
    assert device.monotonic_ns(1_000, 90 * SECOND_NS) == 90 * SECOND_NS


def test_a_device_whose_clock_stood_still_is_believed_again_after_seconds() -> None:
    device = DeviceTime()
    for n in range(10):
        device.monotonic_ns(n * 100_000, n * SECOND_NS // 10)
    late = [
        (10 * SECOND_NS + n * SECOND_NS // 10)
        - device.monotonic_ns(1_000_000 + n * 100_000, 10 * SECOND_NS + n * SECOND_NS // 10)
        for n in range(60)
    ]
    assert late[0] == 9 * SECOND_NS
    assert late[-1] == 0
