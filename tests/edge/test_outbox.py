"""The outbox: gapless numbers, all or nothing, and a restart at any moment repeats nothing."""

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.events import EntryRefused, Event, RefusalReason
from tebura_contract.ids import EventId, GateId, NodeId
from tebura_edge import outbox as outbox_module
from tebura_edge.outbox import (
    Outbox,
    OutboxError,
    OutboxUnwritable,
    OversizeEvent,
    Stored,
)

NODE = NodeId("gate-1")
WALL_NS = 1_763_000_000 * SECOND_NS


def event(n: int = 0) -> Event:
    return EntryRefused(gate=GateId("door"), reason=RefusalReason.FORGED, at_ns=Ns(n))


def seal(event_id: EventId, what: Event) -> bytes:
    return f"{event_id} {what}".encode()


def put(outbox: Outbox, count: int = 1, **saved: bytes) -> list[Stored]:
    return outbox.append([event(n) for n in range(count)], seal, saved, alive_ns=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "gate-1"


def test_numbers_have_no_gaps_and_begin_anew_with_each_boot(folder: Path) -> None:
    first = Outbox(folder, NODE, WALL_NS)
    ids = [entry.id for entry in put(first, 2) + put(first, 1)]
    assert ids == [EventId(NODE, first.boot, seq) for seq in range(3)]
    first.close()
    second = Outbox(folder, NODE, WALL_NS)
    assert second.boot == first.boot + 1
    assert second.last_id is None
    assert put(second)[0].id == EventId(NODE, second.boot, 0)
    assert [entry.id.boot - first.boot for entry in second.after(None, 10)] == [0, 0, 0, 1]
    second.close()


def test_a_new_disk_never_uses_the_old_ids_again(tmp_path: Path) -> None:
    old = Outbox(tmp_path / "old", NODE, WALL_NS)
    old.close()
    new = Outbox(tmp_path / "new", NODE, WALL_NS + 3600 * SECOND_NS)
    assert new.boot > old.boot
    new.close()


def test_events_wait_until_acknowledged_and_an_acknowledgement_may_come_twice(
    folder: Path,
) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    stored = put(outbox, 5)
    assert outbox.ack(outbox.boot, [1, 3]) == 2
    assert outbox.ack(outbox.boot, [1, 3, 77]) == 0
    assert outbox.waiting == 3
    assert outbox.after(None, 10) == [stored[0], stored[2], stored[4]]
    assert outbox.after(stored[0].id, 1) == [stored[2]]
    assert outbox.get(stored[1].id) is None
    assert outbox.get(stored[4].id) == stored[4]
    outbox.close()


def test_an_acknowledgement_of_another_boot_takes_nothing_of_this_one(folder: Path) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    put(outbox)
    assert outbox.ack(outbox.boot - 1, [0]) == 0
    assert outbox.waiting == 1
    outbox.close()


def test_state_and_events_are_stored_together(folder: Path) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    put(outbox, 1, plates=b"levels 1", gate=b"codes")
    put(outbox, 1, plates=b"levels 2")
    outbox.close()
    again = Outbox(folder, NODE, WALL_NS)
    assert again.saved("plates") == b"levels 2"
    assert again.saved("gate") == b"codes"
    assert again.saved("camera") == b""
    again.close()


def test_an_append_that_fails_half_way_leaves_no_trace(folder: Path) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    put(outbox, 1, plates=b"before")

    def failing(event_id: EventId, what: Event) -> bytes:
        return seal(event_id, what) if event_id.seq < 2 else b"x" * 70_000

    with pytest.raises(OversizeEvent, match="-2 has 70000 bytes"):
        outbox.append([event(), event()], failing, {"plates": b"after"}, 9)
    assert outbox.waiting == 1
    assert outbox.saved("plates") == b"before"
    assert put(outbox)[0].id.seq == 1
    outbox.close()


def test_the_last_moment_alive_is_known_at_the_next_start(folder: Path) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    assert outbox.last_alive_ns is None
    put(outbox)
    outbox.alive(1234)
    outbox.close()
    again = Outbox(folder, NODE, WALL_NS)
    assert again.last_alive_ns == 1234
    again.close()


def test_a_second_process_is_refused_with_the_first_ones_number(folder: Path) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    with pytest.raises(OutboxError, match=rf"in use by process {os.getpid()}$"):
        Outbox(folder, NODE, WALL_NS)
    outbox.close()
    Outbox(folder, NODE, WALL_NS).close()


@pytest.mark.parametrize("at", [0, 30, 4096])
def test_a_damaged_file_is_named_and_the_node_does_not_start(folder: Path, at: int) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    put(outbox, 200)
    outbox.close()
    with outbox.path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * 600)
    with pytest.raises(OutboxError, match=r"outbox\.sqlite cannot be used"):
        Outbox(folder, NODE, WALL_NS)


def test_a_newer_programs_file_is_left_alone(folder: Path) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    outbox.close()
    db = sqlite3.connect(outbox.path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(OutboxError, match="newer version"):
        Outbox(folder, NODE, WALL_NS)


def test_at_the_bound_nothing_is_stored_and_nothing_dropped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "MAX_WAITING", 3)
    outbox = Outbox(folder, NODE, WALL_NS)
    put(outbox, 2)
    with pytest.raises(OutboxUnwritable, match="2 events wait"):
        put(outbox, 2)
    assert outbox.waiting == 2
    outbox.ack(outbox.boot, [0])
    assert put(outbox, 2)[0].id.seq == 2
    outbox.close()


def test_it_syncs_every_transaction_to_the_disk_also_after_a_note_of_life(folder: Path) -> None:
    outbox = Outbox(folder, NODE, WALL_NS)
    outbox.alive(1)
    modes = [outbox._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous",)]
    journal = outbox._db.execute("PRAGMA journal_mode").fetchone()[0]
    assert (modes, journal) == ([2], "wal")
    outbox.close()


class Restarts(RuleBasedStateMachine):
    """Append, acknowledge and restart in any order, beside a model that is a plain dict."""

    stored: Bundle[Stored] = Bundle("stored")

    @initialize()
    def start(self) -> None:
        import tempfile

        self._root = tempfile.TemporaryDirectory()
        self._folder = Path(self._root.name)
        self._outbox = Outbox(self._folder, NODE, WALL_NS)
        self._model: dict[EventId, bytes] = {}
        self._ever: set[EventId] = set()
        self._state = b""
        self._count = 0

    @rule(target=stored, state=st.binary(min_size=1, max_size=8))
    def append(self, state: bytes) -> Stored:
        self._count += 1
        (entry,) = self._outbox.append(
            [event(self._count)], seal, {"plates": state}, alive_ns=self._count
        )
        assert entry.id not in self._ever
        self._ever.add(entry.id)
        self._model[entry.id] = entry.sealed
        self._state = state
        return entry

    @rule(entry=stored)
    def acknowledge(self, entry: Stored) -> None:
        gone = self._outbox.ack(entry.id.boot, [entry.id.seq])
        assert gone == (1 if self._model.pop(entry.id, None) else 0)

    @rule()
    def restart(self) -> None:
        boot = self._outbox.boot
        self._outbox.close()
        self._outbox = Outbox(self._folder, NODE, WALL_NS)
        assert self._outbox.boot == boot + 1

    @invariant()
    def holds_what_was_stored_and_not_acknowledged(self) -> None:
        held = {entry.id: entry.sealed for entry in self._outbox.after(None, 1000)}
        assert held == self._model
        assert self._outbox.waiting == len(held)
        assert self._outbox.saved("plates") == self._state

    def teardown(self) -> None:
        self._outbox.close()
        self._root.cleanup()


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
