"""What the services need from outside: who pays, and who somebody is.

A provider is asked with a key the caller stored beforehand. The same key again must not do a thing
twice: it answers as it did the first time.
"""

from dataclasses import dataclass
from typing import Protocol

import msgspec
from tebura_contract.ids import MemberId
from tebura_contract.money import Money

from tebura_gateway.domain.settlement import Call


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """It was done; `reference` is the provider's name for it."""

    reference: str


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """It was not done and will not be, under this key."""

    reason: str


Answer = Approved | Declined


class NoAnswer(Exception):
    """Nobody knows whether it was done: a time-out, a broken line, an error of the provider."""


class PaymentProvider(Protocol):
    """Moves a shopper's money. Every method may raise `NoAnswer`.

    `holds` says whether it can reserve money before it takes it; one that cannot is only asked to
    capture. `key_lifetime_s` is how long it remembers keys; None: for good.
    """

    @property
    def name(self) -> str: ...

    @property
    def holds(self) -> bool: ...

    @property
    def key_lifetime_s(self) -> float | None: ...

    def authorize(self, key: str, account: MemberId, amount: Money) -> Answer:
        """Reserve an amount."""
        ...

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        """Take an amount, out of what `authorization` reserved where there is one."""
        ...

    def void(self, key: str, authorization: str) -> Answer:
        """Release what was reserved."""
        ...

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        """Give back part or all of what was captured."""
        ...

    def find(self, key: str) -> Answer | None:
        """What became of a key; None: it never arrived."""
        ...


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A member as the shop knows them."""

    member: MemberId
    name: str
    locale: str
    is_blocked: bool


class AccountProvider(Protocol):
    """Where members are kept: the built-in table, or an online shop."""

    def find(self, member: MemberId) -> Account | None: ...


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """Something to ask the payment provider after the commit.

    `call` is None for a refund, then `subject` is the refund's name, else the visit's. With `asks`
    the question is what became of the key.
    """

    subject: str
    call: Call | None
    key: str
    account: str
    amount: Money
    reference: str
    asks: bool
