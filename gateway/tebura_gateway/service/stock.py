"""Keeps the book of the stock in step with decisions and counts, and tells nodes and staff."""

from typing import Any

from sqlalchemy import func, select
from tebura_contract.ids import FacingId
from tebura_contract.messages import FacingCounted

from tebura_gateway.adapters import tables
from tebura_gateway.domain.decision import Decision
from tebura_gateway.domain.stock import Move, Slot, move_of
from tebura_gateway.service.requests import FacingCount, Refused
from tebura_gateway.service.reviews import open_review, withdraw
from tebura_gateway.service.transaction import Tx

MOST_IN_A_FACING = 10_000


def follow_decision(tx: Tx, decision: Decision) -> None:
    """Book what a step did to the stock; what it was booked as before is taken back."""
    key = {"event": str(decision.id)}
    move, before = move_of(decision, tx.layout), tx.get(tables.stock_move, **key)
    if _is_booked(move, before):
        return
    if move is None:
        tx.remove(tables.stock_move, **key)
    else:
        tx.put(
            tables.stock_move,
            key,
            place=move.slot.place,
            sku=move.slot.sku,
            change=move.change,
            at_ns=int(move.at_ns),
        )
    if before is not None:
        _follow(tx, Slot(before.place, before.sku), int(before.at_ns))
    if move is not None:
        _follow(tx, move.slot, int(move.at_ns))


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


def _follow(tx: Tx, slot: Slot, at_ns: int) -> None:
    """Bring in step what depends on this instant: the next count's check, or the slot as it is."""
    counts = tables.stock_count
    of_slot = select(counts).where(
        counts.c.store == tx.store, counts.c.place == slot.place, counts.c.sku == slot.sku
    )
    before = tx.connection.execute(
        of_slot.where(counts.c.at_ns < at_ns).order_by(counts.c.at_ns.desc()).limit(1)
    ).first()
    after = tx.connection.execute(
        of_slot.where(counts.c.at_ns >= at_ns).order_by(counts.c.at_ns).limit(1)
    ).first()
    moved = _moved(tx, slot, before, after)
    expected = None if before is None else int(before.counted) + moved
    if after is not None:
        key = {"place": slot.place, "sku": slot.sku, "at_ns": after.at_ns}
        tx.change(counts, key, expected=expected)
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


def _moved(tx: Tx, slot: Slot, before: Any | None, after: Any | None) -> int:
    moves = tables.stock_move
    query = select(func.coalesce(func.sum(moves.c.change), 0)).where(
        moves.c.store == tx.store, moves.c.place == slot.place, moves.c.sku == slot.sku
    )
    if before is not None:
        query = query.where(moves.c.at_ns > before.at_ns)
    if after is not None:
        query = query.where(moves.c.at_ns <= after.at_ns)
    return int(tx.connection.execute(query).scalar_one())


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
