"""What it costs the gateway to take an event in for good, beside the database alone."""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tebura_contract.clock import Ns, StoreTime
from tebura_contract.envelope import seal
from tebura_contract.events import TrackStarted
from tebura_contract.ids import CameraId, EventId, NodeId, track_id
from tebura_contract.layout import Layout, load_layout
from tebura_contract.topics import Channel, topic
from tebura_gateway.adapters.database import migrate, open_database
from tebura_gateway.adapters.desk import Desk, Mail
from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.service.receiving import Inbound
from tebura_gateway.service.shop import Shop
from timing import Row, Suite

LAYOUT = Path(__file__).parents[1] / "simulator/tebura_simulator/demo/layout.toml"
KEY = b"k" * 32
START_NS = 1_800_000_000_000_000_000
EVENTS, BATCH, ROUNDS = 1_000, 500, 3


def _messages(layout: Layout) -> list[Inbound]:
    """People seen for the first time, one a second: sealed by their node, in order."""
    node: NodeId = layout.camera[0].node
    found = []
    for n in range(EVENTS):
        at = StoreTime(at_ns=Ns(START_NS + n * 1_000_000_000))
        event = TrackStarted(
            track=track_id(node, 1, n),
            camera=CameraId(layout.camera[0].label),
            at_ns=at.at_ns,
            foot_xy_m=(1.0, 1.0),
        )
        raw = seal(layout.store.id, EventId(node, 1, n), event, at, n, KEY)
        found.append(Inbound(topic(Channel.EVENT, layout.store.id, node), raw, len(raw)))
    return found


def _gateway(layout: Layout, messages: list[Inbound], folder: Path) -> float:
    """Seconds until all are checked, stored, judged and committed, in the writer's batches."""
    database = open_database("sqlite:///gateway.db", folder)
    migrate(database)
    shop = Shop(
        layout=layout,
        issuer=Issuer(name="benchmark", registration="T1234567890123"),
        node_keys=dict.fromkeys(layout.nodes(), KEY),
    )
    desk = Desk(
        database,
        shop,
        lambda: START_NS + EVENTS * 1_000_000_000,
        time.monotonic,
        on_commit=lambda _: None,
        on_call=lambda _: None,
    )
    desk.follow(desk.commit([]))
    began_s = time.perf_counter()
    for begin in range(0, EVENTS, BATCH):
        jobs = [Mail(one, lambda _: None) for one in messages[begin : begin + BATCH]]
        desk.follow(desk.commit(jobs))
    took_s = time.perf_counter() - began_s
    with database.reading.connect() as connection:
        stored = connection.exec_driver_sql("select count(*) from inbox").scalar()
    assert stored == EVENTS, f"{stored} of {EVENTS} were stored"
    database.dispose()
    return took_s


def _raw(messages: list[Inbound], folder: Path) -> float:
    """Seconds until the same bytes are in a table of the same database, nothing looked at."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "create table inbox (node text, boot, seq, envelope, primary key (node, boot, seq))"
    )
    began_s = time.perf_counter()
    for begin in range(0, EVENTS, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "insert into inbox values ('node', 1, ?, ?)",
            [(begin + n, one.payload) for n, one in enumerate(messages[begin : begin + BATCH])],
        )
        connection.execute("COMMIT")
    took_s = time.perf_counter() - began_s
    connection.close()
    return took_s


def _rounds(work: Callable[[Path], float]) -> list[float]:
    """Microseconds an event, each round in a folder of its own; the first is thrown away."""
    found = []
    for _ in range(ROUNDS + 1):
        with tempfile.TemporaryDirectory(prefix="tebura-money-") as folder:
            found.append(work(Path(folder)) / EVENTS * 1e6)
    return sorted(found[1:])


def run() -> list[Row]:
    """Measure both on the same messages."""
    layout = load_layout(LAYOUT)
    messages = _messages(layout)
    ours = _rounds(lambda folder: _gateway(layout, messages, folder))
    raw = _rounds(lambda folder: _raw(messages, folder))
    share = statistics.median(raw) / statistics.median(ours)
    rows = []
    for name, rounds_us, note in (
        ("tebura: an event checked, stored, judged", ours, f"{share:.0%} of raw inserts"),
        ("sqlite3: the same bytes inserted", raw, f"batches of {BATCH}, WAL, FULL"),
    ):
        median_us = statistics.median(rounds_us)
        told = f"{1e6 / median_us:,.0f} events/s; {note}"
        rows.append(Row("money", name, median_us, rounds_us[0], rounds_us[-1], told))
    return rows


SUITE = Suite("money", "what does it cost to take an event in for good?", run)
