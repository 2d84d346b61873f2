"""What must be true when a day is over, whatever broke in it."""

from collections import Counter
from typing import Any

from tebura_contract.clock import Ns
from tebura_contract.ids import EventId, NodeId
from tebura_gateway.adapters import tables
from tebura_gateway.domain.pricing import Bill
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import Movement
from tebura_gateway.service.transaction import from_text

from tests.gateway.shop import FOREVER, KEN, MIKA
from tests.gateway.simulation.world import World


def audit(world: World) -> None:
    """Check I1, I2, I4, I6 and I8 against the world's own records.

    Raises:
        AssertionError: Naming the promise that was broken.
    """
    assert world.life is not None
    moved = world.life.provider.movements(0, FOREVER)
    _nothing_acknowledged_is_lost(world)
    _books_balance(world, moved)
    receipts = world.rows(tables.receipt)
    numbers = sorted(row.number for row in receipts)
    assert numbers == list(range(1, len(receipts) + 1)), f"I6: receipt numbers {numbers}"
    for planned in world.plan.visits:
        _visit_is_right(world, planned.visit, planned.bought, moved)
    if not world.uses_house:
        held = {account: world.acquirer.held_minor(account) for account in (MIKA, KEN)}
        assert not any(held.values()), f"money is still held: {held}"


def _nothing_acknowledged_is_lost(world: World) -> None:
    kept = {EventId(NodeId(row.node), row.boot, row.seq) for row in world.rows(tables.inbox)}
    lost = world.promises.acked - kept
    assert not lost, f"I1: acknowledged and lost: {sorted(map(str, lost))}"
    refunds = {row.refund for row in world.rows(tables.refund)}
    assert world.promises.refunds <= refunds, "I1: a refund that was promised is gone"


def _books_balance(world: World, moved: list[Movement]) -> None:
    sums: Counter[str] = Counter()
    for entry in world.rows(tables.ledger_entry):
        sums[entry.posting] += entry.amount_minor
    assert not any(sums.values()), f"I4: postings that do not balance: {sums}"
    captured = sum(one.amount_minor for one in moved if one.call is Call.CAPTURE)
    given = sum(one.amount_minor for one in moved if one.call is Call.REFUND)
    sold = sum(row.total_minor for row in world.rows(tables.receipt))
    back = sum(row.amount_minor for row in world.rows(tables.refund) if row.state == "done")
    assert captured - given == sold - back, f"I2: {captured} - {given} != {sold} - {back}"
    owed = sum(
        entry.amount_minor
        for entry in world.rows(tables.ledger_entry)
        if entry.account.startswith("receivable:")
    )
    assert owed == captured - given, f"I4: the books say {owed}, the provider {captured - given}"


def _visit_is_right(
    world: World, visit: Any, bought: dict[Any, int], moved: list[Movement]
) -> None:
    (row,) = [row for row in world.rows(tables.visit) if row.visit == visit]
    captures = [m for m in moved if m.call is Call.CAPTURE and m.key.startswith(f"{visit}:")]
    receipts = [one for one in world.rows(tables.receipt) if one.visit == visit]
    if not bought:
        assert row.state == "void", f"{visit} took nothing and is {row.state}"
        assert not captures
        assert not receipts
        return
    assert row.state == "settled", f"{visit} is {row.state} {row.reason}"
    assert len(captures) == 1, f"I2: {visit} was charged {len(captures)} times"
    assert len(receipts) == 1, f"I6: {visit} has {len(receipts)} receipts"
    bill = from_text(row.bill, Bill)
    assert bill.quantities() == bought, f"{visit} bought {bought}, was billed {bill.quantities()}"
    assert captures[0].amount_minor == receipts[0].total_minor == bill.total_minor
    given = [
        m.amount_minor for m in moved if m.call is Call.REFUND and m.key.startswith(f"{visit}:")
    ]
    assert sum(given) <= bill.total_minor
    assert Ns(row.final_ns) <= world.now_ns
