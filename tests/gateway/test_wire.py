"""Events to cart to receipt with everything real: broker, process, database, HTTP."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tebura_contract.messages import StepDecided, VisitOpened

from tests.conftest import Broker
from tests.gateway.nodes import GatewayProcess, Nodes, running, to_now
from tests.gateway.shop import MIKA, RICE, TEA, Script, candidate


@pytest.fixture
def gateway(
    mosquitto: Broker, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[GatewayProcess]:
    found = GatewayProcess(tmp_path / "gw", mosquitto.port, free_port())
    found.write()
    added = found.cli("member", "add", "-c", str(found.config), "--name", "Mika", "--id", MIKA)
    assert added.returncode == 0, added.stderr
    with running(found):
        yield found


@pytest.fixture
def nodes(mosquitto: Broker) -> Iterator[Nodes]:
    found = Nodes(mosquitto.port)
    yield found
    found.close()


def shopping() -> tuple[Script, str]:
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


def wait_for(check: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    deadline_s = time.monotonic() + timeout_s
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(0.05)


def visit_state(gateway: GatewayProcess, visit: str) -> str:
    found = gateway.get(f"/visits/{visit}")
    return str(found["stage"])


def test_a_scripted_visit_becomes_the_exact_receipt(gateway: GatewayProcess, nodes: Nodes) -> None:
    script, visit = shopping()
    zero_ns = time.time_ns() - 60 * 10**9
    nodes.publish(to_now(script.facts, zero_ns))
    nodes.wait_acked()
    nodes.word(time.time_ns())
    wait_for(lambda: visit_state(gateway, visit) == "settled")
    receipt = gateway.get(f"/receipts/{visit}")
    assert {line["sku"]: line["quantity"] for line in receipt["lines"]} == {
        TEA: 1,
        RICE: 1,
    }
    told = [command for _, command in nodes.commands]
    assert {c.quantity for c in told if isinstance(c, StepDecided) and c.sku == TEA} == {2, 1}
    assert any(isinstance(c, VisitOpened) and c.visit == visit for c in told)
