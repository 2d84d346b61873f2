"""Judges the window of open visits again, and writes down what came out differently.

One transaction writes a bounded part of it, the oldest first: after an outage a day's visits are
judged at once, and to settle them all at once would keep everybody waiting for a minute.
"""

from tebura_contract.ids import VisitId

from tebura_gateway.adapters import tables
from tebura_gateway.domain.decision import Status
from tebura_gateway.domain.judgement import Judgement, judge
from tebura_gateway.service import decisions, late, nodes, visits
from tebura_gateway.service.memory import JUDGED, Memory, load_window, window_start_ns
from tebura_gateway.service.transaction import Tx

MOST_WRITTEN = 800
"""Steps and new visits in one transaction; each takes some ten statements."""
MOST_MOVED = 200
"""Visits moved on in one transaction; to settle one takes some fifty statements."""
_FOREVER_NS = 2**62


def recompute(tx: Tx, memory: Memory) -> Judgement:
    """Bring decisions, visits, carts, reviews and settlements in step with the facts.

    Runs in the transaction that stored the facts, or in one soon after; at start always, so what a
    crash kept from being computed is computed then. Where there is more to write than a transaction
    takes, `memory` stays stale, and the next one goes on.
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
        memory.walk,
    )
    memory.awaits_words = any(
        decision.status is Status.CHECKING for decision in judgement.decisions.values()
    )
    until_ns = _until_ns(memory, judgement, apply_ns)
    overdue = visits.overdue(tx)
    decisions.write(tx, memory, judgement, apply_ns, until_ns, overdue)
    pending: list[VisitId] = visits.write(tx, memory, judgement, apply_ns, until_ns)
    have_moved = visits.advance_all(tx, memory, judgement, pending, until_ns, MOST_MOVED)
    are_compared = late.look_again(tx, judgement, MOST_MOVED)
    nodes.store_words(tx, memory)
    is_whole = until_ns == _FOREVER_NS and have_moved and are_compared
    memory.is_stale = memory.is_cut = not is_whole
    memory.has_words = False
    if is_whole:
        tx.put(tables.counter, {"name": JUDGED}, value=tx.now_ns)
        memory.unjudged_ns = None
    return judgement


def _until_ns(memory: Memory, judgement: Judgement, apply_ns: int) -> int:
    """Up to when a judgement is written: as far as a transaction takes, in the order of time."""
    news = sorted(
        [
            *decisions.differing_ns(memory, judgement, apply_ns),
            *visits.new_ns(memory, judgement, apply_ns),
        ]
    )
    return news[MOST_WRITTEN - 1] if len(news) > MOST_WRITTEN else _FOREVER_NS
