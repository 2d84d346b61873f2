"""Whole nodes as real processes: a pseudo-terminal or a stream in, signed events out."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import encode
from tebura_contract.entry_code import make_code, member_key
from tebura_contract.envelope import open_envelope, parse
from tebura_contract.events import Event as Fact
from tebura_contract.events import (
    ItemPicked,
    NodeStarted,
    SensorChanged,
    SensorState,
    ShopperEntered,
)
from tebura_contract.messages import NodeState
from tebura_simulator.serial_line import SerialLine
from tebura_simulator.streams import CameraStreams

from tests.conftest import Broker
from tests.edge.small_store import (
    COUNTS_PER_G,
    ENTRY_KEY,
    GATE_NODE,
    MIKA,
    NODE_KEY,
    edge,
    run_edge,
    write_store,
)
from tests.edge.wire import STORE, TinyGateway, tiny_gateway


@dataclass
class Player:
    """Plays weights to a scale's line at 10 Hz, in its own thread, until it is stopped."""

    line: SerialLine
    grams: list[float] = field(default_factory=lambda: [1000.0, 1000.0])

    def __post_init__(self) -> None:
        self._stopping = Event()
        self._rng = np.random.default_rng(1)
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        began_s = time.monotonic()
        while not self._stopping.wait(0.1):
            counts = [
                round((gram + self._rng.normal(0, 0.4)) * COUNTS_PER_G) for gram in self.grams
            ]
            self.line.send(round((time.monotonic() - began_s) * 1e6), tuple(counts))

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


@pytest.fixture
def player(tmp_path: Path, mosquitto: Broker) -> Iterator[Player]:
    write_store(tmp_path, mosquitto.port)
    with SerialLine(tmp_path / "serial" / "left") as line:
        player = Player(line)
        yield player
        player.stop()


@contextmanager
def running(folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(edge("run", "-c", folder / f"{name}.toml"), stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def facts(gateway: TinyGateway) -> list[Fact]:
    """All events so far in order of their ids, signatures checked."""
    return [
        open_envelope(parse(gateway.raw[event_id]), NODE_KEY).event
        for event_id in sorted(gateway.raw)
    ]


def picks(gateway: TinyGateway) -> list[ItemPicked]:
    return [fact for fact in facts(gateway) if isinstance(fact, ItemPicked)]


def boots(gateway: TinyGateway) -> set[int]:
    return {event_id.boot for event_id in gateway.raw}


def entries(gateway: TinyGateway) -> list[ShopperEntered]:
    return [fact for fact in facts(gateway) if isinstance(fact, ShopperEntered)]


def sees(gateway: TinyGateway) -> bool:
    """Whether the newest boot's scale or camera said that it sees."""
    changes = [fact for fact in facts(gateway) if isinstance(fact, SensorChanged | NodeStarted)]
    return bool(changes) and (
        isinstance(changes[-1], SensorChanged) and changes[-1].state is SensorState.OK
    )


def settle(player: Player, gateway: TinyGateway) -> None:
    assert gateway.wait(sees), "the scale was never seen"
    time.sleep(2.5)


def is_seeing(fact: Fact) -> bool:
    return isinstance(fact, SensorChanged) and fact.state is SensorState.OK


def stored(outbox: Path) -> list[Fact]:
    """What a node keeps for a gateway that it cannot reach."""
    if not outbox.exists():
        return []
    with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute("SELECT sealed FROM event ORDER BY boot, seq").fetchall()
        except sqlite3.OperationalError:  # the node is just making it
            return []
    return [open_envelope(parse(sealed), NODE_KEY).event for (sealed,) in rows]


def soon(condition: Callable[[], bool], timeout_s: float = 20.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.1)
    return True


def log_lines(folder: Path, name: str) -> list[dict[str, object]]:
    text = (folder / f"{name}.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_pick_travels_from_the_line_to_the_gateway_and_the_watermark_passes_it(
    player: Player, tmp_path: Path, mosquitto: Broker
) -> None:
    with tiny_gateway(mosquitto.port) as gateway, running(tmp_path, "plates-1") as process:
        settle(player, gateway)
        taken_ns = time.time_ns()
        player.grams[1] -= 200.0
        assert gateway.wait(lambda g: bool(picks(g)), 10)
        (pick,) = picks(gateway)
        assert pick.delta_g == pytest.approx(-200, abs=2)
        assert pick.plates == ("g1/s1/p2",)
        assert pick.candidates[0].sku == "tea"
        assert abs(pick.from_ns - taken_ns) < SECOND_NS
        first = facts(gateway)[0]
        assert isinstance(first, NodeStarted)
        assert first.shelves == ("g1/s1",)
        assert first.last_alive_ns is None
        boot = max(event_id.boot for event_id in gateway.raw)
        last_seq = max(event_id.seq for event_id in gateway.raw)
        assert gateway.wait(
            lambda g: any(
                w.boot == boot and w.seq == last_seq and w.at_ns > pick.to_ns for w in g.watermarks
            ),
            5,
        )
        assert gateway.wait(lambda g: any(h.state is NodeState.ONLINE for h in g.healths))
        online = [h for h in gateway.healths if h.state is NodeState.ONLINE][-1]
        assert {part.name for part in online.parts} >= {"clock", "left", "outbox"}
        assert online.clock_uncertainty_ns < 200_000_000
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert gateway.wait(lambda g: g.healths[-1].state is NodeState.OFFLINE)
    lines = log_lines(tmp_path, "plates-1")
    assert [line["event"] for line in lines if line["event"] in ("started", "stopped")] == [
        "started",
        "stopped",
    ]


def test_a_node_killed_and_restarted_says_what_it_did_not_see_and_repeats_nothing(
    player: Player, tmp_path: Path, mosquitto: Broker
) -> None:
    with tiny_gateway(mosquitto.port) as gateway:
        with running(tmp_path, "plates-1") as process:
            settle(player, gateway)
            player.grams[0] -= 200.0
            assert gateway.wait(lambda g: len(picks(g)) == 1, 10)
            process.kill()
            process.wait(10)
        killed_ns = time.time_ns()
        assert gateway.wait(lambda g: g.healths[-1].state is NodeState.OFFLINE, 10), "last will"
        with running(tmp_path, "plates-1"):
            assert gateway.wait(lambda g: len(boots(g)) == 2)
            settle(player, gateway)
            player.grams[0] -= 200.0
            assert gateway.wait(lambda g: len(picks(g)) == 2, 10)
        assert len(picks(gateway)) == 2
        restarts = [fact for fact in facts(gateway) if isinstance(fact, NodeStarted)]
        alive_ns = restarts[1].last_alive_ns
        assert alive_ns is not None
        assert killed_ns - 4 * SECOND_NS < alive_ns <= killed_ns
        first, second = sorted(boots(gateway))
        assert second == first + 1


def test_without_a_broker_a_node_senses_on_and_tells_all_once_there_is_one(
    player: Player, tmp_path: Path, mosquitto: Broker
) -> None:
    mosquitto.kill()
    with running(tmp_path, "plates-1"):
        outbox = tmp_path / "state" / "plates-1" / "outbox.sqlite"
        assert soon(lambda: any(map(is_seeing, stored(outbox)))), "the scale was never seen"
        time.sleep(2.5)  # the plates come to rest
        player.grams[0] -= 200.0
        assert soon(lambda: any(isinstance(fact, ItemPicked) for fact in stored(outbox)))
        mosquitto.start()
        with tiny_gateway(mosquitto.port) as gateway:
            assert gateway.wait(lambda g: bool(picks(g)), 10)
            (pick,) = picks(gateway)
            assert pick.delta_g == pytest.approx(-200, abs=2)
            published = open_envelope(parse(gateway.raw[max(gateway.raw)]), NODE_KEY).published
            assert published.uncertainty_ns >= SECOND_NS, "an own clock is a doubtful clock"


def test_an_unplugged_scale_is_blind_within_its_deadline_and_sees_again(
    player: Player, tmp_path: Path, mosquitto: Broker
) -> None:
    with tiny_gateway(mosquitto.port) as gateway, running(tmp_path, "plates-1"):
        assert gateway.wait(sees)
        player.line.unplug()
        gone_s = time.monotonic()
        assert gateway.wait(lambda g: not sees(g), 5)
        assert time.monotonic() - gone_s < 3.0
        blind = facts(gateway)[-1]
        assert isinstance(blind, SensorChanged)
        assert (blind.sensor, blind.shelves) == ("left", ("g1/s1",))
        player.line.plug_in()
        assert gateway.wait(sees, 10)


def test_a_second_start_is_refused_and_names_the_first(
    player: Player, tmp_path: Path, mosquitto: Broker
) -> None:
    with tiny_gateway(mosquitto.port) as gateway, running(tmp_path, "plates-1") as process:
        assert gateway.wait(sees)
        second = run_edge("run", "--config", tmp_path / "plates-1.toml")
        assert second.returncode == 1
        assert f"in use by process {process.pid}" in second.stderr
        assert process.poll() is None


def qr_jpeg(text: str) -> bytes:
    code = cv2.QRCodeEncoder.create().encode(text)
    picture = np.full((360, 640, 3), 190, np.uint8)
    side = cv2.resize(code, (220, 220), interpolation=cv2.INTER_NEAREST)
    picture[70:290, 210:430] = cv2.cvtColor(side, cv2.COLOR_GRAY2BGR)
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def test_a_code_before_the_gates_camera_lets_its_member_in_once(
    tmp_path: Path, mosquitto: Broker
) -> None:
    with CameraStreams(("gate",)) as streams:
        write_store(tmp_path, mosquitto.port, streams.url("gate"))
        with tiny_gateway(mosquitto.port) as gateway, running(tmp_path, GATE_NODE):
            showing = Event()

            def show() -> None:
                while not showing.wait(0.1):
                    code = make_code(
                        member_key(ENTRY_KEY, STORE, MIKA), STORE, MIKA, time.time_ns()
                    )
                    streams.show("gate", qr_jpeg(code))

            thread = Thread(target=show)
            thread.start()
            try:
                assert gateway.wait(lambda g: bool(entries(g)), 20)
                time.sleep(2)
            finally:
                showing.set()
                thread.join()
            (entry,) = entries(gateway)
            assert (entry.member, entry.gate) == (MIKA, "door")
            assert gateway.wait(lambda g: any(w.at_ns > entry.at_ns for w in g.watermarks), 5), (
                "the gate's watermark goes on without codes"
            )
    log = (tmp_path / "gate-1.log").read_text()
    assert MIKA not in log, "who came is nobody's business but the gateway's"
    assert encode(entry)  # the fact itself names the member, signed


def empty(notify: socket.socket) -> int:
    """How many notes were waiting."""
    count = 0
    with suppress(BlockingIOError):
        while notify.recv(100):
            count += 1
    return count


def test_a_watchdog_is_fed_by_the_loop(
    player: Player, tmp_path: Path, mosquitto: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(15)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with running(tmp_path, "plates-1") as process:
            assert notify.recv(100) == b"READY=1"
            assert notify.recv(100) == b"WATCHDOG=1"
            # A loop that hangs feeds nothing.
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.3)
            notify.setblocking(False)
            empty(notify)
            time.sleep(1.5)
            assert empty(notify) == 0
