"""Facts in, receipts out: the services over a real database, SQLite and PostgreSQL."""

import pytest
from tebura_contract.clock import Ns
from tebura_contract.events import SensorKind, SensorState
from tebura_contract.ids import MemberId, VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.service import nodes, refunding, settling
from tebura_gateway.service.requests import Refused, RulingKind

from tests.gateway.core import Core
from tests.gateway.nodes import KEYS, resigned, sealed
from tests.gateway.shop import (
    CAMERA,
    GATE,
    KEN,
    LOW,
    MIKA,
    PAN,
    PLATES,
    RICE,
    TEA,
    Script,
    candidate,
    ns,
)

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
"""For what leans on the database's own ways; the rest runs on SQLite alone."""


def shopping(script: Script, start_s: float = 0.0, member: MemberId = MIKA) -> VisitId:
    """In, two teas and a rice ball, one tea back, out."""
    track = script.walk_in(int(start_s) + 1, start_s)
    visit = script.enter(member, start_s + 1.0)
    script.reach(track, start_s + 10.0, start_s + 11.5)
    script.pick(start_s + 10.5, candidate(TEA, 2))
    script.reach(track, start_s + 15.0, start_s + 16.5, x_m=0.75)
    script.pick(start_s + 15.5, candidate(RICE), plate="p2")
    script.reach(track, start_s + 20.0, start_s + 21.5)
    script.put_back(start_s + 20.5, candidate(TEA))
    script.walk_out(track, start_s + 30.0)
    return visit


def settled(core: Core, script: Script, word_s: float = 60.0) -> None:
    core.hear(script.facts)
    core.word(word_s)
    core.pay()


@BOTH
def test_a_visit_settles_to_the_exact_receipt(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    core.hear(script.facts)
    assert core.state(visit) == ("open", "")
    core.word(40.0)
    assert [call.key for call in core.calls] == [f"{visit}:authorize:1"]
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == {TEA: 1, RICE: 1}
    receipt = core.receipt(visit)
    # 162 + 105 = 267 at 8 % inside: 267 * 8 / 108 = 19.78, rounded down once.
    assert [(int(t.percent), t.total_minor, t.tax_minor, t.mark) for t in receipt.taxes] == [
        (8, 267, 19, "※")
    ]
    assert (receipt.number, receipt.exited_ns) == (1, ns(32.0))
    core.check_books()


def test_nothing_taken_is_void_and_asks_nobody_for_money(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.walk_out(track, 20.0)
    settled(core, script)
    assert core.state(visit) == ("void", "nothing-taken")
    assert core.rows(tables.receipt) == []
    assert core.rows(tables.house_account_entry) == []


@BOTH
def test_fifty_times_the_same_events_change_nothing(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    settled(core, script)
    before = core.receipt(visit)
    for _ in range(49):
        acked = core.hear(script.facts[-3:])
        assert acked == [fact.id for fact in script.facts[-3:]]
    core.hear(script.facts)
    core.pay()
    assert core.receipt(visit) == before
    assert core.open_reviews() == set()
    core.check_books()


def test_events_in_reverse_order_give_the_same_receipt(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    core.hear(list(reversed(script.facts)))
    core.word(60.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1, RICE: 1}


@BOTH
def test_a_missing_event_holds_the_receipt_back_and_then_asks_staff(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    held_back = next(fact for fact in script.facts if fact.id.node == PLATES)
    core.hear([fact for fact in script.facts if fact != held_back])
    core.word(60.0)
    assert core.state(visit) == ("exited", "")
    (row,) = core.rows(tables.node, node=PLATES)
    assert row.missing == 1
    core.tick(200.0)
    assert core.state(visit) == ("review", "no-word")
    assert f"visit:{visit}" in core.open_reviews()
    # It comes after all: nobody needs to look any more.
    core.hear([held_back])
    core.word(80.0)
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == {TEA: 1, RICE: 1}
    assert core.open_reviews() == set()


def test_no_word_from_a_node_for_a_minute_asks_staff_who_may_go_on(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    pick = script.pick(10.5, candidate(PAN), shelf=LOW)
    script.walk_out(track, 30.0)
    core.hear(script.facts)
    core.word(60.0, GATE)
    core.tick(159.0)
    assert core.state(visit) == ("exited", "")
    core.tick(161.0)
    assert core.state(visit) == ("review", "no-word")
    assert core.open_reviews() == {f"visit:{visit}", f"step:{pick.id}"}
    core.rule(f"visit:{visit}", RulingKind.ACCEPT)
    assert core.state(visit) == ("review", "steps")
    core.rule(f"step:{pick.id}", RulingKind.ACCEPT)
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == {PAN: 1}


def doubtful(core: Core) -> tuple[VisitId, str]:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    pick = script.pick(10.5, candidate(TEA), candidate(RICE, 1, -0.5))
    script.walk_out(track, 30.0)
    settled(core, script)
    return visit, f"step:{pick.id}"


def test_doubt_is_never_charged_before_somebody_looked(core: Core) -> None:
    visit, review = doubtful(core)
    core.tick(400.0)
    assert core.state(visit) == ("review", "steps")
    assert core.rows(tables.house_account_entry) == []
    assert core.open_reviews() == {review}


@pytest.mark.parametrize(
    ("kind", "values", "bought"),
    [
        pytest.param(RulingKind.ACCEPT, {}, {TEA: 1}, id="accept"),
        pytest.param(RulingKind.CHANGE, {"sku": RICE, "quantity": 2}, {RICE: 2}, id="change"),
    ],
)
def test_staff_decide_a_doubtful_step(
    core: Core, kind: RulingKind, values: dict[str, object], bought: dict[str, int]
) -> None:
    visit, review = doubtful(core)
    core.rule(review, kind, **values)
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == bought
    assert core.open_reviews() == set()
    with pytest.raises(Refused):
        core.rule(review, RulingKind.VOID)


def test_a_voided_step_leaves_nothing_to_pay(core: Core) -> None:
    visit, review = doubtful(core)
    core.rule(review, RulingKind.VOID)
    assert core.state(visit) == ("void", "nothing-taken")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"sku": "no-such"}, id="unknown-article"),
        pytest.param({"sku": TEA, "quantity": -1}, id="wrong-direction"),
        pytest.param({"sku": TEA, "quantity": 1, "visit": "nobody-1-1"}, id="unknown-visit"),
        pytest.param({"sku": TEA}, id="no-quantity"),
    ],
)
def test_a_ruling_that_does_not_fit_is_refused_and_changes_nothing(
    core: Core, values: dict[str, object]
) -> None:
    visit, review = doubtful(core)
    with pytest.raises(Refused):
        core.rule(review, RulingKind.CHANGE, **values)
    core.memory = None
    assert core.state(visit) == ("review", "steps")
    assert core.open_reviews() == {review}


@BOTH
def test_a_restart_at_any_event_gives_the_same_receipt(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    for fact in script.facts:
        core.hear([fact])
        core.crash()
    core.word(60.0)
    core.crash()
    core.word(60.0)
    core.tick(102.0)
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == {TEA: 1, RICE: 1}
    core.check_books()


@BOTH
def test_a_crash_around_each_provider_call_charges_once(core: Core) -> None:
    script = Script()
    visits = [shopping(script, 100.0 * n) for n in range(4)]
    core.now_s = 1000.0
    core.hear(script.facts)
    core.word(900.0)
    # Before the first call, after it, before its answer is stored, between the two calls.
    for after_calls in (0, 1, 2, 3):
        for _ in range(after_calls):
            if core.calls:
                call = core.calls.pop(0)
                assert call.call is not None
                core.provider.authorize(call.key, MIKA, call.amount)
        core.crash()
        core.tick(core.now_s + 70.0)
    for _ in range(4):
        core.pay()
        core.tick(core.now_s + 70.0)
    assert [core.state(visit) for visit in visits] == [("settled", "")] * 4
    captures = core.rows(tables.house_account_entry, kind="capture")
    assert len(captures) == 4
    core.check_books()


@BOTH
def test_over_the_limit_is_unpaid_until_it_is_tried_again_under_a_new_key(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.pick(10.5, candidate(PAN, 10), shelf=LOW)
    script.walk_out(track, 30.0)
    settled(core, script)
    assert core.state(visit) == ("unpaid", "declined")
    assert core.open_reviews() == {f"payment:{visit}"}
    core.do(
        lambda tx, _: tx.change(tables.member, {"member": MIKA}, house_limit_minor=100_000) or None
    )
    core.rule(f"payment:{visit}", RulingKind.ACCEPT)
    assert core.state(visit) == ("settled", "")
    keys = {row.key for row in core.rows(tables.house_account_entry, kind="authorization")}
    assert keys == {f"{visit}:authorize:1", f"{visit}:authorize:2"}
    core.check_books()


def test_a_member_nobody_knows_does_not_pay_and_is_put_before_staff(core: Core) -> None:
    script = Script()
    visit = shopping(script, member=MemberId("NOBODYCCCCCCCCC"))
    settled(core, script)
    assert core.state(visit) == ("unpaid", "declined")
    core.rule(f"payment:{visit}", RulingKind.VOID)
    assert core.state(visit) == ("void", "staff")


@BOTH
def test_a_late_return_is_refunded_by_itself_once(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    settled(core, script)
    # The plate node had one more thing to say about the time of the visit.
    late = script.put_back(25.0, candidate(RICE))
    script.facts = [late]
    core.hear([late])
    core.word(90.0)
    core.pay()
    (row,) = core.rows(tables.refund)
    assert (row.state, row.amount_minor, row.number, row.reason) == ("done", 105, 1, "late-fact")
    core.hear([late])
    core.word(95.0)
    core.pay()
    assert len(core.rows(tables.refund)) == 1
    assert core.state(visit) == ("settled", "")
    core.check_books()


def test_a_late_pick_is_never_charged_by_itself(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    settled(core, script)
    late = script.pick(25.0, candidate(PAN), shelf=LOW)
    core.hear([late])
    core.word(90.0)
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == {TEA: 1, RICE: 1}
    assert core.open_reviews() == {f"late:{visit}:{PAN}"}
    with pytest.raises(Refused):
        core.rule(f"late:{visit}:{PAN}", RulingKind.ACCEPT)
    core.rule(f"late:{visit}:{PAN}", RulingKind.VOID)
    core.check_books()


def test_a_late_pick_after_an_empty_visit_is_asked_about(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.walk_out(track, 20.0)
    settled(core, script)
    late = script.pick(10.0, candidate(PAN), shelf=LOW)
    core.hear([late])
    core.word(90.0)
    assert core.state(visit) == ("void", "nothing-taken")
    assert core.open_reviews() == {f"late:{visit}:{PAN}"}


@BOTH
def test_a_refund_gives_back_pieces_once_and_never_more_than_was_paid(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    settled(core, script)
    core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "broken", "staff"))
    core.pay()
    with pytest.raises(Refused):
        core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "broken", "staff"))
    core.do(lambda tx, _: refunding.request(tx, visit, None, 0, "all", "staff"))
    core.pay()
    rows = core.rows(tables.refund)
    assert sorted((row.number, row.amount_minor, row.state) for row in rows) == [
        (1, 162, "done"),
        (2, 105, "done"),
    ]
    entries = core.rows(tables.ledger_entry)
    by_account: dict[str, int] = {}
    for entry in entries:
        by_account[entry.account] = by_account.get(entry.account, 0) + entry.amount_minor
    assert set(by_account.values()) == {0}
    core.check_books()


def test_a_refund_survives_a_crash_before_its_call_and_is_paid_once(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    settled(core, script)
    core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "broken", "staff"))
    core.crash()
    core.tick(core.now_s + 70.0)
    core.pay()
    core.tick(core.now_s + 70.0)
    core.pay()
    assert [row.state for row in core.rows(tables.refund)] == ["done"]
    assert len(core.rows(tables.house_account_entry, kind="refund")) == 1


@BOTH
def test_a_disputed_line_is_refunded_by_staff_exactly_once(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    settled(core, script)
    core.do(lambda tx, _: refunding.dispute(tx, visit, RICE))
    core.do(lambda tx, _: refunding.dispute(tx, visit, RICE))
    assert core.open_reviews() == {f"dispute:{visit}:{RICE}"}
    core.rule(f"dispute:{visit}:{RICE}", RulingKind.ACCEPT)
    assert [row.amount_minor for row in core.rows(tables.refund, state="done")] == [105]
    with pytest.raises(Refused):
        core.do(lambda tx, _: refunding.dispute(tx, visit, RICE))


def test_a_forged_event_is_no_event_and_staff_see_it(core: Core) -> None:
    script = Script()
    script.enter(MIKA, 1.0)
    assert core.hear_raw(GATE, sealed(script.facts[0], key=b"x" * 32)) is None
    assert core.rows(tables.inbox) == []
    assert [row.reason for row in core.rows(tables.dead_letter)] == ["forged"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"{", "malformed", id="half"),
        pytest.param(b"\xff\x00\xfe", "malformed", id="noise"),
        pytest.param(b"[" * 5000, "malformed", id="deep"),
        pytest.param(b'{"a":' + b"1" * 2_000_000 + b"}", "oversize", id="two-megabytes"),
    ],
)
@BOTH
def test_hostile_bytes_end_in_the_dead_letters(core: Core, payload: bytes, reason: str) -> None:
    assert core.hear_raw(GATE, payload) is None
    (row,) = core.rows(tables.dead_letter)
    assert (row.reason, row.size_bytes) == (reason, len(payload))
    assert len(row.raw) <= 64 * 1024


def test_a_node_may_only_speak_for_itself(core: Core) -> None:
    script = Script()
    script.enter(MIKA, 1.0)
    assert core.hear_raw(PLATES, sealed(script.facts[0])) is None
    assert [row.reason for row in core.rows(tables.dead_letter)] == ["wrong-topic"]


@BOTH
def test_an_event_of_a_newer_kind_is_kept_acknowledged_and_counted(core: Core) -> None:
    script = Script()
    fact = script.leave(MIKA, 1.0)
    newer = sealed(fact).replace(b"shopper-left", b"shopper-gone")
    assert core.hear_raw(GATE, newer) is None
    signed = resigned(newer, KEYS[GATE])
    assert core.hear_raw(GATE, signed) == fact.id
    (row,) = core.rows(tables.inbox)
    assert (row.flags, bytes(row.envelope)) == ("unreadable", signed)
    reasons = [row.reason for row in core.rows(tables.dead_letter)]
    assert reasons == ["forged", "unknown-kind"]
    core.crash()
    core.hear([script.leave(MIKA, 2.0)])
    core.word(50.0)
    (node,) = core.rows(tables.node, node=GATE)
    assert (node.missing, node.through_ns) == (0, ns(50.0))


@BOTH
def test_an_event_from_tomorrow_is_stored_flagged_and_reviewed(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    tomorrow = script.pick(86_400.0 + 10.0)
    assert core.hear(script.facts)[-1] == tomorrow.id
    core.word(60.0)
    core.pay()
    (row,) = core.rows(tables.inbox, flags="future")
    assert row.seq == tomorrow.id.seq
    assert core.open_reviews() == {f"step:{tomorrow.id}"}
    assert core.state(visit) == ("settled", "")
    assert core.bought(visit) == {TEA: 1, RICE: 1}


def test_an_entry_from_the_far_past_opens_no_visit(core: Core) -> None:
    script = Script()
    script.enter(MIKA, -30 * 86_400.0)
    (old,) = script.facts
    assert core.hear([old]) == [old.id]
    assert core.rows(tables.visit) == []
    assert core.open_reviews() == {f"event:{old.id}"}


def test_the_same_id_with_other_data_is_noted_and_the_first_one_stays(core: Core) -> None:
    one, other = Script(), Script()
    one.pick(10.0)
    other.pick(10.0, candidate(PAN))
    core.hear(one.facts)
    assert core.hear(other.facts) == [one.facts[0].id]
    assert [row.reason for row in core.rows(tables.dead_letter)] == ["conflict"]
    assert len(core.rows(tables.inbox)) == 1


def test_a_silent_node_is_said_to_be_silent(core: Core) -> None:
    core.do(lambda tx, memory: nodes.note_word(tx, memory, CAMERA))
    core.tick(core.now_s + 14.0)
    assert core.rows(tables.node, node=CAMERA)[0].status == "online"
    core.tick(core.now_s + 2.0)
    assert core.rows(tables.node, node=CAMERA)[0].status == "silent"


def test_staff_may_accept_that_events_are_lost(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    lost = next(fact for fact in script.facts if fact.id.node == CAMERA)
    core.hear([fact for fact in script.facts if fact != lost])
    core.word(60.0)
    assert core.state(visit)[0] in ("open", "exited")
    core.do(lambda tx, memory: nodes.accept_gap(tx, memory, CAMERA))
    assert core.rows(tables.node, node=CAMERA)[0].missing == 0
    with pytest.raises(Refused):
        core.do(lambda tx, memory: nodes.accept_gap(tx, memory, CAMERA))


def test_two_shoppers_one_after_another_each_pay_their_own(core: Core) -> None:
    script = Script()
    first = shopping(script, 0.0, MIKA)
    second = shopping(script, 31.0, KEN)
    settled(core, script, 90.0)
    assert core.bought(first) == core.bought(second) == {TEA: 1, RICE: 1}
    numbers = {core.receipt(visit).number for visit in (first, second)}
    assert numbers == {1, 2}
    core.check_books()


def test_blind_plates_while_an_item_went_ask_staff(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.sensor(PLATES, 9.0, SensorState.BLIND, SensorKind.SCALE)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    script.sensor(PLATES, 15.0, SensorState.OK, SensorKind.SCALE)
    script.walk_out(track, 30.0)
    settled(core, script)
    assert core.state(visit) == ("review", "steps")


def test_a_watermark_from_tomorrow_does_not_reach_past_now(core: Core) -> None:
    core.word(86_400.0)
    assert {row.through_ns for row in core.rows(tables.node)} == {Ns(core.now_ns)}


def test_a_payment_that_nobody_answers_is_asked_about_until_it_is_known(core: Core) -> None:
    script = Script()
    visit = shopping(script)
    core.hear(script.facts)
    core.word(60.0)
    (call,) = core.calls
    core.calls.clear()
    # The provider did it, and its answer was lost.
    core.provider.authorize(call.key, MIKA, call.amount)
    core.do(lambda tx, _: settling.answer(tx, call, None, is_known=False))
    assert core.state(visit) == ("unknown", "no-answer")
    core.tick(core.now_s + 10.0)
    core.pay()
    assert core.state(visit) == ("settled", "")
    assert len(core.rows(tables.house_account_entry, kind="authorization")) == 1
    core.check_books()
