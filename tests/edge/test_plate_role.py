from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration, PlateCalibration
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import DecodeError
from tebura_contract.events import (
    Event,
    ForeignObject,
    ItemPicked,
    ItemReturned,
    SensorChanged,
    SensorKind,
    SensorState,
)
from tebura_contract.geometry import Pose
from tebura_contract.ids import EventId, GondolaId, NodeId, PlateId, Sku, StoreId
from tebura_contract.layout import Facing, Gondola, Layout, Plate, Product, Shelf, StoreInfo
from tebura_contract.messages import StepDecided
from tebura_edge.plate_role import PlateRole, PlateSettings, PlateSetupError
from tebura_edge.role import Counts, Role, SensorStatus

START_NS = 1_700_000_000 * SECOND_NS
RATE_HZ = 10.0
NODE = NodeId("plates-1")
TARE, GAIN = 12_000.0, 410.0
PLATES = tuple(PlateId(f"1/1/{n}") for n in range(4))
SCALE = "left"


@pytest.fixture
def layout() -> Layout:
    shelf = Shelf(
        id="1",
        gondola_from_shelf=Pose(),
        size_m=(0.4, 0.4, 0.3),
        reports_picks=NODE,
        plate=tuple(Plate(id=str(n), xy_m=(n * 0.1, 0), size_m=(0.1, 0.4)) for n in range(4)),
        facing=(
            Facing(id="a", sku=Sku("tea"), x_m=(0.0, 0.1), plates=("0",)),
            Facing(id="b", sku=Sku("soup"), x_m=(0.3, 0.4), plates=("3",)),
        ),
    )
    gondola = Gondola(
        id=GondolaId("1"), store_from_gondola=Pose(), size_m=(1, 0.4, 1), shelf=(shelf,)
    )
    return Layout(
        store=StoreInfo(id=StoreId("s"), name="s"),
        product=(
            Product(sku=Sku("tea"), name="tea", price_minor=100, weight_g=48.0),
            Product(sku=Sku("soup"), name="soup", price_minor=200, weight_g=190.0),
        ),
        gondola=(gondola,),
    )


@pytest.fixture
def calibration() -> Calibration:
    return Calibration(
        node=NODE,
        measured_ns=Ns(0),
        plates={
            plate: PlateCalibration(tare_counts=TARE, counts_per_g=GAIN, noise_g=0.5)
            for plate in PLATES
        },
    )


@pytest.fixture
def role(layout: Layout, calibration: Calibration) -> PlateRole:
    return PlateRole(layout, calibration, NODE, PlateSettings(scales={SCALE: PLATES}))


class Shopping:
    """Counts of the shelf while things are taken and put; continues where it left off."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.at_s = 0.0
        self.level_g = np.full(4, 900.0)

    def counts(self, seconds: float, *changes: tuple[float, int, float]) -> Counts:
        """So many seconds with changes (after s, plate, g)."""
        since_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
        grams = self.level_g + self.random.normal(0, 0.5, (len(since_s), 4))
        for after_s, plate, delta_g in changes:
            grams[since_s >= after_s, plate] += delta_g
            self.level_g[plate] += delta_g
        at_ns = START_NS + np.round((self.at_s + since_s) * SECOND_NS).astype(np.int64)
        self.at_s += seconds
        return make_counts(at_ns, grams)


def make_counts(at_ns: NDArray[np.int64], grams: NDArray[np.float64]) -> Counts:
    return Counts(SCALE, at_ns, np.round(TARE + GAIN * grams))


def best(event: Event) -> tuple[str, int]:
    assert isinstance(event, ItemPicked | ItemReturned)
    return event.candidates[0].sku, event.candidates[0].quantity


def chance(event: Event) -> float:
    """Of the best candidate, against all others and what is none of them."""
    assert isinstance(event, ItemPicked | ItemReturned | ForeignObject)
    assert event.log_other is not None
    scores = [one.log_likelihood + one.log_prior for one in event.candidates]
    return float(np.exp(scores[0] - np.logaddexp.reduce([*scores, event.log_other])))


def test_it_is_a_role(role: PlateRole) -> None:
    as_role: Role = role
    assert as_role.watermark_ns() is None


def test_counts_become_picks_and_put_backs_with_their_facing(role: PlateRole) -> None:
    shopping = Shopping()
    picked, returned = role.step(shopping.counts(30, (10, 0, -48.3), (20, 3, 190.5)))
    assert isinstance(picked, ItemPicked)
    assert isinstance(returned, ItemReturned)
    assert (best(picked), best(returned)) == (("tea", 1), ("soup", 1))
    assert (picked.shelf, picked.plates, picked.facing) == ("1/1", ("1/1/0",), "1/1/a")
    assert picked.delta_g == pytest.approx(-48.3, abs=1.0)
    assert START_NS + 9.5 * SECOND_NS < picked.from_ns <= picked.to_ns < START_NS + 11 * SECOND_NS
    assert picked.blind == ""


def test_what_no_product_explains_is_foreign_and_nets_out_when_taken_away(
    role: PlateRole,
) -> None:
    shopping = Shopping()
    laid, taken = role.step(shopping.counts(40, (10, 2, 120.0), (25, 2, -120.0)))
    assert isinstance(laid, ForeignObject)
    assert isinstance(taken, ForeignObject)
    assert laid.delta_g + taken.delta_g == pytest.approx(0, abs=2.0)


def test_a_foreign_object_that_weighs_like_a_product_makes_its_pick_doubtful(
    role: PlateRole,
) -> None:
    role.step(SensorStatus("other", SensorKind.SCALE, SensorState.BLIND, "silent", START_NS))
    shopping = Shopping()
    laid, *later = role.step(shopping.counts(40, (10, 3, 231.0), (25, 3, -229.0)))
    assert isinstance(laid, ForeignObject)
    (gone,) = later
    assert isinstance(gone, ForeignObject)
    (soup,) = role.step(shopping.counts(20, (10, 3, -190.0)))
    assert isinstance(soup, ItemPicked)
    assert soup.blind == ""


def test_a_product_put_elsewhere_is_found_there_once_the_gateway_has_decided(
    role: PlateRole,
) -> None:
    shopping = Shopping()
    (put,) = role.step(shopping.counts(20, (10, 2, 48.0)))
    assert isinstance(put, ItemReturned)
    role.step(
        StepDecided(
            event=EventId(NODE, 1, 0),
            sku=Sku("tea"),
            quantity=1,
            plates=put.plates,
            delta_g=put.delta_g,
        )
    )
    (picked,) = role.step(shopping.counts(20, (10, 2, -48.0)))
    assert best(picked) == ("tea", 1)
    assert isinstance(picked, ItemPicked)
    assert picked.blind == ""


def test_what_was_put_back_undecided_makes_the_next_pick_from_there_doubtful(
    role: PlateRole,
) -> None:
    """Soup put where tea stands weighs what four teas do: until it is decided, nobody knows."""
    shopping = Shopping()
    put, taken = role.step(shopping.counts(30, (10, 0, 190.5), (20, 0, -190.5)))
    assert isinstance(put, ItemReturned)
    assert isinstance(taken, ForeignObject | ItemPicked)
    assert chance(taken) < 0.5
    (another,) = role.step(shopping.counts(20, (10, 0, -192.0)))
    assert isinstance(another, ItemPicked)
    assert chance(another) > chance(taken), "nothing lies there any more"


def test_what_a_step_is_none_of_is_told_with_its_candidates(role: PlateRole) -> None:
    shopping = Shopping()
    picked, lifted = role.step(shopping.counts(40, (10, 0, -48.2), (25, 2, -120.0)))
    assert isinstance(picked, ItemPicked)
    assert chance(picked) > 0.99
    assert isinstance(lifted, ForeignObject)
    assert lifted.candidates[0].sku == "soup"
    assert chance(lifted) < 0.5


def test_an_unread_cell_blinds_its_shelf_and_is_never_a_pick(role: PlateRole) -> None:
    counts = Shopping().counts(40)
    grams = counts.counts.copy()
    grams[150:250, 1] = np.nan
    blind, sees = role.step(Counts(SCALE, counts.at_ns, grams))
    assert isinstance(blind, SensorChanged)
    assert isinstance(sees, SensorChanged)
    assert (blind.sensor, blind.state, blind.reason) == ("1/1/1", SensorState.BLIND, "not-read")
    assert blind.shelves == ("1/1",)
    assert blind.since_ns == START_NS + 15 * SECOND_NS
    assert sees.state is SensorState.OK
    assert role.parts() == ()


def test_a_step_beside_a_sick_plate_says_so(role: PlateRole) -> None:
    shopping = Shopping()
    role.step(shopping.counts(10))
    counts = shopping.counts(20, (10, 0, -48.0))
    counts.counts[:, 1] = np.nan
    events = role.step(counts)
    (picked,) = [event for event in events if isinstance(event, ItemPicked)]
    assert picked.blind == "plate 1/1/1 not-read"
    assert [part.name for part in role.parts()] == ["1/1/1"]


def test_a_change_while_a_cell_was_sick_is_told_as_not_seen(role: PlateRole) -> None:
    shopping = Shopping()
    counts = shopping.counts(40, (15, 0, -48.0))
    counts.counts[100:250, 0] = np.nan
    (picked,) = [e for e in role.step(counts) if isinstance(e, ItemPicked)]
    assert "not-read" in picked.blind
    assert best(picked) == ("tea", 1)


def test_the_converters_end_is_no_weight(role: PlateRole) -> None:
    counts = Shopping().counts(40)
    counts.counts[100:300, 2] = 8_388_607
    events = role.step(counts)
    assert all(isinstance(event, SensorChanged) for event in events)
    assert events[0].reason == "out-of-range"  # type: ignore[union-attr]


def test_a_restart_reports_what_changed_meanwhile_and_forgets_nothing_learnt(
    role: PlateRole, layout: Layout, calibration: Calibration
) -> None:
    shopping = Shopping()
    (laid,) = role.step(shopping.counts(20, (10, 2, 120.0)))
    assert isinstance(laid, ForeignObject)
    saved = role.save()
    shopping.at_s += 600
    shopping.level_g[0] -= 48.0
    shopping.level_g[3] += 4.0
    again = PlateRole(layout, calibration, NODE, PlateSettings(scales={SCALE: PLATES}), saved)
    (missed, gone) = again.step(shopping.counts(20, (10, 2, -120.0)))
    assert isinstance(missed, ItemPicked)
    assert (best(missed), missed.blind) == (("tea", 1), "restart")
    assert missed.from_ns < START_NS + 20 * SECOND_NS
    assert isinstance(gone, ForeignObject)
    assert gone.blind == ""


def test_what_passes_is_told_as_both_halves_if_it_may_be_a_product(role: PlateRole) -> None:
    shopping = Shopping()
    events = role.step(shopping.counts(30, (10, 0, 48.0), (10.7, 0, -48.0)))
    assert all(isinstance(event, ForeignObject) and event.is_passing for event in events)
    came, went = events
    assert isinstance(came, ForeignObject)
    assert isinstance(went, ForeignObject)
    assert (came.candidates[0].sku, went.candidates[0].sku) == ("tea", "tea")
    assert came.delta_g == pytest.approx(48.0, abs=5.0)
    assert came.delta_g == -went.delta_g
    assert (came.from_ns, came.to_ns) == (went.from_ns, went.to_ns)
    assert role.step(shopping.counts(30, (10, 0, 2200.0), (10.7, 0, -2200.0))) == []


def test_what_passes_while_the_node_restarts_is_told_after_it(
    role: PlateRole, layout: Layout, calibration: Calibration
) -> None:
    shopping = Shopping()
    assert role.step(shopping.counts(10.5, (10, 0, 48.0))) == []
    again = PlateRole(layout, calibration, NODE, PlateSettings(scales={SCALE: PLATES}), role.save())
    events = again.step(shopping.counts(20, (0.2, 0, -48.0)))
    assert [isinstance(event, ForeignObject) and event.is_passing for event in events] == [True] * 2


def test_a_step_not_told_before_the_restart_is_told_after_it(
    role: PlateRole, layout: Layout, calibration: Calibration
) -> None:
    shopping = Shopping()
    first = shopping.counts(10.4, (10, 0, -48.0))
    assert role.step(first) == []
    again = PlateRole(layout, calibration, NODE, PlateSettings(scales={SCALE: PLATES}), role.save())
    (picked,) = again.step(shopping.counts(10))
    assert best(picked) == ("tea", 1)


def test_saved_bytes_that_are_not_ours_are_refused(
    layout: Layout, calibration: Calibration
) -> None:
    with pytest.raises(DecodeError):
        PlateRole(layout, calibration, NODE, PlateSettings(scales={SCALE: PLATES}), b"{}")


def test_a_silent_scale_does_not_hold_the_watermark_for_ever(role: PlateRole) -> None:
    shopping = Shopping()
    role.step(shopping.counts(10))
    later_ns = START_NS + 60 * SECOND_NS
    role.tick(later_ns)
    held_ns = role.watermark_ns()
    assert held_ns is not None
    assert held_ns < START_NS + 10 * SECOND_NS
    silent_ns = START_NS + 10 * SECOND_NS
    role.step(SensorStatus(SCALE, SensorKind.SCALE, SensorState.BLIND, "silent", silent_ns))
    assert role.watermark_ns() == later_ns


def test_what_changed_while_the_scale_was_silent_is_told_as_not_seen(role: PlateRole) -> None:
    shopping = Shopping()
    role.step(shopping.counts(10))
    for state in (SensorState.BLIND, SensorState.OK):
        role.step(SensorStatus(SCALE, SensorKind.SCALE, state, "silent", START_NS))
    shopping.at_s += 30
    shopping.level_g[3] -= 190.0
    (picked,) = role.step(shopping.counts(10))
    assert isinstance(picked, ItemPicked)
    assert picked.blind == "scale silent"


@pytest.mark.parametrize(
    ("scales", "problem"),
    [
        pytest.param({"a": PLATES, "b": PLATES[:1]}, "is on scale a too", id="twice"),
        pytest.param({"a": (PlateId("9/9/9"),)}, "is not in the layout", id="unknown"),
    ],
)
def test_scales_that_do_not_fit_the_layout_stop_the_start(
    layout: Layout,
    calibration: Calibration,
    scales: dict[str, Sequence[PlateId]],
    problem: str,
) -> None:
    settings = PlateSettings(scales={label: tuple(plates) for label, plates in scales.items()})
    with pytest.raises(PlateSetupError, match=problem):
        PlateRole(layout, calibration, NODE, settings)


def test_a_plate_without_calibration_stops_the_start(layout: Layout) -> None:
    empty = Calibration(node=NODE, measured_ns=Ns(0))
    with pytest.raises(PlateSetupError, match="1/1/0 is not calibrated"):
        PlateRole(layout, empty, NODE, PlateSettings(scales={SCALE: PLATES}))


def test_inputs_of_other_roles_are_ignored(role: PlateRole) -> None:
    assert role.step(Counts("right", np.array([1]), np.array([[1.0]]))) == []
