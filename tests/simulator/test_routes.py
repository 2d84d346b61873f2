"""Ways around gondolas: never through one, never longer than needed, the same both ways."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tebura_contract.geometry import Pose, Xy
from tebura_contract.ids import NodeId, StoreId
from tebura_contract.layout import Gondola, Layout, Shelf, StoreInfo, load_layout
from tebura_simulator.story.routes import BODY_HALF_M, Aisles
from tebura_simulator.story.stocking import stocked_facings

from tests.simulator.autocheckout_store import import_store

STAND_OFF_M = 0.4
"""Between a shopper and the front of the shelf."""

Box = tuple[float, float, float, float, float]
"""Front left corner x and y, yaw in degrees, width and depth."""


def store(*boxes: Box, floor_m: tuple[Xy, ...] = ()) -> Layout:
    gondolas = tuple(
        Gondola(
            id=f"g{n}",
            store_from_gondola=Pose(
                translation_m=(x, y, 0.0), rotation_rad=(0.0, 0.0, math.radians(yaw))
            ),
            size_m=(wide, deep, 1.8),
        )
        for n, (x, y, yaw, wide, deep) in enumerate(boxes)
    )
    info = StoreInfo(id=StoreId("shop"), name="Shop", floor_m=floor_m)
    return Layout(store=info, gondola=gondolas)


def depth_in_m(point: Xy, box: Box) -> float:
    """How deep a point lies in a box, by its own arithmetic; negative outside."""
    x, y, yaw, wide, deep = box
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    dx, dy = point[0] - x, point[1] - y
    along, into = c * dx + s * dy, -s * dx + c * dy
    return min(along, wide - along, into, deep - into)


def points_between(start: Xy, goal: Xy) -> list[Xy]:
    count = max(2, math.ceil(math.dist(start, goal) / 0.02))
    return [
        (start[0] + n / count * (goal[0] - start[0]), start[1] + n / count * (goal[1] - start[1]))
        for n in range(count + 1)
    ]


def length_m(start: Xy, way: tuple[Xy, ...]) -> float:
    return sum(math.dist(a, b) for a, b in pairwise((start, *way)))


coordinates = st.floats(0.0, 8.0)
boxes = st.tuples(
    coordinates, coordinates, st.floats(-180.0, 180.0), st.floats(0.3, 3.0), st.floats(0.2, 1.0)
)
spots = st.tuples(coordinates, coordinates)


@settings(max_examples=150, deadline=None)
@given(st.lists(boxes, min_size=1, max_size=6), spots, spots)
def test_a_way_crosses_no_gondola_and_is_as_long_back_as_there(
    standing: list[Box], start: Xy, goal: Xy
) -> None:
    assume(all(depth_in_m(p, box) < -0.02 for p in (start, goal) for box in standing))
    aisles = Aisles(store(*standing))
    try:
        way = aisles.way(start, goal)
    except ValueError:
        assume(False)  # walled in by gondolas that overlap
    assert way[-1] == goal
    for a, b in pairwise((start, *way)):
        deepest = max(depth_in_m(p, box) for p in points_between(a, b) for box in standing)
        assert deepest < 1e-3
    assert length_m(start, way) >= math.dist(start, goal) - 1e-9
    assert length_m(goal, aisles.way(goal, start)) == pytest.approx(length_m(start, way), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(boxes, spots, spots)
def test_the_way_past_one_gondola_exists_and_is_straight_unless_it_stands_between(
    box: Box, start: Xy, goal: Xy
) -> None:
    assume(all(depth_in_m(p, box) < -0.02 for p in (start, goal)))
    way = Aisles(store(box)).way(start, goal)
    deepest = max(depth_in_m(p, box) for p in points_between(start, goal))
    # Between two of the points a corner may be up to half their distance nearer.
    if deepest < -0.011:
        assert way == (goal,)
    if deepest > 1e-3:
        assert len(way) > 1
        around_m = 2 * (box[3] + box[4] + 8 * BODY_HALF_M)
        assert length_m(start, way) < math.dist(start, goal) + around_m


def test_a_body_keeps_its_half_width_off_a_corner_it_walks_around() -> None:
    box = (2.0, 0.0, 0.0, 1.0, 4.0)
    way = Aisles(store(box)).way((0.0, 3.0), (5.0, 3.0))
    assert list(way) == [
        pytest.approx((2.0 - BODY_HALF_M, 4.0 + BODY_HALF_M)),
        pytest.approx((3.0 + BODY_HALF_M, 4.0 + BODY_HALF_M)),
        (5.0, 3.0),
    ]


@pytest.mark.parametrize("aisle_m", [0.32, 0.4, 0.6, 1.5])
def test_a_narrow_aisle_stays_open(aisle_m: float) -> None:
    left, right = (0.0, 0.0, 0.0, 5.0, 1.0), (5.0 + aisle_m, 0.0, 0.0, 5.0, 1.0)
    start, goal = (4.0, -0.6), (6.0, 1.6)
    way = Aisles(store(left, right)).way(start, goal)
    assert length_m(start, way) < 4.0


def test_a_crack_between_two_gondolas_is_no_aisle() -> None:
    left, right = (0.0, 0.0, 0.0, 3.0, 1.0), (3.02, 0.0, 0.0, 3.0, 1.0)
    way = Aisles(store(left, right)).way((2.8, -0.6), (3.2, 1.6))
    assert length_m((2.8, -0.6), way) > 6.0


def test_who_stands_close_to_a_gondola_gets_away_from_it() -> None:
    box = (0.0, 0.0, 0.0, 3.0, 1.0)
    way = Aisles(store(box)).way((1.5, -0.02), (1.5, 1.02))
    assert len(way) == 3
    assert length_m((1.5, -0.02), way) == pytest.approx(
        1.0 + 2 * 0.25 + 2 * math.hypot(1.75, 0.24), abs=0.1
    )


def test_a_place_within_a_footprint_is_reached_over_its_nearest_side() -> None:
    box = (0.0, 0.0, 0.0, 3.0, 1.0)
    way = Aisles(store(box)).way((1.0, 3.0), (1.0, 0.1))
    assert way[-2] == pytest.approx((1.0, -BODY_HALF_M))
    assert way[-1] == (1.0, 0.1)


def test_boards_that_stand_out_before_the_body_count() -> None:
    board = Shelf(
        id="1",
        gondola_from_shelf=Pose(translation_m=(0.0, -0.4, 0.5)),
        size_m=(2.0, 0.4, 0.2),
        reports_picks=NodeId("plates-1"),
    )
    gondola = Gondola(id="g", store_from_gondola=Pose(), size_m=(2.0, 0.03, 1.8), shelf=(board,))
    layout = Layout(store=StoreInfo(id=StoreId("shop"), name="Shop"), gondola=(gondola,))
    assert len(Aisles(layout).way((-1.0, -0.2), (3.0, -0.2))) == 3
    assert Aisles(layout).way((-1.0, -0.41), (3.0, -0.41)) == ((3.0, -0.41),)


def test_a_corner_of_the_wall_is_walked_around() -> None:
    floor = ((0.0, 0.0), (6.0, 0.0), (6.0, 2.0), (2.0, 2.0), (2.0, 6.0), (0.0, 6.0))
    way = Aisles(store(floor_m=floor)).way((1.0, 5.0), (5.0, 1.0))
    assert len(way) == 2
    assert way[0] == pytest.approx((2.0 - BODY_HALF_M, 2.0 - BODY_HALF_M))


def test_no_way_leads_around_a_gondola_that_stands_from_wall_to_wall() -> None:
    floor = ((0.0, 0.0), (6.0, 0.0), (6.0, 2.0), (0.0, 2.0))
    aisles = Aisles(store((2.0, 0.0, 0.0, 1.0, 2.0), floor_m=floor))
    with pytest.raises(ValueError, match="no way leads"):
        aisles.way((1.0, 1.0), (5.0, 1.0))


def test_a_door_outside_the_floor_is_reached() -> None:
    floor = ((0.0, 0.0), (6.0, 0.0), (6.0, 4.0), (0.0, 4.0))
    box = (2.0, 1.0, 0.0, 1.0, 2.0)
    way = Aisles(store(box, floor_m=floor)).way((-1.0, 2.0), (5.0, 2.0))
    assert len(way) == 3


def test_every_facing_of_the_demo_store_is_reached_from_its_door(repository: Path) -> None:
    layout = load_layout(repository / "simulator/tebura_simulator/demo/layout.toml")
    aisles = Aisles(layout)
    for facing in stocked_facings(layout).values():
        x, y, _ = facing.front_m
        goal = (x - STAND_OFF_M * facing.inward[0], y - STAND_OFF_M * facing.inward[1])
        assert aisles.way((0.0, 0.0), goal)[-1] == goal


def test_every_facing_of_a_real_store_is_reached_from_a_gate_and_from_every_other(
    shared_data: Path, tmp_path: Path
) -> None:
    real_store = load_layout(import_store(shared_data, tmp_path / "layout.toml"))
    aisles = Aisles(real_store)
    stands = []
    for facing in stocked_facings(real_store).values():
        x, y, _ = facing.front_m
        stands.append((x - STAND_OFF_M * facing.inward[0], y - STAND_OFF_M * facing.inward[1]))
    for gate in ((-1.0, -2.0), (2.5, 2.0)):  # before the row of gondolas, and behind it
        for stand in stands:
            assert aisles.way(gate, stand)[-1] == stand
    for one, two in zip(stands, stands[1:] + stands[:1], strict=True):
        assert length_m(one, aisles.way(one, two)) < math.dist(one, two) + 1.0
