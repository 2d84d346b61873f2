"""Tells programs outside what happened: queued with the fact, sent until it is taken or given up.

A message is in the database in the transaction of its fact, so a crash loses none. It may come
twice, and out of order: its `id` tells a repetition, its `time` the order.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update
from tebura_contract.ids import StoreId

from tebura_gateway.adapters import tables
from tebura_gateway.adapters.api_tables import delivery, webhook
from tebura_gateway.domain.webhook import (
    KINDS,
    MAX_TRIES,
    BadAddress,
    ReceiptIssued,
    RefundDone,
    ReviewClosed,
    ReviewOpened,
    StockChanged,
    Told,
    body_of,
    check_address,
    kind_of,
    wait_ns,
)
from tebura_gateway.service.paging import downward
from tebura_gateway.service.refunding import RefundState
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.reviews import ReviewState
from tebura_gateway.service.transaction import Tx, Values
from tebura_gateway.service.views import DeliveryView, Mark, WebhookView

MAX_WEBHOOKS = 20
MAX_WAITING = 10_000
"""Of one webhook: whoever is so far behind reads the API instead, and is told nothing more."""
GONE = 410
_ANSWER_CHARS = 200


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message to send now."""

    webhook: str
    message: str
    url: str
    body: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: an HTTP status, or None and why there is none."""

    status: int | None
    detail: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def queue(tx: Tx) -> int:
    """Queue what this transaction did for all who asked; how many messages. Call it last."""
    if not any(kind in _READERS for kind, _ in tx.changed):
        return 0
    listening = [one for one in webhooks(tx.connection, tx.store) if one.ended_ns is None]
    if not listening:
        return 0
    count = 0
    for name, told in _facts(tx):
        wanting = [
            one
            for one in listening
            if kind_of(told) in one.kinds and _waiting(tx, one.id) < MAX_WAITING
        ]
        body = body_of(told, name, tx.store, tx.now_ns) if wanting else ""
        for one in wanting:
            count += tx.add_once(
                delivery,
                webhook=one.id,
                message=name,
                kind=kind_of(told),
                body=body,
                state=DeliveryState.WAITING.value,
                created_ns=tx.now_ns,
                next_try_ns=tx.now_ns,
            )
    return count


def _waiting(tx: Tx, name: str) -> int:
    table = delivery
    query = select(func.count()).where(
        table.c.store == tx.store,
        table.c.webhook == name,
        table.c.state == DeliveryState.WAITING.value,
    )
    return int(tx.connection.execute(query).scalar_one())


def _facts(tx: Tx) -> Iterator[tuple[str, Told]]:
    for kind, ref in tx.changed:
        if kind in _READERS:
            yield from _READERS[kind](tx, ref)


def _receipt(tx: Tx, visit: str) -> Iterator[tuple[str, Told]]:
    row = tx.get(tables.receipt, visit=visit)
    if row is not None:
        yield (
            f"receipt.issued:{row.number}",
            ReceiptIssued(
                number=row.number, visit=visit, total_minor=row.total_minor, currency=row.currency
            ),
        )


def _refund(tx: Tx, name: str) -> Iterator[tuple[str, Told]]:
    row = tx.get(tables.refund, refund=name)
    if row is not None and row.state == RefundState.DONE:
        yield (
            f"refund.done:{name}",
            RefundDone(
                number=row.number,
                refund=name,
                visit=row.visit,
                amount_minor=row.amount_minor,
                currency=row.currency,
            ),
        )


def _review(tx: Tx, name: str) -> Iterator[tuple[str, Told]]:
    row = tx.get(tables.review, review=name)
    if row is None:
        return
    if row.state == ReviewState.OPEN and row.opened_ns == tx.now_ns:
        yield (
            f"review.opened:{name}:{row.opened_ns}",
            ReviewOpened(
                review=name,
                about=row.kind,
                reason=row.reason,
                visit=row.visit,
                risk_minor=row.risk_minor,
            ),
        )
    elif row.state != ReviewState.OPEN and row.closed_ns == tx.now_ns:
        outcome = row.outcome or ReviewState.WITHDRAWN.value
        yield (
            f"review.closed:{name}:{row.closed_ns}",
            ReviewClosed(review=name, outcome=outcome),
        )


def _stock(tx: Tx, place: str) -> Iterator[tuple[str, Told]]:
    table = tables.stock
    query = select(table).where(table.c.store == tx.store, table.c.place == place)
    for row in tx.connection.execute(query).all():
        yield (
            f"stock.changed:{place}:{row.sku}:{tx.now_ns}",
            StockChanged(place=place, sku=row.sku, expected=row.expected),
        )


_READERS: dict[str, Callable[[Tx, str], Iterator[tuple[str, Told]]]] = {
    "receipt": _receipt,
    "refund": _refund,
    "review": _review,
    "stock": _stock,
}
"""What a change, as `Tx.note` has it, means outside. Who walks where is told to nobody."""


def add(
    tx: Tx,
    url: str,
    kinds: Sequence[str],
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> WebhookView:
    """Tell an address of these kinds of facts from now on.

    Raises:
        Refused: If the address or a kind makes no sense, or there are too many webhooks.
    """
    try:
        check_address(url)
    except BadAddress as error:
        raise Refused(str(error)) from error
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise Refused(f"no such kind: {', '.join(unknown) or 'none'}; there are {', '.join(KINDS)}")
    if sum(one.ended_ns is None for one in webhooks(tx.connection, tx.store)) >= MAX_WEBHOOKS:
        raise Refused(f"there are {MAX_WEBHOOKS} webhooks already")
    name = f"wh-{random(6).hex()}"
    tx.put(
        webhook,
        {"webhook": name},
        url=url,
        kinds=" ".join(sorted(set(kinds))),
        created_ns=tx.now_ns,
    )
    return _known(tx, name)


def end(tx: Tx, name: str) -> WebhookView:
    """Tell an address nothing more; what still waits for it is given up.

    Raises:
        Refused: If there is no such webhook. One that ended before stays as it is.
    """
    known = _known(tx, name)
    if known.ended_ns is None:
        tx.change(webhook, {"webhook": name}, ended_ns=tx.now_ns)
        given_up = {"state": "dead", "next_try_ns": None, "done_ns": tx.now_ns}
        _move(tx, name, DeliveryState.WAITING, given_up)
    return _known(tx, name)


def replay(tx: Tx, name: str, message: str | None) -> int:
    """Send again: one message, or with None all that were given up; how many.

    Raises:
        Refused: If there is no such webhook or message, or the webhook ended.
    """
    if _known(tx, name).ended_ns is not None:
        raise Refused(f"webhook {name} ended: add it anew")
    again = {"state": "waiting", "tries": 0, "next_try_ns": tx.now_ns, "done_ns": None}
    if message is None:
        return _move(tx, name, DeliveryState.DEAD, again)
    if not tx.change(delivery, {"webhook": name, "message": message}, **again):
        raise Refused(f"webhook {name} has no message {message!r}")
    return 1


def _move(tx: Tx, name: str, state: DeliveryState, values: Values) -> int:
    table = delivery
    done = tx.connection.execute(
        update(table)
        .where(table.c.store == tx.store, table.c.webhook == name, table.c.state == state.value)
        .values(values)
    )
    return done.rowcount


def due(connection: Connection, store: StoreId, now_ns: int, busy: Iterable[str]) -> list[Outgoing]:
    """The next message of each webhook that is not being told something already."""
    table = delivery
    query = (
        select(table, webhook.c.url)
        .join(webhook, (webhook.c.store == table.c.store) & (webhook.c.webhook == table.c.webhook))
        .where(
            table.c.store == store,
            table.c.state == DeliveryState.WAITING.value,
            table.c.next_try_ns <= now_ns,
            table.c.webhook.not_in(list(busy)),
        )
        .order_by(table.c.next_try_ns, table.c.created_ns, table.c.message)
        .limit(200)
    )
    first: dict[str, Outgoing] = {}
    for row in connection.execute(query):
        one = Outgoing(webhook=row.webhook, message=row.message, url=row.url, body=row.body)
        first.setdefault(row.webhook, one)
    return list(first.values())


def answered(tx: Tx, sent: Outgoing, heard: Heard) -> None:
    """Take in what a receiver said; an answer to what was ended or sent anew changes nothing."""
    row = tx.get(delivery, webhook=sent.webhook, message=sent.message)
    if row is None or row.state != DeliveryState.WAITING:
        return
    tries = row.tries + 1
    said = (str(heard.status) if heard.status is not None else heard.detail)[:_ANSWER_CHARS]
    key = {"webhook": sent.webhook, "message": sent.message}
    if heard.is_taken or tries >= MAX_TRIES:
        state = DeliveryState.DONE if heard.is_taken else DeliveryState.DEAD
        ends = {"state": state.value, "next_try_ns": None, "done_ns": tx.now_ns}
        tx.change(delivery, key, tries=tries, answer=said, **ends)
        return
    next_ns = tx.now_ns + wait_ns(sent.webhook, sent.message, tries)
    tx.change(delivery, key, tries=tries, answer=said, next_try_ns=next_ns)
    if heard.status == GONE:
        # Its way of saying that it wants no more.
        end(tx, sent.webhook)


def webhooks(connection: Connection, store: StoreId) -> list[WebhookView]:
    """All webhooks, those that ended too; oldest first."""
    query = select(webhook).where(webhook.c.store == store)
    ordered = query.order_by(webhook.c.created_ns, webhook.c.webhook)
    return [
        WebhookView(
            id=row.webhook,
            url=row.url,
            kinds=tuple(row.kinds.split()),
            created_ns=row.created_ns,
            ended_ns=row.ended_ns,
        )
        for row in connection.execute(ordered)
    ]


def _known(tx: Tx, name: str) -> WebhookView:
    found = [one for one in webhooks(tx.connection, tx.store) if one.id == name]
    if not found:
        raise Refused(f"there is no webhook {name!r}")
    return found[0]


def deliveries(
    connection: Connection, store: StoreId, name: str, limit: int, after: Mark | None = None
) -> list[DeliveryView]:
    """Messages of a webhook, newest first."""
    query = select(delivery).where(delivery.c.store == store, delivery.c.webhook == name)
    page = downward(query, (delivery.c.created_ns, delivery.c.message), after, limit)
    return [_delivery(row) for row in connection.execute(page)]


def tally(connection: Connection, store: StoreId) -> dict[str, dict[str, int]]:
    """How many messages of each webhook are in each state."""
    table = delivery
    query = (
        select(table.c.webhook, table.c.state, func.count())
        .where(table.c.store == store)
        .group_by(table.c.webhook, table.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    for name, state, number in connection.execute(query):
        found.setdefault(name, {})[state] = int(number)
    return found


def _delivery(row: Any) -> DeliveryView:
    return DeliveryView(
        webhook=row.webhook,
        message=row.message,
        kind=row.kind,
        state=row.state,
        created_ns=row.created_ns,
        tries=row.tries,
        next_try_ns=row.next_try_ns,
        answer=row.answer,
        done_ns=row.done_ns,
    )
