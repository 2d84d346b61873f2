"""What is known of each node: its health, how far its word goes, whether it is silent."""

from enum import StrEnum

from sqlalchemy import select
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import encode
from tebura_contract.ids import NodeId
from tebura_contract.messages import Health, NodeState, Watermark

from tebura_gateway.adapters import tables
from tebura_gateway.domain.sequence import is_believed
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.shop import SILENT_NS
from tebura_gateway.service.transaction import Tx

_SEEN_EVERY_NS = 2 * SECOND_NS


class NodeStatus(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    SILENT = "silent"


def note_health(tx: Tx, memory: Memory, node: NodeId, health: Health) -> None:
    """A node (or its last will) said how it is."""
    status = NodeStatus.ONLINE if health.state is NodeState.ONLINE else NodeStatus.OFFLINE
    row = tx.get(tables.node, node=node)
    if row is not None and row.boot is not None and health.boot < row.boot:
        return
    said = {
        "status": status.value,
        "boot": health.boot,
        "version": health.version[:64],
        "waiting": health.waiting,
        "clock_uncertainty_ns": int(health.clock_uncertainty_ns),
        "inference": health.inference[:128],
        "parts": encode(health.parts).decode(),
    }
    if status is NodeStatus.OFFLINE:
        # The last will is as old as the connection; only its state is news.
        said = {"status": status.value}
    if row is None or row.status != status:
        said["status_since_ns"] = tx.now_ns
    if row is None or any(getattr(row, name) != value for name, value in said.items()):
        tx.note("node", node)
    said["seen_ns"] = tx.now_ns
    if row is None:
        tx.put(tables.node, {"node": node}, **said)
    else:
        tx.change(tables.node, {"node": node}, **said)
    memory.seen_ns[node] = tx.now_ns


def note_word(tx: Tx, memory: Memory, node: NodeId) -> None:
    """Any message shows that a node lives; written at most every other second."""
    if tx.now_ns - memory.seen_ns.get(node, 0) < _SEEN_EVERY_NS:
        return
    row = tx.get(tables.node, node=node)
    values = {"seen_ns": tx.now_ns}
    if row is None or row.status != NodeStatus.ONLINE:
        tx.put(
            tables.node,
            {"node": node},
            status=NodeStatus.ONLINE.value,
            status_since_ns=tx.now_ns,
            **values,
        )
        tx.note("node", node)
    else:
        tx.change(tables.node, {"node": node}, **values)
    memory.seen_ns[node] = tx.now_ns


def note_watermark(memory: Memory, node: NodeId, claim: Watermark) -> None:
    """A node says how far its word goes; `believe` decides whether to take it."""
    other = memory.claims.get(node)
    if other is None or (claim.boot, claim.at_ns) >= (other.boot, other.at_ns):
        memory.claims[node] = claim
        memory.has_words = True


def believe(tx: Tx, memory: Memory) -> None:
    """Advance the nodes whose events up to their claim have all arrived."""
    for node, claim in memory.claims.items():
        runs = memory.runs.get(node, {})
        if not is_believed(runs, claim.boot, claim.seq):
            continue
        # Nobody's word reaches into the future, whatever their clock says.
        at_ns = min(int(claim.at_ns) - int(claim.uncertainty_ns), tx.now_ns)
        if at_ns > memory.through_ns.get(node, 0):
            memory.through_ns[node] = at_ns


def store_words(tx: Tx, memory: Memory) -> None:
    """Write the watermarks down; with the judgement that used them."""
    for node in sorted({*memory.through_ns, *memory.runs}):
        through_ns = memory.through_ns.get(node)
        missing = sum(run.missing for run in memory.runs.get(node, {}).values())
        key = f"word:{node}"
        said = f"{through_ns} {missing}".encode()
        if memory.written.get(key) == said:
            continue
        if not tx.change(tables.node, {"node": node}, through_ns=through_ns, missing=missing):
            tx.put(
                tables.node,
                {"node": node},
                status=NodeStatus.SILENT.value,
                status_since_ns=tx.now_ns,
                seen_ns=memory.seen_ns.get(node, 0),
                through_ns=through_ns,
                missing=missing,
            )
        memory.written[key] = said


def note_silence(tx: Tx) -> None:
    """Nodes that have not spoken for 15 s are blind (I9)."""
    table = tables.node
    query = select(table.c.node).where(
        table.c.store == tx.store,
        table.c.status == NodeStatus.ONLINE.value,
        table.c.seen_ns < tx.now_ns - SILENT_NS,
    )
    for (node,) in tx.connection.execute(query).all():
        tx.change(table, {"node": node}, status=NodeStatus.SILENT.value, status_since_ns=tx.now_ns)
        tx.note("node", node)


def accept_gap(tx: Tx, memory: Memory, node: NodeId) -> None:
    """Staff: what is missing of a node will not come; go on without it.

    Raises:
        Refused: If nothing is missing.
    """
    runs = memory.runs.get(node, {})
    if not any(run.missing for run in runs.values()):
        raise Refused(f"nothing of {node} is missing")
    for boot, run in runs.items():
        run.accept_gap()
        tx.put(
            tables.node_boot,
            {"node": node, "boot": boot},
            contiguous_seq=run.contiguous,
            highest_seq=run.highest,
        )
    memory.is_stale = True
    tx.note("node", node)
