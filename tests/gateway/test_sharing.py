"""Three gateways on one PostgreSQL and one Mosquitto: each event once, each visit paid once."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select, update
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import VisitId
from tebura_contract.settings import MqttSettings
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import Database
from tebura_gateway.adapters.desk import Mail
from tebura_gateway.adapters.mqtt import MqttAdapter
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import Terms
from tebura_simulator.payments.acquirer import Acquirer, Fate
from tebura_simulator.payments.server import serving

from tests.conftest import Broker
from tests.gateway.core import Postgres
from tests.gateway.nodes import GatewayProcess, Nodes, to_now
from tests.gateway.paying import SECRET, VISIT_S, books_of, check, shopping, states, use_card
from tests.gateway.shop import MIKA, STORE, Script

GATEWAYS = 3
END_S = 240.0


@dataclass
class Mailbox:
    """Stands for a writer: what one gateway was given."""

    mail: list[Mail] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(mail.messages) for mail in self.mail)

    def take_in(self, mail: Mail, timeout_s: float) -> bool:  # a writer's method
        self.mail.append(mail)
        mail.then([None] * len(mail.messages))
        return True

    def offer(self, *_: object) -> bool:
        return True


def test_the_broker_gives_each_event_to_one_of_the_gateways(mosquitto: Broker) -> None:
    boxes = [Mailbox() for _ in range(GATEWAYS)]
    settings = MqttSettings(port=mosquitto.port)
    adapters = [
        MqttAdapter(settings, STORE, time.time_ns, shares_as=f"{number}")
        for number in range(GATEWAYS)
    ]
    nodes = Nodes(mosquitto.port)
    try:
        for adapter, box in zip(adapters, boxes, strict=True):
            adapter.start(box)  # type: ignore[arg-type]
        wait_until(lambda: all(adapter.is_connected for adapter in adapters), 10.0)
        # Subscriptions follow the connection.
        time.sleep(0.3)
        script = Script()
        for number in range(30):
            shopping(script, VISIT_S * number, number + 1)
        nodes.publish(script.facts)
        wait_until(lambda: sum(box.count for box in boxes) >= len(script.facts), 20.0)
        time.sleep(0.2)
        given = Counter(one.payload for box in boxes for mail in box.mail for one in mail.messages)
        assert set(given.values()) == {1}
        assert len(given) == len(script.facts)
        assert min(box.count for box in boxes) > len(script.facts) // 6
    finally:
        nodes.close()
        for adapter in adapters:
            adapter.stop()


def wait_until(is_so: Callable[[], bool], timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.05)


@pytest.fixture
def acquirer() -> Acquirer:
    """Every fourth call loses its question, or its answer after it was done."""
    rng, lock = random.Random(5), threading.Lock()

    def fate(_: Call, __: str) -> Fate:
        with lock:
            is_lost = rng.random() < 0.25
            return rng.choice([Fate.LOST_QUESTION, Fate.LOST_ANSWER]) if is_lost else Fate.DONE

    return Acquirer(Terms("card"), time.time_ns, lambda _: 10**9, fate_of=fate)


@pytest.fixture
def gateways(
    mosquitto: Broker,
    postgres: Postgres,
    acquirer: Acquirer,
    tmp_path: Path,
    free_port: Callable[[], int],
) -> Iterator[list[GatewayProcess]]:
    address = postgres.fresh()
    found = [
        GatewayProcess(tmp_path / f"gw-{n}", mosquitto.port, free_port(), address)
        for n in range(GATEWAYS)
    ]
    with serving(acquirer, SECRET) as card:
        for gateway in found:
            gateway.write()
            use_card(gateway, card)
        config = str(found[0].config)
        added = found[0].cli("member", "add", "-c", config, "--name", "Mika", "--id", MIKA)
        assert added.returncode == 0, added.stderr
        for gateway in found:
            gateway.launch()
        for gateway in found:
            gateway.await_ready()
        yield found
        for gateway in found:
            if gateway.is_running:
                gateway.kill()


@dataclass
class Trouble:
    """What goes wrong while shoppers come and go; each in its turn, never two at once."""

    gateways: list[GatewayProcess]
    broker: Broker
    postgres: Postgres
    seen: Counter[str] = field(default_factory=Counter)

    def strike(self, number: int) -> None:
        match number % 3:
            case 0:
                gateway = self.gateways[number // 3 % len(self.gateways)]
                gateway.kill()
                gateway.launch()
                self.seen["gateway"] += 1
            case 1:
                self.postgres.restart()
                self.seen["database"] += 1
            case _:
                self.broker.kill()
                self.broker.start()
                self.seen["broker"] += 1


def open_for_business(nodes: Nodes, trouble: Trouble, count: int, strikes: int) -> list[VisitId]:
    """So many visits, each event sent one to five times in any order; trouble in between."""
    rng, script, visits = random.Random(count), Script(), []
    zero_ns = time.time_ns() - int((count + 2) * VISIT_S) * SECOND_NS
    every = max(count // strikes, 1)
    for number in range(count):
        told = len(script.facts)
        visits.append(shopping(script, number * VISIT_S, number + 1))
        facts = to_now(script.facts[told:], zero_ns)
        nodes.publish(facts)
        again = [fact.id for fact in facts for _ in range(rng.randint(0, 4))]
        rng.shuffle(again)
        for event in again:
            nodes.send(event)
        if number % 20 == 19:
            # A shop of this size has a visit in seconds; this is one in milliseconds.
            nodes.wait_acked(END_S)
            nodes.word(zero_ns + int((number + 1) * VISIT_S) * SECOND_NS)
        if number % every == every // 2:
            trouble.strike(trouble.seen.total())
    nodes.wait_acked(END_S)
    return visits


def await_settled(database: Database, nodes: Nodes, count: int) -> None:
    deadline_s = time.monotonic() + END_S + count / 5
    while (found := states(database)) != {"settled": count}:
        assert time.monotonic() < deadline_s, found
        nodes.word(time.time_ns())
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("count", "strikes"),
    [
        pytest.param(30, 6, id="30", marks=pytest.mark.timeout(900)),
        pytest.param(
            10_000, 60, id="10000", marks=[pytest.mark.long, pytest.mark.timeout(4 * 3600)]
        ),
    ],
)
def test_three_gateways_charge_each_visit_once_whatever_breaks(
    gateways: list[GatewayProcess],
    acquirer: Acquirer,
    mosquitto: Broker,
    postgres: Postgres,
    count: int,
    strikes: int,
    tmp_path: Path,
) -> None:
    nodes, trouble = Nodes(mosquitto.port), Trouble(gateways, mosquitto, postgres)
    try:
        visits = open_for_business(nodes, trouble, count, strikes)
        with books_of(gateways[0].database, tmp_path) as database:
            await_settled(database, nodes, count)
            check(database, acquirer, visits)
    finally:
        nodes.close()
    print(dict(trouble.seen))
    assert min(trouble.seen[what] for what in ("gateway", "database", "broker")) >= strikes // 3
    audited = gateways[0].cli("audit", "-c", str(gateways[0].config))
    assert audited.returncode == 0, audited.stdout + audited.stderr


def leader(database: Database) -> str:
    with database.reading.begin() as connection:
        row = connection.execute(select(tables.turn)).one()
    return str(row.leader)


@pytest.mark.timeout(300)
def test_a_leader_that_is_gone_is_followed(
    gateways: list[GatewayProcess], postgres: Postgres, tmp_path: Path
) -> None:
    with books_of(gateways[0].database, tmp_path) as database:
        wait_until(lambda: leader(database) != "", 20.0)
        first = leader(database)
        (leading,) = [one for one in gateways if first.endswith(f":{one.http_port}")]
        leading.kill()
        wait_until(lambda: leader(database) not in ("", first), 30.0)
        second = leader(database)
        assert any(second.endswith(f":{one.http_port}") for one in gateways if one.is_running)
        # The lease is a row: who led goes on leading when the database comes back.
        postgres.restart()
        with database.writing.begin() as connection:
            connection.execute(update(tables.turn).values(leads_until_ns=0))
        wait_until(lambda: leader(database) not in ("", first), 30.0)
        assert all(one.is_running for one in gateways if one is not leading)
