"""Messages to programs outside: queued with their fact, signed, sent until taken or given up."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.api_tables import delivery
from tebura_gateway.adapters.courier import Courier, Send, post
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.domain.webhook import (
    LAST_WAIT_NS,
    MAX_TRIES,
    TOLERANCE_S,
    headers,
    secret_of,
    shown_secret,
    wait_ns,
)
from tebura_gateway.service import outgoing, refunding, stock
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.outgoing import Heard, Outgoing
from tebura_gateway.service.requests import FacingCount, Refused
from tebura_gateway.service.reviews import close, open_review
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core, shop
from tests.gateway.nodes import GatewayProcess
from tests.gateway.shop import MIKA, STORE, TEA, Script, ns

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
MASTER = b"m" * 32
URL = "https://shop.example/tebura"
ALL = ("receipt.issued", "refund.done", "review.opened", "review.closed", "stock.changed")
README = Path(__file__).resolve().parents[2] / "gateway" / "README.md"


def add(core: Core, *kinds: str, url: str = URL) -> str:
    return core.do(lambda tx, _: outgoing.add(tx, url, kinds or ALL)).id


def tell(core: Core, work: Callable[[Tx, Memory], Any]) -> int:
    """A transaction as the writer ends it; how many messages it queued."""

    def done(tx: Tx, memory: Memory) -> int:
        work(tx, memory)
        return outgoing.queue(tx)

    return core.do(done)


def count(pieces: int) -> Callable[[Tx, Memory], None]:
    """Staff count the first facing: the simplest fact there is."""

    def work(tx: Tx, _: Memory) -> None:
        facing = next(iter(tx.layout.facings()))
        stock.count(tx, FacingCount(facing=facing, count=pieces), "staff")

    return work


def queued(core: Core, **where: Any) -> list[Any]:
    return sorted(core.rows(delivery, **where), key=lambda row: (row.created_ns, row.message))


def data_of(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.body)["data"]
    return found


def settle(core: Core) -> VisitId:
    """A visit that took a tea and paid for it."""
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    script.walk_out(track, 30.0)
    core.hear(script.facts)
    core.word(90.0)
    core.pay()
    return visit


@BOTH
def test_a_receipt_and_its_refund_are_told_once_each(core: Core) -> None:
    add(core)
    visit = settle(core)
    for _ in range(2):
        tell(core, lambda tx, _: tx.note("receipt", visit))
    core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "stale", "staff"))
    (asked,) = core.rows(tables.refund)
    assert tell(core, lambda tx, _: tx.note("refund", asked.refund)) == 0, "not done yet"
    core.pay()
    tell(core, lambda tx, _: tx.note("refund", asked.refund))
    told = {row.kind: data_of(row) for row in queued(core)}
    (receipt,) = core.rows(tables.receipt)
    assert told["receipt.issued"] == {
        "kind": "receipt.issued",
        "number": 1,
        "visit": visit,
        "total_minor": receipt.total_minor,
        "currency": "JPY",
    }
    assert told["refund.done"]["amount_minor"] == receipt.total_minor
    assert len(queued(core)) == 2
    assert MIKA not in str([row.body for row in queued(core)]), "people are told to nobody"


def test_a_review_is_told_when_it_opens_and_when_it_closes(core: Core) -> None:
    add(core, "review.opened", "review.closed")

    def ask(tx: Tx, _: Memory) -> None:
        open_review(tx, "event:gate-1/1-7", reason="future", risk_minor=300)

    tell(core, ask)
    core.now_s += 5.0
    assert tell(core, ask) == 0, "what is asked already is no news"
    tell(core, lambda tx, _: close(tx, "event:gate-1/1-7", "accept", "staff"))
    opened, closed = queued(core)
    assert data_of(opened)["risk_minor"] == 300
    assert data_of(closed) == {
        "kind": "review.closed",
        "review": "event:gate-1/1-7",
        "outcome": "accept",
    }


def test_each_webhook_is_told_what_it_asked_for(core: Core) -> None:
    one, other = add(core, "stock.changed"), add(core, "receipt.issued")
    tell(core, count(7))
    assert [row.webhook for row in queued(core)] == [one]
    core.do(lambda tx, _: outgoing.end(tx, one))
    core.now_s += 1.0
    assert tell(core, count(8)) == 0
    assert queued(core, webhook=other) == []
    assert [row.state for row in queued(core)] == ["dead"], "nobody waits for it any more"


def test_a_fact_that_is_undone_tells_nothing(core: Core) -> None:
    add(core)

    def undone(tx: Tx, memory: Memory) -> None:
        count(7)(tx, memory)
        assert outgoing.queue(tx) == 1
        raise KeyError("the process dies here")

    with pytest.raises(KeyError):
        core.do(undone)
    core.memory = None
    assert queued(core) == []


@BOTH
def test_a_receiver_that_fails_is_tried_ever_more_rarely_and_then_given_up(core: Core) -> None:
    name = add(core)
    tell(core, count(7))
    began_s, at_s = core.now_s, []
    for _ in range(1000):
        (row,) = queued(core)
        if row.next_try_ns is None:
            break
        core.now_s = (row.next_try_ns - int(ns(0.0))) / SECOND_NS
        at_s.append(core.now_s - began_s)
        with core.database.reading.connect() as connection:
            (sent,) = outgoing.due(connection, STORE, row.next_try_ns, ())
            assert outgoing.due(connection, STORE, row.next_try_ns - 1, ()) == []
            assert outgoing.due(connection, STORE, row.next_try_ns, [name]) == []
        answer(core, sent, Heard(status=500))
    (row,) = queued(core)
    assert (row.state, row.tries, row.answer) == ("dead", MAX_TRIES, "500")
    waits_s = [b - a for a, b in pairwise(at_s)]
    assert all(4.0 <= wait_s <= 1.2 * LAST_WAIT_NS / SECOND_NS for wait_s in waits_s)
    assert waits_s[8] > 100 * waits_s[0]
    assert 10 * 3600 < at_s[-1] < 24 * 3600
    assert core.do(lambda tx, _: outgoing.replay(tx, name, None)) == 1
    with core.database.reading.connect() as connection:
        (again,) = outgoing.due(connection, STORE, core.now_ns, ())
    assert again == sent, "the same message under the same id"
    answer(core, again, Heard(status=204))
    assert [row.state for row in queued(core)] == ["done"]
    core.do(lambda tx, _: outgoing.replay(tx, name, again.message))
    assert [row.state for row in queued(core)] == ["waiting"]


def answer(core: Core, sent: Outgoing, heard: Heard) -> None:
    core.do(lambda tx, _: outgoing.answered(tx, sent, heard))


def test_a_receiver_that_is_gone_is_told_nothing_more(core: Core) -> None:
    name = add(core)
    tell(core, count(7))
    with core.database.reading.connect() as connection:
        (sent,) = outgoing.due(connection, STORE, core.now_ns, ())
    answer(core, sent, Heard(status=410))
    core.now_s += 1.0
    assert tell(core, count(8)) == 0
    with pytest.raises(Refused):
        core.do(lambda tx, _: outgoing.replay(tx, name, None))


def test_nobody_is_told_more_than_the_bound(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "MAX_WAITING", 3)
    add(core)
    for pieces in range(5):
        core.now_s += 1.0
        tell(core, count(pieces))
    assert len(queued(core)) == 3


def test_waits_are_spread_so_that_receivers_come_back_to_no_crowd() -> None:
    waits_ns = {wait_ns("wh-1", f"receipt.issued:{n}", 5) for n in range(100)}
    assert len(waits_ns) > 90
    assert max(waits_ns) < 1.6 * min(waits_ns)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "ftp://shop.example/",
        "https://",
        "https://user:pw@shop.example/",
        "https://shop.example/#x",
        "https://shop.example/ x",
        "https://shop.example:port/",
        "https://[::1",
        "https://shöp.example/",
        "https://shop.example/" + "x" * 500,
        "",
    ],
)
def test_an_address_that_makes_no_sense_is_refused(core: Core, url: str) -> None:
    with pytest.raises(Refused):
        add(core, url=url)


def test_a_kind_that_nobody_tells_is_refused(core: Core) -> None:
    with pytest.raises(Refused, match=r"receipt\.issued"):
        add(core, "visit.opened")


# The receiver's side, as the README has it.


@pytest.fixture(scope="module")
def check() -> Callable[..., dict[str, Any] | None]:
    """The function of the README's example, as it stands there."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "webhook-signature" in block]
    space: dict[str, Any] = {}
    exec(example, space)
    found: Callable[..., dict[str, Any] | None] = space["take_message"]
    return found


def test_the_example_of_the_readme_takes_what_is_ours_and_once(
    check: Callable[..., dict[str, Any] | None],
) -> None:
    secret, body, at_s = secret_of(MASTER, "wh-1"), b'{"id": "a:1"}', 1_800_000_000
    fields = headers(secret, "a:1", at_s, body)
    shown = shown_secret(secret)
    seen: set[str] = set()
    assert check(shown, fields, body, at_s + 2, seen) == {"id": "a:1"}
    assert check(shown, fields, body, at_s + 3, seen) is None, "a repetition"
    forged = [
        (shown_secret(secret_of(MASTER, "wh-2")), fields, body, at_s),
        (shown, fields, body + b" ", at_s),
        (shown, {**fields, "webhook-id": "a:2"}, body, at_s),
        (shown, {**fields, "webhook-timestamp": str(at_s + 1)}, body, at_s),
        (shown, {**fields, "webhook-signature": "v1,"}, body, at_s),
        (shown, fields, body, at_s + TOLERANCE_S + 1),
        (shown, fields, body, at_s - TOLERANCE_S - 1),
    ]
    for wrong in forged:
        with pytest.raises(ValueError):
            check(*wrong, set())


@dataclass
class Receiver:
    """An HTTP server that answers as it is told: a status, or seconds of silence before it."""

    plan: list[int | float] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def answer_to(self, fields: dict[str, str], body: bytes) -> int:
        self.taken.append((fields, body))
        planned = self.plan.pop(0) if self.plan else 200
        if isinstance(planned, float):
            time.sleep(planned)
            return 200
        return planned


@contextmanager
def receiving(*plan: int | float) -> Iterator[Receiver]:
    receiver = Receiver(list(plan))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.answer_to({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Line:
    """Writer and courier over a database, on a clock that a test may turn."""

    core: Core
    writer: Writer
    courier: Courier

    def tell(self, pieces: int) -> None:
        self.core.now_s += 1.0
        self.writer.call(count(pieces))
        self.courier.wake()

    def wait(self, check: Callable[[], bool], hurry_s: float = 0.0) -> None:
        for _ in range(200):
            if check():
                return
            self.core.now_s += hurry_s
            self.courier.wake()
            time.sleep(0.05)
        raise AssertionError("it never came")


@contextmanager
def line(core: Core, send: Send = post) -> Iterator[Line]:
    courier = Courier(core.database.reading, STORE, MASTER, lambda: core.now_ns, send)
    writer = Writer(
        core.database,
        shop(core.provider),
        lambda: core.now_ns,
        on_commit=lambda _: courier.wake(),
        on_call=lambda _: None,
    )
    writer.start()
    courier.start(writer)
    try:
        yield Line(core, writer, courier)
    finally:
        courier.stop()
        writer.stop()


def test_what_was_counted_reaches_the_receiver_signed(
    core: Core, check: Callable[..., dict[str, Any] | None]
) -> None:
    with receiving() as receiver, line(core) as sending:
        name = add(core, url=receiver.url)
        core.memory = None
        sending.tell(7)
        sending.wait(lambda: [row.state for row in queued(core)] == ["done"])
        ((fields, body),) = receiver.taken
    shown = shown_secret(secret_of(MASTER, name))
    message = check(shown, fields, body, core.now_ns // SECOND_NS, set())
    assert message is not None
    assert (message["type"], message["source"]) == ("tebura.v1.stock.changed", f"/{STORE}")
    assert message["data"]["expected"] == 7
    assert fields["content-type"] == "application/cloudevents+json"


def test_a_receiver_that_fails_gets_the_same_message_again(core: Core) -> None:
    with receiving(500, 302, 200) as receiver, line(core) as sending:
        add(core, url=receiver.url)
        sending.tell(7)
        sending.wait(lambda: [r.state for r in queued(core)] == ["done"], hurry_s=2.0)
        bodies = [body for _, body in receiver.taken]
        ids = {fields["webhook-id"] for fields, _ in receiver.taken}
    assert len(bodies) == 3, "a redirect is no answer, and is not followed"
    assert len(set(bodies)) == len(ids) == 1


def test_a_slow_receiver_keeps_nobody_else_waiting(core: Core) -> None:
    let_go, told = threading.Event(), []

    def send(url: str, body: bytes, fields: dict[str, str]) -> Heard:
        if url.endswith("/slow"):
            let_go.wait(10.0)
        told.append(url)
        return Heard(status=200)

    with line(core, send) as sending:
        for n in range(2):
            add(core, url=f"https://shop{n}.example/slow")
        add(core, url="https://shop.example/fast")
        for pieces in range(3):
            sending.tell(pieces)
        sending.wait(lambda: told.count("https://shop.example/fast") == 3)
        assert not [url for url in told if url.endswith("/slow")]
        let_go.set()
        sending.wait(lambda: len(told) == 9)


def test_silence_is_no_answer(core: Core) -> None:
    with receiving(0.5) as receiver:
        heard = post(receiver.url, b"{}", {"webhook-id": "1"}, timeout_s=0.1)
        assert heard.status is None
        assert heard.detail == "TimeoutError"
    assert post("http://127.0.0.1:9/x", b"{}", {}, timeout_s=1.0).status is None


def test_what_was_sent_but_not_noted_is_sent_again_under_the_same_id(core: Core) -> None:
    sent: list[str] = []

    def send(url: str, body: bytes, fields: dict[str, str]) -> Heard:
        sent.append(fields["webhook-id"])
        return Heard(status=200)

    add(core)
    tell(core, count(7))
    courier = Courier(core.database.reading, STORE, MASTER, lambda: core.now_ns, send)
    # The process dies between the receiver's answer and its being noted.
    courier._send(URL, b"{}", {"webhook-id": queued(core)[0].message})
    courier.stop()
    with line(core, send) as sending:
        sending.wait(lambda: [row.state for row in queued(core)] == ["done"])
    assert len(sent) == 2
    assert len(set(sent)) == 1


def test_webhooks_are_kept_from_the_shell(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path / "gw", 1883, 8080)
    gateway.write()

    def webhook(*arguments: str) -> Any:
        return gateway.cli("webhook", *arguments, "-c", str(gateway.config))

    added = webhook("add", URL, "--kind", "receipt.issued")
    assert added.returncode == 0, added.stderr
    name, secret = added.stdout.split()
    assert secret.startswith("whsec_")
    assert secret.encode() not in (gateway.folder / "gateway.db").read_bytes()
    assert json.loads(webhook("list", "--json").stdout)["kinds"] == ["receipt.issued"]
    assert webhook("replay", name).stdout.startswith("0 ")
    assert webhook("end", name).returncode == 0
    assert webhook("replay", name).returncode == 2
    assert webhook("add", "http://shop.example/", "--kind", "receipt.issued").returncode == 2
