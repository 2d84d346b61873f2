"""The gateway's services over a real database, without threads: time and calls by hand."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table, select, text
from tebura_contract.clock import Ns
from tebura_contract.events import began_ns
from tebura_contract.ids import MemberId, NodeId
from tebura_contract.messages import Watermark
from tebura_contract.topics import Channel, topic
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import Database, migrate, open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.receipt import Issuer, Receipt
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service import counters, members, nodes, reviewing, settling, timers
from tebura_gateway.service.checking import Inbound
from tebura_gateway.service.judging import recompute
from tebura_gateway.service.memory import Memory, load_memory
from tebura_gateway.service.paying import Said, perform, take_answer
from tebura_gateway.service.ports import PaymentProvider, ProviderCall
from tebura_gateway.service.receiving import receive
from tebura_gateway.service.requests import Ruling, RulingKind
from tebura_gateway.service.shop import Shop
from tebura_gateway.service.transaction import Tx, from_text

from tests.gateway.nodes import KEYS, sealed
from tests.gateway.shop import FOREVER, KEN, MIKA, NODES, STORE, layout, ns

T = TypeVar("T")


def shop(provider: PaymentProvider, hold_minor: int = 0, blocks_unpaid: bool = False) -> Shop:
    return Shop(
        layout=layout(),
        issuer=Issuer(name="角の店", registration="T1234567890123"),
        node_keys=KEYS,
        payment=provider.terms,
        hold_minor=hold_minor,
        blocks_unpaid=blocks_unpaid,
    )


@dataclass
class Core:
    """`now_s` is the gateway's clock on the scripts' scale."""

    database: Database
    provider: PaymentProvider
    now_s: float = 100.0
    memory: Memory | None = None
    calls: list[ProviderCall] = field(default_factory=list)
    shop: Shop = field(init=False)

    def __post_init__(self) -> None:
        self.shop = shop(self.provider)

    @property
    def now_ns(self) -> int:
        return int(ns(self.now_s))

    def do(self, work: Callable[[Tx, Memory], T]) -> T:
        """One transaction, judged at its end; its calls wait in `calls`."""
        with self.database.transaction() as connection:
            tx = Tx(connection, self.shop, self.now_ns)
            if self.memory is None:
                self.memory = load_memory(tx)
                settling.recover(tx)
            found = work(tx, self.memory)
            if self.memory.is_stale or self.memory.has_words:
                recompute(tx, self.memory)
            counters.tell(tx, self.memory)
            tx.write_changes()
        self.calls += tx.calls
        return found

    def crash(self) -> None:
        """Forget everything that is not in the database, and start again."""
        self.memory = None
        self.calls.clear()
        self.do(lambda *_: None)

    def add_members(self) -> None:
        for member, name in ((MIKA, "Mika"), (KEN, "Ken")):
            self.do(partial(_add, name=name, member=member))

    def hear(self, facts: Sequence[Fact]) -> list[Any]:
        return [self.hear_raw(fact.id.node, sealed(fact)) for fact in facts]

    def hear_raw(self, node: NodeId, payload: bytes) -> Any:
        message = Inbound(topic(Channel.EVENT, STORE, node), payload, len(payload))
        return self.do(lambda tx, memory: receive(tx, memory, message))

    def word(self, at_s: float, *silent: NodeId, of: Sequence[Fact] = ()) -> None:
        """All nodes but the silent ones say that they reported everything up to then.

        The events they mean are those of `of`; where it is empty, all that were heard.
        """

        def work(tx: Tx, memory: Memory) -> None:
            for node in set(NODES) - set(silent):
                runs = memory.runs.get(node, {})
                boot = max(runs, default=1)
                seq = runs[boot].highest if boot in runs else -1
                if of:
                    said = [f.id for f in of if f.id.node == node and began_ns(f.event) <= ns(at_s)]
                    boot, seq = max([(e.boot, e.seq) for e in said], default=(1, -1))
                claim = Watermark(boot=boot, seq=seq, at_ns=ns(at_s), uncertainty_ns=Ns(0))
                nodes.note_watermark(memory, node, claim)

        self.do(work)

    def tick(self, now_s: float) -> None:
        self.now_s = now_s
        self.do(timers.tick)

    def pay(self) -> None:
        """Make the calls that wait, and those they lead to."""
        while self.calls:
            call = self.calls.pop(0)
            said = perform(self.provider, call)
            self.do(partial(_answer, call=call, said=said))

    def rule(self, review: str, kind: RulingKind, **values: Any) -> None:
        ruling = Ruling(kind=kind, **values)
        self.do(lambda tx, memory: reviewing.rule(tx, memory, review, ruling))
        self.pay()

    def rows(self, table: Table, **where: Any) -> list[Any]:
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.database.reading.begin() as connection:
            return list(connection.execute(query))

    def state(self, visit: str) -> tuple[str, str]:
        (row,) = self.rows(tables.visit, visit=visit)
        return row.state, row.reason

    def open_reviews(self) -> set[str]:
        return {row.review for row in self.rows(tables.review, state="open")}

    def receipt(self, visit: str) -> Receipt:
        (row,) = self.rows(tables.receipt, visit=visit)
        return from_text(row.document, Receipt)

    def bought(self, visit: str) -> dict[str, int]:
        return {line.sku: line.quantity for line in self.receipt(visit).lines}

    def check_books(self) -> None:
        """I2, I4, I6: what must hold after every transaction."""
        entries = self.rows(tables.ledger_entry)
        for posting in {entry.posting for entry in entries}:
            assert sum(e.amount_minor for e in entries if e.posting == posting) == 0
        receipts = self.rows(tables.receipt)
        assert sorted(row.number for row in receipts) == list(range(1, len(receipts) + 1))
        assert len({row.visit for row in receipts}) == len(receipts)
        moved = self.provider.movements(0, FOREVER)
        for row in receipts:
            captured = [
                one.amount_minor
                for one in moved
                if one.call is Call.CAPTURE and one.key.startswith(f"{row.visit}:")
            ]
            assert captured == ([row.total_minor] if row.total_minor else [])
        done = sum(row.amount_minor for row in self.rows(tables.refund, state="done"))
        given = sum(one.amount_minor for one in moved if one.call is Call.REFUND)
        assert given >= done


def _add(tx: Tx, _: Memory, name: str, member: MemberId) -> None:
    members.add(tx, name, "ja", member)


def _answer(tx: Tx, _: Memory, call: ProviderCall, said: Said) -> None:
    take_answer(tx, call, said)


def core_over(database: Database) -> Core:
    """The services over a database that has its tables."""
    core = Core(database, HouseAccount(database, STORE, now_ns=lambda: core.now_ns))
    core.add_members()
    return core


class Postgres:
    """A PostgreSQL of its own on a free port; each test gets a fresh database in it."""

    def __init__(self, bin_folder: Path, folder: Path, port: int, fsync: bool = False) -> None:
        self._bin, self._folder, self._port, self._count = bin_folder, folder, port, 0
        self._fsync = "on" if fsync else "off"
        self._has_model = False

    def start(self) -> None:
        # The server refuses to run as root, so its folder must be reachable for its own user.
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        data = self._folder / "data"
        self._run(
            "initdb", "-A", "trust", "-U", "tebura", "-E", "UTF8", "--locale=C.UTF-8", "-D", data
        )
        options = (
            f"-p {self._port} -c listen_addresses=127.0.0.1 -c fsync={self._fsync} "
            f"-c unix_socket_directories={self._folder}"
        )
        self._run("pg_ctl", "-D", data, "-o", options, "-l", self._folder / "log", "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._folder / "data", "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        """As after a crash of the server: whoever was connected is not."""
        log = self._folder / "log"
        self._run(
            "pg_ctl", "-D", self._folder / "data", "-m", "immediate", "-l", log, "-w", "restart"
        )

    def fresh(self) -> str:
        """The address of a new database with its tables."""
        self._count += 1
        if not self._has_model:
            self._has_model = True
            self._create("model", "template0")
            model = open_database(self._address("model"), self._folder)
            migrate(model)
            model.dispose()
        self._create(f"t{self._count}", "model")
        return self._address(f"t{self._count}")

    def empty(self) -> str:
        """The address of a new database with nothing in it."""
        self._count += 1
        self._create(f"e{self._count}", "template0")
        return self._address(f"e{self._count}")

    def _create(self, name: str, template: str) -> None:
        admin = open_database(self._address("postgres"), self._folder)
        with admin.reading.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"create database {name} template {template}"))
        admin.dispose()

    def _address(self, name: str) -> str:
        return f"postgresql+psycopg://tebura@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: object) -> None:
        user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        subprocess.run(
            [str(self._bin / program), *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=user if os.geteuid() == 0 else None,
            cwd="/",
            timeout=60.0,
        )
