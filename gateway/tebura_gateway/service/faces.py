"""Sealed templates in the database, and what becomes of them: see "Faces" in the README."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select, tuple_, update
from tebura_contract.codec import DecodeError, decode
from tebura_contract.envelope import parse
from tebura_contract.events import FaceAuth
from tebura_contract.ids import EventId, MemberId, NodeId

from tebura_gateway.adapters.person_tables import face
from tebura_gateway.adapters.tables import inbox
from tebura_gateway.service import consents
from tebura_gateway.service.consents import ConsentKind
from tebura_gateway.service.memory import Memory, note_edit
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

FACE_AUTH = str(FaceAuth.__struct_config__.tag)


def keep(tx: Tx, member: MemberId, network: str, sealed: bytes) -> None:
    """Store somebody's sealed template, in the place of the one before.

    Raises:
        Refused: If they have not agreed to it.
    """
    if not consents.holds(tx, member, ConsentKind.FACE):
        raise Refused("nobody's face is kept without their consent")
    tx.put(face, {"member": member}, network=network, sealed=sealed, enrolled_ns=tx.now_ns)
    tx.note("member", member)


def find(tx: Tx, member: MemberId) -> Any | None:
    """The row of somebody's sealed template."""
    return tx.get(face, member=member)


def members(tx: Tx) -> set[MemberId]:
    """Whose templates there are."""
    query = select(face.c.member).where(face.c.store == tx.store)
    return {MemberId(row.member) for row in tx.connection.execute(query)}


def erase(tx: Tx, memory: Memory, member: MemberId) -> None:
    """Everything here about somebody's face: consents, template, what gates said of it.

    The number of an event stays taken, with nothing in it: a node that sends it again must not
    bring it back.
    """
    consents.withdraw(tx, member, ConsentKind.FACE, ConsentKind.HANDS_FREE)
    tx.remove(face, member=member)
    said = list(_said_of(tx, member))
    if said:
        key = tuple_(inbox.c.node, inbox.c.boot, inbox.c.seq)
        tx.connection.execute(
            update(inbox).where(inbox.c.store == tx.store, key.in_(said)).values(envelope=b"")
        )
        note_edit(tx)
    for node, boot, seq in said:
        memory.facts.pop(EventId(NodeId(node), boot, seq), None)
    tx.note("member", member)


def _said_of(tx: Tx, member: MemberId) -> Iterable[tuple[str, int, int]]:
    """Keys of the events that compare this member's face; a day's at most are kept."""
    query = select(inbox).where(
        inbox.c.store == tx.store, inbox.c.kind == FACE_AUTH, func.length(inbox.c.envelope) > 0
    )
    for row in tx.connection.execute(query):
        try:
            event = decode(bytes(parse(row.envelope).data), FaceAuth)
        except DecodeError:
            continue  # of a newer version: it goes when the day is over
        if event.member == member:
            yield row.node, row.boot, row.seq
