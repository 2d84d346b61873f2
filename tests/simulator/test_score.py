"""Scores say what was right, and only that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import (
    EventId,
    GateId,
    MemberId,
    NodeId,
    PlateId,
    ShelfId,
    Sku,
    VisitId,
)
from tebura_contract.truth import Outcome, OutcomeKind, TrueEvent, TrueReceipt, Truth
from tebura_gateway.domain.decision import Decision, Status, StepKind, Suspect
from tebura_gateway.domain.judgement import Judgement
from tebura_gateway.domain.presence import Visit
from tebura_simulator.claims import Claims
from tebura_simulator.replay import LONE_MEMBER, member_of
from tebura_simulator.scoring.case import Case, EventScore, Score, score
from tebura_simulator.scoring.matching import matches
from tebura_simulator.scoring.tebura import accounts, claims_of
from tebura_simulator.scoring.totals import total


def event(
    kind: OutcomeKind = OutcomeKind.PICK,
    time_s: float = 10.0,
    sku: str = "tea",
    quantity: int = 1,
    shelf: int | str = 1,
    plates: tuple[int | str, ...] = (),
) -> TrueEvent:
    return TrueEvent(
        kind=kind,
        time_s=time_s,
        gondola=1,
        shelf=shelf,
        plates=plates,
        sku=sku,
        quantity=quantity,
    )


def outcome(
    kind: OutcomeKind = OutcomeKind.PICK,
    time_s: float = 10.0,
    sku: str | None = "tea",
    quantity: int = 1,
    shelf: int | str = 1,
    plates: tuple[int | str, ...] = (1,),
    visit: str | None = "v1",
) -> Outcome:
    return Outcome(
        kind=kind,
        time_s=time_s,
        gondola=1,
        shelf=shelf,
        plates=plates,
        sku=sku,
        quantity=quantity,
        delta_g=-500.0,
        confidence=0.99,
        candidates=(),
        visit=visit,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(outcome(kind=OutcomeKind.RETURN), id="kind"),
        pytest.param(outcome(sku="water"), id="what"),
        pytest.param(outcome(quantity=2), id="how-many"),
        pytest.param(outcome(shelf=2), id="where"),
        pytest.param(outcome(plates=(2,)), id="plate"),
        pytest.param(outcome(time_s=13.1), id="when"),
    ],
)
def test_an_outcome_that_differs_finds_nothing(wrong: Outcome) -> None:
    assert matches([event(plates=(1,))], [wrong]) == []
    assert matches([event(plates=(1,))], [outcome()]) == [(0, 0)]


def test_one_outcome_finds_one_event_the_nearest() -> None:
    assert matches([event(time_s=9.0), event(time_s=10.5)], [outcome(time_s=10.0)]) == [(1, 0)]


def test_names_match_whether_written_as_number_or_text() -> None:
    assert matches([event(shelf="1")], [outcome(shelf=1)]) == [(0, 0)]


def case(
    truth: Truth,
    outcomes: Sequence[Outcome] = (),
    carts: Mapping[str, Mapping[str, int]] | None = None,
    reviews: Mapping[str, int] | None = None,
    strangers: frozenset[str] = frozenset(),
    told_s: tuple[float | None, ...] = (),
) -> Score:
    claims = Claims(
        outcomes=tuple(outcomes), carts=carts or {}, reviews=reviews or {}, told_s=told_s
    )
    return score(
        Case(
            recording="r",
            truth=truth,
            claims=claims,
            prices_minor={"tea": 150, "pan": 120},
            strangers=strangers,
        )
    )


def by(shopper: str, **words: Any) -> TrueEvent:
    return structs.replace(event(**words), shopper=shopper)


def test_a_right_claim_about_the_right_person_is_found_and_nothing_is_wrong() -> None:
    events = case(Truth(events=(by("hana"),)), [outcome(visit="hana")]).events
    assert (events.tp, events.fp, events.fn) == (1, 0, 0)
    assert errors(events) == (0, 0, 0)


def errors(events: EventScore) -> tuple[int, int, int]:
    return events.who_errors, events.what_errors, events.count_errors


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        pytest.param({"visit": "ken"}, (1, 0, 0), id="somebody-else"),
        pytest.param({"visit": None}, (1, 0, 0), id="nobody"),
        pytest.param({"sku": "pan"}, (0, 1, 0), id="another-article"),
        pytest.param({"quantity": 2}, (0, 0, 1), id="too-many"),
        pytest.param({"sku": "pan", "quantity": 2}, (0, 1, 1), id="what-and-how-many"),
        pytest.param({"sku": "pan", "visit": "ken"}, (1, 1, 0), id="who-and-what"),
    ],
)
def test_each_mistake_is_named_and_is_one_false_and_one_missing_event(
    claim: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    line = outcome(**{"visit": "hana", **claim})
    events = case(Truth(events=(by("hana"),)), [line]).events
    assert (events.tp, events.fp, events.fn) == (0, 1, 1)
    assert errors(events) == expected
    assert (events.missed, events.invented) == (0, 0)


def test_a_claim_far_away_in_time_is_invented_and_the_event_missed() -> None:
    truth = Truth(events=(by("hana", time_s=10.0),))
    events = case(truth, [outcome(visit="hana", time_s=13.5)]).events
    assert (events.missed, events.invented) == (1, 1)
    assert errors(events) == (0, 0, 0)


@pytest.mark.parametrize(
    ("true", "claimed"),
    [
        pytest.param([(10.0, 1), (11.0, 1)], [(10.1, 2)], id="two-told-as-one-times-two"),
        pytest.param([(10.0, 2)], [(10.0, 1), (10.8, 1)], id="one-times-two-told-as-two"),
        pytest.param([(10.0, 1), (12.0, 2)], [(10.5, 2), (12.0, 1)], id="split-otherwise"),
    ],
)
def test_quantities_that_add_up_are_right_however_they_are_split(
    true: list[tuple[float, int]], claimed: list[tuple[float, int]]
) -> None:
    truth = Truth(events=tuple(by("hana", time_s=t, quantity=n) for t, n in true))
    lines = [outcome(visit="hana", time_s=t, quantity=n) for t, n in claimed]
    events = case(truth, lines).events
    assert (events.tp, events.fp, events.fn) == (len(true), 0, 0)


def test_quantities_that_do_not_add_up_are_one_wrong_count() -> None:
    truth = Truth(events=(by("hana", time_s=10.0), by("hana", time_s=11.0)))
    lines = [outcome(visit="hana", time_s=10.0), outcome(visit="hana", time_s=11.0, quantity=2)]
    events = case(truth, lines).events
    assert (events.tp, events.fp, events.fn, events.count_errors) == (1, 1, 1, 1)


def test_two_people_who_take_the_same_at_once_are_not_one_who_takes_two() -> None:
    truth = Truth(events=(by("hana"), by("ken", time_s=10.5)))
    events = case(truth, [outcome(visit="hana", quantity=2)]).events
    assert events.tp == 0
    assert events.fn == 2


def test_swapped_shoppers_are_two_who_errors_and_no_others() -> None:
    truth = Truth(events=(by("hana", sku="tea"), by("ken", sku="pan", time_s=10.6)))
    lines = [
        outcome(visit="ken", sku="tea", time_s=10.1),
        outcome(visit="hana", sku="pan", time_s=10.5),
    ]
    assert errors(case(truth, lines).events) == (2, 0, 0)


def test_who_is_the_share_of_right_accounts_and_a_guess_left_to_a_person_counts_apart() -> None:
    truth = Truth(events=tuple(by("hana", time_s=20.0 * n) for n in range(5)))
    lines = [
        outcome(visit="hana", time_s=0.0),
        outcome(visit="hana", time_s=20.0, sku="pan"),
        outcome(visit="ken", time_s=40.0),
        outcome(visit="hana", time_s=60.0, kind=OutcomeKind.REVIEW),
        outcome(visit=None, time_s=80.0, kind=OutcomeKind.REVIEW),
    ]
    events = case(truth, lines).events
    # Told of three, two of them hers; with what a person is asked, of five three.
    assert events.who == pytest.approx(2 / 3, abs=1e-6)
    assert events.who_guessed == pytest.approx(3 / 5)
    assert case(truth).events.who is None


def test_what_staff_bring_is_nobodys_return() -> None:
    refill = event(kind=OutcomeKind.REFILL)
    events = case(Truth(events=(refill,)), [outcome(kind=OutcomeKind.RETURN)]).events
    assert (events.true, events.fp, events.invented) == (0, 1, 1)


def test_whoever_is_charged_for_a_strangers_pick_is_a_who_error_and_overcharged() -> None:
    truth = Truth(
        events=(by("stranger"), by("hana", time_s=30.0)),
        receipts=(
            TrueReceipt(shopper="hana", items={"tea": 1}),
            TrueReceipt(shopper="stranger", items={"tea": 1}),
        ),
    )
    mine = outcome(visit="hana", time_s=30.0)
    nobody = frozenset({"stranger"})
    wrong = case(truth, [outcome(visit="hana"), mine], {"hana": {"tea": 2}}, strangers=nobody)
    assert wrong.events.who_errors == 1
    assert (wrong.receipts.true, wrong.receipts.overcharged) == (1, 1)
    right = case(truth, [outcome(visit=None), mine], {"hana": {"tea": 1}}, strangers=nobody)
    assert (right.events.tp, right.events.fp, right.receipts.exact) == (2, 0, 1.0)


def test_reviews_are_missed_events_but_no_false_ones() -> None:
    truth = Truth(events=(event(), event(time_s=20.0)))
    lines = [outcome(), outcome(kind=OutcomeKind.REVIEW, time_s=20.0)]
    result = case(truth, lines)
    assert (result.events.precision, result.events.recall, result.reviews) == (1.0, 0.5, 1)
    assert (result.events.in_review, result.events.missed) == (1, 0)


def test_a_review_is_not_charged_and_makes_the_receipt_right_once_it_is_decided() -> None:
    truth = Truth(
        events=(by("hana"), by("hana", time_s=30.0, sku="pan")),
        receipts=(TrueReceipt(shopper="hana", items={"tea": 1, "pan": 1}),),
    )
    lines = [
        outcome(visit="hana"),
        outcome(visit="hana", kind=OutcomeKind.REVIEW, sku="tea", time_s=30.0),
    ]
    result = case(truth, lines, {"hana": {"tea": 1}}, {"hana": 1})
    receipts = result.receipts
    assert (receipts.exact_count, receipts.after_review_count) == (0, 1)
    assert (receipts.undercharged, receipts.undercharged_minor) == (1, 120)
    assert (result.reviewed_visits, result.reviews_per_1000_visits) == (1, 1000.0)


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param({"shelf": 2}, id="another-shelf"),
        pytest.param({"plates": (4,)}, id="another-plate"),
        pytest.param({"time_s": 14.0}, id="another-time"),
        pytest.param({"delta_g": 500.0}, id="something-put-back"),
    ],
)
def test_a_review_of_something_else_leaves_nothing_to_a_person(elsewhere: dict[str, Any]) -> None:
    weight_g = elsewhere.pop("delta_g", -500.0)
    line = structs.replace(outcome(kind=OutcomeKind.REVIEW, **elsewhere), delta_g=weight_g)
    events = case(Truth(events=(by("hana", plates=(1,)),)), [line]).events
    assert (events.in_review, events.missed) == (0, 1)


def test_what_is_missed_stays_missed_whatever_a_person_decides_elsewhere() -> None:
    truth = Truth(
        events=(by("hana"), by("hana", time_s=30.0, sku="pan", shelf=2)),
        receipts=(TrueReceipt(shopper="hana", items={"tea": 1, "pan": 1}),),
    )
    lines = [outcome(kind=OutcomeKind.REVIEW, visit="hana")]
    result = case(truth, lines, {"hana": {}}, {"hana": 1})
    assert result.receipts.after_review_count == 0
    assert (result.events.in_review, result.events.missed) == (1, 1)


def test_a_receipt_that_waits_for_a_person_is_not_untouched() -> None:
    truth = Truth(receipts=(TrueReceipt(shopper="hana", items={}),))
    lines = [outcome(kind=OutcomeKind.REVIEW, visit="hana")]
    receipts = case(truth, lines, {"hana": {}}, {"hana": 1}).receipts
    assert (receipts.exact_count, receipts.untouched_count) == (1, 0)


def test_too_much_on_a_receipt_that_waits_for_a_person_is_not_unseen() -> None:
    truth = Truth(
        events=(by("hana"), by("hana", kind=OutcomeKind.RETURN, time_s=30.0)),
        receipts=(TrueReceipt(shopper="hana", items={}),),
    )
    back = outcome(visit="hana", kind=OutcomeKind.REVIEW, time_s=30.0)
    lines = [outcome(visit="hana"), structs.replace(back, delta_g=500.0)]
    waits = case(truth, lines, {"hana": {"tea": 1}}, {"hana": 1}).receipts
    assert (waits.overcharged, waits.unseen_overcharged) == (1, 0)
    assert (waits.after_review_overcharged, waits.after_review_count) == (0, 1)
    alone = case(truth, lines[:1], {"hana": {"tea": 1}}).receipts
    assert (alone.overcharged, alone.unseen_overcharged) == (1, 1)
    assert alone.after_review_overcharged == 1


def test_a_receipt_counts_right_articles_of_the_right_person() -> None:
    truth = Truth(
        receipts=(
            TrueReceipt(shopper="hana", items={"tea": 2, "pan": 1}),
            TrueReceipt(shopper="ken", items={}),
        )
    )
    result = case(truth, carts={"hana": {"tea": 1, "pan": 1}, "ken": {}})
    # hana: 2 of 3 found, 2 claimed, all right: F1 = 2*2/(3+2); ken: rightly empty.
    assert result.receipts.f1 == pytest.approx((0.8 + 1.0) / 2)
    assert result.receipts.exact == 0.5
    # The whole case as one: 2 right of 3 and 2.
    assert result.receipt_f1 == pytest.approx(0.8)


def test_the_right_article_on_another_persons_receipt_is_wrong_twice() -> None:
    truth = Truth(
        receipts=(
            TrueReceipt(shopper="hana", items={"tea": 1}),
            TrueReceipt(shopper="ken", items={}),
        )
    )
    result = case(truth, carts={"ken": {"tea": 1}, "hana": {}})
    assert result.receipt_f1 == 0.0
    receipts = result.receipts
    assert (receipts.overcharged, receipts.overcharged_minor) == (1, 150)
    assert (receipts.undercharged, receipts.undercharged_minor) == (1, 150)


def test_overcharging_somebody_who_was_never_there_counts() -> None:
    result = case(Truth(receipts=()), carts={"unknown v9": {"tea": 2}})
    assert (result.receipts.overcharged, result.receipts.overcharged_minor) == (1, 300)
    assert result.receipt_f1 == 0.0


def test_time_to_the_cart_counts_from_the_true_moment() -> None:
    truth = Truth(events=(by("hana", time_s=10.0), by("hana", time_s=20.0, sku="pan")))
    lines = [
        outcome(visit="hana", time_s=9.5),
        outcome(visit="hana", time_s=20.0, sku="pan", kind=OutcomeKind.REVIEW),
    ]
    assert case(truth, lines, told_s=(2.5, None)).to_cart_s == (2.0,)


def test_the_total_adds_counts_and_leaves_unknowns_unknown() -> None:
    one = case(Truth(events=(event(),)), [outcome()], {"hana": {"tea": 1}})
    none = case(Truth())
    both = total([one, none])
    assert both.events.f1 == 1.0
    assert both.receipts.exact is None
    assert both.intervals.exact is None
    assert both.visits == 1


def test_a_total_weighs_each_case_the_same_in_the_receipts_f1() -> None:
    big = Truth(receipts=tuple(TrueReceipt(shopper=f"s{n}", items={"tea": 5}) for n in range(5)))
    small = Truth(receipts=(TrueReceipt(shopper="s", items={"tea": 1}),))
    both = total([case(big), case(small, carts={"s": {"tea": 1}})])
    assert both.receipt_f1 == 0.5
    assert both.receipts.exact == pytest.approx(1 / 6, abs=1e-6)
    assert both.exact_cases == 1


@dataclass(frozen=True)
class Watched:
    """A replay at its end."""

    judgement: Judgement
    decided_ns: Mapping[EventId, int] = field(default_factory=dict)
    left_ns: Mapping[VisitId, int] = field(default_factory=dict)
    start_ns: int = 0


def step(
    number: int, visit: str, sku: str, quantity: int = 1, status: Status = Status.DECIDED
) -> Decision:
    at_ns = Ns(number * 10 * SECOND_NS)
    return Decision(
        id=EventId(NodeId("p"), 1, number),
        kind=StepKind.PICK if quantity > 0 else StepKind.RETURN,
        shelf=ShelfId("1/1"),
        plates=(PlateId("1/1/1"),),
        from_ns=at_ns,
        to_ns=at_ns,
        delta_g=-500.0 * quantity,
        sigma_g=1.0,
        status=status,
        visit=VisitId(visit),
        track=None,
        sku=Sku(sku),
        quantity=quantity,
        confidence=0.99,
        candidates=(),
        suspects=(Suspect(visit=VisitId(visit), probability=1.0),),
    )


def visit(name: str, member: MemberId, exited_s: float | None = None) -> Visit:
    return Visit(
        id=VisitId(name),
        member=member,
        gate=GateId("door"),
        entered_ns=0,
        exited_ns=None if exited_s is None else round(exited_s * SECOND_NS),
    )


def claimed(
    steps: Sequence[Decision],
    visits: Sequence[Visit],
    shoppers: list[str],
    decided_ns: Mapping[EventId, int] | None = None,
    left_ns: Mapping[VisitId, int] | None = None,
) -> Claims:
    judged = Judgement({v.id: v for v in visits}, {s.id: s for s in steps})
    replay = Watched(judged, decided_ns or {}, left_ns or {})
    return claims_of(replay, accounts(shoppers), review_s=45.0)


def test_shoppers_are_told_apart_by_their_accounts() -> None:
    visits = [visit("v0", member_of("hana")), visit("v1", member_of("ken"))]
    found = claimed([step(1, "v1", "pan"), step(2, "v0", "tea")], visits, ["hana", "ken"])
    assert found.carts == {"hana": {"tea": 1}, "ken": {"pan": 1}}
    assert [line.visit for line in found.outcomes] == ["ken", "hana"]


def test_what_was_put_back_leaves_the_cart() -> None:
    steps = [step(1, "v1", "tea"), step(2, "v1", "tea", -1)]
    assert claimed(steps, [visit("v1", LONE_MEMBER)], ["x"]).carts == {"x": {}}


def test_a_doubtful_step_is_no_charge_but_a_question() -> None:
    steps = [step(1, "v1", "tea"), step(2, "v1", "pan", status=Status.REVIEW)]
    found = claimed(steps, [visit("v1", LONE_MEMBER)], ["x"])
    assert found.carts == {"x": {"tea": 1}}
    assert found.reviews == {"x": 1}
    assert [line.kind for line in found.outcomes] == [OutcomeKind.PICK, OutcomeKind.REVIEW]


def test_a_receipt_waits_for_the_one_clerk_who_answers_in_order() -> None:
    steps = [
        step(1, "v0", "tea", status=Status.REVIEW),
        step(2, "v1", "tea", status=Status.REVIEW),
        step(3, "v2", "tea"),
    ]
    visits = [visit(f"v{n}", member_of(f"s{n}"), exited_s=40.0) for n in range(3)]
    decided_ns = {s.id: int(s.from_ns) + 2 * SECOND_NS for s in steps}
    left_ns = {v.id: 45 * SECOND_NS for v in visits}
    found = claimed(steps, visits, ["s0", "s1", "s2"], decided_ns, left_ns)
    # Asked at 12 s and 22 s: answered at 57 s and 102 s. The third waits for nobody.
    assert found.receipt_s == {"s0": 17.0, "s1": 62.0, "s2": 5.0}
    assert found.told_s == (None, None, 2.0)


def test_a_recording_without_truth_is_refused(tmp_path: Path) -> None:
    from tebura_simulator.cli import app
    from typer.testing import CliRunner

    layout = tmp_path / "layout.toml"
    layout.write_text(
        '[store]\nid = "lab"\nname = "Lab"\n'
        '[[gondola]]\nid = "1"\nstore_from_gondola = {}\nsize_m = [1.0, 1.0, 1.0]\n'
        '[[gondola.shelf]]\nid = "1"\ngondola_from_shelf = {}\nsize_m = [1.0, 1.0, 1.0]\n'
        'reports_picks = "p"\nplate = [{ id = "1", xy_m = [0.0, 0.0], size_m = [0.1, 0.1] }]\n'
    )
    plates = tmp_path / "p.csv"
    plates.write_text("timestamp,gondola,shelf,plate,grams\n1,1,1,1,5\n2,1,1,1,5\n")
    out = tmp_path / "r.mcap"
    arguments = ["import", "--layout", str(layout), "--plates", str(plates), "-o", str(out)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    result = CliRunner().invoke(app, ["score", str(out)])
    assert result.exit_code == 2
    assert "no truth.json" in result.output
