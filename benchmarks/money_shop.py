"""A shop to measure with: the tests' shop, its nodes' messages, its databases."""

import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from tebura_contract.clock import Ns
from tebura_contract.ids import NodeId
from tebura_contract.messages import Watermark
from tebura_contract.topics import Channel, topic
from tebura_gateway.adapters.database import Database, migrate, open_database
from tebura_gateway.adapters.desk import Desk, Job, Mail
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.domain.facts import Fact
from tebura_gateway.service import members, nodes
from tebura_gateway.service.checking import Inbound
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.paying import Said, perform, take_answer
from tebura_gateway.service.ports import ProviderCall
from tebura_gateway.service.shop import Shop
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Postgres, shop
from tests.gateway.nodes import sealed
from tests.gateway.shop import MIKA, NODES, RICE, STORE, TEA, Script, candidate, ns

VISIT_S = 60.0
VISITS_AT_ONCE = 20


@dataclass(frozen=True)
class Told:
    """What nodes said, and when the last of it was."""

    messages: list[Inbound]
    ends_ns: int


def messages(facts: list[Fact]) -> list[Inbound]:
    found = []
    for fact in facts:
        payload = sealed(fact)
        found.append(Inbound(topic(Channel.EVENT, STORE, fact.id.node), payload, len(payload)))
    return found


def chatter(count: int) -> Told:
    """What cameras say of people who look and take nothing: six events each, nine seconds."""
    script, n = Script(), 0
    while len(script.facts) < count:
        n += 1
        track = script.walk_in(n, n * 9.0)
        script.reach(track, n * 9.0 + 3.0, n * 9.0 + 4.0)
        script.reach(track, n * 9.0 + 5.0, n * 9.0 + 6.0)
        script.walk_out(track, n * 9.0 + 6.5)
    return Told(messages(script.facts[:count]), int(ns(n * 9.0 + 10.0)))


def shop_over(database: Database) -> Shop:
    return shop(HouseAccount(database, STORE, now_ns=lambda: 0))


def shopping(script: Script, n: int) -> None:
    """In, two teas and a rice ball, one tea back, out: 13 events."""
    at_s = n * VISIT_S
    track = script.walk_in(n, at_s)
    script.enter(MIKA, at_s + 1.0)
    script.reach(track, at_s + 10.0, at_s + 11.5)
    script.pick(at_s + 10.5, candidate(TEA, 2))
    script.reach(track, at_s + 15.0, at_s + 16.5, x_m=0.75)
    script.pick(at_s + 15.5, candidate(RICE), plate="p2")
    script.reach(track, at_s + 20.0, at_s + 21.5)
    script.put_back(at_s + 20.5, candidate(TEA))
    script.leave(MIKA, at_s + 31.0)
    script.walk_out(track, at_s + 30.0)


class Till:
    """A desk whose clock goes as fast as the work: no waiting is measured."""

    def __init__(self, database: Database) -> None:
        self.now_s = 0.0
        self._provider = HouseAccount(database, STORE, now_ns=self._now_ns)
        self._calls: list[ProviderCall] = []
        self._desk = Desk(
            database,
            shop(self._provider),
            self._now_ns,
            lambda: self.now_s,
            on_commit=lambda _: None,
            on_call=self._calls.append,
        )

    def _now_ns(self) -> int:
        return int(ns(self.now_s))

    def do(self, *jobs: Job | Mail) -> None:
        self._desk.follow(self._desk.commit(jobs))

    def pay(self) -> None:
        """Make the calls that are asked for, and book what is answered."""
        while self._calls:
            call = self._calls.pop(0)
            said = perform(self._provider, call)
            self.do(Job(partial(_answer, call=call, said=said)))
            self._desk.answered(call.key)


def sales(address: str, folder: Path, count: int) -> float:
    """Seconds from visits' events to their receipts; the events come in batches."""
    database = open_database(address, folder)
    migrate(database)
    till, script = Till(database), Script()
    till.do(Job(lambda tx, _: members.add(tx, "Mika", "ja", MIKA, 10**9)))
    for n in range(1, count + 1):
        shopping(script, n)
    mail = messages(script.facts)
    each = len(mail) // count
    began_s = time.perf_counter()
    for begin in range(0, count, VISITS_AT_ONCE):
        some = slice(begin * each, (begin + VISITS_AT_ONCE) * each)
        till.now_s = (begin + VISITS_AT_ONCE + 1) * VISIT_S
        claims = {fact.id.node: fact.id.seq for fact in script.facts[some]}
        till.do(Mail(mail[some], lambda _: None))
        till.now_s += 1.0
        till.do(Job(partial(_word, seqs=claims)))
        # Words are judged together with those that come just after.
        till.now_s += 1.0
        till.do()
        till.pay()
    took_s = time.perf_counter() - began_s
    with database.reading.connect() as connection:
        found = connection.exec_driver_sql("select count(*) from receipt").scalar()
    assert found == count, f"{found} receipts of {count}"
    database.dispose()
    return took_s


def _answer(tx: Tx, _: Memory, call: ProviderCall, said: Said) -> None:
    take_answer(tx, call, said)


def _word(tx: Tx, memory: Memory, seqs: dict[NodeId, int]) -> None:
    for node in NODES:
        claim = Watermark(boot=1, seq=seqs[node], at_ns=Ns(tx.now_ns), uncertainty_ns=Ns(0))
        nodes.note_watermark(memory, node, claim)


@contextmanager
def postgres() -> Iterator[Postgres | None]:
    """A PostgreSQL of its own that syncs its commits; None where it is not installed."""
    found = shutil.which("pg_ctl")
    installed = (
        [found] if found else sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")))
    )
    if not installed:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tebura-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = Postgres(Path(installed[-1]).parent, Path(folder), free_port(), fsync=True)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
