"""The demo's shop in real processes, with people before its cameras and hands on its plates.

Broker, gateway, the gate's node, the plates' node and, where there is one, the counter's node run
as `./tebura demo` starts them, on the demo's layout and catalogue. Heads are drawn and do as the
screens ask; plates are weighed on serial lines; only what the aisle's camera sees is told.
"""

import http.client
import itertools
import json
import os
import pty
import queue
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import httpx
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration, PlateCalibration
from tebura_contract.clock import Ns
from tebura_contract.events import Event, Reach, TrackAtGate, TrackEnded, TrackStarted
from tebura_contract.geometry import Xy
from tebura_contract.ids import (
    CameraId,
    GateId,
    MemberId,
    NodeId,
    PlateId,
    ShelfId,
    StoreId,
    TrackId,
    track_id,
)
from tebura_contract.layout import Layout, load_layout
from tebura_contract.settings import MqttSettings
from tebura_edge.face_life import Move
from tebura_simulator.palm import PalmBox, palm_box
from tebura_simulator.scenes.gestures import Gesture, HeldUp
from tebura_simulator.scenes.portrait import Portrait, Stance
from tebura_simulator.serial_line import SerialLine
from tebura_simulator.shop_client import ShopClient
from tebura_simulator.stage import BROKER, GATEWAY, Part, Stage, free_port, python
from tebura_simulator.store_files import Scale, StoreFiles, Wiring, write_store
from tebura_simulator.streams import CameraStreams
from tebura_simulator.told_nodes import ToldNode

from tests.gateway.faces import Phone

DEMO: Final = Path("simulator/tebura_simulator/demo/layout.toml")
DOOR, COUNTER = GateId("door"), ShelfId("desk/top")
EYES, GATE, TILL = NodeId("camera-1"), NodeId("gate-1"), NodeId("counter-1")
AT_DOOR: Final[Xy] = (1.45, -0.3)
INSIDE: Final[Xy] = (1.9, 1.7)
COUNTS_PER_G, RATE_HZ, NOISE_G = 100.0, 20.0, 0.4
SLOW_S: Final = 40.0
CAMERAS: Final = """
[[camera]]
label = "gate-face"
node = "gate-1"
[camera.intrinsics]
size_px = [640, 480]
focal_px = [600.0, 600.0]
center_px = [320.0, 240.0]
[camera.store_from_camera]
"""
TILL_LAYOUT: Final = """
[[gondola]]
id = "desk"
store_from_gondola = { translation_m = [3.2, 0.4, 0.0] }
size_m = [0.6, 0.4, 1.0]
[[gondola.shelf]]
id = "top"
gondola_from_shelf = { translation_m = [0.02, 0.02, 0.9] }
size_m = [0.56, 0.36, 0.3]
reports_picks = "counter-1"
is_counter = true
plate = [{ id = "p1", xy_m = [0.01, 0.01], size_m = [0.54, 0.34] }]

[[camera]]
label = "till-face"
node = "counter-1"
[camera.intrinsics]
size_px = [640, 480]
focal_px = [600.0, 600.0]
center_px = [320.0, 240.0]
[camera.store_from_camera]
"""

Image = NDArray[np.uint8]
Pose = tuple[Move | None, int, bool]
"""Which way a head goes, how far (0 to `STEPS`), and whether its thumb is up."""
STEPS: Final = 5
SIGNS: Final = {Move.LEFT: (1, 0), Move.RIGHT: (-1, 0), Move.UP: (0, -1), Move.DOWN: (0, 1)}


class Looks:
    """One drawn person in the poses that screens ask for, as JPEGs."""

    def __init__(self, shape: str, seed: int) -> None:
        with Portrait(shape, seed) as portrait:
            self.enrolment = [
                _jpeg(portrait.frame(Stance(aside_rad=a, down_rad=d)))
                for a, d in ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (-0.1, 0.0))
            ]
            thumb = HeldUp(Gesture.THUMB_UP)
            self.poses: dict[Pose, list[bytes]] = {
                (None, 0, False): _noisy(portrait.frame(Stance())),
                (None, 0, True): _noisy(portrait.frame(Stance(hand=thumb))),
            }
            for move, (x, y) in SIGNS.items():
                for step in range(1, STEPS + 1):
                    share = step / STEPS
                    stance = Stance(aside_rad=0.45 * x * share, down_rad=0.38 * y * share)
                    self.poses[move, step, False] = _noisy(portrait.frame(stance))


def _jpeg(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def _noisy(image: Image) -> list[bytes]:
    """A few pictures of one pose: a camera that gives the same one twice is taken for frozen."""
    rng = np.random.default_rng(1)
    return [
        _jpeg((image + rng.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8))
        for _ in range(4)
    ]


class Camera:
    """Streams what stands before it, or an empty shop."""

    def __init__(self, streams: CameraStreams, label: str) -> None:
        self._streams, self._label = streams, label
        wall = np.random.default_rng(2).integers(60, 180, (12, 16, 3), dtype=np.uint8)
        self._nobody = _noisy(np.asarray(cv2.resize(wall, (640, 480)), np.uint8))
        self.sight: Callable[[], list[bytes]] | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        for turn in itertools.count():
            if self._is_over.wait(0.08):
                return
            sight = self.sight
            self._streams.show(self._label, (sight() if sight else self._nobody)[turn % 4])


class Person:
    """Stands before a camera, reads the screen beside it, and does as it says.

    `shows_thumb` is whether they agree to pay when they are asked to.
    """

    def __init__(self, looks: Looks, camera: Camera, screen: str, port: int) -> None:
        self._looks, self._camera, self._screen, self._port = looks, camera, screen, port
        self._asked: tuple[Move, float] | None = None
        self.shows_thumb = True
        self.heard: list[dict[str, object]] = []
        self._is_gone = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        camera.sight = lambda: self._looks.poses[self._pose()]

    def go(self) -> None:
        self._camera.sight = None
        self._is_gone.set()

    @property
    def now(self) -> dict[str, object]:
        """What the screen shows."""
        return self.heard[-1] if self.heard else {}

    def _listen(self) -> None:
        while not self._is_gone.is_set():
            with suppress(OSError, http.client.HTTPException):
                line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                line.request("GET", f"/{self._screen}/stream")
                for said in line.getresponse():
                    if self._is_gone.is_set():
                        return
                    if said.startswith(b"data: "):
                        self._hear(json.loads(said[6:]))
            time.sleep(0.1)

    def _hear(self, said: dict[str, object]) -> None:
        self.heard.append(said)
        word = str(said.get("hint", said.get("reason")))
        is_move = word in {move.value for move in Move}
        self._asked = (Move(word), time.monotonic()) if is_move else None

    def _pose(self) -> Pose:
        if self.now.get("hint") == "thumb" and self.shows_thumb:
            return None, 0, True
        if self._asked is None:
            return None, 0, False
        move, at_s = self._asked
        # A third of a second to react, as long to turn; then until the screen says something else.
        on_s = time.monotonic() - at_s - 0.35
        step = round(min(on_s / 0.35, 1.0) * STEPS)
        return (move, step, False) if step > 0 else (None, 0, False)


class Plates:
    """All scales of the shop on their lines; hands change what lies on them."""

    def __init__(self, scales: Mapping[str, tuple[PlateId, ...]], lines: list[SerialLine]) -> None:
        self._lines = list(zip(scales.values(), lines, strict=True))
        self._grams = {plate: 2000.0 for plates in scales.values() for plate in plates}
        self._lock, self._is_over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def change(self, plate: str, by_g: float) -> None:
        with self._lock:
            self._grams[PlateId(plate)] += by_g

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        rng, began_s = np.random.default_rng(3), time.monotonic()
        while not self._is_over.wait(1 / RATE_HZ):
            device_us = round((time.monotonic() - began_s) * 1e6)
            for plates, line in self._lines:
                with self._lock:
                    grams = [self._grams[plate] + rng.normal(0, NOISE_G) for plate in plates]
                line.send(device_us, tuple(round(g * COUNTS_PER_G) for g in grams))


class Eyes:
    """The aisle's camera: what it saw is told, on its node's own line."""

    def __init__(self, make: Callable[[], ToldNode]) -> None:
        self._make, self._said = make, queue.Queue[Event]()
        self._is_over, self._is_up = threading.Event(), threading.Event()
        self._boot, self._count = 0, itertools.count()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._is_up.wait(10.0)

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(5.0)

    def come_in(self) -> TrackId:
        """Somebody stands at the door."""
        track = track_id(EYES, self._boot, next(self._count))
        self._say(
            TrackStarted(track=track, camera=CameraId("aisle"), at_ns=_now(), foot_xy_m=AT_DOOR)
        )
        return track

    def go_in(self, track: TrackId) -> None:
        self._say(TrackAtGate(track=track, gate=DOOR, at_ns=_now(), is_inside=False))

    def go_out(self, track: TrackId) -> None:
        self._say(TrackAtGate(track=track, gate=DOOR, at_ns=_now(), is_inside=True))
        self._say(TrackEnded(track=track, at_ns=_now(), foot_xy_m=AT_DOOR, gate=DOOR))

    def reach(self, track: TrackId, shelf: str, x_m: float, from_ns: int) -> None:
        """A hand was in a shelf from then until now."""
        self._say(
            Reach(
                track=track,
                camera=CameraId("aisle"),
                shelf=ShelfId(shelf),
                x_m=x_m,
                from_ns=Ns(from_ns),
                to_ns=_now(),
                confidence=0.9,
            )
        )

    def _say(self, event: Event) -> None:
        self._said.put(event)

    def _run(self) -> None:
        # Its database belongs to the thread that opens it.
        node = self._make()
        self._boot = node.boot
        node.start()
        self._is_up.set()
        while not self._is_over.wait(0.05):
            while not self._said.empty():
                node.say(self._said.get_nowait())
            node.turn(0.0, is_playing=False)
        node.stop()


@dataclass
class DemoShop:
    """The shop while it is open."""

    address: str
    staff: ShopClient
    plates: Plates
    eyes: Eyes
    cameras: dict[str, Camera]
    palm: PalmBox
    desk: int
    screens: dict[NodeId, int]
    layout: Layout
    folder: Path
    _people: list[Person] = field(default_factory=list)

    def member(self, name: str) -> Phone:
        added = self.staff.add_member(name, "en")
        assert added.sign_in is not None
        return Phone.signed_in(added.sign_in, MemberId(added.id))

    def enrol(self, phone: Phone, looks: Looks) -> None:
        """Agree, have pictures taken, and wait until the gate's node has made a template."""
        assert phone.agree().status_code == 200
        place, own = "/me/face/enrolments", {"x-form": phone.form}
        phone.half = "A" * 43 + "="
        begun = phone.http.post(place, json={"form": phone.form, "half": phone.half})
        ticket = begun.json()["ticket"]
        for picture in looks.enrolment:
            sent = phone.http.post(f"{place}/{ticket}/frames", content=picture, headers=own)
            assert sent.status_code == 204, sent.text
        phone.http.post(f"{place}/{ticket}/end", headers=own)
        until(lambda: phone.progress(ticket) == "done")

    def stand(self, looks: Looks, camera: str, node: NodeId, screen: str) -> Person:
        person = Person(looks, self.cameras[camera], screen, self.screens[node])
        self._people.append(person)
        return person

    def show_code(self, phone: Phone, spare: int = 0) -> None:
        """Hold a phone's code to the reader, or the one it shows once that was used."""
        first = phone.http.get("/me/codes.json").json()[0]
        shown = [first, *first["spares"]][spare]
        os.write(self.desk, shown["code"].encode() + b"\r")

    def take(self, track: TrackId, shelf: str, plate: str, x_m: float, by_g: float) -> float:
        """A hand takes something (or puts it down, where `by_g` is positive); when it did."""
        from_ns = time.time_ns()
        time.sleep(0.4)
        self.plates.change(f"{shelf}/{plate}", by_g)
        changed_s = time.monotonic()
        time.sleep(0.5)
        self.eyes.reach(track, shelf, x_m, from_ns)
        return changed_s

    def grams(self, sku: str) -> float:
        return next(one.weight_g for one in self.layout.product if one.sku == sku)

    def keeps_a_picture_of(self, looks: Looks) -> bool:
        """Whether a piece of any picture of somebody lies anywhere on the shop's disks."""
        shown = [picture for some in looks.poses.values() for picture in some]
        pieces = [picture[2000:2032] for picture in (*shown, *looks.enrolment)]
        files = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        return any(piece in file for piece in pieces for file in files)

    def leave_all(self) -> None:
        while self._people:
            self._people.pop().go()


def until(check: Callable[[], bool], person: Person | None = None, for_s: float = SLOW_S) -> float:
    """Wait for something; how long it took. What `person` was shown is told if it never comes."""
    began_s = time.monotonic()
    while not check():
        seen = [{**said, "lines": ...} for said in person.heard[-8:]] if person else ""
        assert time.monotonic() - began_s < for_s, f"waited too long: {seen}"
        time.sleep(0.05)
    return time.monotonic() - began_s


def receipt(phone: Phone, visit: str) -> dict[str, object] | None:
    answer = phone.http.get(f"/me/visits/{visit}/receipt.json")
    found: dict[str, object] | None = answer.json() if answer.status_code == 200 else None
    return found


@contextmanager
def demo_shop(folder: Path, repository: Path, *, has_counter: bool) -> Iterator[DemoShop]:
    """The shop, open and sensing."""
    layout_toml = (repository / DEMO).read_text(encoding="utf-8") + CAMERAS
    layout_toml += TILL_LAYOUT if has_counter else ""
    folder.mkdir(parents=True)
    (folder / "read.toml").write_text(layout_toml, encoding="utf-8")
    layout = load_layout(folder / "read.toml")
    with ExitStack() as opened:
        shop = _open(opened, folder / "store", layout_toml.encode(), layout)
        opened.callback(shop.leave_all)
        yield shop


def _open(opened: ExitStack, folder: Path, layout_toml: bytes, layout: Layout) -> DemoShop:
    scales = _scales(layout)
    nodes = {node: free_port() for node in {GATE, *layout.counters().values()}}
    streams = opened.enter_context(CameraStreams(("gate-face", "till-face")))
    wiring = Wiring(mqtt_port=free_port(), http_port=free_port(), stream_urls={}, scales=scales)
    calibrations = {node: _calibration(node, found) for node, found in scales.items()}
    files = write_store(folder, layout_toml, layout, calibrations, wiring, time.time_ns())
    palm = opened.enter_context(palm_box())
    desk, theirs = pty.openpty()
    tty.setraw(theirs)
    _write_gate(files, wiring, nodes[GATE], streams, palm, os.ttyname(theirs))
    if TILL in nodes:
        _extend_till(files, wiring, nodes[TILL], streams)
    with files.gateway_config.open("a", encoding="utf-8") as config:
        # Phones in the shop's network would be a sign, too: here it is the face that counts.
        config.write("\n[faces]\n")
        config.write("\n[after_sale]\nauto_refund_minor = 500\n")
    cameras = {label: Camera(streams, label) for label in ("gate-face", "till-face")}
    for camera in cameras.values():
        opened.callback(camera.stop)
    lines = [
        opened.enter_context(SerialLine(files.serial_link(scale.label)))
        for found in scales.values()
        for scale in found
    ]
    by_label = {scale.label: scale.plates for found in scales.values() for scale in found}
    plates = Plates(by_label, lines)
    opened.callback(plates.stop)
    logs = folder / "logs"
    logs.mkdir()
    stage = opened.enter_context(Stage(logs, {"OMP_NUM_THREADS": "1"}))
    for part in _parts(files, wiring, sorted({*scales, *nodes})):
        stage.start(part)
        if part.name == BROKER:
            stage.wait_ready(BROKER)
    stage.wait_ready()
    mqtt = MqttSettings(port=wiring.mqtt_port)
    eyes = Eyes(lambda: ToldNode(EYES, StoreId("demo"), folder, mqtt, files.node_keys[EYES]))
    opened.callback(eyes.stop)
    address = f"http://127.0.0.1:{wiring.http_port}"
    staff = opened.enter_context(ShopClient(address, files.staff_token))
    shop = DemoShop(address, staff, plates, eyes, cameras, palm, desk, nodes, layout, folder)
    until(lambda: _is_open(shop, len(scales) + len(set(nodes) - set(scales)) + 1))
    return shop


def _is_open(shop: DemoShop, count: int) -> bool:
    online = [node for node in shop.staff.nodes() if node.is_online]
    blind = [part.name for node in online for part in node.parts if part.state != "ok"]
    return len(online) >= count and not blind


def _scales(layout: Layout) -> dict[NodeId, list[Scale]]:
    """One scale a shelf."""
    found: dict[NodeId, list[Scale]] = {}
    for name, (_, shelf) in layout.shelves().items():
        plates = tuple(PlateId(f"{name}/{plate.id}") for plate in shelf.plate)
        scale = Scale(name.replace("/", "-"), plates, RATE_HZ)
        found.setdefault(shelf.reports_picks, []).append(scale)
    return found


def _calibration(node: NodeId, scales: list[Scale]) -> Calibration:
    measured = PlateCalibration(tare_counts=0.0, counts_per_g=COUNTS_PER_G, noise_g=NOISE_G)
    plates = {plate: measured for scale in scales for plate in scale.plates}
    return Calibration(node=node, measured_ns=Ns(time.time_ns()), plates=plates)


def _write_gate(
    files: StoreFiles,
    wiring: Wiring,
    screen: int,
    streams: CameraStreams,
    palm: PalmBox,
    desk: str,
) -> None:
    files.node_config(GATE).write_text(
        f'node = "{GATE}"\nlayout = "layout.toml"\nstate_dir = "state/{GATE}"\n'
        f'key_file = "keys/{GATE}.key"\n[mqtt]\nport = {wiring.mqtt_port}\n'
        f"[screen]\nport = {screen}\n"
        # Who is drawn here gives back no light of a screen: `test_face_entry.py` has one who does.
        f'[face]\naddress = "http://127.0.0.1:{wiring.http_port}"\nlight = false\n'
        f'[[reader]]\nlabel = "desk"\nport = "{desk}"\n'
        f'[[camera]]\nlabel = "gate-face"\nsource = "{streams.url("gate-face")}"\n'
        'looks_for = "faces"\n'
        f'[[gate]]\nid = "{DOOR}"\nreader = "desk"\nface = "gate-face"\n'
        f'entry_key_file = "keys/entry.key"\npalm = "{palm.port}"\n',
        encoding="utf-8",
    )


def _extend_till(files: StoreFiles, wiring: Wiring, screen: int, streams: CameraStreams) -> None:
    with files.node_config(TILL).open("a", encoding="utf-8") as config:
        config.write(
            f"\n[screen]\nport = {screen}\n"
            f'[face]\naddress = "http://127.0.0.1:{wiring.http_port}"\n'
            f'[[camera]]\nlabel = "till-face"\nsource = "{streams.url("till-face")}"\n'
            'looks_for = "faces"\n'
            f'[[counter]]\nshelf = "{COUNTER}"\nface = "till-face"\n'
        )


def _parts(files: StoreFiles, wiring: Wiring, nodes: list[NodeId]) -> list[Part]:
    return [
        Part(
            BROKER,
            python("tebura_simulator.broker", "--port", str(wiring.mqtt_port)),
            port=wiring.mqtt_port,
            holds_stdin=True,
        ),
        Part(GATEWAY, python("tebura_gateway", "run", "--config", str(files.gateway_config))),
        *(
            Part(node, python("tebura_edge", "run", "--config", str(files.node_config(node))))
            for node in nodes
        ),
    ]


def _now() -> Ns:
    return Ns(time.time_ns())


def shows(phone: Phone, text: str) -> bool:
    """Whether the phone's page has it now."""
    answer: httpx.Response = phone.http.get("/me?lang=en")
    return text in answer.text
