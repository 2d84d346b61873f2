"""What happens because time passes: all of it read from the database, so a restart forgets none."""

from sqlalchemy import func, select, update

from tebura_gateway.adapters import tables
from tebura_gateway.domain.settlement import UNPRICED, State
from tebura_gateway.service import holding, nodes, pruning, refunding, settling
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.transaction import Tx


def tick(tx: Tx, memory: Memory) -> None:
    """Look for what is due now; called about once a second."""
    nodes.note_silence(tx)
    settling.ask_due(tx, memory)
    holding.send_due(tx, memory)
    refunding.send_due(tx, memory)
    pruning.due(tx)
    table = tables.visit
    over = update(table).where(
        table.c.store == tx.store,
        table.c.state.in_([state.value for state in UNPRICED]),
        table.c.held_until_ns <= tx.now_ns,
    )
    if tx.connection.execute(over.values(held_until_ns=None)).rowcount:
        memory.is_stale = True
    due = select(func.count()).where(
        table.c.store == tx.store,
        table.c.state == State.EXITED.value,
        table.c.deadline_ns <= tx.now_ns,
    )
    if tx.connection.execute(due).scalar():
        memory.is_stale = True
