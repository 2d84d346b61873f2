"""paho, except that messages come in and are acknowledged by the piece.

paho reads a packet in three small pieces, each of which lets another thread take the processor, and
sends every acknowledgement by itself: 30 µs a message, most of it in the system. Its socket is
wrapped here. Whatever has arrived is read at once, the messages in it are handed on together, and
what a commit acknowledges leaves together. All else goes through to paho untouched: the handshake,
subscriptions, keep-alive, what is published, coming back after a loss.
"""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

PIECE_BYTES = 256 * 1024
"""Read at once; a message may be larger."""
SEND_PATIENCE_S = 2.0
"""A broker that takes nothing for so long is gone; what is not acknowledged it sends again."""
_PUBLISH, _PUBACK = 0x30, 0x40
_LONGEST_LENGTH = 4


class Arrived(msgspec.Struct, frozen=True):
    """A message off the wire; `number` acknowledges it, None where nobody waits for that."""

    topic: str
    payload: bytes
    number: int | None


class Acknowledges(Protocol):
    """The connection that messages came over."""

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """Tell the broker that they are safe; nothing where the connection has ended.

        From any thread. On a later connection the same numbers are other messages.
        """


Deliver = Callable[[Sequence[Arrived], Acknowledges], None]


class BulkClient(Client):
    """A client whose messages go to `deliver`, in paho's thread, and never to `on_message`."""

    def __init__(
        self,
        deliver: Deliver,
        client_id: str,
        *,
        clean_session: bool | None = None,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean_session,
            protocol=protocol,
            manual_ack=True,
        )
        self._deliver = deliver
        self._has_properties = protocol == MQTTProtocolVersion.MQTTv5

    def _create_socket(self) -> "BulkSocket":
        # Where paho wraps its socket itself, for WebSockets.
        inner = super()._create_socket()
        assert isinstance(inner, socket.socket)
        return BulkSocket(inner, self._has_properties, self._deliver)


class BulkSocket:
    """Stands between paho and its socket; lives as long as one connection."""

    def __init__(self, inner: socket.socket, has_properties: bool, deliver: Deliver) -> None:
        self._inner = inner
        self._has_properties = has_properties
        self._deliver = deliver
        # Of a packet that has not wholly arrived; of those that are paho's to read.
        self._rest = b""
        self._for_paho = bytearray()
        # A TLS connection must not be read and written at once.
        self._lock = threading.Lock()

    # ── what paho asks of a socket ──

    def recv(self, buffer_size: int) -> bytes:
        """What paho is to see, after the messages are delivered.

        Raises:
            BlockingIOError: If that is nothing.
        """
        if not self._for_paho:
            piece = self._read()
            if not piece:
                return b""
            self._sort(self._rest + piece)
            if not self._for_paho:
                raise BlockingIOError
        found = bytes(self._for_paho[:buffer_size])
        del self._for_paho[:buffer_size]
        return found

    def send(self, buffer: bytes | bytearray) -> int:
        """Send all of it: nothing may come between its parts.

        Raises:
            OSError: If the connection has ended.
        """
        with self._lock:
            self._send_whole(buffer)
        return len(buffer)

    def pending(self) -> int:
        """How much may be had without waiting for the network."""
        hidden = 0
        if isinstance(self._inner, ssl.SSLSocket):
            with self._lock:
                hidden = self._inner.pending()
        return len(self._for_paho) + hidden

    def fileno(self) -> int:
        return self._inner.fileno()

    def setblocking(self, flag: bool) -> None:
        self._inner.setblocking(flag)

    def close(self) -> None:
        with self._lock:
            self._inner.close()

    # ── messages ──

    def acknowledge(self, numbers: Iterable[int]) -> None:
        packets = b"".join([_PUBACK_HEAD + number.to_bytes(2, "big") for number in numbers])
        # Where the connection is lost paho notices too, by reading, and connects again.
        with self._lock, contextlib.suppress(OSError):
            self._send_whole(packets)

    def _send_whole(self, wanted: bytes | bytearray) -> None:
        while wanted:
            try:
                wanted = wanted[self._inner.send(wanted) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                if not select.select([], [self._inner], [], SEND_PATIENCE_S)[1]:
                    self.break_off()
                    raise ConnectionError("the broker takes nothing") from None

    def break_off(self) -> None:
        """End the connection; paho makes another."""
        self._inner.shutdown(socket.SHUT_RDWR)

    def _read(self) -> bytes:
        with self._lock:
            return self._inner.recv(PIECE_BYTES)

    def _sort(self, data: bytes) -> None:
        """Deliver the messages of these bytes; keep what is paho's, and what is not whole yet."""
        arrived: list[Arrived] = []
        end = 0
        for begin, body, end in _packets(data):
            if data[begin] & 0xF0 == _PUBLISH:
                arrived.append(_message(data, data[begin], body, end, self._has_properties))
            else:
                self._for_paho += data[begin:end]
        self._rest = data[end:]
        if arrived:
            self._deliver(arrived, self)


_PUBACK_HEAD = bytes([_PUBACK, 2])


def _packets(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Where each whole packet begins, its body begins, and it ends."""
    begin = 0
    while (head := _length(data, begin + 1)) is not None:
        length, body = head
        if body + length > len(data):
            return
        yield begin, body, body + length
        begin = body + length


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """A length of one to four bytes, seven bits each, and where it ends; None where it is cut off.

    Raises:
        ConnectionError: If it is longer: no MQTT.
    """
    length = 0
    for place in range(_LONGEST_LENGTH):
        if at >= len(data):
            return None
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return length, at
    raise ConnectionError("the broker sent a packet without an end")


def _message(data: bytes, head: int, at: int, end: int, has_properties: bool) -> Arrived:
    """The message of a PUBLISH packet whose body is `data[at:end]`.

    Raises:
        ConnectionError: If it is none.
    """
    named = at + 2 + int.from_bytes(data[at : at + 2], "big")
    # A name that is no text is no topic of ours, whatever is put for it.
    topic = data[at + 2 : named].decode(errors="replace")
    at, number = named, None
    if head & 0x06:
        number = int.from_bytes(data[at : at + 2], "big")
        at += 2
    if has_properties:
        properties = _length(data, at)
        if properties is None:
            raise ConnectionError("the broker sent a message that is cut off")
        length, at = properties
        at += length
    if at > end:
        raise ConnectionError("the broker sent a message that is cut off")
    return Arrived(topic, data[at:end], number)
