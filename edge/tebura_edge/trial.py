"""Runs a node's camera pipeline on videos as if they were live, and sees whether it keeps up.

Everything of a camera node is in it: decoding, the watch over pictures, the motion gate, the
network, tracks and reaches; only the way to the gateway is left out. A stream is a camera: its
pictures come when they come, and one that nobody is ready for is gone.
"""

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from tebura_contract.clock import seconds
from tebura_contract.geometry import Intrinsics, Pose
from tebura_contract.ids import CameraId, NodeId, StoreId, shelf_id
from tebura_contract.layout import Camera, Gondola, Layout, Shelf, StoreInfo
from tebura_models.loader import Network

from tebura_edge.camera import CameraReader, CameraSettings
from tebura_edge.camera_role import CameraRole
from tebura_edge.clock import SystemClock
from tebura_edge.detections import Detections
from tebura_edge.frames import FrameDesk
from tebura_edge.inference import InferenceThread
from tebura_edge.looking import Looking
from tebura_edge.looped import LoopedVideo, Stream
from tebura_edge.people import PeopleLook, PeopleSettings
from tebura_edge.role import CodeRead, FaceSeen, HandSeen
from tebura_edge.sources import Source

NODE = NodeId("trial")
EVERYWHERE = np.array([[0.0, 0.0, 1.0, 1.0]])
"""The hardest case: all stand before a shelf, and are looked at once more from nearer."""
WARM_UP_S = 1.5
"""Before it counts: buffers are allocated, trackers confirm, the governor wakes up."""
RUN_OUT_S = 1.0
"""After it counts: what was on its way then is no lost picture; what takes longer is one."""

P99_MS = 250.0
LOOK_HZ = 5.0
TRACKED_SHARE = 0.99
"""What it means to keep up: tracks are known in time, the network sees everybody who moves five
times a second, and next to no picture is lost."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial went.

    `due` pictures came and were wanted by the node, and `tracked` of them went through to the
    tracks; latencies run from the moment the camera had a picture to be decoded until its tracks
    were known. `look_hz` is how often the network saw the worst served busy camera, `looks` all it
    did. `cores` is the processor time used a second, `others` that of other programs meanwhile.
    """

    streams: int
    busy: int
    due: int
    tracked: int
    p50_ms: float
    p99_ms: float
    look_hz: float
    looks: int
    cores: float
    others: float
    lasts_s: float

    @property
    def keeps_up(self) -> bool:
        looks_enough = self.busy == 0 or self.look_hz >= LOOK_HZ
        is_whole = self.tracked >= TRACKED_SHARE * self.due
        return self.p99_ms <= P99_MS and looks_enough and is_whole


def most_streams(
    play: Callable[[int], Outcome], guess: int, most: int, within_s: float
) -> Outcome | None:
    """The trial with most streams that kept up, or None; halves its way in from a guess.

    Args:
        play: Runs a trial with so many streams.
        guess: Where to begin.
        most: Never more than these.
        within_s: Begin no other trial after so long; the first two are always run.
    """
    until_s = time.monotonic() + within_s
    held, lost = 0, most + 1
    best, trials = None, 0
    count = min(max(1, guess), most)
    while held + 1 < lost and (trials < 2 or time.monotonic() < until_s):
        outcome = play(count)
        trials += 1
        if outcome.keeps_up:
            held, best = count, outcome
        else:
            lost = count
        is_bounded = lost <= most
        count = (held + lost) // 2 if is_bounded else min(most, count + max(1, count // 2))
    return best


@dataclass
class _Tally:
    """What is counted of a trial: of the pictures that come between `begin` and `end`."""

    looks: dict[CameraId, PeopleLook]
    videos: dict[CameraId, LoopedVideo] = field(default_factory=dict)
    readers: list[CameraReader] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    began: "_Used | None" = None
    ended: "_Used | None" = None

    def begin(self) -> None:
        self.began = self._used()

    def end(self) -> None:
        self.ended = self._used()

    def spent(self) -> "_Used":
        """What was used between."""
        assert self.began is not None
        assert self.ended is not None
        return self.ended - self.began

    def _used(self) -> "_Used":
        return _Used(
            at_ns=time.monotonic_ns(),
            cpu_s=_cpu_s(),
            machine_s=_machine_s(),
            looks=sum(look.looked_count for look in self.looks.values()),
            rested=sum(reader.rested_count for reader in self.readers),
        )

    def tracked(self, found: Detections) -> None:
        """Note that this frame has its tracks; the picture was due at the last moment before."""
        now_ns = time.monotonic_ns()
        moments = list(self.videos[found.camera].moments_ns)
        due_ns = max((at_ns for at_ns in moments if at_ns <= found.captured_ns), default=None)
        if due_ns is None or self.began is None or due_ns < self.began.at_ns:
            return
        if self.ended is None or due_ns < self.ended.at_ns:
            self.latencies_s.append(seconds(now_ns - due_ns))


@dataclass(frozen=True, slots=True)
class _Used:
    """What was used so far: `rested` pictures nobody asked for while nothing moved."""

    at_ns: int
    cpu_s: float
    machine_s: float
    looks: int
    rested: int

    def __sub__(self, earlier: "_Used") -> "_Used":
        return _Used(
            self.at_ns - earlier.at_ns,
            self.cpu_s - earlier.cpu_s,
            self.machine_s - earlier.machine_s,
            self.looks - earlier.looks,
            self.rested - earlier.rested,
        )


def run_trial(
    streams: Sequence[Stream],
    network: Network,
    settings: PeopleSettings,
    lasts_s: float,
    warm_up_s: float = WARM_UP_S,
    *,
    arms: Network | None = None,
    rests: bool = True,
) -> Outcome:
    """Play all streams at once for so long, after a warm-up, and say how the node did.

    Without `rests` cameras before which nothing happens give every picture, too.

    Raises:
        SourceError: If a video cannot be read.
        RuntimeError: If inference failed.
    """
    cameras = {CameraId(f"camera-{n}"): stream for n, stream in enumerate(streams)}
    clock, desk = SystemClock(), FrameDesk()
    looks = {label: PeopleLook(network, settings, EVERYWHERE, arms=arms) for label in cameras}
    tally = _Tally(looks)
    for n, (label, stream) in enumerate(cameras.items()):
        # Cameras have no common beat: their pictures are spread over the period.
        tally.videos[label] = LoopedVideo(stream, n / len(cameras) / stream.rate_hz)
    found: queue.SimpleQueue[Detections] = queue.SimpleQueue()
    readers = tally.readers = [
        _reader(_settings(label, stream, rests=rests), desk, clock, tally)
        for label, stream in cameras.items()
    ]

    def sink(finding: Detections | CodeRead | FaceSeen | HandSeen) -> None:
        if isinstance(finding, Detections):
            found.put(finding)

    thread = InferenceThread(desk, looks, readers, clock=clock, sink=sink)
    role = CameraRole(_layout(list(cameras)), None, NODE, 1)
    for reader in readers:
        reader.start()
    thread.start()
    try:
        _follow(found, role, tally, thread, warm_up_s)
        tally.begin()
        _follow(found, role, tally, thread, lasts_s)
        tally.end()
        counts = thread.counts()
        _follow(found, role, tally, thread, RUN_OUT_S)
        return _outcome(cameras, tally, counts, lasts_s)
    finally:
        thread.stop()
        for reader in readers:
            reader.stop()


def _settings(label: CameraId, stream: Stream, *, rests: bool) -> CameraSettings:
    settings = CameraSettings(label=label, source=str(stream.video), rate_hz=stream.rate_hz)
    return settings if rests else msgspec.structs.replace(settings, rest_hz=0.0)


def _reader(
    settings: CameraSettings, desk: FrameDesk, clock: SystemClock, tally: _Tally
) -> CameraReader:
    def open_video(settings: CameraSettings, _now_store_ns: int) -> Source:
        return tally.videos[settings.label]

    return CameraReader(
        settings,
        desk,
        clock=clock,
        to_store_ns=lambda monotonic_ns: monotonic_ns,
        report=lambda _: None,
        open_with=open_video,
    )


def _follow(
    found: "queue.SimpleQueue[Detections]",
    role: CameraRole,
    tally: _Tally,
    thread: InferenceThread,
    lasts_s: float,
) -> None:
    """What the node's main loop does: feed the role as findings come."""
    until_s = time.monotonic() + lasts_s
    while (left_s := until_s - time.monotonic()) > 0:
        thread.check()
        try:
            item = found.get(timeout=min(left_s, 0.25))
        except queue.Empty:
            continue
        role.step(item)
        tally.tracked(item)


def _outcome(
    cameras: dict[CameraId, Stream],
    tally: _Tally,
    counts: Mapping[CameraId, Looking],
    lasts_s: float,
) -> Outcome:
    spent = tally.spent()
    shown = round(sum(stream.rate_hz for stream in cameras.values()) * lasts_s)
    due = shown - spent.rested
    busy = [label for label, stream in cameras.items() if stream.is_busy]
    latencies_ms = np.array(tally.latencies_s or [lasts_s]) * 1000
    return Outcome(
        streams=len(cameras),
        busy=len(busy),
        due=due,
        tracked=min(due, len(tally.latencies_s)),
        p50_ms=float(np.percentile(latencies_ms, 50)),
        p99_ms=float(np.percentile(latencies_ms, 99)),
        look_hz=min((_look_hz(counts[label], cameras[label]) for label in busy), default=0.0),
        looks=spent.looks,
        cores=spent.cpu_s / lasts_s,
        others=max(0.0, spent.machine_s - spent.cpu_s) / lasts_s,
        lasts_s=lasts_s,
    )


def _look_hz(looking: Looking, stream: Stream) -> float:
    """How often the network saw what it should see: where nothing moves it need not look."""
    wanted = looking.looked + looking.overtaken
    return stream.rate_hz * looking.looked / wanted if wanted else stream.rate_hz


def _cpu_s() -> float:
    return time.process_time()


def _machine_s() -> float:
    """Processor time all programs of this machine have used; 0 where that is not told."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _wait, interrupt, soft, *_ = stat.read_text().split()[1:9]
    ticks = sum(map(int, (user, nice, system, interrupt, soft)))
    return ticks / 100


def _layout(cameras: Sequence[CameraId]) -> Layout:
    """A gondola that all cameras see from across an aisle."""
    board = Pose(translation_m=(0.0, 0.0, 0.5))
    shelf = Shelf(id="s1", gondola_from_shelf=board, size_m=(1.2, 0.4, 0.3), reports_picks=NODE)
    gondola = Gondola(
        id="g1",
        store_from_gondola=Pose(translation_m=(1.4, 1.8, 0.0)),
        size_m=(1.2, 0.4, 1.5),
        shelf=(shelf,),
    )
    eyes = tuple(
        Camera(
            label=label,
            node=NODE,
            intrinsics=Intrinsics(
                size_px=(640, 360), focal_px=(440.0, 440.0), center_px=(320.0, 180.0)
            ),
            store_from_camera=Pose(
                translation_m=(4.5, 1.05, 2.35), rotation_rad=(-1.58044, -1.50749, 0.91866)
            ),
            watches=(shelf_id("g1", "s1"),),
        )
        for label in cameras
    )
    return Layout(
        store=StoreInfo(id=StoreId("trial"), name="trial"), gondola=(gondola,), camera=eyes
    )
