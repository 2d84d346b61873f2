"""What the nodes of a store recorded, each by itself, replays as one."""

from pathlib import Path

import pytest
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.entry_code import new_member_id
from tebura_contract.envelope import seal
from tebura_contract.events import Event, ItemPicked, ShopperEntered
from tebura_contract.ids import EventId, GateId, NodeId, ShelfId, StoreId, visit_id
from tebura_contract.recording import LAYOUT_ATTACHMENT, CountBatch, Meta
from tebura_contract.truth import OutcomeKind
from tebura_edge.recorder import RecordingError, RecordingReader, RecordingWriter
from tebura_simulator.outcomes import outcomes
from tebura_simulator.reels import Reels
from tebura_simulator.replay import Replay
from tebura_simulator.take import load_take

RECORDING = Path("simulator/tebura_simulator/demo/recordings/1-take-two-put-one-back.mcap")
STORE, GATE = StoreId("demo"), NodeId("gate-1")
ENTERED = EventId(GATE, 5000, 3)


@pytest.fixture
def plates_file(repository: Path, tmp_path: Path) -> Path:
    """Only the plates of a visit, as the plate node's flight recorder keeps it."""
    out = tmp_path / "plates.mcap"
    reader = RecordingReader(repository / RECORDING)
    with reader, RecordingWriter(out, reader.meta()) as writer:
        for name in reader.attachments():
            writer.attach(name, reader.attachment(name) or b"", "application/octet-stream")
        for recorded in reader.messages():
            if isinstance(recorded.message, CountBatch):
                writer.counts(recorded.message)
    return out


def gate_file(repository: Path, tmp_path: Path, events: list[tuple[EventId, Event, int]]) -> Path:
    """Events of a node, sealed as they went over the wire."""
    out = tmp_path / "gate.mcap"
    take = load_take(repository / RECORDING)
    with RecordingReader(repository / RECORDING) as reader:
        start_ns = int(reader.meta().start_ns)
    meta = Meta(title="gate", made_by="test", is_simulated=True, start_ns=Ns(start_ns))
    with RecordingWriter(out, meta) as writer:
        writer.attach(LAYOUT_ATTACHMENT, take.layout_toml, "application/toml")
        for event_id, event, at_ns in events:
            published = StoreTime(at_ns=Ns(at_ns))
            writer.event(event_id.node, at_ns, seal(STORE, event_id, event, published, 0, b"k"))
    return out


def entered(start_ns: int) -> tuple[EventId, Event, int]:
    at_ns = start_ns + 3 * SECOND_NS
    member = new_member_id(b"member no")
    event = ShopperEntered(gate=GateId("door"), member=member, code_step=1, at_ns=Ns(at_ns))
    return ENTERED, event, at_ns


def start_of(path: Path) -> int:
    with RecordingReader(path) as reader:
        return int(reader.meta().start_ns)


def replayed(*paths: Path) -> Replay:
    with Reels(paths) as reels:
        replay = Replay.of(reels)
        for _ in replay.run(reels.messages()):
            pass
    return replay


def test_a_gate_s_recorded_entry_opens_the_visit_that_the_plates_fill(
    repository: Path, tmp_path: Path, plates_file: Path
) -> None:
    gate = gate_file(repository, tmp_path, [entered(start_of(plates_file))])
    replay = replayed(plates_file, gate)
    lines = outcomes(replay.judgement, replay.start_ns)
    assert [(o.kind, o.sku) for o in lines] == [
        (OutcomeKind.PICK, "green-tea"),
        (OutcomeKind.PICK, "melon-pan"),
        (OutcomeKind.RETURN, "melon-pan"),
    ]
    assert {o.visit for o in lines} == {visit_id(ENTERED)}


def test_what_a_role_says_anew_is_not_counted_twice(
    repository: Path, tmp_path: Path, plates_file: Path
) -> None:
    start_ns = start_of(plates_file)
    recorded = ItemPicked(
        shelf=ShelfId("g1/s1"),
        plates=(),
        delta_g=-552.0,
        sigma_g=1.0,
        from_ns=Ns(start_ns + 11 * SECOND_NS),
        to_ns=Ns(start_ns + 12 * SECOND_NS),
        candidates=(),
    )
    own = (EventId(NodeId("plates-1"), 5000, 0), recorded, start_ns + 12 * SECOND_NS)
    gate = gate_file(repository, tmp_path, [entered(start_ns), own])
    assert len(replayed(plates_file, gate).judgement.decisions) == 3


def test_recordings_of_two_stores_do_not_mix(tmp_path: Path, plates_file: Path) -> None:
    other = tmp_path / "other.mcap"
    meta = Meta(title="other", made_by="test", is_simulated=True, start_ns=Ns(0))
    with RecordingWriter(other, meta) as writer:
        writer.attach(LAYOUT_ATTACHMENT, b'[store]\nid = "x"\nname = "X"\n', "application/toml")
    with pytest.raises(RecordingError, match="is of another store"):
        Reels((plates_file, other))
