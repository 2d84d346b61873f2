"""The shop drawn from its layout file."""

import math

import pytest
from tebura_contract.geometry import Pose, Xyz
from tebura_contract.ids import StoreId
from tebura_contract.layout import Gondola, Layout, StoreInfo
from tebura_gateway.web.floor import floor_plan, fronts, rotated

from tests.web.showcase import Showcase

STORE = StoreInfo(id=StoreId("s"), name="S")


def test_a_gondola_stands_where_the_layout_says() -> None:
    turned = Gondola(
        id="g",
        store_from_gondola=Pose(
            translation_m=(1.0, 2.0, 0.0), rotation_rad=(0.0, 0.0, math.pi / 2)
        ),
        size_m=(1.2, 0.4, 1.6),
    )
    [gondola] = floor_plan(Layout(store=STORE, gondola=(turned,))).gondolas
    # The front runs along the store's y; a drawing's y points down.
    assert gondola.front == "100.0,-200.0 100.0,-320.0"
    assert gondola.points == "100.0,-200.0 100.0,-320.0 60.0,-320.0 60.0,-200.0"


def test_an_empty_layout_can_be_drawn() -> None:
    assert floor_plan(Layout(store=STORE)).gondolas == ()
    assert fronts(Layout(store=STORE)) == ()


def test_the_camera_looks_towards_the_shelves_it_watches(shop: Showcase) -> None:
    plan = floor_plan(shop.layout)
    [camera], [gondola] = plan.cameras, plan.gondolas
    corners = [tuple(map(float, pair.split(","))) for pair in camera.sight.split()]
    ahead = corners[3]
    far = math.dist((camera.x, camera.y), (gondola.x, gondola.y))
    assert math.dist(ahead, (gondola.x, gondola.y)) < far


def test_every_facing_is_drawn_inside_its_shelf_top_shelf_first(shop: Showcase) -> None:
    [front] = fronts(shop.layout)
    assert [shelf.id for shelf in front.shelves] == ["g1/s2", "g1/s1"]
    for shelf in front.shelves:
        assert len(shelf.facings) == 4
        for facing in shelf.facings:
            for item in facing.items:
                assert facing.x <= item.x
                assert item.x + item.width <= facing.x + facing.width + 1e-9
                assert shelf.top <= item.y
                assert math.isclose(item.y + item.height, shelf.board)


@pytest.mark.parametrize(
    ("rotation", "vector", "expected"),
    [
        ((0.0, 0.0, 0.0), (1.0, 2.0, 3.0), (1.0, 2.0, 3.0)),
        ((0.0, 0.0, math.pi / 2), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        ((math.pi, 0.0, 0.0), (0.0, 1.0, 2.0), (0.0, -1.0, -2.0)),
    ],
)
def test_rotations_follow_the_right_hand(rotation: Xyz, vector: Xyz, expected: Xyz) -> None:
    assert rotated(rotation, vector) == pytest.approx(expected)
