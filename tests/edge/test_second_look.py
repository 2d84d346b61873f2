"""Light products on plates that are noisy, that wander, or beside which others act."""

import numpy as np
import pytest
from tebura_edge.identification import explain
from tebura_edge.levels import Levels

from tests.edge.test_identification import shop, step, top
from tests.edge.test_weighing import START_NS, Bench

GUM_G = 15.0


@pytest.mark.parametrize(("rate_hz", "noise_g"), [(10.0, 3.7), (60.0, 8.0)])
def test_of_a_hundred_sticks_of_gum_from_a_noisy_plate_hardly_one_is_missed(
    rate_hz: float, noise_g: float
) -> None:
    bench = Bench(rate_hz, seconds=1010.0, plates=3, noise_g=noise_g, load_g=2500.0, seed=11)
    for n in range(100):
        bench.change(10.0 + 10.0 * n, {1: -GUM_G})
    found = [one for one in bench.weigh() if one.plates == ("1/1/1",) and not one.is_passing]
    assert 98 <= len(found) <= 100
    assert np.mean([one.delta_g for one in found]) == pytest.approx(-GUM_G, abs=1.0)


def test_what_goes_in_two_halves_that_are_each_too_little_is_told_as_one() -> None:
    bench = Bench(60.0, seconds=20.0, plates=1, noise_g=0.5)
    bench.grams[:, 0] -= 7.5 * (bench.time_s > 8.0) + 7.5 * (bench.time_s > 9.5)
    (told,) = bench.weigh()
    assert told.delta_g == pytest.approx(-GUM_G, abs=0.5)


def test_halves_that_come_to_nothing_are_none() -> None:
    bench = Bench(60.0, seconds=20.0, plates=1, noise_g=0.5)
    bench.grams[:, 0] -= 7.5 * (bench.time_s > 8.0) - 7.5 * (bench.time_s > 9.5)
    assert bench.weigh() == []


def test_a_product_is_known_whose_plate_another_hand_nearby_left_a_little_off() -> None:
    planogram = shop({"gum": GUM_G, "bar": 54.0}, {"gum": [1], "bar": [3]})
    alone = step({1: -11.0}, sigma_g=0.4)
    shaken = step({1: -11.0}, sigma_g=0.4, is_shaken=True)
    assert top(explain(shaken, planogram)) == ("gum", 1)
    assert explain(shaken, planogram).is_explained
    assert explain(shaken, planogram).log_product > explain(alone, planogram).log_product + 2.0


@pytest.mark.parametrize(
    ("weight_g", "sigma_g", "least", "most"), [(40.0, 0.4, 0.99, 1.0), (12.5, 4.0, 0.0, 0.5)]
)
def test_what_is_laid_down_is_believed_as_far_as_it_is_no_noise(
    weight_g: float, sigma_g: float, least: float, most: float
) -> None:
    planogram = shop({"gum": GUM_G, "bar": 54.0}, {"gum": [1], "bar": [3]})
    laid = explain(step({1: weight_g}, sigma_g=sigma_g), planogram)
    assert least <= laid.thing_chance <= most


def test_a_plate_that_wanders_is_known_within_ten_seconds() -> None:
    rng = np.random.default_rng(5)
    seconds, rate_hz, walk_g = 12.0, 60.0, 2.0
    count = int(seconds * rate_hz)
    steps_g = rng.normal(0.0, walk_g / np.sqrt(rate_hz), (count, 1))
    levels = Levels(1)
    at_ns = START_NS + np.arange(count) * int(1e9 / rate_hz)
    for begin in range(0, count, 12):
        batch = slice(begin, begin + 12)
        for _ in levels.feed(at_ns[batch], 800.0 + np.cumsum(steps_g, axis=0)[batch]):
            pass
    assert levels.sigma_g(0) > walk_g / 2


def test_the_longer_a_wandering_plate_did_not_rest_the_less_its_change_is_sure() -> None:
    rng = np.random.default_rng(5)
    time_s = np.arange(0.0, 66.0, 1.0 / 60.0)
    walk_g = np.cumsum(rng.normal(0.0, 2.0 / np.sqrt(60.0), len(time_s)))
    taken_g = walk_g - 100.0 * (time_s > 63.0)
    sways_g = (3000.0 + 300.0 * np.sin(8.0 * time_s)) * ((time_s > 57.0) & (time_s < 63.0))
    at_ns = START_NS + (1e9 * time_s).astype(np.int64)
    moves = []
    for lean_g in (0.0, 1.0):
        found = Levels(1).feed(at_ns, (800.0 + taken_g + lean_g * sways_g)[:, None])
        moves.append(next(one for judged in found for one in judged if one.delta_g < -50.0))
    at_once, leant_on = moves
    assert leant_on.rested_ns < START_NS + int(57.2e9) < at_once.rested_ns
    assert leant_on.sigma_g > 1.5 * at_once.sigma_g


@pytest.mark.parametrize("slowly_s", [1.2, 1.6])
def test_who_begins_to_lean_slowly_makes_no_plate_look_as_if_it_wandered(slowly_s: float) -> None:
    bench = Bench(60.0, seconds=45.0, plates=1, noise_g=0.5)
    since_s = bench.time_s - 20.0
    sways_g = 600.0 + np.cumsum(np.random.default_rng(0).normal(0.0, 9.0, len(since_s)))
    bench.grams[:, 0] += 6.0 * since_s / slowly_s * ((since_s > 0.0) & (since_s < slowly_s))
    bench.grams[:, 0] += sways_g * ((since_s > slowly_s) & (since_s < 13.0))
    bench.grams[:, 0] += GUM_G * (since_s > 13.0)
    (laid,) = (one for one in bench.weigh() if not one.is_passing)
    assert laid.delta_g == pytest.approx(GUM_G, abs=1.0)


def restless(seed: int) -> Bench:
    """The first half minute of 40 plates of which every fifth walks by 2 g in a second."""
    bench = Bench(60.0, seconds=25.0, plates=40, noise_g=0.2, seed=seed)
    walks = np.cumsum(bench.random.normal(0.0, 2.0 / np.sqrt(60.0), (1500, 8)), axis=0)
    bench.grams[:, ::5] += walks
    return bench


def test_of_forty_restless_plates_hardly_one_is_believed_before_it_is_known() -> None:
    told = [one for seed in range(12) for one in restless(seed).weigh() if not one.is_passing]
    assert len(told) <= 1


@pytest.mark.parametrize("noise_g", [0.5, 3.0])
def test_a_stick_of_gum_is_found_three_seconds_after_the_start(noise_g: float) -> None:
    for seed in range(20):
        bench = Bench(60.0, seconds=10.0, plates=3, noise_g=noise_g, seed=seed)
        bench.change(3.0, {1: -GUM_G})
        (found,) = (one for one in bench.weigh() if one.plates == ("1/1/1",))
        assert found.delta_g == pytest.approx(-GUM_G, abs=3.0)
