"""The one thread that writes: jobs come through a bounded queue, several share a transaction.

What a job leads to outside (acks, provider calls, waking streams) happens after the commit, never
before. If the database fails, the batch is tried again whole; a job that a rule refuses is undone
alone. Anything else that goes wrong is a broken invariant and stops the process.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tebura_gateway.adapters.database import Database
from tebura_gateway.service import settling, timers
from tebura_gateway.service.judging import recompute
from tebura_gateway.service.memory import Memory, load_memory
from tebura_gateway.service.ports import ProviderCall
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.shop import Shop
from tebura_gateway.service.transaction import Tx

T = TypeVar("T")
Work = Callable[[Tx, Memory], T]

QUEUE_JOBS = 10_000
"""At the bound a sender waits; the broker then holds what nobody acknowledged."""
BATCH_JOBS = 500
TICK_S = 0.5
JUDGE_EVERY_S = 0.1
RETRY_S = 0.5
_LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any]
    # Called in the writer after the commit with the result; for messages.
    then: Callable[[Any], None] | None
    # For whoever waits in another thread.
    future: "Future[Any] | None"


class Writer:
    """Owns the writing connection. Start it once; `stop` lets the queue run empty first."""

    def __init__(
        self,
        database: Database,
        shop: Shop,
        now_ns: Callable[[], int],
        on_commit: Callable[[Tx], None],
        on_call: Callable[[ProviderCall], None],
    ) -> None:
        self._database, self._shop, self._now_ns = database, shop, now_ns
        self._on_commit, self._on_call = on_commit, on_call
        self._jobs: queue.Queue[_Job] = queue.Queue(QUEUE_JOBS)
        self._memory: Memory | None = None
        self._in_flight: set[str] = set()
        self._stopping = threading.Event()
        self._next_tick_s = 0.0
        self._judge_after_s = 0.0
        self._is_healthy = True
        self._has_recovered = False
        self._thread = threading.Thread(target=self._run, name="writer")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def is_healthy(self) -> bool:
        """Whether the last transaction went through."""
        return self._is_healthy and self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def offer(self, work: Work[T], then: Callable[[T], None], timeout_s: float) -> bool:
        """Queue a message's work; False if there was no room in time."""
        try:
            self._jobs.put(_Job(work, then, None), timeout=timeout_s)
        except queue.Full:
            return False
        return True

    def call(self, work: Work[T], timeout_s: float = 15.0) -> T:
        """Run work in a transaction and wait for what it returns.

        Raises:
            Refused: If a rule refuses it.
            TimeoutError: If the database did not take it in time; it may still be done later.
        """
        future: Future[T] = Future()
        self._jobs.put(_Job(work, None, future), timeout=timeout_s)
        return future.result(timeout_s)

    def post(self, work: Work[None]) -> None:
        """Run work in a transaction without waiting for it."""
        self._jobs.put(_Job(work, None, None))

    def _run(self) -> None:
        try:
            while not (self._stopping.is_set() and self._jobs.empty()):
                jobs = self._collect()
                if jobs or self._is_due():
                    self._persist(jobs)
        except BaseException:
            _LOG.error("writer died", exc_info=True)
            raise

    def _collect(self) -> list[_Job]:
        jobs: list[_Job] = []
        try:
            jobs.append(self._jobs.get(timeout=self._wait_s()))
            while len(jobs) < BATCH_JOBS:
                jobs.append(self._jobs.get_nowait())
        except queue.Empty:
            pass
        return jobs

    def _wait_s(self) -> float:
        due_s = self._next_tick_s
        if self._memory is not None and self._memory.is_stale:
            due_s = min(due_s, self._judge_after_s)
        return min(max(due_s - time.monotonic(), 0.001), TICK_S)

    def _is_due(self) -> bool:
        now_s = time.monotonic()
        is_stale = self._memory is None or self._memory.is_stale
        return now_s >= self._next_tick_s or (is_stale and now_s >= self._judge_after_s)

    def _persist(self, jobs: list[_Job]) -> None:
        """Commit a batch, trying again as long as the database is the trouble."""
        while True:
            try:
                done = self._transact(jobs)
                break
            except (DBAPIError, SQLAlchemyError, OSError) as error:
                self._memory = None
                if self._is_healthy:
                    _LOG.error("database does not take writes", error=str(error))
                self._is_healthy = False
                for job in jobs:
                    if job.future is not None and not job.future.done():
                        job.future.set_exception(error)
                jobs = [job for job in jobs if job.future is None]
                if self._stopping.wait(RETRY_S):
                    return
        if not self._is_healthy:
            _LOG.info("database takes writes again")
        self._is_healthy = True
        tx, results = done
        self._after(tx, results)

    def _transact(
        self, jobs: Sequence[_Job]
    ) -> tuple[Tx, list[tuple[_Job, Any, Exception | None]]]:
        results: list[tuple[_Job, Any, Exception | None]] = []
        with self._database.transaction() as connection:
            tx = Tx(connection, self._shop, self._now_ns())
            memory = self._loaded(tx)
            for job in jobs:
                results.append(self._one(job, tx))
                memory = self._loaded(tx)
            now_s = time.monotonic()
            if now_s >= self._next_tick_s:
                timers.tick(tx, memory)
                self._next_tick_s = now_s + TICK_S
            if memory.is_stale and now_s >= self._judge_after_s:
                recompute(tx, memory)
                # A long judgement leaves room for the messages in between.
                took_s = time.monotonic() - now_s
                self._judge_after_s = now_s + max(JUDGE_EVERY_S, 4.0 * took_s)
            tx.write_changes()
        return tx, results

    def _loaded(self, tx: Tx) -> Memory:
        if self._memory is None:
            self._memory = load_memory(tx)
            self._memory.in_flight = self._in_flight
            if not self._has_recovered:
                settling.recover(tx)
        return self._memory

    def _one(self, job: _Job, tx: Tx) -> tuple[_Job, Any, Exception | None]:
        if job.future is None:
            return job, job.work(tx, self._loaded(tx)), None
        calls, changed = len(tx.calls), len(tx.changed)
        try:
            with tx.connection.begin_nested():
                return job, job.work(tx, self._loaded(tx)), None
        except Refused as refused:
            # What the work noted before it was refused is undone with it.
            self._memory = None
            del tx.calls[calls:], tx.changed[changed:]
            return job, None, refused

    def _after(self, tx: Tx, results: Sequence[tuple[_Job, Any, Exception | None]]) -> None:
        for job, result, refused in results:
            if job.then is not None:
                job.then(result)
            if job.future is not None:
                if refused is not None:
                    job.future.set_exception(refused)
                else:
                    job.future.set_result(result)
        self._has_recovered = True
        for call in tx.calls:
            self._in_flight.add(call.key)
            self._on_call(call)
        self._on_commit(tx)

    def answered(self, key: str) -> None:
        """The provider is done with this key; the timer may ask about it again."""
        self._in_flight.discard(key)
