"""The weighing bench's bill, its rows by case, its pool, its goals, and what it keeps."""

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from tebura_contract.binomial import clopper_pearson, upper_bound
from tebura_contract.events import Candidate, ItemPicked, ItemReturned
from tebura_contract.ids import FacingId, PlateId, ShelfId, Sku
from tebura_gateway.domain.decision import Reason, Status
from tebura_simulator.cli import app
from tebura_simulator.epoch import store_ns
from tebura_simulator.plates.models import model_of
from tebura_simulator.stores import store
from tebura_simulator.story.scenario import FaultKind, FaultScript, PlateKind
from tebura_simulator.story.timetable import Action, ActionKind
from tebura_simulator.weighing_bench import pool, running
from tebura_simulator.weighing_bench.bill import bill
from tebura_simulator.weighing_bench.by_case import by_case
from tebura_simulator.weighing_bench.calibration import calibration, curve
from tebura_simulator.weighing_bench.cases import Wanted, case_names, draw
from tebura_simulator.weighing_bench.figures import figures
from tebura_simulator.weighing_bench.given import Given
from tebura_simulator.weighing_bench.goals import goals
from tebura_simulator.weighing_bench.kept import Kept, KeptFault
from tebura_simulator.weighing_bench.lines import CaseLine, Cause, StepLine, ToldLine, Verdict
from tebura_simulator.weighing_bench.matching import Fate, Matching, matched
from tebura_simulator.weighing_bench.places import Place, places
from tebura_simulator.weighing_bench.playing import Told
from tebura_simulator.weighing_bench.pool import parts
from tebura_simulator.weighing_bench.pool_table import wrongly_charged
from tebura_simulator.weighing_bench.receipts import Receipts, receipt_lines, receipts
from tebura_simulator.weighing_bench.touching import items_charged
from tebura_simulator.weighing_bench.trace import trace_of
from tebura_simulator.weighing_bench.true_steps import TrueStep
from typer.testing import CliRunner

SHELF = ShelfId("k1/s1")
LAYOUT, _ = store("kiosk")
MODEL = model_of(PlateKind.HX711, 1.0)
TEA, WATER = Sku("green-tea"), Sku("mineral-water")
PRICE = {str(product.sku): product.price_minor for product in LAYOUT.product}


def step(at_s: float, sku: Sku = TEA, kind: ActionKind = ActionKind.TAKE) -> TrueStep:
    delta_g = -550.0 if kind is ActionKind.TAKE else 550.0
    plate = PlateId(f"{SHELF}/p1")
    return TrueStep(
        number=int(at_s),
        at_s=at_s,
        settled_s=at_s + 0.5,
        kind=kind,
        shopper="a",
        shelf=SHELF,
        facing=FacingId(f"{SHELF}/f1"),
        sku=sku,
        quantity=1,
        delta_g=delta_g,
        deltas_g={plate: delta_g},
        noise_g=1.0,
    )


def told(at_s: float, delta_g: float = -550.0) -> Told:
    kind = ItemPicked if delta_g < 0 else ItemReturned
    event = kind(
        shelf=SHELF,
        plates=(PlateId(f"{SHELF}/p1"),),
        delta_g=delta_g,
        sigma_g=0.5,
        from_ns=store_ns(at_s - 0.1),
        to_ns=store_ns(at_s + 0.3),
        candidates=(Candidate(sku=TEA, quantity=1, log_likelihood=0.0, log_prior=0.0),),
    )
    return Told(event, at_s + 1.0)


def decided(sku: Sku = TEA, quantity: int = 1, status: Status = Status.DECIDED) -> Given:
    return Given(
        status=status,
        reason=Reason.NONE if status is Status.DECIDED else Reason.WHAT,
        shopper="a",
        sku=sku,
        quantity=quantity,
        confidence=0.99,
        is_right=True,
    )


def bill_of(steps: list[TrueStep], made: list[tuple[Told, Given]]) -> dict[str, int]:
    found = matched(steps, [one for one, _ in made])
    decisions = {id(event): given for event, given in made}
    one = bill(receipt_lines(found, decisions), found, decisions, LAYOUT)
    return {name: getattr(one, name) for name in one.__struct_fields__}


def test_what_is_charged_as_it_was_is_right_and_nothing_is_unseen() -> None:
    found = bill_of([step(10.0)], [(told(10.0), decided())])
    assert (found["sold"], found["charged"], found["right"]) == (1, 1, 1)
    assert (found["unbilled_minor"], found["overcharged_minor"]) == (0, 0)


def test_another_product_is_unbilled_once_and_overcharged_once() -> None:
    found = bill_of([step(10.0)], [(told(10.0), decided(WATER))])
    assert found["unbilled_minor"] == PRICE[TEA]
    assert found["overcharged_minor"] == PRICE[WATER]
    assert found["right"] == 0


def test_what_is_asked_about_is_neither_charged_nor_unseen() -> None:
    found = bill_of([step(10.0)], [(told(10.0), decided(WATER, status=Status.REVIEW))])
    assert found["charged"] == 0
    assert found["asked_minor"] == PRICE[TEA]
    assert (found["unbilled_lines"], found["overcharged_lines"]) == (0, 0)
    assert found["right_after"] == found["charged_after"] == 1


def test_what_was_never_told_is_unbilled() -> None:
    assert bill_of([step(10.0)], [])["unbilled_minor"] == PRICE[TEA]


def test_a_put_back_that_was_never_told_is_charged_too_much() -> None:
    steps = [step(10.0), step(30.0, kind=ActionKind.PUT_BACK)]
    found = bill_of(steps, [(told(10.0), decided())])
    assert found["sold_minor"] == 0
    assert found["overcharged_minor"] == PRICE[TEA]


def test_an_event_of_nothing_is_charged_too_much() -> None:
    assert bill_of([], [(told(10.0), decided())])["overcharged_lines"] == 1


def receipts_of(steps: list[TrueStep], made: list[tuple[Told, Given]]) -> Receipts:
    found = matched(steps, [one for one, _ in made])
    return receipts(receipt_lines(found, {id(event): given for event, given in made}))


def test_a_line_of_a_receipt_is_a_shoppers_count_of_a_product() -> None:
    found = receipts_of(
        [step(10.0), step(30.0)], [(told(10.0), decided()), (told(30.0), decided())]
    )
    assert (found.charged, found.wrong) == (1, 0)


def test_what_is_lifted_and_put_down_leaves_no_line_however_it_was_told() -> None:
    made = [(told(10.0), decided(WATER)), (told(12.0, 550.0), decided(WATER, quantity=-1))]
    assert receipts_of([], made) == Receipts()


def test_a_line_with_one_too_few_is_wrong_and_one_that_is_not_there_is_lost() -> None:
    steps = [step(10.0), step(30.0)]
    assert receipts_of(steps, [(told(10.0), decided())]).wrong == 1
    assert receipts_of(steps, []).lost == 1


def test_a_line_of_which_a_part_is_asked_about_is_no_line_that_is_charged_unseen() -> None:
    asked = decided(status=Status.REVIEW)
    found = receipts_of([step(10.0), step(30.0)], [(told(10.0), decided()), (told(30.0), asked)])
    assert (found.charged, found.asked, found.wrong_after) == (0, 1, 0)


def test_a_question_does_not_excuse_what_is_charged_wrongly_beside_it() -> None:
    asked = decided(status=Status.REVIEW)
    made = [(told(10.0), decided()), (told(20.0), decided()), (told(30.0), asked)]
    assert receipts_of([step(10.0), step(30.0)], made).wrong_after == 1


def test_a_touch_that_is_charged_and_credited_leaves_nothing() -> None:
    there, back = told(10.0), told(12.0, 550.0)
    made = {id(there): decided(), id(back): decided(quantity=-1)}
    assert items_charged([there, back], made) == 0
    assert items_charged([there], made) == 1


@pytest.mark.parametrize(
    ("kind", "held", "sku", "place"),
    [
        pytest.param(ActionKind.TAKE, (), "chocolate-bar", Place.HOME, id="its-own-product"),
        pytest.param(ActionKind.PUT_BACK, (), "chocolate-bar", Place.UNHELD, id="never-taken"),
        pytest.param(
            ActionKind.PUT_BACK, ("coffee-black",), "coffee-black", Place.ASTRAY, id="known-by-cart"
        ),
        pytest.param(
            ActionKind.PUT_BACK,
            ("rice-crackers", "chocolate-bar"),
            "rice-crackers",
            Place.TWIN,
            id="either-of-two-held",
        ),
        pytest.param(
            ActionKind.PUT_BACK,
            ("rice-crackers", "chocolate-bar"),
            "chocolate-bar",
            Place.TWIN,
            id="either-of-two-held-and-it-belongs-there",
        ),
    ],
)
def test_weight_place_and_cart_say_what_can_be_told(
    kind: ActionKind, held: tuple[str, ...], sku: str, place: Place
) -> None:
    home = next(n for n, (_, f) in LAYOUT.facings().items() if f.sku == "chocolate-bar")
    of = {f.sku: n for n, (_, f) in LAYOUT.facings().items()}
    case = draw(case_names(Wanted("calm", store="kiosk"), range(1, 2))[0])
    first = case.story.actions[0]

    def action(number: int, name: str, facing: FacingId, did: ActionKind) -> Action:
        return structs.replace(
            first, t_s=float(number), kind=did, shopper="a", sku=Sku(name), quantity=1,
            facing=facing,
        )  # fmt: skip

    before = [action(n, name, of[Sku(name)], ActionKind.TAKE) for n, name in enumerate(held)]
    every = [*before, action(9, sku, home, kind)]
    assert places(every, LAYOUT, MODEL, ())[-1] is place


def test_two_who_act_on_one_plate_before_it_rests_cannot_be_told_apart() -> None:
    case = draw(case_names(Wanted("calm", store="kiosk"), range(1, 2))[0])
    name = next(n for n, (_, f) in LAYOUT.facings().items() if f.sku == "green-tea")
    first = structs.replace(
        case.story.actions[0], t_s=5.0, kind=ActionKind.TAKE, sku=TEA, facing=name, shopper="a"
    )
    both = [first, structs.replace(first, t_s=5.7, shopper="b")]
    apart = [first, structs.replace(first, t_s=6.0, shopper="b")]
    assert set(places(both, LAYOUT, MODEL, ())) == {Place.TOGETHER}
    assert set(places(apart, LAYOUT, MODEL, ())) == {Place.HOME}


def test_what_a_twin_put_back_leaves_in_the_hand_cannot_be_told_either() -> None:
    of = {f.sku: n for n, (_, f) in LAYOUT.facings().items()}
    case = draw(case_names(Wanted("calm", store="kiosk"), range(1, 2))[0])
    crackers, bar = Sku("rice-crackers"), Sku("chocolate-bar")
    did = [
        (crackers, crackers, ActionKind.TAKE),
        (bar, bar, ActionKind.TAKE),
        (bar, crackers, ActionKind.PUT_BACK),
        (crackers, bar, ActionKind.PUT_BACK),
    ]
    actions = [
        structs.replace(
            case.story.actions[0], t_s=5.0 * number, kind=kind, shopper="a", sku=sku, quantity=1,
            facing=of[there],
        )
        for number, (sku, there, kind) in enumerate(did)
    ]  # fmt: skip
    assert places(actions, LAYOUT, MODEL, ())[2:] == [Place.TWIN, Place.TWIN]


def test_what_a_silent_scale_could_not_feel_cannot_be_told() -> None:
    case = draw(case_names(Wanted("calm", store="kiosk"), range(1, 2))[0])
    actions = sorted(case.story.actions, key=lambda one: one.t_s)
    at_s = actions[0].t_s
    silent = FaultScript(kind=FaultKind.SCALE_SILENT, at_s=at_s - 1.0, for_s=3.0, on=str(SHELF))
    found = places(actions, LAYOUT, MODEL, (silent,))
    assert found[0] is Place.BLIND
    assert all(
        place is not Place.BLIND
        for action, place in zip(actions, found, strict=True)
        if action.t_s > at_s + 4.0
    )


def line_of(*steps: StepLine, case: str = "own") -> CaseLine:
    return CaseLine(
        suite="named", case=case, seed=1, store_s=60.0, rate_hz=10.0, plates=5, samples=1000,
        cpu_s=0.0, took_s=0.0, steps=steps, told=(),
    )  # fmt: skip


def step_line(verdict: Verdict, place: Place = Place.HOME) -> StepLine:
    return StepLine(
        at_s=1.0, kind="take", shopper="a", shelf="k1/s1", plates=(), sku="green-tea", quantity=1,
        delta_g=-550.0, noise_g=1.0, fate=Fate.FOUND, place=place, verdict=verdict,
    )  # fmt: skip


def test_a_case_reaches_its_goal_where_the_undecidable_is_asked_about() -> None:
    asked = line_of(step_line(Verdict.RIGHT), step_line(Verdict.ASKED, Place.TWIN), case="asked")
    wrong = line_of(step_line(Verdict.RIGHT), step_line(Verdict.WRONG, Place.TWIN), case="wrong")
    lazy = line_of(step_line(Verdict.RIGHT), step_line(Verdict.ASKED), case="lazy")
    assert [(one.case, one.is_reached) for one in by_case([asked, wrong, lazy])] == [
        ("asked", True),
        ("wrong", False),
        ("lazy", False),
    ]


def test_a_false_event_counts_by_what_it_leaves_on_receipts() -> None:
    there = structs.replace(told_line(10.0, decided()), cause=Cause.TOUCH)
    back = structs.replace(told_line(20.0, decided(quantity=-1)), cause=Cause.TOUCH)
    counts = [
        by_case([structs.replace(line_of(), told=told)])[0].false
        for told in ((there,), (there, back), (there, there))
    ]
    assert counts == [1, 0, 2]


def test_the_upper_bound_is_that_of_the_two_sided_interval_of_twice_the_tail() -> None:
    for count, of in ((0, 3000), (3, 3000), (40, 60)):
        assert upper_bound(count, of) == pytest.approx(clopper_pearson(count, of, 0.90)[1])
    assert upper_bound(0, 2995) < 0.001 < upper_bound(0, 2994)


def test_the_threshold_is_the_lowest_that_keeps_the_limit() -> None:
    lines = [(0.5, False)] * 40 + [(0.9, True)] * 3000 + [(0.99, True)] * 3000
    found = calibration(lines, 0.8)
    assert found.bound is not None
    assert found.bound.at == 0.9
    assert found.bound.lines == 6000
    assert found.at_now.wrong == 0


def test_the_curve_counts_what_each_threshold_lets_through() -> None:
    rng = np.random.default_rng(3)
    lines = [
        (float(p), bool(ok)) for p, ok in zip(rng.random(500), rng.random(500) < 0.7, strict=True)
    ]
    found = curve(lines)
    for at, wrong in list(zip(found.at, found.wrong_share, strict=True))[::50]:
        above = [ok for p, ok in lines if p >= at]
        assert wrong == pytest.approx(1 - sum(above) / len(above))


def test_what_is_kept_is_not_played_again_and_a_failure_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = case_names(Wanted("calm", store="kiosk"), range(3, 5))
    kept = Kept(tmp_path)
    first = list(running.run(names[:1], kept=kept))
    kept.add(names[1], structs.replace(first[0], failure="broken"))
    played = []

    def one(name: object, _: bool) -> CaseLine:
        played.append(name)
        return first[0]

    monkeypatch.setattr(running, "one", one)
    again = list(running.run(names, kept=Kept(tmp_path)))
    assert played == [names[1]]
    assert again[0] == first[0]


def test_a_kept_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    (name,) = case_names(Wanted("calm", store="kiosk"), range(3, 4))
    kept = Kept(tmp_path)
    kept.add(name, line_of())
    (file,) = tmp_path.rglob("*.json")
    file.write_text("[]")
    with pytest.raises(KeptFault, match=file.name):
        kept.find(name)


def test_the_pool_ends_with_the_seed_that_fills_up_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = pool.Part("calm kiosk", pool.Group.SHOP, Wanted("calm", store="kiosk"))
    monkeypatch.setattr(pool, "parts", lambda *_: (calm,))
    drawn = tmp_path / "pool.png"
    args = ["reliability", "--seeds", "3..9", "--lines", "1", "--jobs", "1", "--json"]
    told = CliRunner().invoke(app, [*args, "-o", str(drawn), "--keep", str(tmp_path / "kept")])
    assert told.exit_code == 0, told.output
    part, whole = (json.loads(line) for line in told.stdout.splitlines())
    assert part["cases"] == whole["cases"] == 1
    assert whole["calibration"]["lines"] >= 1
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "kept").rglob("*.json"))) >= 1


def test_only_wrong_lines_that_nobody_is_asked_about_are_listed() -> None:
    right, wrong, asked = (
        decided(),
        structs.replace(decided(WATER), is_right=False),
        structs.replace(decided(WATER, status=Status.REVIEW), is_right=False),
    )
    case = structs.replace(
        line_of(),
        told=tuple(told_line(10.0 * n, one) for n, one in enumerate((right, wrong, asked))),
    )
    (said,) = wrongly_charged(case)
    assert "charged 1 mineral-water" in said
    assert "10.00-" in said


def told_line(from_s: float, given: Given) -> ToldLine:
    return ToldLine(
        from_s=from_s, to_s=from_s + 0.3, told_s=from_s + 1.0, kind="pick", shelf="k1/s1",
        plates=(), delta_g=-550.0, sigma_g=1.0, blind="", candidates=(), probability=0.99,
        truth=(), cause=None, is_piece=False, is_right=True, has_candidate=True,
        is_foreign_truth=False, given=given,
    )  # fmt: skip


def test_no_two_parts_of_the_pool_play_the_same() -> None:
    for seed in (1, 2, 3):
        names = [name for part in parts(None, None) for name in part.names(seed)]
        stories = {
            (name.wanted.suite, name.name, name.wanted.store, draw(name).story.scenario.plates)
            for name in names
        }
        assert len(stories) == len(names)


def test_every_named_case_has_its_turn_in_the_pool() -> None:
    (named,) = [part for part in parts(None, None) if part.name == "named"]
    every = {name.name for name in case_names(named.wanted, range(1, 2))}
    seen = {name.name for seed in range(200, 230) for name in named.names(seed)}
    assert seen == every


@pytest.mark.parametrize(
    ("charged", "is_reached"), [pytest.param(0, True, id="none"), pytest.param(1, False, id="one")]
)
def test_presses_must_leave_receipts_alone(charged: int, is_reached: bool) -> None:
    line = structs.replace(line_of(), touches=(0.0,) * 100, touches_charged=(0,) * 99 + (charged,))
    said = goals(figures("presses", [line], 0.8))[0]
    assert ("NOT reached" not in said) is is_reached


def test_the_trace_shows_the_grams_that_a_step_took_from_its_plate() -> None:
    (name,) = case_names(Wanted("busy", store="kiosk"), range(3, 4))
    trace = trace_of(name, for_s=20.0)
    assert trace.steps
    alone = next(s for s in trace.steps if len(s.plates) == 1 and s.fate is Fate.FOUND)
    column = trace.plates.index(PlateId(alone.plates[0]))
    told = next(one for one in trace.told if one.from_s - 0.5 <= alone.at_s <= one.to_s + 0.5)
    before = trace.grams[(trace.at_s < told.from_s) & (trace.at_s > told.from_s - 0.5), column]
    after = trace.grams[(trace.at_s > told.to_s + 0.3) & (trace.at_s < told.to_s + 0.8), column]
    assert np.median(after) - np.median(before) == pytest.approx(alone.delta_g, rel=0.2, abs=6.0)


def test_the_trace_is_drawn_and_an_unknown_shelf_is_named(tmp_path: Path) -> None:
    trace = tmp_path / "trace.png"
    args = ["trace", "--suite", "busy", "--seed", "3", "--store", "kiosk", "-o", str(trace)]
    drawn = CliRunner().invoke(app, args)
    assert drawn.exit_code == 0, drawn.output
    unknown = CliRunner().invoke(app, [*args, "--shelf", "k9/s9"])
    assert unknown.exit_code == 2
    assert "k1/s1" in unknown.output
    assert trace.read_bytes().startswith(b"\x89PNG")


def test_a_matching_of_nothing_is_an_empty_bill() -> None:
    assert bill((), Matching((), (), (), ()), {}, LAYOUT).item_f1 is None
