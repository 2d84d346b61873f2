"""Scores say what was right, and only that."""

from pathlib import Path

import pytest
from tebura_contract.ids import GateId, VisitId
from tebura_contract.truth import Outcome, OutcomeKind, TrueEvent, TrueReceipt, Truth
from tebura_gateway.domain.judgement import Judgement
from tebura_gateway.domain.presence import Visit
from tebura_simulator.replay import LONE_MEMBER, member_of
from tebura_simulator.score import Case, case_of, matches, score, total


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


def case(outcomes: list[Outcome], carts: dict[str, dict[str, int]], truth: Truth) -> Case:
    return Case(
        recording="r",
        truth=truth,
        outcomes=tuple(outcomes),
        carts=carts,
        visits=len(carts),
        reviewed_visits=0,
    )


def test_reviews_are_missed_events_but_no_false_ones() -> None:
    truth = Truth(events=(event(), event(time_s=20.0)))
    lines = [outcome(), outcome(kind=OutcomeKind.REVIEW, time_s=20.0)]
    result = score(case(lines, {}, truth))
    assert (result.events.precision, result.events.recall, result.reviews) == (1.0, 0.5, 1)


def test_a_receipt_counts_right_articles_of_the_right_person() -> None:
    truth = Truth(
        receipts=(
            TrueReceipt(shopper="hana", items={"tea": 2, "pan": 1}),
            TrueReceipt(shopper="ken", items={}),
        )
    )
    result = score(case([], {"hana": {"tea": 1, "pan": 1}, "ken": {}}, truth))
    # hana: 2 of 3 found, 2 claimed, all right: F1 = 2*2/(3+2); ken: rightly empty.
    assert result.receipts.f1 == pytest.approx((0.8 + 1.0) / 2)
    assert result.receipts.exact == 0.5


def test_the_total_adds_counts_and_leaves_unknowns_unknown() -> None:
    one = score(case([outcome()], {"hana": {"tea": 1}}, Truth(events=(event(),))))
    none = score(case([], {}, Truth()))
    both = total([one, none])
    assert both.events.f1 == 1.0
    assert both.receipts.exact is None
    assert both.visits == 1


def judged(*members: str) -> Judgement:
    visits = {
        VisitId(f"v{n}"): Visit(
            id=VisitId(f"v{n}"), member=member_of(name), gate=GateId("door"), entered_ns=0
        )
        for n, name in enumerate(members)
    }
    return Judgement(visits, {})


def test_shoppers_are_told_apart_by_their_accounts() -> None:
    truth = Truth(
        receipts=(
            TrueReceipt(shopper="hana", items={"tea": 1}),
            TrueReceipt(shopper="ken", items={"pan": 1}),
        )
    )
    lines = [outcome(visit="v1", sku="pan"), outcome(visit="v0")]
    result = score(case_of("r", truth, lines, judged("hana", "ken")))
    assert result.receipts.exact == 1.0
    swapped = [outcome(visit="v0", sku="pan"), outcome(visit="v1")]
    assert score(case_of("r", truth, swapped, judged("hana", "ken"))).receipts.exact == 0.0


def test_what_was_put_back_leaves_the_cart() -> None:
    truth = Truth(receipts=(TrueReceipt(shopper="x", items={}),))
    visit = Visit(id=VisitId("v1"), member=LONE_MEMBER, gate=GateId("g"), entered_ns=0)
    lines = [outcome(), outcome(kind=OutcomeKind.RETURN, time_s=20.0)]
    result = score(case_of("r", truth, lines, Judgement({visit.id: visit}, {})))
    assert result.receipts.exact == 1.0


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
