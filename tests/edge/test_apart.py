"""A step of two facings at once is told as two, and a step of one product never is."""

import math
from dataclasses import replace

import pytest
from tebura_contract.geometry import Pose
from tebura_contract.ids import GondolaId, NodeId, PlateId, ShelfId, Sku, StoreId
from tebura_contract.layout import Facing, Gondola, Layout, Plate, Product, Shelf, StoreInfo
from tebura_edge.apart import apart
from tebura_edge.identification import Explanation
from tebura_edge.planogram import Planogram
from tebura_edge.weight_step import WeightStep

WEIGHTS_G = {"chips": 62.0, "nuts": 240.0, "bar": 120.0}
PLATES = {"chips": (0, 1, 2), "nuts": (3, 4, 5), "bar": (6, 7)}


def shop_of(weights_g: dict[str, float], plates: dict[str, tuple[int, ...]]) -> Planogram:
    """One shelf of eight plates; products in this order on theirs, without any sold elsewhere."""
    shelf = Shelf(
        id="1",
        gondola_from_shelf=Pose(),
        size_m=(0.8, 0.4, 0.3),
        reports_picks=NodeId("plates-1"),
        plate=tuple(Plate(id=str(n), xy_m=(n * 0.1, 0), size_m=(0.1, 0.4)) for n in range(8)),
        facing=tuple(
            Facing(id=sku, sku=Sku(sku), x_m=(0.0, 0.1), plates=tuple(map(str, on)))
            for sku, on in zip(weights_g, plates.values(), strict=True)
            if on
        ),
    )
    gondola = Gondola(
        id=GondolaId("1"), store_from_gondola=Pose(), size_m=(1, 0.4, 1), shelf=(shelf,)
    )
    products = tuple(
        Product(sku=Sku(sku), name=sku, price_minor=100, weight_g=weight_g)
        for sku, weight_g in weights_g.items()
    )
    store = StoreInfo(id=StoreId("s"), name="s")
    return Planogram(Layout(store=store, product=products, gondola=(gondola,)))


@pytest.fixture
def planogram() -> Planogram:
    return shop_of(WEIGHTS_G, PLATES)


def step_of(deltas_g: dict[int, float]) -> WeightStep:
    deltas = {PlateId(f"1/1/{n}"): delta_g for n, delta_g in deltas_g.items()}
    return WeightStep(
        shelf=ShelfId("1/1"),
        plates=tuple(deltas),
        delta_g=sum(deltas.values()),
        sigma_g=0.7,
        deltas_g=deltas,
        from_ns=0,
        to_ns=1,
    )


def told(deltas_g: dict[int, float], planogram: Planogram) -> list[tuple[str, int, float]]:
    """Article, quantity and weight of what the step is told as."""
    parts = [explanation for _, explanation in apart(step_of(deltas_g), planogram)]
    tops = [(one.candidates[0], one.delta_g) for one in parts if one.candidates]
    return sorted((top.sku, top.quantity, delta_g) for top, delta_g in tops)


def chance(explanation: Explanation) -> float:
    """Of the best candidate, against all else it may be."""
    top = explanation.candidates[0]
    odds = math.exp(explanation.log_other - explanation.log_product)
    mine = math.exp(top.log_likelihood + top.log_prior - explanation.log_product)
    return mine / (1.0 + odds)


def chances(step: WeightStep, planogram: Planogram) -> dict[str, float]:
    """How likely each part of a step is what it most likely is."""
    return {one.candidates[0].sku: chance(one) for _, one in apart(step, planogram)}


@pytest.mark.parametrize("sign", [-1.0, 1.0], ids=["taken", "put-back"])
def test_two_products_of_neighbouring_facings_at_once_are_two(
    planogram: Planogram, sign: float
) -> None:
    found = told({1: sign * 30.0, 2: sign * 33.0, 3: sign * 246.0}, planogram)
    assert found == [("chips", 1, sign * 63.0), ("nuts", 1, sign * 246.0)]


def test_two_that_weigh_what_several_of_one_do_are_two(planogram: Planogram) -> None:
    """A bar beside two bars' worth of nuts: three bars, if place did not count."""
    assert told({5: -240.0, 6: -121.0}, planogram) == [("bar", 1, -121.0), ("nuts", 1, -240.0)]


@pytest.mark.parametrize("shares", [(0.56, 0.25, 0.19), (0.5, 0.5, 0.0), (0.1, 0.2, 0.7)])
def test_a_light_bag_on_three_plates_stays_one(
    planogram: Planogram, shares: tuple[float, float, float]
) -> None:
    deltas_g = {n: -63.0 * share for n, share in enumerate(shares) if share}
    found = told(deltas_g, planogram)
    assert [(sku, quantity) for sku, quantity, _ in found] == [("chips", 1)]


def test_a_bag_that_hangs_over_its_neighbours_plate_stays_one(planogram: Planogram) -> None:
    found = told({2: -40.0, 3: -22.0}, planogram)
    assert [(sku, quantity) for sku, quantity, _ in found] == [("chips", 1)]


def test_several_units_of_one_product_stay_one_step(planogram: Planogram) -> None:
    found = told({0: -62.0, 1: -60.0, 2: -64.0}, planogram)
    assert [(sku, quantity) for sku, quantity, _ in found] == [("chips", 3)]


def test_a_neighbour_that_stays_off_is_no_second_product(planogram: Planogram) -> None:
    found = told({2: -62.0, 3: -9.0}, planogram)
    assert [(sku, quantity) for sku, quantity, _ in found] == [("chips", 1)]


@pytest.mark.parametrize(
    ("here_g", "beside_g", "is_sure"),
    [
        pytest.param(-246.0, -120.0, True, id="clearly-two"),
        pytest.param(-220.0, -240.0, False, id="nuts-and-two-bars-or-two-nuts"),
    ],
)
def test_where_one_and_two_are_as_likely_neither_is_told_as_sure(
    planogram: Planogram, here_g: float, beside_g: float, is_sure: bool
) -> None:
    parts = apart(step_of({5: here_g, 6: beside_g}), planogram)
    assert {part.blind for part, _ in parts} == {""}, "it was seen well"
    assert {chance(explanation) > 0.95 for _, explanation in parts} == {is_sure}


def test_a_thing_that_is_no_product_names_what_it_might_have_been(planogram: Planogram) -> None:
    ((_, found),) = apart(step_of({4: -300.0}), planogram)
    assert not found.is_explained
    assert found.candidates[0].sku == "nuts"
    assert chance(found) < 0.5


def test_what_is_taken_and_what_is_put_back_beside_it_are_two(planogram: Planogram) -> None:
    found = told({4: 241.0, 6: -121.0}, planogram)
    assert found == [("bar", 1, -121.0), ("nuts", 1, 241.0)]


def test_three_products_of_three_facings_at_once_are_three(planogram: Planogram) -> None:
    found = told({1: -61.0, 4: -240.0, 7: -120.0}, planogram)
    assert [(sku, quantity) for sku, quantity, _ in found] == [
        ("bar", 1),
        ("chips", 1),
        ("nuts", 1),
    ]


def test_two_products_of_one_board_are_known_by_their_sum() -> None:
    board = shop_of({"tofu": 182.0, "pudding": 112.0, "yogurt": 424.0}, dict.fromkeys("abc", (0,)))
    found = told({0: -294.5}, board)
    assert [(sku, quantity) for sku, quantity, _ in found] == [("pudding", 1), ("tofu", 1)]
    assert sum(delta_g for _, _, delta_g in found) == pytest.approx(-294.5)


KIOSK = {"tea": 552.0, "coffee": 215.0, "cereal": 34.0, "milk": 54.0, "dark": 55.0, "gum": 15.0}
KIOSK_PLATES: dict[str, tuple[int, ...]] = {
    "tea": (0,),
    "coffee": (2,),
    "cereal": (2,),
    "milk": (4,),
    "dark": (5,),
    "gum": (7,),
}


@pytest.mark.parametrize(
    ("deltas_g", "skus"),
    [
        pytest.param({4: -54.7, 5: -54.0}, ["dark", "milk"], id="of-one-weight-side-by-side"),
        pytest.param({2: -248.0}, ["cereal", "coffee"], id="of-one-plate"),
    ],
)
def test_two_at_once_that_nothing_else_weighs_are_sure(
    deltas_g: dict[int, float], skus: list[str]
) -> None:
    parts = apart(step_of(deltas_g), shop_of(KIOSK, KIOSK_PLATES))
    assert sorted(one.candidates[0].sku for _, one in parts) == skus
    assert min(chance(one) for _, one in parts) > 0.98


def test_two_of_one_plate_and_one_beside_it_at_once_are_three() -> None:
    weights_g = {"tea": 553.0, "coffee": 215.0, "bar": 34.0}
    shelf = shop_of(weights_g, {"tea": (1, 2), "coffee": (4,), "bar": (4,)})
    found = told({1: -555.0, 4: -283.4}, shelf)
    assert [(sku, quantity) for sku, quantity, _ in found] == [
        ("bar", 2),
        ("coffee", 1),
        ("tea", 1),
    ]


def test_two_things_in_wrong_places_are_not_lost_to_two_that_belong_there() -> None:
    """Two bars weigh what a gum and a chocolate do, which stand where they were put."""
    weights_g = {"chocolate": 54.0, "gum": 15.0, "bar": 34.4}
    shelf = shop_of(weights_g, {"chocolate": (4,), "gum": (4,), "bar": (1,)})
    parts = apart(step_of({4: 69.0}), shelf)
    skus = {one.sku for _, found in parts for one in found.candidates}
    sure = [chance(found) > 0.95 for _, found in parts]
    assert "bar" in skus or not any(sure)


def test_two_of_one_product_of_a_board_are_not_taken_for_two_products() -> None:
    board = shop_of({"tofu": 182.0, "pudding": 112.0, "yogurt": 424.0}, dict.fromkeys("abc", (0,)))
    found = told({0: -225.0}, board)
    assert [(sku, quantity) for sku, quantity, _ in found] == [("pudding", 2)]


def test_a_sum_that_two_pairs_explain_is_a_doubt_between_them() -> None:
    weights_g = {"tofu": 182.0, "pudding": 112.0, "jelly": 113.0}
    parts = apart(step_of({0: -294.5}), shop_of(weights_g, dict.fromkeys("abc", (0,))))
    light = next(one for _, one in parts if one.candidates[0].sku != "tofu")
    assert {candidate.sku for candidate in light.candidates[:2]} == {"pudding", "jelly"}


def test_plates_that_rest_a_few_grams_off_are_nothing(planogram: Planogram) -> None:
    assert apart(step_of({3: 6.0, 4: -5.0, 6: -6.0}), planogram) == ()


def test_what_is_put_back_in_a_wrong_place_is_left_to_the_cart() -> None:
    """A dinner box where rice balls stand, in a store of six hundred products."""
    others = {f"other-{n}": 3000.0 + 5.0 * n for n in range(600)}
    plates: dict[str, tuple[int, ...]] = {"ball": (6,), "box": (), **dict.fromkeys(others, ())}
    shelf = shop_of({"ball": 170.0, "box": 462.0, **others}, plates)
    ((_, found),) = apart(step_of({6: 460.0}), shelf)
    scores = {
        one.sku: one.log_likelihood + one.log_prior for one in found.candidates if one.quantity == 1
    }
    # Who holds nothing else puts that back: of 602 products it is one.
    rivals = found.log_other, *(score for sku, score in scores.items() if sku != "box")
    assert scores[Sku("box")] + math.log(602) > max(rivals) + math.log(20)


def test_a_quiet_plate_beside_a_noisy_one_is_believed_by_its_own_noise() -> None:
    planogram = shop_of({"bar": 120.0, "gum": 15.0}, {"bar": (0,), "gum": (2,)})
    alike = replace(step_of({0: -121.0, 2: -13.7}), sigma_g=2.3)
    own = replace(alike, sigmas_g={PlateId("1/1/0"): 2.2, PlateId("1/1/2"): 0.5})
    unsure, sure = (chances(step, planogram) for step in (alike, own))
    assert unsure["gum"] < 0.95 < 0.99 < sure["gum"]
    assert min(unsure["bar"], sure["bar"]) > 0.99, "with gum or without, the bar was taken"


def test_what_perhaps_left_beside_something_sure_is_told_as_doubtful() -> None:
    """A stick of gum, or a neighbour that stays far off: the bar was taken either way."""
    planogram = shop_of({"bar": 120.0, "gum": 15.0}, {"bar": (0,), "gum": (2,)})
    step = replace(step_of({0: -121.0, 2: -11.0}), sigma_g=2.3)
    found = {str(one.candidates[0].sku): one for _, one in apart(step, planogram)}
    assert chance(found["bar"]) > 0.98
    assert 0.02 < chance(found["gum"]) < 0.5
    assert found["gum"].is_explained, "what is told as nothing of the store's is not asked about"
    assert found["gum"].plates == (PlateId("1/1/2"),)


def test_what_is_one_product_or_another_stays_one_question(planogram: Planogram) -> None:
    """Two readings that share no product are not both told."""
    parts = apart(step_of({5: -120.0}), planogram)
    assert len(parts) == 1
