"""Pace: how often something may be done that takes its time."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import Ns
from tebura_contract.messages import Watermark
from tebura_contract.topics import Channel, topic
from tebura_gateway.adapters import desk
from tebura_gateway.domain.facts import Fact
from tebura_gateway.service.checking import Inbound
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.nodes import note_watermark
from tebura_gateway.service.pace import Pace
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core
from tests.gateway.nodes import sealed
from tests.gateway.shop import CAMERA, STORE, TEA, Script, candidate

REST, SAVED_S = 4.0, 0.25


@given(st.lists(st.tuples(st.floats(0.0, 2.0), st.floats(0.0001, 0.5)), min_size=1, max_size=60))
def test_over_any_while_it_takes_no_more_than_its_share_and_what_was_saved(
    tries: list[tuple[float, float]],
) -> None:
    pace, now_s = Pace(REST, SAVED_S), 100.0
    done: list[tuple[float, float]] = []
    for wait_s, takes_s in tries:
        now_s = max(now_s + wait_s, pace.due_s)
        done.append((now_s, takes_s))
        now_s += takes_s
        pace.took(takes_s, now_s)
    for first in range(len(done)):
        began_s = done[first][0]
        for last in range(first, len(done)):
            before_s = sum(takes_s for _, takes_s in done[first:last])
            # What was done before it leaves room for one that begins now.
            elapsed_s = done[last][0] - began_s
            assert before_s * (1 + REST) <= elapsed_s + SAVED_S + 1e-9


def test_after_a_quiet_while_several_come_at_once() -> None:
    pace, now_s = Pace(REST, SAVED_S), 100.0
    for _ in range(5):
        assert pace.due_s <= now_s
        now_s += 0.010
        pace.took(0.010, now_s)


def test_many_come_at_their_share() -> None:
    pace, now_s, count = Pace(REST, SAVED_S), 100.0, 0
    while now_s < 110.0:
        now_s = max(now_s, pace.due_s) + 0.010
        pace.took(0.010, now_s)
        count += 1
    # A fifth of ten seconds, and what was saved.
    assert 200 <= count <= 200 + 6


def messages_of(facts: list[Fact]) -> list[Inbound]:
    found = []
    for fact in facts:
        payload = sealed(fact)
        found.append(Inbound(topic(Channel.EVENT, STORE, fact.id.node), payload, len(payload)))
    return found


class Hours:
    """A clock that goes on as work is done: a judgement takes a while, a batch some."""

    JUDGEMENT_S, BATCH_S = 0.020, 0.050

    def __init__(self, awaits_words: bool = False) -> None:
        self.now_s, self.judging_s = 1_000.0, 0.0
        self.judged_s: list[float] = []
        self.awaits_words = awaits_words

    def judge(self, _: Tx, memory: Memory) -> None:
        self.now_s += self.JUDGEMENT_S
        self.judging_s += self.JUDGEMENT_S
        memory.is_stale = memory.has_words = False
        memory.awaits_words = self.awaits_words
        self.judged_s.append(self.now_s)


def desk_of(core: Core, patch: pytest.MonkeyPatch, hours: Hours) -> desk.Desk:
    patch.setattr(desk, "recompute", hours.judge)
    return desk.Desk(
        core.database,
        core.shop,
        lambda: core.now_ns,
        lambda: hours.now_s,
        on_commit=lambda _: None,
        on_call=lambda _: None,
    )


def share_of_judging(
    core: Core, patch: pytest.MonkeyPatch, messages: list[Inbound], at_once: int
) -> float:
    """Of the time that it takes to take these messages in, so many at once."""
    hours = Hours()
    taking = desk_of(core, patch, hours)
    for begin in range(0, len(messages), at_once):
        mail = desk.Mail(messages[begin : begin + at_once], lambda _: None)
        taking.follow(taking.commit([mail]))
        hours.now_s += hours.BATCH_S
    return hours.judging_s / (hours.now_s - 1_000.0)


def test_whoever_is_behind_takes_in_first_and_judges_a_little(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script()
    for n in range(1, 1_301):
        track = script.walk_in(n, n * 9.0)
        script.walk_out(track, n * 9.0 + 6.5)
    told = messages_of(script.facts)
    few = share_of_judging(core, monkeypatch, told[:400], at_once=2)
    many = share_of_judging(core, monkeypatch, told[400:], at_once=desk.BEHIND_MESSAGES)
    assert 0.15 < few < 0.25
    assert 0.02 < many < 0.08


def words_for(taking: desk.Desk, hours: Hours, seconds: int) -> None:
    """Twenty times a second some node says how far its word goes, as many nodes do."""
    for number in range(20 * seconds):
        taking.follow(taking.commit([desk.Job(partial(_word, at_ns=number))]))
        until_s = hours.now_s + 0.05
        while hours.now_s + taking.wait_s() < until_s:
            hours.now_s += taking.wait_s()
            taking.follow(taking.commit([]))
        hours.now_s = max(hours.now_s, until_s)


def _word(_: Tx, memory: Memory, at_ns: int) -> None:
    claim = Watermark(boot=1, seq=-1, at_ns=Ns(at_ns), uncertainty_ns=Ns(0))
    note_watermark(memory, CAMERA, claim)


def test_words_that_nobody_waits_for_are_judged_once_a_second(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Hours()
    words_for(desk_of(core, monkeypatch, hours), hours, seconds=10)
    # The first at the start.
    assert 9 <= len(hours.judged_s) <= 12


def test_words_that_somebody_waits_for_are_judged_together_and_soon(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Hours(awaits_words=True)
    words_for(desk_of(core, monkeypatch, hours), hours, seconds=10)
    # 20 ms of work, 80 ms of rest, and until the next word came and others might have.
    assert 60 <= len(hours.judged_s) <= 101


def test_a_step_is_judged_at_once_however_much_was_judged_for_words(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = Hours(awaits_words=True)
    taking = desk_of(core, monkeypatch, hours)
    words_for(taking, hours, seconds=5)
    before = len(hours.judged_s)
    script = Script()
    script.pick(1.0, candidate(TEA))
    taking.follow(taking.commit([desk.Mail(messages_of(script.facts), lambda _: None)]))
    assert len(hours.judged_s) == before + 1
