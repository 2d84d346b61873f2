"""The one thread that writes: jobs come through a bounded queue, several share a transaction.

If the database fails, the batch is tried again whole; a job that a rule refuses is undone alone.
Anything else that goes wrong is a broken invariant and stops the process.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tebura_gateway.adapters.database import Database
from tebura_gateway.adapters.desk import Desk, Job, Mail, Work
from tebura_gateway.adapters.turns import Turns
from tebura_gateway.service.ports import ProviderCall
from tebura_gateway.service.shop import Shop
from tebura_gateway.service.transaction import Tx

T = TypeVar("T")

QUEUE_JOBS = 2_000
"""What came off the wire at once is one. At the bound a sender waits; the broker then holds what
nobody acknowledged."""
BATCH_MESSAGES = 500
"""A transaction takes no more in, unless one piece off the wire held more."""
GATHER_S = 0.003
"""An event seldom comes alone: a hand and what it took are stored, and judged, together."""
RETRY_S = 0.5
_LOG = structlog.get_logger()


class Writer:
    """Owns the writing connection. Start it once; `stop` lets the queue run empty first."""

    def __init__(
        self,
        database: Database,
        shop: Shop,
        now_ns: Callable[[], int],
        on_commit: Callable[[Tx], None],
        on_call: Callable[[ProviderCall], None],
        name: str = "",
    ) -> None:
        """`name` tells this gateway from others that write to the same database."""
        turns = Turns(name, database.writing) if database.is_shared else None
        self._desk = Desk(database, shop, now_ns, time.monotonic, on_commit, on_call, turns)
        self._jobs: queue.Queue[Job | Mail] = queue.Queue(QUEUE_JOBS)
        self._stopping = threading.Event()
        self._is_healthy = True
        self._thread = threading.Thread(target=self._run, name="writer")

    def take_up(self, shop: Shop) -> None:
        """Serve the shop like this from the next transaction on, which comes at once."""
        self._desk.take_up(shop)
        self.post(lambda *_: None)

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
    def leads(self) -> bool:
        """Whether this gateway, and no other, sees to what time brings."""
        return self._desk.leads

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def take_in(self, mail: Mail, timeout_s: float) -> bool:
        """Queue messages of nodes; False if there was no room in time."""
        return self._offered(mail, timeout_s)

    def offer(self, work: Work[T], then: Callable[[T], None], timeout_s: float) -> bool:
        """Queue work and who is told of it; False if there was no room in time."""
        return self._offered(Job(work, then), timeout_s)

    def _offered(self, job: Job | Mail, timeout_s: float) -> bool:
        try:
            self._jobs.put(job, timeout=timeout_s)
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
        self._jobs.put(Job(work, future=future), timeout=timeout_s)
        return future.result(timeout_s)

    def post(self, work: Work[None]) -> None:
        """Run work in a transaction without waiting for it."""
        self._jobs.put(Job(work))

    def answered(self, key: str) -> None:
        """The provider is done with this key; the timer may ask about it again."""
        self._desk.answered(key)

    def _run(self) -> None:
        try:
            while not (self._stopping.is_set() and self._jobs.empty()):
                jobs = self._collect()
                if jobs or self._desk.is_due():
                    self._persist(jobs)
        except BaseException:
            _LOG.error("writer died", exc_info=True)
            raise

    def _collect(self) -> list[Job | Mail]:
        jobs: list[Job | Mail] = []
        try:
            jobs.append(self._jobs.get(timeout=self._desk.wait_s()))
            count = _size(jobs[0])
            patience_s = GATHER_S if isinstance(jobs[0], Mail) else 0.0
            while count < BATCH_MESSAGES:
                jobs.append(self._jobs.get(timeout=patience_s))
                count += _size(jobs[-1])
                patience_s = 0.0
        except queue.Empty:
            pass
        return jobs

    def _persist(self, jobs: list[Job | Mail]) -> None:
        """Commit a batch, trying again as long as the database is the trouble."""
        while True:
            try:
                committed = self._desk.commit(jobs)
                break
            except (DBAPIError, SQLAlchemyError, OSError) as error:
                jobs = self._desk.failed(jobs, error)
                if self._is_healthy:
                    _LOG.error("database does not take writes", error=str(error))
                self._is_healthy = False
                if self._stopping.wait(RETRY_S):
                    return
        if not self._is_healthy:
            _LOG.info("database takes writes again")
        self._is_healthy = True
        self._desk.follow(committed)


def _size(job: Job | Mail) -> int:
    return len(job.messages) if isinstance(job, Mail) else 1
