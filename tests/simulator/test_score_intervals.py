"""Intervals are those of the tables, and mean what they say."""

import numpy as np
import pytest
from tebura_contract.binomial import clopper_pearson
from tebura_simulator.scoring.clerk import answered_s
from tebura_simulator.scoring.intervals import (
    mean,
    proportion,
    ratio,
    rule_of_three,
)
from tebura_simulator.scoring.totals import seconds


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # As tables of exact binomial limits print them (Documenta Geigy, Scientific Tables).
        pytest.param(0, 10, 0.0, 0.3085, id="none-of-10"),
        pytest.param(1, 10, 0.0025, 0.4450, id="1-of-10"),
        pytest.param(5, 10, 0.1871, 0.8129, id="half-of-10"),
        pytest.param(10, 10, 0.6915, 1.0, id="all-of-10"),
        pytest.param(2, 20, 0.0123, 0.3170, id="2-of-20"),
        pytest.param(3, 30, 0.0211, 0.2653, id="3-of-30"),
    ],
)
def test_exact_intervals_are_those_of_the_tables(
    count: int, of: int, low: float, high: float
) -> None:
    assert clopper_pearson(count, of) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("of", [1, 7, 4_000])
def test_nothing_of_n_has_the_closed_form(of: int) -> None:
    assert clopper_pearson(0, of)[1] == pytest.approx(1.0 - 0.025 ** (1.0 / of), abs=1e-9)
    assert clopper_pearson(of, of)[0] == pytest.approx(0.025 ** (1.0 / of), abs=1e-9)


def test_an_exact_interval_covers_the_truth_at_least_as_often_as_it_says() -> None:
    random, rate = np.random.default_rng(1), 0.07
    intervals = [clopper_pearson(count, 40) for count in range(41)]
    drawn = random.binomial(40, rate, size=5_000)
    covered = np.mean([intervals[n][0] <= rate <= intervals[n][1] for n in drawn])
    assert covered >= 0.95


def test_what_never_happened_is_bounded_by_three_in_n() -> None:
    found = proportion(0, 300)
    assert found is not None
    assert found.at_most == pytest.approx(0.01)
    # The chance of seeing nothing in n at that rate is just under 5 %.
    assert 0.045 < (1.0 - rule_of_three(300)) ** 300 < 0.05
    happened = proportion(1, 300)
    assert happened is not None
    assert happened.at_most is None


def test_a_share_of_nothing_is_unknown() -> None:
    assert proportion(0, 0) is None
    assert mean([]) is None
    with pytest.raises(ValueError):
        clopper_pearson(3, 2)


def test_a_bootstrapped_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        found = mean(list(random.normal(5.0, 2.0, size=40)))
        assert found is not None
        covered += found.low <= 5.0 <= found.high
    assert 88 <= covered <= 100


def test_a_mean_is_the_same_however_often_it_is_asked() -> None:
    values = [0.0, 0.5, 1.0, 1.0, 0.25]
    assert mean(values) == mean(values)
    same = mean([0.5] * 9)
    assert same is not None
    assert (same.low, same.value, same.high) == (0.5, 0.5, 0.5)


def test_a_ratio_draws_cases_and_not_their_parts() -> None:
    # Two cases, one all wrong and one all right: with cases drawn whole, anything may come.
    found = ratio([0.0, 100.0], [100.0, 100.0])
    assert found is not None
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)


def test_the_clerk_takes_one_question_after_the_other() -> None:
    assert answered_s({"b": 10.0, "a": 0.0, "c": 500.0}, 45.0) == {"a": 45.0, "b": 90.0, "c": 545.0}


def test_quantiles_say_of_how_many() -> None:
    found = seconds([float(n) for n in range(101)])
    assert found is not None
    assert (found.p50, found.p95, found.p99, found.of) == (50.0, 95.0, 99.0, 101)
    assert seconds([]) is None
