"""The acquirer over HTTP, as a shop's bridge: `python -m tebura_simulator.payments.server`."""

import argparse
import random
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId
from tebura_contract.money import Money
from tebura_gateway.adapters.bridge import (
    KEY,
    SIGNATURE,
    EnrolmentOrder,
    Order,
    Outcome,
    is_signed,
)
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import About, Answer, Approved, NoAnswer, ProviderCall, Terms

from tebura_simulator.payments.acquirer import Acquirer, Fate
from tebura_simulator.payments.enrolments import Enrolments

MOST_BYTES = 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    """One request; a call that is lost gets no answer at all, its connection just ends."""

    acquirer: Acquirer
    enrolments: Enrolments
    secret: bytes

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), MOST_BYTES))
        key = self.headers.get(KEY, "")
        if not self._is_allowed(body, key):
            return
        if self.path.endswith("/enrolments"):
            begun = self.enrolments.begin(msgspec.json.decode(body, type=EnrolmentOrder))
            self._say(200, msgspec.json.encode(begun))
            return
        order = msgspec.json.decode(body, type=Order)
        account, hold = MemberId(order.account), order.refers_to or None
        amount = Money(order.amount_minor, order.currency or "JPY")
        acts: dict[str, Callable[[], Answer]] = {
            "authorizations": lambda: self.acquirer.authorize(key, account, amount),
            "captures": lambda: self.acquirer.capture(key, account, amount, hold),
            "voids": lambda: self.acquirer.void(key, order.refers_to),
            "refunds": lambda: self.acquirer.refund(key, order.refers_to, amount),
        }
        act = acts.get(self.path.rpartition("/")[2])
        if act is None:
            self._say(404, b"")
            return
        try:
            self._say_answer(act())
        except NoAnswer:
            self.close_connection = True

    def do_GET(self) -> None:
        if "/enrol/" in self.path:
            self._show_page(self.path.rpartition("/")[2])
            return
        if not self._is_allowed(b"", ""):
            return
        if "/enrolments/" in self.path:
            enrolled = self.enrolments.finished(self.path.rpartition("/")[2])
            self._say(404 if enrolled is None else 200, msgspec.json.encode(enrolled))
            return
        place = urllib.parse.urlsplit(self.path)
        if place.path.endswith("/movements"):
            span = urllib.parse.parse_qs(place.query)
            found = self.acquirer.movements(int(span["from_ns"][0]), int(span["to_ns"][0]))
            self._say(200, msgspec.json.encode(found))
            return
        answer = self.acquirer.find(_question(urllib.parse.unquote(place.path.rpartition("/")[2])))
        if answer is None:
            self._say(404, b"")
        else:
            self._say_answer(answer)

    def _show_page(self, session: str) -> None:
        """What a shopper's browser sees, who has nothing to sign with."""
        back = self.enrolments.visit_page(session)
        self.send_response(404 if back is None else 303)
        if back is not None:
            self.send_header("Location", back)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _is_allowed(self, body: bytes, key: str) -> bool:
        now_s = self.acquirer.now_ns() // SECOND_NS
        signature = self.headers.get(SIGNATURE, "")
        if is_signed(self.secret, now_s, signature, self.command, self.path, body, key):
            return True
        self._say(401, b"")
        return False

    def _say_answer(self, answer: Answer) -> None:
        is_done = isinstance(answer, Approved)
        outcome = Outcome(approved=answer) if is_done else Outcome(declined=answer)  # type: ignore[arg-type]
        self._say(200, msgspec.json.encode(outcome))

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _question(key: str) -> ProviderCall:
    return ProviderCall(
        provider="",
        about=About.SETTLEMENT,
        subject="",
        call=Call.CAPTURE,
        key=key,
        account="",
        amount=Money(0, "JPY"),
        reference="",
        since_ns=0,
        asks=True,
    )


@contextmanager
def serving(
    acquirer: Acquirer, secret: bytes, port: int = 0, enrolments: Enrolments | None = None
) -> Iterator[str]:
    """Serve an acquirer on 127.0.0.1 and give its address."""
    accounts = enrolments or Enrolments()
    bound = {"acquirer": acquirer, "secret": secret, "enrolments": accounts}
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), bound))
    server.daemon_threads = True
    accounts.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="acquirer")
    thread.start()
    try:
        yield accounts.address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Serve until killed; `--trouble` is the share of calls whose question or answer is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--cannot-hold", action="store_true")
    parser.add_argument("--limit-minor", type=int, default=10**9)
    parser.add_argument("--trouble", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)

    def fate(_: Call, __: str) -> Fate:
        is_lost = rng.random() < options.trouble
        return rng.choice([Fate.LOST_QUESTION, Fate.LOST_ANSWER]) if is_lost else Fate.DONE

    acquirer = Acquirer(
        Terms("bridge", not options.cannot_hold),
        time.time_ns,
        lambda _: int(options.limit_minor),
        fate_of=fate,
    )
    secret = bytes.fromhex(options.secret_file.read_text(encoding="ascii").strip())
    with serving(acquirer, secret, options.port):
        threading.Event().wait()


if __name__ == "__main__":
    main()
