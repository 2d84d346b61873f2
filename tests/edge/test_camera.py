"""Cameras over real sockets and files."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.config import ConfigError, load_toml
from tebura_contract.events import SensorState
from tebura_contract.ids import CameraId
from tebura_edge.camera import CameraReader, CameraSettings, retry_delay_s
from tebura_edge.frames import Frame, FrameDesk
from tebura_edge.role import SensorStatus
from tebura_edge.sources import SourceEnded, SourceError, find_v4l2, open_source

SHOP = CameraId("shop")
RATE_S = 0.04


class PictureServer:
    """A camera on the loopback: `mode` is noise, black, frozen, silence or break."""

    def __init__(self, *, has_lengths: bool = True, has_stamps: bool = False) -> None:
        self.mode = "noise"
        self.sent_at_s: dict[int, float] = {}
        self.connections = 0
        self.logins: list[str] = []
        self._has_lengths = has_lengths
        self._has_stamps = has_stamps
        self._noise = np.random.default_rng(7)
        self._frozen = self._picture(0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.connections += 1
                outer.logins.append(self.headers.get("Authorization", ""))
                self.send_response(200)
                self.send_header("Content-Type", 'multipart/x-mixed-replace; boundary="--part"')
                self.end_headers()
                try:
                    for part in outer._parts():
                        self.wfile.write(part)
                        self.wfile.flush()
                except OSError:
                    pass

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/shop.mjpeg?fps=25"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @contextmanager
    def serving(self) -> Iterator["PictureServer"]:
        self._thread.start()
        try:
            yield self
        finally:
            self.mode = "break"
            self._server.shutdown()
            self._server.server_close()

    def _picture(self, number: int) -> bytes:
        image = self._noise.integers(60, 200, (90, 160, 3), np.uint8)
        # The number in black and white squares of 8 pixels survives JPEG.
        for bit in range(16):
            image[:8, bit * 8 : bit * 8 + 8] = 255 if number >> bit & 1 else 0
        return bytes(cv2.imencode(".jpg", image)[1])

    def _parts(self) -> Iterator[bytes]:
        number = 0
        while self.mode != "break":
            time.sleep(RATE_S)
            if self.mode == "silence":
                continue
            number += 1
            jpeg = self._frozen
            if self.mode == "noise":
                jpeg = self._picture(number)
            elif self.mode == "black":
                jpeg = bytes(cv2.imencode(".jpg", np.zeros((90, 160, 3), np.uint8))[1])
            self.sent_at_s[number] = time.monotonic()
            head = b"--part\r\nContent-Type: image/jpeg\r\n"
            if self._has_lengths:
                head += b"Content-Length: %d\r\n" % len(jpeg)
            if self._has_stamps:
                head += b"X-Timestamp: %.6f\r\n" % (1_700_000_000 + number / 10)
            yield head + b"\r\n" + jpeg + b"\r\n"


def number_in(image_bgr: np.ndarray) -> int:
    """The number `PictureServer` wrote into a picture."""
    row = image_bgr[4, 4:128:8].mean(axis=1) > 128
    return int(sum(1 << bit for bit in range(16) if row[bit]))


class RealClock:
    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()


class Rig:
    """A reader, its desk and what it reported."""

    def __init__(self, settings: CameraSettings) -> None:
        self.desk = FrameDesk({settings.label} if settings.replay else ())
        self.said: list[SensorStatus] = []
        self.reader = CameraReader(
            settings,
            self.desk,
            clock=RealClock(),
            to_store_ns=lambda monotonic_ns: monotonic_ns,
            report=self.said.append,
        )
        self.reader.start()

    def frame(self, timeout_s: float = 5.0) -> Frame:
        *_, frame = self.desk.take(timeout_s)
        return frame

    def until(self, is_done: Callable[[], bool], timeout_s: float = 6.0) -> float:
        """Poll and drain as the inference thread does; how long it took."""
        started = time.monotonic()
        while not is_done():
            assert time.monotonic() - started < timeout_s, f"gave up; said {self.said}"
            self.reader.poll()
            self.desk.take(0.02)
        return time.monotonic() - started

    def state(self) -> tuple[SensorState, str] | None:
        return (self.said[-1].state, self.said[-1].reason) if self.said else None


@pytest.fixture
def rig() -> Iterator[Callable[[CameraSettings], Rig]]:
    rigs: list[Rig] = []

    def build(settings: CameraSettings) -> Rig:
        rigs.append(Rig(settings))
        return rigs[-1]

    yield build
    for made in rigs:
        made.desk.close()
        made.reader.stop()


def live(url: str, **changes: object) -> CameraSettings:
    return msgspec.structs.replace(CameraSettings(label=SHOP, source=url, rate_hz=25), **changes)


@pytest.mark.parametrize("has_lengths", [True, False], ids=["lengths", "boundaries-only"])
def test_stream_starts_at_once_and_frames_are_fresh(
    rig: Callable[[CameraSettings], Rig], has_lengths: bool
) -> None:
    with PictureServer(has_lengths=has_lengths).serving() as server:
        started = time.monotonic()
        made = rig(live(server.url))
        made.frame()
        assert time.monotonic() - started < 1.0
        ages_s = []
        for _ in range(10):
            frame = made.frame()
            sent_s = server.sent_at_s[number_in(frame.image_bgr)]
            ages_s.append(frame.captured_ns / 1e9 - sent_s)
        # One picture may wait for the next boundary where the server sends no lengths.
        assert np.median(ages_s) < (0.03 if has_lengths else 0.09)


def test_user_and_password_of_the_url_are_shown_to_the_camera(
    rig: Callable[[CameraSettings], Rig],
) -> None:
    with PictureServer().serving() as server:
        rig(live(server.url.replace("//", "//staff:p%40ss@"))).frame()
        assert base64.b64decode(server.logins[0].removeprefix("Basic ")) == b"staff:p@ss"


def test_replayed_stream_keeps_its_own_times(rig: Callable[[CameraSettings], Rig]) -> None:
    with PictureServer(has_stamps=True).serving() as server:
        made = rig(live(server.url, replay=True))
        for _ in range(5):
            frame = made.frame()
            stamp_s = 1_700_000_000 + number_in(frame.image_bgr) / 10
            assert frame.captured_ns / 1e9 == pytest.approx(stamp_s, abs=1e-5)


def test_faster_source_is_thinned_to_the_rate(rig: Callable[[CameraSettings], Rig]) -> None:
    with PictureServer().serving() as server:
        made = rig(live(server.url, rate_hz=10))
        times_s = [made.frame().captured_ns / 1e9 for _ in range(12)]
    assert (times_s[-1] - times_s[1]) / 10 == pytest.approx(0.1, rel=0.25)


class Steps:
    """A clock and a camera at once: a picture every 33 ms of a recording, then the end."""

    def __init__(self) -> None:
        self.grabbed = self.asked_for = 0

    def grab(self) -> int | None:
        if self.grabbed == 30:
            raise SourceEnded("over")
        self.grabbed += 1
        return 1_000_000_000 + self.grabbed * 33_333_333

    def picture(self) -> NDArray[np.uint8] | None:
        self.asked_for += 1
        if self.asked_for == 3:
            return None  # it came broken
        return np.random.default_rng(self.asked_for).integers(0, 255, (90, 160, 3), np.uint8)

    def close(self) -> None:
        pass


def test_pictures_beyond_the_rate_are_not_decoded_and_a_broken_one_is_left_out() -> None:
    source, desk = Steps(), FrameDesk()
    reader = CameraReader(
        CameraSettings(label=SHOP, source="steps", replay=True, rate_hz=10),
        desk,
        clock=RealClock(),
        to_store_ns=lambda monotonic_ns: monotonic_ns,
        report=lambda _: None,
        open_with=lambda _settings, _now_ns: source,
    )
    reader.start()
    wait_s = time.monotonic() + 5
    while source.grabbed < 30 and time.monotonic() < wait_s:
        time.sleep(0.01)
    frames = desk.take(1)
    reader.stop()
    desk.close()
    # A second of 30 pictures, ten wanted; the desk keeps the newest of a camera's.
    assert source.asked_for == 10
    assert len(frames) > 1
    assert np.diff([frame.captured_ns for frame in frames]) == pytest.approx(1e8, rel=1e-3)


class Shutter:
    """A live camera of ten pictures a second, whose clock goes on with them, for four seconds."""

    def __init__(self, desk: FrameDesk) -> None:
        self._desk = desk
        self._ticks = 0
        self.asked_for: list[int] = []

    def monotonic_ns(self) -> int:
        return 1_000_000_000 + self._ticks * 100_000_000

    def wall_ns(self) -> int:
        return 0

    def grab(self) -> int | None:
        self._ticks += 1
        # Nothing moves from the tenth on, until the twenty-seventh does.
        self._desk.rest(SHOP, is_resting=10 <= self._ticks < 27)
        if self._ticks > 40:
            raise SourceEnded("over")
        return None

    def picture(self) -> NDArray[np.uint8]:
        self.asked_for.append(self._ticks)
        return np.random.default_rng(self._ticks).integers(0, 255, (90, 160, 3), np.uint8)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("rest_hz", "asked_for"),
    [
        # Every other picture at rest; the first one after it is taken at once.
        (5.0, [*range(1, 10), *range(11, 27, 2), *range(27, 41)]),
        # The beat of two and a half pictures was half a picture ahead when it woke.
        (4.0, [*range(1, 10), 11, 14, 16, 19, 21, 24, 26, *range(27, 41)]),
        (0.0, list(range(1, 41))),
        (12.0, list(range(1, 41))),
    ],
)
def test_a_camera_at_rest_gives_fewer_pictures_and_the_next_at_once(
    rest_hz: float, asked_for: list[int]
) -> None:
    desk = FrameDesk()
    shutter = Shutter(desk)
    reader = CameraReader(
        CameraSettings(label=SHOP, source="shutter", rate_hz=10, rest_hz=rest_hz),
        desk,
        clock=shutter,
        to_store_ns=lambda monotonic_ns: monotonic_ns,
        report=lambda _: None,
        open_with=lambda _settings, _now_ns: shutter,
    )
    reader.start()
    until_s = time.monotonic() + 5
    while shutter.asked_for[-1:] != [40] and time.monotonic() < until_s:
        time.sleep(0.01)
    reader.stop()
    assert shutter.asked_for == asked_for


def test_frozen_picture_is_withheld_and_named(rig: Callable[[CameraSettings], Rig]) -> None:
    with PictureServer().serving() as server:
        made = rig(live(server.url, frozen_after_s=0.5))
        made.until(lambda: made.state() == (SensorState.OK, ""))
        server.mode = "frozen"
        took_s = made.until(lambda: made.state() == (SensorState.BLIND, "frozen"))
        assert took_s < 1.5
        assert made.desk.take(0.2) == []
        server.mode = "noise"
        made.until(lambda: made.state() == (SensorState.OK, ""))


def test_silent_camera_is_lost_and_found_again(rig: Callable[[CameraSettings], Rig]) -> None:
    with PictureServer().serving() as server:
        made = rig(live(server.url, lost_after_s=0.5))
        made.until(lambda: made.state() == (SensorState.OK, ""))
        server.mode = "silence"
        made.until(lambda: made.state() == (SensorState.BLIND, "lost"))
        server.mode = "noise"
        made.until(lambda: made.state() == (SensorState.OK, ""))
        assert server.connections == 1


def test_broken_connection_is_opened_again(rig: Callable[[CameraSettings], Rig]) -> None:
    with PictureServer().serving() as server:
        made = rig(live(server.url, lost_after_s=0.4))
        made.until(lambda: made.state() == (SensorState.OK, ""))
        server.mode = "break"
        made.until(lambda: made.state() is not None and made.said[-1].state is SensorState.BLIND)
        assert made.said[-1].reason.startswith("lost: ")
        server.mode = "noise"
        made.until(lambda: made.state() == (SensorState.OK, ""))
        assert server.connections == 2


def test_camera_that_is_not_there_says_why(
    rig: Callable[[CameraSettings], Rig], free_port: Callable[[], int]
) -> None:
    made = rig(live(f"http://127.0.0.1:{free_port()}/", lost_after_s=0.3))
    made.until(lambda: bool(made.said))
    assert made.said[-1].state is SensorState.BLIND
    assert "refused" in made.said[-1].reason


def test_file_replays_every_frame_at_its_own_time(
    rig: Callable[[CameraSettings], Rig], tmp_path: Path
) -> None:
    path = tmp_path / "shop.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 96))
    picture = np.random.default_rng(1).integers(0, 255, (96, 160, 3), np.uint8)
    for _ in range(30):
        writer.write(picture)  # a still scene: a replay must not call it frozen
    writer.release()
    made = rig(CameraSettings(label=SHOP, source=str(path), replay=True, lost_after_s=0.3))
    times_s = [made.frame().captured_ns / 1e9 for _ in range(30)]
    np.testing.assert_allclose(np.diff(times_s), 0.1, atol=0.002)
    made.until(lambda: made.state() is not None and "at its end" in made.said[-1].reason)


def test_retries_grow_to_half_a_minute_with_jitter() -> None:
    middle = [retry_delay_s(failures, 0.5) for failures in range(1, 8)]
    assert middle == [1, 2, 4, 8, 16, 30, 30]
    assert retry_delay_s(1, 0.0) < 1 < retry_delay_s(1, 1.0)


def test_local_cameras_are_found_by_name_and_the_rest_is_listed(tmp_path: Path) -> None:
    for device, name in (("video0", "Door cam"), ("video1", "Door cam"), ("video4", "Aisle cam")):
        (tmp_path / device).mkdir()
        (tmp_path / device / "name").write_text(name + "\n")
    assert find_v4l2("Aisle cam", tmp_path) == "/dev/video4"
    assert find_v4l2("Door cam", tmp_path) == "/dev/video0"
    with pytest.raises(SourceError, match="'Roof cam'; there are: Aisle cam, Door cam"):
        find_v4l2("Roof cam", tmp_path)


def test_a_camera_by_number_is_a_configuration_error(tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    path.write_text('label = "shop"\nsource = "0"\n')
    with pytest.raises(ConfigError, match="never by its number"):
        load_toml(path, CameraSettings)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shop.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(SourceError, match=r"shop\.mp4: is no video"):
        open_source(str(path))
