"""The node's sensor threads, as its configuration names them, and the queue they fill.

Cameras bring OpenCV and ONNX Runtime into the process; a node without cameras imports neither.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from tebura_contract.clock import SECOND_NS, Clock
from tebura_contract.events import SensorKind, SensorState
from tebura_contract.ids import CameraId, MemberId
from tebura_contract.messages import Part
from tebura_contract.settings import beside

from tebura_edge.barcode import BarcodeReader, ReaderSettings
from tebura_edge.clock import StoreClock
from tebura_edge.config import CameraConfig, LooksFor, Setup
from tebura_edge.engine import Looked, Sensed, Sensor
from tebura_edge.looking import Looking, LookRates
from tebura_edge.palm_reader import PalmReader
from tebura_edge.role import SensorStatus
from tebura_edge.scale import ScaleReader, ScaleSettings

if TYPE_CHECKING:
    from tebura_edge.camera import CameraSettings
    from tebura_edge.face_look import Attention
    from tebura_edge.frames import Frame
    from tebura_edge.inference import Look

MAX_ARRIVED = 2000
"""What the threads may be ahead of the main loop. At the bound they wait: a scale's samples then
wait in the kernel, a camera's frames are dropped for newer ones."""

MAX_NEWS = 1000
"""Changes of sensors' states that may wait; beyond, the oldest are forgotten: the newest count."""

SNAPSHOT_EVERY_NS = SECOND_NS // 2
STUCK_NS = 15 * SECOND_NS
"""An inference turn takes a second on the slowest board; longer than this it will not come back."""


@dataclass(frozen=True, eq=False, slots=True)
class Snapshot:
    """A frame for the flight recorder, as a JPEG."""

    camera: CameraId
    at_ns: int
    jpeg: bytes


class Inbox:
    """Between the sensors' threads and the main loop: bounded, nothing dropped.

    Args:
        wake: Called after each item, from the thread that brought it.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._queue: queue.Queue[Sensed | Snapshot] = queue.Queue(MAX_ARRIVED)
        self._news: deque[SensorStatus] = deque(maxlen=MAX_NEWS)
        self._wake = wake
        self._is_closed = threading.Event()

    def put(self, item: Sensed | Snapshot) -> None:
        """Wait for room; gives up once the inbox is closed."""
        while not self._is_closed.is_set():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            self._wake()
            return

    def tell(self, news: SensorStatus) -> None:
        """News of a sensor: never waits, for the main loop itself may bring it."""
        self._news.append(news)
        self._wake()

    def take(self, most: int) -> list[Sensed | Snapshot]:
        """What is there without waiting: all news of sensors, then at most so many items."""
        out: list[Sensed | Snapshot] = []
        while self._news:
            out.append(self._news.popleft())
        for _ in range(most):
            try:
                out.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return out

    def close(self) -> None:
        """Let threads that wait for room go."""
        self._is_closed.set()


class Sensing:
    """All sensor threads of a node. From when it is made each sensor has its time to be heard.

    Args:
        setup: Which sensors.
        looks: What is done with each camera's frames.
        clock: Stamps arrivals.
        store: Store time.
        inbox: Where all of it goes.
    """

    def __init__(
        self, setup: Setup, looks: "Looks", clock: Clock, store: StoreClock, inbox: Inbox
    ) -> None:
        self._scales = [
            ScaleReader(
                ScaleSettings(
                    label=scale.label,
                    port=str(beside(setup.path, scale.port)),
                    channels=len(scale.plates),
                    baud=scale.baud,
                    rate_hz=scale.rate_hz,
                    replay=scale.replay,
                ),
                clock=clock,
                to_store_ns=store.store_ns,
                deliver=inbox.put,
                report=inbox.tell,
            )
            for scale in setup.config.scale
        ]
        readers = [
            BarcodeReader(
                ReaderSettings(
                    label=reader.label,
                    port=str(beside(setup.path, reader.port)),
                    baud=reader.baud,
                ),
                clock=clock,
                to_store_ns=store.store_ns,
                deliver=inbox.put,
                report=inbox.tell,
            )
            for reader in setup.config.reader
        ]
        self._palms = [
            PalmReader(
                gate.id,
                beside(setup.path, gate.palm),
                clock=clock,
                to_store_ns=store.store_ns,
                deliver=inbox.put,
            )
            for gate in setup.config.gate
            if gate.palm
        ]
        self._lines: list[ScaleReader | BarcodeReader | PalmReader] = [
            *self._scales,
            *readers,
            *self._palms,
        ]
        self._clock = clock
        self._network, self._network_note = looks.network, looks.note
        self._rates = LookRates()
        self._cameras = _Cameras(setup, looks, clock, store, inbox) if setup.config.camera else None

    def start(self) -> None:
        for line in self._lines:
            line.start()
        if self._cameras:
            self._cameras.start()

    def stop(self) -> None:
        """Ask all threads to end and wait for them; the inbox must be closed before."""
        for line in self._lines:
            line.stop()
        if self._cameras:
            self._cameras.stop()

    def poll(self) -> None:
        """Let scales notice that they fell silent; raises what ended a thread.

        Raises:
            RuntimeError: If inference died.
        """
        for scale in self._scales:
            scale.poll()
        if self._cameras:
            self._cameras.thread.check()

    def keep_palms(self, members: frozenset[MemberId]) -> None:
        """Let palm readers forget everybody else."""
        for palm in self._palms:
            palm.keep_only(members)

    def is_alive(self) -> bool:
        """Whether every thread still turns; one that hangs must not look healthy."""
        if self._cameras is None:
            return True
        return self._clock.monotonic_ns() - self._cameras.thread.turned_ns < STUCK_NS

    def parts(self) -> list[Part]:
        """What the lines and the network say about themselves, beyond seeing or not."""
        parts = [scale.part() for scale in self._scales]
        parts += [part for palm in self._palms for part in palm.parts()]
        if self._cameras and self._network:
            slow = self._rates.trouble(self.looking(), self._clock.monotonic_ns())
            reason = "; ".join(text for text in (self._network_note, slow) if text)
            parts.append(Part(name="network", state=SensorState.OK, reason=reason))
        return parts

    def looking(self) -> dict[str, Looking]:
        """What became of each camera's frames."""
        if self._cameras is None:
            return {}
        return {str(label): one for label, one in self._cameras.thread.counts().items()}

    def mean_look_s(self) -> float | None:
        """Mean time spent looking at a frame."""
        if self._cameras is None or not self._cameras.thread.looked_count:
            return None
        thread = self._cameras.thread
        return thread.look_ns / thread.looked_count / SECOND_NS


class _Cameras:
    """Camera threads, the desk between, and the inference thread."""

    def __init__(
        self, setup: Setup, looks: "Looks", clock: Clock, store: StoreClock, inbox: Inbox
    ) -> None:
        from tebura_edge.camera import CameraReader, beside
        from tebura_edge.frames import FrameDesk
        from tebura_edge.inference import InferenceThread
        from tebura_edge.people import PeopleLook

        configs = setup.config.camera
        self.desk = FrameDesk([c.label for c in configs if c.replay])
        self.readers = [
            CameraReader(
                msgspec.structs.replace(
                    camera_settings(config), source=beside(setup.path, config.source)
                ),
                self.desk,
                clock=clock,
                to_store_ns=store.store_ns,
                report=inbox.tell,
            )
            for config in configs
        ]
        reported = {
            label: look if isinstance(look, PeopleLook) else _Reported(look, inbox)
            for label, look in looks.by_camera.items()
        }
        photographer = (
            Photographer(inbox, recorded(configs)) if setup.config.record is not None else _ignore
        )
        self.thread = InferenceThread(
            self.desk, reported, self.readers, clock=clock, sink=inbox.put, seen=photographer
        )

    def start(self) -> None:
        for reader in self.readers:
            reader.start()
        self.thread.start()

    def stop(self) -> None:
        self.thread.stop()
        for reader in self.readers:
            reader.stop()


def camera_settings(config: CameraConfig) -> "CameraSettings":
    """The camera thread's form of a ``[[camera]]`` table; the two have the same fields."""
    from tebura_edge.camera import CameraSettings

    return msgspec.convert(msgspec.to_builtins(config), CameraSettings)


@dataclass(frozen=True)
class Looks:
    """What is done with each camera's frames.

    `attention` is how cameras that look for faces are told to. `network` names what finds people
    and what it runs on, `note` why nothing better runs it.
    """

    by_camera: Mapping[CameraId, "Look"]
    network: str = ""
    provider: str = ""
    note: str = ""
    attention: Mapping[CameraId, "Attention"] = field(default_factory=dict)


def open_looks(setup: Setup) -> Looks:
    """Open the networks and readers that a node's cameras need.

    Raises:
        ModelError: If the people network cannot be used.
    """
    if not setup.config.camera:
        return Looks({})
    from tebura_edge.closer import shelves_seen
    from tebura_edge.code_reader import CodeReader
    from tebura_edge.people import PeopleLook, PeopleSettings, open_arms, open_people

    looks: dict[CameraId, Look] = {
        camera.label: CodeReader()
        for camera in setup.config.camera
        if camera.looks_for is LooksFor.CODES
    }
    attention = _open_faces(setup, looks)
    watchers = [c.label for c in setup.config.camera if c.looks_for is LooksFor.PEOPLE]
    if not watchers:
        return Looks(looks, attention=attention)
    settings = msgspec.convert(msgspec.to_builtins(setup.config.people), PeopleSettings)
    network = open_people(settings)
    arms = open_arms(settings, network)
    for label in watchers:
        fronts = shelves_seen(setup.layout, setup.calibration, label)
        looks[label] = PeopleLook(network, settings, fronts, arms=arms)
    return Looks(
        looks,
        f"{settings.model} on {network.provider}",
        network.provider,
        "; ".join(f"cannot use {why}" for why in network.refused),
        attention,
    )


def _open_faces(setup: Setup, looks: "dict[CameraId, Look]") -> "dict[CameraId, Attention]":
    """A look for each camera that looks for faces, added to `looks`."""
    cameras = [c.label for c in setup.config.camera if c.looks_for is LooksFor.FACES]
    if not cameras or setup.face_threshold is None:
        return {}
    from tebura_models.faces.reader import load_face_reader

    from tebura_edge.face_look import Attention, FaceLook

    reader = load_face_reader(setup.face_threshold.network)
    attention = {label: Attention() for label in cameras}
    faces = {label: FaceLook(reader, attention[label]) for label in cameras}
    looks |= faces
    at_counters = [CameraId(one.face) for one in setup.config.counter if one.face]
    if at_counters:
        from tebura_models.gestures.hands import load_hand_finder

        from tebura_edge.counter_look import CounterLook

        hands = load_hand_finder()
        looks |= {one: CounterLook(faces[one], hands, attention[one]) for one in at_counters}
    return attention


class _Reported:
    """A look whose camera's progress the main loop hears of, also when there is nothing to say."""

    def __init__(self, look: "Look", inbox: Inbox) -> None:
        self._look, self._inbox = look, inbox

    def __call__(self, frame: "Frame") -> Sequence[Any]:
        found = self._look(frame)
        if not found:
            self._inbox.put(Looked(frame.camera, frame.captured_ns))
        return found


def recorded(cameras: Sequence[CameraConfig]) -> frozenset[CameraId]:
    """Whose frames the flight recorder may keep: never a gate camera's, which show faces."""
    return frozenset(c.label for c in cameras if c.looks_for is LooksFor.PEOPLE)


class Photographer:
    """Frames for the flight recorder, a few a second of each camera that may be recorded."""

    def __init__(self, inbox: Inbox, cameras: frozenset[CameraId]) -> None:
        self._inbox, self._cameras = inbox, cameras
        self._due_ns: dict[CameraId, int] = {}

    def __call__(self, frame: "Frame") -> None:
        is_early = frame.captured_ns < self._due_ns.get(frame.camera, 0)
        if is_early or frame.camera not in self._cameras:
            return
        import cv2

        self._due_ns[frame.camera] = frame.captured_ns + SNAPSHOT_EVERY_NS
        is_encoded, jpeg = cv2.imencode(".jpg", frame.image_bgr)
        if is_encoded:
            self._inbox.put(Snapshot(frame.camera, frame.captured_ns, jpeg.tobytes()))


def _ignore(_: "Frame") -> None:
    """Nobody records."""


def sensors_of(setup: Setup) -> dict[str, Sensor]:
    """By label what each sensor is, and which shelves are blind without it."""
    plates = setup.layout.plates()
    watched = {camera.label: camera.watches for camera in setup.layout.camera}
    found = {
        scale.label: Sensor(
            SensorKind.SCALE, tuple(dict.fromkeys(plates[plate][0] for plate in scale.plates))
        )
        for scale in setup.config.scale
    }
    for reader in setup.config.reader:
        found[reader.label] = Sensor(SensorKind.CODE_READER, ())
    for camera in setup.config.camera:
        is_reader = camera.looks_for is LooksFor.CODES
        kind = SensorKind.CODE_READER if is_reader else SensorKind.CAMERA
        found[camera.label] = Sensor(kind, () if is_reader else watched[camera.label])
    return found
