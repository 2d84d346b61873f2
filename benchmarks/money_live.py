"""The gateway over a real broker and real HTTP: how many events, how soon phone and receipt.

What a consumer costs that does nothing is measured beside it: paho as everybody uses it, quality of
service 1, the same broker and messages, each acknowledged, nothing else done; and the same once
more, read as the gateway reads.
"""

import gc
import json
import re
import secrets
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from money_shop import Told, chatter, free_port, shop_over
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from tebura_contract.ids import TrackId, VisitId
from tebura_contract.settings import MqttSettings
from tebura_contract.topics import Channel, subscription
from tebura_gateway.adapters.bulk_client import Acknowledges, Arrived, BulkClient
from tebura_gateway.adapters.database import migrate, open_database
from tebura_gateway.adapters.mqtt import MqttAdapter
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.domain.facts import Fact
from tebura_gateway.service.transaction import Tx
from timing import Row, paired

from tests.gateway.nodes import GatewayProcess, Nodes, moved, running
from tests.gateway.shop import EPOCH_NS, MIKA, STORE, TEA, Script, candidate

EVENTS, ROUNDS = 10_000, 7
SHOPPERS, PICKS, VISITS = 5, 60, 20
"""Baskets of sixty things: few hold more, and one more takes longest to judge."""
PICK_EVERY_S = 0.45
WORD_EVERY_S = 0.5
"""As the nodes say how far their word goes."""
PATIENCE_S = 60.0


def measured() -> list[Row]:
    """All live figures; none without Mosquitto."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        return []
    with _broker(program) as port:
        rows = consumed(port)
        with _gateway(port) as (gateway, nodes):
            rows += [phone(gateway, nodes), receipts(gateway, nodes)]
    return rows


@contextmanager
def _broker(program: str) -> Iterator[int]:
    """Mosquitto as the shop's: in-flight and queue limits of `systemd/mosquitto/tebura.conf`."""
    with tempfile.TemporaryDirectory(prefix="tebura-broker-") as folder:
        port, config = free_port(), Path(folder) / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            "max_queued_messages 20000\nmax_inflight_messages 1000\n"
        )
        process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
        _wait(lambda: _is_listening(port))
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def _is_listening(port: int) -> bool:
    probe = Client(CallbackAPIVersion.VERSION2)
    try:
        probe.connect("127.0.0.1", port)
    except OSError:
        return False
    probe.disconnect()
    return True


# ── events over the broker ──


@dataclass(frozen=True)
class _Took:
    """Of the wall clock, and of this process's processor time; microseconds an event."""

    wall_us: float
    cpu_us: float


@contextmanager
def _timed(found: list[_Took]) -> Iterator[None]:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    yield
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    found.append(_Took(wall_s / EVENTS * 1e6, cpu_s / EVENTS * 1e6))


def consumed(port: int) -> list[Row]:
    """What an event takes until it is acknowledged: by who does nothing with it, and by us."""
    told = chatter(EVENTS)
    # As the gateway does at its start: what is loaded by then is never garbage.
    gc.collect()
    gc.freeze()
    plain: list[_Took] = []
    bulk: list[_Took] = []
    ours: list[_Took] = []
    for _ in range(ROUNDS + 1):
        _idle(port, told, plain)
        _idle_in_bulk(port, told, bulk)
        _ours(port, told, ours)
    # The first round is thrown away.
    plain, bulk, ours = plain[1:], bulk[1:], ours[1:]
    by_wall = paired([t.wall_us for t in plain], [t.wall_us for t in ours])
    by_cpu = paired([t.cpu_us for t in plain], [t.cpu_us for t in ours])
    share = f"{by_wall:.0%} of paho doing nothing ({by_cpu:.0%} by cpu)"
    return [
        _row("tebura: an event over MQTT, for good", ours, share),
        _row("paho: a message taken and acknowledged", plain, "nothing done with it"),
        _row("the same, read as the gateway reads", bulk, "nothing done with it"),
    ]


def _row(name: str, took: list[_Took], note: str) -> Row:
    walls_us = [one.wall_us for one in took]
    median_us, cpu_us = statistics.median(walls_us), statistics.median(one.cpu_us for one in took)
    told = f"{1e6 / median_us:,.0f} events/s; cpu {cpu_us:.1f} µs; {note}"
    return Row("money", name, median_us, min(walls_us), max(walls_us), told)


def _idle(port: int, told: Told, found: list[_Took]) -> None:
    _fill(port, "idle", told)
    left, done = EVENTS, threading.Event()

    def received(client: Client, _: object, message: MQTTMessage) -> None:
        nonlocal left
        client.ack(message.mid, message.qos)
        left -= 1
        # The broker may say one again.
        if left <= 0:
            done.set()

    client = Client(
        CallbackAPIVersion.VERSION2, client_id="idle", clean_session=False, manual_ack=True
    )
    client.on_message = received
    _consume(client, port, done, found)


def _idle_in_bulk(port: int, told: Told, found: list[_Took]) -> None:
    _fill(port, "idle", told)
    left, done = EVENTS, threading.Event()

    def received(arrived: Sequence[Arrived], connection: Acknowledges) -> None:
        nonlocal left
        connection.acknowledge([one.number for one in arrived if one.number is not None])
        left -= len(arrived)
        # The broker may say one again.
        if left <= 0:
            done.set()

    _consume(BulkClient(received, "idle", clean_session=False), port, done, found)


def _consume(client: Client, port: int, done: threading.Event, found: list[_Took]) -> None:
    with _timed(found):
        client.connect_async("127.0.0.1", port)
        client.loop_start()
        assert done.wait(PATIENCE_S)
    client.disconnect()
    client.loop_stop()


def _ours(port: int, told: Told, found: list[_Took]) -> None:
    _fill(port, f"gateway-{STORE}", told)
    with tempfile.TemporaryDirectory(prefix="tebura-money-") as folder:
        database = open_database("sqlite:///gateway.db", Path(folder))
        migrate(database)

        done = threading.Event()

        def committed(tx: Tx) -> None:
            mqtt.after_commit(tx)
            with database.reading.connect() as connection:
                found = connection.exec_driver_sql("select count(*) from inbox").scalar()
            if found == EVENTS:
                done.set()

        def now_ns() -> int:
            return told.ends_ns

        mqtt = MqttAdapter(MqttSettings(host="127.0.0.1", port=port), STORE, now_ns)
        writer = Writer(database, shop_over(database), now_ns, committed, lambda _: None)
        writer.start()
        with _timed(found):
            mqtt.start(writer)
            assert done.wait(PATIENCE_S)
        mqtt.stop()
        writer.stop()
        database.dispose()


def _fill(port: int, consumer: str, told: Told) -> None:
    """Have the broker keep all messages for a consumer that is away."""
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id=consumer, clean_session=False)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe(subscription(Channel.EVENT, STORE), 1)
    assert subscribed.wait(PATIENCE_S)
    client.disconnect()
    client.loop_stop()
    sender = Client(CallbackAPIVersion.VERSION2)
    sender.connect("127.0.0.1", port)
    sender.loop_start()
    sent = [sender.publish(one.topic, one.payload, qos=1) for one in told.messages]
    _wait(lambda: all(one.is_published() for one in sent))
    sender.disconnect()
    sender.loop_stop()


# ── the phone and the receipt ──


@contextmanager
def _gateway(port: int) -> Iterator[tuple[GatewayProcess, Nodes]]:
    """A gateway of its own process, and nodes that say twice a second how far they are."""
    with tempfile.TemporaryDirectory(prefix="tebura-money-") as folder:
        gateway = GatewayProcess(Path(folder) / "gw", port, free_port())
        gateway.write()
        mika = ("--name", "Mika", "--id", MIKA, "--limit", "1000000")
        added = gateway.cli("member", "add", "-c", str(gateway.config), *mika)
        assert added.returncode == 0, added.stderr
        is_over = threading.Event()
        with running(gateway):
            nodes = Nodes(port)

            def talk() -> None:
                while not is_over.wait(WORD_EVERY_S):
                    nodes.word(time.time_ns())

            talking = threading.Thread(target=talk)
            talking.start()
            try:
                yield gateway, nodes
            finally:
                is_over.set()
                talking.join()
                nodes.close()


class _Shopper:
    """Walks in now, and says each thing as it happens."""

    def __init__(self, nodes: Nodes, script: Script, n: int) -> None:
        self._nodes, self._script, self._said = nodes, script, len(script.facts)
        self._track: TrackId = script.walk_in(n, -2.0)
        self.visit: VisitId = script.enter(MIKA, -1.0)
        self._publish()

    def take(self) -> None:
        self._script.reach(self._track, -0.9, 0.0)
        self._script.pick(-0.8, candidate(TEA))
        self._publish()

    def leave(self) -> None:
        self._script.cross(self._track, -0.2, is_inside=True)
        self._script.leave(MIKA, -0.1)
        self._script.end(self._track, 0.0)
        self._publish()

    def _publish(self) -> None:
        new: list[Fact] = self._script.facts[self._said :]
        self._said = len(self._script.facts)
        # The script's zero is now.
        self._nodes.publish([moved(fact, time.time_ns() - EPOCH_NS) for fact in new])


_SCRIPT = Script()
_ITEMS = re.compile(r"<span>(\d+) items?</span>")


def phone(gateway: GatewayProcess, nodes: Nodes) -> Row:
    """From a pick's event, published, to the phone's part that shows one piece more."""
    took_ms = [
        one_ms for number in range(SHOPPERS) for one_ms in _basket(gateway, nodes, 1 + number)
    ]
    return _late("a pick to the phone that shows it", took_ms)


def _basket(gateway: GatewayProcess, nodes: Nodes, n: int) -> list[float]:
    """Somebody who fills a basket and leaves: how long each piece took to be shown."""
    shopper = _Shopper(nodes, _SCRIPT, n)
    shown_s: dict[int, float] = {}
    is_over = threading.Event()

    def watch() -> None:
        with (
            httpx.Client(base_url=gateway.url, timeout=PATIENCE_S) as browser,
            _signed_in(gateway, browser).stream("GET", "/me/stream?lang=en") as stream,
        ):
            for line in stream.iter_lines():
                at_s = time.perf_counter()
                if line.startswith("data:") and (found := _ITEMS.search(_cart(line))):
                    shown_s.setdefault(int(found[1]), at_s)
                if is_over.is_set():
                    return

    watching = threading.Thread(target=watch)
    watching.start()
    # The empty cart: from then on the stream is open.
    _wait(lambda: 0 in shown_s)
    took_ms = []
    for number in range(1, PICKS + 1):
        time.sleep(PICK_EVERY_S * (0.5 + secrets.randbelow(1000) / 1000))
        began_s = time.perf_counter()
        shopper.take()
        _wait(partial(shown_s.__contains__, number), every_s=0.001)
        took_ms.append((shown_s[number] - began_s) * 1e3)
    is_over.set()
    shopper.leave()
    watching.join()
    _wait(partial(_has_receipt, gateway, shopper.visit))
    _leave_the_gate_free()
    return took_ms


def _cart(line: str) -> str:
    """What a part sent to the phone shows of the cart."""
    part = json.loads(line[5:])
    return str(part["html"]) if part["id"] == "now" else ""


def _leave_the_gate_free() -> None:
    """Nobody else is at the gate when one walks in."""
    time.sleep(4.0)


def receipts(gateway: GatewayProcess, nodes: Nodes) -> Row:
    """From the gate's word that a shopper left to a receipt that the API shows."""
    took_ms = []
    for number in range(VISITS):
        _leave_the_gate_free()
        shopper = _Shopper(nodes, _SCRIPT, 1 + SHOPPERS + number)
        time.sleep(1.0)
        shopper.take()
        time.sleep(1.0)
        began_s = time.perf_counter()
        shopper.leave()
        _wait(partial(_has_receipt, gateway, shopper.visit), every_s=0.02)
        took_ms.append((time.perf_counter() - began_s) * 1e3)
    return _late("from leaving to the receipt", took_ms)


def _has_receipt(gateway: GatewayProcess, visit: VisitId) -> bool:
    return any(one["visit"] == visit for one in gateway.get("/receipts"))


def _signed_in(gateway: GatewayProcess, browser: httpx.Client) -> httpx.Client:
    said = gateway.cli("member", "link", "-c", str(gateway.config), "--id", MIKA)
    (token,) = parse_qs(urlsplit(said.stdout.strip()).query)["token"]
    answer = browser.post("/sign-in", data={"token": token}, headers={"origin": gateway.url})
    assert answer.status_code == 303, answer.text
    return browser


def _late(name: str, took_ms: list[float]) -> Row:
    times = sorted(took_ms)
    p95, p99 = (times[min(len(times) - 1, int(len(times) * part))] for part in (0.95, 0.99))
    told = f"p95 {p95:.0f} ms, p99 {p99:.0f} ms, {len(times)} times"
    return Row("money", name, statistics.median(times) * 1e3, times[0] * 1e3, times[-1] * 1e3, told)


def _wait(check: Callable[[], bool], every_s: float = 0.05) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < deadline_s, "it never came"
        time.sleep(every_s)
