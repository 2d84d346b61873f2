"""Holds: at the entry, after a decline, when they end; and keys that are forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tebura_contract.codec import decode
from tebura_contract.ids import VisitId
from tebura_contract.messages import Command, MemberAdmitted, MemberRevoked
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import Database, open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service import refunding, settling
from tebura_gateway.service.ports import Terms
from tebura_gateway.service.requests import Refused, RulingKind
from tebura_gateway.service.shop import HOUSE
from tebura_simulator.payments.acquirer import Acquirer, Fate

from tests.gateway.core import Core, shop
from tests.gateway.shop import KEN, LOW, MIKA, PAN, STORE, TEA, Script, candidate

HOLD_YEN = 5_000


@pytest.fixture
def database(empty_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "gateway.db").write_bytes(empty_sqlite.read_bytes())
    found = open_database("sqlite:///gateway.db", tmp_path)
    yield found
    found.dispose()


class Counter:
    """The services and a provider that does what the test says."""

    def __init__(
        self,
        database: Database,
        hold_minor: int = 0,
        holds: bool = True,
        hold_s: float | None = None,
        key_lifetime_s: float | None = None,
    ) -> None:
        self.fates: dict[Call, list[Fate]] = {}
        self.acquirer = Acquirer(
            Terms("acquirer", holds, key_lifetime_s),
            lambda: self.core.now_ns,
            lambda member: 30_000 if member in (MIKA, KEN) else None,
            hold_s,
            self._fate,
        )
        self.core = Core(database, self.acquirer)
        self.core.shop = shop(self.acquirer, hold_minor, blocks_unpaid=True)
        self.core.add_members()
        self.script = Script()

    def _fate(self, call: Call, key: str) -> Fate:
        planned = self.fates.get(call, [])
        return planned.pop(0) if planned else Fate.DONE

    def enter(self) -> VisitId:
        self.track = self.script.walk_in(1, 0.0)
        visit = self.script.enter(MIKA, 1.0)
        self.core.hear(self.script.facts)
        return visit

    def take(self, count: int = 1) -> None:
        self.script.reach(self.track, 10.0, 11.5)
        self.script.pick(10.5, candidate(TEA, count))

    def leave(self, at_s: float = 30.0) -> None:
        self.script.walk_out(self.track, at_s)
        self.core.hear(self.script.facts)
        self.core.word(at_s + 30.0)
        self.core.pay()

    def wait(self, seconds: float, step_s: float = 30.0) -> None:
        until_s = self.core.now_s + seconds
        while self.core.now_s < until_s:
            self.core.tick(self.core.now_s + step_s)
            self.core.pay()

    def states(self) -> list[str]:
        return [row.state for row in self.core.rows(tables.hold)]

    def commands(self) -> list[Command]:
        rows = self.core.rows(tables.command)
        return [decode(bytes(row.payload), Command) for row in rows]  # type: ignore[arg-type]


def test_a_bill_within_the_entrys_hold_is_taken_out_of_it(database: Database) -> None:
    counter = Counter(database, HOLD_YEN)
    visit = counter.enter()
    counter.core.pay()
    assert counter.acquirer.held_minor(MIKA) == HOLD_YEN
    counter.take()
    counter.leave()
    assert counter.core.state(visit) == ("settled", "")
    assert [entry.amount.minor for entry in counter.acquirer.done(Call.CAPTURE)] == [162]
    assert len(counter.acquirer.done(Call.AUTHORIZE)) == 1
    # What the bill did not need is free again.
    assert counter.acquirer.held_minor(MIKA) == 0
    assert counter.states() == ["used"]


def test_who_takes_nothing_gets_the_hold_back(database: Database) -> None:
    counter = Counter(database, HOLD_YEN)
    visit = counter.enter()
    counter.core.pay()
    counter.leave()
    assert counter.core.state(visit) == ("void", "nothing-taken")
    assert counter.acquirer.held_minor(MIKA) == 0
    assert counter.states() == ["released"]


def test_a_hold_that_is_too_small_is_released_and_the_bill_held_anew(database: Database) -> None:
    counter = Counter(database, 100)
    visit = counter.enter()
    counter.core.pay()
    counter.take()
    counter.leave()
    assert counter.core.state(visit) == ("settled", "")
    assert [entry.amount.minor for entry in counter.acquirer.done(Call.AUTHORIZE)] == [100, 162]
    assert counter.acquirer.held_minor(MIKA) == 0


def test_a_hold_whose_answer_comes_after_the_visit_is_released(database: Database) -> None:
    counter = Counter(database, HOLD_YEN)
    counter.fates[Call.AUTHORIZE] = [Fate.LOST_ANSWER]
    visit = counter.enter()
    counter.core.pay()
    assert counter.states() == ["unknown"]
    counter.leave()
    assert counter.core.state(visit) == ("void", "nothing-taken")
    assert counter.acquirer.held_minor(MIKA) == HOLD_YEN
    counter.wait(120.0)
    assert counter.acquirer.held_minor(MIKA) == 0
    assert counter.states() == ["released"]


@pytest.mark.parametrize("fate", [Fate.LOST_QUESTION, Fate.LOST_ANSWER])
def test_a_release_nobody_answers_is_repeated_until_it_is_known(
    database: Database, fate: Fate
) -> None:
    counter = Counter(database, HOLD_YEN)
    counter.fates[Call.VOID] = [fate, fate]
    counter.enter()
    counter.core.pay()
    counter.leave()
    assert counter.states() == ["releasing"]
    counter.core.crash()
    counter.wait(300.0)
    assert counter.states() == ["released"]
    assert counter.acquirer.held_minor(MIKA) == 0
    assert len(counter.acquirer.done(Call.VOID)) == 1


def test_a_hold_about_to_end_is_replaced_while_the_visit_goes_on(database: Database) -> None:
    counter = Counter(database, HOLD_YEN, hold_s=600.0)
    visit = counter.enter()
    counter.core.pay()
    counter.wait(900.0)
    assert counter.states() == ["released", "held"]
    assert counter.acquirer.held_minor(MIKA) == HOLD_YEN
    counter.take()
    counter.leave(counter.core.now_s - 70.0)
    assert counter.core.state(visit) == ("settled", "")
    assert [entry.amount.minor for entry in counter.acquirer.done(Call.CAPTURE)] == [162]
    assert counter.acquirer.held_minor(MIKA) == 0


def test_a_declined_capture_gives_the_hold_back_and_keeps_the_member_out_until_paid(
    database: Database,
) -> None:
    counter = Counter(database)
    counter.fates[Call.CAPTURE] = [Fate.DECLINED, Fate.DECLINED]
    visit = counter.enter()
    counter.take()
    counter.leave()
    assert counter.core.state(visit) == ("unpaid", "declined")
    assert counter.acquirer.held_minor(MIKA) == 0
    assert MemberRevoked(member=MIKA) in counter.commands()
    counter.core.rule(f"payment:{visit}", RulingKind.ACCEPT)
    assert counter.core.state(visit) == ("unpaid", "declined")
    # Asked about again: nobody may forget a visit that is not paid.
    assert counter.core.open_reviews() == {f"payment:{visit}"}
    assert isinstance(counter.commands()[-1], MemberRevoked)
    counter.core.rule(f"payment:{visit}", RulingKind.ACCEPT)
    assert counter.core.state(visit) == ("settled", "")
    assert counter.core.open_reviews() == set()
    assert counter.commands()[-1] == MemberAdmitted(member=MIKA)
    assert counter.acquirer.held_minor(MIKA) == 0
    counter.core.check_books()


def test_a_shopper_pays_a_declined_visit_a_minute_later(database: Database) -> None:
    counter = Counter(database)
    counter.fates[Call.CAPTURE] = [Fate.DECLINED]
    visit = counter.enter()
    counter.take()
    counter.leave()
    assert counter.core.state(visit) == ("unpaid", "declined")
    with pytest.raises(Refused, match="minute"):
        counter.core.do(lambda tx, _: settling.pay_again(tx, visit))
    counter.core.now_s += 61.0
    counter.core.do(lambda tx, _: settling.pay_again(tx, visit))
    counter.core.pay()
    assert counter.core.state(visit) == ("settled", "")
    assert counter.commands()[-1] == MemberAdmitted(member=MIKA)
    counter.core.now_s += 61.0
    with pytest.raises(Refused, match="not unpaid"):
        counter.core.do(lambda tx, _: settling.pay_again(tx, visit))
    counter.core.check_books()


def test_a_hold_that_ended_before_its_capture_is_made_anew(database: Database) -> None:
    counter = Counter(database, hold_s=300.0)
    counter.fates[Call.CAPTURE] = [Fate.LOST_QUESTION]
    visit = counter.enter()
    counter.take()
    counter.leave()
    assert counter.core.state(visit) == ("unknown", "no-answer")
    counter.wait(600.0, step_s=400.0)
    assert counter.core.state(visit) == ("settled", "")
    assert [entry.amount.minor for entry in counter.acquirer.done(Call.CAPTURE)] == [162]
    assert len(counter.acquirer.done(Call.AUTHORIZE)) == 2


def test_a_provider_that_cannot_hold_is_charged_once_and_never_asked_to_hold(
    database: Database,
) -> None:
    counter = Counter(database, HOLD_YEN, holds=False)
    counter.fates[Call.CAPTURE] = [Fate.LOST_ANSWER]
    visit = counter.enter()
    counter.take()
    counter.leave()
    counter.wait(120.0)
    assert counter.core.state(visit) == ("settled", "")
    assert {call for call, _ in counter.acquirer.asked} == {Call.CAPTURE}
    assert len(counter.acquirer.done(Call.CAPTURE)) == 1


HOUR_S = 3600.0


def lost(database: Database, fate: Fate) -> tuple[Counter, VisitId]:
    """A charge nobody answered for, whose provider was away until it had forgotten the key."""
    counter = Counter(database, holds=False, key_lifetime_s=HOUR_S)
    counter.fates[Call.CAPTURE] = [fate]
    visit = counter.enter()
    counter.take()
    counter.leave()
    counter.core.tick(counter.core.now_s + HOUR_S + 60.0)
    counter.core.pay()
    return counter, visit


@pytest.mark.parametrize("fate", [Fate.LOST_QUESTION, Fate.LOST_ANSWER])
def test_a_key_its_provider_forgot_is_never_sent_again(database: Database, fate: Fate) -> None:
    counter, visit = lost(database, fate)
    counter.wait(24 * HOUR_S, step_s=HOUR_S)
    assert counter.core.state(visit) == ("unknown", "no-answer")
    assert counter.core.open_reviews() == {f"payment:{visit}"}
    assert len(counter.acquirer.asked) == 1


def test_a_forgotten_charge_that_staff_find_is_booked_as_paid(database: Database) -> None:
    counter, visit = lost(database, Fate.LOST_ANSWER)
    counter.core.rule(f"payment:{visit}", RulingKind.ACCEPT)
    assert counter.core.state(visit) == ("settled", "by-hand")
    assert counter.core.receipt(visit).total_minor == 162
    assert len(counter.acquirer.done(Call.CAPTURE)) == 1


def test_a_forgotten_charge_that_never_was_is_unpaid_and_may_be_tried_again(
    database: Database,
) -> None:
    counter, visit = lost(database, Fate.LOST_QUESTION)
    counter.core.rule(f"payment:{visit}", RulingKind.VOID)
    assert counter.core.state(visit) == ("unpaid", "by-hand")
    counter.core.rule(f"payment:{visit}", RulingKind.ACCEPT)
    assert counter.core.state(visit) == ("settled", "")
    assert len(counter.acquirer.done(Call.CAPTURE)) == 1


def test_nobody_settles_by_hand_what_the_provider_can_still_be_asked(database: Database) -> None:
    counter = Counter(database, holds=False, key_lifetime_s=HOUR_S)
    counter.fates[Call.CAPTURE] = [Fate.LOST_ANSWER]
    visit = counter.enter()
    counter.take()
    counter.leave()
    with pytest.raises(Refused):
        counter.core.do(lambda tx, _: settling.look_up(tx, visit, None, "staff"))


@pytest.mark.parametrize(
    ("fate", "kind", "after"),
    [
        pytest.param(Fate.LOST_ANSWER, RulingKind.ACCEPT, "done", id="was-given"),
        pytest.param(Fate.LOST_QUESTION, RulingKind.VOID, "refused", id="was-not"),
    ],
)
def test_a_refund_whose_key_is_forgotten_is_looked_up_by_hand(
    database: Database, fate: Fate, kind: RulingKind, after: str
) -> None:
    counter = Counter(database, key_lifetime_s=HOUR_S)
    visit = counter.enter()
    counter.take()
    counter.leave()
    counter.fates[Call.REFUND] = [fate]
    counter.core.do(lambda tx, _: refunding.request(tx, visit, None, 0, "broken", "staff"))
    counter.core.pay()
    counter.core.tick(counter.core.now_s + HOUR_S + 60.0)
    counter.core.pay()
    assert len([call for call, _ in counter.acquirer.asked if call is Call.REFUND]) == 1
    (review,) = counter.core.open_reviews()
    assert review == f"payment:{visit}:refund:1"
    counter.core.rule(review, kind)
    assert [row.state for row in counter.core.rows(tables.refund)] == [after]


def without_its_provider(counter: Counter) -> None:
    """The next start is with a configuration that does not name who took the money."""
    counter.core.shop = replace(counter.core.shop, payment=HOUSE)
    counter.core.crash()
    for _ in range(3):
        counter.core.tick(counter.core.now_s + 60.0)


@pytest.mark.parametrize(
    ("fate", "kind", "after"),
    [
        pytest.param(Fate.LOST_ANSWER, RulingKind.ACCEPT, "settled", id="was-charged"),
        pytest.param(Fate.LOST_QUESTION, RulingKind.VOID, "unpaid", id="was-not"),
    ],
)
def test_a_payment_whose_provider_left_the_configuration_is_looked_up_by_hand(
    database: Database, fate: Fate, kind: RulingKind, after: str
) -> None:
    counter = Counter(database, holds=False)
    counter.fates[Call.CAPTURE] = [fate]
    visit = counter.enter()
    counter.take()
    counter.leave()
    without_its_provider(counter)
    assert counter.core.calls == [], "there is nobody to ask"
    counter.core.rule(f"payment:{visit}", kind)
    assert counter.core.state(visit) == (after, "by-hand")
    if after == "unpaid":
        counter.core.provider = HouseAccount(database, STORE, now_ns=lambda: counter.core.now_ns)
        counter.core.rule(f"payment:{visit}", RulingKind.ACCEPT)
        assert counter.core.state(visit) == ("settled", "")
        assert counter.core.receipt(visit).paid_with == HOUSE.name


def test_what_a_provider_took_that_left_the_configuration_is_given_back_by_hand(
    database: Database,
) -> None:
    counter = Counter(database)
    visit = counter.enter()
    counter.take()
    counter.leave()
    without_its_provider(counter)
    counter.core.do(lambda tx, _: refunding.request(tx, visit, None, 0, "broken", "staff"))
    counter.core.calls.clear()
    counter.core.tick(counter.core.now_s + 120.0)
    (review,) = counter.core.open_reviews()
    counter.core.rule(review, RulingKind.ACCEPT)
    assert [row.state for row in counter.core.rows(tables.refund)] == ["done"]


def test_over_the_hold_limit_at_the_entry_the_visit_still_settles(database: Database) -> None:
    counter = Counter(database, 40_000)
    visit = counter.enter()
    counter.core.pay()
    assert counter.states() == ["refused"]
    counter.script.pick(12.0, candidate(PAN), shelf=LOW)
    counter.leave()
    assert counter.core.state(visit) == ("settled", "")
