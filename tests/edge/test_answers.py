"""What a gate answers: relays over a pseudo-terminal, the screen over real HTTP, no gateway."""

import http.client
import json
import os
import pty
import re
import subprocess
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Ns
from tebura_contract.entry_code import make_code, member_key
from tebura_contract.events import EntryRefused, RefusalReason, ShopperEntered, ShopperLeft
from tebura_contract.ids import GateId, VisitId
from tebura_edge.answers import Answer, AnswerKind, Answers, answer_to
from tebura_edge.config import RelayConfig, load_setup
from tebura_edge.face_gate import Prompt, PromptKind
from tebura_edge.face_light import SLOT_NS, Tint
from tebura_edge.gate_screen import GateScreen, shone_ns
from tebura_edge.relay import RelayPort
from tebura_edge.screen import MAX_BROWSERS, Screen
from tebura_simulator.relay_board import RelayBoard

from tests.edge.small_store import ENTRY_KEY, MIKA, edge, write_store
from tests.edge.wire import STORE

DOOR, OTHER = GateId("door"), GateId("other")
AT = Ns(1_763_000_000_000_000_000)
ENTERED = ShopperEntered(gate=DOOR, member=MIKA, code_step=1, at_ns=AT)
REFUSED = EntryRefused(gate=DOOR, reason=RefusalReason.REPLAYED, at_ns=AT)


def test_each_fact_at_a_gate_has_its_answer_and_names_nobody() -> None:
    guest = ShopperEntered(gate=DOOR, member=MIKA, code_step=2, at_ns=AT, joins=VisitId("v"))
    left = ShopperLeft(gate=DOOR, member=MIKA, at_ns=AT)
    assert answer_to(ENTERED) == Answer(DOOR, AnswerKind.COME_IN)
    assert answer_to(guest) == Answer(DOOR, AnswerKind.GUEST)
    assert answer_to(left) == Answer(DOOR, AnswerKind.GOODBYE)
    assert answer_to(REFUSED) == Answer(DOOR, AnswerKind.REFUSED, RefusalReason.REPLAYED)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[RelayBoard]:
    with RelayBoard(tmp_path / "relays") as board:
        yield board


def test_an_entry_pulses_the_door_s_relay_and_a_refusal_the_lamp_s(
    tmp_path: Path, board: RelayBoard
) -> None:
    config = RelayConfig(port="relays", opens=1, refuses=2, pulse_s=0.15)
    port = RelayPort(DOOR, config, str(tmp_path / "relays"))
    answers = Answers({DOOR: [port]})
    answers.stored(ENTERED)
    closed, opened = board.wait_for(1, True, 5), board.wait_for(1, False, 5)
    answers.stored(REFUSED)
    assert board.wait_for(2, True, 5)
    assert board.wait_for(2, False, 5)
    answers.close()
    assert closed
    assert opened
    assert 0.1e9 < opened.at_ns - closed.at_ns < 2e9
    assert [switched.number for switched in board.log] == [1, 1, 2, 2]
    assert not board.on


def test_what_a_gate_asks_of_somebody_moves_no_relay(tmp_path: Path, board: RelayBoard) -> None:
    config = RelayConfig(port="relays", opens=1, refuses=2, pulse_s=0.15)
    answers = Answers({DOOR: [RelayPort(DOOR, config, str(tmp_path / "relays"))]})
    for kind in PromptKind:
        answers.ask(Prompt(DOOR, kind, 0))
    answers.stored(REFUSED)
    assert board.wait_for(2, True, 5)
    assert board.wait_for(2, False, 5)
    answers.close()
    assert [switched.number for switched in board.log] == [2, 2]


def test_a_board_that_is_not_there_is_told_and_old_answers_are_not_caught_up(
    tmp_path: Path,
) -> None:
    port = RelayPort(DOOR, RelayConfig(port="relays"), str(tmp_path / "relays"))
    answers = Answers({DOOR: [port]})
    wait_until(lambda: bool(port.trouble))
    answers.stored(ENTERED)
    assert "relays" in answers.parts()[0].reason
    with RelayBoard(tmp_path / "relays") as board:
        wait_until(lambda: not port.trouble)
        assert board.wait_for(1, True, 0.5) is None
        answers.stored(ENTERED)
        assert board.wait_for(1, True, 5)
        answers.close()


def wait_until(holds: Callable[[], bool], timeout_s: float = 5.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.02)


@pytest.fixture
def served() -> Iterator[Screen]:
    served = Screen(0)
    yield served
    served.close()


@pytest.fixture
def screen(served: Screen) -> GateScreen:
    return GateScreen(served, (DOOR, OTHER))


def listen(served: Screen, gate: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    connection.request("GET", f"/{gate}/stream")
    return connection.getresponse()


def test_the_screen_shows_its_own_gate_s_answers(served: Screen, screen: GateScreen) -> None:
    with closing(listen(served, "door")) as door:
        screen.show(Answer(OTHER, AnswerKind.COME_IN))
        screen.show(Answer(DOOR, AnswerKind.REFUSED, RefusalReason.EXPIRED))
        line = door.readline()
    assert json.loads(line.removeprefix(b"data: ")) == {"kind": "refused", "reason": "expired"}


def test_the_screen_asks_for_a_move(served: Screen, screen: GateScreen) -> None:
    with closing(listen(served, "door")) as door:
        screen.ask(Prompt(DOOR, PromptKind.TURN_LEFT, 0))
        line = door.readline()
    assert json.loads(line.removeprefix(b"data: ")) == {"kind": "ask", "reason": "turn-left"}


def test_the_screen_is_told_its_colours_and_how_long_each_lasts(
    served: Screen, screen: GateScreen
) -> None:
    with closing(listen(served, "door")) as door:
        screen.ask(Prompt(DOOR, PromptKind.LOOK_HERE, 0, (Tint.CYAN, Tint.YELLOW)))
        said = json.loads(door.readline().removeprefix(b"data: "))
    assert said["light"] == ["cyan", "yellow"]
    assert said["slot_ms"] * MILLISECOND_NS == SLOT_NS
    page = screen.page.decode()
    assert all(f'data-tint="{tint}"' in page for tint in Tint)


@pytest.mark.parametrize(
    ("gate", "headers", "said", "status"),
    [
        pytest.param("door", {"X-Tap": "yes"}, b"1763000000123", 204, id="the-page"),
        pytest.param("door", {}, b"1763000000123", 404, id="another-page"),
        pytest.param("door", {"X-Tap": "yes"}, b"soon", 404, id="no-time"),
        pytest.param("door", {"X-Tap": "yes"}, b"1" * 1000, 404, id="too-much"),
        pytest.param("cellar", {"X-Tap": "yes"}, b"1763000000123", 404, id="no-such-gate"),
    ],
)
def test_the_gate_s_own_page_says_when_it_began_to_shine(
    served: Screen, gate: str, headers: dict[str, str], said: bytes, status: int
) -> None:
    told: list[tuple[str, int]] = []
    GateScreen(served, (DOOR,), lambda *word: told.append(word))
    with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)) as line:
        line.request("POST", f"/{gate}/shone", said, headers)
        assert line.getresponse().status == status
    assert told == ([("door", 1763000000123)] if status == 204 else [])


@pytest.mark.parametrize(
    ("age_ms", "is_believed"), [(-5000, False), (-1, True), (40, True), (5000, False)]
)
def test_what_a_page_says_by_the_wall_clock_is_believed_if_it_just_was(
    age_ms: int, *, is_believed: bool
) -> None:
    wall_ms, store_ns = 1_763_000_000_123, 99 * SECOND_NS
    began_ns = shone_ns(wall_ms - age_ms, wall_ms * MILLISECOND_NS, store_ns)
    assert began_ns == (store_ns - age_ms * MILLISECOND_NS if is_believed else None)


def test_while_nothing_can_be_stored_every_browser_is_told_to_ask_staff(
    served: Screen, screen: GateScreen
) -> None:
    def said(stream: http.client.HTTPResponse) -> str:
        kind: str = json.loads(stream.readline().removeprefix(b"data: "))["kind"]
        assert stream.readline() == b"\n"
        return kind

    with closing(listen(served, "door")) as door:
        for _ in range(3):
            screen.stall(True)
        assert said(door) == "stalled"
        # A browser that was restarted meanwhile.
        with closing(listen(served, "other")) as other:
            assert said(other) == "stalled"
            screen.stall(False)
            assert (said(door), said(other)) == ("idle", "idle")
    assert "ask our staff" in screen.page.decode()


def test_the_page_has_words_for_every_answer_in_both_languages(screen: GateScreen) -> None:
    page = screen.page.decode()
    for word in [
        *(kind.value for kind in AnswerKind if kind is not AnswerKind.REFUSED),
        *(reason.value for reason in RefusalReason),
        *(kind.value for kind in PromptKind),
    ]:
        said = re.search(rf'"?{word}"?: \["(.+?)",\s+"(.+?)"\]', page)
        assert said, word
        assert not said[1].isascii()
        assert said[2].isascii()


def test_only_the_gates_pages_are_served_and_browsers_are_bounded(
    served: Screen, screen: GateScreen
) -> None:
    assert screen.page

    def status(path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
        with closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    assert [status(path) for path in ("/door", "/other/", "/nobody", "/", "/door/../x")] == [
        200,
        200,
        404,
        404,
        404,
    ]
    held = [listen(served, "door") for _ in range(MAX_BROWSERS)]
    assert status("/door/stream") == 503
    for one in held:
        one.close()


def test_without_a_gateway_a_code_opens_the_door_within_a_second(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    """A whole node: a serial barcode reader in, a relay board out, nobody at the broker's port."""
    write_store(tmp_path, free_port())
    reader, theirs = pty.openpty()
    tty.setraw(theirs)
    config = (tmp_path / "gate-1.toml").read_text()
    config = config[: config.index("[[camera]]")] + (
        f'[[reader]]\nlabel = "desk"\nport = "{os.ttyname(theirs)}"\n\n'
        '[[gate]]\nid = "door"\nreader = "desk"\nentry_key_file = "keys/entry.key"\n'
        'relay = { port = "relays", pulse_s = 0.5 }\n'
    )
    (tmp_path / "gate-1.toml").write_text(config)
    load_setup(tmp_path / "gate-1.toml")
    with (
        RelayBoard(tmp_path / "relays") as board,
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(edge("run", "-c", tmp_path / "gate-1.toml"), stderr=log) as node,
    ):
        wait_until(lambda: b'"started"' in (tmp_path / "log").read_bytes(), 30)
        key = member_key(ENTRY_KEY, STORE, MIKA)
        shown_ns = time.monotonic_ns()
        os.write(reader, make_code(key, STORE, MIKA, time.time_ns()).encode() + b"\r")
        opened = board.wait_for(1, True, 10)
        node.terminate()
        node.wait(10)
    os.close(reader)
    os.close(theirs)
    assert opened
    assert opened.at_ns - shown_ns < 1e9
