"""What the services need from outside: who pays, and who somebody is.

A provider is asked with a key the caller stored beforehand. The same key again must not do a thing
twice: it answers as it did the first time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec
from tebura_contract.ids import MemberId
from tebura_contract.money import Money

from tebura_gateway.domain.receipt import CreditNote, Receipt
from tebura_gateway.domain.settlement import Call


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """It was done; `reference` is the provider's name for it. A hold may end by itself."""

    reference: str
    expires_ns: int | None = None


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """It was not done and will not be, under this key.

    `is_expired` tells that a hold had ended before it was captured.
    """

    reason: str
    is_expired: bool = False


Answer = Approved | Declined


class NoAnswer(Exception):
    """Nobody knows whether it was done: a time-out, a broken line, an error of the provider."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a shop must know of a provider to use it.

    `holds` says whether it can reserve money before it takes it; one that cannot is only asked to
    capture. `key_lifetime_s` is how long it remembers keys; None: for good. Where it `enrols`,
    members must say there what they pay with, before they can.
    """

    name: str
    holds: bool = True
    key_lifetime_s: float | None = None
    enrols: bool = False


class About(StrEnum):
    """What a provider call belongs to, and so who takes its answer."""

    SETTLEMENT = "settlement"
    HOLD = "hold"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """Something to ask the payment provider after the commit.

    `subject` is the name of what it is about: a visit, a hold, a refund. `reference` is the
    provider's name of what it acts on: a capture's hold, a refund's capture. With `asks` the
    question is what became of the key, which was first sent at `since_ns`.
    """

    provider: str
    about: About
    subject: str
    call: Call
    key: str
    account: str
    amount: Money
    reference: str
    since_ns: int
    asks: bool


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A capture or refund in the provider's own list; `key` is "" where it is none of ours."""

    call: Call
    key: str
    reference: str
    amount_minor: int
    currency: str
    at_ns: int


class PaymentProvider(Protocol):
    """Moves a shopper's money. Every method may raise `NoAnswer`."""

    @property
    def terms(self) -> Terms: ...

    def authorize(self, key: str, account: MemberId, amount: Money) -> Answer:
        """Reserve an amount."""
        ...

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        """Take an amount, out of what `authorization` reserved where there is one.

        What of the reservation is not taken is released.
        """
        ...

    def void(self, key: str, authorization: str) -> Answer:
        """Release what was reserved."""
        ...

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        """Give back part or all of what was captured."""
        ...

    def find(self, call: ProviderCall) -> Answer | None:
        """What became of a call's key; None: it never arrived."""
        ...

    def movements(self, from_ns: int, to_ns: int) -> list[Movement]:
        """What was captured and refunded in a span of time, oldest first."""
        ...


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper may say at `address` what they pay with; `session` is the provider's name of it."""

    session: str
    address: str


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider calls a member, and what they pay with."""

    customer: str
    method: str


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A provider says that something happened: under a key of ours, or in an enrolment's session.

    `id` is its name for this message.
    """

    id: str
    key: str = ""
    session: str = ""


class Forged(ValueError):
    """A message that is not from the provider, or an old one sent again; the text says which."""


class OutsideProvider(PaymentProvider, Protocol):
    """A provider that members have accounts at, and that says things by itself."""

    @property
    def enrols(self) -> bool:
        """Whether a member must say there what they pay with, before they can."""
        ...

    def begin(self, member: MemberId, return_address: str) -> Begun:
        """Open a session in which a member says what they pay with."""
        ...

    def finished(self, session: str) -> Enrolled | None:
        """What a session led to; None: nothing yet."""
        ...

    def hint(self, headers: Mapping[str, str], target: str, body: bytes, now_s: int) -> Hint:
        """Read a message that somebody posted to us; `headers` are lower-case.

        Raises:
            Forged: If its signature does not fit or it is older than five minutes.
        """
        ...


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A member as the shop knows them."""

    member: MemberId
    name: str
    locale: str
    is_blocked: bool


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase in the shop: its receipt, and what was given back of it since, in order.

    `locale` is the language its buyer reads.
    """

    receipt: Receipt
    notes: tuple[CreditNote, ...] = ()
    locale: str = "ja"


class NotTaken(Exception):
    """The online shop has answered, and does not do it; the text says why."""


class OrderGone(NotTaken):
    """An order that was opened and not entered yet is not there any more."""


class OnlineShop(Protocol):
    """Where members also see what they bought in the store: an online shop's list of orders.

    An order is opened, its name is stored, and only then is it entered, so that whatever is
    repeated after a crash the shopper sees it once. Every method may raise `NoAnswer` and
    `NotTaken`. (The built-in account needs none of this: it reads the receipts themselves.)
    """

    def shopper(self, subject: str, email: str) -> str | None:
        """The shop's name for whoever it knows by that name, else by that address; None: nobody."""
        ...

    def open(self, shopper: str, sold: Sold) -> str:
        """An order for this purchase that the shopper does not see yet; again, the same one."""
        ...

    def enter(self, order: str, sold: Sold) -> None:
        """Make the order what was sold, paid and given back, and show it; again, no change."""
        ...
