"""The gate's line to the gateway about faces: HTTPS on a thread of its own, never waited for.

Asked about a member it brings `FaceCame` within `ANSWER_S`, with a template only while that
member's phone lends its key. Once a second it hears who comes in hands free today and whether
somebody's frames wait to become a template. Templates and frames are in memory only; whoever the
gateway no longer names is forgotten, and everybody when it falls silent.
"""

import http.client
import queue
import secrets
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog
from tebura_contract.clock import SECOND_NS, Clock
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.events import SensorState
from tebura_contract.faces import (
    MAX_WORK_BYTES,
    NODE_HEADER,
    NONCE_HEADER,
    ROUND_LIFE_NS,
    SIGNATURE_HEADER,
    TIME_HEADER,
    EnrolDone,
    EnrolFault,
    EnrolWork,
    ExpectedFace,
    FaceAsked,
    FaceOpened,
    FaceState,
    FaceTemplate,
    Round,
    RoundAsked,
    request_signature,
)
from tebura_contract.ids import GateId, MemberId, NodeId
from tebura_contract.messages import Part

from tebura_edge.role import FaceCame

ANSWER_S: Final = 0.8
"""Longer, and the gate goes on without: who stands there waits for two seconds at most."""
ROUND_EVERY_S: Final = 1.0
MAX_WAITING: Final = 16
PLACE: Final = "/node/v1/faces"

Embed = Callable[[Sequence[bytes]], FaceTemplate | EnrolFault]
"""Makes a template of somebody's frames (JPEG)."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class LineError(OSError):
    """The gateway did not answer, or not what was asked."""


class FaceLine:
    """Asks and hears on its own thread.

    Args:
        address: The gateway's pages, as ``https://shop.example``.
        ca_file: Authority of its certificate; "" for those that the machine trusts.
        node: Who asks.
        key: The node's key, which also signs its events.
        clock: Times requests.
        to_store_ns: Store time of a monotonic instant.
        deliver: Takes each answer; it may wait.
        embed: Makes templates; runs on this thread.
    """

    def __init__(
        self,
        address: str,
        ca_file: str,
        *,
        node: NodeId,
        key: bytes,
        clock: Clock,
        to_store_ns: Callable[[int], int],
        deliver: Callable[[FaceCame], None],
        embed: Embed,
    ) -> None:
        self._address = urlsplit(address)
        self._tls = ssl.create_default_context(cafile=ca_file or None)
        self._node, self._key = node, key
        self._clock, self._to_store_ns = clock, to_store_ns
        self._deliver, self._embed = deliver, embed
        self._asked: queue.Queue[FaceAsked] = queue.Queue(MAX_WAITING)
        self._lock = threading.Lock()
        self._version = 0
        self._faces: tuple[ExpectedFace, ...] = ()
        self._agreed: frozenset[MemberId] | None = None
        self._heard_ns = clock.monotonic_ns()
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="face-line", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask the thread to end and wait for it; all it knew of faces is gone."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._forget()

    def ask(self, gate: GateId, member: MemberId) -> None:
        """Want a member's template; what cannot even be asked is answered as unreachable."""
        asked = FaceAsked(gate=gate, member=member)
        try:
            self._asked.put_nowait(asked)
        except queue.Full:
            self._deliver(self._came(asked, FaceOpened(state=FaceState.UNREACHABLE)))

    def expected(self) -> tuple[ExpectedFace, ...]:
        """Who comes in hands free; nobody once the gateway has been silent for a while."""
        with self._lock:
            if self._clock.monotonic_ns() - self._heard_ns > ROUND_LIFE_NS:
                return ()
            return self._faces

    def agreed(self) -> frozenset[MemberId] | None:
        """All who agree to hands free, for readers that keep palms; None until the gateway told."""
        with self._lock:
            return self._agreed

    def parts(self) -> list[Part]:
        """For the node's health message."""
        state = SensorState.BLIND if self._trouble else SensorState.OK
        return [Part(name="faces", state=state, reason=self._trouble)]

    def _run(self) -> None:
        due_ns = self._clock.monotonic_ns()
        while not self._stopping.is_set():
            left_s = (due_ns - self._clock.monotonic_ns()) / SECOND_NS
            try:
                self._answer(self._asked.get(timeout=max(left_s, 0.001)))
            except queue.Empty:
                self._round()
                due_ns = self._clock.monotonic_ns() + int(ROUND_EVERY_S * SECOND_NS)

    def _answer(self, asked: FaceAsked) -> None:
        try:
            opened = self._post("asked", asked, FaceOpened)
        except LineError as error:
            self._complain(str(error))
            opened = FaceOpened(state=FaceState.UNREACHABLE)
        self._deliver(self._came(asked, opened))

    def _came(self, asked: FaceAsked, opened: FaceOpened) -> FaceCame:
        at_ns = self._to_store_ns(self._clock.monotonic_ns())
        return FaceCame(asked.gate, asked.member, opened.state, opened.template, at_ns)

    def _round(self) -> None:
        try:
            found = self._post("round", RoundAsked(version=self._version), Round)
        except LineError as error:
            self._complain(str(error))
            if self._clock.monotonic_ns() - self._heard_ns > ROUND_LIFE_NS:
                self._forget()
            return
        self._complain("")
        self._take(found)
        if found.work is not None:
            self._work(found.work)

    def _take(self, found: Round) -> None:
        with self._lock:
            self._heard_ns, self._version = self._clock.monotonic_ns(), found.version
            if found.agreed is not None:
                self._agreed = frozenset(found.agreed)
            known = self._faces if found.faces is None else found.faces
            self._faces = tuple(
                msgspec.structs.replace(one, phone_seen_ns=found.phones.get(one.member))
                for one in known
            )

    def _work(self, work: EnrolWork) -> None:
        made = self._embed(work.frames)
        done = (
            EnrolDone(ticket=work.ticket, fault=made)
            if isinstance(made, EnrolFault)
            else EnrolDone(ticket=work.ticket, template=made)
        )
        try:
            self._post("enrolled", done, None)
        except LineError as error:
            # The phone is told that it took too long, and begins again.
            self._complain(str(error))

    def _post(self, name: str, said: object, kind: type[T] | None) -> T:
        """Send something signed and read what comes back; without a `kind` nothing is read.

        Raises:
            LineError: If no good answer came in time.
        """
        body, place = encode(said), f"{PLACE}/{name}"
        line = self._connection()
        try:
            line.request("POST", place, body, self._signed(f"POST {place}", body))
            answer = line.getresponse()
            raw = answer.read(MAX_WORK_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise LineError(f"no answer: {str(error) or type(error).__name__}") from error
        finally:
            line.close()
        if answer.status >= 300:
            raise LineError(f"answered {answer.status}")
        if kind is None:
            return None  # type: ignore[return-value]  # whoever asks for nothing takes nothing
        try:
            return decode(raw, kind, limit_bytes=MAX_WORK_BYTES)
        except DecodeError as error:
            raise LineError(f"answered something else: {error}") from error

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=ANSWER_S, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=ANSWER_S)

    def _signed(self, place: str, body: bytes) -> dict[str, str]:
        at_ns = self._to_store_ns(self._clock.monotonic_ns())
        nonce = secrets.token_hex(8)
        return {
            "Content-Type": "application/json",
            "Accept": "application/json",
            NODE_HEADER: self._node,
            TIME_HEADER: str(at_ns),
            NONCE_HEADER: nonce,
            SIGNATURE_HEADER: request_signature(self._key, self._node, place, at_ns, nonce, body),
        }

    def _complain(self, why: str) -> None:
        """Say a change of state once."""
        if why != self._trouble:
            self._trouble = why
            _log.info("faces", why=why or "the gateway answers")

    def _forget(self) -> None:
        with self._lock:
            self._faces, self._version = (), 0
