"""What every payment provider must do; run against the house account."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tebura_contract.ids import MemberId
from tebura_contract.money import Money
from tebura_gateway.adapters.database import open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.service.ports import Approved, Declined, NoAnswer, PaymentProvider

from tests.gateway.core import Core
from tests.gateway.shop import KEN, MIKA, STORE

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(params=["house"])
def provider(request: pytest.FixtureRequest, core: Core) -> PaymentProvider:
    """Each provider with two accounts, MIKA and KEN, good for 30,000 yen."""
    assert request.param == "house"
    return core.provider


def yen(minor: int) -> Money:
    return Money(minor, "JPY")


@BOTH
def test_the_same_key_answers_the_same_and_moves_money_once(provider: PaymentProvider) -> None:
    hold = provider.authorize("a", MIKA, yen(20_000))
    assert isinstance(hold, Approved)
    assert provider.authorize("a", MIKA, yen(20_000)) == hold
    # Were it reserved twice, this would not fit.
    assert isinstance(provider.authorize("b", MIKA, yen(10_000)), Approved)
    taken = provider.capture("c", MIKA, yen(20_000), hold.reference)
    assert provider.capture("c", MIKA, yen(20_000), hold.reference) == taken
    assert isinstance(taken, Approved)


def test_what_became_of_a_key_can_be_asked(provider: PaymentProvider) -> None:
    assert provider.find("a") is None
    said = provider.authorize("a", MIKA, yen(100))
    refused = provider.authorize("b", MIKA, yen(1_000_000))
    assert provider.find("a") == said
    assert isinstance(refused, Declined)
    assert provider.find("b") == refused


def test_a_decline_stays_a_decline_under_its_key(provider: PaymentProvider) -> None:
    hold = provider.authorize("a", MIKA, yen(30_000))
    assert isinstance(hold, Approved)
    assert isinstance(provider.authorize("b", MIKA, yen(1)), Declined)
    provider.void("v", hold.reference)
    assert isinstance(provider.authorize("b", MIKA, yen(1)), Declined)
    assert isinstance(provider.authorize("c", MIKA, yen(1)), Approved)


def test_a_hold_is_resolved_once(provider: PaymentProvider) -> None:
    hold = provider.authorize("a", MIKA, yen(100))
    assert isinstance(hold, Approved)
    assert isinstance(provider.capture("c", MIKA, yen(100), hold.reference), Approved)
    assert isinstance(provider.capture("c2", MIKA, yen(100), hold.reference), Declined)
    assert isinstance(provider.void("v", hold.reference), Declined)


def test_more_than_was_held_is_not_taken_less_is(provider: PaymentProvider) -> None:
    for name in ("a", "b"):
        provider.authorize(name, MIKA, yen(100))
    assert isinstance(provider.capture("c", MIKA, yen(101), "a"), Declined)
    assert isinstance(provider.capture("d", MIKA, yen(60), "b"), Approved)


def test_a_charge_without_a_hold_is_held_to_the_limit_too(provider: PaymentProvider) -> None:
    assert isinstance(provider.capture("a", MIKA, yen(29_999), None), Approved)
    assert isinstance(provider.capture("b", MIKA, yen(2), None), Declined)
    assert isinstance(provider.capture("c", KEN, yen(2), None), Approved)


def test_refunds_never_exceed_what_was_captured(provider: PaymentProvider) -> None:
    taken = provider.capture("a", MIKA, yen(100), None)
    assert isinstance(taken, Approved)
    for key, minor, kind in (
        ("r1", 60, Approved),
        ("r1", 60, Approved),
        ("r2", 41, Declined),
        ("r3", 40, Approved),
        ("r4", 1, Declined),
    ):
        assert isinstance(provider.refund(key, taken.reference, yen(minor)), kind)


def test_nobody_pays_for_an_account_that_is_not_there(provider: PaymentProvider) -> None:
    assert isinstance(provider.authorize("a", MemberId("GHOST"), yen(1)), Declined)
    assert isinstance(provider.refund("r", "no-such-capture", yen(1)), Declined)
    assert isinstance(provider.void("v", "no-such-hold"), Declined)


def test_the_same_key_from_several_threads_moves_money_once(
    core: Core, provider: PaymentProvider
) -> None:
    assert isinstance(provider, HouseAccount)
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: provider.capture("k", MIKA, yen(100), None), range(12)))
    assert set(said) == {Approved(reference="k")}
    assert provider.owed_minor(MIKA) == 100


def test_a_broken_database_is_no_answer_not_a_decline(tmp_path: Path) -> None:
    provider = HouseAccount(open_database("sqlite:///empty.db", tmp_path), STORE)
    with pytest.raises(NoAnswer):
        provider.authorize("a", MIKA, yen(1))
    with pytest.raises(NoAnswer):
        provider.find("a")
