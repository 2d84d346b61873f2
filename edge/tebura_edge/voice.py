"""What a node says beside events: its watermark, its health, positions, and what time it is.

Nothing is promised that is not stored and handed over: a watermark goes out only while every event
it covers, also of earlier boots, has gone to the broker on this connection.
"""

from typing import Protocol, runtime_checkable

from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Ns
from tebura_contract.messages import ClockAnswer, ClockQuestion, Health, Position, Watermark

from tebura_edge.clock import StoreClock
from tebura_edge.courier import Courier
from tebura_edge.engine import Engine
from tebura_edge.health import HealthBoard
from tebura_edge.link import Link
from tebura_edge.outbox import Outbox
from tebura_edge.pace import Pace

WATERMARK_EVERY_NS = 500 * MILLISECOND_NS
POSITIONS_EVERY_NS = 250 * MILLISECOND_NS
ASK_FIRST_NS = 250 * MILLISECOND_NS
ASK_LATER_NS = 5 * SECOND_NS
FIRST_ANSWERS = 8
"""Questions come quickly at first, for one good answer soon; then only against drift."""


@runtime_checkable
class _HasPositions(Protocol):
    def positions(self) -> list[Position]: ...


class Voice:
    """Main loop's thread only."""

    def __init__(
        self,
        link: Link,
        courier: Courier,
        engine: Engine,
        outbox: Outbox,
        store: StoreClock,
        board: HealthBoard,
    ) -> None:
        self._link, self._courier, self._engine = link, courier, engine
        self._outbox, self._store, self._board = outbox, store, board
        self._answers = 0
        self._ask = Pace(ASK_FIRST_NS)
        self._mark = Pace(WATERMARK_EVERY_NS)
        self._position = Pace(POSITIONS_EVERY_NS)

    def connected(self) -> None:
        """A new connection: ask and tell at once."""
        self._board.forget_told()
        self._ask.at_once()

    def answered(self, answer: ClockAnswer, arrived_ns: int) -> None:
        """The gateway's time; answers to questions of an earlier boot mean nothing."""
        if answer.boot == self._outbox.boot:
            self._store.answered(answer, arrived_ns)
            self._answers += 1

    def ask_clock(self) -> None:
        now_ns = self._store.monotonic_ns()
        self._ask.every_ns = ASK_FIRST_NS if self._answers < FIRST_ANSWERS else ASK_LATER_NS
        if self._link.is_connected and self._ask.is_due(now_ns):
            self._link.ask_clock(ClockQuestion(boot=self._outbox.boot, sent_ns=Ns(now_ns)))

    def speak(self, now_ns: int) -> Health | None:
        """Say what is due; returns the health message if one went out."""
        if not self._link.is_connected:
            return None
        self.ask_clock()
        if self._mark.is_due(now_ns):
            self._say_watermark()
        if self._position.is_due(now_ns):
            self._say_positions()
        health = self._board.due(now_ns, self._store.now(), self._outbox.waiting)
        if health is not None:
            self._link.health(health)
        return health

    def _say_watermark(self) -> None:
        at_ns = self._engine.watermark_ns()
        last = self._outbox.last_id
        if at_ns is None or last is None or not self._courier.has_handed_all():
            return
        self._link.watermark(
            Watermark(
                boot=self._outbox.boot,
                seq=last.seq,
                at_ns=Ns(at_ns),
                uncertainty_ns=Ns(self._store.now().uncertainty_ns),
            )
        )

    def _say_positions(self) -> None:
        for role in self._engine.roles.values():
            if isinstance(role, _HasPositions):
                for position in role.positions():
                    self._link.position(position)
