"""What is done with a batch of jobs: one transaction, and after its commit what it led to outside.

Acks, provider calls and the waking of streams follow the commit, never come before it. Knows no
threads and no clock of its own: the writer's thread drives it, and so can a simulation.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.ids import EventId, NodeId
from tebura_contract.messages import Watermark

from tebura_gateway.adapters.database import Database
from tebura_gateway.adapters.turns import Turns
from tebura_gateway.service import counters, outgoing, prices, settling, timers
from tebura_gateway.service.checking import Inbound
from tebura_gateway.service.judging import recompute
from tebura_gateway.service.memory import Memory, load_memory
from tebura_gateway.service.pace import Pace
from tebura_gateway.service.ports import ProviderCall
from tebura_gateway.service.receiving import receive_all
from tebura_gateway.service.shop import Shop
from tebura_gateway.service.transaction import Tx

T = TypeVar("T")
Work = Callable[[Tx, Memory], T]

TICK_S = 0.5
JUDGEMENT_REST, JUDGEMENT_SAVED_S = 4.0, 1.0
"""A fifth of the time at most; of a second that was not used it is saved: where a hand takes two
things at once, nobody waits for the second to be shown."""
WORDS_REST, WORDS_GATHER_S, WORDS_PATIENCE_S = 4.0, 0.02, 1.0
"""Judged again because nodes said how far their word goes, and nothing else: they say so together,
and often. It takes nothing of the time that those have who look at their phone, and is seldom done
where nobody waits for a node."""
CUT_REST = 1.0
"""Half of it while there is more to write than one transaction takes: each of them is short."""
BEHIND_MESSAGES, BEHIND_REST = 250, 19.0
"""Who takes in so many at once is behind: then a twentieth. What is judged now is old anyway."""
LOOK_S = 0.1
"""How often a gateway that has nothing to do looks for what others did."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work to do in a transaction, and who is told of it.

    `then` is called after the commit with the result: for messages. `future` is somebody waiting
    in another thread; only such a job may be refused, or fail, without the batch failing.
    """

    work: Work[Any]
    then: Callable[[Any], None] | None = None
    future: "Future[Any] | None" = None


@dataclass(frozen=True, slots=True)
class Mail:
    """Messages of nodes to take in; `then` is called after the commit with their ids.

    None stands for what is no event of ours.
    """

    messages: Sequence[Inbound]
    then: Callable[[Sequence[EventId | None]], None]


@dataclass(frozen=True, slots=True)
class _Done:
    job: Job | Mail
    result: Any
    refused: Exception | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A batch that is in the database, and what is still to follow from it."""

    tx: Tx
    done: list[_Done]


class Desk:
    """Does batches of jobs, one after the other. Not for several threads at once."""

    def __init__(
        self,
        database: Database,
        shop: Shop,
        now_ns: Callable[[], int],
        elapsed_s: Callable[[], float],
        on_commit: Callable[[Tx], None],
        on_call: Callable[[ProviderCall], None],
        turns: Turns | None = None,
    ) -> None:
        """`now_ns` is store time, `elapsed_s` a clock that never jumps.

        `turns` are needed where other gateways write to the same database.
        """
        self._database, self._shop = database, shop
        self._now_ns, self._elapsed_s = now_ns, elapsed_s
        self._on_commit, self._on_call = on_commit, on_call
        self._turns = turns
        # What nodes said of themselves is not in the database: it outlives what is.
        self._claims: dict[NodeId, Watermark] = {}
        self._memory: Memory | None = None
        # What it was before others wrote, where all of it is committed.
        self._known: Memory | None = None
        self._is_cut = False
        self._in_flight: set[str] = set()
        self._next_tick_s = 0.0
        self._next_look_s = 0.0
        self._judging = Pace(JUDGEMENT_REST, JUDGEMENT_SAVED_S)
        self._judging_on = Pace(CUT_REST, 0.0)
        self._judging_behind = Pace(BEHIND_REST, 0.0)
        self._judging_words = Pace(WORDS_REST, 0.0)
        # Since when there are words that are not judged.
        self._heard_s: float | None = None
        self._has_recovered = False
        # Another configuration of the same shop, from the next transaction on.
        self._next_shop: Shop | None = None

    def take_up(self, shop: Shop) -> None:
        """Serve the shop like this from the next batch on; from any thread."""
        self._next_shop = shop

    def wait_s(self) -> float:
        """How long nothing is due, where nothing comes in."""
        return min(max(self._due_s() - self._elapsed_s(), 0.001), TICK_S)

    def is_due(self) -> bool:
        """Whether time alone calls for a batch, an empty one."""
        return self._elapsed_s() >= self._due_s()

    def _due_s(self) -> float:
        if self._turns is not None and not self._turns.leads:
            return self._next_look_s
        due_s = min(self._next_tick_s, self._judgement_due_s(is_behind=False))
        return due_s if self._turns is None else min(due_s, self._next_look_s)

    def _judgement_due_s(self, is_behind: bool) -> float:
        memory = self._memory
        if memory is None or memory.is_stale:
            return self._pace(is_behind).due_s
        if self._heard_s is None:
            return inf
        patience_s = WORDS_GATHER_S if memory.awaits_words else WORDS_PATIENCE_S
        return max(self._heard_s + patience_s, self._judging_words.due_s)

    @property
    def leads(self) -> bool:
        """Whether time passes here; another gateway may see to it."""
        return self._turns is None or self._turns.leads

    def failed(self, jobs: Sequence[Job | Mail], error: Exception) -> list[Job | Mail]:
        """The database did not take a batch: what of it is to be tried again.

        Whoever waits in another thread is told of the error instead. What is remembered may be
        more than was committed, so it is read anew.
        """
        self._memory = self._known = None
        if self._turns is not None:
            self._turns.failed()
        again: list[Job | Mail] = []
        for job in jobs:
            if isinstance(job, Mail) or job.future is None:
                again.append(job)
            elif not job.future.done():
                job.future.set_exception(error)
        return again

    def answered(self, key: str) -> None:
        """The provider is done with this key; the timer may ask about it again."""
        self._in_flight.discard(key)

    def commit(self, jobs: Sequence[Job | Mail]) -> Committed:
        """Do a batch of jobs in one transaction; the mail among them together, before the rest.

        Raises:
            SQLAlchemyError: If the database failed: nobody was told anything, and the same batch
                may be tried again after `failed`.
        """
        done: list[_Done] = []
        with self._database.transaction() as connection:
            news = self._next_shop
            tx = Tx(connection, news or self._shop, self._now_ns())
            self._begin_turn(tx)
            if news is not None:
                prices.take_up(tx)
                # Open carts are shown at what they cost now.
                self._loaded(tx).is_stale = True
            mail = [job for job in jobs if isinstance(job, Mail)]
            messages = [message for one in mail for message in one.messages]
            taken = iter(receive_all(tx, self._loaded(tx), messages))
            for job in jobs:
                if isinstance(job, Mail):
                    done.append(_Done(job, list(islice(taken, len(job.messages)))))
                else:
                    done.append(self._one(job, tx))
            if self.leads:
                is_behind = len(messages) >= BEHIND_MESSAGES
                self._let_time_pass(tx, self._loaded(tx), is_behind)
                counters.tell(tx, self._loaded(tx))
            outgoing.queue(tx)
            tx.write_changes()
            if self._turns is not None:
                self._turns.end(tx)
        self._shop = tx.shop
        if self._next_shop is news:
            self._next_shop = None
        return Committed(tx, done)

    def _begin_turn(self, tx: Tx) -> None:
        if self._turns is None:
            return
        did_lead = self._turns.leads
        if self._turns.begin(tx):
            # Only who leads holds a window.
            self._known = self._memory if self._turns.leads else None
            self._memory = None
        if self._turns.leads and not did_lead:
            # Whoever led before may have left calls and commands behind.
            self._memory, self._known, self._has_recovered = None, None, False
            tx.has_commands = True
        self._next_look_s = self._elapsed_s() + LOOK_S

    def _let_time_pass(self, tx: Tx, memory: Memory, is_behind: bool) -> None:
        now_s = self._elapsed_s()
        if now_s >= self._next_tick_s:
            timers.tick(tx, memory)
            self._next_tick_s = now_s + TICK_S
        if memory.has_words and self._heard_s is None:
            self._heard_s = now_s
        if now_s >= self._judgement_due_s(is_behind):
            self._judge(tx, memory)

    def _judge(self, tx: Tx, memory: Memory) -> None:
        is_for_words = not memory.is_stale
        began_s = self._elapsed_s()
        recompute(tx, memory)
        done_s = self._elapsed_s()
        self._is_cut = memory.is_cut
        self._heard_s = None
        paces = [self._judging_on, self._judging_behind, self._judging_words]
        for each in paces if is_for_words else [*paces, self._judging]:
            each.took(done_s - began_s, done_s)

    def _pace(self, is_behind: bool) -> Pace:
        if is_behind:
            return self._judging_behind
        return self._judging_on if self._is_cut else self._judging

    def follow(self, committed: Committed) -> None:
        """Tell everyone what was committed, and make the calls it asks for."""
        for one in committed.done:
            if one.job.then is not None:
                one.job.then(one.result)
            if isinstance(one.job, Job) and one.job.future is not None:
                if one.refused is not None:
                    one.job.future.set_exception(one.refused)
                else:
                    one.job.future.set_result(one.result)
        self._has_recovered = self.leads
        for call in committed.tx.calls:
            self._in_flight.add(call.key)
            self._on_call(call)
        self._on_commit(committed.tx)

    def _loaded(self, tx: Tx) -> Memory:
        if self._memory is None:
            self._memory, self._known = load_memory(tx, self._known), None
            self._memory.in_flight = self._in_flight
            self._memory.claims = self._claims
            if self.leads and not self._has_recovered:
                settling.recover(tx)
        return self._memory

    def _one(self, job: Job, tx: Tx) -> _Done:
        if job.future is None:
            return _Done(job, job.work(tx, self._loaded(tx)))
        calls, changed = len(tx.calls), len(tx.changed)
        try:
            with tx.connection.begin_nested():
                return _Done(job, job.work(tx, self._loaded(tx)))
        except (SQLAlchemyError, OSError, AssertionError):
            # The database is in trouble, or what we believe of it is wrong.
            raise
        except Exception as error:
            # Refused, or a request that we cannot digest. What it did and noted is undone.
            self._memory = None
            del tx.calls[calls:], tx.changed[changed:]
            return _Done(job, None, error)
