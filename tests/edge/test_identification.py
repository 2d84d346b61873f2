import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.geometry import Pose
from tebura_contract.ids import GondolaId, NodeId, PlateId, ShelfId, Sku, StoreId
from tebura_contract.layout import Facing, Gondola, Layout, Plate, Product, Shelf, StoreInfo
from tebura_edge.identification import Explanation, explain
from tebura_edge.planogram import Planogram
from tebura_edge.weight_step import WeightStep

SHELF = ShelfId("1/1")


def shop(
    products: dict[str, float],
    facings: dict[str, list[int]],
    plates: int = 8,
    *,
    is_counter: bool = False,
) -> Planogram:
    """One shelf; `facings` says on which plates a product stands, the rest is sold elsewhere."""
    shelf = Shelf(
        id="1",
        gondola_from_shelf=Pose(),
        size_m=(plates * 0.1, 0.4, 0.3),
        reports_picks=NodeId("plates-1"),
        plate=tuple(Plate(id=str(n), xy_m=(n * 0.1, 0), size_m=(0.1, 0.4)) for n in range(plates)),
        facing=tuple(
            Facing(id=sku, sku=Sku(sku), x_m=(0.0, 0.1), plates=tuple(str(n) for n in on))
            for sku, on in facings.items()
        ),
        is_counter=is_counter,
    )
    gondola = Gondola(
        id=GondolaId("1"), store_from_gondola=Pose(), size_m=(1, 0.4, 1), shelf=(shelf,)
    )
    return Planogram(
        Layout(
            store=StoreInfo(id=StoreId("s"), name="s"),
            product=tuple(
                Product(sku=Sku(sku), name=sku, price_minor=100, weight_g=weight_g)
                for sku, weight_g in products.items()
            ),
            gondola=(gondola,),
        )
    )


def step(
    deltas_g: dict[int, float],
    small_g: dict[int, float] | None = None,
    sigma_g: float = 0.7,
    is_shaken: bool = False,
) -> WeightStep:
    named = {PlateId(f"1/1/{n}"): delta_g for n, delta_g in deltas_g.items()}
    small = {PlateId(f"1/1/{n}"): delta_g for n, delta_g in (small_g or {}).items()}
    return WeightStep(
        shelf=SHELF,
        plates=tuple(named),
        delta_g=sum(named.values()),
        sigma_g=sigma_g,
        deltas_g={**named, **small},
        from_ns=0,
        to_ns=1,
        is_shaken=is_shaken,
    )


def top(explanation: Explanation) -> tuple[str, int]:
    best = explanation.candidates[0]
    return best.sku, best.quantity


def chance(explanation: Explanation) -> float:
    """Posterior of the best candidate among all that are named."""
    scores = [c.log_likelihood + c.log_prior for c in explanation.candidates]
    return float(np.exp(scores[0] - np.logaddexp.reduce(scores)))


@given(
    st.integers(1, 4),
    st.floats(-1.9, 1.9),
    st.sampled_from([("tea", 0), ("soup", 3), ("rice", 6)]),
)
def test_quantity_and_product_are_found_within_the_gain_error(
    quantity: int, misfit: float, where: tuple[str, int]
) -> None:
    weights = {"tea": 48.0, "soup": 180.0, "rice": 505.0}
    planogram = shop(weights, {"tea": [0, 1], "soup": [3, 4], "rice": [6, 7]})
    sku, plate = where
    delta_g = -quantity * weights[sku] * (1 + 0.025 * misfit)
    explanation = explain(step({plate: delta_g}), planogram)
    assert top(explanation) == (sku, quantity)
    assert explanation.is_explained
    assert explanation.facing == f"1/1/{sku}"


def test_place_decides_between_products_of_one_weight() -> None:
    planogram = shop({"cola": 350.0, "lemon": 351.0}, {"cola": [0, 1], "lemon": [4, 5]})
    for plate, sku in ((1, "cola"), (4, "lemon")):
        explanation = explain(step({plate: -350.0}), planogram)
        assert top(explanation) == (sku, 1)
        assert chance(explanation) > 0.95


def test_products_of_one_weight_on_one_plate_are_a_doubt() -> None:
    planogram = shop({"cola": 350.0, "lemon": 351.0}, {"cola": [0], "lemon": [0]})
    explanation = explain(step({0: -350.0}), planogram)
    assert len(explanation.candidates) >= 2
    assert chance(explanation) < 0.6


def test_weight_decides_where_two_products_share_a_plate() -> None:
    planogram = shop({"gum": 30.0, "bar": 45.0}, {"gum": [2], "bar": [2]})
    assert top(explain(step({2: -44.6}), planogram)) == ("bar", 1)
    assert top(explain(step({2: -30.4}), planogram)) == ("gum", 1)


def test_a_light_bag_on_three_plates_of_its_facing_is_one_bag() -> None:
    planogram = shop({"chips": 28.0, "nuts": 21.0}, {"chips": [2, 3, 4], "nuts": [6]})
    explanation = explain(step({2: -15.7, 3: -7.0}, {4: -5.0, 1: 2.0}), planogram)
    assert top(explanation) == ("chips", 1)
    assert explanation.delta_g == pytest.approx(-27.7)
    assert explanation.plates == ("1/1/2", "1/1/3", "1/1/4")


def test_a_neighbour_that_moved_along_does_not_spoil_the_weight() -> None:
    planogram = shop({"gum": 30.0, "bar": 39.0}, {"gum": [2], "bar": [5]})
    explanation = explain(step({2: -30.2, 3: -8.8}), planogram)
    assert top(explanation) == ("gum", 1)
    assert explanation.plates == ("1/1/2",)
    assert explanation.is_explained


def test_a_step_that_no_product_explains_is_not_explained() -> None:
    planogram = shop({"tea": 48.0, "rice": 505.0}, {"tea": [0], "rice": [1]})
    assert not explain(step({1: 260.0}), planogram).is_explained
    assert not explain(step({1: -260.0}), planogram).is_explained


def test_many_units_that_do_not_quite_weigh_it_are_not_sure_to_be_the_product() -> None:
    planogram = shop({"cup": 200.0}, {"cup": [0]})

    def odds(weight_g: float) -> float:
        found = explain(step({0: -weight_g}), planogram)
        return found.log_product - found.log_foreign

    assert odds(1605.0) > math.log(20)
    assert odds(1696.0) < math.log(4)


@given(st.integers(1, 10), st.floats(-0.9, 0.9))
def test_up_to_ten_units_are_taken_for_what_they_are(quantity: int, misfit: float) -> None:
    planogram = shop({"tea": 48.0}, {"tea": [0]})
    explanation = explain(step({0: -quantity * 48.0 * (1 + 0.01 * misfit)}), planogram)
    assert explanation.is_explained
    assert top(explanation) == ("tea", quantity)


def test_more_than_seven_kilograms_is_nobodys_pick() -> None:
    planogram = shop({"rice": 1010.0}, {"rice": [1]})
    assert explain(step({1: -4040.0}), planogram).is_explained
    assert not explain(step({1: -8080.0}), planogram).is_explained


def test_three_bottles_of_two_litres_are_a_pick() -> None:
    planogram = shop({"water": 2046.0, "gum": 15.0}, {"water": [0], "gum": [1]})
    found = explain(step({0: -6224.6}), planogram)
    assert found.is_explained
    assert top(found) == ("water", 3)


@pytest.mark.parametrize("stays_g", [-6.0, 6.0])
def test_the_only_product_on_the_plate_that_moved_is_sure(stays_g: float) -> None:
    planogram = shop({"soup": 200.0, "stew": 204.0, "tea": 48.0}, {"soup": [0], "stew": [3]})
    assert chance(explain(step({0: -205.0}, {1: stays_g}), planogram)) > 0.99


def test_a_neighbour_that_comes_up_is_no_part_of_what_left() -> None:
    """16 g of gum, while plates beside it stay off by -2.7 and +4.5 g."""
    planogram = shop({"gum": 15.5, "bar": 29.0, "sweets": 38.0}, {"gum": [0], "bar": [1]})
    found = explain(step({0: -16.0, 2: 4.5}, {1: -2.7}), planogram)
    assert top(found) == ("gum", 1)
    assert found.delta_g == pytest.approx(-16.0)


def test_one_unit_does_not_stand_on_plates_that_are_not_side_by_side() -> None:
    planogram = shop({"tea": 552.0, "water": 571.0}, {"tea": [0], "water": [1]})
    found = explain(step({3: 560.0, 5: 11.6}), planogram)
    assert top(found) == ("tea", 1)


def test_a_shelf_without_products_explains_nothing() -> None:
    explanation = explain(step({1: -200.0}), shop({}, {}))
    assert explanation.candidates == ()
    assert not explanation.is_explained


def test_only_what_a_shelf_holds_can_be_taken_but_anything_can_be_put_back() -> None:
    planogram = shop({"tea": 48.0, "jam": 331.0}, {"tea": [0]})
    assert not explain(step({3: -331.0}), planogram).is_explained
    put_back = explain(step({3: 331.0}), planogram)
    assert top(put_back) == ("jam", 1)
    assert put_back.is_explained
    assert put_back.facing is None


def test_a_product_that_slipped_to_the_next_plate_is_still_expected() -> None:
    planogram = shop({"tea": 48.0, "rice": 505.0}, {"tea": [1, 2], "rice": [6]})
    assert explain(step({3: -48.3}), planogram).is_explained
    assert not explain(step({4: -48.3}), planogram).is_explained


def test_a_product_put_back_at_the_wrong_end_of_its_shelf_is_known_by_its_weight() -> None:
    planogram = shop({"tea": 48.0, "rice": 505.0}, {"tea": [0], "rice": [6]})
    put_back = explain(step({7: 48.2}), planogram)
    assert top(put_back) == ("tea", 1)
    assert put_back.is_explained


def test_a_displaced_product_is_found_where_it_was_put() -> None:
    planogram = shop({"tea": 48.0, "jam": 331.0}, {"tea": [0]})
    planogram.decided(Sku("jam"), 1, (PlateId("1/1/3"),), 331.0)
    assert top(explain(step({3: -331.0}), planogram)) == ("jam", 1)


def test_likelihood_is_a_density_in_weight() -> None:
    """Summed over all weights a step may have, one candidate's likelihood is about one."""
    planogram = shop({"soup": 200.0}, {"soup": [0]})
    total = sum(
        math.exp(candidate.log_likelihood)
        for grams in np.arange(1.0, 400.0, 0.5)
        for candidate in explain(step({0: -float(grams)}), planogram).candidates
        if candidate.quantity == 1
    )
    assert total * 0.5 == pytest.approx(1.0, abs=0.05)


def test_the_prior_speaks_of_quantity_and_expectation_only() -> None:
    planogram = shop({"soup": 200.0, "stew": 400.0}, {"soup": [0], "stew": [0]})
    priors = {
        (str(c.sku), c.quantity): c.log_prior
        for c in explain(step({0: -400.0}), planogram).candidates
    }
    assert priors["stew", 1] > priors["soup", 2]
    assert priors["stew", 1] - priors["soup", 2] == pytest.approx(math.log(8))


@pytest.mark.parametrize("stays_g", [-6.0, 6.0])
def test_a_neighbour_of_the_same_facing_that_stays_off_changes_neither_what_nor_how_much(
    stays_g: float,
) -> None:
    planogram = shop({"popcorn": 42.0, "nuts": 71.0}, {"popcorn": [0, 1, 2], "nuts": [3, 4]})
    found = explain(step({2: -41.0}, {1: stays_g}), planogram)
    assert found.is_explained
    assert top(found) == ("popcorn", 1)
    assert found.delta_g == pytest.approx(-41.0)


def test_the_small_third_of_a_light_bag_belongs_to_it() -> None:
    planogram = shop({"popcorn": 42.0, "nuts": 71.0}, {"popcorn": [0, 1, 2], "nuts": [3, 4]})
    found = explain(step({0: -23.5, 1: -10.8}, {2: -7.7}), planogram)
    assert top(found) == ("popcorn", 1)
    assert found.delta_g == pytest.approx(-42.0)


@pytest.mark.parametrize("sign", [1, -1], ids=["laid-down", "taken-up"])
def test_at_a_counter_any_product_is_as_likely_as_any_other(sign: int) -> None:
    planogram = shop({"tea": 552.0, "bun": 96.0, "bar": 54.0}, {}, plates=1, is_counter=True)
    for sku, weight_g in (("tea", 552.0), ("bun", 96.0), ("bar", 54.0)):
        found = explain(step({0: sign * weight_g}), planogram)
        assert found.is_explained
        assert top(found) == (sku, 1)
        others = math.exp(found.log_other - found.log_product)
        assert chance(found) / (1 + others) > 0.96
