"""Store time from a gateway's answers: never surer than the evidence allows."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Ns
from tebura_contract.messages import ClockAnswer
from tebura_edge.clock import DRIFT_PPM, WALL_UNCERTAINTY_NS, OffsetEstimator, StoreClock

MS = MILLISECOND_NS


def ask(sent_ns: int, offset_ns: int, there_ns: int, back_ns: int) -> tuple[ClockAnswer, int]:
    """A gateway whose clock is ours plus `offset_ns`, with these ways there and back."""
    received_ns = sent_ns + there_ns + offset_ns
    answered_ns = received_ns + MS
    answer = ClockAnswer(
        boot=1,
        sent_ns=Ns(sent_ns),
        received_store_ns=Ns(received_ns),
        answered_store_ns=Ns(answered_ns),
    )
    return answer, answered_ns - offset_ns + back_ns


class FakeClock:
    def __init__(self, wall_ahead_ns: int = 0) -> None:
        self.now_ns = 1_000 * SECOND_NS
        self.wall_ahead_ns = wall_ahead_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns + self.wall_ahead_ns


@given(
    offset_ns=st.integers(-(10**18), 10**18),
    ways_ms=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=30),
    drift_ppm=st.integers(-DRIFT_PPM, DRIFT_PPM),
)
def test_the_truth_is_always_within_the_doubt(
    offset_ns: int, ways_ms: list[tuple[int, int]], drift_ppm: int
) -> None:
    estimator = OffsetEstimator()
    for n, (there_ms, back_ms) in enumerate(ways_ms):
        sent_ns = n * 5 * SECOND_NS
        true_ns = offset_ns + sent_ns * drift_ppm // 1_000_000
        answer, arrived_ns = ask(sent_ns, true_ns, there_ms * MS, back_ms * MS)
        estimator.answered(answer, arrived_ns)
        best = estimator.best(arrived_ns)
        assert best is not None
        # Within one exchange the true offset itself moves by the drift.
        slack_ns = 2 + (arrived_ns - sent_ns) * DRIFT_PPM // 1_000_000
        assert abs(best[0] - true_ns) <= best[1] + slack_ns


def test_the_quickest_answer_counts_whatever_the_others_say() -> None:
    estimator = OffsetEstimator()
    for n, back_ms in enumerate([300, 2, 280, 250]):
        answer, arrived_ns = ask(n * SECOND_NS, 7 * SECOND_NS, 2 * MS, back_ms * MS)
        estimator.answered(answer, arrived_ns)
    offset_ns, doubt_ns = estimator.best(4 * SECOND_NS) or (0, 0)
    assert abs(offset_ns - 7 * SECOND_NS) <= MS
    assert doubt_ns < 3 * MS


def test_doubt_grows_while_the_gateway_is_away() -> None:
    estimator = OffsetEstimator()
    estimator.answered(*ask(0, 0, MS, MS))
    _, fresh_ns = estimator.best(10 * MS) or (0, 0)
    _, hour_later_ns = estimator.best(3600 * SECOND_NS) or (0, 0)
    assert fresh_ns < 2 * MS
    assert hour_later_ns == pytest.approx(180 * MS, rel=0.05)  # 50 ppm of an hour


@pytest.mark.parametrize(
    ("there_ns", "back_ns"),
    [
        pytest.param(0, 5 * SECOND_NS, id="too-slow"),
        pytest.param(-30 * SECOND_NS, 0, id="before-it-was-asked"),
    ],
)
def test_an_answer_that_says_nothing_is_left_out(there_ns: int, back_ns: int) -> None:
    estimator = OffsetEstimator()
    assert not estimator.answered(*ask(0, 0, there_ns, back_ns))
    assert estimator.best(SECOND_NS) is None


def test_one_contradicting_answer_raises_doubt_and_two_move_the_clock() -> None:
    estimator = OffsetEstimator()
    for n in range(8):
        estimator.answered(*ask(n * SECOND_NS, 0, MS, MS))
    estimator.answered(*ask(8 * SECOND_NS, 60 * SECOND_NS, MS, MS))
    offset_ns, doubt_ns = estimator.best(8 * SECOND_NS) or (0, 0)
    assert abs(offset_ns) < MS
    assert doubt_ns >= 59 * SECOND_NS
    estimator.answered(*ask(9 * SECOND_NS, 60 * SECOND_NS, MS, MS))
    offset_ns, doubt_ns = estimator.best(9 * SECOND_NS + 5 * MS) or (0, 0)
    assert abs(offset_ns - 60 * SECOND_NS) < 2 * MS
    assert doubt_ns < 3 * MS


def test_a_single_wild_answer_is_forgotten() -> None:
    estimator = OffsetEstimator()
    for n in range(4):
        estimator.answered(*ask(n * SECOND_NS, 0, MS, MS))
    estimator.answered(*ask(4 * SECOND_NS, 60 * SECOND_NS, MS, MS))
    estimator.answered(*ask(5 * SECOND_NS, 0, MS, MS))
    offset_ns, doubt_ns = estimator.best(5 * SECOND_NS + 5 * MS) or (0, 0)
    assert abs(offset_ns) < MS
    assert doubt_ns < 3 * MS


def test_before_the_first_answer_it_is_the_wall_clock_with_a_second_of_doubt() -> None:
    clock = FakeClock(wall_ahead_ns=5_000 * SECOND_NS)
    store = StoreClock(clock)
    assert store.now().at_ns == clock.wall_ns()
    assert store.now().uncertainty_ns == WALL_UNCERTAINTY_NS
    clock.wall_ahead_ns += 3600 * SECOND_NS  # the network's time arrived
    step = store.update()
    assert step is not None
    assert step.by_ns == 3600 * SECOND_NS
    assert store.now().at_ns == clock.wall_ns()
    assert not store.is_answered


def test_the_first_answer_sets_the_clock_and_says_so() -> None:
    clock = FakeClock()
    store = StoreClock(clock)
    answer, arrived_ns = ask(clock.now_ns, -90 * SECOND_NS, MS, MS)
    clock.now_ns = arrived_ns
    store.answered(answer, arrived_ns)
    step = store.update()
    assert step is not None
    assert step.by_ns == pytest.approx(-90 * SECOND_NS, abs=MS)
    assert store.now().uncertainty_ns < 3 * MS
    assert store.is_answered


def test_small_corrections_never_turn_time_back() -> None:
    clock = FakeClock()
    store = StoreClock(clock)
    rng = random.Random(3)
    before_ns = 0
    for n in range(600):
        # The gateway's clock is slewed by its own time service, up to 500 ppm.
        offset_ns = round(40 * MS * (n / 600)) * (-1 if n > 300 else 1)
        if n % 10 == 0:
            answer, arrived_ns = ask(
                clock.now_ns, offset_ns, rng.randrange(1, 30) * MS, rng.randrange(1, 30) * MS
            )
            store.answered(answer, arrived_ns)
            clock.now_ns = arrived_ns
        clock.now_ns += 100 * MS
        assert store.update() is None or n == 0
        assert store.now().at_ns >= before_ns
        before_ns = store.now().at_ns


def test_while_it_slews_the_doubt_covers_what_is_left() -> None:
    clock = FakeClock()
    store = StoreClock(clock)
    answer, clock.now_ns = ask(clock.now_ns, 0, MS, MS)
    store.answered(answer, clock.now_ns)
    store.update()
    for _ in range(2):
        answer, clock.now_ns = ask(clock.now_ns + SECOND_NS, 200 * MS, MS, MS)
        store.answered(answer, clock.now_ns)
    store.update()
    assert store.now().uncertainty_ns >= 150 * MS
    for _ in range(600):
        clock.now_ns += 100 * MS
        store.update()
    assert store.now().at_ns - clock.now_ns == pytest.approx(200 * MS, abs=2 * MS)
    assert store.now().uncertainty_ns < 10 * MS
