"""A recording through the real roles of its nodes and the real judgement, in this process.

The roles see what they would have seen live, in the recorded order, with the recorded time. What
has no camera and no gate belongs to one open visit. Camera code is loaded only where a recording
holds pixels.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import DecodeError, decode
from tebura_contract.entry_code import make_code, member_key, new_member_id, time_step
from tebura_contract.envelope import Envelope, identify
from tebura_contract.events import (
    Event,
    ItemPicked,
    ItemReturned,
    NodeStarted,
    SensorChanged,
    SensorKind,
    ShopperEntered,
)
from tebura_contract.ids import CameraId, EventId, GateId, MemberId, NodeId, Sku, StoreId
from tebura_contract.layout import Layout
from tebura_contract.messages import StepDecided
from tebura_contract.recording import (
    EVENTS_TOPIC,
    CompressedImage,
    CompressedVideo,
    CountBatch,
    RecordedDetections,
    Screen,
)
from tebura_edge.gate_role import GateRole
from tebura_edge.recorder import Recorded
from tebura_edge.role import Counts, Input, Role
from tebura_gateway.domain.decision import Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.judgement import Judgement, judge
from tebura_gateway.domain.tolerances import JudgementSettings

from tebura_simulator.recordings import calibrations_of, layout_of
from tebura_simulator.reels import Reel
from tebura_simulator.replay_roles import plate_roles

TICK_NS = SECOND_NS // 4
JUDGE_NS = SECOND_NS
AFTER_NS = 40 * SECOND_NS
"""Time goes on this long after the last message: what waits for quiet is told."""
MAX_LEARNING_FACTS = 3000
"""Decisions go back to the plate nodes while there are at most this many facts; each judgement
reads all of them, and a whole day's replay must not take a day."""
STORE_KEY = hashlib.sha256(b"the key of replayed gates").digest()
LONE_MEMBER = new_member_id(b"one visit")


def member_of(account: str) -> MemberId:
    """The member number that a recording's account has in a replay."""
    return new_member_id(hashlib.sha256(account.encode()).digest()[:9])


class Look(Protocol):
    """Turns a camera's recorded pictures into what its node would have found in them."""

    def __call__(self, at_ns: int, data: bytes, code: "CodeOnScreen | None") -> Sequence[Input]: ...


@dataclass(frozen=True)
class CodeOnScreen:
    """What a phone in the picture shows, and where."""

    corners_px: tuple[tuple[float, float], ...]
    text: str


@dataclass
class Node:
    """One node: its roles, and numbers for its events as its runtime would give."""

    name: NodeId
    roles: list[Role]
    _seq: int = 0

    def step(self, item: Input) -> list[Fact]:
        return [fact for role in self.roles for fact in self._facts(role, role.step(item))]

    def tick(self, now_ns: int) -> list[Fact]:
        return [fact for role in self.roles for fact in self._facts(role, role.tick(now_ns))]

    def watermark_ns(self) -> int | None:
        marks = [role.watermark_ns() for role in self.roles]
        known = [mark for mark in marks if mark is not None]
        return min(known) if len(known) == len(marks) and marks else None

    def _facts(self, role: Role, events: Sequence[Event]) -> list[Fact]:
        facts = []
        for event in events:
            event_id = EventId(self.name, 1, self._seq)
            self._seq += 1
            if isinstance(role, GateRole):
                role.recorded(event_id, event)
            facts.append(Fact(event_id, event))
        return facts


@dataclass
class Replay:
    """A store in this process, fed from one recording.

    Attributes:
        layout: What the judgement goes by: without the cameras and gates the recording lacks.
        start_ns: Store time of the first sample.
    """

    layout: Layout
    start_ns: int
    nodes: dict[NodeId, Node]
    node_of_scale: Mapping[str, NodeId]
    looks: Mapping[CameraId, tuple[NodeId, Look]]
    settings: JudgementSettings = field(default_factory=JudgementSettings)
    facts: list[Fact] = field(default_factory=list)
    judgement: Judgement = field(default_factory=lambda: Judgement({}, {}))
    _screens: dict[CameraId, Screen] = field(default_factory=dict)
    _ticked_ns: int = 0
    _judged_ns: int = 0
    _has_news: bool = False
    taught: set[EventId] = field(default_factory=set)

    @classmethod
    def of(cls, reader: Reel) -> "Replay":
        """Set up the nodes that a recording holds sensors of.

        Raises:
            RecordingError: If the recording lacks its layout, or names what the layout lacks.
            CalibrationError: If a calibration inside was altered.
        """
        layout = layout_of(reader)
        calibrations = calibrations_of(reader)
        plates = plate_roles(reader, layout, calibrations)
        nodes = {name: Node(name, list(roles)) for name, (roles, _) in plates.items()}
        looks: Mapping[CameraId, tuple[NodeId, Look]] = {}
        if any(topic.startswith(("/video/", "/detections/")) for topic in reader.topics()):
            from tebura_simulator.replay_cameras import camera_roles

            sighted = camera_roles(reader, layout, calibrations, STORE_KEY)
            for name, role in sighted.roles:
                nodes.setdefault(name, Node(name, [])).roles.append(role)
            looks = sighted.looks
        replay = cls(
            layout=_as_recorded(layout, nodes, reader.topics()),
            start_ns=_first_sample_ns(reader),
            nodes=nodes,
            node_of_scale={scale: name for name, (_, scales) in plates.items() for scale in scales},
            looks=looks,
        )
        if not replay.layout.gate:
            replay.facts.append(_lone_entry(layout, replay.start_ns))
        return replay

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
            self._pass_time(now_ns)
        self._judge(dict.fromkeys({*self.nodes, *self.layout.nodes()}, end_ns))

    def _take(self, recorded: Recorded) -> None:
        match recorded.message:
            case CountBatch() as batch if batch.scale in self.node_of_scale:
                self._step(self.node_of_scale[batch.scale], to_counts(batch))
            case (
                CompressedVideo(frame_id=name, data=data)
                | CompressedImage(frame_id=name, data=data)
            ):
                camera = CameraId(name)
                if camera in self.looks:
                    node, look = self.looks[camera]
                    at_ns = int(recorded.at_ns)
                    for item in look(at_ns, data, self._code(camera, at_ns)):
                        self._step(node, item)
            case Screen() as screen:
                self._screens[screen.camera] = screen
            case Envelope() as envelope:
                self._note(self._recorded_fact(envelope))
            case RecordedDetections() as found if found.camera not in self.looks:
                from tebura_edge.detections import from_recorded

                self._step(found.node, from_recorded(found))
            case _:
                pass

    def _recorded_fact(self, envelope: Envelope) -> list[Fact]:
        """What no role here says anew: a gate's own events, and what a runtime knew of sensors."""
        _, event_id = identify(envelope)
        try:
            event: Event = decode(bytes(envelope.data), Event)  # type: ignore[arg-type]
        except DecodeError:
            return []  # a kind of event from a newer node
        is_gate = any(gate.node == event_id.node for gate in self.layout.gate)
        has_roles = event_id.node in self.nodes
        match event:
            case SensorChanged(sensor_kind=SensorKind.CAMERA | SensorKind.SCALE) | NodeStarted():
                pass
            case _ if not is_gate or has_roles:
                return []
            case _:
                pass
        return [Fact(event_id, event, int(envelope.uncertainty))]

    def _code(self, camera: CameraId, at_ns: int) -> CodeOnScreen | None:
        """The phone in the picture of this moment; screens are logged with their frame."""
        screen = self._screens.pop(camera, None)
        if screen is None:
            return None
        store = StoreId(self.layout.store.id)
        member = member_of(screen.account)
        key = member_key(STORE_KEY, store, member)
        return CodeOnScreen(screen.corners_px, make_code(key, store, member, at_ns))

    def _step(self, node: NodeId, item: Input) -> None:
        if node in self.nodes:
            self._note(self.nodes[node].step(item))

    def _pass_time(self, now_ns: int) -> None:
        if now_ns - self._ticked_ns >= TICK_NS:
            self._ticked_ns = now_ns
            for node in self.nodes.values():
                self._note(node.tick(now_ns))
        if self._has_news and now_ns - self._judged_ns >= JUDGE_NS:
            self._judged_ns = now_ns
            if len(self.facts) <= MAX_LEARNING_FACTS:
                marks = {name: node.watermark_ns() for name, node in self.nodes.items()}
                self._judge({name: mark for name, mark in marks.items() if mark is not None})

    def _note(self, facts: list[Fact]) -> None:
        self.facts += facts
        self._has_news = self._has_news or bool(facts)

    def _judge(self, through_ns: dict[NodeId, int]) -> None:
        if not self.layout.gate:
            through_ns[_lone_node(self.layout)] = max(through_ns.values(), default=0)
        self.judgement = judge(self.facts, self.layout, through_ns, self.settings)
        self._has_news = any(d.status is Status.CHECKING for d in self.judgement.decisions.values())
        self._teach()

    def _teach(self) -> None:
        """Send decided steps back to the nodes that reported them, as the gateway does."""
        events = {fact.id: fact.event for fact in self.facts}
        for decision in self.judgement.decisions.values():
            if decision.status is not Status.DECIDED or decision.id in self.taught:
                continue
            event = events[decision.id]
            if isinstance(event, ItemPicked | ItemReturned) and decision.sku is not None:
                self.taught.add(decision.id)
                command = StepDecided(
                    event=decision.id,
                    sku=Sku(decision.sku),
                    quantity=abs(decision.quantity),
                    plates=event.plates,
                    delta_g=event.delta_g,
                )
                if decision.id.node in self.nodes:
                    self._note(self.nodes[decision.id.node].step(command))


def to_counts(batch: CountBatch) -> Counts:
    """A recorded batch as roles take it; null becomes NaN."""
    return Counts(
        scale=batch.scale,
        at_ns=np.array(batch.at_ns, np.int64),
        counts=np.array(batch.counts, np.float64).reshape(len(batch.at_ns), len(batch.plates)),
    )


def _as_recorded(layout: Layout, nodes: Mapping[NodeId, Node], topics: Sequence[str]) -> Layout:
    """The layout without cameras and gates whose node is not in the recording."""
    gates = {
        name for name, node in nodes.items() if any(isinstance(r, GateRole) for r in node.roles)
    }
    gates |= {gate.node for gate in layout.gate if EVENTS_TOPIC.format(node=gate.node) in topics}
    return msgspec.structs.replace(
        layout,
        camera=tuple(camera for camera in layout.camera if camera.node in nodes),
        gate=tuple(gate for gate in layout.gate if gate.node in gates),
    )


def _first_sample_ns(reader: Reel) -> int:
    counts = [topic for topic in reader.topics() if topic.startswith("/counts/")]
    first = [
        int(recorded.message.at_ns[0])
        for topic in counts
        for recorded in [next(reader.messages([topic]))]
        if isinstance(recorded.message, CountBatch)
    ]
    return min(first, default=int(reader.meta().start_ns))


def _lone_node(layout: Layout) -> NodeId:
    """Who opens the one visit of a recording without a gate."""
    return min(layout.nodes(), default=NodeId("replay"))


def _lone_entry(layout: Layout, at_ns: int) -> Fact:
    event = ShopperEntered(
        gate=layout.gate[0].id if layout.gate else GateId("replay"),
        member=LONE_MEMBER,
        code_step=time_step(at_ns),
        at_ns=Ns(max(at_ns - SECOND_NS, 0)),
    )
    # Boot 0 is no node's: the number cannot meet one of the replayed events.
    return Fact(EventId(_lone_node(layout), 0, 0), event)
