"""What staff see of a doubtful step, and what becomes of answers that are taken back."""

import msgspec
import pytest
from tebura_contract.clock import Ns
from tebura_contract.events import SensorKind, SensorState, Trace
from tebura_contract.ids import PlateId
from tebura_contract.layout import Layout
from tebura_gateway.adapters import tables
from tebura_gateway.service import reviewing
from tebura_gateway.service.evidence import readable
from tebura_gateway.service.reading import DatabaseViews
from tebura_gateway.service.requests import Refused, Ruling, RulingKind
from tebura_gateway.service.views import Evidence

from tests.gateway.core import Core
from tests.gateway.shop import CAMERA, MIKA, RICE, TEA, TOP, Script, candidate, layout, ns

PLATE = PlateId(f"{TOP}/p1")
TRACE = Trace(from_ns=ns(13.0), every_ns=100_000_000, grams={PLATE: (1100.0, 1099.5, 550.2)})


def doubtful(script: Script, **changes: object) -> tuple[str, str]:
    """Mika takes a tea or a rice ball and leaves: the visit, and the review of the step."""
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 14.5, 16.5, x_m=0.3)
    fact = script.pick(15.5, candidate(TEA), candidate(RICE, log_likelihood=-0.2))
    event = msgspec.structs.replace(fact.event, **changes)
    script.facts[-1] = type(fact)(fact.id, event, fact.uncertainty_ns)
    script.walk_out(track, 30.0)
    return visit, f"step:{fact.id}"


def evidence(core: Core, review: str, shop: Layout | None = None) -> Evidence:
    found = DatabaseViews(core.database.reading, shop or layout()).evidence(review)
    assert found is not None
    return found


def answer(
    core: Core, review: str, kind: RulingKind, undo_s: float = 8.0, **values: object
) -> None:
    ruling = Ruling(kind=kind, **values)  # type: ignore[arg-type]
    core.do(lambda tx, memory: reviewing.rule(tx, memory, review, ruling, round(undo_s * 1e9)))


def take_back(core: Core, review: str) -> None:
    core.do(lambda tx, memory: reviewing.take_back(tx, memory, review))


def test_the_evidence_of_a_step_is_what_the_nodes_reported_around_it(core: Core) -> None:
    script = Script()
    script.sensor(CAMERA, 14.0, SensorState.BLIND, SensorKind.CAMERA)
    script.sensor(CAMERA, 15.0, SensorState.OK, SensorKind.CAMERA)
    visit, review = doubtful(script, trace=TRACE, log_other=-1.0, blind="p1: noisy")
    core.hear(script.facts)
    core.word(60.0)
    found = evidence(core, review)
    assert found.step is not None
    assert found.step.trace == TRACE
    assert (found.step.facing, found.step.blind) == ("g/top/a", "p1: noisy")
    [hand] = found.step.hands
    assert (hand.visit, hand.x_m, hand.from_ns) == (visit, 0.3, ns(14.5))
    [spell] = found.step.spells
    assert (spell.reason, spell.from_ns, spell.weighs) == ("left: silent", ns(14.0), False)
    assert [cart.id for cart in found.carts] == [visit]
    assert found.names == {visit: "Mika"}


def test_what_the_candidates_leave_is_for_something_else(core: Core) -> None:
    # e^0 and e^-ln2 for the candidates, e^-ln2 for the rest: a quarter.
    half = -0.6931471805599453
    script = Script()
    _, review = doubtful(
        script, candidates=(candidate(TEA), candidate(RICE, log_likelihood=half)), log_other=half
    )
    core.hear(script.facts)
    core.word(60.0)
    found = evidence(core, review)
    assert found.other == pytest.approx(0.25)
    assert [one.probability for one in found.review.candidates] == pytest.approx([0.5, 0.25])


def test_candidates_are_offered_with_the_sign_of_their_weight(core: Core) -> None:
    script = Script()
    left = script.pick(15.5)
    back = script.put_back(25.5, candidate(RICE))
    core.hear(script.facts)
    core.word(60.0)
    offered = [evidence(core, f"step:{fact.id}").review.candidates for fact in (left, back)]
    assert [[(one.product.sku, one.quantity) for one in found] for found in offered] == [
        [(TEA, 1)],
        [(RICE, -1)],
    ]


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(Trace(from_ns=Ns(0), every_ns=0, grams={PLATE: (1.0,)}), id="no-time-passes"),
        pytest.param(Trace(from_ns=Ns(0), every_ns=1, grams={}), id="no-plates"),
        pytest.param(Trace(from_ns=Ns(0), every_ns=1, grams={PLATE: ()}), id="no-values"),
        pytest.param(Trace(from_ns=Ns(0), every_ns=1, grams={PLATE: (float("nan"),)}), id="nan"),
    ],
)
def test_a_trace_that_cannot_be_drawn_is_none(trace: Trace) -> None:
    assert readable(trace) is None


def test_money_waits_as_long_as_an_answer_can_be_taken_back(core: Core) -> None:
    script = Script()
    visit, review = doubtful(script)
    core.hear(script.facts)
    core.word(60.0)
    answer(core, review, RulingKind.ACCEPT)
    core.tick(core.now_s + 7.0)
    assert core.calls == []
    assert core.state(visit) == ("review", "steps")
    core.tick(core.now_s + 2.0)
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == {TEA: 1}


def test_an_answer_that_was_taken_back_never_was(core: Core) -> None:
    script = Script()
    visit, review = doubtful(script)
    core.hear(script.facts)
    core.word(60.0)
    [before] = core.rows(tables.decision)
    answer(core, review, RulingKind.CHANGE, sku=RICE, quantity=5)
    take_back(core, review)
    assert core.open_reviews() == {review}
    assert core.rows(tables.ruling) == []
    [after] = core.rows(tables.decision)
    assert after.document == before.document
    core.tick(core.now_s + 60.0)
    assert core.state(visit) == ("review", "steps")
    core.rule(review, RulingKind.ACCEPT)
    core.tick(core.now_s + 1.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1}
    core.check_books()


def test_what_is_billed_is_not_taken_back(core: Core) -> None:
    script = Script()
    visit, review = doubtful(script)
    core.hear(script.facts)
    core.word(60.0)
    core.rule(review, RulingKind.ACCEPT)
    with pytest.raises(Refused, match="billed"):
        take_back(core, review)
    assert core.state(visit) == ("settled", "")


def test_an_answer_can_be_taken_back_after_a_restart_too(core: Core) -> None:
    script = Script()
    visit, review = doubtful(script)
    core.hear(script.facts)
    core.word(60.0)
    answer(core, review, RulingKind.ACCEPT)
    core.crash()
    core.pay()
    assert core.state(visit)[0] in ("exited", "review")
    take_back(core, review)
    assert core.open_reviews() == {review}


def test_what_staff_did_is_on_nobodys_bill(core: Core) -> None:
    script = Script()
    visit, review = doubtful(script)
    core.hear(script.facts)
    core.word(60.0)
    core.rule(review, RulingKind.ACCEPT, is_staff_work=True)
    assert core.state(visit) == ("void", "nothing-taken")
    [row] = core.rows(tables.decision)
    assert (row.status, row.visit, row.sku, row.quantity) == ("decided", None, TEA, 1)


def test_a_ruling_days_later_is_still_followed(core: Core) -> None:
    script = Script()
    script.pick(15.0)
    core.hear(script.facts)
    core.word(60.0)
    [review] = core.open_reviews()
    core.now_s += 3 * 24 * 3600.0
    core.crash()
    core.rule(review, RulingKind.ACCEPT)
    [row] = core.rows(tables.decision)
    assert (row.status, row.sku, row.quantity) == ("decided", TEA, 1)


def test_the_queue_says_how_long_answers_take(core: Core) -> None:
    script = Script()
    _, review = doubtful(script)
    core.hear(script.facts)
    core.word(60.0)
    views = DatabaseViews(core.database.reading, layout())
    waiting = views.queue()
    assert (waiting.open_count, waiting.at_risk.minor, waiting.median_answer_ns) == (1, 162, None)
    core.now_s += 90.0
    core.rule(review, RulingKind.ACCEPT)
    answered = views.queue()
    assert (answered.open_count, answered.oldest_ns) == (0, None)
    assert answered.median_answer_ns == 90 * 10**9
