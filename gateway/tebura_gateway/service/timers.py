"""What happens because time passes: all of it read from the database, so a restart forgets none."""

from sqlalchemy import func, select

from tebura_gateway.adapters import tables
from tebura_gateway.domain.settlement import State
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
    if over := [visit for visit, until_ns in memory.held.items() if until_ns <= tx.now_ns]:
        for visit in over:
            del memory.held[visit]
        memory.is_stale = True
    table = tables.visit
    due = select(func.count()).where(
        table.c.store == tx.store,
        table.c.state == State.EXITED.value,
        table.c.deadline_ns <= tx.now_ns,
    )
    if tx.connection.execute(due).scalar():
        memory.is_stale = True
