"""What a plate gives back, acts beside each other, and what is hidden under somebody's weight."""

from dataclasses import replace

import numpy as np
import pytest
from tebura_edge.apart import apart

from tests.edge.test_identification import shop, step
from tests.edge.test_weighing import Bench, make_weigher, numbers, seconds

GUM_G = 15.0


def test_a_hand_that_lifts_a_little_and_lets_go_is_told_both_ways() -> None:
    bench = Bench(10.0, seconds=20.0, plates=1, noise_g=0.5)
    bench.grams[:, 0] -= 11.0 * (bench.time_s > 8.0) - 9.0 * (bench.time_s > 10.0)
    lifted, let_go = bench.weigh()
    assert (lifted.is_back, let_go.is_back) == (False, True)
    assert lifted.delta_g == pytest.approx(-11.0, abs=1.0)
    assert let_go.delta_g == pytest.approx(9.0, abs=1.0)


def test_as_little_alone_is_nothing() -> None:
    bench = Bench(10.0, seconds=20.0, plates=1, noise_g=0.5)
    bench.grams[:, 0] += 9.0 * (bench.time_s > 10.0)
    assert bench.weigh() == []


def test_what_takes_back_what_was_told_is_never_nothing_at_all() -> None:
    planogram = shop({"gum": GUM_G, "bar": 54.0}, {"gum": [1], "bar": [3]})
    little = step({1: 7.0}, sigma_g=1.5)
    assert apart(little, planogram) == ()
    assert len(apart(replace(little, is_back=True), planogram)) == 1


def test_a_plate_that_shakes_before_it_is_taken_from_joins_no_put_back_beside_it() -> None:
    bench = Bench(10.0, seconds=20.0, plates=3, noise_g=0.5)
    bench.grams[:, 1] += GUM_G * (bench.time_s > 8.0)
    bench.grams[:, 2] -= 7.0 * (bench.time_s > 8.0) + 27.0 * (bench.time_s > 8.9)
    back, taken = sorted(bench.weigh(), key=lambda one: -one.delta_g)
    assert (numbers(back), numbers(taken)) == ([1], [2])
    assert back.delta_g == pytest.approx(GUM_G, abs=1.0)
    assert taken.delta_g == pytest.approx(-34.0, abs=1.0)


def test_what_is_taken_after_a_put_back_left_its_plate_a_little_off_is_told_by_itself() -> None:
    bench = Bench(10.0, seconds=20.0, plates=3, noise_g=0.5)
    bench.grams[:, 1] += 34.0 * (bench.time_s > 8.0)
    presses = (bench.time_s > 8.85) & (bench.time_s < 9.8)
    bench.grams[:, 2] += 6.0 * (bench.time_s > 8.0) + 70.0 * presses
    bench.grams[:, 2] -= GUM_G * (bench.time_s > 9.4)
    settled = [one for one in bench.weigh() if not one.is_passing]
    back, taken = sorted(settled, key=lambda one: -one.delta_g)
    assert (numbers(back), numbers(taken)) == ([1], [2])
    assert back.delta_g == pytest.approx(34.0, abs=1.0)
    assert taken.delta_g == pytest.approx(-GUM_G, abs=1.0)


def test_who_leans_passes_the_old_level_without_being_gone() -> None:
    bench = Bench(60.0, seconds=40.0, plates=1)
    leans = (bench.time_s > 11.0) & (bench.time_s < 24.0)
    pauses = (bench.time_s > 17.0) & (bench.time_s < 17.3)
    trembles_g = 5.0 * np.sin(2 * np.pi * 7.0 * bench.time_s)
    bench.grams[:, 0] += leans * (370.0 + 200.0 * ~pauses + trembles_g)
    bench.change(12.0, {0: -370.0})
    weigher, marks_ns, steps = make_weigher(1), [], []
    for at_ns, row in zip(bench.at_ns(), bench.quantized(), strict=True):
        steps += weigher.feed("left", np.array([at_ns]), row[None])
        if not steps:
            marks_ns.append(weigher.watermark_ns() or 0)
    (taken,) = steps
    assert seconds(taken.from_ns) < 12.2
    assert max(marks_ns) < taken.from_ns


@pytest.mark.parametrize("rate_hz", [10.0, 60.0])
def test_what_is_lifted_in_two_parts_is_no_echo_of_what_passes_beside_it(rate_hz: float) -> None:
    bench = Bench(rate_hz, seconds=20.0, plates=3, noise_g=0.5)
    rest_s = 0.5 if rate_hz == 60.0 else 1.0
    second_s = 8.0 + rest_s
    bench.grams[:, 1] += 19.0 * (abs(bench.time_s - 8.0 - 0.75 * rest_s) < 0.25 * rest_s)
    bench.grams[:, 2] -= 7.0 * (bench.time_s > 8.0) + 9.0 * (bench.time_s > second_s)
    (taken,) = (one for one in bench.weigh() if not one.is_passing)
    assert numbers(taken) == [2]
    assert taken.delta_g == pytest.approx(-16.0, abs=1.0)


@pytest.mark.parametrize("rate_hz", [10.0, 60.0])
def test_what_is_taken_while_a_neighbour_shakes_did_not_slide_there(rate_hz: float) -> None:
    bench = Bench(rate_hz, seconds=20.0, plates=3, noise_g=0.5)
    rest_s = 0.5 if rate_hz == 60.0 else 1.0
    shakes = (bench.time_s > 8.0) & (bench.time_s < 8.0 + rest_s)
    bench.grams[:, 1] += 12.0 * shakes
    bench.grams[:, 2] -= 13.0 * (bench.time_s > 8.0 + 0.2 * rest_s)
    (taken,) = bench.weigh()
    assert numbers(taken) == [2]
    assert taken.delta_g == pytest.approx(-13.0, abs=1.0)


def test_a_hand_at_a_noisy_plate_is_remembered_until_that_has_rested() -> None:
    """A plate of the store's noisiest rests for 3 s before it is believed."""
    found = 0
    for seed in range(30):
        bench = Bench(60.0, seconds=36.0, plates=1, noise_g=17.0, seed=seed)
        presses = abs(bench.time_s - 25.8) < 0.2
        bench.grams[:, 0] += 150.0 * presses - GUM_G * (bench.time_s > 26.0)
        steps = (one for one in bench.weigh() if not one.is_passing)
        found += any(abs(one.delta_g + GUM_G) < 6.0 for one in steps)
    assert found >= 28


def test_what_one_takes_and_another_puts_back_at_once_is_told_both_ways() -> None:
    """Though a plate beside it shakes, by which it might have been only pushed."""
    bench = Bench(60.0, seconds=20.0, plates=3, noise_g=0.5)
    bench.grams[:, 1] -= 18.0 * (abs(bench.time_s - 8.0) < 0.2)
    bench.grams[:, 2] -= GUM_G * ((bench.time_s > 8.05) & (bench.time_s < 8.62))
    steps = bench.weigh()
    assert any(numbers(one) == [2] and one.delta_g < -12.0 for one in steps)
    told_g = sum(one.delta_g for one in steps if numbers(one) == [2])
    assert told_g == pytest.approx(0.0, abs=2.0)
