"""The line to the gateway about faces: signed, never waited for, and it forgets."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import decode, encode
from tebura_contract.events import SensorState
from tebura_contract.faces import (
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
from tebura_edge.face_line import ANSWER_S, MAX_WAITING, FaceLine
from tebura_edge.role import FaceCame

DOOR, MIKA = GateId("door"), MemberId("MIKA00000000000")
NODE, KEY = NodeId("gate-1"), b"k" * 32
TEMPLATE = FaceTemplate(network="net", size=2, vectors=bytes(16))


@dataclass
class Gateway:
    """Answers as the gateway would; `delay_s` makes it slow."""

    opened: FaceOpened = field(default_factory=lambda: FaceOpened(state=FaceState.NOT_ENROLLED))
    rounds: list[Round] = field(default_factory=list)
    done: list[EnrolDone] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    unsigned: int = 0
    delay_s: float = 0.0

    def answer(self, name: str, body: bytes) -> bytes:
        time.sleep(self.delay_s)
        if name == "asked":
            assert decode(body, FaceAsked).member == MIKA
            return encode(self.opened)
        if name == "enrolled":
            self.done.append(decode(body, EnrolDone))
            return b""
        self.versions.append(decode(body, RoundAsked).version)
        last = Round(version=self.versions[-1])
        return encode(self.rounds.pop(0) if self.rounds else last)


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            at_ns, nonce = int(self.headers[TIME_HEADER]), self.headers[NONCE_HEADER]
            place = f"POST {self.path}"
            wanted = request_signature(KEY, NODE, place, at_ns, nonce, body)
            gateway.unsigned += self.headers[SIGNATURE_HEADER] != wanted
            gateway.unsigned += self.headers[NODE_HEADER] != NODE
            said = gateway.answer(self.path.rpartition("/")[2], body)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@dataclass
class Skewed:
    """The machine's clock, moved on by hand."""

    ahead_ns: int = 0

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() + self.ahead_ns

    def wall_ns(self) -> int:
        return time.time_ns()


@contextmanager
def line_to(
    address: str,
    came: list[FaceCame],
    embed: Callable[[Sequence[bytes]], FaceTemplate | EnrolFault] = lambda _: TEMPLATE,
    clock: Skewed | None = None,
) -> Iterator[FaceLine]:
    line = FaceLine(
        address,
        "",
        node=NODE,
        key=KEY,
        clock=clock or Skewed(),
        to_store_ns=lambda at_ns: at_ns,
        deliver=came.append,
        embed=embed,
    )
    line.start()
    try:
        yield line
    finally:
        line.stop()


def until(check: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_a_template_comes_for_who_is_asked_about_in_a_signed_request() -> None:
    gateway = Gateway(opened=FaceOpened(state=FaceState.OPENED, template=TEMPLATE))
    came: list[FaceCame] = []
    with serving(gateway) as address, line_to(address, came) as line:
        line.ask(DOOR, MIKA)
        until(lambda: bool(came))
        (found,) = came
        assert (found.gate, found.member, found.state) == (DOOR, MIKA, FaceState.OPENED)
        assert found.template == TEMPLATE
        assert line.parts()[0].state is SensorState.OK
    assert gateway.unsigned == 0


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "slow"])
def test_a_gateway_that_does_not_answer_is_unreachable_in_time(address: str) -> None:
    came: list[FaceCame] = []
    gateway = Gateway(delay_s=3 * ANSWER_S if address == "slow" else 0.0)
    with serving(gateway) as alive, line_to(alive if address == "slow" else address, came) as line:
        line.ask(DOOR, MIKA)
        until(lambda: bool(came))
        assert [one.state for one in came] == [FaceState.UNREACHABLE]
        assert line.parts()[0].state is SensorState.BLIND


def test_more_questions_than_can_wait_are_answered_at_once() -> None:
    came: list[FaceCame] = []
    line = FaceLine(
        "http://127.0.0.1:1",
        "",
        node=NODE,
        key=KEY,
        clock=Skewed(),
        to_store_ns=lambda at_ns: at_ns,
        deliver=came.append,
        embed=lambda _: TEMPLATE,
    )
    for _ in range(MAX_WAITING + 1):
        line.ask(DOOR, MIKA)
    assert [one.state for one in came] == [FaceState.UNREACHABLE]


def test_who_comes_hands_free_is_kept_until_told_otherwise_or_the_gateway_falls_silent() -> None:
    face = ExpectedFace(member=MIKA, template=TEMPLATE)
    clock = Skewed()
    gateway = Gateway(
        rounds=[
            Round(version=4, faces=(face,), agreed=(MIKA,), phones={MIKA: Ns(77)}),
            Round(version=4),
            Round(version=5, faces=()),
            Round(version=6, faces=(face,)),
        ]
    )
    seen: list[tuple[ExpectedFace, ...]] = []
    with serving(gateway) as address, line_to(address, [], clock=clock) as line:
        until(lambda: len(gateway.versions) >= 2)
        seen.append(line.expected())
        assert line.agreed() == frozenset({MIKA})
        until(lambda: len(gateway.versions) >= 4)
        until(lambda: len(line.expected()) == 1)
        clock.ahead_ns = ROUND_LIFE_NS + SECOND_NS
        assert line.expected() == ()
    assert [len(one) for one in seen] == [1]
    assert seen[0][0].member == MIKA
    assert gateway.versions[:4] == [0, 4, 4, 5]
    assert line.expected() == ()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(TEMPLATE, (TEMPLATE, None), id="a-template"),
        pytest.param(EnrolFault.NO_FACE, (None, EnrolFault.NO_FACE), id="a-fault"),
    ],
)
def test_frames_become_a_template_or_a_reason(
    made: FaceTemplate | EnrolFault, expected: tuple[FaceTemplate | None, EnrolFault | None]
) -> None:
    gateway = Gateway(rounds=[Round(version=1, work=EnrolWork(ticket="t", frames=(b"a", b"b")))])
    shown: list[tuple[bytes, ...]] = []

    def embed(frames: Sequence[bytes]) -> FaceTemplate | EnrolFault:
        shown.append(tuple(frames))
        return made

    with serving(gateway) as address, line_to(address, [], embed):
        until(lambda: bool(gateway.done))
    assert shown == [(b"a", b"b")]
    assert [(one.ticket, one.template, one.fault) for one in gateway.done] == [("t", *expected)]
