"""A node's own screens: pages on this machine for browsers in kiosk mode, gateway or not.

``http://127.0.0.1:PORT/PLACE`` is a place's page, ``/PLACE/stream`` what it shows, as server-sent
events, ``/PLACE/tap`` what somebody's finger says, ``/PLACE/shone`` when it began to go through the
colours that it was told; both where the place listens.
"""

import http.server
import json
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

KEEP_ALIVE_S: Final = 5.0
MAX_BROWSERS: Final = 8
MAX_WAITING: Final = 8
MAX_SAID_BYTES: Final = 32

Said = Mapping[str, object]
"""What a page is told, as JSON."""


@dataclass(frozen=True, slots=True)
class Page:
    """A place's page; `begins` tells a browser that joins what there is to show already.

    `on_shone` is given milliseconds of this machine's wall clock.
    """

    html: bytes
    begins: Callable[[], Said | None] = lambda: None
    on_tap: Callable[[], None] | None = None
    on_shone: Callable[[int], None] | None = None


class Screen:
    """Serves the pages of a node's places on the loopback interface.

    Args:
        port: Where; 0 takes a free one (see `port`).

    Raises:
        OSError: If the port is taken.
    """

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._browsers: dict[queue.Queue[Said], str] = {}
        self.pages: dict[str, Page] = {}
        self.is_closed = threading.Event()
        self._server = _Server(self, port)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="screen", daemon=True
        )
        self._thread.start()

    def add(self, place: str, page: Page) -> None:
        """Serve one more page, from now on."""
        self.pages[place] = page

    def tell(self, place: str, said: Said) -> None:
        """Show something at one place; a browser that does not keep up misses it."""
        with self._lock:
            for waiting, where in self._browsers.items():
                if where == place and not waiting.full():
                    waiting.put_nowait(said)

    def tell_at_once(self, place: str, said: Said) -> None:
        """The same, and what waited to be shown is older than this: it is left out."""
        with self._lock:
            for waiting, where in self._browsers.items():
                if where != place:
                    continue
                while not waiting.empty():
                    waiting.get_nowait()
                waiting.put_nowait(said)

    def close(self) -> None:
        self.is_closed.set()
        self._server.shutdown()
        self._server.server_close()

    def join(self, place: str) -> queue.Queue[Said] | None:
        """A browser begins to listen; None if too many do."""
        with self._lock:
            if len(self._browsers) >= MAX_BROWSERS:
                return None
            waiting: queue.Queue[Said] = queue.Queue(MAX_WAITING)
            self._browsers[waiting] = place
            first = self.pages[place].begins()
            if first is not None:
                waiting.put_nowait(first)
            return waiting

    def leave(self, waiting: queue.Queue[Said]) -> None:
        with self._lock:
            self._browsers.pop(waiting, None)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, screen: Screen, port: int) -> None:
        self.screen = screen
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        path = self.path.strip("/")
        place = path.removesuffix("/stream")
        if place not in self.server.screen.pages:
            self.send_error(404)
        elif path != place:
            self._stream(place)
        else:
            self._page(self.server.screen.pages[place])

    def do_POST(self) -> None:
        place, _, word = self.path.strip("/").rpartition("/")
        page = self.server.screen.pages.get(place)
        # Only the page itself may say it: another page in this browser cannot set the header.
        is_own = self.headers.get("X-Tap") == "yes"
        said = self._said()
        if page is None or not is_own or said is None:
            self.send_error(404)
            return
        if word == "tap" and page.on_tap is not None:
            page.on_tap()
        elif word == "shone" and page.on_shone is not None and said.isdecimal():
            page.on_shone(int(said))
        else:
            self.send_error(404)
            return
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Requests of the machine's own browser are no news."""

    def _said(self) -> str | None:
        """What came with a request; None where that is more than any page says."""
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > MAX_SAID_BYTES:
            self.close_connection = True
            return None
        return self.rfile.read(int(length)).decode("ascii", "replace")

    def _page(self, page: Page) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page.html)))
        self.send_header("Cache-Control", "no-store")
        policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
        self.send_header("Content-Security-Policy", f"{policy}; connect-src 'self'")
        self.end_headers()
        self.wfile.write(page.html)

    def _stream(self, place: str) -> None:
        screen = self.server.screen
        waiting = screen.join(place)
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
                self.wfile.write(_event(waiting))
                self.wfile.flush()
        except OSError:
            pass  # the browser went away
        finally:
            self.close_connection = True
            screen.leave(waiting)


def _event(waiting: "queue.Queue[Said]") -> bytes:
    """What is said next as an event, or a word that keeps the line open."""
    try:
        said = waiting.get(timeout=KEEP_ALIVE_S)
    except queue.Empty:
        return b": still here\n\n"
    return f"data: {json.dumps(said)}\n\n".encode()
