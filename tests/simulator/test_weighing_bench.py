"""The weighing bench counts each true step and each event once, and says when a step settled."""

import json
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs
from tebura_contract.clock import Ns
from tebura_contract.events import Candidate, ForeignObject, ItemPicked, ItemReturned
from tebura_contract.ids import FacingId, PlateId, ShelfId, Sku
from tebura_simulator.cli import app
from tebura_simulator.epoch import store_ns
from tebura_simulator.plates.plain_store import Happenings, store_of, story_of
from tebura_simulator.plates.simulated import simulate
from tebura_simulator.stores import store
from tebura_simulator.story.scenario import PlateKind, PlatesScript
from tebura_simulator.story.timetable import ActionKind
from tebura_simulator.weighing_bench.calibration import calibration
from tebura_simulator.weighing_bench.cases import Wanted, case_names, draw
from tebura_simulator.weighing_bench.given import given
from tebura_simulator.weighing_bench.lines import Verdict, case_line
from tebura_simulator.weighing_bench.matching import Fate, matched
from tebura_simulator.weighing_bench.places import Place
from tebura_simulator.weighing_bench.playing import Case, Played, Told, play
from tebura_simulator.weighing_bench.true_steps import TrueStep, true_steps
from typer.testing import CliRunner

SHELF = ShelfId("g/s")


def step(at_s: float, delta_g: float, plate: str = "p1", number: int = 0) -> TrueStep:
    name = PlateId(f"{SHELF}/{plate}")
    return TrueStep(
        number=number,
        at_s=at_s,
        settled_s=at_s + 0.5,
        kind=ActionKind.TAKE if delta_g < 0 else ActionKind.PUT_BACK,
        shopper="a",
        shelf=SHELF,
        facing=FacingId(f"{SHELF}/f"),
        sku=Sku("tea"),
        quantity=1,
        delta_g=delta_g,
        deltas_g={name: delta_g},
        noise_g=1.0,
    )


def told(from_s: float, delta_g: float, plate: str = "p1", lasts_s: float = 0.4) -> Told:
    kind = ItemPicked if delta_g < 0 else ItemReturned
    event = kind(
        shelf=SHELF,
        plates=(PlateId(f"{SHELF}/{plate}"),),
        delta_g=delta_g,
        sigma_g=0.5,
        from_ns=store_ns(from_s),
        to_ns=store_ns(from_s + lasts_s),
        candidates=(Candidate(sku=Sku("tea"), quantity=1, log_likelihood=0.0, log_prior=0.0),),
    )
    return Told(event, from_s + lasts_s + 0.7)


def test_each_event_is_of_the_step_whose_plates_and_weight_it_has() -> None:
    light, heavy = step(10.0, -15.0, "p1"), step(10.1, -500.0, "p2", 1)
    found = matched([light, heavy], [told(9.9, -499.0, "p2"), told(9.8, -16.0, "p1")])
    pairs = {(one.steps[0].number, one.told[0].event.delta_g) for one in found.groups}
    assert pairs == {(0, -16.0), (1, -499.0)}
    assert not found.missed
    assert not found.false


def test_two_steps_told_as_their_sum_are_merged() -> None:
    found = matched([step(10.0, -100.0), step(10.4, -100.0, number=1)], [told(9.9, -200.0)])
    (group,) = found.groups
    assert len(group.steps) == 2
    assert not found.missed


def test_an_event_that_holds_an_earlier_step_too_is_of_both() -> None:
    found = matched([step(9.2, -15.0), step(10.0, -15.5, number=1)], [told(9.9, -30.4)])
    (group,) = found.groups
    assert len(group.steps) == 2
    light = matched([step(9.2, -15.0), step(10.0, -15.5, number=1)], [told(9.9, -15.4)])
    assert [one.number for one in light.missed] == [0]


def test_all_that_happened_on_an_events_plates_within_its_time_is_part_of_it() -> None:
    steps = [step(10.2, -428.0), step(10.5, 167.0, number=1), step(10.9, -257.0, number=2)]
    found = matched(steps, [told(10.0, -518.0, lasts_s=1.0)])
    (group,) = found.groups
    assert sorted(one.number for one in group.steps) == [0, 1, 2]
    assert found.missed == ()


def test_what_is_as_heavy_as_a_press_is_told_even_if_it_comes_last() -> None:
    layout = store_of(12)
    story = story_of(layout, PlateKind.STORE60, 30.0, 4, 8.0)
    clean = PlatesScript(kind=PlateKind.STORE60, harshness=0.0)
    heavy = structs.replace(
        story.actions[0],
        kind=ActionKind.PUT_BACK,
        delta_g=20 * 300.0,
        quantity=20,
        items=tuple(f"thing/{n}" for n in range(20)),
        t_s=25.0,
        inside_from_s=24.6,
        inside_to_s=25.4,
    )
    last = replace(story, scenario=structs.replace(story.scenario, plates=clean), actions=(heavy,))
    line = case_line(play(Case("own", "own", 1, last, layout)), 0.0)
    assert [one.fate for one in line.steps] == [Fate.FOUND]


def test_an_event_on_other_plates_and_of_another_weight_is_of_no_step() -> None:
    steps = [step(10.0, -554.0), step(11.1, -1112.0, number=1)]
    events = [told(9.0, -14.9, "p4", lasts_s=1.4), told(9.2, -1662.0, lasts_s=2.0)]
    found = matched(steps, events)
    assert [len(group.steps) for group in found.groups] == [2]
    assert [one.event.delta_g for one in found.false] == [-14.9]


def test_a_step_told_in_two_pieces_is_split() -> None:
    found = matched([step(10.0, -100.0)], [told(9.9, -60.0), told(9.9, -40.0, "p2")])
    (group,) = found.groups
    assert len(group.told) == 2
    assert not found.false


def test_what_is_told_of_nothing_is_false_and_what_is_not_told_is_missed() -> None:
    found = matched([step(10.0, -100.0)], [told(30.0, -100.0), told(9.9, 100.0)])
    assert len(found.missed) == 1
    assert len(found.false) == 2


def test_a_thing_taken_and_put_back_at_once_nets() -> None:
    found = matched([step(10.0, -100.0), step(11.0, 100.4, number=1)], [])
    assert len(found.netted) == 2
    assert not found.missed


def test_a_step_settles_when_its_ringing_and_the_hand_are_over() -> None:
    layout = store_of(12)
    story = story_of(layout, PlateKind.STORE60, 30.0, 4, 8.0)
    plates = simulate(story, layout)
    for one in true_steps(story, plates):
        assert 0.05 < one.settled_s - one.at_s < 3.0
        (plate,) = one.plates
        column = plates.cells.plates.index(plate)
        share = plates.cells.true_gain[column] / plates.cells.gain[column]
        assert abs(one.delta_g) == pytest.approx(300.0 * share, rel=0.06)


def test_clean_plates_give_every_step_and_nothing_else() -> None:
    layout = store_of(12)
    story = story_of(layout, PlateKind.STORE60, 60.0, 4, 8.0)
    clean = PlatesScript(kind=PlateKind.STORE60, harshness=0.0)
    quiet = replace(story, scenario=structs.replace(story.scenario, plates=clean))
    line = case_line(play(Case("own", "own", 1, quiet, layout)), 0.0)
    assert {one.fate for one in line.steps} == {Fate.FOUND}
    assert all(one.cause is None for one in line.told)
    assert all(abs(one.error_g or 0.0) < 1.0 for one in line.steps)


def test_one_put_back_and_another_taken_right_after_it_are_asked_about_on_both_receipts() -> None:
    layout = store_of(12)
    story = story_of(layout, PlateKind.STORE60, 60.0, 4, 8.0)
    clean = PlatesScript(kind=PlateKind.STORE60, harshness=0.0)
    first = story.actions[0]
    takes = structs.replace(first, t_s=40.0, shopper="b", inside_from_s=39.6, inside_to_s=40.4)
    puts = structs.replace(
        first, kind=ActionKind.PUT_BACK, t_s=39.5, delta_g=300.0, inside_from_s=39.1
    )
    quiet = replace(
        story,
        scenario=structs.replace(story.scenario, plates=clean),
        actions=(first, structs.replace(puts, inside_to_s=39.9), takes),
    )
    line = case_line(play(Case("own", "own", 1, quiet, layout)), 0.0)
    assert [one.fate for one in line.steps] == [Fate.FOUND, Fate.NETTED, Fate.NETTED]
    assert [one.verdict for one in line.steps[1:]] == [Verdict.ASKED] * 2
    assert line.passing == line.passing_asked == 2
    assert {one.shopper for one in line.receipts if one.is_asked} == {"a", "b"}
    assert all(one.after == one.true for one in line.receipts)


def test_confidence_that_is_right_has_no_calibration_error() -> None:
    rng = np.random.default_rng(5)
    p = rng.uniform(0.5, 1.0, 4_000)
    fair = [(float(x), bool(rng.random() < x)) for x in p]
    boasts = [(x, ok and rng.random() < 0.8) for x, ok in fair]
    assert calibration(fair, 0.8).expected_error < 0.03
    assert calibration(boasts, 0.8).expected_error > 0.1


def test_no_threshold_is_promised_on_few_lines() -> None:
    few = [(0.99, True)] * 500
    many = [(0.99, True)] * 3500
    assert calibration(few, 0.8).bound is None
    assert calibration(few, 0.8).point is None
    assert calibration(many, 0.8).bound is not None
    assert calibration([*many, *[(0.999, False)] * 40], 0.8).point is None


def test_ten_million_samples_of_glitches_are_played() -> None:
    names = case_names(Wanted("glitches"), range(1, 2))
    first = draw(names[0])
    plates = simulate(first.story, first.layout, first.faults)
    rows = first.story.duration_s * plates.model.rate_hz
    assert len(names) * rows * len(plates.cells.plates) >= 10_000_000


def test_the_command_tells_cases_and_totals_as_json() -> None:
    args = ["weigh", "--suite", "calm", "--seeds", "3", "--store", "kiosk", "--json"]
    told = CliRunner().invoke(app, [*args, "--jobs", "1"])
    assert told.exit_code == 0, told.output
    case, total = (json.loads(line) for line in told.stdout.splitlines())
    assert case["case"] == "calm"
    assert total["steps"] == len(case["steps"]) > 0
    assert sum(total["fates"].values()) == total["steps"]


def test_a_foreign_thing_told_as_foreign_is_right() -> None:
    laid = replace(step(10.0, 150.0), kind=ActionKind.LAY, sku=Sku(""))
    event = ForeignObject(
        shelf=SHELF,
        plates=(PlateId(f"{SHELF}/p1"),),
        delta_g=150.0,
        sigma_g=0.5,
        from_ns=Ns(store_ns(9.8)),
        to_ns=Ns(store_ns(10.3)),
    )
    (group,) = matched([laid], [Told(event, 11.0)]).groups
    assert group.steps[0].is_foreign


@pytest.mark.parametrize(
    ("facing", "sku", "place"),
    [
        pytest.param("g1/s3/f1", "coffee-black", Place.TWIN, id="a-gram-apart-on-one-plate"),
        pytest.param("g1/s3/f5", "energy-drink", Place.HOME, id="far-apart-on-one-plate"),
        pytest.param("g1/s3/f3", "coffee-black", Place.HOME, id="alone-on-its-plate"),
        pytest.param("g1/s3/f3", "gum", Place.ASTRAY, id="not-where-it-belongs"),
    ],
)
def test_weight_and_place_can_tell_what_has_no_twin(facing: str, sku: str, place: Place) -> None:
    layout, _ = store("corner")
    story = draw(case_names(Wanted("calm"), range(1, 2))[0]).story
    shelf, slot = layout.facings()[FacingId(facing)]
    first = structs.replace(
        story.actions[0],
        facing=FacingId(facing),
        sku=Sku(sku),
        items=(f"{sku}/1",),
        plates=tuple(PlateId(f"{shelf}/{plate}") for plate in slot.plates),
    )
    only = Happenings(scenario=story.scenario, actions=(first,))
    (one,) = true_steps(only, simulate(only, layout))
    assert one.place is place


def test_with_the_shopper_given_what_they_hold_comes_back() -> None:
    layout, _ = store("corner")
    story = Happenings(scenario=draw(case_names(Wanted("calm"), range(1, 2))[0]).story.scenario)
    plum, kelp = Sku("onigiri-plum"), Sku("onigiri-kelp")

    def candidate(sku: Sku, log_likelihood: float) -> Candidate:
        return Candidate(sku=sku, quantity=1, log_likelihood=log_likelihood, log_prior=0.0)

    taken, back = step(10.0, -109.0), step(20.0, 109.0, number=1)
    taken, back = (
        replace(one, sku=plum, shelf=ShelfId("g3/s3"), deltas_g={PlateId("g3/s3/p5"): one.delta_g})
        for one in (taken, back)
    )
    picked, returned = (
        Told(
            structs.replace(
                one.event,
                shelf=ShelfId("g3/s3"),
                plates=(PlateId("g3/s3/p5"),),
                candidates=(candidate(kelp, 0.0 if is_back else -20.0), candidate(plum, -1.0)),
            ),
            one.told_s,
        )
        for one, is_back in ((told(9.9, -109.0), False), (told(19.9, 109.0), True))
    )
    played = Played(
        case=Case("own", "own", 1, story, layout),
        true=(taken, back),
        told=(picked, returned),
        rate_hz=60.0,
        plates=1,
        samples=0,
        cpu_s=0.0,
    )
    decided = given(played, matched(played.true, played.told))
    assert [(decided[id(n)].sku, decided[id(n)].quantity) for n in (picked, returned)] == [
        (plum, 1),
        (plum, -1),
    ]
    assert all(one.is_right for one in decided.values())


@pytest.mark.parametrize("has_other", [False, True])
def test_what_another_shopper_holds_may_have_been_handed_over(has_other: bool) -> None:
    layout, _ = store("corner")
    story = Happenings(scenario=draw(case_names(Wanted("calm"), range(1, 2))[0]).story.scenario)
    bun, batteries = Sku("anpan"), Sku("batteries-aa")
    buns, shelf = PlateId("g3/s2/p3"), PlateId("g3/s1/p6")
    happened = [
        (5.0, "b", bun, -98.0, buns, {bun: 0.0}),
        (10.0, "a", batteries, -98.0, shelf, {batteries: 0.0}),
        (20.0, "a", batteries, 98.0, buns, {bun: 0.0, batteries: -5.3}),
    ]
    steps: list[TrueStep] = []
    events: list[Told] = []
    for at_s, shopper, sku, delta_g, plate, log_likelihoods in happened[0 if has_other else 1 :]:
        where = ShelfId(plate.rpartition("/")[0])
        one, event = step(at_s, delta_g, number=len(steps)), told(at_s - 0.1, delta_g)
        steps.append(replace(one, shopper=shopper, sku=sku, shelf=where, deltas_g={plate: delta_g}))
        candidates = tuple(
            Candidate(sku=product, quantity=1, log_likelihood=log, log_prior=0.0)
            for product, log in log_likelihoods.items()
        )
        moved = structs.replace(event.event, shelf=where, plates=(plate,), candidates=candidates)
        events.append(replace(event, event=moved))
    played = Played(
        case=Case("own", "own", 1, story, layout),
        true=tuple(steps),
        told=tuple(events),
        rate_hz=60.0,
        plates=1,
        samples=0,
        cpu_s=0.0,
    )
    back = given(played, matched(played.true, played.told))[id(events[-1])]
    assert (back.sku, back.quantity, back.is_decided) == (batteries, -1, not has_other)


def test_a_step_is_in_company_while_something_else_goes_on_on_its_shelf() -> None:
    layout, _ = store("corner")
    story = Happenings(scenario=draw(case_names(Wanted("calm"), range(1, 2))[0]).story.scenario)
    shelf, plum = ShelfId("g3/s3"), Sku("onigiri-plum")
    rice = (Candidate(sku=plum, quantity=1, log_likelihood=0.0, log_prior=0.0),)
    times = ((10.0, "p1"), (11.0, "p5"), (20.0, "p1"), (22.0, "p5"))
    steps = [
        replace(
            step(at_s, -109.0, number=number),
            sku=plum,
            shelf=shelf,
            deltas_g={PlateId(f"{shelf}/{plate}"): -109.0},
        )
        for number, (at_s, plate) in enumerate(times)
    ]
    found = [(told(at_s - 0.1, -109.0), PlateId(f"{shelf}/{plate}")) for at_s, plate in times]
    events = [
        replace(
            one, event=structs.replace(one.event, shelf=shelf, plates=(plate,), candidates=rice)
        )
        for one, plate in found
    ]
    played = Played(
        case=Case("own", "own", 1, story, layout),
        true=tuple(steps),
        told=tuple(events),
        rate_hz=60.0,
        plates=2,
        samples=0,
        cpu_s=0.0,
    )
    assert [one.is_alone for one in case_line(played, 0.0).steps] == [False, True, True, True]
    late = [replace(one, told_s=one.told_s + 2.0) for one in events]
    told_late = case_line(replace(played, told=tuple(late)), 0.0)
    assert [one.is_alone for one in told_late.steps] == [False, True, False, True]
