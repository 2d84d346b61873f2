"""The thread that talks to the payment provider; its answers go back to the writer."""

import queue
import threading
from collections.abc import Mapping
from functools import partial

import structlog

from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.paying import Said, perform, take_answer
from tebura_gateway.service.ports import PaymentProvider, ProviderCall
from tebura_gateway.service.transaction import Tx

_LOG = structlog.get_logger()
QUEUE_CALLS = 1_000
"""At the bound a call is left to the timer: its intent and key are in the database."""


class Payer:
    """Makes calls one after the other. Each is durable before it gets here."""

    def __init__(self, providers: Mapping[str, PaymentProvider]) -> None:
        """`providers` are those of this shop, by name."""
        self._providers = providers
        self._calls: queue.Queue[ProviderCall | None] = queue.Queue(QUEUE_CALLS)
        self._writer: Writer | None = None
        self._thread = threading.Thread(target=self._run, name="payer")

    def start(self, writer: Writer) -> None:
        self._writer = writer
        self._thread.start()

    def stop(self) -> None:
        """Finish the call that is under way; what is still queued is asked about after a start."""
        self._calls.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def take(self, call: ProviderCall) -> None:
        """Queue a call; called by the writer after the commit."""
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            assert self._writer is not None
            self._writer.answered(call.key)

    def _run(self) -> None:
        assert self._writer is not None
        while (call := self._calls.get()) is not None:
            said = self._ask(call)
            self._writer.offer(
                partial(_answer, call=call, said=said),
                partial(_forget, writer=self._writer, key=call.key),
                timeout_s=60.0,
            )

    def _ask(self, call: ProviderCall) -> Said:
        provider = self._providers.get(call.provider)
        if provider is not None:
            return perform(provider, call)
        _LOG.error("the configuration does not name who took this money", provider=call.provider)
        return Said(None, is_known=False)


def _answer(tx: Tx, _: Memory, call: ProviderCall, said: Said) -> None:
    take_answer(tx, call, said)


def _forget(_: None, writer: Writer, key: str) -> None:
    writer.answered(key)
