"""Simulated plates weigh what a scenario moves, and are as bad as real ones meanwhile."""

import hashlib
import tracemalloc
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.codec import encode
from tebura_contract.ids import PlateId
from tebura_contract.layout import Layout, load_layout
from tebura_simulator.plates.cells import Cells
from tebura_simulator.plates.models import HX711, STORE60, model_of
from tebura_simulator.plates.packages import Packages
from tebura_simulator.plates.plain_store import SKU, WEIGHT_G, Happenings, store_of, story_of
from tebura_simulator.plates.simulated import SimulatedPlates, simulate
from tebura_simulator.story.scenario import (
    FaultKind,
    FaultScript,
    Hand,
    PlateKind,
    PlatesScript,
    load_scenario,
)
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.timetable import Action, ActionKind, Touch, TouchKind

DEMO = Path("simulator/tebura_simulator/demo")
Floats = NDArray[np.float64]
KINDS = [pytest.param(kind, id=kind.value) for kind in PlateKind]


@pytest.fixture(scope="module")
def shop(repository: Path) -> Layout:
    return load_layout(repository / DEMO / "layout.toml")


@pytest.fixture(scope="module")
def timeline(repository: Path, shop: Layout) -> Timeline:
    path = repository / DEMO / "scenarios" / "take-two-put-one-back.toml"
    return Timeline(load_scenario(path, shop), shop)


def harsh(story: Happenings, harshness: float) -> Happenings:
    plates = PlatesScript(kind=story.scenario.plates.kind, harshness=harshness)
    return replace(story, scenario=msgspec.structs.replace(story.scenario, plates=plates))


def grams(plates: SimulatedPlates) -> tuple[Floats, Floats]:
    """(n,) seconds and (n, plates) grams as the calibration has them."""
    stretches = list(plates.stretches())
    cells = plates.cells
    counts = np.concatenate([stretch.counts for stretch in stretches])
    level_g: Floats = (counts - cells.tare) / cells.gain
    return np.concatenate([stretch.at_s for stretch in stretches]), level_g


def level(at_s: Floats, level_g: Floats, from_s: float, to_s: float) -> Floats:
    found: Floats = np.median(level_g[(at_s > from_s) & (at_s < to_s)], axis=0)
    return found


def across(layout: Layout, shelf: str, plates: int, **changes: object) -> Action:
    """Something taken from a facing of several plates."""
    action = story_of(layout, PlateKind.STORE60, 20.0, 0, 8.0).actions[0]
    names = tuple(PlateId(f"{shelf}/{number + 1}") for number in range(plates))
    return msgspec.structs.replace(action, plates=names, **changes)


def touch(layout: Layout, kind: TouchKind, force_kg: float, to_s: float) -> Touch:
    shelf, facing = next((s, f) for f, (s, _) in layout.facings().items())
    plates = tuple(p for p, (s, _) in layout.plates().items() if s == shelf)
    return Touch(
        from_s=5.0,
        to_s=to_s,
        kind=kind,
        shopper="a",
        shelf=shelf,
        facing=facing,
        plates=plates,
        force_kg=force_kg,
        hand=Hand.RIGHT,
    )


def digest(plates: SimulatedPlates, chunk_s: float) -> str:
    found = hashlib.sha256()
    for arrival_ns, batch in plates.batches(chunk_s):
        found.update(str(arrival_ns).encode() + encode(batch))
    return found.hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_scenario_and_seed_give_the_same_bytes_however_long_the_stretches_are(
    kind: PlateKind,
) -> None:
    layout = store_of(30)
    lean = touch(layout, TouchKind.LEAN, 8.0, 15.0)
    knock = touch(layout, TouchKind.KNOCK, 4.0, 5.1)
    story = replace(story_of(layout, kind, 25.0, 3, 2.0), touches=(lean, knock))
    shelf, plate = "1/1", "1/2/3"
    faults = tuple(
        FaultScript(kind=one, at_s=6.3, for_s=7.7, on=plate if one in ON_PLATES else shelf)
        for one in (*ON_PLATES, *ON_SHELVES)
    )
    first = digest(simulate(story, layout, faults), 4.0)
    again = [digest(simulate(story, layout, faults), chunk_s) for chunk_s in (4.0, 0.2, 1.7, 60.0)]
    assert again == [first] * 4
    other = replace(story, scenario=msgspec.structs.replace(story.scenario, seed=4))
    assert digest(simulate(other, layout, faults), 4.0) != first


ON_PLATES = (FaultKind.CELL_STUCK, FaultKind.CELL_DYING, FaultKind.DRIFT)
ON_SHELVES = (
    FaultKind.GLITCHES,
    FaultKind.WARMING,
    FaultKind.SAMPLES_DROPPED,
    FaultKind.SAMPLES_LATE,
    FaultKind.SAMPLES_REPEATED,
    FaultKind.SCALE_CLOCK_STEP,
)


def test_a_scenario_of_the_demo_moves_the_plates_it_names(timeline: Timeline, shop: Layout) -> None:
    plates = simulate(timeline, shop)
    at_s, level_g = grams(plates)
    for action in timeline.actions:
        mine = [plates.cells.plates.index(plate) for plate in action.plates]
        before = level(at_s, level_g, action.t_s - 2.5, action.t_s - 0.9)
        after = level(at_s, level_g, action.t_s + 1.2, action.t_s + 2.8)
        change = float((after - before)[mine].sum())
        assert change == pytest.approx(action.delta_g, rel=0.08, abs=9.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_settled_change_is_off_the_catalogue_by_up_to_about_5_percent(kind: PlateKind) -> None:
    layout = store_of(240)
    facings = list(layout.facings())
    story = story_of(layout, kind, 30.0, 5, 8.0)
    takes = [
        msgspec.structs.replace(
            story.actions[0],
            facing=facing,
            plates=(PlateId(facing),),
            items=(f"{facing}#0",),
        )
        for facing in facings[::4]
    ]
    at_s, level_g = grams(simulate(replace(story, actions=tuple(takes)), layout))
    moved = level(at_s, level_g, 10.0, 20.0) - level(at_s, level_g, 0.0, 6.5)
    off = np.abs(moved[::4] / -WEIGHT_G - 1.0)
    assert 0.01 < np.quantile(off, 0.68) < 0.03
    assert 0.03 < off.max() < 0.09


@pytest.mark.parametrize("kind", KINDS)
def test_without_harshness_plates_are_clean(kind: PlateKind) -> None:
    layout = store_of(24)
    story = harsh(story_of(layout, kind, 40.0, 7, 8.0), 0.0)
    plates = simulate(story, layout)
    at_s, level_g = grams(plates)
    step_g = plates.model.step_counts / plates.model.counts_per_g * 1.2
    packages = Packages(layout, plates.cells, 0.0, 7)
    for action in story.actions:
        column = plates.cells.plates.index(action.plates[0])
        change = level(at_s, level_g, action.t_s + 0.5, action.t_s + 3)[column]
        change -= level(at_s, level_g, action.t_s - 3, action.t_s - 0.5)[column]
        sign = -1.0 if action.kind is ActionKind.TAKE else 1.0
        expected_g = sign * packages.weight_g(action.items[0], SKU)
        assert change == pytest.approx(expected_g, abs=step_g)
    still = level_g[at_s < 7.5]
    assert float((still.max(axis=0) - still.min(axis=0)).max()) == 0.0


def test_a_package_weighs_the_same_wherever_it_goes() -> None:
    layout = store_of(24)
    base = story_of(layout, PlateKind.HX711, 40.0, 7, 8.0)
    one, two = base.actions[0], base.actions[1]
    moved = msgspec.structs.replace(two, items=one.items)
    assert one.facing != moved.facing
    at_s, level_g = grams(simulate(harsh(replace(base, actions=(one, moved)), 0.0), layout))
    last = level(at_s, level_g, 20.0, 30.0) - level(at_s, level_g, 0.0, 7.0)
    assert float(last.sum()) == pytest.approx(0.0, abs=0.02)
    assert sorted(np.round(np.abs(last), 2))[-2] > 250.0


def test_two_packages_of_a_product_weigh_differently() -> None:
    layout = store_of(12)
    packages = Packages(layout, Cells.of(layout, STORE60, 1), 0.0, 1)
    weights = [packages.weight_g(f"thing#{number}", SKU) for number in range(200)]
    assert len(set(weights)) == 200
    assert 0.5 * 0.015 * WEIGHT_G < np.std(weights) < 1.5 * 0.015 * WEIGHT_G
    assert max(abs(weight_g / WEIGHT_G - 1.0) for weight_g in weights) <= 0.05


def test_a_package_lies_on_one_to_three_plates_in_shares_of_its_own() -> None:
    layout = store_of(12)
    packages = Packages(layout, Cells.of(layout, STORE60, 1), 0.0, 1)
    found = []
    for number in range(300):
        item = f"thing#{number}"
        change = packages.change(across(layout, "1/1", 6, items=(item,)))
        assert change is not None
        shares = change.grams / -packages.weight_g(item, SKU)
        assert shares.sum() == pytest.approx(1.0)
        under = np.flatnonzero(shares)
        assert np.ptp(under) == len(under) - 1 <= 2
        found.append(tuple(np.sort(shares[under])[::-1]))
    counts = [sum(len(shares) == n for shares in found) for n in (1, 2, 3)]
    assert min(counts) > 30
    three = [shares for shares in found if len(shares) == 3]
    assert len(set(three)) == len(three)
    assert any(abs(a - 0.56) < 0.06 and abs(b - 0.25) < 0.06 for a, b, _ in three)


def test_a_package_leaves_the_plates_it_was_put_on() -> None:
    layout = store_of(12)
    packages = Packages(layout, Cells.of(layout, STORE60, 1), 0.002, 1)
    put = across(layout, "1/1", 6, kind=ActionKind.PUT_BACK, t_s=3.0, items=("thing#1",))
    take = across(layout, "1/1", 6, t_s=9.0, items=("thing#1",))
    landed, left = packages.change(put), packages.change(take)
    assert landed is not None
    assert left is not None
    assert np.allclose(landed.grams, -left.grams)


def test_an_item_that_lands_overshoots_and_rings_for_half_a_second() -> None:
    layout = store_of(120)
    base = story_of(layout, PlateKind.STORE60, 16.0, 2, 8.0)
    takes = [
        msgspec.structs.replace(
            base.actions[0], facing=name, plates=(PlateId(name),), items=(f"{name}#0",)
        )
        for name in list(layout.facings())[::4]
    ]
    at_s, level_g = grams(simulate(replace(base, actions=tuple(takes)), layout))
    mine = level_g[:, ::4]
    delta = level(at_s, mine, 10.0, 12.0) - level(at_s, mine, 4.0, 6.5)
    after = (at_s > 8.0) & (at_s < 8.5)
    past = ((mine[after] - level(at_s, mine, 10.0, 12.0)) / delta).max(axis=0)
    assert 0.05 < np.median(past) < 0.4
    rung = (at_s > 9.2) & (at_s < 9.6)
    left = ((mine[rung] - level(at_s, mine, 10.0, 12.0)) / delta).max(axis=0)
    assert np.median(left) < 0.03


def test_neighbours_move_while_something_is_handled_and_may_stay_off() -> None:
    layout = store_of(600)
    base = story_of(layout, PlateKind.STORE60, 16.0, 2, 8.0)
    shelves = sorted({name.rsplit("/", 1)[0] for name in layout.facings()})
    takes = [
        msgspec.structs.replace(
            base.actions[0],
            facing=f"{shelf}/6",
            plates=(PlateId(f"{shelf}/6"),),
            items=(f"{shelf}#0",),
        )
        for shelf in shelves
    ]
    clean = replace(base, actions=tuple(takes))
    plates = simulate(clean, layout)
    at_s, level_g = grams(plates)
    beside = [plates.cells.plates.index(PlateId(f"{shelf}/7")) for shelf in shelves]
    far = [plates.cells.plates.index(PlateId(f"{shelf}/12")) for shelf in shelves]
    before, after = level(at_s, level_g, 3.0, 7.0), level(at_s, level_g, 10.0, 14.0)
    during = (at_s > 7.5) & (at_s < 8.5)
    bump = np.abs(level_g[during] - before).max(axis=0)
    stays = np.abs(after - before)
    assert np.median(bump[beside]) > 2 * np.median(bump[far])
    assert 5.0 < np.quantile(bump[beside], 0.9) < 40.0
    assert np.median(stays[beside]) > 3 * np.median(stays[far])


@pytest.mark.parametrize("force_kg", [2.0, 12.0])
def test_a_leaning_body_presses_on_a_board_unevenly_and_leaves_little_behind(
    force_kg: float,
) -> None:
    layout = store_of(12)
    story = story_of(layout, PlateKind.HX711, 40.0, 2)
    lean = touch(layout, TouchKind.LEAN, force_kg, 25.0)
    plates = simulate(replace(story, touches=(lean,)), layout)
    at_s, level_g = grams(plates)
    before, after = level(at_s, level_g, 0.0, 4.5), level(at_s, level_g, 30.0, 39.0)
    pressed = level(at_s, level_g, 8.0, 22.0) - before
    assert float(pressed.sum()) == pytest.approx(1000 * force_kg, rel=0.1)
    assert pressed.max() > 3 * np.median(pressed)
    assert np.abs(after - before).max() < 9.0 + 4.0
    worst = int(pressed.argmax())
    inside = (at_s > 8.0) & (at_s < 22.0)
    swing = np.diff(np.quantile(level_g[inside, worst], [0.1, 0.9])).item()
    assert swing > 0.05 * pressed[worst]


def test_a_knock_rings_through_every_plate_it_reaches() -> None:
    layout = store_of(12)
    story = story_of(layout, PlateKind.STORE60, 12.0, 2)
    knock = touch(layout, TouchKind.KNOCK, 5.0, 5.1)
    at_s, level_g = grams(simulate(replace(story, touches=(knock,)), layout))
    rings = (at_s > 5.0) & (at_s < 5.5)
    swing = level_g[rings].max(axis=0) - level_g[rings].min(axis=0)
    assert swing.min() > 50.0
    moved = level(at_s, level_g, 9.0, 11.5) - level(at_s, level_g, 2.0, 4.8)
    assert np.abs(moved).max() < 9.0 + 8.0


def test_a_load_creeps_after_it_changed() -> None:
    layout = store_of(120)
    base = story_of(layout, PlateKind.STORE60, 80.0, 2)
    loads = [
        msgspec.structs.replace(
            across(layout, "1/1", 1, kind=ActionKind.LAY, delta_g=10_000.0, t_s=5.0, items=()),
            facing=name,
            plates=(PlateId(name),),
        )
        for name in layout.facings()
    ]
    at_s, level_g = grams(simulate(replace(base, actions=tuple(loads)), layout))
    crept = level(at_s, level_g, 60.0, 70.0) - level(at_s, level_g, 6.5, 8.0)
    # A deviation of one per mille in a minute, of which half after the first few seconds.
    assert 2.0 < np.std(crept) < 12.0


def test_plates_of_a_shop_keep_zero_and_gain_whatever_the_seed(shop: Layout) -> None:
    one, other = Cells.of(shop, HX711, 1), Cells.of(shop, HX711, 99)
    assert np.array_equal(one.tare, other.tare)
    assert np.array_equal(one.gain, other.gain)
    assert not np.array_equal(one.true_gain, other.true_gain)
    assert np.abs(one.true_gain / one.gain - 1.0).max() <= 0.03


def test_calibrations_hold_every_plate_of_every_node(shop: Layout, timeline: Timeline) -> None:
    plates = simulate(timeline, shop)
    known = {plate for one in plates.calibrations.values() for plate in one.plates}
    assert known == set(shop.plates())
    assert all(one.node == node for node, one in plates.calibrations.items())


def test_a_plate_without_a_product_may_be_dead_but_none_under_a_product() -> None:
    stocked = store_of(600)
    gondola = stocked.gondola[0]
    shelves = tuple(msgspec.structs.replace(shelf, facing=()) for shelf in gondola.shelf)
    bare = msgspec.structs.replace(
        stocked, gondola=(msgspec.structs.replace(gondola, shelf=shelves),)
    )
    model = replace(model_of(PlateKind.STORE60), dead=0.125)
    assert not Cells.of(stocked, model, 1).is_dead.any()
    dead = Cells.of(bare, model, 1).is_dead
    assert 0.08 < dead.mean() < 0.18
    story = replace(story_of(bare, PlateKind.STORE60, 3.0, 1), stands=())
    plates = SimulatedPlates(story, bare, (), model)
    counts = next(plates.stretches()).counts
    assert np.array_equal(np.ptp(counts, axis=0) == 0, dead)


def test_an_hour_takes_no_more_memory_than_a_minute() -> None:
    layout = store_of(24)

    def peak_bytes(duration_s: float) -> int:
        plates = simulate(story_of(layout, PlateKind.HX711, duration_s, 1, 10.0), layout)
        tracemalloc.start()
        try:
            for _ in plates.batches():
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak_bytes(360.0) < peak_bytes(60.0) + 500_000
