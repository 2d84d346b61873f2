"""Pace: how often something may be done that takes its time."""

from hypothesis import given
from hypothesis import strategies as st
from tebura_gateway.service.pace import Pace

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
