"""Tax, bills, books, and the way of a settlement."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import Ns
from tebura_contract.codec import decode
from tebura_contract.ids import MemberId, Sku, StoreId, VisitId
from tebura_contract.layout import TaxClass
from tebura_contract.money import Money
from tebura_gateway.domain import ledger
from tebura_gateway.domain.countries import UnknownCountry, rules_for
from tebura_gateway.domain.late import difference
from tebura_gateway.domain.pricing import Bill, UnknownProduct, price, without
from tebura_gateway.domain.receipt import Issuer, Receipt, credit_note
from tebura_gateway.domain.sequence import Run, is_believed
from tebura_gateway.domain.settlement import (
    FINAL,
    MOST_LAPSES,
    Ask,
    Become,
    Call,
    Outlook,
    Price,
    Send,
    Settlement,
    State,
    UseHold,
    VisitRuling,
    Why,
    approved,
    become,
    declined,
    expects,
    lapsed,
    looked_up,
    never_arrived,
    next_action,
    priced,
    sent,
    tried_again,
    unanswered,
    with_hold,
)
from tebura_gateway.domain.tax import Rounding, TaxRate, TaxRules, added_tax, included_tax

from tests.gateway.shop import PAN, RICE, TEA, layout

JP = rules_for("JP")
PRODUCTS = layout().products()
VISIT = VisitId("gate-1-1-0")


def test_tax_is_rounded_once_per_rate_not_per_item() -> None:
    assert added_tax(3 * 105, 10, JP.rounding) == 31
    assert 3 * added_tax(105, 10, JP.rounding) == 30
    assert included_tax(346, 10, JP.rounding) == 31


@given(st.integers(0, 10**9), st.sampled_from([8, 10]), st.sampled_from(list(Rounding)))
def test_tax_in_a_total_is_within_one_unit_of_exact(
    total: int, percent: int, rounding: Rounding
) -> None:
    exact = total * percent / (100 + percent)
    assert abs(included_tax(total, percent, rounding) - exact) < 1.0


def test_rules_of_tax_that_make_no_sense_are_refused() -> None:
    rate = TaxRate(percent=Decimal(8))
    with pytest.raises(ValueError, match="no rate for standard"):
        TaxRules(rates={TaxClass.REDUCED: rate})
    for percent in ("-1", "100.5"):
        with pytest.raises(ValueError, match="0 to 100"):
            TaxRate(percent=Decimal(percent))


@pytest.mark.parametrize(
    ("country", "good", "bad"),
    [("JP", "T1234567890123", "T12"), ("DE", "DE123456789", "DE12"), ("GB", "GB123456789", "123")],
)
def test_a_registration_number_is_written_as_its_country_does(
    country: str, good: str, bad: str
) -> None:
    assert rules_for(country).is_registration(good)
    assert not rules_for(country).is_registration(bad)
    assert rules_for("KW").is_registration("whatever")


def test_cold_food_eaten_in_is_taxed_in_britain() -> None:
    rules = rules_for("GB")
    assert rules.rate(TaxClass.REDUCED, eats_in=False).percent == 0
    assert rules.rate(TaxClass.REDUCED, eats_in=True).percent == 20
    assert rules.gross_and_tax(599, Decimal(20)) == (599, 99)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1280, "JPY", "1280 JPY"),
        (1250, "EUR", "12.50 EUR"),
        (-5, "USD", "-0.05 USD"),
        (12505, "KWD", "12.505 KWD"),
        (7, "TND", "0.007 TND"),
        (900, "CLP", "900 CLP"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(minor: int, currency: str, text: str) -> None:
    assert str(Money(minor, currency)) == text


def test_a_country_without_rules_stops_the_start() -> None:
    with pytest.raises(UnknownCountry):
        rules_for("XX")


def test_a_bill_marks_the_reduced_rate_and_sums_per_rate() -> None:
    bill = price({RICE: 3, PAN: 1, TEA: 2}, PRODUCTS, JP, "JPY")
    assert [(line.sku, line.amount_minor, line.mark) for line in bill.lines] == [
        (RICE, 315, "※"),
        (PAN, 3300, ""),
        (TEA, 324, "※"),
    ]
    # 639 * 8 / 108 = 47.3; 3300 * 10 / 110 = 300.
    assert [(int(t.percent), t.total_minor, t.tax_minor) for t in bill.taxes] == [
        (8, 639, 47),
        (10, 3300, 300),
    ]
    assert bill.total == Money(3939, "JPY")
    assert bill.quantities() == {RICE: 3, PAN: 1, TEA: 2}


def test_an_article_without_a_price_is_not_guessed() -> None:
    with pytest.raises(UnknownProduct):
        price({Sku("ghost"): 1}, PRODUCTS, JP, "JPY")


BASKETS = st.dictionaries(st.sampled_from([TEA, RICE, PAN]), st.integers(1, 20), min_size=1)


def test_a_bill_that_was_stored_before_there_was_a_choice_has_the_tax_in_its_prices() -> None:
    stored = b'{"lines":[],"taxes":[],"total_minor":0,"currency":"JPY"}'
    bill = decode(stored, Bill)
    assert (bill.is_tax_included, bill.eats_in) == (True, False)


@given(BASKETS, st.data())
def test_refunds_in_any_portions_give_back_exactly_what_was_paid(
    basket: dict[Sku, int], data: st.DataObject
) -> None:
    bill = price(basket, PRODUCTS, JP, "JPY")
    receipt = Receipt(
        number=1,
        store=StoreId("corner"),
        store_name="角の店",
        issuer=Issuer(name="角の店", registration="T1234567890123"),
        visit=VISIT,
        member=MemberId("M"),
        entered_ns=Ns(0),
        exited_ns=Ns(1),
        issued_ns=Ns(2),
        lines=bill.lines,
        taxes=bill.taxes,
        total_minor=bill.total_minor,
        currency="JPY",
        paid_with="house",
        payment_reference="r",
    )
    postings = [ledger.sale(VISIT, "house", bill.taxes, bill.total_minor, "JPY")]
    left, given_back = bill, 0
    while left.lines:
        line = data.draw(st.sampled_from(left.lines))
        pieces = {line.sku: data.draw(st.integers(1, line.quantity))}
        after = without(left, pieces, JP)
        note = credit_note(receipt, left, after, "test")
        name = f"r{len(postings)}"
        postings.append(ledger.refund(name, VISIT, "house", note.taxes, note.total_minor, "JPY"))
        given_back += note.total_minor
        left = after
    assert given_back == bill.total_minor
    balances: dict[str, int] = {}
    for posting in postings:
        assert sum(entry.amount_minor for entry in posting.entries) == 0
        for entry in posting.entries:
            balances[entry.account] = balances.get(entry.account, 0) + entry.amount_minor
    assert set(balances.values()) == {0}


def test_books_that_do_not_balance_cannot_be_written() -> None:
    with pytest.raises(ledger.Unbalanced):
        ledger.Posting(
            id="x",
            visit=VISIT,
            currency="JPY",
            entries=(ledger.Entry(account="cash", amount_minor=1),),
        )


@given(BASKETS, BASKETS, BASKETS)
def test_late_facts_never_give_back_more_than_was_paid(
    billed: dict[Sku, int], refunded: dict[Sku, int], judged: dict[Sku, int]
) -> None:
    found = difference(billed, refunded, judged)
    for sku, count in found.credit.items():
        assert count + refunded.get(sku, 0) <= billed[sku]
    assert not set(found.credit) & set(found.debit)
    for sku, count in found.debit.items():
        assert count == judged[sku] - billed.get(sku, 0)


def outlook(**changes: bool | VisitRuling) -> Outlook:
    values: dict[str, bool | VisitRuling] = {
        "has_exited": True,
        "is_complete": True,
        "is_overdue": False,
        "has_doubtful_steps": False,
        "is_empty": False,
        "is_chargeable": True,
        "has_doubtful_end": False,
    }
    return Outlook(**(values | changes))  # type: ignore[arg-type]  # names and types as above


EXITED = Settlement(visit=VISIT, state=State.EXITED)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        pytest.param(outlook(), Price(), id="all-known"),
        pytest.param(outlook(is_complete=False), None, id="a-node-is-awaited"),
        pytest.param(
            outlook(is_complete=False, is_overdue=True),
            Become(State.REVIEW, Why.NO_WORD),
            id="awaited-too-long",
        ),
        pytest.param(outlook(has_doubtful_steps=True), Become(State.REVIEW, Why.STEPS), id="doubt"),
        pytest.param(outlook(is_empty=True), Become(State.VOID, Why.NOTHING_TAKEN), id="empty"),
        pytest.param(
            outlook(is_empty=True, has_doubtful_end=True),
            Become(State.VOID, Why.NOTHING_TAKEN),
            id="empty-whatever-its-end",
        ),
        pytest.param(
            outlook(has_doubtful_end=True), Become(State.REVIEW, Why.PRESENCE), id="end-unseen"
        ),
        pytest.param(
            outlook(is_chargeable=False), Become(State.REVIEW, Why.CART), id="not-chargeable"
        ),
        pytest.param(outlook(has_exited=False), Become(State.OPEN), id="still-here-after-all"),
        pytest.param(
            outlook(ruling=VisitRuling.VOID), Become(State.VOID, Why.STAFF), id="staff-void"
        ),
        pytest.param(
            outlook(is_complete=False, is_overdue=True, ruling=VisitRuling.ACCEPT),
            Price(),
            id="staff-accept",
        ),
        pytest.param(
            outlook(has_doubtful_steps=True, ruling=VisitRuling.ACCEPT),
            Become(State.REVIEW, Why.STEPS),
            id="accepting-a-visit-decides-no-step",
        ),
    ],
)
def test_what_a_finished_visit_does_next(facts: Outlook, wanted: Become | Price | None) -> None:
    assert next_action(EXITED, facts, holds=True) == wanted


def test_a_review_that_stays_is_not_entered_again() -> None:
    waiting = become(EXITED, State.REVIEW, Why.STEPS)
    assert next_action(waiting, outlook(has_doubtful_steps=True), holds=True) is None


def test_a_provider_that_cannot_hold_is_asked_to_charge_at_once() -> None:
    now = priced(EXITED, 500, "JPY")
    assert next_action(now, outlook(), holds=True) == Send(Call.AUTHORIZE, f"{VISIT}:authorize:1")
    assert next_action(now, outlook(), holds=False) == Send(Call.CAPTURE, f"{VISIT}:capture:1")
    assert next_action(priced(EXITED, 0, "JPY"), outlook(), holds=True) == Become(
        State.SETTLED, Why.FREE
    )


def test_a_visit_ends_once_its_exit_is_known() -> None:
    now = Settlement(visit=VISIT, state=State.OPEN)
    assert next_action(now, outlook(has_exited=False), holds=True) is None
    assert next_action(now, outlook(), holds=True) == Become(State.EXITED)


def test_a_hold_of_the_entry_is_this_bills_authorization() -> None:
    now = priced(EXITED, 500, "JPY")
    assert next_action(now, outlook(), holds=True, held="h1") == UseHold("h1")
    now = with_hold(now, "h1")
    assert (now.state, now.authorize_reference) == (State.AUTHORIZED, "h1")
    assert next_action(now, outlook(), holds=True) == Send(Call.CAPTURE, f"{VISIT}:capture:1")


def captured() -> Settlement:
    """A capture that was sent out of a hold."""
    return sent(with_hold(priced(EXITED, 500, "JPY"), "h1"), Call.CAPTURE, 0)


def test_a_hold_that_ended_is_made_again_under_new_keys() -> None:
    now = lapsed(captured(), Call.CAPTURE)
    assert (now.state, now.attempt, now.lapses, now.authorize_reference) == (
        State.PRICED,
        2,
        1,
        "",
    )
    assert next_action(now, outlook(), holds=True) == Send(Call.AUTHORIZE, f"{VISIT}:authorize:2")


def test_a_hold_is_made_anew_three_times_and_then_a_person_looks() -> None:
    now = captured()
    for lapses in range(1, MOST_LAPSES + 1):
        now = lapsed(now, Call.CAPTURE)
        assert now.lapses == lapses == now.attempt - 1
        now = sent(with_hold(now, f"h{lapses}"), Call.CAPTURE, 0)
    assert MOST_LAPSES == 3
    with pytest.raises(AssertionError):
        lapsed(now, Call.CAPTURE)


def test_a_visit_that_begins_owes_nothing_and_has_asked_nobody() -> None:
    now = Settlement(visit=VISIT, state=State.OPEN)
    assert (now.amount_minor, now.attempt, now.tries, now.lapses) == (0, 1, 0, 0)
    assert (now.asking, now.first_sent_ns) == (None, None)


@pytest.mark.parametrize("call", [Call.AUTHORIZE, Call.CAPTURE])
def test_every_send_and_every_silence_counts_until_there_is_an_answer(call: Call) -> None:
    """The wait before the next try follows from it; how long a key is good, from the first one."""
    now = sent(priced(EXITED, 500, "JPY"), call, 1_000)
    assert (now.tries, now.first_sent_ns) == (1, 1_000)
    now = unanswered(now, call)
    assert (now.tries, now.first_sent_ns) == (2, 1_000)
    now = unanswered(now, call)
    assert now.tries == 3
    now = sent(never_arrived(now, call), call, 2_000)
    assert (now.tries, now.first_sent_ns) == (4, 1_000)
    assert approved(now, call, "r1").tries == 0
    refused = declined(now, call, "no")
    assert refused.tries == 0
    again = tried_again(refused)
    assert (again.tries, again.first_sent_ns) == (0, None)
    assert sent(again, call, 3_000).first_sent_ns == 3_000


def test_a_hold_that_ended_begins_to_count_again() -> None:
    silent = unanswered(captured(), Call.CAPTURE)
    assert (silent.tries, lapsed(silent, Call.CAPTURE).tries) == (2, 0)


def test_what_a_person_found_at_the_provider_settles_or_leaves_it_unpaid() -> None:
    lost = unanswered(captured(), Call.CAPTURE)
    assert (looked_up(lost, "c1").state, looked_up(lost, "c1").why) == (
        State.SETTLED,
        Why.BY_HAND,
    )
    none = looked_up(lost, None)
    assert (none.state, none.why, none.declined) == (State.UNPAID, Why.BY_HAND, "never-arrived")
    assert tried_again(none).capture_key == ""


def test_staff_write_an_unpaid_visit_off() -> None:
    now = declined(captured(), Call.CAPTURE, "no")
    assert next_action(now, outlook(), holds=True) is None
    assert next_action(now, outlook(ruling=VisitRuling.VOID), holds=True) == Become(
        State.VOID, Why.STAFF
    )


def test_an_answer_nobody_waits_for_is_not_expected() -> None:
    now = captured()
    assert expects(now, Call.CAPTURE, f"{VISIT}:capture:1")
    assert not expects(now, Call.CAPTURE, f"{VISIT}:capture:2")
    assert not expects(now, Call.AUTHORIZE, f"{VISIT}:authorize:1")
    silent = unanswered(now, Call.CAPTURE)
    assert expects(silent, Call.CAPTURE, f"{VISIT}:capture:1")
    assert not expects(silent, Call.AUTHORIZE, f"{VISIT}:authorize:1")
    # Were it to be asked of one day, that alone is not that it is out.
    told = become(silent, State.AUTHORIZED)
    assert told.asking is Call.CAPTURE
    assert not expects(told, Call.CAPTURE, f"{VISIT}:capture:1")


class _Provider:
    """Remembers what was done under which key, and what was ever charged."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}
        self.charged = 0

    def take(self, call: Call, key: str, answer: str) -> str:
        if key not in self.said:
            self.said[key] = answer
            if call is Call.CAPTURE and answer == "approved":
                self.charged += 1
        return self.said[key]


@given(
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from(["approved", "declined"]),
            st.sampled_from(["heard", "lost-answer", "lost-question", "crash"]),
        ),
        max_size=25,
    ),
)
def test_whatever_is_lost_on_the_way_a_visit_is_charged_at_most_once(
    holds: bool, story: list[tuple[str, str]]
) -> None:
    provider = _Provider()
    now = priced(EXITED, 500, "JPY")
    for answer, fate in story:
        action = next_action(now, outlook(), holds)
        if now.state in FINAL:
            break
        if now.state is State.UNPAID:
            now = tried_again(now)
        elif isinstance(action, Send):
            now = sent(now, action.call, 0)
            arrived = fate not in ("lost-question", "crash")
            said = provider.take(action.call, action.key, answer) if arrived else ""
            if fate == "heard":
                now = _hear(now, action.call, said)
            else:
                now = unanswered(now, action.call)
        else:
            assert isinstance(action, Ask)
            if fate == "heard":
                found = provider.said.get(action.key)
                now = (
                    never_arrived(now, action.call)
                    if found is None
                    else _hear(now, action.call, found)
                )
            else:
                now = unanswered(now, action.call)
    assert provider.charged <= 1
    assert (now.state is State.SETTLED) <= (provider.charged == 1)
    if provider.charged:
        assert now.state in (State.SETTLED, State.UNKNOWN)


def _hear(now: Settlement, call: Call, said: str) -> Settlement:
    return approved(now, call, "ref") if said == "approved" else declined(now, call, "no")


@pytest.mark.parametrize("final", sorted(FINAL))
@pytest.mark.parametrize("state", list(State))
def test_final_means_final(final: State, state: State) -> None:
    with pytest.raises(AssertionError, match="final"):
        become(Settlement(visit=VISIT, state=final), state)
    for facts in (outlook(has_exited=False), outlook(ruling=VisitRuling.VOID)):
        assert next_action(Settlement(visit=VISIT, state=final), facts, holds=True) is None


@given(st.permutations(range(12)), st.lists(st.integers(0, 11)), st.integers(0, 12))
def test_a_loss_differs_from_a_duplicate(order: list[int], again: list[int], kept: int) -> None:
    run = Run()
    arrived = set(order[:kept])
    for seq in [*order[:kept], *[seq for seq in again if seq in arrived]]:
        run.add(seq)
    highest = max(arrived, default=-1)
    assert run.missing == highest + 1 - len(arrived)
    whole = next((n for n in range(13) if n not in arrived), 13) - 1
    assert run.contiguous == whole
    assert all(is_believed({1: run}, 1, seq) == (seq <= whole) for seq in range(-1, 13))


def test_a_gap_in_the_boot_before_is_not_forgotten() -> None:
    before, now = Run(), Run()
    for seq in (0, 1, 3):
        before.add(seq)
    now.add(0)
    assert not is_believed({1: before, 2: now}, 2, 0)
    before.accept_gap()
    assert is_believed({1: before, 2: now}, 2, 0)
