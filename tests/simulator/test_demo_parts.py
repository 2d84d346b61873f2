"""The pieces of the demo that need no running store."""

import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from tebura_contract.truth import TrueReceipt
from tebura_edge.code_reader import CodeReader
from tebura_edge.frames import Frame
from tebura_simulator.demo_lock import AlreadyRunning, DemoLock, default_folder
from tebura_simulator.phone import show_code
from tebura_simulator.shop_client import Amount, Happening, Line, Receipt, Visit
from tebura_simulator.visit_report import CartNews, Tone, verdict, visit_of
from tebura_simulator.world import WorldClock

CODE = "T1ABCDEFGHIJKLMNOQRSTUVWXYZ234567"


def test_a_second_start_is_told_who_runs_and_where(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tebura_simulator.demo_lock import DemoLock\n"
        f"with DemoLock(Path({str(tmp_path)!r})) as lock:\n"
        "    lock.say('http://127.0.0.1:1/live'); print('held', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(AlreadyRunning) as caught, DemoLock(tmp_path):
                pass
            assert f"process {other.pid}; it is at http://127.0.0.1:1/live" in str(caught.value)
        finally:
            other.kill()
    with DemoLock(tmp_path):
        pass  # whoever held it is gone, however it ended


def test_the_demo_keeps_its_files_in_the_user_s_state_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/tebura/demo")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_folder() == Path(os.path.expanduser("~/.local/state/tebura/demo"))  # noqa: PTH111


@pytest.mark.parametrize("turned", [0.0, 0.25, -0.25])
def test_a_code_drawn_on_a_phone_is_read_by_the_gate(turned: float) -> None:
    picture = np.full((360, 640, 3), 90, np.uint8)
    half_px = 75.0
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half_px
    turn = np.array([(np.cos(turned), -np.sin(turned)), (np.sin(turned), np.cos(turned))])
    placed = [(float(x), float(y)) for x, y in corners @ turn.T * (1.0, 0.92) + (320, 180)]
    show_code(picture, tuple(placed), CODE)
    as_seen = cv2.imdecode(cv2.imencode(".jpg", picture)[1], cv2.IMREAD_COLOR)
    assert as_seen is not None
    frame = Frame(camera="gate", captured_ns=0, image_bgr=as_seen.astype(np.uint8))  # type: ignore[arg-type]
    assert [read.text for read in CodeReader()(frame)] == [CODE]


def test_a_phone_outside_the_picture_draws_nothing() -> None:
    picture = np.full((36, 64, 3), 90, np.uint8)
    show_code(picture, ((-50.0, -50.0), (-20.0, -50.0), (-20.0, -20.0), (-50.0, -20.0)), CODE)
    assert (picture == 90).all()


def test_the_world_s_clock_stands_until_it_runs_and_when_it_is_held() -> None:
    clock = WorldClock(speed=10.0)
    time.sleep(0.02)
    assert clock.now_s() == 0.0
    clock.run()
    time.sleep(0.05)
    clock.hold()
    held_s = clock.now_s()
    assert held_s >= 0.5
    time.sleep(0.02)
    assert clock.now_s() == held_s
    clock.restart()
    assert clock.now_s() == 0.0


def visit(stage: str, happenings: tuple[Happening, ...] = (), name: str = "v1") -> Visit:
    return Visit(
        id=name,
        member="m1",
        member_name="Hana",
        stage=stage,
        reason="",
        entered="2026-01-01T00:00:00Z",
        exited=None,
        settled=None,
        receipt_number=None,
        total=Amount(minor=0, currency="JPY"),
        lines=(),
        happenings=happenings,
    )


def receipt(items: dict[str, int]) -> Receipt:
    yen = Amount(minor=100, currency="JPY")
    lines = tuple(
        Line(sku=sku, name=sku, name_en=sku, quantity=count, amount=yen)
        for sku, count in items.items()
    )
    return Receipt(number=1, visit="v1", lines=lines, total=yen, issued="", paid_by="house")


@pytest.mark.parametrize(
    ("stage", "charged", "wanted", "is_exact", "is_wrong"),
    [
        pytest.param("settled", {"tea": 1}, {"tea": 1}, True, False, id="right"),
        pytest.param("settled", {"tea": 2}, {"tea": 1}, False, True, id="overcharged"),
        pytest.param("settled", {"tea": 1}, {}, False, True, id="charged-for-nothing"),
        pytest.param("nothing-taken", None, {}, True, False, id="rightly-nothing"),
        pytest.param("nothing-taken", None, {"tea": 1}, False, True, id="left-unpaid"),
        pytest.param("review", None, {"tea": 1}, False, False, id="a-person-looks"),
    ],
)
def test_a_verdict_says_exact_or_wrong_or_neither(
    stage: str,
    charged: dict[str, int] | None,
    wanted: dict[str, int],
    is_exact: bool,
    is_wrong: bool,
) -> None:
    truth = TrueReceipt(shopper="hana", items=wanted)
    issued = None if charged is None else receipt(charged)
    found = verdict("r", truth, visit(stage), issued, None)
    assert (found.is_exact, found.is_wrong) == (is_exact, is_wrong)


def test_a_shopper_nobody_saw_is_neither_exact_nor_wrong() -> None:
    found = verdict("r", TrueReceipt(shopper="hana", items={"tea": 1}), None, None, None)
    assert (found.stage, found.is_exact, found.is_wrong) == ("not-seen", False, False)


def test_only_visits_since_the_recording_began_count() -> None:
    visits = [visit("shopping", name="new"), visit("settled", name="old")]
    found = visit_of("m1", visits, known=frozenset({"old"}))
    assert found is not None
    assert found.id == "new"
    assert visit_of("m1", visits, known=frozenset({"old", "new"})) is None


def test_news_of_a_cart_comes_once_and_again_when_it_changes() -> None:
    def taken(state: str) -> Happening:
        return Happening(
            event="plates-1/1-0",
            at="2026-01-01T00:00:05Z",
            sku="tea",
            name="お茶",
            name_en="Tea",
            quantity=1,
            confidence=0.987,
            state=state,
            delta_g=-552.0,
            shelf="g1/s1",
        )

    news, names = CartNews(), {"m1": "Hana"}

    def told(seen: Visit) -> list[tuple[str, Tone]]:
        return [(" ".join(one.text.split()), one.tone) for one in news.of([seen], names)]

    assert told(visit("shopping")) == [("Hana comes in", Tone.QUIET)]
    assert told(visit("shopping", (taken("checking"),))) == [
        ("Hana +1 Tea -552 g checking … cart 0 JPY", Tone.OPEN)
    ]
    assert told(visit("shopping", (taken("checking"),))) == []
    assert told(visit("settled", (taken("sure"),))) == [
        ("Hana +1 Tea -552 g sure 98.7% cart 0 JPY", Tone.GOOD),
        ("Hana has paid", Tone.QUIET),
    ]
    assert told(visit("settled", (taken("sure"),))) == []
