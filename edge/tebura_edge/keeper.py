"""Makes durable what the engine found, and knows when that cannot be done.

While the disk takes nothing the node is stalled: it stops sensing, since nothing may be known that
is not stored, and tries again every second. Afterwards the time between is reported as blind.
"""

from collections.abc import Callable

import structlog
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Event, SensorState

from tebura_edge.clock import StoreClock
from tebura_edge.engine import Engine
from tebura_edge.health import HealthBoard
from tebura_edge.logs import Repeats
from tebura_edge.outbox import Outbox, OutboxUnwritable, Sealer, Stored
from tebura_edge.pace import Pace

RETRY_NS = SECOND_NS
ALIVE_EVERY_NS = 2 * SECOND_NS
SAVE_EVERY_NS = 30 * SECOND_NS
"""Levels drift slowly: a state this old restarts a role nearly as well as the newest."""

FIRST_SAVE_NS = 3 * SECOND_NS
"""A node that never saved does not know after a restart what its plates held, so what is taken
meanwhile would leave no trace. Plates rest within a second or two of a start."""

_log = structlog.get_logger(__name__)


class Keeper:
    """Main loop's thread only.

    Args:
        engine: Has the facts.
        outbox: Takes them.
        store: Tells store time.
        board: Shows whether the outbox can be written.
        seal: Signs an event under its id.
        on_stored: Told of each fact once it is durable.
    """

    def __init__(
        self,
        engine: Engine,
        outbox: Outbox,
        store: StoreClock,
        board: HealthBoard,
        *,
        seal: Sealer,
        on_stored: Callable[[Event, Stored], None],
    ) -> None:
        self._engine, self._outbox = engine, outbox
        self._store, self._board = store, board
        self._seal, self._on_stored = seal, on_stored
        self._repeats = Repeats()
        self._stalled_ns: int | None = None
        self._retry = Pace(RETRY_NS)
        self._alive = Pace(ALIVE_EVERY_NS)
        self._save = Pace(SAVE_EVERY_NS, store.monotonic_ns() - SAVE_EVERY_NS + FIRST_SAVE_NS)

    @property
    def is_stalled(self) -> bool:
        """Whether the disk took nothing the last time; then nothing may be sensed."""
        return self._stalled_ns is not None

    def keep(self) -> bool:
        """Store what there is; False if it could not be, and waits for the next call."""
        now_ns = self._store.monotonic_ns()
        if self.is_stalled and not self._retry.is_due(now_ns):
            return False
        if self._save.is_due(now_ns):
            self._engine.save_soon()
        found = self._engine.pending
        try:
            if self.is_stalled:
                self._outbox.probe()  # there may be nothing else to write that would tell
            stored = self._engine.commit(self._outbox, self._seal)
            self._note_alive(now_ns)
        except OutboxUnwritable as error:
            self._stall(str(error))
            return False
        for event, entry in zip(found, stored, strict=True):
            self._on_stored(event, entry)
        self._recover()
        return True

    def keep_last(self) -> None:
        """Before the end: facts and the newest states, if the disk lets us."""
        self._engine.save_soon()
        try:
            self._engine.commit(self._outbox, self._seal)
        except OutboxUnwritable as error:
            self.complain(str(error))

    def complain(self, why: str) -> None:
        """Say that the outbox is in trouble, once a minute."""
        if self._repeats.is_due("outbox", self._store.monotonic_ns()):
            held_back = self._repeats.held_back("outbox")
            _log.error("the outbox cannot be written", why=why, held_back=held_back)

    def _note_alive(self, now_ns: int) -> None:
        complete_ns = self._engine.complete_ns()
        if complete_ns is not None and self._alive.is_due(now_ns):
            self._outbox.alive(complete_ns)

    def _stall(self, why: str) -> None:
        if self._stalled_ns is None:
            self._stalled_ns = self._store.now().at_ns
        self._board.set("outbox", SensorState.BLIND, "cannot be written")
        self.complain(why)

    def _recover(self) -> None:
        self._board.set("outbox", SensorState.OK)
        if self._stalled_ns is None:
            return
        _log.info("the outbox can be written again")
        self._repeats.over("outbox")
        now_ns = self._store.now().at_ns
        self._engine.blinded("outbox could not be written", self._stalled_ns, now_ns)
        self._stalled_ns = None
