"""The Stripe provider through its SDK, against localstripe in a process of its own.

localstripe is found by TEBURA_LOCALSTRIPE (its program, in an environment of its own: it is GPL).
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tebura_contract.ids import MemberId
from tebura_contract.money import Money
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import (
    About,
    Approved,
    Declined,
    Enrolled,
    NoAnswer,
    ProviderCall,
    Terms,
)
from tebura_simulator.payments.acquirer import Fate

from tests.gateway.shop import KEN, MIKA
from tests.gateway.stripe_front import Front, standing

stripe = pytest.importorskip("stripe")
from tebura_gateway.adapters.stripe_provider import (  # noqa: E402  # needs the SDK
    Stripe,
    open_stripe,
)

GOOD_CARD, BAD_CARD = "4242424242424242", "4000000000000341"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = os.environ.get("TEBURA_LOCALSTRIPE", "")
    if not Path(program).is_file():
        # Also where all else is required: it is GPL, and nobody has to install it.
        pytest.skip("TEBURA_LOCALSTRIPE names no localstripe")
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with standing(Path(program), port, tmp_path_factory.mktemp("stripe")) as found:
        yield found


@pytest.fixture(scope="module")
def accounts(front: Front) -> dict[str, Enrolled]:
    client = stripe.StripeClient("sk_test_tebura", base_addresses={"api": front.address})

    def account(number: str) -> Enrolled:
        customer = client.v1.customers.create({})
        card = {"number": number, "exp_month": 12, "exp_year": 2090, "cvc": "123"}
        method = client.v1.payment_methods.create({"type": "card", "card": card})
        client.v1.payment_methods.attach(method.id, {"customer": customer.id})
        return Enrolled(customer=customer.id, method=method.id)

    return {MIKA: account(GOOD_CARD), KEN: account(BAD_CARD)}


@pytest.fixture
def provider(front: Front, accounts: dict[str, Enrolled]) -> Stripe:
    front.fates.clear()
    return open_stripe(Terms("stripe"), "sk_test_tebura", front.address, accounts.get)


_numbers = iter(range(10**6))


@pytest.fixture
def key() -> str:
    """A key that no other test used: they share one Stripe."""
    return f"visit-{next(_numbers)}:authorize:1"


def yen(minor: int) -> Money:
    return Money(minor, "JPY")


def asking(key: str, call: Call, reference: str = "", account: MemberId = MIKA) -> ProviderCall:
    return ProviderCall(
        provider="stripe",
        about=About.SETTLEMENT,
        subject="visit",
        call=call,
        key=key,
        account=account,
        amount=yen(500),
        reference=reference,
        since_ns=time.time_ns(),
        asks=True,
    )


def reference(answer: object) -> str:
    assert isinstance(answer, Approved), answer
    return answer.reference


def test_less_than_was_held_is_taken_and_part_of_it_given_back(provider: Stripe, key: str) -> None:
    hold = reference(provider.authorize(key, MIKA, yen(500)))
    taken = reference(provider.capture(f"{key}c", MIKA, yen(380), hold))
    reference(provider.refund(f"{key}r", taken, yen(80)))
    moved = [one for one in provider.movements(0, 2**62) if one.key.startswith(key)]
    assert sorted((one.call, one.amount_minor, one.currency) for one in moved) == [
        (Call.CAPTURE, 380, "JPY"),
        (Call.REFUND, 80, "JPY"),
    ]


def test_the_same_key_moves_money_once(provider: Stripe, key: str) -> None:
    holds = {reference(provider.authorize(key, MIKA, yen(500))) for _ in range(3)}
    assert len(holds) == 1
    (hold,) = holds
    taken = {reference(provider.capture(f"{key}c", MIKA, yen(500), hold)) for _ in range(3)}
    assert len(taken) == 1


def test_a_declined_card_is_a_decline_with_its_reason(provider: Stripe, key: str) -> None:
    said = provider.authorize(key, KEN, yen(500))
    assert said == Declined(reason="card_declined")
    assert provider.authorize(key, MemberId("NOBODY"), yen(500)) == Declined(
        reason="no such account"
    )


def test_a_hold_is_resolved_once(provider: Stripe, key: str) -> None:
    hold = reference(provider.authorize(key, MIKA, yen(500)))
    reference(provider.void(f"{key}v", hold))
    assert isinstance(provider.capture(f"{key}c", MIKA, yen(500), hold), Declined)
    assert isinstance(provider.void(f"{key}w", hold), Declined)
    assert provider.find(asking(f"{key}v", Call.VOID, hold)) == Approved(reference=hold)


@pytest.mark.parametrize("fate", [Fate.LOST_QUESTION, Fate.LOST_ANSWER])
@pytest.mark.parametrize("call", list(Call))
def test_what_became_of_a_call_that_timed_out_can_be_asked(
    provider: Stripe, front: Front, key: str, call: Call, fate: Fate
) -> None:
    hold = "" if call is Call.AUTHORIZE else reference(provider.authorize(key, MIKA, yen(500)))
    if call is Call.REFUND:
        reference(provider.capture(f"{key}c", MIKA, yen(500), hold))
    act: dict[Call, Callable[[], object]] = {
        Call.AUTHORIZE: lambda: provider.authorize(key, MIKA, yen(500)),
        Call.CAPTURE: lambda: provider.capture(f"{key}c", MIKA, yen(500), hold),
        Call.VOID: lambda: provider.void(f"{key}v", hold),
        Call.REFUND: lambda: provider.refund(f"{key}r", hold, yen(500)),
    }
    sent = {Call.AUTHORIZE: key, Call.CAPTURE: f"{key}c", Call.VOID: f"{key}v"}
    question = asking(sent.get(call, f"{key}r"), call, hold)
    front.fates.append(fate)
    with pytest.raises(NoAnswer):
        act[call]()
    found = provider.find(question)
    assert (found is None) == (fate is Fate.LOST_QUESTION)
    done = act[call]()
    assert isinstance(done, Approved)
    assert provider.find(question) == done


def test_a_stripe_that_is_away_is_no_answer(
    accounts: dict[str, Enrolled], free_port: Callable[[], int]
) -> None:
    away = open_stripe(
        Terms("stripe"), "sk_test_tebura", f"http://127.0.0.1:{free_port()}", accounts.get
    )
    with pytest.raises(NoAnswer):
        away.authorize("k", MIKA, yen(1))
    with pytest.raises(NoAnswer):
        away.movements(0, 2**62)
