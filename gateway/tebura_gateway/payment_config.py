"""The `[[payment]]` tables of `gateway.toml`: providers of money besides the built-in tab."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from tebura_contract.settings import beside

from tebura_gateway.service.ports import Terms
from tebura_gateway.service.shop import HOUSE

STRIPE_KEY_LIFETIME_H = 23.0
"""Stripe forgets a key after 24 hours at the earliest."""


class PaymentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider. A `bridge` is a service of the shop's own at `address`.

    `secret_file` holds the bridge's key in hex, or Stripe's secret key; `hint_secret_file` what
    Stripe signs its events with. With `enrols` members say at the bridge what they pay with before
    they can; at Stripe they always do. One that no other table names takes no new payments, but
    still gives back what it took.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    kind: Literal["bridge", "stripe"]
    address: str = ""
    secret_file: str
    hint_secret_file: str = ""
    holds: bool = True
    enrols: bool = False
    key_lifetime_h: Annotated[float, msgspec.Meta(gt=0)] | None = None

    @property
    def terms(self) -> Terms:
        hours = self.key_lifetime_h
        if self.kind == "stripe" and hours is None:
            hours = STRIPE_KEY_LIFETIME_H
        lifetime_s = None if hours is None else hours * 3600.0
        return Terms(self.name, self.holds, lifetime_s, self.enrols or self.kind == "stripe")


@dataclass(frozen=True, slots=True)
class Payment:
    """One provider, with its secret."""

    settings: PaymentSettings
    secret: str
    hint_secret: str = ""


def read_payments(
    path: Path,
    payments: tuple[PaymentSettings, ...],
    used: tuple[tuple[str, str], ...],
    problems: list[str],
) -> tuple[Payment, ...]:
    """Read the secrets and check the names.

    Args:
        path: The configuration file.
        payments: Its tables.
        used: Where a provider is named, and its name; an empty one stands for none.
        problems: What is wrong is added here.
    """
    names = [HOUSE.name, *(one.name for one in payments)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"payment: {name!r} is there twice")
    for place, name in used:
        if name and name not in names:
            problems.append(f"{place}: no [[payment]] is named {name!r}")
    found = []
    for one in payments:
        place = f"payment {one.name!r}"
        if one.kind == "bridge" and not one.address.startswith(("http://", "https://")):
            problems.append(f"{place}: address {one.address!r} is none; a bridge needs http(s)://")
        file = beside(path, one.secret_file)
        try:
            secret = file.read_text(encoding="ascii").strip()
            if one.kind == "bridge" and len(bytes.fromhex(secret)) < 32:
                problems.append(f"{place}: {file} must hold at least 32 bytes in hex")
            hint_secret = ""
            if one.hint_secret_file:
                file = beside(path, one.hint_secret_file)
                hint_secret = file.read_text(encoding="ascii").strip()
            found.append(Payment(one, secret, hint_secret))
        except OSError as error:
            problems.append(f"{place}: {file} cannot be read: {error.strerror}")
        except ValueError:
            problems.append(f"{place}: {file} must hold at least 32 bytes in hex")
    return tuple(found)
