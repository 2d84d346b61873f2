"""What every payment provider must do, whoever it is."""

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tebura_contract.ids import MemberId
from tebura_contract.money import Money
from tebura_gateway.adapters.bridge import Bridge
from tebura_gateway.adapters.database import open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.adapters.payer import Payer
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.paying import Said
from tebura_gateway.service.ports import (
    About,
    Approved,
    Declined,
    NoAnswer,
    PaymentProvider,
    ProviderCall,
    Terms,
)
from tebura_simulator.payments.acquirer import Acquirer, Fate
from tebura_simulator.payments.server import serving

from tests.gateway.core import Core
from tests.gateway.shop import FOREVER, KEN, MIKA, STORE

SECRET = b"s" * 32
BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(params=["house", "acquirer", "bridge"])
def provider(request: pytest.FixtureRequest, core: Core) -> Iterator[PaymentProvider]:
    """Each provider with two accounts, MIKA and KEN, good for 30,000 yen."""
    if request.param == "house":
        yield core.provider
        return
    acquirer = Acquirer(
        Terms("acquirer"),
        lambda: core.now_ns,
        lambda member: 30_000 if member in (MIKA, KEN) else None,
    )
    if request.param == "acquirer":
        yield acquirer
        return
    with serving(acquirer, SECRET) as address:
        yield Bridge(Terms("bridge"), address, SECRET, lambda: core.now_ns)


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


def asking(
    key: str, call: Call = Call.AUTHORIZE, minor: int = 100, reference: str = ""
) -> ProviderCall:
    return ProviderCall(
        provider="",
        about=About.SETTLEMENT,
        subject="visit",
        call=call,
        key=key,
        account=MIKA,
        amount=yen(minor),
        reference=reference,
        since_ns=0,
        asks=True,
    )


def test_what_became_of_a_key_can_be_asked(provider: PaymentProvider) -> None:
    assert provider.find(asking("a")) is None
    held = provider.authorize("a", MIKA, yen(100))
    refused = provider.authorize("b", MIKA, yen(1_000_000))
    assert isinstance(held, Approved)
    assert isinstance(refused, Declined)
    assert provider.find(asking("a")) == held
    assert provider.find(asking("b", minor=1_000_000)) == refused
    question = asking("c", Call.CAPTURE, reference=held.reference)
    assert provider.find(question) is None
    taken = provider.capture("c", MIKA, yen(100), held.reference)
    assert isinstance(taken, Approved)
    assert provider.find(question) == taken
    question = asking("r", Call.REFUND, reference=taken.reference)
    assert provider.find(question) is None
    given = provider.refund("r", taken.reference, yen(100))
    assert provider.find(question) == given


def test_what_moved_is_listed_once_with_the_keys_it_moved_under(provider: PaymentProvider) -> None:
    hold = provider.authorize("a", MIKA, yen(500))
    assert isinstance(hold, Approved)
    taken = provider.capture("c", MIKA, yen(400), hold.reference)
    assert isinstance(taken, Approved)
    provider.capture("c", MIKA, yen(400), hold.reference)
    provider.refund("r", taken.reference, yen(150))
    provider.refund("much", taken.reference, yen(9_000))
    listed = provider.movements(0, FOREVER)
    assert sorted((m.call, m.key, m.amount_minor, m.currency) for m in listed) == [
        ("capture", "c", 400, "JPY"),
        ("refund", "r", 150, "JPY"),
    ]
    assert provider.movements(0, listed[0].at_ns) == []


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
    holds = [provider.authorize(name, MIKA, yen(100)) for name in ("a", "b")]
    references = [hold.reference for hold in holds if isinstance(hold, Approved)]
    assert isinstance(provider.capture("c", MIKA, yen(101), references[0]), Declined)
    assert isinstance(provider.capture("d", MIKA, yen(60), references[1]), Approved)
    # What was not taken of the hold is free again.
    assert isinstance(provider.void("v", references[0]), Approved)
    assert isinstance(provider.authorize("e", MIKA, yen(30_000 - 60)), Approved)


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
    provider: PaymentProvider,
) -> None:
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: provider.capture("k", MIKA, yen(100), None), range(12)))
    assert len({one.reference for one in said if isinstance(one, Approved)}) == 1
    assert [m.amount_minor for m in provider.movements(0, FOREVER)] == [100]


def test_a_broken_database_is_no_answer_not_a_decline(tmp_path: Path) -> None:
    provider = HouseAccount(open_database("sqlite:///empty.db", tmp_path), STORE)
    with pytest.raises(NoAnswer):
        provider.authorize("a", MIKA, yen(1))
    with pytest.raises(NoAnswer):
        provider.find(asking("a"))
    with pytest.raises(NoAnswer):
        provider.movements(0, FOREVER)


@pytest.mark.parametrize("fate", [Fate.LOST_QUESTION, Fate.LOST_ANSWER])
def test_a_bridge_that_goes_silent_is_asked_and_charges_once(fate: Fate) -> None:
    fates = [fate]
    acquirer = Acquirer(
        Terms("bridge", holds=False),
        lambda: 10**18,
        lambda _: 1_000,
        fate_of=lambda *_: fates.pop() if fates else Fate.DONE,
    )
    with serving(acquirer, SECRET) as address:
        bridge = Bridge(acquirer.terms, address, SECRET, lambda: 10**18)
        with pytest.raises(NoAnswer):
            bridge.capture("k", MIKA, yen(600), None)
        found = bridge.find(asking("k", Call.CAPTURE))
        assert (found is None) == (fate is Fate.LOST_QUESTION)
        assert isinstance(bridge.capture("k", MIKA, yen(600), None), Approved)
    assert acquirer.moved_minor(Call.CAPTURE) == 600


@pytest.mark.parametrize(
    ("secret", "at_ns"), [(b"x" * 32, 10**18), (SECRET, 10**18 + 301 * 10**9)], ids=["key", "time"]
)
def test_a_bridge_does_nothing_for_whoever_cannot_sign(secret: bytes, at_ns: int) -> None:
    acquirer = Acquirer(Terms("bridge"), lambda: 10**18, lambda _: 1_000)
    with serving(acquirer, SECRET) as address:
        stranger = Bridge(acquirer.terms, address, secret, lambda: at_ns)
        with pytest.raises(NoAnswer, match="401"):
            stranger.capture("k", MIKA, yen(1), None)
    assert acquirer.book == []


def test_a_bridge_that_is_away_is_no_answer(free_port: Callable[[], int]) -> None:
    bridge = Bridge(Terms("bridge"), f"http://127.0.0.1:{free_port()}", SECRET, lambda: 10**18)
    with pytest.raises(NoAnswer):
        bridge.authorize("k", MIKA, yen(1))


class Post:
    """Stands for the writer: keeps what the provider thread brings back."""

    def __init__(self) -> None:
        self.brought: queue.Queue[Said] = queue.Queue()

    def offer(self, work: Any, then: Any, timeout_s: float) -> bool:
        self.brought.put(work.keywords["said"])
        return True


def test_where_the_configuration_names_nobody_there_is_no_answer_and_others_are_asked(
    core: Core,
) -> None:
    house, post = HouseAccount(core.database, STORE, now_ns=lambda: 0), Post()
    call = ProviderCall(
        provider="gone",
        about=About.SETTLEMENT,
        subject="v",
        call=Call.CAPTURE,
        key="k",
        account=MIKA,
        amount=yen(1),
        reference="",
        since_ns=0,
        asks=False,
    )
    payer = Payer({house.terms.name: house})
    payer.start(post)  # type: ignore[arg-type]
    try:
        payer.take(call)
        payer.take(replace(call, provider=house.terms.name))
        assert post.brought.get(timeout=10.0) == Said(None, is_known=False)
        assert post.brought.get(timeout=10.0) == Said(Approved(reference="k"), is_known=True)
    finally:
        payer.stop()
