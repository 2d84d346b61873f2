"""What members bought here, on its way into their orders at the online shop.

A row is written in the transaction of its receipt or credit note, so a crash loses none. What it
says is not "do this" but "is as it should be over there": sending it again changes nothing.
"""

from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId, StoreId, VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.adapters.api_tables import online_account, purchase
from tebura_gateway.domain.receipt import CreditNote, Receipt
from tebura_gateway.service.ports import Sold
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx, from_text
from tebura_gateway.service.views import PurchasesView

UNANSWERED_NS = 60 * SECOND_NS
"""What nobody answered may still be at work over there: it is not asked again before that."""
FIRST_REFUSAL_NS, LAST_REFUSAL_NS = 60 * SECOND_NS, 3600 * SECOND_NS
MOST_REFUSALS = 24
"""In most of a day somebody has put the online shop right, or will have to say so."""
UNKNOWN_NS, MOST_UNKNOWN = 24 * 3600 * SECOND_NS, 30
"""Who has no account there yet may open one within a month."""
_ANSWER_CHARS = 200
_EMAIL_CHARS, _SUBJECT_CHARS = 254, 200


class PurchaseState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    GIVEN_UP = "given-up"


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase to tell now, and to whom; `order` is what was opened for it before, or ""."""

    visit: VisitId
    subject: str
    email: str
    order: str
    sold: Sold


def link(tx: Tx, member: MemberId, subject: str = "", email: str = "") -> None:
    """Say who a member is over there; all they have bought here then goes there.

    Raises:
        Refused: If there is no such member or no online shop, neither makes sense, or the subject
            is another member's.
    """
    if not tx.shop.has_online_shop:
        raise Refused("this store has no online shop")
    if tx.get(tables.member, member=member) is None:
        raise Refused(f"there is no member {member}")
    subject, email = subject.strip(), email.strip()
    if not subject and not email:
        raise Refused("a member is known to the online shop by its name for them, or by e-mail")
    if len(subject) > _SUBJECT_CHARS or not subject.isprintable():
        raise Refused(
            f"the online shop's name for a member has at most {_SUBJECT_CHARS} characters"
        )
    if email and not _is_email(email):
        raise Refused(f"{email[:_EMAIL_CHARS]!r} is no e-mail address")
    if subject and member_of(tx, subject) not in (None, member):
        raise Refused(f"{subject} of the online shop is another member")
    tx.put(online_account, {"member": member}, subject=subject, email=email, changed_ns=tx.now_ns)
    bought = select(tables.receipt.c.visit).where(
        tables.receipt.c.store == tx.store, tables.receipt.c.member == member
    )
    for (visit,) in tx.connection.execute(bought).all():
        row = tx.get(purchase, visit=visit)
        if row is None or row.state == PurchaseState.GIVEN_UP:
            queue(tx, visit, member)
    tx.note("member", member)


def unlink(tx: Tx, member: MemberId) -> None:
    """Forget who a member is over there, and tell nothing more; what is there already stays there.

    Raises:
        Refused: If nothing is known of them.
    """
    if tx.get(online_account, member=member) is None:
        raise Refused(f"member {member} is not linked")
    tx.remove(online_account, member=member)
    tx.remove(purchase, member=member, state=PurchaseState.WAITING.value)
    tx.remove(purchase, member=member, state=PurchaseState.GIVEN_UP.value)
    tx.note("member", member)


def _is_email(text: str) -> bool:
    name, at, host = text.rpartition("@")
    is_plain = text.isascii() and text.isprintable() and " " not in text
    return bool(name and at and host) and is_plain and len(text) <= _EMAIL_CHARS


def member_of(tx: Tx, subject: str) -> MemberId | None:
    """Whom the online shop means."""
    table = online_account
    query = select(table.c.member).where(table.c.store == tx.store, table.c.subject == subject)
    row = tx.connection.execute(query).first()
    return MemberId(row.member) if row is not None else None


def queue(tx: Tx, visit: VisitId, member: str) -> None:
    """A receipt or credit note of this visit is new: whoever has an account there sees it there."""
    if not tx.shop.has_online_shop or tx.get(online_account, member=member) is None:
        return
    waits = {"state": PurchaseState.WAITING.value, "waits_ns": tx.now_ns}
    again = {"next_try_ns": tx.now_ns, "tries": 0}
    if not tx.change(purchase, {"visit": visit}, **waits, **again):
        tx.add_once(
            purchase,
            visit=visit,
            member=member,
            created_ns=tx.now_ns,
            order_name="",
            notes=0,
            answer="",
            **waits,
            **again,
        )


def may_be_told(tx: Tx) -> bool:
    """Whether this transaction may have queued something; what another gateway did comes later."""
    return any(kind in ("receipt", "refund", "member") for kind, _ in tx.changed)


def next_due(connection: Connection, store: StoreId, now_ns: int) -> Purchase | None:
    """The purchase that has waited longest among those to tell now."""
    table, link = purchase, online_account
    query = (
        select(
            table.c.visit, table.c.order_name, link.c.subject, link.c.email, tables.member.c.locale
        )
        .join(link, (link.c.store == table.c.store) & (link.c.member == table.c.member))
        .join(
            tables.member,
            (tables.member.c.store == table.c.store) & (tables.member.c.member == table.c.member),
        )
        .where(
            table.c.store == store,
            table.c.state == PurchaseState.WAITING.value,
            table.c.next_try_ns <= now_ns,
        )
        .order_by(table.c.next_try_ns, table.c.created_ns, table.c.visit)
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return Purchase(
        visit=VisitId(row.visit),
        subject=row.subject,
        email=row.email,
        order=row.order_name,
        sold=_sold(connection, store, row.visit, row.locale),
    )


def _sold(connection: Connection, store: StoreId, visit: str, locale: str) -> Sold:
    table = tables.receipt
    found = connection.execute(
        select(table.c.document).where(table.c.store == store, table.c.visit == visit)
    ).scalar_one()
    notes = [from_text(row.document, CreditNote) for row in _notes(connection, store, visit)]
    return Sold(receipt=from_text(found, Receipt), notes=tuple(notes), locale=locale)


def _notes(connection: Connection, store: StoreId, visit: str) -> list[Any]:
    table = tables.refund
    query = select(table.c.document).where(
        table.c.store == store,
        table.c.visit == visit,
        table.c.number.is_not(None),  # it has one once it is paid back
    )
    return list(connection.execute(query.order_by(table.c.number)))


def opened(tx: Tx, visit: VisitId, order: str) -> str:
    """Store an order's name before it is shown; where there is one already, that one counts."""
    row = tx.get(purchase, visit=visit)
    assert row is not None
    if row.order_name:
        return str(row.order_name)
    tx.change(purchase, {"visit": visit}, order_name=order)
    return order


def gone(tx: Tx, visit: VisitId) -> None:
    """The order that was opened is not there any more: another is opened the next time."""
    tx.change(purchase, {"visit": visit}, order_name="", next_try_ns=tx.now_ns + UNANSWERED_NS)


def entered(tx: Tx, visit: VisitId, notes: int) -> None:
    """All is told up to this many credit notes; done, unless there are more by now."""
    values: dict[str, Any] = {"notes": notes, "tries": 0, "answer": ""}
    if len(_notes(tx.connection, tx.store, visit)) == notes:
        values |= {"state": PurchaseState.DONE.value, "next_try_ns": None}
    tx.change(purchase, {"visit": visit}, **values)


def unanswered(tx: Tx, visit: VisitId, why: str) -> None:
    """Nobody answered: it is asked again, for as long as it takes."""
    _later(tx, visit, UNANSWERED_NS, why)


def not_taken(tx: Tx, visit: VisitId, why: str) -> None:
    """The online shop does not want it like this: a person must look, over there or here."""
    tries = _tried(tx, visit)
    wait_ns = min(FIRST_REFUSAL_NS * 2 ** min(tries - 1, 10), LAST_REFUSAL_NS)
    _later(tx, visit, wait_ns, why, is_last=tries >= MOST_REFUSALS)


def unknown(tx: Tx, visit: VisitId) -> None:
    """Nobody over there goes by the member's name or address, so far."""
    is_last = _tried(tx, visit) >= MOST_UNKNOWN
    _later(tx, visit, UNKNOWN_NS, "no such account", is_last=is_last)


def _tried(tx: Tx, visit: VisitId) -> int:
    row = tx.get(purchase, visit=visit)
    assert row is not None
    tx.change(purchase, {"visit": visit}, tries=row.tries + 1)
    return int(row.tries) + 1


def _later(tx: Tx, visit: VisitId, wait_ns: int, why: str, *, is_last: bool = False) -> None:
    values: dict[str, Any] = {"next_try_ns": tx.now_ns + wait_ns, "answer": why[:_ANSWER_CHARS]}
    if is_last:
        values |= {"state": PurchaseState.GIVEN_UP.value, "next_try_ns": None}
    tx.change(purchase, {"visit": visit}, **values)


def retry(tx: Tx) -> int:
    """Tell again what was given up, and at once what waits for a later try; how many."""
    table = purchase
    told = [PurchaseState.WAITING.value, PurchaseState.GIVEN_UP.value]
    done = tx.connection.execute(
        update(table)
        .where(table.c.store == tx.store, table.c.state.in_(told))
        .values(state=PurchaseState.WAITING.value, tries=0, next_try_ns=tx.now_ns)
    )
    return done.rowcount


def standing(connection: Connection, store: StoreId) -> PurchasesView | None:
    """How far it is behind; None where nothing was ever to be told."""
    table = purchase
    any_of_it = select(table.c.visit).where(table.c.store == store).limit(1)
    if connection.execute(any_of_it).first() is None:
        return None
    counts = (
        select(table.c.state, func.count(), func.min(table.c.waits_ns))
        .where(table.c.store == store, table.c.state != PurchaseState.DONE.value)
        .group_by(table.c.state)
    )
    found = {state: (number, since_ns) for state, number, since_ns in connection.execute(counts)}
    waiting, since_ns = found.get(PurchaseState.WAITING.value, (0, None))
    last = (
        select(table.c.answer)
        .where(table.c.store == store, table.c.answer != "", table.c.state.in_(list(found)))
        .order_by(table.c.next_try_ns.desc())
        .limit(1)
    )
    answer = connection.execute(last).scalar() if found else None
    return PurchasesView(
        waiting=waiting,
        since_ns=since_ns,
        given_up=found.get(PurchaseState.GIVEN_UP.value, (0, None))[0],
        answer=answer or "",
    )
