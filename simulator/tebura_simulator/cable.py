"""A network cable between two TCP ends that can be pulled out and plugged in again.

What listens behind it sees ordinary connections. While the cable is out nothing passes, and nobody
is told: as with a real one, each end finds out by its own time-outs.
"""

import selectors
import socket
import threading
from contextlib import suppress
from typing import Self

CHUNK_BYTES = 64 * 1024
POLL_S = 0.1
SEND_TIMEOUT_S = 2.0
"""An end that takes nothing for so long is hung up on: it must not hold up the others."""


class Cable:
    """Carries connections from a port of its own to another. Use it as a context manager.

    Args:
        port: Where the far end listens, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._far = port
        self._is_in = threading.Event()
        self._is_in.set()
        self._stopping = threading.Event()
        self._peer: dict[socket.socket, socket.socket] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=f"cable {port}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for end in list(self._peer):
            end.close()
        self._selector.close()
        self._listener.close()

    def pull_out(self) -> None:
        """From now on nothing passes."""
        self._is_in.clear()

    def plug_in(self) -> None:
        """What both ends sent meanwhile passes, as far as they still hold on."""
        self._is_in.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._is_in.wait(POLL_S):
                continue
            for key, _ in self._selector.select(POLL_S):
                if not self._is_in.is_set():
                    break
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._carry(key.fileobj)

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._far), timeout=SEND_TIMEOUT_S)
        except OSError:
            near.close()  # nobody listens: the near end is refused, as without a cable
            return
        near.settimeout(SEND_TIMEOUT_S)
        for end, other in ((near, far), (far, near)):
            self._peer[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _carry(self, end: socket.socket) -> None:
        other = self._peer.get(end)
        if other is None:
            return  # its connection was closed in this very turn
        try:
            data = end.recv(CHUNK_BYTES)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        for side in (end, other):
            self._peer.pop(side, None)
            with suppress(KeyError):
                self._selector.unregister(side)
            side.close()
