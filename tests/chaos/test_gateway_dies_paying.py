"""A real gateway is killed (-9) in every visit, at a named moment of its payment or at any.

The provider is its own process's neighbour: it sees each call come in, so it is what pulls the
trigger. Whatever it answered or did not, each shopper pays once and gets one receipt.
"""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import VisitId
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import Terms
from tebura_simulator.payments.acquirer import Acquirer, Fate
from tebura_simulator.payments.server import serving

from tests.conftest import Broker
from tests.gateway.nodes import GatewayProcess, Nodes, to_now
from tests.gateway.paying import SECRET, VISIT_S, books_of, check, shopping, states, use_card
from tests.gateway.shop import MIKA, Script

PATIENCE_S = 60.0
"""After this long without its moment a life is ended wherever it is."""
END_S = 120.0


class Moment(StrEnum):
    """When a life ends, seen from the provider."""

    ASKED = "asked"  # the question is lost with the gateway
    DONE = "done"  # the money has moved, and nobody hears of it
    ANSWERED = "answered"  # the answer is on its way into the database


MOMENTS = [(call, moment) for call in (Call.AUTHORIZE, Call.CAPTURE) for moment in Moment]


@dataclass
class Trigger:
    """Ends the gateway's life at a call it is waiting for; other calls now and then get lost."""

    rng: random.Random
    kill: Callable[[], None] = lambda: None
    armed: tuple[Call, Moment] | None = None
    pulled: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fate(self, call: Call, _: str) -> Fate:
        with self._lock:
            armed = self.armed
            if armed is None or armed[0] is not call:
                is_lost = self.rng.random() < 0.2
                lost = self.rng.choice([Fate.LOST_QUESTION, Fate.LOST_ANSWER])
                return lost if is_lost else Fate.DONE
            self.armed = None
            self.pulled[f"{call}-{armed[1]}"] += 1
        match armed[1]:
            case Moment.ASKED:
                self.kill()
                return Fate.LOST_QUESTION
            case Moment.DONE:
                self.kill()
                return Fate.LOST_ANSWER
            case Moment.ANSWERED:
                # An answer takes some milliseconds to be written down.
                threading.Timer(self.rng.uniform(0.0, 0.02), self.kill).start()
                return Fate.DONE


@pytest.fixture
def trigger() -> Trigger:
    return Trigger(random.Random(4))


@pytest.fixture
def acquirer(trigger: Trigger) -> Acquirer:
    return Acquirer(Terms("card"), time.time_ns, lambda _: 10**9, fate_of=trigger.fate)


@pytest.fixture
def gateway(
    mosquitto: Broker, acquirer: Acquirer, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[GatewayProcess]:
    found = GatewayProcess(tmp_path / "gw", mosquitto.port, free_port())
    found.write()
    with serving(acquirer, SECRET) as address:
        use_card(found, address)
        added = found.cli("member", "add", "-c", str(found.config), "--name", "Mika", "--id", MIKA)
        assert added.returncode == 0, added.stderr
        yield found
        if found.is_running:
            found.kill()


def lives(gateway: GatewayProcess, trigger: Trigger, port: int, count: int) -> list[VisitId]:
    """One visit a life, each life killed; then one to finish."""
    rng, script, visits = random.Random(count), Script(), []
    moments = itertools.cycle(MOMENTS)
    zero_ns = time.time_ns() - int((count + 2) * VISIT_S) * SECOND_NS
    trigger.kill = gateway.shoot
    nodes = Nodes(port)
    try:
        for number in range(count):
            told = len(script.facts)
            visits.append(shopping(script, number * VISIT_S, number + 1))
            # Every third life ends anywhere, the others at one of the moments in turn.
            if number % 3 == 2:
                trigger.armed = None
                gateway.start()
                ends_s = time.monotonic() + rng.uniform(0.0, 1.0)
            else:
                # It may come before the gateway serves: the visit before still has to be paid.
                trigger.armed = next(moments)
                gateway.launch()
                ends_s = time.monotonic() + PATIENCE_S
            nodes.publish(to_now(script.facts[told:], zero_ns))
            while gateway.is_running and time.monotonic() < ends_s:
                nodes.send_again()
                nodes.word(zero_ns + int((number + 1) * VISIT_S) * SECOND_NS)
                time.sleep(0.1)
            gateway.kill()
        trigger.armed = None
        gateway.start()
        nodes.wait_acked(END_S)
        await_settled(gateway, nodes, count)
    finally:
        nodes.close()
    return visits


def await_settled(gateway: GatewayProcess, nodes: Nodes, count: int) -> None:
    deadline_s = time.monotonic() + END_S
    with books_of(gateway.database, gateway.folder) as database:
        while (found := states(database)) != {"settled": count}:
            assert time.monotonic() < deadline_s, found
            nodes.word(time.time_ns())
            time.sleep(0.2)


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(20, id="20", marks=pytest.mark.timeout(600)),
        pytest.param(200, id="200", marks=[pytest.mark.long, pytest.mark.timeout(7200)]),
    ],
)
def test_a_gateway_that_is_killed_in_every_visit_charges_each_once(
    gateway: GatewayProcess, acquirer: Acquirer, trigger: Trigger, mosquitto: Broker, kills: int
) -> None:
    visits = lives(gateway, trigger, mosquitto.port, kills)
    print(dict(trigger.pulled))
    with books_of(gateway.database, gateway.folder) as database:
        check(database, acquirer, visits)
    audited = gateway.cli("audit", "-c", str(gateway.config))
    assert audited.returncode == 0, audited.stdout + audited.stderr
    for call, moment in MOMENTS:
        assert trigger.pulled[f"{call}-{moment}"], f"nobody died at {call} {moment}"
