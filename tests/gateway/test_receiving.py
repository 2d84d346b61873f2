"""Events come in by the batch; how they are cut into batches must not matter."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from tebura_contract.codec import encode
from tebura_contract.envelope import parse
from tebura_contract.ids import EventId, NodeId
from tebura_contract.topics import Channel, topic
from tebura_gateway.adapters import tables
from tebura_gateway.service.checking import Inbound
from tebura_gateway.service.receiving import receive_all

from tests.gateway.core import Core
from tests.gateway.nodes import KEYS, resigned, sealed
from tests.gateway.shop import CAMERA, STORE, Script
from tests.gateway.test_service import shopping

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


def said(node: NodeId, payload: bytes) -> Inbound:
    return Inbound(topic(Channel.EVENT, STORE, node), payload, len(payload))


def messages(script: Script) -> list[Inbound]:
    return [said(fact.id.node, sealed(fact)) for fact in script.facts]


def take_in(core: Core, batch: Sequence[Inbound]) -> list[EventId | None]:
    return core.do(lambda tx, memory: receive_all(tx, memory, batch))


def of_another_kind(payload: bytes) -> bytes:
    """What a newer version of the node might say."""
    envelope = parse(payload)
    data = msgspec.Raw(encode({"kind": "item-weighed", "at_ns": "1"}))
    newer = msgspec.structs.replace(envelope, type="tebura.v1.item-weighed", data=data)
    return resigned(encode(newer), KEYS[CAMERA])


@BOTH
def test_a_batch_with_all_that_is_bad_takes_in_all_that_is_good(core: Core) -> None:
    script = Script()
    script.walk_in(1, 0.0)
    started, crossed = script.facts
    other = Script()
    other.walk_in(2, 0.0)
    unreadable = EventId(CAMERA, 1, 2)
    third = script.say(CAMERA, started.event)
    batch = [
        said(CAMERA, b"noise"),
        said(CAMERA, sealed(started)),
        said(CAMERA, sealed(crossed, b"x" * 32)),
        said(CAMERA, sealed(started)),
        said(CAMERA, sealed(other.facts[0])),
        said(CAMERA, of_another_kind(sealed(third))),
        said(CAMERA, sealed(crossed)),
    ]
    same = started.id
    assert take_in(core, batch) == [None, same, None, same, same, unreadable, crossed.id]
    letters = [row.reason for row in core.rows(tables.dead_letter)]
    assert sorted(letters) == ["conflict", "forged", "malformed", "unknown-kind"]
    stored = {row.seq: bytes(row.envelope) for row in core.rows(tables.inbox)}
    assert stored[0] == sealed(started)
    assert sorted(stored) == [0, 1, 2]
    (boot,) = core.rows(tables.node_boot)
    assert (boot.contiguous_seq, boot.highest_seq) == (2, 2)


@BOTH
def test_any_cut_into_batches_with_any_repetition_stores_the_same(core: Core) -> None:
    script = Script()
    shopping(script)
    rng = random.Random(5)
    pool = messages(script) * 4
    rng.shuffle(pool)
    while pool:
        size = rng.randint(1, 9)
        assert None not in take_in(core, pool[:size])
        del pool[:size]
    stored = {EventId(NodeId(r.node), r.boot, r.seq) for r in core.rows(tables.inbox)}
    assert stored == {fact.id for fact in script.facts}
    assert core.rows(tables.dead_letter) == []
    assert all(row.contiguous_seq == row.highest_seq for row in core.rows(tables.node_boot))
    core.word(60.0)
    core.pay()
    assert core.rows(tables.receipt)[0].total_minor == 267


def test_more_events_take_no_more_statements(core: Core) -> None:
    script = Script()
    for n in range(1, 201):
        script.track(n, n / 10)
    statements: list[str] = []
    event.listen(
        core.database.writing, "before_cursor_execute", lambda *seen: statements.append(seen[2])
    )
    batch = messages(script)

    def counted(some: Sequence[Inbound]) -> int:
        """Statements of the intake alone, the judgement after it left out."""

        def work(tx: object, memory: object) -> int:
            before = len(statements)
            receive_all(tx, memory, some)  # type: ignore[arg-type]  # a transaction's own
            return len(statements) - before

        return core.do(work)

    counted(batch[:1])
    assert counted(batch[1:3]) == counted(batch[3:])


@BOTH
def test_the_tables_key_has_the_last_word_on_what_is_new(core: Core) -> None:
    script = Script()
    script.walk_in(1, 0.0)
    batch = messages(script)
    take_in(core, batch)
    assert core.memory is not None
    # As if another had stored it: what is remembered says that it is new.
    core.memory.runs.clear()
    with pytest.raises(IntegrityError):
        take_in(core, batch)
    core.crash()
    assert take_in(core, batch) == [fact.id for fact in script.facts]
    assert len(core.rows(tables.inbox)) == len(script.facts)
