"""The node's configuration file, and everything it names, read and checked before anything starts.

Reading touches no network and no hardware. All problems of all files are reported together.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from tebura_contract.calibration import Calibration, CalibrationError, load_calibration
from tebura_contract.clock import Ns
from tebura_contract.config import ConfigError, load_toml
from tebura_contract.face_threshold import (
    FaceThreshold,
    FaceThresholdError,
    load_face_threshold,
)
from tebura_contract.ids import CameraId, GateId, NodeId, PlateId, ShelfId
from tebura_contract.layout import Layout, Name, Shelf, load_layout
from tebura_contract.settings import MqttSettings, beside
from tebura_models.manifest import FACE_THRESHOLD

MIN_KEY_BYTES = 32

Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of node.toml."""


class ScaleConfig(Table, frozen=True, kw_only=True):
    """One serial device; `plates`, as the layout names them, in the order of its channels.

    With `replay` its device time is store time: a recording is played to it.
    """

    label: Name
    port: str
    baud: Count = 115_200
    rate_hz: Positive = 10.0
    replay: bool = False
    plates: tuple[PlateId, ...]

    def __post_init__(self) -> None:
        if not self.plates:
            raise ValueError("a scale needs at least one plate")
        twice = sorted({plate for plate in self.plates if self.plates.count(plate) > 1})
        if twice:
            raise ValueError(f"plates are named twice: {', '.join(twice)}")


class LooksFor(StrEnum):
    """What a camera's frames are searched for."""

    PEOPLE = "people"
    CODES = "codes"
    FACES = "faces"


class CameraConfig(Table, frozen=True, kw_only=True):
    """One camera, with the meaning and defaults of `tebura_edge.camera.CameraSettings`.

    Written down again because a node without cameras must not load OpenCV to read its file.
    """

    label: Annotated[CameraId, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    source: Annotated[str, msgspec.Meta(min_length=1)]
    looks_for: LooksFor = LooksFor.PEOPLE
    rate_hz: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    rest_hz: Annotated[float, msgspec.Meta(ge=0, le=60)] = 4.0
    replay: bool = False
    lost_after_s: Annotated[float, msgspec.Meta(gt=0, le=5)] = 3.0
    frozen_after_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 4.5

    def __post_init__(self) -> None:
        if self.source.isdecimal():
            raise ValueError("source: name a camera by its path or label, never by its number")


class PeopleConfig(Table, frozen=True, kw_only=True):
    """The network that finds people: `tebura_edge.people.PeopleSettings`, see there."""

    model: str = "movenet-shop"
    size_px: tuple[Count, Count] = (384, 256)
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    providers: tuple[Literal["tensorrt", "cuda", "cpu"], ...] = ("tensorrt", "cuda", "cpu")
    look_hz: Annotated[float, msgspec.Meta(ge=1, le=60)] = 10.0
    skip_still: bool = True
    closer: bool = True
    arms_model: str = "movenet-arms"


class ReaderConfig(Table, frozen=True, kw_only=True):
    """A barcode reader, serial or one that types: `tebura_edge.barcode.ReaderSettings`."""

    label: Name
    port: Annotated[str, msgspec.Meta(min_length=1)]
    baud: Count = 9600


class RelayConfig(Table, frozen=True, kw_only=True):
    """A relay board at a gate: which relay opens, which one says no, and for how long."""

    port: Annotated[str, msgspec.Meta(min_length=1)]
    opens: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = 1
    refuses: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = None
    pulse_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 1.0


class GateConfig(Table, frozen=True, kw_only=True):
    """A gate of this node, and the label of its reader: a camera or a barcode reader.

    `face` is the label of a camera that looks for faces; without one a code alone opens. `palm` is
    the line of a palm reader's driver, see `tebura_edge.palm_reader`.
    """

    id: GateId
    reader: str
    entry_key_file: str
    relay: RelayConfig | None = None
    face: str = ""
    palm: str = ""


class CounterConfig(Table, frozen=True, kw_only=True):
    """A counter of this node: the layout's shelf, and the camera that sees who stands there.

    Without a camera it only shows the list; whoever stands there pays with their phone.
    """

    shelf: ShelfId
    face: str = ""


class LinkConfig(Table, frozen=True, kw_only=True):
    """Patience with the broker and the gateway.

    The longest wait between attempts is short: in one store's network nobody is overrun by it, and
    events flow again within 5 s of the broker's return.
    """

    reconnect_min_s: Positive = 1.0
    reconnect_max_s: Positive = 4.0
    ack_timeout_s: Positive = 3.0
    in_flight: Count = 200

    def __post_init__(self) -> None:
        if self.reconnect_min_s > self.reconnect_max_s:
            raise ValueError("reconnect_min_s is larger than reconnect_max_s")


class ScreenConfig(Table, frozen=True, kw_only=True):
    """The pages of gates and counters on 127.0.0.1; port 0 is off."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class FaceConfig(Table, frozen=True, kw_only=True):
    """Where this node asks the gateway for templates: the address of its pages.

    `ca_file` is for a certificate of the store's own. Without TLS only on this machine.

    `threshold` is a file of ``tebura-calibrate gate``, which also names the network; the shipped
    one without. So many `moves` are asked of a face; with `light` the colours of a gate's screen
    must lie on it, too: unless it is said, where there is a screen. While the gateway is away,
    members are sent to `staff`, or let in by their `code` alone.
    """

    address: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#\s]+$")]
    ca_file: str = ""
    threshold: str = ""
    moves: Annotated[int, msgspec.Meta(ge=1, le=4)] = 2
    light: bool | None = None
    without_gateway: Literal["staff", "code"] = "staff"

    def __post_init__(self) -> None:
        is_local = re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:|$)", self.address)
        if self.address.startswith("http:") and not is_local:
            raise ValueError("address: templates travel over https, except on one machine")


class MetricsConfig(Table, frozen=True, kw_only=True):
    """Prometheus metrics on 127.0.0.1; port 0 is off."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class RecordConfig(Table, frozen=True, kw_only=True):
    """The flight recorder: a folder of recordings, the oldest deleted at the limit."""

    folder: str = "recordings"
    limit_mb: Count = 2000
    file_s: Positive = 600.0


class NodeConfig(Table, frozen=True, kw_only=True):
    """node.toml. Paths are relative to the file."""

    node: Annotated[NodeId, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    layout: str
    calibration: str = ""
    state_dir: str
    key_file: str
    merge_lag_s: Positive = 0.2
    mqtt: MqttSettings = MqttSettings()
    link: LinkConfig = LinkConfig()
    scale: tuple[ScaleConfig, ...] = ()
    camera: tuple[CameraConfig, ...] = ()
    people: PeopleConfig = PeopleConfig()
    reader: tuple[ReaderConfig, ...] = ()
    gate: tuple[GateConfig, ...] = ()
    counter: tuple[CounterConfig, ...] = ()
    screen: ScreenConfig = ScreenConfig()
    face: FaceConfig | None = None
    metrics: MetricsConfig = MetricsConfig()
    record: RecordConfig | None = None


@dataclass(frozen=True)
class Setup:
    """All a node needs to start: its configuration and the contents of the files it names."""

    path: Path
    config: NodeConfig
    layout: Layout
    calibration: Calibration
    calibration_path: Path | None
    warnings: tuple[str, ...]
    key: bytes = field(repr=False)
    entry_keys: tuple[bytes, ...] = field(repr=False, default=())
    face_threshold: FaceThreshold | None = None

    @property
    def node(self) -> NodeId:
        return self.config.node

    @property
    def state_dir(self) -> Path:
        return beside(self.path, self.config.state_dir)

    def served_shelves(self) -> tuple[ShelfId, ...]:
        """Shelves about which this node's word matters."""
        return tuple(
            shelf
            for shelf in self.layout.shelves()
            if self.node in self.layout.nodes_of_shelf(shelf)
        )


def load_setup(path: Path) -> Setup:
    """Read a node's configuration and everything it names.

    Raises:
        ConfigError: With every problem found, each naming its place.
    """
    config = load_toml(path, NodeConfig)
    problems: list[str] = []
    layout = _layout(path, config, problems)
    warnings: list[str] = []
    calibration_path, calibration = _calibration(path, config, problems, warnings)
    key = _key("key_file", beside(path, config.key_file), problems)
    entry_keys = _entry_keys(path, config, problems)
    problems += _file_problems(path, config)
    problems += label_problems(config)
    face_threshold = _face_threshold(path, config, problems)
    if layout is not None:
        problems += layout_mismatches(config, layout)
    if calibration is not None:
        problems += uncalibrated(config, calibration)
    if problems or layout is None or calibration is None:
        raise ConfigError(path, problems)
    return Setup(
        path=path,
        config=config,
        layout=layout,
        calibration=calibration,
        calibration_path=calibration_path,
        warnings=tuple(warnings),
        key=key,
        entry_keys=entry_keys,
        face_threshold=face_threshold,
    )


def label_problems(config: NodeConfig) -> list[str]:
    """What contradicts itself in the file alone."""
    labels = [scale.label for scale in config.scale] + [camera.label for camera in config.camera]
    labels += [reader.label for reader in config.reader]
    problems = [
        f"scale, camera or reader {label!r} is named twice"
        for label in sorted({label for label in labels if labels.count(label) > 1})
    ]
    ports = [scale.port for scale in config.scale] + [reader.port for reader in config.reader]
    problems += [
        f"scale or reader: port {port!r} is used twice"
        for port in sorted({port for port in ports if ports.count(port) > 1})
    ]
    plates = [plate for scale in config.scale for plate in scale.plates]
    problems += [
        f"scale: plate {plate!r} is on two scales"
        for plate in sorted({p for p in plates if plates.count(p) > 1})
        if sum(plate in scale.plates for scale in config.scale) > 1
    ]
    code_readers = {str(c.label) for c in config.camera if c.looks_for is LooksFor.CODES}
    code_readers |= {reader.label for reader in config.reader}
    problems += [
        f"gate[{n}].reader: no barcode reader {gate.reader!r}, nor a camera that looks for codes"
        for n, gate in enumerate(config.gate)
        if gate.reader not in code_readers
    ]
    problems += _face_problems(config)
    if not (config.scale or config.camera or config.gate):
        problems.append("the node has no scale, camera or gate: nothing to do")
    return problems


def _face_problems(config: NodeConfig) -> list[str]:
    """Cameras for faces that are none, or are wanted twice."""
    cameras = {str(c.label) for c in config.camera if c.looks_for is LooksFor.FACES}
    wanted = [(f"gate[{n}]", gate.face) for n, gate in enumerate(config.gate) if gate.face]
    wanted += [(f"counter[{n}]", one.face) for n, one in enumerate(config.counter) if one.face]
    problems = [
        f"{place}.face: no camera {label!r} that looks for faces"
        for place, label in wanted
        if label not in cameras
    ]
    if len({label for _, label in wanted}) < len(wanted):
        problems.append("gate, counter: a camera that looks for faces sees who stands at one place")
    if wanted and config.face is None:
        problems.append(
            "face: a gate or counter uses faces; [face] says where its templates come from"
        )
    if config.face is not None and config.face.light and not config.screen.port:
        problems.append("face.light: the light is the screen's; [screen] says on which port it is")
    return problems


def layout_mismatches(config: NodeConfig, layout: Layout) -> list[str]:
    """Where the node and the layout disagree about who does what."""
    problems: list[str] = []
    shelves, plates = layout.shelves(), layout.plates()
    for n, scale in enumerate(config.scale):
        for plate in scale.plates:
            if plate not in plates:
                problems.append(f"scale[{n}].plates: the layout has no plate {plate!r}")
                continue
            shelf: Shelf = shelves[plates[plate][0]][1]
            if shelf.reports_picks != config.node:
                problems.append(
                    f"scale[{n}].plates: picks of shelf {plates[plate][0]!r} are reported by "
                    f"{shelf.reports_picks!r}, not by {config.node!r}"
                )
    cameras = {camera.label: camera for camera in layout.camera}
    for n, camera in enumerate(config.camera):
        if camera.label not in cameras:
            problems.append(f"camera[{n}].label: the layout has no camera {camera.label!r}")
        elif cameras[camera.label].node != config.node:
            other = cameras[camera.label].node
            problems.append(f"camera[{n}].label: {camera.label!r} belongs to node {other!r}")
    counters = layout.counters()
    for n, counter in enumerate(config.counter):
        if counter.shelf not in counters:
            problems.append(f"counter[{n}].shelf: the layout has no counter {counter.shelf!r}")
        elif counters[counter.shelf] != config.node:
            other = counters[counter.shelf]
            problems.append(f"counter[{n}].shelf: {counter.shelf!r} belongs to node {other!r}")
    gates = {gate.id: gate for gate in layout.gate}
    for n, gate in enumerate(config.gate):
        if gate.id not in gates:
            problems.append(f"gate[{n}].id: the layout has no gate {gate.id!r}")
        elif gates[gate.id].node != config.node:
            other = gates[gate.id].node
            problems.append(f"gate[{n}].id: {gate.id!r} belongs to node {other!r}")
    return problems


def uncalibrated(config: NodeConfig, calibration: Calibration) -> list[str]:
    """Plates that cannot weigh because nobody measured their tare and gain."""
    return [
        f"scale[{n}].plates: {plate!r} is not calibrated (tebura-calibrate tare, gain)"
        for n, scale in enumerate(config.scale)
        for plate in scale.plates
        if plate not in calibration.plates
    ]


def _face_threshold(path: Path, config: NodeConfig, problems: list[str]) -> FaceThreshold | None:
    """The named threshold, or the shipped one; None where the node uses no faces."""
    if config.face is None:
        return None
    place = beside(path, config.face.threshold) if config.face.threshold else FACE_THRESHOLD
    try:
        return load_face_threshold(place)
    except FaceThresholdError as error:
        problems.append(f"face.threshold: {error}")
        return None


def _layout(path: Path, config: NodeConfig, problems: list[str]) -> Layout | None:
    try:
        return load_layout(beside(path, config.layout))
    except ConfigError as error:
        problems += [f"layout: {error.path}: {problem}" for problem in error.problems]
        return None


def _calibration(
    path: Path, config: NodeConfig, problems: list[str], warnings: list[str]
) -> tuple[Path | None, Calibration | None]:
    """The named file, or the newest whole one of a folder; names carry the date."""
    if not config.calibration:
        return None, Calibration(node=config.node, measured_ns=Ns(0))
    place = beside(path, config.calibration)
    candidates = [place]
    if place.is_dir():
        candidates = sorted(place.glob(f"{config.node}.*json"), reverse=True)
        if not candidates:
            problems.append(f"calibration: {place} holds no {config.node}.*.json")
            return None, None
    refused = []
    for candidate in candidates:
        try:
            calibration = load_calibration(candidate)
        except CalibrationError as error:
            refused.append(f"calibration: {error}")
            continue
        if calibration.node != config.node:
            refused.append(f"calibration: {candidate} is of node {calibration.node!r}")
            continue
        warnings += refused
        return candidate, calibration
    problems += refused
    return None, None


def _key(name: str, path: Path, problems: list[str]) -> bytes:
    keys = _keys(name, path, problems)
    if len(keys) > 1:
        problems.append(f"{name}: {path} holds {len(keys)} keys; one is wanted")
    return keys[0] if keys else b""


def _keys(name: str, path: Path, problems: list[str]) -> tuple[bytes, ...]:
    """The keys of a file, one a line, in hexadecimal."""
    try:
        lines = path.read_text(encoding="ascii").split()
        keys = tuple(bytes.fromhex(line) for line in lines)
    except OSError as error:
        problems.append(f"{name}: {path} cannot be read: {error.strerror}")
        return ()
    except ValueError:
        problems.append(f"{name}: {path} is not hexadecimal")
        return ()
    shortest = min((len(key) for key in keys), default=0)
    if shortest < MIN_KEY_BYTES:
        problems.append(f"{name}: {path} has {shortest} bytes; at least {MIN_KEY_BYTES}")
        return ()
    return keys


def _entry_keys(path: Path, config: NodeConfig, problems: list[str]) -> tuple[bytes, ...]:
    found = {
        _keys(f"gate[{n}].entry_key_file", beside(path, gate.entry_key_file), problems)
        for n, gate in enumerate(config.gate)
    }
    if len(found) > 1:
        problems.append("gate: all gates of a node check codes with the same store keys")
    return next(iter(found), ())


def _file_problems(path: Path, config: NodeConfig) -> list[str]:
    names = ("ca_file", "cert_file", "key_file")
    problems = []
    for name in names:
        file = getattr(config.mqtt, name)
        try:
            if file:
                beside(path, file).open("rb").close()
        except OSError as error:
            problems.append(f"mqtt.{name}: {beside(path, file)} cannot be read: {error.strerror}")
    if config.face is not None and config.face.ca_file:
        place = beside(path, config.face.ca_file)
        try:
            place.open("rb").close()
        except OSError as error:
            problems.append(f"face.ca_file: {place} cannot be read: {error.strerror}")
    return problems
