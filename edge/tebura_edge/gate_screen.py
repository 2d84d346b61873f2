"""The gate's own screen: a page on this machine for a browser in kiosk mode, gateway or not.

``http://127.0.0.1:PORT/GATE`` is the page, ``/GATE/stream`` what it shows, as server-sent events.
Nobody's name is shown: whoever stands behind the shopper can read along.
"""

import http.server
import json
import queue
import threading
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from tebura_contract.ids import GateId

from tebura_edge.answers import Answer
from tebura_edge.face_gate import Prompt

KEEP_ALIVE_S: Final = 5.0
MAX_BROWSERS: Final = 8
MAX_WAITING: Final = 8


@dataclass(frozen=True, slots=True)
class Stalled:
    """Nothing can be stored, so nobody is let in; or that is over."""

    is_stalled: bool


Shown = Answer | Prompt | Stalled


class GateScreen:
    """Serves the pages of a node's gates on the loopback interface.

    Args:
        port: Where; 0 takes a free one (see `port`).
        gates: Whose pages there are.

    Raises:
        OSError: If the port is taken.
    """

    label = "screen"
    trouble = ""

    def __init__(self, port: int, gates: tuple[GateId, ...]) -> None:
        self._lock = threading.Lock()
        self._browsers: dict[queue.Queue[Shown], GateId] = {}
        self.gates = frozenset(gates)
        self.page = files("tebura_edge").joinpath("gate_screen.html").read_bytes()
        self.is_closed = threading.Event()
        self._is_stalled = False
        self._server = _Server(self, port)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="gate-screen", daemon=True
        )
        self._thread.start()

    def show(self, answer: Answer) -> None:
        self._tell(answer)

    def ask(self, prompt: Prompt) -> None:
        self._tell(prompt)

    def stall(self, is_stalled: bool) -> None:
        """Show "ask our staff" until it is over, also to browsers that join meanwhile."""
        with self._lock:
            if is_stalled == self._is_stalled:
                return
            self._is_stalled = is_stalled
            for waiting in self._browsers:
                # What waited to be shown is older than this.
                while not waiting.empty():
                    waiting.get_nowait()
                waiting.put_nowait(Stalled(is_stalled))

    def _tell(self, shown: Answer | Prompt) -> None:
        with self._lock:
            for waiting, gate in self._browsers.items():
                if gate == shown.gate and not waiting.full():
                    waiting.put_nowait(shown)

    def close(self) -> None:
        self.is_closed.set()
        self._server.shutdown()
        self._server.server_close()

    def join(self, gate: GateId) -> queue.Queue[Shown] | None:
        """A browser begins to listen; None if too many do."""
        with self._lock:
            if len(self._browsers) >= MAX_BROWSERS:
                return None
            waiting: queue.Queue[Shown] = queue.Queue(MAX_WAITING)
            self._browsers[waiting] = gate
            if self._is_stalled:
                waiting.put_nowait(Stalled(True))
            return waiting

    def leave(self, waiting: queue.Queue[Shown]) -> None:
        with self._lock:
            self._browsers.pop(waiting, None)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, screen: GateScreen, port: int) -> None:
        self.screen = screen
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        gate, _, rest = self.path.strip("/").partition("/")
        if gate not in self.server.screen.gates or rest not in ("", "stream"):
            self.send_error(404)
        elif rest:
            self._stream(GateId(gate))
        else:
            self._page()

    def log_message(self, *_: object) -> None:
        """Requests of the machine's own browser are no news."""

    def _page(self) -> None:
        page = self.server.screen.page
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
        self.send_header("Content-Security-Policy", f"{policy}; connect-src 'self'")
        self.end_headers()
        self.wfile.write(page)

    def _stream(self, gate: GateId) -> None:
        screen = self.server.screen
        waiting = screen.join(gate)
        if waiting is None:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while not screen.is_closed.is_set():
                self.wfile.write(_said(waiting))
                self.wfile.flush()
        except OSError:
            pass  # the browser went away
        finally:
            self.close_connection = True
            screen.leave(waiting)


def _said(waiting: "queue.Queue[Shown]") -> bytes:
    """The next answer or prompt as an event, or a word that keeps the line open."""
    try:
        shown = waiting.get(timeout=KEEP_ALIVE_S)
    except queue.Empty:
        return b": still here\n\n"
    match shown:
        case Answer():
            said = {"kind": shown.kind.value, "reason": shown.reason.value if shown.reason else ""}
        case Prompt():
            said = {"kind": "ask", "reason": shown.kind.value}
        case Stalled():
            said = {"kind": "stalled" if shown.is_stalled else "idle", "reason": ""}
    return f"data: {json.dumps(said)}\n\n".encode()
