"""Events to cart to receipt with everything real: broker, process, database, HTTP."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tebura_contract.ids import VisitId
from tebura_contract.messages import ClockAnswer, StepDecided, VisitOpened

from tests.conftest import Broker, wait_until_listening
from tests.gateway.nodes import GatewayProcess, Nodes, running, sealed, to_now
from tests.gateway.shop import GATE, MIKA, PLATES, RICE, TEA, Script, candidate


@pytest.fixture(params=["mosquitto", "embedded"])
def broker_port(request: pytest.FixtureRequest, free_port: Callable[[], int]) -> Iterator[int]:
    """A broker: the shop's, or the one inside the package."""
    if request.param == "mosquitto":
        broker: Broker = request.getfixturevalue("mosquitto")
        yield broker.port
        return
    port = free_port()
    command = [sys.executable, "-m", "tebura_simulator.broker", "--port", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_until_listening(port, process)
    yield port
    process.kill()
    process.wait(5.0)


@pytest.fixture
def gateway(
    broker_port: int, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[GatewayProcess]:
    found = GatewayProcess(tmp_path / "gw", broker_port, free_port())
    found.write()
    added = found.cli("member", "add", "-c", str(found.config), "--name", "Mika", "--id", MIKA)
    assert added.returncode == 0, added.stderr
    with running(found):
        yield found


@pytest.fixture
def nodes(broker_port: int) -> Iterator[Nodes]:
    found = Nodes(broker_port)
    yield found
    found.close()


def shopping() -> tuple[Script, VisitId]:
    """In, two teas and a rice ball, one tea back, out: 40 seconds."""
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5, candidate(TEA, 2))
    script.reach(track, 15.0, 16.5, x_m=0.75)
    script.pick(15.5, candidate(RICE), plate="p2")
    script.reach(track, 20.0, 21.5)
    script.put_back(20.5, candidate(TEA))
    script.walk_out(track, 30.0)
    return script, visit


def wait_for(check: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    deadline_s = time.monotonic() + timeout_s
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.05)


def stage(gateway: GatewayProcess, visit: VisitId) -> str:
    """Where a visit stands; empty as long as its entry is stored but not judged yet."""
    found = {one["id"]: one["stage"] for one in gateway.get("/visits")}
    return str(found.get(visit, ""))


def bought(gateway: GatewayProcess, visit: VisitId) -> dict[str, int]:
    lines = gateway.get(f"/receipts/{visit}")["lines"]
    return {line["sku"]: line["quantity"] for line in lines}


def rows(gateway: GatewayProcess, query: str) -> list[Any]:
    with closing(sqlite3.connect(gateway.folder / "gateway.db")) as connection:
        return connection.execute(query).fetchall()


def test_a_scripted_visit_becomes_the_exact_receipt(gateway: GatewayProcess, nodes: Nodes) -> None:
    script, visit = shopping()
    nodes.publish(to_now(script.facts, time.time_ns() - 60 * 10**9))
    nodes.wait_acked()
    nodes.word(time.time_ns())
    wait_for(lambda: stage(gateway, visit) == "settled")
    assert bought(gateway, visit) == {TEA: 1, RICE: 1}

    def told() -> bool:
        steps = [c for _, c in nodes.commands if isinstance(c, StepDecided)]
        opened = [c.visit for _, c in nodes.commands if isinstance(c, VisitOpened)]
        return len(steps) == 3 and opened == [visit]

    wait_for(told)
    asked_ns = time.time_ns()
    nodes.ask_clock(GATE)
    answer = wait_for(lambda: [c for _, c in nodes.commands if isinstance(c, ClockAnswer)])[0]
    assert asked_ns <= answer.received_store_ns <= answer.answered_store_ns <= time.time_ns()
    wait_for(lambda: rows(gateway, "select count(*) from command") == [(0,)])


@pytest.mark.parametrize("broker_port", ["mosquitto"], indirect=True)
def test_a_file_of_events_is_played_to_its_receipt(
    gateway: GatewayProcess, require_file: Callable[[Path], Path]
) -> None:
    file = require_file(Path(__file__).parent / "data" / "two-teas-one-back.json")
    said = gateway.cli("events", str(file), "-c", str(gateway.config))
    assert said.returncode == 0, said.stderr
    (receipt,) = wait_for(lambda: gateway.get("/receipts"))
    assert {line["sku"]: line["quantity"] for line in receipt["lines"]} == {TEA: 1, RICE: 1}
    assert rows(gateway, "select total_minor from receipt") == [(267,)]
    assert gateway.get("/reviews") == []
    file = tmp_file(gateway, '[{"node": "gate-1", "event": {"kind": "no-such"}}]')
    refused = gateway.cli("events", str(file), "-c", str(gateway.config))
    assert refused.returncode == 2
    assert "no-such" in refused.stderr


def tmp_file(gateway: GatewayProcess, text: str) -> Path:
    path = gateway.folder / "events.json"
    path.write_text(text)
    return path


@pytest.mark.parametrize("broker_port", ["mosquitto"], indirect=True)
def test_a_gateway_and_a_broker_killed_in_mid_visit_lose_and_repeat_nothing(
    gateway: GatewayProcess, nodes: Nodes, mosquitto: Broker
) -> None:
    script, visit = shopping()
    facts = to_now(script.facts, time.time_ns() - 60 * 10**9)
    nodes.publish(facts[:6])
    # Some of them stored, some on the way.
    wait_for(lambda: nodes.acked)
    gateway.kill()
    nodes.publish(facts[6:10])
    gateway.start()
    mosquitto.kill()
    nodes.publish(facts[10:])
    mosquitto.start()
    nodes.wait_acked(30.0)
    nodes.word(time.time_ns())
    wait_for(lambda: stage(gateway, visit) == "settled")
    gateway.kill()
    gateway.start()
    nodes.publish(facts)
    nodes.wait_acked()
    assert bought(gateway, visit) == {TEA: 1, RICE: 1}
    assert rows(gateway, "select count(*) from inbox") == [(len(facts),)]
    assert rows(gateway, "select number from receipt") == [(1,)]
    assert rows(gateway, "select count(*) from house_account_entry where kind='capture'") == [(1,)]
    assert rows(gateway, "select sum(amount_minor) from ledger_entry") == [(0,)]
    second = gateway.cli("run", "-c", str(gateway.config))
    assert second.returncode == 2
    assert gateway.process is not None
    assert str(gateway.process.pid) in second.stderr
    # Another store on the same address is refused as clearly.
    text = gateway.config.read_text().replace("gateway.db", "other.db")
    (gateway.folder / "other.toml").write_text(text)
    other = gateway.cli("run", "-c", str(gateway.folder / "other.toml"))
    assert other.returncode == 2
    assert f"127.0.0.1:{gateway.http_port}" in other.stderr
    assert gateway.stop() == 0


@pytest.mark.parametrize("broker_port", ["mosquitto"], indirect=True)
def test_bad_input_is_kept_for_staff_and_stops_nothing(
    gateway: GatewayProcess, nodes: Nodes
) -> None:
    script, visit = shopping()
    zero_ns = time.time_ns() - 60 * 10**9
    (tomorrow,) = to_now([script.pick(86_400.0)], zero_ns)
    facts = to_now(script.facts, zero_ns)
    nodes.raw(GATE, sealed(facts[0], key=b"y" * 32))
    nodes.raw(PLATES, b"x" * 2_000_000)
    nodes.raw(PLATES, b'{"specversion": NaN}')
    nodes.publish(facts)
    nodes.wait_acked()
    nodes.word(time.time_ns())
    wait_for(lambda: stage(gateway, visit) == "settled")
    assert bought(gateway, visit) == {TEA: 1, RICE: 1}
    reasons = rows(gateway, "select reason, size_bytes from dead_letter order by id")
    assert [reason for reason, _ in reasons] == ["wrong-topic", "oversize", "malformed"]
    assert reasons[1][1] == 2_000_000
    assert rows(gateway, "select flags, seq from inbox where flags <> ''") == [
        ("future", tomorrow.id.seq)
    ]
    (review,) = gateway.get("/reviews")
    assert review["event"] == str(tomorrow.id)


def test_a_wrong_configuration_stops_the_start_and_names_every_place(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path / "gw", 1883, 8080)
    gateway.write()
    assert gateway.cli("run", "--check", "-c", str(gateway.config)).returncode == 0
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("T1234567890123", "T12"))
    said = gateway.cli("run", "--check", "-c", str(gateway.config))
    assert said.returncode == 2
    assert "invoice.registration: 'T12'" in said.stderr
    text = text.replace('issuer = "', 'issuer = 7 # "')
    gateway.config.write_text(text + "colour = 1\n[judgement]\nthreshhold = 0.9\n")
    said = gateway.cli("run", "--check", "-c", str(gateway.config))
    assert said.returncode == 2
    for place in ("invoice.issuer", "invoice.colour", "judgement.threshhold", "threshold"):
        assert place in said.stderr
    gateway.write_config()
    (gateway.folder / "keys" / f"{PLATES}.key").write_text("short")
    said = gateway.cli("run", "-c", str(gateway.config))
    assert said.returncode == 2
    assert f"{PLATES}.key" in said.stderr
