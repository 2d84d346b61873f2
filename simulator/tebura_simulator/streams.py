"""Cameras on the loopback: each a multipart stream of JPEGs, as cheap network cameras send it.

A picture shown is sent to every client at that moment. A new client gets the newest picture at
once. A client that reads too slowly misses pictures, it never delays the others.
"""

import queue
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

BOUNDARY = "tebura-frame"
CLIENT_QUEUE = 4
"""Pictures waiting for a client; beyond, the oldest is dropped."""
IDLE_S = 0.5


class _Channel:
    """Pictures of one camera on their way to its clients."""

    def __init__(self) -> None:
        self.newest: bytes | None = None
        self._clients: set[queue.Queue[bytes]] = set()
        self._lock = threading.Lock()

    def show(self, jpeg: bytes) -> None:
        with self._lock:
            self.newest = jpeg
            for client in self._clients:
                _put_newest(client, jpeg)

    def join(self) -> "queue.Queue[bytes]":
        client: queue.Queue[bytes] = queue.Queue(CLIENT_QUEUE)
        with self._lock:
            if self.newest is not None:
                client.put_nowait(self.newest)
            self._clients.add(client)
        return client

    def leave(self, client: "queue.Queue[bytes]") -> None:
        with self._lock:
            self._clients.discard(client)

    def client_count(self) -> int:
        with self._lock:
            return len(self._clients)


def _put_newest(client: "queue.Queue[bytes]", jpeg: bytes) -> None:
    with suppress(queue.Empty):
        if client.full():
            client.get_nowait()
    with suppress(queue.Full):
        client.put_nowait(jpeg)


class CameraStreams:
    """An HTTP server on 127.0.0.1 with one stream a camera, at ``url(camera)``.

    Use it as a context manager; it serves from its own threads until then.
    """

    def __init__(self, cameras: tuple[str, ...], port: int = 0) -> None:
        self._channels = {camera: _Channel() for camera in cameras}
        self._is_closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="streams")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, camera: str) -> str:
        return f"http://127.0.0.1:{self.port}/{camera}.mjpeg"

    def show(self, camera: str, jpeg: bytes) -> None:
        """Send a picture to whoever looks at this camera."""
        self._channels[camera].show(jpeg)

    def client_count(self, camera: str) -> int:
        """How many look at this camera now."""
        return self._channels[camera].client_count()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        channels, is_closing = self._channels, self._is_closing

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                channel = channels.get(self.path.strip("/").removesuffix(".mjpeg"))
                if channel is None:
                    self.send_error(404)
                    return
                kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                client = channel.join()
                try:
                    self._send_all(client)
                except OSError:
                    pass  # the viewer is gone
                finally:
                    channel.leave(client)

            def _send_all(self, client: "queue.Queue[bytes]") -> None:
                while not is_closing.is_set():
                    with suppress(queue.Empty):
                        jpeg = client.get(timeout=IDLE_S)
                        head = (
                            f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                            f"Content-Length: {len(jpeg)}\r\n\r\n"
                        )
                        self.wfile.write(head.encode() + jpeg + b"\r\n")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
                """Say nothing: a stream is no news."""

        return Handler
