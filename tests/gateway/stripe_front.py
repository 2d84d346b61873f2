"""Stripe for tests: localstripe in a process of its own, and before it what it leaves out.

The front remembers idempotency keys, filters lists, and loses questions and answers on demand. It
stands in for Stripe's documented behaviour there, and shows nothing about Stripe itself.
"""

import http.client
import json
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tebura_simulator.payments.acquirer import Fate

from tests.conftest import wait_until_listening

_UNKNOWN = ("customer", "created")


@dataclass
class Front:
    """What is remembered by key, and what becomes of the next changes."""

    port: int
    fates: list[Fate] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    address: str = ""

    def change(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes] | None:
        """Do a POST once per key; None: nobody hears the answer."""
        key = headers.get("Idempotency-Key", "")
        with self.lock:
            fate = self.fates.pop(0) if self.fates and key else Fate.DONE
            if fate is Fate.LOST_QUESTION:
                return None
            if not key or key not in self.answers:
                self.answers[key] = self.ask("POST", path, body, headers)
            return None if fate is Fate.LOST_ANSWER else self.answers[key]

    def read(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """A GET, filtered here where localstripe cannot."""
        place = urllib.parse.urlsplit(path)
        asked = urllib.parse.parse_qsl(place.query)
        left = [(name, value) for name, value in asked if name.split("[")[0] not in _UNKNOWN]
        target = f"{place.path}?{urllib.parse.urlencode(left)}"
        status, body = self.ask("GET", target, b"", headers)
        if status == 200 and left != asked:
            body = _filtered(body, dict(asked))
        if status == 200 and place.path == "/v1/charges":
            body = self._with_captured(body, headers)
        return status, body

    def _with_captured(self, body: bytes, headers: dict[str, str]) -> bytes:
        """What was captured of each charge: localstripe books the rest of a hold as refunded."""
        page = json.loads(body)
        for row in page["data"]:
            _, refunds = self.ask("GET", f"/v1/refunds?charge={row['id']}", b"", headers)
            asked = [refund for refund in json.loads(refunds)["data"] if refund["metadata"]]
            given = sum(refund["amount"] for refund in asked)
            row["amount_captured"] = row["amount"] - row["amount_refunded"] + given
        return json.dumps(page).encode()

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10.0)
        wanted = ("Authorization", "Content-Type")
        passed = {name: value for name, value in headers.items() if name in wanted}
        connection.request(method, path, body or None, passed)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found


def _filtered(body: bytes, asked: dict[str, str]) -> bytes:
    """Keep the rows that the filters of the address mean."""
    page = json.loads(body)
    low, high = int(asked.get("created[gte]", 0)), int(asked.get("created[lt]", 2**40))
    page["data"] = [
        row
        for row in page["data"]
        if row.get("customer") in (None, asked.get("customer", row.get("customer")))
        and low <= row["created"] < high
    ]
    return json.dumps(page).encode()


class _Handler(BaseHTTPRequestHandler):
    front: Front

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        found = self.front.change(self.path, body, dict(self.headers))
        if found is None:
            self.close_connection = True
        else:
            self._say(*found)

    def do_GET(self) -> None:
        self._say(*self.front.read(self.path, dict(self.headers)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def standing(program: Path, port: int, folder: Path) -> Iterator[Front]:
    """localstripe on a port, with the front before it."""
    with (folder / "localstripe.log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), "--port", str(port), "--from-scratch"],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        wait_until_listening(port, process)
        front = Front(port)
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"front": front}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        front.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield front
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
    finally:
        process.terminate()
        process.wait(10.0)
