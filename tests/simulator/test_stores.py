"""The simulated stores: layouts that a real shop could have."""

from itertools import pairwise

import pytest
from tebura_contract.ids import ShelfId
from tebura_contract.layout import Layout, Shelf, TaxClass
from tebura_simulator import stores
from tebura_simulator.story.stocking import size_of, stocked_facings

EACH_STORE = pytest.mark.parametrize("name", stores.names())


def shelves(layout: Layout) -> list[tuple[ShelfId, Shelf]]:
    return [(name, shelf) for name, (_, shelf) in layout.shelves().items()]


@EACH_STORE
def test_plates_lie_on_their_board_and_beside_each_other(name: str) -> None:
    layout, _ = stores.store(name)
    for place, shelf in shelves(layout):
        spans = sorted((p.xy_m[0], p.xy_m[0] + p.size_m[0]) for p in shelf.plate)
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), place
        assert spans[0][0] >= 0, place
        assert spans[-1][1] <= shelf.size_m[0], place
        assert all(p.xy_m[1] + p.size_m[1] <= shelf.size_m[1] for p in shelf.plate), place


@EACH_STORE
def test_facings_stand_on_the_plates_they_name_and_not_on_each_other(name: str) -> None:
    layout, _ = stores.store(name)
    for place, shelf in shelves(layout):
        under = {p.id: (p.xy_m[0], p.xy_m[0] + p.size_m[0]) for p in shelf.plate}
        spans = sorted(facing.x_m for facing in shelf.facing)
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), place
        for facing in shelf.facing:
            touched = {
                plate
                for plate, (left, right) in under.items()
                if left < facing.x_m[1] - 0.002 and right > facing.x_m[0] + 0.002
            }
            assert set(facing.plates) == touched, f"{place}/{facing.id}"


@EACH_STORE
def test_packages_fit_where_they_stand(name: str) -> None:
    layout, _ = stores.store(name)
    products = layout.products()
    for place, shelf in shelves(layout):
        for facing in shelf.facing:
            wide, deep, high = size_of(products[facing.sku])
            assert wide <= facing.x_m[1] - facing.x_m[0], f"{place}/{facing.id}"
            assert high < shelf.size_m[2], f"{place}/{facing.id}"
            assert facing.depth * deep <= shelf.size_m[1], f"{place}/{facing.id}"


@EACH_STORE
def test_a_camera_looks_at_every_shelf_and_each_gate_has_a_reader(name: str) -> None:
    layout, _ = stores.store(name)
    assert all(layout.watchers(place) for place, _ in shelves(layout))
    assert layout.gate
    nodes = {camera.node for camera in layout.camera if not camera.watches}
    assert {gate.node for gate in layout.gate} <= nodes


def test_the_corner_shop_is_a_small_shop_with_what_makes_shelves_hard() -> None:
    layout, _ = stores.store("corner")
    products, facings = layout.products(), layout.facings()
    assert len(layout.gondola) == 3
    assert 60 <= len(layout.plates()) <= 90
    assert 45 <= len(products) <= 70
    assert min(p.weight_g for p in products.values()) <= 15
    assert max(p.weight_g for p in products.values()) > 2000
    assert {p.tax for p in products.values()} == set(TaxClass)
    assert any(p.age_restricted for p in products.values())
    assert all(p.name_en for p in products.values())
    widths = {len(facing.plates) for _, facing in facings.values()}
    assert {1, 2, 3} <= widths
    sharing = [tuple(f.plates) for _, f in facings.values()]
    assert any(sharing.count(plates) > 1 for plates in sharing)
    assert any(len(shelf.plate) == 1 for _, shelf in shelves(layout))
    places = [f.sku for _, f in facings.values()]
    assert any(places.count(sku) > 1 for sku in products)
    assert len({camera.node for camera in layout.camera if camera.watches}) == 2


def test_the_corner_shop_has_products_of_one_weight_on_a_shelf_and_in_two_places() -> None:
    layout, _ = stores.store("corner")
    products = layout.products()
    weights = {
        place: sorted({products[f.sku].weight_g for f in shelf.facing})
        for place, shelf in shelves(layout)
    }
    close = [p for p, found in weights.items() if any(b - a <= 2 for a, b in pairwise(found))]
    assert len(close) >= 4
    assert any(
        abs(a - b) <= 0.5
        for place, found in weights.items()
        for other, others in weights.items()
        if place[:2] != other[:2]
        for a in found
        for b in others
    )


def test_the_kiosk_runs_on_one_board() -> None:
    layout, _ = stores.store("kiosk")
    assert len(layout.nodes()) == 1
    assert len(layout.shelves()) == 1


@EACH_STORE
def test_every_facing_can_be_stocked(name: str) -> None:
    layout, _ = stores.store(name)
    assert all(facing.slots for facing in stocked_facings(layout).values())
