"""Keeps the book of the stock in step with decisions and counts, and tells nodes and staff."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, bindparam, func, or_, select
from tebura_contract.ids import FacingId
from tebura_contract.messages import FacingCounted

from tebura_gateway.adapters import tables
from tebura_gateway.domain.decision import Decision
from tebura_gateway.domain.stock import Move, Slot, move_of
from tebura_gateway.service.requests import FacingCount, Refused
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.transaction import Tx

MOST_IN_A_FACING = 10_000
_EVER_NS = -(2**62), 2**62


def _of_slot(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    return tuple(table.c[name] == bindparam(name) for name in ("store", "place", "sku"))


_moves, _counts = tables.stock_move, tables.stock_count
_last, _next = _counts.alias("last"), _counts.alias("next")
_OF_STEPS = select(_moves).where(
    _moves.c.store == bindparam("store"), _moves.c.event.in_(bindparam("events", expanding=True))
)
_COUNTS_AROUND = select(_counts).where(
    *_of_slot(_counts),
    or_(
        _counts.c.at_ns
        == select(func.max(_last.c.at_ns))
        .where(*_of_slot(_last), _last.c.at_ns < bindparam("instant"))
        .scalar_subquery(),
        _counts.c.at_ns
        == select(func.min(_next.c.at_ns))
        .where(*_of_slot(_next), _next.c.at_ns >= bindparam("instant"))
        .scalar_subquery(),
    ),
)
_MOVED = select(func.coalesce(func.sum(_moves.c.change), 0)).where(
    *_of_slot(_moves),
    _moves.c.at_ns > bindparam("after_ns"),
    _moves.c.at_ns <= bindparam("until_ns"),
)


def follow(tx: Tx, decisions: Iterable[Decision]) -> None:
    """Book what steps did to the stock; what they were booked as before is taken back."""
    moves = {str(one.id): move_of(one, tx.layout) for one in decisions}
    before = _booked(tx, moves)
    differing = {
        event: move for event, move in moves.items() if not _is_booked(move, before.get(event))
    }
    _book(tx, differing)
    touched: dict[Slot, set[int]] = {}
    for event, move in differing.items():
        row = before.get(event)
        if row is not None:
            touched.setdefault(Slot(row.place, row.sku), set()).add(int(row.at_ns))
        if move is not None:
            touched.setdefault(move.slot, set()).add(int(move.at_ns))
    for slot, instants in touched.items():
        _follow_all(tx, slot, sorted(instants))


def _booked(tx: Tx, events: Iterable[str]) -> dict[str, Any]:
    """What steps are booked as, those that are."""
    found = tx.connection.execute(_OF_STEPS, {"store": tx.store, "events": list(events)})
    return {row.event: row for row in found}


def _book(tx: Tx, moves: Mapping[str, Move | None]) -> None:
    for event, move in moves.items():
        if move is None:
            tx.remove(tables.stock_move, event=event)
    rows = [
        {
            "event": event,
            "place": move.slot.place,
            "sku": move.slot.sku,
            "change": move.change,
            "at_ns": int(move.at_ns),
        }
        for event, move in moves.items()
        if move is not None
    ]
    tx.put_all(tables.stock_move, ("place", "sku", "change", "at_ns"), rows)


def _is_booked(move: Move | None, row: Any | None) -> bool:
    if move is None or row is None:
        return move is None and row is None
    return (row.place, row.sku, row.change) == (move.slot.place, move.slot.sku, move.change)


def count(tx: Tx, counted: FacingCount, by: str) -> None:
    """Staff counted a facing: check the book, keep the difference, go on from what is there.

    The same count again changes nothing.

    Raises:
        Refused: If there is no such facing, it lies ahead, or was counted otherwise just then.
    """
    slot, at_ns = _checked(tx, counted)
    key = {"place": slot.place, "sku": slot.sku, "at_ns": at_ns}
    row = tx.get(tables.stock_count, **key)
    if row is not None and row.counted == counted.count:
        return
    if row is not None:
        raise Refused(f"facing {counted.facing} was counted as {row.counted} at that instant")
    tx.put(tables.stock_count, key, counted=counted.count, by=by[:64], recorded_ns=tx.now_ns)
    _follow(tx, slot, at_ns)
    _follow(tx, slot, at_ns + 1)
    _tell_node(tx, slot)


def _checked(tx: Tx, counted: FacingCount) -> tuple[Slot, int]:
    found = tx.layout.facings().get(counted.facing)
    if found is None:
        raise Refused(f"no facing {counted.facing!r}")
    if not 0 <= counted.count <= MOST_IN_A_FACING:
        raise Refused(f"facing {counted.facing}: {counted.count} is no count of pieces")
    at_ns = tx.now_ns if counted.at_ns is None else counted.at_ns
    if at_ns > tx.now_ns:
        raise Refused(f"facing {counted.facing}: a count cannot lie ahead")
    return Slot(counted.facing, found[1].sku), at_ns


def _follow_all(tx: Tx, slot: Slot, instants: Sequence[int]) -> None:
    """Follow each instant, of those between two counts the first for all."""
    until_ns: int | None = -1
    for at_ns in instants:
        if until_ns is not None and at_ns > until_ns:
            until_ns = _follow(tx, slot, at_ns)


def _follow(tx: Tx, slot: Slot, at_ns: int) -> int | None:
    """Bring in step what depends on this instant: the next count's check, or the slot as it is.

    Up to when it was the same for every instant; None: there is no next count.
    """
    before, after = _counts_around(tx, slot, at_ns)
    moved = _moved(tx, slot, before, after)
    expected = None if before is None else int(before.counted) + moved
    if after is not None:
        key = {"place": slot.place, "sku": slot.sku, "at_ns": after.at_ns}
        tx.change(tables.stock_count, key, expected=expected)
    else:
        tx.put(
            tables.stock,
            {"place": slot.place, "sku": slot.sku},
            expected=expected,
            moved=moved,
            counted_ns=None if before is None else before.at_ns,
        )
        _ask(tx, slot, expected, before)
    tx.note("stock", slot.place)
    return int(after.at_ns) if after is not None else None


def _counts_around(tx: Tx, slot: Slot, at_ns: int) -> tuple[Any | None, Any | None]:
    """The last count before an instant, and the first from then on."""
    of = {"store": tx.store, "place": slot.place, "sku": slot.sku, "instant": at_ns}
    before = after = None
    for row in tx.connection.execute(_COUNTS_AROUND, of):
        if row.at_ns < at_ns:
            before = row
        else:
            after = row
    return before, after


def _moved(tx: Tx, slot: Slot, before: Any | None, after: Any | None) -> int:
    span = {
        "store": tx.store,
        "place": slot.place,
        "sku": slot.sku,
        "after_ns": before.at_ns if before is not None else _EVER_NS[0],
        "until_ns": after.at_ns if after is not None else _EVER_NS[1],
    }
    return int(tx.connection.execute(_MOVED, span).scalar_one())


def _ask(tx: Tx, slot: Slot, expected: int | None, counted: Any | None) -> None:
    """Fewer than none cannot be: staff look, once for each time it was counted."""
    if expected is None or counted is None:
        return
    name = f"stock:{slot.place}:{slot.sku}:{counted.at_ns}"
    if expected < 0:
        price_minor = tx.shop.products[slot.sku].price_minor if slot.sku in tx.shop.products else 0
        open_review(
            tx,
            name,
            reason="negative-stock",
            sku=slot.sku,
            quantity=expected,
            risk_minor=-expected * price_minor,
        )
    else:
        withdraw(tx, name)
    for earlier in _asked_before(tx, slot, name):
        withdraw(tx, earlier)


def _asked_before(tx: Tx, slot: Slot, but: str) -> list[str]:
    """Open questions about this slot from before it was counted again."""
    table = tables.review
    query = select(table.c.review).where(
        table.c.store == tx.store,
        table.c.state == "open",
        table.c.kind == "stock",
        table.c.review.startswith(f"stock:{slot.place}:{slot.sku}:", autoescape=True),
        table.c.review != but,
    )
    return [row.review for row in tx.connection.execute(query)]


def _tell_node(tx: Tx, slot: Slot) -> None:
    """The node that weighs this facing, with what stands there now."""
    row = tx.get(tables.stock, place=slot.place, sku=slot.sku)
    assert row is not None
    facing = FacingId(slot.place)
    shelf, _ = tx.layout.facings()[facing]
    node = tx.layout.shelves()[shelf][1].reports_picks
    tx.command(node, FacingCounted(facing=facing, count=max(int(row.expected), 0)))
