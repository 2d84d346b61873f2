"""The payment providers of a configuration, and members' names at those outside."""

import time
from functools import partial

from sqlalchemy import select
from tebura_contract.ids import MemberId

from tebura_gateway.adapters.bridge import Bridge
from tebura_gateway.adapters.database import Database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.adapters.tables import payment_account
from tebura_gateway.config import GatewayConfig
from tebura_gateway.payment_config import Payment
from tebura_gateway.service.ports import Enrolled, OutsideProvider, PaymentProvider


class ProviderMissing(RuntimeError):
    """A provider that needs a package which is not installed."""


def open_providers(config: GatewayConfig, database: Database) -> dict[str, PaymentProvider]:
    """All providers by name, the built-in tab among them; nobody is called.

    Raises:
        ProviderMissing: Naming the extra to install.
    """
    house = HouseAccount(database, config.layout.store.id)
    return {house.terms.name: house, **open_outside(config, database)}


def open_outside(config: GatewayConfig, database: Database) -> dict[str, OutsideProvider]:
    """Those of the `[[payment]]` tables.

    Raises:
        ProviderMissing: Naming the extra to install.
    """
    return {one.settings.name: _open(one, config, database) for one in config.payments}


def _open(payment: Payment, config: GatewayConfig, database: Database) -> OutsideProvider:
    settings, store = payment.settings, config.layout.store.id
    if settings.kind == "bridge":
        return Bridge(
            settings.terms,
            settings.address,
            bytes.fromhex(payment.secret),
            time.time_ns,
            enrols=settings.enrols,
        )
    try:
        from tebura_gateway.adapters.stripe_provider import open_stripe
    except ImportError as error:
        raise ProviderMissing(f"payment {settings.name!r}: install tebura[stripe]") from error

    def account_of(name: str, member: MemberId) -> Enrolled | None:
        table = payment_account
        query = select(table.c.customer, table.c.method).where(
            table.c.store == store, table.c.provider == name, table.c.member == member
        )
        with database.reading.begin() as connection:
            row = connection.execute(query).first()
        return Enrolled(customer=row.customer, method=row.method) if row is not None else None

    return open_stripe(
        settings.terms,
        payment.secret,
        settings.address,
        partial(account_of, settings.name),
        config.layout.store.currency,
        payment.hint_secret,
    )
