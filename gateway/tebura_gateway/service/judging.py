"""Judges the window of open visits again, and writes down what came out differently."""

from tebura_contract.ids import VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.judgement import Judgement, judge
from tebura_gateway.service import decisions, late, nodes, visits
from tebura_gateway.service.memory import JUDGED, Memory, load_window, window_start_ns
from tebura_gateway.service.transaction import Tx


def recompute(tx: Tx, memory: Memory) -> Judgement:
    """Bring decisions, visits, carts, reviews and settlements in step with the facts.

    Runs in the transaction that stored the facts, or in one soon after; at start always, so what a
    crash kept from being computed is computed then.
    """
    nodes.believe(tx, memory)
    apply_ns, load_ns = window_start_ns(tx, memory)
    load_window(tx, memory, load_ns)
    judgement = judge(
        memory.facts.values(),
        tx.layout,
        memory.through_ns,
        tx.shop.judgement,
        memory.rulings,
        visits.by_hand(tx, load_ns),
    )
    overdue = visits.overdue(tx)
    decisions.write(tx, memory, judgement, apply_ns, overdue)
    pending: list[VisitId] = visits.write(tx, memory, judgement, apply_ns)
    visits.advance_all(tx, memory, judgement, pending)
    late.look_again(tx, judgement)
    nodes.store_words(tx, memory)
    tx.put(tables.counter, {"name": JUDGED}, value=tx.now_ns)
    memory.is_stale = False
    memory.unjudged_ns = None
    return judgement
