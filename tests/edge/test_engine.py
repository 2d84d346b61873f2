"""Inputs in, facts out: in order, stored with the state they left, and never promised too early."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.entry_code import STEP_S, make_code, member_key, new_member_id
from tebura_contract.events import (
    EntryRefused,
    Event,
    NodeStarted,
    RefusalReason,
    SensorChanged,
    SensorKind,
    SensorState,
    ShopperEntered,
)
from tebura_contract.ids import EventId, GateId, NodeId, ShelfId, StoreId
from tebura_contract.layout import Gate, Layout, StoreInfo
from tebura_contract.messages import MemberRevoked
from tebura_edge.engine import Engine, Looked, Sensor
from tebura_edge.gate_role import GateRole
from tebura_edge.outbox import Outbox, OutboxUnwritable
from tebura_edge.role import CodeRead, Counts, Input, SensorStatus

NODE = NodeId("plates-1")
SHELF = ShelfId("g1/s1")
LAG_NS = 200
START_NS = 1_763_000_000 * SECOND_NS // (STEP_S * SECOND_NS) * STEP_S * SECOND_NS


class Echo:
    """A role that turns each batch of counts into a fact and counts them in its state."""

    def __init__(self, saved: bytes = b"0") -> None:
        self.seen: list[Input] = []
        self.ticks: list[int] = []
        self.count = int(saved or b"0")
        self.through_ns: int | None = None

    def step(self, item: Input) -> list[Event]:
        self.seen.append(item)
        if not isinstance(item, Counts):
            return []
        self.count += 1
        self.through_ns = int(item.at_ns[-1])
        return [refusal(int(item.at_ns[0]))]

    def tick(self, now_ns: int) -> list[Event]:
        self.ticks.append(now_ns)
        return []

    def watermark_ns(self) -> int | None:
        return self.through_ns

    def save(self) -> bytes:
        return str(self.count).encode()


def refusal(at_ns: int) -> EntryRefused:
    return EntryRefused(gate=GateId("door"), reason=RefusalReason.FORGED, at_ns=Ns(at_ns))


def counts(scale: str, *at_ns: int) -> Counts:
    return Counts(scale, np.array(at_ns, np.int64), np.zeros((len(at_ns), 1)))


def status(scale: str, state: SensorState, at_ns: int, reason: str = "") -> SensorStatus:
    return SensorStatus(scale, SensorKind.SCALE, state, reason, at_ns)


def seal(event_id: EventId, event: Event) -> bytes:
    return f"{event_id} {event}".encode()


def new_engine(*labels: str, role: Echo | None = None) -> tuple[Engine, Echo]:
    echo = role or Echo()
    sensors = {label: Sensor(SensorKind.SCALE, (SHELF,)) for label in labels or ("left",)}
    return Engine({"echo": echo}, sensors, (SHELF,), LAG_NS), echo


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path, NODE, START_NS)


def test_a_boot_begins_by_saying_what_was_not_seen_and_what_is_not_seen_yet() -> None:
    engine, _ = new_engine("left", "right")
    engine.started("1.0", Ns(500), 100)
    started, *blind = engine.pending
    assert started == NodeStarted(
        version="1.0", at_ns=Ns(500), last_alive_ns=Ns(100), shelves=(SHELF,)
    )
    assert [(b.sensor, b.state) for b in blind if isinstance(b, SensorChanged)] == [
        ("left", SensorState.BLIND),
        ("right", SensorState.BLIND),
    ]


def test_roles_are_fed_in_order_of_time_across_sensors() -> None:
    engine, echo = new_engine("left", "right")
    engine.take(counts("left", 30))
    engine.take(counts("right", 10))
    engine.take(counts("right", 40))
    engine.turn(50)
    assert [int(c.at_ns[0]) for c in echo.seen if isinstance(c, Counts)] == [10, 30]


def test_time_passes_for_roles_only_as_far_as_every_seeing_sensor_has_looked() -> None:
    engine, echo = new_engine("left", "right")
    engine.take(counts("left", 1000))
    engine.turn(1000)
    assert echo.ticks == []
    engine.take(Looked("right", 700))
    engine.turn(1000)
    assert echo.ticks == [700]
    engine.take(status("right", SensorState.BLIND, 700))
    engine.turn(1500)
    assert echo.ticks == [700, 1000]


def test_news_of_a_sensor_becomes_a_fact_about_its_shelves() -> None:
    engine, _ = new_engine()
    engine.take(status("left", SensorState.BLIND, 7, "silent"))
    assert engine.pending == [
        SensorChanged(
            sensor="left",
            sensor_kind=SensorKind.SCALE,
            state=SensorState.BLIND,
            reason="silent",
            shelves=(SHELF,),
            since_ns=Ns(7),
        )
    ]
    assert engine.states["left"].state is SensorState.BLIND


def test_a_clock_that_is_set_back_at_the_start_leaves_no_sensor_blind_for_ever() -> None:
    engine = Engine({}, {"left": Sensor(SensorKind.SCALE, (SHELF,))}, (SHELF,), LAG_NS)
    engine.started("1", Ns(START_NS), None)
    earlier_ns = START_NS - SECOND_NS
    engine.take(SensorStatus("left", SensorKind.SCALE, SensorState.OK, "", earlier_ns))
    blind, sees = [e for e in engine.pending if isinstance(e, SensorChanged)]
    assert (blind.state, sees.state) == (SensorState.BLIND, SensorState.OK)
    assert sees.since_ns >= blind.since_ns


def test_facts_and_state_are_stored_together(outbox: Outbox) -> None:
    engine, _ = new_engine()
    engine.take(counts("left", 1))
    engine.turn(1)
    assert len(engine.commit(outbox, seal)) == 1
    assert outbox.saved("echo") == b"1"
    assert engine.commit(outbox, seal) == []


def test_what_a_command_taught_is_stored_before_it_is_acknowledged(outbox: Outbox) -> None:
    engine, echo = new_engine()
    echo.count = 41
    engine.command(MemberRevoked(member=new_member_id(b"m" * 9)))
    engine.commit(outbox, seal)
    assert outbox.saved("echo") == b"41"
    assert outbox.last_id is None


class BrokenOutbox:
    """A disk that is full for a while."""

    def __init__(self, real: Outbox) -> None:
        self.real = real
        self.is_full = True

    def next_id(self, ahead: int = 0) -> EventId:
        return self.real.next_id(ahead)

    def append(self, *args: object) -> object:
        if self.is_full:
            raise OutboxUnwritable("full")
        return self.real.append(*args)  # type: ignore[arg-type]


def test_on_a_full_disk_facts_wait_and_nothing_is_promised(outbox: Outbox) -> None:
    engine, _ = new_engine()
    engine.take(counts("left", 1))
    engine.turn(1)
    broken = BrokenOutbox(outbox)
    with pytest.raises(OutboxUnwritable):
        engine.commit(broken, seal)  # type: ignore[arg-type]
    assert engine.watermark_ns() is None
    broken.is_full = False
    assert len(engine.commit(broken, seal)) == 1  # type: ignore[arg-type]
    assert engine.watermark_ns() == 1


def test_what_was_not_seen_while_the_disk_was_full_is_said() -> None:
    engine, _ = new_engine()
    engine.blinded("outbox full", 10, 90)
    said = [(e.state, e.since_ns) for e in engine.pending if isinstance(e, SensorChanged)]
    assert said == [(SensorState.BLIND, 10), (SensorState.OK, 90)]


def test_a_clock_that_is_set_makes_the_time_between_blind() -> None:
    engine, echo = new_engine("left", "right")
    engine.take(counts("left", 900))
    engine.stepped(-500, 400)
    assert len([c for c in echo.seen if isinstance(c, Counts)]) == 1, "what was held is fed"
    changes = [e for e in engine.pending if isinstance(e, SensorChanged)]
    assert [(e.sensor_kind, e.state, e.since_ns) for e in changes] == [
        (SensorKind.CLOCK, SensorState.BLIND, 400),
        (SensorKind.CLOCK, SensorState.OK, 900),
    ]


MEMBERS = [new_member_id(bytes([n]) * 9) for n in range(3)]
STORE = StoreId("demo")
KEY = b"s" * 32
GATES = Layout(store=StoreInfo(id=STORE, name=""), gate=(Gate(id=GateId("door"), node=NODE),))


def gate_engine(outbox: Outbox) -> Engine:
    role = GateRole(GATES, NODE, [KEY], outbox.saved("gate"), {GateId("door"): "eye"})
    return Engine({"gate": role}, {"eye": Sensor(SensorKind.CODE_READER, ())}, (), LAG_NS)


@settings(max_examples=20, deadline=None)
@given(
    shows=st.lists(
        st.tuples(
            st.integers(0, 2),  # who shows a code
            st.integers(1, 40),  # how many seconds after the one before
            st.booleans(),  # the node is killed after the fact is stored
            st.booleans(),  # the node is killed before it is stored, and the code is shown again
        ),
        max_size=12,
    )
)
def test_a_gate_killed_at_any_event_opens_each_code_once(
    shows: list[tuple[int, int, bool, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder), NODE, START_NS)
        engine = gate_engine(outbox)
        at_ns = START_NS
        committed: dict[EventId, Event] = {}

        def keep(event_id: EventId, event: Event) -> bytes:
            committed[event_id] = event
            return seal(event_id, event)

        for who, wait_s, is_killed_after, is_killed_before in shows:
            at_ns += wait_s * SECOND_NS
            member = MEMBERS[who]
            text = make_code(member_key(KEY, STORE, member), STORE, member, at_ns)
            for attempt in range(2 if is_killed_before else 1):
                engine.take(CodeRead("eye", text, at_ns))
                engine.turn(at_ns)
                if is_killed_before and attempt == 0:
                    outbox.close()
                    outbox = Outbox(Path(folder), NODE, START_NS)
                    engine = gate_engine(outbox)
            engine.commit(outbox, keep)
            if is_killed_after:
                outbox.close()
                outbox = Outbox(Path(folder), NODE, START_NS)
                engine = gate_engine(outbox)
        held = outbox.after(None, 1000)
        assert [entry.id for entry in held] == sorted(committed)
        opened = [
            (e.member, e.code_step) for e in committed.values() if isinstance(e, ShopperEntered)
        ]
        assert len(opened) == len(set(opened)), "a code opened twice"
        shown = {MEMBERS[who] for who, *_ in shows}
        assert {member for member, _ in opened} == shown, "a member was lost"
        outbox.close()
