"""Sends messages to programs outside: a few at a time, each webhook one after the other."""

import http.client
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import StoreId

from tebura_gateway.adapters.writer import Writer
from tebura_gateway.domain.webhook import headers, secret_of
from tebura_gateway.service import outgoing
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.outgoing import Heard, Outgoing
from tebura_gateway.service.transaction import Tx

WORKERS = 4
"""A slow receiver keeps one of them waiting, and no other webhook's messages out of order."""
TIMEOUT_S = 5.0
LOOK_S = 1.0
_LOG = structlog.get_logger()

Send = Callable[[str, bytes, dict[str, str]], Heard]


def post(url: str, body: bytes, fields: dict[str, str], timeout_s: float = TIMEOUT_S) -> Heard:
    """One HTTP request; redirects are not followed, and the answer's body is not read."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    try:
        connection.request("POST", target, body, fields)
        return Heard(status=connection.getresponse().status)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Heard(status=None, detail=type(error).__name__)
    finally:
        connection.close()


class Courier:
    """Its queue is the table: what a crash interrupts is sent again."""

    def __init__(
        self,
        engine: Engine,
        store: StoreId,
        master: bytes,
        now_ns: Callable[[], int],
        send: Send = post,
    ) -> None:
        """`master` is the secret that those of webhooks are made from."""
        self._engine, self._store, self._master, self._now_ns = engine, store, master, now_ns
        self._send = send
        self._writer: Writer | None = None
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier")
        self._workers = ThreadPoolExecutor(WORKERS, "courier")

    def start(self, writer: Writer) -> None:
        self._writer = writer
        self._thread.start()

    def stop(self) -> None:
        """Let what is under way come to its end; the rest waits in the database."""
        self._stopping.set()
        self._awake.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._workers.shutdown(cancel_futures=True)

    def wake(self) -> None:
        """There may be something to send; from any thread."""
        self._awake.set()

    def _run(self) -> None:
        assert self._writer is not None
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                if self._writer.leads:
                    self._look()
            except SQLAlchemyError as error:
                _LOG.error("no messages are sent", error=type(error).__name__)
            self._awake.wait(LOOK_S)

    def _look(self) -> None:
        with self._lock:
            busy = set(self._busy)
        with self._engine.connect() as connection:
            found = outgoing.due(connection, self._store, self._now_ns(), busy)
        for one in found:
            with self._lock:
                self._busy.add(one.webhook)
            self._workers.submit(self._deliver, one)

    def _deliver(self, one: Outgoing) -> None:
        assert self._writer is not None
        body = one.body.encode()
        secret = secret_of(self._master, one.webhook)
        fields = headers(secret, one.message, self._now_ns() // SECOND_NS, body)
        heard = self._send(one.url, body, fields)
        is_noted = self._writer.offer(
            partial(_answered, one=one, heard=heard), lambda _: self._free(one), timeout_s=10.0
        )
        if not is_noted:
            # It comes once more; its receiver knows it by its id.
            self._free(one)

    def _free(self, one: Outgoing) -> None:
        with self._lock:
            self._busy.discard(one.webhook)
        self._awake.set()


def _answered(tx: Tx, _: Memory, one: Outgoing, heard: Heard) -> None:
    outgoing.answered(tx, one, heard)
