"""Steps that are one product are put together again, and no others."""

import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import decode, encode
from tebura_contract.ids import PlateId, ShelfId
from tebura_edge.halves import WAIT_NS, Halves, Waiting, whole_again
from tebura_edge.identification import explain
from tebura_edge.planogram import Planogram
from tebura_edge.weight_step import WeightStep

from tests.edge.test_apart import shop_of


@pytest.fixture
def planogram() -> Planogram:
    return shop_of({"chips": 62.0, "nuts": 240.0}, {"chips": (0, 1, 2), "nuts": (4, 5)})


def step_of(plate: int, delta_g: float, from_s: float = 0.0) -> WeightStep:
    name = PlateId(f"1/1/{plate}")
    return WeightStep(
        shelf=ShelfId("1/1"),
        plates=(name,),
        delta_g=delta_g,
        sigma_g=0.7,
        deltas_g={name: delta_g},
        from_ns=round(from_s * SECOND_NS),
        to_ns=round((from_s + 0.4) * SECOND_NS),
    )


def weights(steps: list[WeightStep]) -> list[float]:
    return [round(step.delta_g, 1) for step in steps]


@pytest.mark.parametrize("sign", [-1.0, 1.0], ids=["taken", "put-back"])
def test_a_bag_whose_plates_rested_at_different_moments_is_one(
    planogram: Planogram, sign: float
) -> None:
    (whole,) = whole_again([step_of(1, sign * 37.0, 0.4), step_of(2, sign * 25.0)], planogram)
    assert whole.plates == ("1/1/2", "1/1/1")
    assert whole.delta_g == pytest.approx(sign * 62.0)
    assert (whole.from_ns, whole.to_ns) == (0, round(0.8 * SECOND_NS))
    assert whole.deltas_g == {"1/1/1": sign * 37.0, "1/1/2": sign * 25.0}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([step_of(1, -62.0), step_of(2, -63.0)], id="two-bags"),
        pytest.param([step_of(1, -37.0), step_of(2, 25.0)], id="one-each-way"),
        pytest.param([step_of(0, -37.0), step_of(2, -25.0)], id="not-side-by-side"),
        pytest.param([step_of(1, -37.0), step_of(2, -25.0, 5.0)], id="later"),
        pytest.param([step_of(1, -37.0), step_of(2, -58.0)], id="not-its-weight"),
    ],
)
def test_what_is_not_one_product_stays_apart(planogram: Planogram, steps: list[WeightStep]) -> None:
    assert weights(whole_again(steps, planogram)) == weights(steps)


def test_a_half_waits_for_the_other(planogram: Planogram) -> None:
    halves = Halves()
    assert halves.take([step_of(1, -37.0, 0.4)], planogram, 0) == []
    assert halves.began_ns() == round(0.4 * SECOND_NS)
    (whole,) = halves.take([step_of(2, -25.0)], planogram, WAIT_NS - 1)
    assert whole.delta_g == pytest.approx(-62.0)
    assert halves.began_ns() is None


def test_the_greater_part_of_two_bags_waits_for_the_lesser(planogram: Planogram) -> None:
    halves = Halves()
    assert halves.take([step_of(1, -86.0)], planogram, 0) == []
    (whole,) = halves.take([step_of(2, -38.0, 0.3)], planogram, WAIT_NS - 1)
    assert whole.delta_g == pytest.approx(-124.0)


def test_what_stays_a_half_is_told_once_it_has_waited(planogram: Planogram) -> None:
    halves, half = Halves(), step_of(1, -37.0)
    assert halves.take([half], planogram, 0) == []
    assert halves.take([], planogram, WAIT_NS - 1) == []
    assert halves.take([], planogram, WAIT_NS) == [half]
    assert halves.take([], planogram, 2 * WAIT_NS) == []


@pytest.mark.parametrize("delta_g", [-62.5, -300.0], ids=["a-bag", "more-than-a-bag"])
def test_what_can_be_no_half_does_not_wait(planogram: Planogram, delta_g: float) -> None:
    step = step_of(1, delta_g)
    assert Halves().take([step], planogram, 0) == [step]


def test_a_half_that_waits_is_found_again_after_a_restart(planogram: Planogram) -> None:
    halves = Halves()
    halves.take([step_of(1, -37.0)], planogram, 0)
    (saved,) = halves.waiting
    again = Halves((decode(encode(saved), Waiting),))
    (whole,) = again.take([step_of(2, -25.0)], planogram, 1)
    assert whole.delta_g == pytest.approx(-62.0)


def test_what_no_product_explains_well_is_a_half_though_something_weighs_like_it() -> None:
    # A parcel that stands on two plates; half of it weighs about what nuts do, one plate aside.
    planogram = shop_of({"parcel": 435.0, "nuts": 240.0}, {"parcel": (0, 1), "nuts": (1, 2)})
    halves, first = Halves(), step_of(1, -263.0)
    assert explain(first, planogram).is_explained
    assert halves.take([first], planogram, 0) == []
    (whole,) = halves.take([step_of(0, -172.0, 0.2)], planogram, WAIT_NS - 1)
    assert whole.delta_g == pytest.approx(-435.0)


def test_what_weighs_as_a_product_does_not_wait() -> None:
    planogram = shop_of({"parcel": 435.0, "nuts": 240.0}, {"parcel": (0, 1), "nuts": (1, 2)})
    nuts = step_of(1, -250.0)
    assert Halves().take([nuts], planogram, 0) == [nuts]


def test_a_half_waits_no_longer_than_another_may_come(planogram: Planogram) -> None:
    halves, half = Halves(), step_of(1, -37.0)
    soon_ns = round(0.9 * SECOND_NS)
    assert halves.take([half], planogram, soon_ns, soon_ns - 1) == []
    assert halves.take([], planogram, soon_ns + 1, SECOND_NS) == [half]
