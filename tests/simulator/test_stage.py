"""Real processes are started, waited for, killed and stopped; lines and streams carry data."""

import io
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import paho.mqtt.client as mqtt
import pytest
import serial
from paho.mqtt.enums import CallbackAPIVersion
from tebura_edge.serial_frame import FrameParser
from tebura_simulator.serial_line import SerialLine
from tebura_simulator.stage import Part, Stage, StageError, free_port, is_listening, python
from tebura_simulator.streams import CameraStreams

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


def wait_until(is_true: Callable[[], bool], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.02)


def broker_part(port: int) -> Part:
    return Part(
        name="broker",
        command=python("tebura_simulator.broker", "--port", str(port)),
        port=port,
        holds_stdin=True,
    )


def test_the_broker_is_ready_when_it_listens_and_gone_when_the_stage_ends(tmp_path: Path) -> None:
    port = free_port()
    with Stage(tmp_path) as stage:
        stage.start(broker_part(port))
        stage.wait_ready()
        assert stage.is_running("broker")
    assert not is_listening(port)


def test_a_killed_broker_starts_again_on_its_port(tmp_path: Path) -> None:
    port = free_port()
    with Stage(tmp_path) as stage:
        stage.start(broker_part(port))
        stage.wait_ready()
        part = stage.kill("broker")
        assert not is_listening(port)
        stage.start(part)
        stage.wait_ready("broker")
        assert is_listening(port)


def test_the_broker_carries_a_full_size_message_to_a_subscriber(tmp_path: Path) -> None:
    port = free_port()
    got: list[bytes] = []
    with Stage(tmp_path) as stage:
        stage.start(broker_part(port))
        stage.wait_ready()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _c, _u, message: got.append(bytes(message.payload))
        client.connect("127.0.0.1", port)
        client.loop_start()
        client.subscribe("a/b", qos=1)
        time.sleep(0.2)
        client.publish("a/b", b"x" * 64 * 1024, qos=1).wait_for_publish(5)
        wait_until(lambda: bool(got))
        client.disconnect()
        client.loop_stop()
    assert len(got[0]) == 64 * 1024


def test_a_part_is_ready_when_it_says_so(tmp_path: Path) -> None:
    said = (
        "import os, socket, time\n"
        "time.sleep(0.3)\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.sendto(b'READY=1\\nSTATUS=fine', '\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
        "time.sleep(60)\n"
    )
    with Stage(tmp_path) as stage:
        began_s = time.monotonic()
        stage.start(Part("slow", (sys.executable, "-c", said)))
        stage.wait_ready()
        assert time.monotonic() - began_s >= 0.3


def test_a_part_that_dies_at_its_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.start(Part("poor", (sys.executable, "-c", "raise SystemExit('no such key')")))
        with pytest.raises(StageError, match=r"(?s)poor ended with 1.*no such key"):
            stage.wait_ready()


def test_stopping_ends_exactly_what_was_started(tmp_path: Path) -> None:
    with Stage(tmp_path) as mine, Stage(tmp_path) as other:
        mine.start(Part("mine", SLEEPER))
        other.start(Part("other", SLEEPER))
        pid = mine.pid("mine")
        mine.stop()
        assert other.is_running("other")
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_samples_sent_on_a_line_are_read_with_pyserial(tmp_path: Path) -> None:
    with SerialLine(tmp_path / "scale") as line:
        with serial.Serial(str(tmp_path / "scale"), 115200, timeout=1) as port:
            for n in range(3):
                line.send(100_000 * n, (n, None, -n))
            frames = FrameParser(channels=3).feed(port.read(3 * 32))
        assert [(f.sequence, f.device_us, f.counts) for f in frames] == [
            (0, 0, (0, None, 0)),
            (1, 100_000, (1, None, -1)),
            (2, 200_000, (2, None, -2)),
        ]
        assert [f.is_first for f in frames] == [True, False, False]


def test_a_line_nobody_reads_never_blocks(tmp_path: Path) -> None:
    with SerialLine(tmp_path / "scale") as line:
        for n in range(5_000):
            line.send(n, (1, 2, 3))


def test_a_line_comes_back_under_its_name(tmp_path: Path) -> None:
    with SerialLine(tmp_path / "scale") as line:
        line.unplug()
        assert not (tmp_path / "scale").exists()
        line.plug_in()
        with serial.Serial(str(tmp_path / "scale"), 115200, timeout=1) as port:
            line.send(5, (7,))
            assert FrameParser(channels=1).feed(port.read(24))[0].counts == (7,)


def picture(level: int) -> bytes:
    return cv2.imencode(".jpg", np.full((48, 64, 3), level, np.uint8))[1].tobytes()


def first_picture(url: str) -> float:
    """Mean grey level of the first part of a multipart stream."""
    with urllib.request.urlopen(url, timeout=5) as response:
        while not (line := response.readline()).startswith(b"Content-Length:"):
            pass
        response.readline()
        jpeg = response.read(int(line.split(b":")[1]))
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    return float(shown.mean())


def test_a_stream_serves_several_clients_the_newest_picture_first() -> None:
    with CameraStreams(("door", "shop")) as streams:
        streams.show("shop", picture(10))
        streams.show("shop", picture(200))
        levels = [first_picture(streams.url("shop")) for _ in range(2)]
    assert levels == pytest.approx([200, 200], abs=4)


def test_the_edge_s_video_library_follows_a_stream_without_lag() -> None:
    with CameraStreams(("shop",)) as streams:
        is_done = threading.Event()
        newest = [0]

        def show() -> None:
            while not is_done.wait(0.05):
                newest[0] = min(newest[0] + 5, 250)
                streams.show("shop", picture(newest[0]))

        thread = threading.Thread(target=show)
        thread.start()
        try:
            film = cv2.VideoCapture(streams.url("shop"))
            behind = []
            for _ in range(20):
                ok, frame = film.read()
                assert ok
                behind.append(newest[0] - float(frame.mean()))
        finally:
            is_done.set()
            thread.join()
        assert max(behind[5:]) < 15  # three frames


def test_an_unknown_camera_is_not_found() -> None:
    with CameraStreams(("shop",)) as streams:
        url = streams.url("attic")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url)


def test_a_client_that_does_not_read_delays_nobody() -> None:
    with CameraStreams(("shop",)) as streams:
        idle = urllib.request.urlopen(streams.url("shop"))
        wait_until(lambda: streams.client_count("shop") == 1)
        noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
        began_s = time.monotonic()
        for _ in range(300):
            streams.show("shop", jpeg)
        assert time.monotonic() - began_s < 1.0
        assert isinstance(idle, io.IOBase)
        idle.close()


def test_a_part_that_goes_on_notifying_is_not_held_up(tmp_path: Path) -> None:
    told = tmp_path / "told"
    said = (
        "import pathlib, sdnotify\n"
        "notifier = sdnotify.SystemdNotifier()\n"
        "notifier.notify('READY=1')\n"
        "for _ in range(5000): notifier.notify('WATCHDOG=1')\n"
        f"pathlib.Path({str(told)!r}).touch()\n"
        "import time; time.sleep(60)\n"
    )
    with Stage(tmp_path) as stage:
        stage.start(Part("alive", (sys.executable, "-c", said)))
        stage.wait_ready()
        wait_until(told.exists)
