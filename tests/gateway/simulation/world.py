"""A shop's day in virtual time: real services on a real SQLite file, everything else a model.

The gateway is its desk (`adapters.desk`) and the file; the nodes, their wire, the provider and the
staff are outside and outlive it. Where there are several gateways, each message goes to any of
them. One thread, one clock, one seed: a run can be repeated exactly.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.clock import Ns
from tebura_contract.ids import EventId, MemberId, NodeId
from tebura_contract.messages import Watermark
from tebura_contract.topics import Channel, topic
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.desk import Desk, Job, Mail
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.adapters.turns import Turns
from tebura_gateway.domain.facts import Fact, ended_ns
from tebura_gateway.domain.settlement import FINAL
from tebura_gateway.service import members, nodes, refunding, reviewing
from tebura_gateway.service.checking import Inbound
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.paying import Said, take_answer
from tebura_gateway.service.ports import PaymentProvider, ProviderCall, Terms
from tebura_gateway.service.requests import Refused, Ruling, RulingKind
from tebura_gateway.service.transaction import Tx
from tebura_simulator.payments.acquirer import Acquirer

from tests.gateway.core import shop
from tests.gateway.nodes import sealed
from tests.gateway.shop import EPOCH_NS, KEN, MIKA, NODES, STORE
from tests.gateway.simulation.crashing import (
    FragileDatabase,
    Lost,
    Points,
    fragile,
    fragile_call,
)
from tests.gateway.simulation.plan import Plan, Shopping

RESEND_S = 5.0
WORD_EVERY_S = 5.0
STAFF_S = 30.0
GIVE_UP_S = 3600.0
PATIENT_S = 300.0
CALL_S = 0.3
TICK_S = 2.0
RETRY_S = 0.5


@dataclass
class Promises:
    """What the world was told: none of it may be untrue later."""

    acked: set[EventId] = field(default_factory=set)
    receipts: dict[int, tuple[str, int]] = field(default_factory=dict)
    final: dict[str, str] = field(default_factory=dict)
    refunds: set[str] = field(default_factory=set)


@dataclass
class Gateway:
    """One gateway's process; `calls` are on their way to the provider."""

    desk: Desk
    calls: list[ProviderCall] = field(default_factory=list)


@dataclass
class Life:
    """From one start of the machine to its end; of several gateways each may die before that."""

    database: FragileDatabase
    provider: PaymentProvider
    gateways: list[Gateway] = field(default_factory=list)


@dataclass
class World:
    """Everything outside the process, and the process as long as it lives."""

    plan: Plan
    points: Points
    uses_house: bool = False
    gateways: int = 1
    now_s: float = 0.0
    promises: Promises = field(default_factory=Promises)
    deaths: int = 0
    losses: int = 0
    life: Life | None = None
    acquirer: Acquirer = field(init=False)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: "itertools.count[int]" = field(default_factory=itertools.count)
    _undone: set[str] = field(default_factory=set)
    _asked: set[str] = field(default_factory=set)
    _inside: set[str] = field(default_factory=set)
    _is_news: bool = True

    def __post_init__(self) -> None:
        self.rng = random.Random(f"world {self.plan.seed}")
        self._which = random.Random(f"gateways {self.plan.seed}")
        self.acquirer = Acquirer(
            Terms("acquirer", self.plan.holds),
            lambda: self.now_ns,
            lambda member: 10**7 if member in (MIKA, KEN) else None,
            fate_of=self.plan.fate,
        )
        for fact in self.plan.script.facts:
            self._nodes_will_say(fact)
        for visit in self.plan.visits:
            self._plan_aftermath(visit)
        self.at(STAFF_S, self._staff_look)
        self.at(WORD_EVERY_S, self._nodes_say_how_far)

    @property
    def now_ns(self) -> int:
        return EPOCH_NS + round(self.now_s * 1e9)

    def at(self, at_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._due, (at_s, next(self._number), what))

    # ── the process ──

    def start(self, folder: Path) -> None:
        database = fragile(folder, self.points)
        provider: PaymentProvider = self.acquirer
        if self.uses_house:
            provider = HouseAccount(database, STORE, now_ns=lambda: self.now_ns)
        self.life = Life(database, provider)
        self.life.gateways += [self._gateway(self.life) for _ in range(self.gateways)]
        self.do(Job(_add_members))

    def _gateway(self, life: Life) -> Gateway:
        calls: list[ProviderCall] = []
        began_s = self.now_s
        name = f"gateway {next(self._number)}"
        desk = Desk(
            life.database,
            shop(life.provider, hold_minor=self.plan.hold_minor),
            now_ns=lambda: self.now_ns,
            elapsed_s=lambda: self.now_s - began_s,
            on_commit=self._seen,
            on_call=calls.append,
            turns=Turns(name, life.database.writing) if self.gateways > 1 else None,
        )
        return Gateway(desk, calls)

    def end_life(self) -> None:
        """Forget the process; what is left of it lies in the folder that was saved."""
        if self.life is not None:
            self.life.database.dispose()
            self.life = None

    def do(self, *jobs: Job | Mail, at: Gateway | None = None) -> None:
        """Do a batch as the writer does: again, as long as the database is the trouble."""
        assert self.life is not None
        gateway = at or self._which.choice(self.life.gateways)
        try:
            self._do(gateway.desk, list(jobs))
        except Lost:
            self._replace(gateway)
            for job in jobs:
                if isinstance(job, Job) and job.future is not None and not job.future.done():
                    job.future.set_exception(OSError("the gateway is gone"))
        self._watch_promises()

    def _do(self, desk: Desk, left: list[Job | Mail]) -> None:
        while True:
            try:
                committed = desk.commit(left)
                break
            except SQLAlchemyError as error:
                left = desk.failed(left, error)
                self.now_s += RETRY_S
        desk.follow(committed)

    def _replace(self, gateway: Gateway) -> None:
        """One of several gateways died: another is started for it, and knows nothing."""
        assert self.life is not None
        self.losses += 1
        self.life.gateways.remove(gateway)
        self.life.gateways.append(self._gateway(self.life))

    def turn(self) -> None:
        """The next thing that happens: time, a provider's answer, or what was planned."""
        assert self.life is not None
        calling = next((one for one in self.life.gateways if one.calls), None)
        if calling is not None:
            self._call(self.life, calling)
            return
        wait_s = self._wait_s(self.life) if self._is_busy() else 1e9
        due_s = self._due[0][0]
        if due_s <= self.now_s + wait_s:
            self.now_s = max(due_s, self.now_s)
            heapq.heappop(self._due)[2]()
        else:
            # Long after the last visit nothing is due often any more.
            is_late = self.now_s > self.ends_s + PATIENT_S
            self.now_s += max(wait_s, 10.0 if is_late else TICK_S)
            for gateway in list(self.life.gateways):
                self.do(at=gateway)

    def _call(self, life: Life, gateway: Gateway) -> None:
        self.now_s += CALL_S
        call = gateway.calls.pop(0)
        try:
            said = fragile_call(self.points, life.provider, call)
        except Lost:
            self._replace(gateway)
            return
        answer = partial(_answer, call=call, said=said)
        # A hold that is let go changes nothing that anybody is shown.
        self._is_news = True
        self.do(Job(answer, lambda _: gateway.desk.answered(call.key)), at=gateway)

    def _wait_s(self, life: Life) -> float:
        return min(gateway.desk.wait_s() for gateway in life.gateways)

    def _is_busy(self) -> bool:
        """Whether the timers matter: where nothing waits for them, time is skipped."""
        return bool(self._undone - self._inside)

    @property
    def ends_s(self) -> float:
        """When the last visit, and whatever was planned after one, lies behind."""
        planned = (max(one.left_s, one.refunded_s or 0.0) for one in self.plan.visits)
        return max([*planned, *self.plan.known_s.values()])

    def is_stuck(self) -> bool:
        """Whether the day should have come to its end long ago."""
        return self.now_s > self.ends_s + GIVE_UP_S

    def unfinished(self) -> list[str]:
        """What keeps the day from being over, for who reads a failure."""
        late = {f.id for f in self.plan.script.facts} - self.promises.acked
        return [*sorted(self._undone), *sorted(map(str, late))]

    def is_over(self) -> bool:
        """Whether everything planned has happened and come to its end."""
        if self.now_s < max(visit.left_s for visit in self.plan.visits):
            return False
        facts = {fact.id for fact in self.plan.script.facts}
        is_asked = all(
            visit.refunded_s is None or visit.visit in self._asked for visit in self.plan.visits
        )
        return facts <= self.promises.acked and is_asked and not self._undone

    def rows(self, table: Any) -> list[Any]:
        assert self.life is not None
        with self.life.database.reading.begin() as connection:
            return list(connection.execute(select(table)))

    # ── what the world sees after each commit ──

    def _seen(self, tx: Tx) -> None:
        self._is_news = self._is_news or bool(tx.changed)

    def _watch_promises(self) -> None:
        """Read what anybody may read now, and hold it against what they read before."""
        if not self._is_news:
            return
        self._is_news = False
        visits = self.rows(tables.visit)
        refunds = self.rows(tables.refund)
        states = {row.visit: row.state for row in visits}
        for visit, state in self.promises.final.items():
            assert states.get(visit) == state, f"{visit} was {state}, is {states.get(visit)}"
        final = {state.value for state in FINAL}
        self.promises.final |= {visit: s for visit, s in states.items() if s in final}
        receipts = {row.number: (row.visit, row.total_minor) for row in self.rows(tables.receipt)}
        for number, receipt in self.promises.receipts.items():
            assert receipts.get(number) == receipt, f"receipt {number} changed"
        self.promises.receipts |= receipts
        self._undone = {visit for visit, state in states.items() if state not in final}
        self._inside = {visit for visit, state in states.items() if state == "open"}
        self._undone |= {row.refund for row in refunds if row.state == "sent"}
        self._undone |= {row.visit for row in visits if row.late_ns is not None}
        holds = self.rows(tables.hold)
        self._undone |= {row.hold for row in holds if row.state in _OPEN_HOLDS}

    # ── the nodes and their wire ──

    def _nodes_will_say(self, fact: Fact) -> None:
        at_s = self._known_s(fact)
        is_slow = self.rng.random() < 0.2
        self.at(at_s + self.rng.uniform(0.0, 8.0 if is_slow else 0.3), partial(self._send, fact))
        for copies in self.plan.copies(self.rng):
            again = partial(self._deliver, fact, copies)
            self.at(at_s + self.rng.uniform(0.0, 1_000.0), again)

    def _known_s(self, fact: Fact) -> float:
        happened_s = (ended_ns(fact.event) - EPOCH_NS) / 1e9
        return self.plan.known_s.get(fact.id, happened_s)

    def _send(self, fact: Fact) -> None:
        """A node sends until it has been told that the gateway has it."""
        if fact.id in self.promises.acked:
            return
        self.at(self.now_s + RESEND_S, partial(self._send, fact))
        self._deliver(fact)

    def _deliver(self, fact: Fact, copies: int = 1) -> None:
        if self.plan.is_cut_off(self.now_s):
            return
        payload = sealed(fact)
        message = Inbound(topic(Channel.EVENT, STORE, fact.id.node), payload, len(payload))
        self.do(Mail([message] * copies, self._ack))

    def _ack(self, events: Sequence[EventId | None]) -> None:
        for event in events:
            assert event is not None
            if self.rng.random() >= self.plan.lost_acks:
                self.promises.acked.add(event)
            self.points.point("acked")

    def _nodes_say_how_far(self) -> None:
        self.at(self.now_s + WORD_EVERY_S, self._nodes_say_how_far)
        if not self._undone or self.plan.is_cut_off(self.now_s):
            return
        claims = {}
        for node in NODES:
            said = [
                fact.id.seq
                for fact in self.plan.script.facts
                if fact.id.node == node and self._known_s(fact) <= self.now_s
            ]
            at_ns = Ns(self.now_ns)
            seq = max(said, default=-1)
            claims[node] = Watermark(boot=1, seq=seq, at_ns=at_ns, uncertainty_ns=Ns(0))
        assert self.life is not None
        for gateway in list(self.life.gateways):
            self.do(Job(partial(_note_words, claims=claims)), at=gateway)

    # ── the staff ──

    def _plan_aftermath(self, visit: Shopping) -> None:
        if visit.refunded_s is not None:
            self.at(visit.refunded_s, partial(self._refund, visit))

    def _refund(self, visit: Shopping) -> None:
        """Staff give all of a receipt back: again, until they were told that it was taken in."""
        if visit.visit in self._asked:
            return
        self.at(self.now_s + STAFF_S, partial(self._refund, visit))
        found: Future[str] = Future()
        self.do(Job(partial(_refund, visit=visit.visit), future=found))
        error = found.exception()
        if error is None:
            self.promises.refunds.add(found.result())
        # Refused: it was done before, or is not paid yet and asked for again.
        if error is None or any(row.visit == visit.visit for row in self.rows(tables.refund)):
            self._asked.add(visit.visit)

    def _staff_look(self) -> None:
        """Staff try payments again that were declined."""
        self.at(self.now_s + STAFF_S, self._staff_look)
        for row in self.rows(tables.review):
            if row.state == "open" and row.kind == "payment":
                found: Future[None] = Future()
                self.do(Job(partial(_accept, review=row.review), future=found))
                error = found.exception()
                # A gateway that is gone answers nobody: they look again.
                assert error is None or isinstance(error, Refused | SQLAlchemyError | OSError)


_OPEN_HOLDS = ("sent", "unknown", "releasing")


def _add_members(tx: Tx, _: Memory) -> None:
    for member, name in ((MIKA, "Mika"), (KEN, "Ken")):
        members.add(tx, name, "ja", MemberId(member), 10**7)


def _note_words(_: Tx, memory: Memory, claims: dict[NodeId, Watermark]) -> None:
    for node, claim in claims.items():
        nodes.note_watermark(memory, node, claim)


def _answer(tx: Tx, _: Memory, call: ProviderCall, said: Said) -> None:
    take_answer(tx, call, said)


def _refund(tx: Tx, _: Memory, visit: Any) -> str:
    return refunding.request(tx, visit, None, 0, "broken", "staff")


def _accept(tx: Tx, memory: Memory, review: str) -> None:
    reviewing.rule(tx, memory, review, Ruling(kind=RulingKind.ACCEPT))
