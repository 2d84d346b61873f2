"""A node whose disk is full: it stops sensing, says so, and goes on without a gap afterwards."""

import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import SensorChanged, SensorState
from tebura_contract.messages import Health
from tebura_simulator.serial_line import SerialLine

from tests.conftest import Broker
from tests.edge.small_store import edge, write_store
from tests.edge.test_node import Player, facts, picks, settle
from tests.edge.wire import TinyGateway, tiny_gateway

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def player(tmp_path: Path, mosquitto: Broker) -> Iterator[Player]:
    write_store(tmp_path, mosquitto.port)
    with SerialLine(tmp_path / "serial" / "left") as line:
        player = Player(line)
        yield player
        player.stop()


def outbox_states(health: Health) -> set[SensorState]:
    return {part.state for part in health.parts if part.name == "outbox"}


def test_a_full_disk_stops_sensing_and_is_said_and_nothing_is_lost_or_repeated(
    player: Player, tmp_path: Path, mosquitto: Broker
) -> None:
    process = subprocess.Popen(
        edge("run", "-c", tmp_path / "plates-1.toml"), stderr=subprocess.DEVNULL
    )
    try:
        with tiny_gateway(mosquitto.port) as gateway:
            settle(player, gateway)
            # No file may grow: the same failure as a disk without room.
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            full_ns = time.time_ns()
            player.grams[0] -= 200.0
            assert gateway.wait(lambda g: outbox_states(g.healths[-1]) == {SensorState.BLIND}, 8), (
                "a full disk is told"
            )
            time.sleep(2)
            assert not picks(gateway)
            promised_ns = max(int(w.at_ns) for w in gateway.watermarks)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, UNLIMITED)
            assert gateway.wait(lambda g: bool(picks(g)), 10)
            assert gateway.wait(lambda g: outbox_states(g.healths[-1]) == {SensorState.OK}, 10)
            player.grams[0] -= 200.0
            assert gateway.wait(lambda g: len(picks(g)) == 2, 10)
            assert promised_ns <= picks(gateway)[0].from_ns, "a promise was broken"
            assert_blind_meanwhile(gateway, full_ns)
            seqs = sorted(event_id.seq for event_id in gateway.raw)
            assert seqs == list(range(len(seqs)))
            assert process.poll() is None
    finally:
        process.kill()
        process.wait(10)


def assert_blind_meanwhile(gateway: TinyGateway, full_ns: int) -> None:
    blind = [
        fact
        for fact in facts(gateway)
        if isinstance(fact, SensorChanged) and fact.reason == "outbox could not be written"
    ]
    assert [fact.sensor for fact in blind] == ["left"]
    assert abs(blind[0].since_ns - full_ns) < 5 * SECOND_NS
