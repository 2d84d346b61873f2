"""A recording through the real roles of its nodes and the real judgement, in this process.

The roles see what they would have seen live, in the recorded order, with the recorded time. What
has no camera and no gate belongs to one open visit. Nodes of which only their words were recorded
say them again. Camera code is loaded only where a recording holds pixels.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import DecodeError, decode
from tebura_contract.entry_code import SPARES, make_code, member_key
from tebura_contract.envelope import Envelope, identify
from tebura_contract.events import (
    Event,
    NodeStarted,
    PeopleSeen,
    Reach,
    SensorChanged,
    SensorKind,
    ShopperEntered,
    TrackAtGate,
    TrackEnded,
    TrackStarted,
)
from tebura_contract.ids import CameraId, EventId, MemberId, NodeId, ShelfId, StoreId, VisitId
from tebura_contract.layout import Layout
from tebura_contract.messages import Watermark
from tebura_contract.recording import (
    EVENTS_TOPIC,
    WATERMARKS_TOPIC,
    CompressedImage,
    CompressedVideo,
    CountBatch,
    RecordedDetections,
    Screen,
)
from tebura_edge.recorder import Recorded
from tebura_edge.role import Counts, Input, SensorStatus
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.judgement import Judgement, judge
from tebura_gateway.domain.tolerances import JudgementSettings

from tebura_simulator.accounts import LONE_MEMBER, member_of
from tebura_simulator.recordings import calibrations_of, faults_of, layout_of
from tebura_simulator.reels import Reel
from tebura_simulator.replay_clock import NodeClock, clocks_of
from tebura_simulator.replay_gather import Gather, to_counts
from tebura_simulator.replay_judging import Judge, Judging
from tebura_simulator.replay_layout import as_recorded, first_sample_ns, lone_entry, lone_node
from tebura_simulator.replay_looks import CodeOnScreen, Look
from tebura_simulator.replay_node import Node, RoleMaker
from tebura_simulator.replay_roles import plate_roles
from tebura_simulator.replay_wire import Breaks, Wire

__all__ = ["LONE_MEMBER", "STORE_KEY", "CodeOnScreen", "Look", "Replay", "member_of", "to_counts"]

TICK_NS = SECOND_NS // 4
JUDGE_NS = SECOND_NS
AFTER_NS = 40 * SECOND_NS
"""Time goes on this long after the last message: what waits for quiet is told."""
MAX_LEARNING_FACTS = 3000
"""Decisions go back to the plate nodes while there are at most this many facts; each judgement
reads all of them, and a whole day's replay must not take a day."""
STORE_KEY = hashlib.sha256(b"the key of replayed gates").digest()
ROLES, RECORDED = "roles", "recorded"
"""Who speaks for a node: its roles here, or what it said when it was recorded."""
STARTING = "starting"
"""Why sensors are blind when a node starts; its roles are not told."""


@dataclass
class Replay:
    """A store in this process, fed from one recording.

    Attributes:
        layout: What the judgement goes by: without the cameras and gates the recording lacks.
        start_ns: Store time of the first sample.
        speakers: By node who has to have spoken before it is believed.
        breaks: What of the network, the nodes and the gateway is broken when.
        clocks: Of nodes whose clock steps.
        judge: The judgement.
    """

    layout: Layout
    start_ns: int
    nodes: dict[NodeId, Node]
    node_of_scale: Mapping[str, NodeId]
    looks: Mapping[CameraId, tuple[NodeId, Look]]
    settings: JudgementSettings = field(default_factory=JudgementSettings)
    speakers: Mapping[NodeId, frozenset[str]] = field(default_factory=dict)
    breaks: Breaks = field(default_factory=Breaks)
    clocks: Mapping[NodeId, NodeClock] = field(default_factory=dict)
    seeing: frozenset[NodeId] = frozenset()
    judge: Judge = judge
    _screens: dict[CameraId, Screen] = field(default_factory=dict)
    _let_in: Counter[MemberId] = field(default_factory=Counter)
    _ticked_ns: int = 0
    _judged_ns: int = 0

    def __post_init__(self) -> None:
        self._wire, self._gather = Wire(self.breaks), Gather()
        self._judging = Judging(self.layout, self.settings)
        if not self.layout.gate:
            self._judging.take([lone_entry(self.layout, self.start_ns)])
            self._judging.has_news = False

    @classmethod
    def of(cls, reader: Reel) -> "Replay":
        """Set up the nodes that a recording holds sensors of.

        Raises:
            RecordingError: If the recording lacks its layout, or names what the layout lacks.
            CalibrationError: If a calibration inside was altered.
        """
        layout, topics = layout_of(reader), frozenset(reader.topics())
        calibrations = calibrations_of(reader)
        plates = plate_roles(reader, layout, calibrations)
        makers: dict[NodeId, list[RoleMaker]] = {name: [make] for name, (make, _) in plates.items()}
        looks: Mapping[CameraId, tuple[NodeId, Look]] = {}
        seeing: frozenset[NodeId] = frozenset()
        if any(topic.startswith(("/video/", "/detections/")) for topic in topics):
            from tebura_simulator.replay_cameras import camera_roles

            sighted = camera_roles(reader, layout, calibrations, STORE_KEY)
            for name, make in sighted.roles:
                makers.setdefault(name, []).append(make)
            looks, seeing = sighted.looks, frozenset(name for name, _ in sighted.roles)
        nodes = {name: _node(name, made, topics) for name, made in makers.items()}
        gates = [name for name, node in nodes.items() if node.is_gate]
        faults, start_ns = faults_of(reader), int(reader.meta().start_ns)
        return cls(
            layout=as_recorded(layout, nodes, gates, topics),
            start_ns=first_sample_ns(reader),
            nodes=nodes,
            node_of_scale={scale: name for name, (_, scales) in plates.items() for scale in scales},
            looks=looks,
            speakers=_speakers(layout, nodes, topics),
            breaks=Breaks.of(faults, start_ns),
            clocks=clocks_of(faults, start_ns, _served(layout)),
            seeing=seeing,
        )

    @property
    def facts(self) -> list[Fact]:
        """All that reached the gateway, in order of arrival."""
        return self._judging.facts

    @property
    def judgement(self) -> Judgement:
        return self._judging.judgement

    @property
    def taught(self) -> set[EventId]:
        """Steps whose decision went back to the node that reported them."""
        return self._judging.taught

    @property
    def decided_ns(self) -> Mapping[EventId, int]:
        """Store time at which each step was first decided or sent to a person."""
        return self._judging.decided_ns

    @property
    def left_ns(self) -> Mapping[VisitId, int]:
        """Store time at which all of a visit that is not for a person was known."""
        return self._judging.left_ns

    def run(self, messages: Iterator[Recorded]) -> Iterator[int]:
        """Feed everything; yields store time as it goes, for whoever paces or watches."""
        now_ns = self.start_ns
        for recorded in messages:
            now_ns = max(now_ns, int(recorded.at_ns))
            self._pass_time(now_ns)
            self._take(recorded)
            yield now_ns
        end_ns = now_ns + AFTER_NS
        while now_ns < end_ns:
            now_ns += TICK_NS
            # The recording is over: whoever spoke in it has told all there is.
            for node, speakers in self.speakers.items():
                for speaker in speakers:
                    self._wire.promise(node, speaker, now_ns)
            self._pass_time(now_ns)
        self._wire.breaks = Breaks()
        self._judging.take(self._wire.arrived(end_ns))
        self._judge(dict.fromkeys({*self.nodes, *self.layout.nodes()}, end_ns), end_ns)

    def _take(self, recorded: Recorded) -> None:
        match recorded.message:
            case CountBatch() as batch if batch.scale in self.node_of_scale:
                self._gather.add(batch, max(int(recorded.at_ns), self._ticked_ns))
            case (
                CompressedVideo(frame_id=name, data=data)
                | CompressedImage(frame_id=name, data=data)
            ):
                self._look(CameraId(name), int(recorded.at_ns), data)
            case Screen() as screen:
                self._screens[screen.camera] = screen
            case Envelope() as envelope:
                self._take_event(envelope)
            case Watermark() as mark:
                self._take_mark(NodeId(recorded.topic.rsplit("/", 1)[-1]), mark, recorded.at_ns)
            case RecordedDetections() as found if found.camera not in self.looks:
                from tebura_edge.detections import from_recorded

                self._step(found.node, from_recorded(found))
            case _:
                pass

    def _look(self, camera: CameraId, at_ns: int, data: bytes) -> None:
        if camera in self.looks:
            node, look = self.looks[camera]
            for item in look(at_ns, data, self._code(camera, at_ns)):
                self._step(node, item)

    def _take_event(self, envelope: Envelope) -> None:
        """Whatever no role here says anew.

        Evidence without pixels, a gate's own events, what a runtime knew of itself and its sensors.
        """
        _, event_id = identify(envelope)
        try:
            event: Event = decode(bytes(envelope.data), Event)  # type: ignore[arg-type]
        except DecodeError:
            return  # a kind of event from a newer node
        name, node = event_id.node, self.nodes.get(event_id.node)
        if not self._is_wanted(name, event):
            return
        doubt_ns = int(envelope.uncertainty)
        if name in self.clocks:
            event, doubt_ns = self.clocks[name].of_event(event), self.clocks[name].doubt_ns
        self._wire.send(name, [Fact(event_id, event, doubt_ns)])
        if node is None:
            return
        if isinstance(event, NodeStarted) and event.last_alive_ns is not None:
            self._let_go(self._gather.all())
            node.restart(event, event_id.boot)
        elif isinstance(event, SensorChanged) and event.reason != STARTING:
            self._let_go(self._gather.all())
            status = SensorStatus(
                event.sensor, event.sensor_kind, event.state, event.reason, int(event.since_ns)
            )
            self._note(name, node.step(status))

    def _is_wanted(self, name: NodeId, event: Event) -> bool:
        match event:
            case SensorChanged(sensor_kind=SensorKind.CAMERA | SensorKind.SCALE) | NodeStarted():
                return True
            case Reach() | TrackStarted() | TrackAtGate() | TrackEnded() | PeopleSeen():
                return RECORDED in self.speakers.get(name, ()) and name not in self.seeing
            case _:
                is_gate = any(gate.node == name for gate in self.layout.gate)
                return is_gate and not (name in self.nodes and self.nodes[name].is_gate)

    def _take_mark(self, name: NodeId, mark: Watermark, at_ns: int) -> None:
        clock = self.clocks.get(name)
        told = mark if clock is None else clock.of_mark(mark)
        # As the gateway believes it: nobody's word reaches into the future.
        self._wire.promise(name, RECORDED, min(int(told.at_ns) - int(told.uncertainty_ns), at_ns))

    def _code(self, camera: CameraId, at_ns: int) -> CodeOnScreen | None:
        """The phone in the picture of this moment; screens are logged with their frame."""
        screen = self._screens.pop(camera, None)
        if screen is None:
            return None
        store = StoreId(self.layout.store.id)
        member = member_of(screen.account)
        key = member_key(STORE_KEY, store, member)
        # As a phone does: the next one for a friend, once a code of its own let somebody in.
        spare = self._let_in[member] % (SPARES + 1)
        return CodeOnScreen(screen.corners_px, make_code(key, store, member, at_ns, spare))

    def _step(self, name: NodeId, item: Input) -> None:
        node, clock = self.nodes.get(name), self.clocks.get(name)
        if node is not None:
            self._note(name, node.step(item if clock is None else clock.of_item(item)))

    def _pass_time(self, now_ns: int) -> None:
        if now_ns - self._ticked_ns >= TICK_NS:
            self._ticked_ns = now_ns
            self._tick(now_ns)
        if now_ns - self._judged_ns >= JUDGE_NS and not self.breaks.is_gateway_down(now_ns):
            self._judged_ns = now_ns
            self._judging.take(self._wire.arrived(now_ns))
            if self._judging.has_news and len(self.facts) <= MAX_LEARNING_FACTS:
                self._judge(self._wire.through_ns(self.speakers), now_ns)

    def _let_go(self, gathered: Iterable[Counts]) -> None:
        for counts in gathered:
            self._step(self.node_of_scale[counts.scale], counts)

    def _tick(self, now_ns: int) -> None:
        self._let_go(self._gather.due(now_ns))
        for name, clock in self.clocks.items():
            for event in clock.tick(now_ns):
                if name in self.nodes:
                    self._note(name, [self.nodes[name].fact(event)])
        for name, node in self.nodes.items():
            if self.breaks.is_off(name, now_ns):
                continue
            clock_of = self.clocks.get(name)
            self._note(name, node.tick(now_ns if clock_of is None else now_ns + clock_of.off_ns))
            mark_ns = node.watermark_ns()
            if mark_ns is not None:
                doubt_ns = 0 if clock_of is None else clock_of.doubt_ns
                self._wire.promise(name, ROLES, min(mark_ns - doubt_ns, now_ns))
        for name, command in self._wire.commands(now_ns):
            if name in self.nodes:
                self._note(name, self.nodes[name].step(command))

    def _note(self, name: NodeId, facts: Iterable[Fact]) -> None:
        facts = list(facts)
        entered = (fact.event for fact in facts if isinstance(fact.event, ShopperEntered))
        self._let_in.update(event.member for event in entered)
        clock = self.clocks.get(name)
        if clock is not None:
            facts = [msgspec.structs.replace(fact, uncertainty_ns=clock.doubt_ns) for fact in facts]
        self._wire.send(name, facts)

    def _judge(self, through_ns: dict[NodeId, int], now_ns: int) -> None:
        if not self.layout.gate:
            through_ns[lone_node(self.layout)] = max(through_ns.values(), default=0)
        self._judging.judge(self.judge, through_ns, now_ns)
        for node, command in self._judging.lessons():
            self._wire.command(node, command)


def _node(name: NodeId, makers: list[RoleMaker], topics: frozenset[str]) -> Node:
    is_recorded = EVENTS_TOPIC.format(node=name) in topics
    return Node(name, makers, has_recorded=is_recorded, may_restart=is_recorded)


def _speakers(
    layout: Layout, nodes: Mapping[NodeId, Node], topics: frozenset[str]
) -> dict[NodeId, frozenset[str]]:
    found: dict[NodeId, set[str]] = {name: {ROLES} for name in nodes}
    for name in layout.nodes():
        if WATERMARKS_TOPIC.format(node=name) in topics:
            found.setdefault(name, set()).add(RECORDED)
    return {name: frozenset(names) for name, names in found.items()}


def _served(layout: Layout) -> dict[NodeId, tuple[ShelfId, ...]]:
    """By node the shelves that its word is about."""
    return {
        node: tuple(name for name in layout.shelves() if node in layout.nodes_of_shelf(name))
        for node in layout.nodes()
    }
