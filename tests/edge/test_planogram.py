import pytest
from tebura_contract.codec import decode, encode
from tebura_contract.geometry import Pose
from tebura_contract.ids import FacingId, GondolaId, NodeId, PlateId, ShelfId, Sku, StoreId
from tebura_contract.layout import Facing, Gondola, Layout, Plate, Product, Shelf, StoreInfo
from tebura_edge.planogram import MAX_DISPLACED, MAX_FOREIGN, MAX_LESSONS, Learnt, Planogram

SHELF = ShelfId("1/1")
TEA, RICE = Sku("tea"), Sku("rice")


def plates(*names: int) -> tuple[PlateId, ...]:
    return tuple(PlateId(f"1/1/{name}") for name in names)


@pytest.fixture
def layout() -> Layout:
    shelf = Shelf(
        id="1",
        gondola_from_shelf=Pose(),
        size_m=(0.4, 0.4, 0.3),
        reports_picks=NodeId("plates-1"),
        plate=tuple(Plate(id=str(n), xy_m=(n * 0.1, 0), size_m=(0.1, 0.4)) for n in range(4)),
        facing=(
            Facing(id="a", sku=TEA, x_m=(0.0, 0.2), plates=("0", "1")),
            Facing(id="b", sku=RICE, x_m=(0.2, 0.4), plates=("2", "3")),
        ),
    )
    gondola = Gondola(
        id=GondolaId("1"), store_from_gondola=Pose(), size_m=(0.4, 0.4, 1), shelf=(shelf,)
    )
    return Layout(
        store=StoreInfo(id=StoreId("s"), name="s"),
        product=(
            Product(sku=TEA, name="tea", price_minor=100, weight_g=50.0),
            Product(sku=RICE, name="rice", price_minor=300, weight_g=400.0, weight_sd_g=2.0),
        ),
        gondola=(gondola,),
    )


def away(planogram: Planogram) -> list[tuple[Sku, frozenset[PlateId]]]:
    return [(p.sku, p.plates) for p in planogram.places(SHELF) if p.facing is None]


def test_facings_are_expected_on_their_plates(layout: Layout) -> None:
    first, second = Planogram(layout).places(SHELF)
    assert (first.sku, first.plates, first.facing) == (TEA, frozenset(plates(0, 1)), "1/1/a")
    assert (second.sku, second.plates) == (RICE, frozenset(plates(2, 3)))


def test_a_product_put_back_elsewhere_is_expected_there_until_it_is_taken(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.decided(TEA, 1, plates(3), 50.5)
    assert away(planogram) == [(TEA, frozenset(plates(3)))]
    planogram.decided(TEA, 1, plates(3), -50.5)
    assert away(planogram) == []


def test_a_product_put_back_at_home_changes_no_expectation(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.decided(TEA, 1, plates(1), 50.0)
    assert away(planogram) == []


def test_what_was_learnt_survives_as_json(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.decided(TEA, 2, plates(3), 103.0)
    planogram.counted(FacingId("1/1/b"), 4)
    planogram.laid_down(plates(0), 151.0)
    again = Planogram(layout, decode(encode(planogram.learnt), Learnt))
    assert again.learnt == planogram.learnt
    assert away(again) == [(TEA, frozenset(plates(3)))]


def test_counts_of_a_facing_follow_decisions_and_an_empty_one_is_hardly_expected(
    layout: Layout,
) -> None:
    planogram = Planogram(layout)
    facing = FacingId("1/1/b")
    full = planogram.places(SHELF)[1].expectation
    planogram.counted(facing, 2)
    planogram.decided(RICE, 2, plates(2), -800.0)
    assert planogram.learnt.counts[facing] == 0
    assert 0 < planogram.places(SHELF)[1].expectation < full / 10
    planogram.decided(RICE, 1, plates(2), 400.0)
    assert planogram.places(SHELF)[1].expectation == full


def test_weights_follow_the_units_seen_but_not_half_empty_ones(layout: Layout) -> None:
    planogram = Planogram(layout)
    for _ in range(200):
        planogram.decided(RICE, 1, plates(2), -412.0)
    assert planogram.weight(RICE).mean_g == pytest.approx(412.0, abs=1.0)
    for _ in range(200):
        planogram.decided(TEA, 1, plates(0), -25.0)
    assert planogram.weight(TEA).mean_g == 50.0


def test_one_unit_moves_a_weight_only_a_little(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.decided(RICE, 1, plates(2), -420.0)
    assert 400 < planogram.weight(RICE).mean_g < 403


def test_the_spread_of_a_unit_is_the_layouts_or_a_share_of_its_weight(layout: Layout) -> None:
    planogram = Planogram(layout)
    assert planogram.weight(RICE).sd_g == 2.0
    assert planogram.weight(TEA).sd_g == pytest.approx(0.75)


def test_a_foreign_object_is_remembered_by_place_and_weight_until_it_is_gone(
    layout: Layout,
) -> None:
    planogram = Planogram(layout)
    planogram.laid_down(plates(1, 2), 150.0)
    assert planogram.foreign_like(plates(3), 150.0, 0.5) is None
    assert planogram.foreign_like(plates(2), 170.0, 0.5) is None
    phone = planogram.foreign_like(plates(2), 151.0, 0.5)
    assert phone is not None
    planogram.taken_away(phone)
    assert planogram.foreign_like(plates(2), 151.0, 0.5) is None


def test_what_weighs_too_little_to_be_anything_does_not_lie_there(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.laid_down(plates(2), 4.0, 0.0)
    assert planogram.foreign_like(plates(2), 4.0, 0.5) is None


def test_memory_is_bounded(layout: Layout) -> None:
    planogram = Planogram(layout)
    for n in range(400):
        planogram.laid_down(plates(0), 100.0 + n)
        planogram.decided(TEA, 1, (PlateId(f"1/1/x{n}"),), 50.0)
    assert len(planogram.learnt.foreign) == MAX_FOREIGN
    assert len(planogram.learnt.displaced) == MAX_DISPLACED


def test_an_unknown_product_teaches_nothing(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.decided(Sku("gone"), 1, plates(0), 10.0)
    assert planogram.learnt == Learnt()


def test_a_decision_told_twice_teaches_once(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.counted(FacingId("1/1/a"), 5)
    for _ in range(2):
        planogram.decided(TEA, 1, plates(0), -51.0, "plates-1/1-7")
        planogram.decided(TEA, 1, plates(3), 50.5, "plates-1/1-8")
    assert planogram.learnt.counts[FacingId("1/1/a")] == 4
    assert [one.count for one in planogram.learnt.displaced] == [1]
    once = planogram.weight(TEA)
    planogram.decided(TEA, 1, plates(0), -51.0, "plates-1/1-7")
    assert planogram.weight(TEA) == once


def test_a_decision_told_twice_teaches_once_across_a_restart(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.decided(TEA, 1, plates(3), 50.5, "plates-1/1-8")
    later = Planogram(layout, decode(encode(planogram.learnt), Learnt))
    later.decided(TEA, 1, plates(3), 50.5, "plates-1/1-8")
    assert [one.count for one in later.learnt.displaced] == [1]


def test_a_decision_that_is_corrected_moves_what_it_had_put_there(layout: Layout) -> None:
    planogram = Planogram(layout)
    planogram.decided(TEA, 8, plates(3), 400.0, "plates-1/1-8")
    assert away(planogram) == [(TEA, frozenset(plates(3)))]
    planogram.decided(RICE, 1, plates(3), 400.0, "plates-1/1-8")
    assert away(planogram) == []


def test_decisions_remembered_are_bounded(layout: Layout) -> None:
    planogram = Planogram(layout)
    for number in range(MAX_LESSONS + 5):
        planogram.decided(TEA, 1, plates(0), -50.0, f"plates-1/1-{number}")
    assert len(planogram.learnt.lessons) == MAX_LESSONS
