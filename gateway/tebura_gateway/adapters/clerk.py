"""Enters members' purchases in the online shop: one at a time, the longest waiting first."""

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.ids import StoreId

from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service import online_shop
from tebura_gateway.service.ports import OnlineShop
from tebura_gateway.service.telling import tell
from tebura_gateway.service.transaction import Tx

T = TypeVar("T")

LOOK_S, LAST_LOOK_S = 1.0, 60.0
"""A shop that does not answer is asked less and less often, about one purchase at a time."""
_LOG = structlog.get_logger()


class Clerk:
    """Its queue is the table: what a crash interrupts is told again, and done once over there."""

    def __init__(
        self, engine: Engine, store: StoreId, shop: OnlineShop, now_ns: Callable[[], int]
    ) -> None:
        self._engine, self._store, self._shop, self._now_ns = engine, store, shop, now_ns
        self._writer: Writer | None = None
        self._has_answered = True
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk")

    def start(self, writer: Writer) -> None:
        self._writer = writer
        self._thread.start()

    def stop(self) -> None:
        """Let the purchase that is under way come to its end; the rest waits in the database."""
        self._stopping.set()
        self._awake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def wake(self) -> None:
        """There may be something to tell; from any thread."""
        if self._has_answered:
            self._awake.set()

    def _run(self) -> None:
        wait_s = LOOK_S
        while not self._stopping.is_set():
            self._awake.clear()
            has_answered = self._look()
            if has_answered is not self._has_answered:
                _LOG.info("the online shop", answers=has_answered)
            self._has_answered = has_answered
            wait_s = LOOK_S if has_answered else min(2.0 * wait_s, LAST_LOOK_S)
            self._awake.wait(wait_s)

    def _look(self) -> bool:
        """Tell all that is due; False as soon as nobody answers."""
        assert self._writer is not None
        try:
            while self._writer.leads and not self._stopping.is_set():
                with self._engine.connect() as connection:
                    found = online_shop.next_due(connection, self._store, self._now_ns())
                if found is None:
                    break
                if not tell(self._shop, found, self._note):
                    return False
        except (SQLAlchemyError, TimeoutError, OSError) as error:
            _LOG.error("no purchases are told", error=type(error).__name__)
        return True

    def _note(self, work: Callable[[Tx], T], /) -> T:
        assert self._writer is not None
        return self._writer.call(lambda tx, _: work(tx))
