"""Weighing on synthetic plates that behave as the store's real ones do.

60 Hz in batches of 12 every 200 ms; a pick takes 0.1-0.3 s, overshoots by 5-40 % and rings for half
a second; neighbours move by up to 20 g meanwhile and stay off by up to 9 g; noise, drift, steps of
0.24 g and glitches of full scale, single and double.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import PlateId, ShelfId
from tebura_edge.weighing import Weigher, min_step_g
from tebura_edge.weight_step import PlateSite, WeightStep

START_NS = 1_700_000_000 * SECOND_NS
WIDTH_M = 0.1

Floats = NDArray[np.float64]


@dataclass
class Bench:
    """A shelf of plates on a bench: grams over time, to which actions are added."""

    rate_hz: float
    seconds: float
    plates: int = 6
    noise_g: float = 0.8
    load_g: float = 800.0
    seed: int = 0
    time_s: Floats = field(init=False)
    grams: Floats = field(init=False)
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.time_s = np.arange(int(self.seconds * self.rate_hz)) / self.rate_hz
        shape = (len(self.time_s), self.plates)
        self.grams = self.load_g + self.random.normal(0, self.noise_g, shape)

    def change(self, at_s: float, deltas_g: dict[int, float]) -> None:
        """Take (negative) or put at a moment, with overshoot, ring, and neighbours that follow."""
        moving_s = self.random.uniform(0.1, 0.3)
        since_s = self.time_s - at_s
        ramp = np.clip(since_s / moving_s, 0, 1)
        rung_s = np.clip(since_s - moving_s, 0, None)
        ring = np.exp(-rung_s / 0.15) * np.cos(2 * np.pi * 7 * rung_s) * (since_s > moving_s)
        overshoot = self.random.uniform(0.05, 0.4)
        for plate, delta_g in deltas_g.items():
            self.grams[:, plate] += delta_g * (ramp + overshoot * ring)
        total_g = abs(sum(deltas_g.values()))
        for plate in {min(deltas_g) - 1, max(deltas_g) + 1} & set(range(self.plates)):
            shake_g = self.random.uniform(-1, 1) * min(20.0, total_g / 4)
            stay_g = self.random.uniform(-1, 1) * min(9.0, total_g / 20)
            self.grams[:, plate] += shake_g * ring + stay_g * ramp

    def press(self, at_s: float, for_s: float, weight_g: float, plate: int, tremor: float) -> None:
        """A hand leans on a plate; its force trembles by that share."""
        rise = np.clip((self.time_s - at_s) / 0.4, 0, 1)
        fall = np.clip((at_s + for_s - self.time_s) / 0.4, 0, 1)
        knots_s = np.arange(0, self.seconds + 1, 0.4)
        shaking = np.interp(self.time_s, knots_s, self.random.normal(0, 1, len(knots_s)))
        self.grams[:, plate] += weight_g * rise * fall * (1 + tremor * shaking)

    def drift(self, g_per_h: float) -> None:
        self.grams += g_per_h * self.time_s[:, None] / 3600

    def glitches(self, share: float) -> None:
        """Samples of any value up to full scale; every second one lasts for two samples."""
        hit = self.random.random(self.grams.shape) < share
        again = np.roll(hit, 1, axis=0) & (self.random.random(hit.shape) < 0.5)
        hit |= again
        self.grams[hit] = self.random.uniform(-25_000, 25_000, int(hit.sum()))

    def at_ns(self) -> NDArray[np.int64]:
        return START_NS + np.round(self.time_s * SECOND_NS).astype(np.int64)

    def quantized(self) -> Floats:
        grams: Floats = np.round(self.grams / 0.24) * 0.24
        return grams

    def weigh(self, lightest_g: float = 15.0, batch: int | None = None) -> list[WeightStep]:
        weigher = make_weigher(self.plates, lightest_g)
        size = batch or max(int(0.2 * self.rate_hz), 1)
        return feed(weigher, self.at_ns(), self.quantized(), size)


def make_weigher(plates: int, lightest_g: float = 15.0) -> Weigher:
    return Weigher({"left": [site(n) for n in range(plates)]}, min_step_g(lightest_g))


def site(n: int, shelf: str = "1/1") -> PlateSite:
    left_m = n * WIDTH_M
    return PlateSite(
        plate=PlateId(f"{shelf}/{n}"), shelf=ShelfId(shelf), x_m=(left_m, left_m + WIDTH_M)
    )


def feed(
    weigher: Weigher, at_ns: NDArray[np.int64], grams: Floats, batch: int = 12
) -> list[WeightStep]:
    return [
        step
        for at in range(0, len(at_ns), batch)
        for step in weigher.feed("left", at_ns[at : at + batch], grams[at : at + batch])
    ]


def numbers(step: WeightStep) -> list[int]:
    return [int(plate.rpartition("/")[2]) for plate in step.plates]


def seconds(at_ns: int) -> float:
    return (at_ns - START_NS) / SECOND_NS


# What is found --------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [1.0, 2.0, 4.0, 10.0, 60.0])
@pytest.mark.parametrize("delta_g", [-15.0, -200.0, 480.0])
def test_a_step_is_told_once_with_its_plate_weight_and_times(
    rate_hz: float, delta_g: float
) -> None:
    bench = Bench(rate_hz, 30.0)
    bench.change(12.0, {2: delta_g})
    (step,) = bench.weigh()
    assert numbers(step) == [2]
    assert step.delta_g == pytest.approx(delta_g, abs=2.0)
    # A filtered sample stands for five: slow plates are that uncertain about the moment.
    slack_s = 0.15 + 2 / rate_hz
    assert 12.0 - slack_s <= seconds(step.from_ns) <= 12.3 + slack_s
    assert seconds(step.from_ns) <= seconds(step.to_ns) <= 13.0 + slack_s


@pytest.mark.parametrize(("rate_hz", "limit_s"), [(60.0, 0.8), (10.0, 1.5)])
def test_a_step_is_told_soon_after_the_plate_rests(rate_hz: float, limit_s: float) -> None:
    late = []
    for seed in range(12):
        bench = Bench(rate_hz, 20.0, seed=seed)
        bench.change(10.0, {3: -250.0})
        weigher = make_weigher(bench.plates)
        at_ns, grams = bench.at_ns(), bench.quantized()
        told_at = next(
            n for n in range(len(at_ns)) if weigher.feed("left", at_ns[n : n + 1], grams[n : n + 1])
        )
        # The ring is below 1 % of the step 0.7 s after the hand let go.
        late.append(told_at / rate_hz - 10.0 - 0.7)
    assert max(late) <= limit_s


def test_a_product_on_three_plates_is_one_step() -> None:
    bench = Bench(60.0, 20.0)
    bench.change(10.0, {1: -56.0, 2: -25.0, 3: -18.0})
    (step,) = bench.weigh()
    assert numbers(step) == [1, 2, 3]
    assert step.delta_g == pytest.approx(-99.0, abs=2.0)


def test_neighbours_that_shake_and_stay_off_are_not_named() -> None:
    for seed in range(10):
        bench = Bench(60.0, 20.0, seed=seed)
        bench.change(10.0, {2: -400.0})
        (step,) = bench.weigh()
        assert numbers(step) == [2]
        assert step.delta_g == pytest.approx(-400.0, abs=2.0)


def test_slow_plates_need_no_longer_rests_than_their_filter() -> None:
    bench = Bench(1.0, 60.0, plates=2)
    bench.change(20.0, {0: -150.0})
    bench.change(29.5, {0: -150.0})
    assert [round(step.delta_g, -1) for step in bench.weigh()] == [-150.0, -150.0]


def test_two_people_far_apart_on_one_shelf_are_two_steps() -> None:
    bench = Bench(60.0, 20.0, plates=10)
    bench.change(10.0, {1: -120.0})
    bench.change(10.1, {8: -300.0})
    steps = bench.weigh()
    assert sorted((numbers(step), round(step.delta_g, -1)) for step in steps) == [
        ([1], -120.0),
        ([8], -300.0),
    ]


def test_a_pick_and_a_put_back_with_a_rest_between_are_two_steps() -> None:
    bench = Bench(60.0, 20.0)
    bench.change(10.0, {2: -300.0})
    bench.change(11.6, {2: 300.0})
    assert [round(step.delta_g, -1) for step in bench.weigh()] == [-300.0, 300.0]


def test_two_units_a_second_apart_from_two_plates_are_told_whole() -> None:
    """Plate 1 rests between the two picks, plate 2 does not (a hand holds on): no share is lost."""
    bench = Bench(60.0, 12.0)
    bench.change(4.0, {1: -40.0, 2: -60.0})
    bench.press(4.0, 1.3, -80.0, 2, tremor=0.3)
    bench.change(5.3, {1: -40.0, 2: -60.0})
    steps = bench.weigh()
    assert [numbers(step) for step in steps] == [[1, 2]]
    assert steps[0].delta_g == pytest.approx(-200.0, abs=4.0)


def test_a_pick_and_a_put_back_beside_it_a_second_later_are_two_steps() -> None:
    bench = Bench(60.0, 20.0)
    bench.change(10.0, {1: -300.0})
    bench.change(11.0, {2: 180.0})
    steps = bench.weigh()
    assert [(numbers(step), round(step.delta_g, -1)) for step in steps] == [
        ([1], -300.0),
        ([2], 180.0),
    ]


@pytest.mark.parametrize("rate_hz", [10.0, 60.0])
def test_a_busy_quarter_of_an_hour_misses_and_invents_nothing(rate_hz: float) -> None:
    found = told = 0
    for seed in range(3):
        bench = Bench(rate_hz, 300.0, seed=seed)
        actions, at_s = [], 8.0
        while at_s < 290:
            weight_g = float(np.exp(bench.random.uniform(np.log(15), np.log(600))))
            delta_g = weight_g * float(bench.random.choice([-1, 1]))
            actions.append((at_s, int(bench.random.integers(0, 6)), delta_g))
            bench.change(at_s, {actions[-1][1]: delta_g})
            at_s += float(bench.random.uniform(3.0, 7.0))
        bench.glitches(1e-3)
        steps = bench.weigh()
        assert len(steps) == len(actions)
        for step, (began_s, plate, delta_g) in zip(steps, actions, strict=True):
            assert numbers(step) == [plate]
            assert step.delta_g == pytest.approx(delta_g, abs=3.0)
            assert abs(seconds(step.to_ns) - began_s) < 2.0
        found, told = found + len(actions), told + len(steps)
    assert found == told >= 100


# What is not there ----------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [4.0, 10.0, 60.0])
def test_glitches_of_full_scale_yield_nothing(rate_hz: float) -> None:
    bench = Bench(rate_hz, 200.0, plates=8)
    bench.glitches(5e-3)
    assert bench.weigh() == []


def test_drift_of_half_an_hour_yields_nothing_and_hides_no_light_pick() -> None:
    bench = Bench(10.0, 1800.0, plates=2)
    bench.drift(40.0)
    bench.change(1500.0, {1: -15.0})
    (step,) = bench.weigh()
    assert step.delta_g == pytest.approx(-15.0, abs=2.0)


@pytest.mark.parametrize("rate_hz", [4.0, 10.0, 60.0])
@pytest.mark.parametrize("tremor", [0.0, 0.01])
def test_a_hand_that_presses_with_5_to_12_kg_is_no_step(rate_hz: float, tremor: float) -> None:
    bench = Bench(rate_hz, 300.0, plates=3, load_g=3000.0)
    for n in range(8):
        for_s = float(bench.random.uniform(1, 20))
        bench.press(8 + n * 35, for_s, float(bench.random.uniform(5200, 12_000)), 1, tremor)
    assert all(step.is_passing for step in bench.weigh())


@pytest.mark.parametrize("rate_hz", [4.0, 10.0, 60.0])
def test_what_is_less_after_a_press_is_told_once(rate_hz: float) -> None:
    bench = Bench(rate_hz, 60.0, plates=2, load_g=3000.0)
    bench.press(10.0, 18.0, 8000.0, 1, 0.01)
    bench.grams[:, 1] -= 200 * np.clip((bench.time_s - 14) / 10, 0, 1)
    (step,) = bench.weigh()
    assert step.delta_g == pytest.approx(-200.0, abs=3.0)
    assert seconds(step.from_ns) == pytest.approx(10.0, abs=0.8)


def test_what_is_taken_while_somebody_leans_there_begins_when_it_was_taken() -> None:
    bench = Bench(60.0, 40.0, plates=1)
    bench.change(12.0, {0: -370.0})
    # Who leans there sways, so that the plate passes its old level again and again.
    leans = (bench.time_s > 11.0) & (bench.time_s < 24.0)
    bench.grams[leans, 0] += 370.0 + 80.0 * np.sin(2 * np.pi * 0.3 * (bench.time_s[leans] - 11.0))
    (step,) = bench.weigh()
    assert step.delta_g == pytest.approx(-370.0, abs=4.0)
    assert seconds(step.from_ns) < 12.2


def wandering(bench: Bench, sd_g: float) -> None:
    """A plate that is somewhere else every second, by so much."""
    knots_s = np.arange(0.0, bench.seconds + 2.0)
    for plate in range(bench.plates):
        where_g = bench.random.normal(0.0, sd_g, len(knots_s))
        bench.grams[:, plate] += np.interp(bench.time_s, knots_s, where_g)


def test_where_a_hand_was_less_is_needed_to_believe_that_it_took_something() -> None:
    found, of = 0, 0
    for seed in range(8):
        bench = Bench(60.0, 100.0, plates=1, noise_g=0.5, seed=seed)
        wandering(bench, 3.5)
        at_s = [50.0, 70.0, 90.0]
        for number, begin_s in enumerate(at_s):
            bench.change(begin_s, {0: 15.0 if number % 2 else -15.0})
            bench.press(begin_s - 0.5, 1.1, 40.0, 0, 0.0)
        told = bench.weigh()
        found += sum(any(abs(seconds(one.from_ns) - s) < 1.5 for one in told) for s in at_s)
        of += len(at_s)
    assert found >= 0.85 * of


def test_what_begins_with_little_is_told_with_all_of_it() -> None:
    bench = Bench(10.0, 40.0, plates=1, noise_g=1.0)
    bench.grams[bench.time_s > 20.0, 0] -= 9.0
    bench.change(20.9, {0: -60.0})
    (step,) = bench.weigh()
    assert step.delta_g == pytest.approx(-69.0, abs=2.0)


def test_a_heavy_thing_that_stays_is_told_in_the_end() -> None:
    bench = Bench(10.0, 90.0, plates=2)
    bench.grams[300:, 0] += 7000.0
    (step,) = bench.weigh()
    assert step.delta_g == pytest.approx(7000.0, abs=3.0)


def test_the_first_weight_is_a_baseline() -> None:
    assert Bench(60.0, 10.0, load_g=5000.0).weigh() == []


def test_a_thing_that_slides_to_the_next_plate_only_passed() -> None:
    bench = Bench(60.0, 20.0)
    bench.change(10.0, {2: -300.0, 3: 300.0})
    went, came = bench.weigh()
    assert went.is_passing
    assert came.is_passing
    assert (numbers(went), numbers(came)) == ([2], [3])
    assert went.delta_g == pytest.approx(-came.delta_g, abs=2.0)


def test_two_of_about_one_weight_one_each_way_at_once_are_no_slide() -> None:
    bench = Bench(60.0, 20.0)
    bench.change(10.0, {2: -570.0})
    bench.change(10.1, {3: 552.0})
    (step,) = bench.weigh()
    assert step.deltas_g[site(2).plate] == pytest.approx(-570.0, abs=30.0)
    assert step.deltas_g[site(3).plate] == pytest.approx(552.0, abs=30.0)


def test_a_neighbour_that_is_pushed_for_a_moment_puts_nothing_back() -> None:
    bench = Bench(60.0, 20.0, noise_g=0.3)
    bench.change(10.0, {4: -30.0})
    is_pushed = (bench.time_s > 9.9) & (bench.time_s < 10.5)
    bench.grams[is_pushed, 3] -= 13.0
    assert all(step.delta_g < 0.0 for step in bench.weigh())


# What passes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [10.0, 60.0])
@pytest.mark.parametrize("apart_s", [0.4, 0.6])
@pytest.mark.parametrize("first_g", [300.0, -300.0])
def test_what_comes_and_goes_before_the_plate_rests_is_told_as_both_halves(
    rate_hz: float, apart_s: float, first_g: float
) -> None:
    bench = Bench(rate_hz, 20.0)
    bench.change(10.0, {2: first_g})
    bench.change(10.0 + apart_s, {2: -first_g})
    halves = bench.weigh()
    assert [half.is_passing for half in halves] == [True, True]
    assert [half.delta_g for half in halves] == pytest.approx([first_g, -first_g], rel=0.25)
    assert all(numbers(half) == [2] for half in halves)
    for half in halves:
        assert 9.5 <= seconds(half.from_ns) <= 10.3
        assert 10.0 + apart_s - 0.3 <= seconds(half.to_ns) <= 10.9 + apart_s


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(1, 90), min_size=1, max_size=40))
def test_what_passes_depends_neither_on_the_order_of_plates_nor_on_batches(
    order: Sequence[int], sizes: list[int]
) -> None:
    bench = Bench(60.0, 15.0, plates=4)
    bench.change(8.0, {1: -80.0, 2: -40.0})
    bench.change(8.5, {1: 80.0, 2: 40.0})
    expected = bench.weigh()
    assert [step.is_passing for step in expected] == [True, True]
    weigher = Weigher({"left": [site(n) for n in order]}, min_step_g(15.0))
    at_ns, grams = bench.at_ns(), bench.quantized()[:, list(order)]
    steps, at = [], 0
    for size in [*sizes, len(at_ns)]:
        steps += weigher.feed("left", at_ns[at : at + size], grams[at : at + size])
        at += size
    assert [set(step.plates) for step in steps] == [set(step.plates) for step in expected]
    assert [step.delta_g for step in steps] == pytest.approx([one.delta_g for one in expected])


@settings(max_examples=20, deadline=None)
@given(st.integers(400, 760))
def test_what_passes_is_told_once_wherever_the_stream_is_cut(cut: int) -> None:
    bench = Bench(60.0, 15.0, plates=3)
    bench.change(8.0, {1: 300.0})
    bench.change(8.5, {1: -300.0})
    at_ns, grams = bench.at_ns(), bench.quantized()
    before, after = make_weigher(3), make_weigher(3)
    steps = feed(before, at_ns[:cut], grams[:cut])
    after.restore(before.told_levels(), before.away())
    steps += feed(after, at_ns[cut:], grams[cut:])
    assert [step.is_passing for step in steps] == [True, True]
    assert [step.delta_g for step in steps] == pytest.approx([300.0, -300.0], rel=0.25)


def test_what_passes_while_samples_are_missing_is_not_made_up() -> None:
    bench = Bench(60.0, 20.0, plates=1)
    bench.change(10.0, {0: 300.0})
    bench.change(10.6, {0: -300.0})
    grams = bench.quantized()
    grams[590:680, 0] = np.nan
    assert feed(make_weigher(1), bench.at_ns(), grams) == []


def test_what_passes_on_three_plates_is_one_thing() -> None:
    bench = Bench(60.0, 20.0)
    light_g = {1: 20.0, 2: 60.0, 3: 25.0}
    bench.change(10.0, light_g)
    bench.change(11.0, {plate: -grams for plate, grams in light_g.items()})
    came, went = bench.weigh()
    assert numbers(came) == numbers(went) == [1, 2, 3]
    assert came.delta_g == pytest.approx(105.0, rel=0.15)


def test_neighbours_that_shake_when_something_is_taken_let_nothing_pass() -> None:
    for seed in range(5):
        bench = Bench(60.0, 20.0, noise_g=0.3, seed=seed)
        bench.change(10.0, {2: -600.0})
        (step,) = bench.weigh()
        assert not step.is_passing


def test_the_watermark_waits_at_the_beginning_of_what_passes() -> None:
    bench = Bench(10.0, 20.0)
    bench.change(10.0, {2: 300.0})
    bench.change(10.9, {2: -300.0})
    weigher, marks_ns, from_ns = make_weigher(bench.plates), [], 0
    for at_ns, row in zip(bench.at_ns(), bench.quantized(), strict=True):
        steps = weigher.feed("left", np.array([at_ns]), row[None])
        if steps:
            from_ns = steps[0].from_ns
            break
        marks_ns.append(weigher.watermark_ns() or 0)
    assert max(marks_ns) < from_ns
    assert (weigher.watermark_ns() or 0) > from_ns


# Trouble with the samples ---------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 599), st.integers(1, 250), st.integers(0, 2)), max_size=8),
)
def test_no_nan_ever_yields_a_step(seed: int, outages: list[tuple[int, int, int]]) -> None:
    bench = Bench(30.0, 20.0, plates=3, seed=seed % 1000)
    grams = bench.quantized()
    for at, count, plate in outages:
        grams[at : at + count, plate] = np.nan
    assert feed(make_weigher(3), bench.at_ns(), grams) == []


def test_a_change_during_an_outage_is_told_when_the_plate_is_read_again() -> None:
    bench = Bench(10.0, 40.0, plates=2)
    bench.change(15.0, {0: -250.0})
    grams = bench.quantized()
    grams[120:250, 0] = np.nan
    (step,) = feed(make_weigher(2), bench.at_ns(), grams)
    assert step.delta_g == pytest.approx(-250.0, abs=2.0)
    assert seconds(step.from_ns) < 12.5
    assert seconds(step.to_ns) > 24.5


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=40), st.sampled_from([4.0, 10.0, 60.0]))
def test_steps_do_not_depend_on_how_samples_are_cut_into_batches(
    sizes: list[int], rate_hz: float
) -> None:
    bench = Bench(rate_hz, 30.0, plates=3)
    bench.change(9.0, {0: -100.0})
    bench.change(18.0, {1: 60.0, 2: 40.0})
    bench.glitches(2e-3)
    expected = bench.weigh(batch=1)
    assert len(expected) == 2
    weigher = make_weigher(3)
    at_ns, grams = bench.at_ns(), bench.quantized()
    steps, at = [], 0
    for size in [*sizes, len(at_ns)]:
        steps += weigher.feed("left", at_ns[at : at + size], grams[at : at + size])
        at += size
    assert steps == expected


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(5)))
def test_the_order_of_plates_does_not_matter(order: Sequence[int]) -> None:
    bench = Bench(60.0, 20.0, plates=5)
    bench.change(8.0, {1: -120.0, 2: -60.0})
    bench.change(13.0, {4: 90.0})
    expected = bench.weigh()
    assert len(expected) == 2
    weigher = Weigher({"left": [site(n) for n in order]}, min_step_g(15.0))
    steps = feed(weigher, bench.at_ns(), bench.quantized()[:, list(order)])
    assert [set(step.plates) for step in steps] == [set(step.plates) for step in expected]
    assert [step.delta_g for step in steps] == pytest.approx([s.delta_g for s in expected])


def test_a_clock_that_steps_back_and_pauses_costs_no_step() -> None:
    bench = Bench(10.0, 60.0, plates=2)
    bench.change(20.0, {0: -150.0})
    bench.change(40.0, {1: 90.0})
    at_ns = bench.at_ns()
    at_ns[300:] -= 900_000_000
    at_ns[500:] += 15 * SECOND_NS
    steps = feed(make_weigher(2), at_ns, bench.quantized())
    assert [round(step.delta_g, -1) for step in steps] == [-150.0, 90.0]
    assert all(step.from_ns <= step.to_ns for step in steps)


def test_irregular_samples_are_weighed_like_regular_ones() -> None:
    bench = Bench(10.0, 60.0, plates=2)
    bench.time_s = bench.time_s + bench.random.uniform(0, 0.09, len(bench.time_s))
    bench.change(20.0, {0: -150.0})
    kept = bench.random.random(len(bench.time_s)) > 0.15
    (step,) = feed(make_weigher(2), bench.at_ns()[kept], bench.quantized()[kept])
    assert step.delta_g == pytest.approx(-150.0, abs=2.0)


# Watermark and restart ------------------------------------------------------------------------


def test_the_watermark_waits_at_the_beginning_of_a_step_until_it_is_told() -> None:
    bench = Bench(60.0, 20.0)
    bench.change(10.0, {3: -250.0})
    weigher = make_weigher(bench.plates)
    assert weigher.watermark_ns() is None
    told_from_ns = None
    for n, (at_ns, row) in enumerate(zip(bench.at_ns(), bench.quantized(), strict=True)):
        steps = weigher.feed("left", np.array([at_ns]), row[None])
        told_from_ns = steps[0].from_ns if steps else told_from_ns
        mark_ns = weigher.watermark_ns()
        assert mark_ns is None or mark_ns < at_ns
        if told_from_ns is None and mark_ns is not None and n > 60 * 10.4:
            assert seconds(mark_ns) < 10.3
        latest_ns = mark_ns
    assert told_from_ns is not None
    assert latest_ns is not None
    assert latest_ns > told_from_ns
    assert seconds(latest_ns) > 19.8


@settings(max_examples=20, deadline=None)
@given(st.integers(100, 880), st.integers(0, 200))
def test_a_restart_at_any_moment_loses_and_repeats_nothing(cut: int, down: int) -> None:
    # What happens in a restart's first second is one action with what changed before it.
    assume(not 23.0 < (cut + down) / 30.0 < 24.5)
    bench = Bench(30.0, 40.0, plates=3)
    bench.change(8.0, {0: -100.0})
    bench.change(16.0, {1: 60.0})
    bench.change(24.0, {2: -300.0})
    at_ns, grams = bench.at_ns(), bench.quantized()
    before = make_weigher(3)
    steps = feed(before, at_ns[:cut], grams[:cut])
    after = make_weigher(3)
    after.restore(before.told_levels())
    later = feed(after, at_ns[cut + down :], grams[cut + down :])
    assert [round(step.delta_g, -1) for step in steps + later] == [-100.0, 60.0, -300.0]
    missed = [step for step in later if seconds(step.from_ns) < at_ns_s(at_ns, cut + down) - 0.5]
    assert all(step.blind == "restart" for step in missed)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 59 * 60 - 1), st.integers(0, 7))
def test_a_stream_cut_at_any_sample_and_resumed_gives_the_same_steps(cut: int, seed: int) -> None:
    bench = Bench(60.0, 59.0, plates=5, seed=seed)
    bench.change(7.0, {0: -100.0})
    bench.change(15.0, {1: 60.0, 2: 45.0})
    bench.press(22.0, 3.0, 6000.0, 3, tremor=0.1)
    bench.change(32.0, {4: -15.0})
    bench.change(40.0, {2: -300.0})
    bench.change(41.8, {2: 300.0})
    bench.change(50.0, {0: 25.0})
    at_ns, grams = bench.at_ns(), bench.quantized()
    expected = feed(make_weigher(5), at_ns, grams)
    assert len(expected) == 6
    before, after = make_weigher(5), make_weigher(5)
    steps = feed(before, at_ns[:cut], grams[:cut])
    after.restore(before.told_levels(), before.away())
    steps += feed(after, at_ns[cut:], grams[cut:])
    assert [step.plates for step in steps] == [step.plates for step in expected]
    # What was on its way at the cut is asked about; nothing else is.
    assert sum(step.blind == "restart" for step in steps) <= 1
    for step, other in zip(steps, expected, strict=True):
        # A level is saved as it is followed, which may lag by what is no move.
        assert step.delta_g == pytest.approx(other.delta_g, abs=4.0)
        assert abs(step.from_ns - other.from_ns) <= 0.3 * SECOND_NS
        # Without the samples before the cut the rest is seen to begin a little later.
        assert abs(step.to_ns - other.to_ns) <= 1.0 * SECOND_NS


def at_ns_s(at_ns: NDArray[np.int64], index: int) -> float:
    return seconds(int(at_ns[index]))


def test_drift_while_the_node_was_down_is_absorbed() -> None:
    bench = Bench(10.0, 20.0, plates=1)
    before, after = make_weigher(1), make_weigher(1)
    feed(before, bench.at_ns(), bench.quantized())
    after.restore(before.told_levels())
    later_ns = bench.at_ns() + 3600 * SECOND_NS
    assert feed(after, later_ns, bench.quantized() + 7.0) == []


def test_half_a_minute_of_348_plates_at_60_hz_takes_less_than_a_second() -> None:
    bench = Bench(60.0, 2020 / 60.0, plates=348)
    at_ns, grams, weigher = bench.at_ns(), bench.quantized(), make_weigher(bench.plates)
    began_s = time.process_time()
    assert feed(weigher, at_ns, grams) == []
    assert time.process_time() - began_s < 1.0
