"""What the inbox may lose, what it must keep, and that a repetition of what went does nothing."""

from itertools import pairwise
from typing import Any

import pytest
from tebura_contract.events import PeopleSeen, Seen, SensorKind, SensorState
from tebura_contract.ids import CameraId, VisitId, track_id
from tebura_gateway.adapters import tables
from tebura_gateway.service import pruning, timers
from tebura_gateway.service.checking import DeadReason
from tebura_gateway.service.pruning import KEPT_NS, KEPT_SEEN_NS
from tebura_gateway.service.reviews import close, open_review

from tests.gateway.core import Core
from tests.gateway.shop import CAMERA, GATE, MIKA, TEA, Script, ns

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
LATER_S = KEPT_NS / 1e9 + 10_000.0
MONEY = (
    tables.visit,
    tables.decision,
    tables.settlement,
    tables.receipt,
    tables.refund,
    tables.ledger_entry,
    tables.house_account_entry,
    tables.review,
)


def bought(core: Core, script: Script) -> VisitId:
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    script.walk_out(track, 30.0)
    core.now_s = 60.0
    core.hear(script.facts)
    core.word(90.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1}
    return visit


def state_of(core: Core) -> list[list[Any]]:
    return [sorted(map(tuple, core.rows(table))) for table in MONEY]


@BOTH
def test_events_go_after_their_time_and_nothing_about_money_with_them(core: Core) -> None:
    bought(core, Script())
    before, count = state_of(core), len(core.rows(tables.inbox))
    core.tick(KEPT_NS / 1e9 - 100.0)
    assert len(core.rows(tables.inbox)) == count
    core.tick(LATER_S)
    assert core.rows(tables.inbox) == []
    assert state_of(core) == before
    core.check_books()


def stood(script: Script, at_s: int) -> None:
    seen = Seen(track=track_id(CAMERA, 1, 1), foot_xy_m=(0.0, 0.0), sd_m=0.1)
    script.say(CAMERA, PeopleSeen(camera=CameraId("aisle"), at_ns=ns(at_s), people=(seen,)))


@BOTH
def test_where_people_stood_goes_a_day_after_their_visits_and_nothing_else_with_it(
    core: Core,
) -> None:
    script = Script()
    for at_s in range(20):
        stood(script, at_s)
    bought(core, script)
    count = len(core.rows(tables.inbox))
    core.tick(KEPT_SEEN_NS / 1e9 - 100.0)
    assert len(core.rows(tables.inbox)) == count
    core.tick(KEPT_SEEN_NS / 1e9 + 10_000.0)
    assert len(core.rows(tables.inbox)) == count - 20
    assert "people-seen" not in {row.kind for row in core.rows(tables.inbox)}
    acked = core.hear(script.facts)
    assert acked == [fact.id for fact in script.facts], "else the node sends it for ever"
    assert len(core.rows(tables.inbox)) == count - 20
    assert core.open_reviews() == set()


def test_where_people_stood_days_ago_is_no_question(core: Core) -> None:
    core.now_s = 3 * 24 * 3600.0
    script = Script()
    stood(script, 0)
    assert core.hear(script.facts) == [fact.id for fact in script.facts]
    assert core.open_reviews() == set()


@BOTH
def test_a_repetition_of_what_went_is_acknowledged_and_does_nothing(core: Core) -> None:
    script = Script()
    bought(core, script)
    core.tick(LATER_S)
    before = state_of(core)
    for _ in range(2):
        core.crash()
        acked = core.hear(script.facts)
        assert acked == [fact.id for fact in script.facts], "else the node sends it for ever"
    core.pay()
    assert state_of(core) == before
    assert core.rows(tables.inbox) == []
    reasons = {row.reason for row in core.rows(tables.dead_letter)}
    assert reasons == {DeadReason.PRUNED}, "staff see that a node repeats itself"


def test_what_comes_new_is_taken_however_old_it_is(core: Core) -> None:
    script = Script()
    bought(core, script)
    core.tick(LATER_S)
    late = script.leave(MIKA, 31.0)
    assert core.hear([late]) == [late.id]
    (row,) = core.rows(tables.inbox)
    assert row.flags == "past"
    assert core.open_reviews() == {f"event:{late.id}"}


def test_nothing_goes_that_an_open_question_may_need(core: Core) -> None:
    bought(core, Script())
    count = len(core.rows(tables.inbox))
    core.do(lambda tx, _: open_review(tx, "event:gate-1/1-0", reason="future"))
    core.tick(LATER_S)
    assert len(core.rows(tables.inbox)) == count
    core.do(lambda tx, _: close(tx, "event:gate-1/1-0", "accept", "staff"))
    core.tick(LATER_S + 7_200.0)
    assert core.rows(tables.inbox) == []


def test_nothing_goes_of_a_visit_that_is_not_final(core: Core) -> None:
    script = Script()
    script.walk_in(1, 0.0)
    script.enter(MIKA, 1.0)
    core.now_s = 60.0
    core.hear(script.facts)
    core.tick(LATER_S)
    assert len(core.rows(tables.inbox)) == len(script.facts)


def test_an_event_beyond_a_gap_stays_until_the_gap_is_closed(core: Core) -> None:
    script = Script()
    first, missing, beyond = (
        script.sensor(GATE, at_s, SensorState.OK, SensorKind.CODE_READER)
        for at_s in (1.0, 2.0, 3.0)
    )
    core.now_s = 60.0
    core.hear([first, beyond])
    core.tick(LATER_S)
    assert [row.seq for row in core.rows(tables.inbox)] == [beyond.id.seq]
    core.crash()
    core.hear([missing])
    assert {row.seq for row in core.rows(tables.inbox)} == {missing.id.seq, beyond.id.seq}


def test_the_last_word_of_a_blind_sensor_stays(core: Core) -> None:
    script = Script()
    blind = script.sensor(CAMERA, 1.0, SensorState.BLIND, SensorKind.CAMERA)
    core.now_s = 60.0
    core.hear([blind])
    core.tick(LATER_S)
    assert [row.seq for row in core.rows(tables.inbox)] == [blind.id.seq]
    core.now_s = LATER_S
    core.hear([script.sensor(CAMERA, LATER_S - 10.0, SensorState.OK, SensorKind.CAMERA)])
    core.tick(2 * LATER_S)
    assert core.rows(tables.inbox) == []


def test_it_is_done_in_batches_and_once_an_hour(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 3)
    bought(core, Script())
    left = [len(core.rows(tables.inbox))]
    core.now_s = LATER_S
    for _ in range(4):
        core.do(timers.tick)
        left.append(len(core.rows(tables.inbox)))
    steps = [before - after for before, after in pairwise(left)]
    assert max(steps) <= 3
    assert left[-1] == 0
    assert core.do(lambda tx, _: pruning.due(tx)) == 0
