"""Who may come in: members who have not said what they pay with, and what gates are told of it."""

import dataclasses
from typing import Any

import pytest
from tebura_contract.codec import decode
from tebura_contract.events import RefusalReason
from tebura_contract.ids import MemberId
from tebura_contract.messages import Command, MemberAdmitted, MemberRevoked
from tebura_gateway.adapters import tables
from tebura_gateway.service import enrolling, members
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.ports import Enrolled, Terms
from tebura_gateway.service.reading import DatabaseViews

from tests.gateway.core import Core
from tests.gateway.shop import KEN, MIKA, layout

CARD = Terms("card", enrols=True)
BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


def asks_for_a_card(core: Core, **rules: Any) -> None:
    core.shop = dataclasses.replace(core.shop, payment=CARD, **rules)


def told(core: Core) -> list[object]:
    """What gates were told since the last look."""
    rows = core.rows(tables.command)
    core.do(lambda tx, _: tx.connection.execute(tables.command.delete()))
    return [decode(bytes(row.payload), Command) for row in rows]  # type: ignore[arg-type]


def barred(core: Core, member: MemberId = MIKA) -> RefusalReason | None:
    view = DatabaseViews(core.database.reading, layout()).member(member)
    assert view is not None
    return view.barred


def says_what_they_pay_with(core: Core, member: MemberId) -> None:
    core.do(lambda tx, _: enrolling.begin(tx, "card", f"s-{member}", member))
    enrolled = Enrolled(customer="c", method="m")
    core.do(lambda tx, _: enrolling.finish(tx, "card", f"s-{member}", enrolled))


@BOTH
def test_a_new_member_comes_in_once_they_have_said_what_they_pay_with(core: Core) -> None:
    asks_for_a_card(core)
    core.add_members()
    no_means = RefusalReason.NO_MEANS
    assert told(core) == [
        MemberRevoked(member=MIKA, reason=no_means),
        MemberRevoked(member=KEN, reason=no_means),
    ]
    says_what_they_pay_with(core, MIKA)
    assert told(core) == [MemberAdmitted(member=MIKA)]
    assert (barred(core, MIKA), barred(core, KEN)) == (None, no_means)


@pytest.mark.parametrize(
    "terms", [Terms("house"), Terms("wallet", holds=False)], ids=["house", "asks-nobody"]
)
def test_a_provider_that_asks_nothing_bars_nobody(core: Core, terms: Terms) -> None:
    core.shop = dataclasses.replace(core.shop, payment=terms)
    core.add_members()
    assert (told(core), barred(core)) == ([], None)


def test_a_shop_may_let_them_in_and_be_owed(core: Core) -> None:
    asks_for_a_card(core, admits_without_means=True)
    core.add_members()
    assert (told(core), barred(core)) == ([], None)


def test_staff_pay_nothing_and_come_in(core: Core) -> None:
    asks_for_a_card(core)
    core.add_members()
    told(core)
    core.do(lambda tx, _: members.set_role(tx, MIKA, MemberRole.STAFF))
    assert told(core) == [MemberAdmitted(member=MIKA)]
    core.do(lambda tx, _: members.set_role(tx, MIKA, MemberRole.SHOPPER))
    assert told(core) == [MemberRevoked(member=MIKA, reason=RefusalReason.NO_MEANS)]


@BOTH
def test_another_configuration_tells_gates_what_differs_and_once(core: Core) -> None:
    core.add_members()
    house = core.shop.payment
    core.crash()
    assert told(core) == []
    asks_for_a_card(core)
    core.crash()
    assert {one.member for one in told(core) if isinstance(one, MemberRevoked)} == {MIKA, KEN}
    core.crash()
    assert told(core) == []
    core.shop = dataclasses.replace(core.shop, payment=house)
    core.crash()
    assert {one.member for one in told(core) if isinstance(one, MemberAdmitted)} == {MIKA, KEN}


def test_an_account_at_another_provider_is_no_means_here(core: Core) -> None:
    core.shop = dataclasses.replace(core.shop, payment=Terms("wallet", enrols=True))
    core.add_members()
    says_what_they_pay_with(core, MIKA)
    assert barred(core) is RefusalReason.NO_MEANS


def test_what_is_owed_is_said_before_what_is_missing(core: Core) -> None:
    asks_for_a_card(core, blocks_unpaid=True)
    core.add_members()
    told(core)
    # As after a decline in the days of another provider.
    core.do(
        lambda tx, _: tx.put(
            tables.visit,
            {"visit": "v"},
            member=MIKA,
            gate="door",
            state="unpaid",
            entered_ns=1,
            cart="{}",
            currency="JPY",
            state_since_ns=1,
        )
    )
    core.crash()
    assert told(core) == [MemberRevoked(member=MIKA, reason=RefusalReason.UNPAID)]
    assert barred(core) is RefusalReason.UNPAID
