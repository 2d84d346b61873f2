"""What a node says about itself: on a change soon, without one every five seconds."""

import logging
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.events import EntryRefused, RefusalReason, SensorState
from tebura_contract.ids import GateId
from tebura_contract.messages import Part
from tebura_edge import logs
from tebura_edge.health import AT_MOST_EVERY_NS, EVERY_NS, HealthBoard, disk_share
from tebura_edge.looking import Looking
from tebura_edge.metrics import Metrics

SURE = StoreTime(at_ns=Ns(5), uncertainty_ns=Ns(1000))
UNSURE = StoreTime(at_ns=Ns(5), uncertainty_ns=Ns(SECOND_NS))


def test_health_goes_out_at_once_then_every_five_seconds() -> None:
    board = HealthBoard(boot=7, version="1")
    assert board.due(0, SURE, waiting=3) is not None
    assert board.due(EVERY_NS - 1, SURE, waiting=3) is None
    health = board.due(EVERY_NS, SURE, waiting=2)
    assert health is not None
    assert (health.boot, health.waiting) == (7, 2)


def test_a_change_is_told_soon_but_a_flapping_part_does_not_flood() -> None:
    board = HealthBoard(boot=1, version="1")
    board.due(0, SURE, 0)
    told = 0
    for n in range(100):
        state = SensorState.OK if n % 2 else SensorState.BLIND
        board.set("left", state, "silent")
        told += board.due(AT_MOST_EVERY_NS // 2 + n * SECOND_NS // 20, SURE, 0) is not None
    assert 4 <= told <= 6  # five seconds of flapping


def test_a_part_that_is_named_no_more_is_gone() -> None:
    board = HealthBoard(boot=1, version="1")
    board.put([Part(name="g1/s1/p1", state=SensorState.BLIND, reason="stuck")], among="plate")
    health = board.due(0, SURE, 0)
    assert health is not None
    assert "plate/g1/s1/p1" in {part.name for part in health.parts}
    board.put([], among="plate")
    health = board.due(EVERY_NS, SURE, 0)
    assert health is not None
    assert {part.name for part in health.parts} == {"clock"}


def test_an_uncertain_clock_is_a_part_that_does_not_work() -> None:
    health = HealthBoard(boot=1, version="1").due(0, UNSURE, 0)
    assert health is not None
    assert health.parts[0].state is SensorState.BLIND
    assert health.clock_uncertainty_ns == SECOND_NS


def test_a_disk_share_is_between_nothing_and_all(tmp_path: Path) -> None:
    share = disk_share(tmp_path)
    assert share is not None
    assert 0 < share < 1
    assert disk_share(tmp_path / "nowhere") is None


def test_trouble_that_repeats_is_said_once_a_minute_with_its_count() -> None:
    repeats = logs.Repeats()
    due = [repeats.is_due("broker", n * SECOND_NS) for n in range(121)]
    assert [n for n, is_due in enumerate(due) if is_due] == [0, 60, 120]
    assert repeats.held_back("broker") == 118
    assert repeats.held_back("broker") == 0
    repeats.over("broker")
    assert repeats.is_due("broker", 121 * SECOND_NS)


def test_members_and_codes_never_reach_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        logs.set_up()
        structlog.get_logger("gate").info("entered", member="SECRETMEMBER", code="T1SECRET", n=3)
    finally:
        structlog.reset_defaults()
    line = capsys.readouterr().err
    assert '"n": 3' in line
    assert "SECRET" not in line
    assert logging.getLevelName("INFO") == 20


def test_numbers_are_there_for_whoever_asks_on_this_machine(
    free_port: Callable[[], int],
) -> None:
    port = free_port()
    metrics = Metrics("plates-1", port)
    try:
        metrics.stored(EntryRefused(gate=GateId("door"), reason=RefusalReason.FORGED, at_ns=Ns(0)))
        metrics.link(is_connected=True, waiting=4, sent=9)
        metrics.parts((Part(name="left", state=SensorState.BLIND),))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    finally:
        metrics.close()
    for line in (
        'tebura_edge_events_total{kind="entry-refused"} 1.0',
        "tebura_edge_waiting 4.0",
        'tebura_edge_part_ok{part="left"} 0.0',
    ):
        assert line in text


def test_metrics_say_what_runs_where_and_what_became_of_frames() -> None:
    metrics = Metrics("camera-1")
    metrics.network("movenet-multipose", "cpu")
    metrics.looked({"aisle": Looking(looked=7, followed=3, overtaken=1, dropped=2)}, 0.05)
    value = metrics.registry.get_sample_value
    where = {"network": "movenet-multipose", "provider": "cpu"}
    assert value("tebura_edge_network", where) == 1
    fates = {
        fate: value("tebura_edge_frames", {"camera": "aisle", "fate": fate})
        for fate in ("looked", "followed", "overtaken", "dropped")
    }
    assert fates == {"looked": 7, "followed": 3, "overtaken": 1, "dropped": 2}
