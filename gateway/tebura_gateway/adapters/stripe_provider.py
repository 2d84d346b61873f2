"""Stripe through its SDK: holds are payment intents with manual capture, refunds are refunds.

Our key travels twice: as Stripe's idempotency key, so that a repeated call does nothing twice for
as long as Stripe remembers it, and in the metadata, by which it is found again for good. A capture
or a release is found by the state of its intent, for an intent is captured under one key only.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import stripe
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId
from tebura_contract.money import Money

from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import (
    Answer,
    Approved,
    Begun,
    Declined,
    Enrolled,
    Forged,
    Hint,
    Movement,
    NoAnswer,
    ProviderCall,
    Terms,
)

KEY = "tebura_key"
KEY_LIFETIME_S = 23 * 3600.0
"""Stripe forgets a key after 24 hours at the earliest."""
SEARCH_MARGIN_S = 3600
TIMEOUT_S = 30
HINT_TOLERANCE_S = 300
PAGE = 100


@dataclass(frozen=True, slots=True)
class Stripe:
    """Asks Stripe. A clear no is a decline; whatever else goes wrong is no answer."""

    terms: Terms
    client: stripe.StripeClient
    account_of: Callable[[MemberId], Enrolled | None]
    currency: str = "JPY"
    hint_secret: str = ""

    @property
    def enrols(self) -> bool:
        """A card is asked for by Stripe's own page."""
        return True

    def authorize(self, key: str, account: MemberId, amount: Money) -> Answer:
        """Reserve an amount on the member's card."""
        return self._pay(key, account, amount, "manual")

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        """Take an amount; what of the reservation is not taken Stripe releases."""
        if authorization is None:
            return self._pay(key, account, amount, "automatic")
        with _answers() as said:
            intent = self.client.v1.payment_intents.capture(
                authorization, {"amount_to_capture": amount.minor}, _once(key)
            )
            said.append(_of_capture(intent) or Declined(reason=intent.status))
        return said[0]

    def void(self, key: str, authorization: str) -> Answer:
        """Release what was reserved."""
        with _answers() as said:
            intent = self.client.v1.payment_intents.cancel(authorization, {}, _once(key))
            said.append(Approved(reference=intent.id))
        return said[0]

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        """Give back what was captured."""
        with _answers() as said:
            refund = self.client.v1.refunds.create(
                {"payment_intent": capture, "amount": amount.minor, "metadata": {KEY: key}},
                _once(key),
            )
            said.append(_of_refund(refund))
        return said[0]

    def find(self, call: ProviderCall) -> Answer | None:
        """What became of a call's key."""
        with _answers(has_declines=False):
            return self._found(call)

    def movements(self, from_ns: int, to_ns: int) -> list[Movement]:
        """Captures and refunds in a span of time."""
        span: Any = {"gte": from_ns // SECOND_NS, "lt": -(-to_ns // SECOND_NS)}
        found: list[Movement] = []
        with _answers(has_declines=False):
            charges = self.client.v1.charges.list({"created": span, "limit": PAGE})
            for charge in charges.auto_paging_iter():
                if charge.captured:
                    found.append(self._captured(charge))
            refunds = self.client.v1.refunds.list({"created": span, "limit": PAGE})
            for refund in refunds.auto_paging_iter():
                if refund.status in ("succeeded", "pending"):
                    found.append(_refunded(refund))
        return sorted(found, key=lambda one: (one.at_ns, one.reference))

    def begin(self, member: MemberId, return_address: str) -> Begun:
        """Open Stripe's page that asks for a card to be used later."""
        known = self.account_of(member)
        with _answers(has_declines=False):
            # The same customer again, so that the key of an earlier call is found under it.
            customer = known.customer if known is not None else self._new_customer(member)
            session = self.client.v1.checkout.sessions.create(
                {
                    "mode": "setup",
                    "currency": self.currency.lower(),
                    "customer": customer,
                    "client_reference_id": member,
                    "success_url": return_address,
                    "cancel_url": return_address,
                }
            )
            return Begun(session=session.id, address=session.url or "")

    def _new_customer(self, member: MemberId) -> str:
        return self.client.v1.customers.create({"metadata": {"tebura_member": member}}).id

    def finished(self, session: str) -> Enrolled | None:
        """What the page led to, as Stripe has it."""
        with _answers(has_declines=False):
            found: Any = self.client.v1.checkout.sessions.retrieve(
                session, {"expand": ["setup_intent"]}
            )
            intent = found.setup_intent
            if found.status != "complete" or intent is None or intent.status != "succeeded":
                return None
            return Enrolled(customer=str(found.customer), method=str(intent.payment_method))

    def hint(self, headers: Mapping[str, str], target: str, body: bytes, now_s: int) -> Hint:  # noqa: ARG002  # the SDK looks at the clock itself, and signs no address
        """Read one of Stripe's events; its signature is checked by the SDK."""
        if not self.hint_secret:
            raise Forged("no hint_secret_file is configured")
        signature = headers.get("stripe-signature", "")
        try:
            event: Any = self.client.construct_event(
                body, signature, self.hint_secret, HINT_TOLERANCE_S
            )
            thing = event.data.object
            is_session = thing.object == "checkout.session"
            key = "" if is_session else _key_of(thing)
            return Hint(id=event.id, key=key, session=thing.id if is_session else "")
        except stripe.SignatureVerificationError as error:
            raise Forged(str(error)) from error
        except (ValueError, AttributeError) as error:
            raise Forged(f"not understood: {error}") from error

    def _pay(self, key: str, account: MemberId, amount: Money, capture_method: str) -> Answer:
        known = self.account_of(account)
        if known is None:
            return Declined(reason="no such account")
        with _answers() as said:
            intent = self.client.v1.payment_intents.create(
                {
                    "amount": amount.minor,
                    "currency": amount.currency.lower(),
                    "customer": known.customer,
                    "payment_method": known.method,
                    "capture_method": capture_method,
                    "confirm": True,
                    # Nobody stands at the card's bank now to be asked.
                    "off_session": True,
                    "metadata": {KEY: key},
                },
                _once(key),
            )
            said.append(_of_intent(intent))
        return said[0]

    def _found(self, call: ProviderCall) -> Answer | None:
        match call.call:
            case Call.AUTHORIZE:
                return self._found_intent(call)
            case Call.CAPTURE if not call.reference:
                return self._found_intent(call)
            case Call.CAPTURE:
                intent = self.client.v1.payment_intents.retrieve(call.reference)
                return _of_capture(intent)
            case Call.VOID:
                intent = self.client.v1.payment_intents.retrieve(call.reference)
                if intent.status == "canceled":
                    return Approved(reference=intent.id)
                is_taken = intent.status == "succeeded"
                return Declined(reason="the hold was resolved before") if is_taken else None
            case Call.REFUND:
                refunds = self.client.v1.refunds.list(
                    {"payment_intent": call.reference, "limit": PAGE}
                )
                return _with_key(refunds.auto_paging_iter(), call.key, _of_refund)

    def _found_intent(self, call: ProviderCall) -> Answer | None:
        known = self.account_of(MemberId(call.account))
        if known is None:
            return Declined(reason="no such account")
        since_s = call.since_ns // SECOND_NS - SEARCH_MARGIN_S
        intents = self.client.v1.payment_intents.list(
            {"customer": known.customer, "created": {"gte": since_s}, "limit": PAGE}
        )
        return _with_key(intents.auto_paging_iter(), call.key, _of_intent)

    def _captured(self, charge: Any) -> Movement:
        """A charge taken out of a hold has the hold's key, for an intent is captured once."""
        intent = self.client.v1.payment_intents.retrieve(charge.payment_intent)
        return Movement(
            call=Call.CAPTURE,
            key=_key_of(intent),
            reference=intent.id,
            amount_minor=charge.amount_captured,
            currency=charge.currency.upper(),
            at_ns=charge.created * SECOND_NS,
        )


def open_stripe(
    terms: Terms,
    secret: str,
    address: str,
    account_of: Callable[[MemberId], Enrolled | None],
    currency: str = "JPY",
    hint_secret: str = "",
) -> Stripe:
    """A Stripe provider; `address` is Stripe's own where it is left empty."""
    client = stripe.StripeClient(
        secret,
        base_addresses={"api": address} if address else None,
        # The settlement repeats calls, and asks before it does.
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
    )
    return Stripe(terms, client, account_of, currency, hint_secret)


def _once(key: str) -> "stripe.RequestOptions":
    return {"idempotency_key": key}


@contextmanager
def _answers(has_declines: bool = True) -> Iterator[list[Answer]]:
    """Collect an answer; Stripe's errors become declines where nothing was done, else no answer."""
    said: list[Answer] = []
    try:
        yield said
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        if not has_declines:
            raise NoAnswer(str(error)) from error
        code = error.code or "declined"
        said.append(Declined(reason=code[:64], is_expired=code == "charge_expired_for_capture"))
    except stripe.StripeError as error:
        raise NoAnswer(str(error)) from error


def _with_key(things: Iterator[Any], key: str, answer: Callable[[Any], Answer]) -> Answer | None:
    for thing in things:
        if _key_of(thing) == key:
            return answer(thing)
    return None


def _key_of(thing: Any) -> str:
    """Our key in the metadata, if it is one of ours."""
    return str(getattr(getattr(thing, "metadata", None), KEY, ""))


def _of_intent(intent: Any) -> Answer:
    if intent.status == "succeeded":
        return Approved(reference=intent.id)
    if intent.status == "requires_capture":
        return Approved(reference=intent.id, expires_ns=_capture_before_ns(intent))
    if intent.status == "processing":
        raise NoAnswer("still processing")
    error = getattr(intent, "last_payment_error", None)
    return Declined(reason=(getattr(error, "code", None) or intent.status)[:64])


def _capture_before_ns(intent: Any) -> int | None:
    charge = getattr(intent, "latest_charge", None)
    details = getattr(charge, "payment_method_details", None)
    before_s = getattr(getattr(details, "card", None), "capture_before", None)
    return int(before_s) * SECOND_NS if before_s is not None else None


def _of_capture(intent: Any) -> Answer | None:
    match intent.status:
        case "succeeded":
            return Approved(reference=intent.id)
        case "requires_capture":
            return None
        case "canceled":
            reason = getattr(intent, "cancellation_reason", None)
            return Declined(reason="the hold has ended", is_expired=reason == "automatic")
        case other:
            return Declined(reason=other)


def _of_refund(refund: Any) -> Answer:
    if refund.status in ("succeeded", "pending"):
        return Approved(reference=refund.id)
    return Declined(reason=(getattr(refund, "failure_reason", None) or refund.status)[:64])


def _refunded(refund: Any) -> Movement:
    return Movement(
        call=Call.REFUND,
        key=_key_of(refund),
        reference=refund.id,
        amount_minor=refund.amount,
        currency=refund.currency.upper(),
        at_ns=refund.created * SECOND_NS,
    )
