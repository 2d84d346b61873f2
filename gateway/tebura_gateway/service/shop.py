"""What stays the same while the gateway runs: the store, its rules, its keys."""

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import NodeId, Sku, StoreId
from tebura_contract.layout import Layout, Product

from tebura_gateway.domain.countries import rules_for
from tebura_gateway.domain.promotions import Promotion
from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.domain.tax import TaxRules
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.service.ports import Terms

WORD_WAIT_NS = 60 * SECOND_NS
"""After an exit, how long a visit waits for the nodes' word before a person must look."""
MOST_ASKED = 50
"""Calls to a provider that one look of the timers makes again; the next look goes on."""
HOUSE = Terms("house")
"""The built-in tab."""
SILENT_NS = 15 * SECOND_NS
"""A node without a word this long counts as blind (I9)."""
FUTURE_NS = 60 * SECOND_NS
"""An event that much ahead of the gateway's clock is flagged: no node's clock may be so far off."""
PAST_NS = 24 * 3600 * SECOND_NS
"""An event that much behind is flagged; what is younger is only late, and judged as ever."""


@dataclass(frozen=True, slots=True)
class WalkUp:
    """Shoppers without an account: a list at the exit screen, paid there.

    Above `correction_limit_minor` staff look before a corrected list is charged.
    """

    correction_limit_minor: int


@dataclass(frozen=True, slots=True)
class AfterSale:
    """Who decides about money that goes back.

    A disputed line up to `auto_refund_minor` is paid back at once, so many times a month and
    member; a refund above `two_people_minor` needs a second person (None: never).
    """

    auto_refund_minor: int = 0
    auto_refunds_a_month: int = 3
    two_people_minor: int | None = None


@dataclass(frozen=True)
class Shop:
    """One store and how the gateway serves it. `node_keys` sign events, by node."""

    layout: Layout
    issuer: Issuer
    node_keys: Mapping[NodeId, bytes]
    payment: Terms = HOUSE
    # Who takes the money of those without an account; None: nobody does.
    walk_up_payment: Terms | None = None
    house_limit_minor: int = 30_000
    # Who took money before, and still gives it back.
    former_payments: tuple[Terms, ...] = ()
    # Held when somebody enters; 0: nothing is.
    hold_minor: int = 0
    # Whether a member who owes for a visit may enter again.
    blocks_unpaid: bool = False
    # Whether a member may enter who has not said what they pay with, where they have to.
    admits_without_means: bool = False
    judgement: JudgementSettings = field(default_factory=JudgementSettings)
    # The shop's own rules of tax; None: those of its country.
    tax: TaxRules | None = None
    promotions: tuple[Promotion, ...] = ()
    after_sale: AfterSale = AfterSale()
    # Whether members' purchases are told to an online shop.
    has_online_shop: bool = False
    # None: nobody comes in without an account.
    walk_up: WalkUp | None = None

    @property
    def store(self) -> StoreId:
        return self.layout.store.id

    def terms(self, provider: str) -> Terms:
        """The terms of a provider that a payment was begun with; "" stands for the shop's own.

        Where the configuration does not name it any more nobody can be asked: its keys count as
        forgotten, so that a person looks at its list.
        """
        if not provider:
            return self.payment
        return self.providers.get(provider, Terms(provider, key_lifetime_s=0.0))

    @cached_property
    def providers(self) -> dict[str, Terms]:
        """All that the configuration names."""
        known = [self.payment, *self.former_payments]
        if self.walk_up_payment is not None:
            known.append(self.walk_up_payment)
        return {terms.name: terms for terms in known}

    @property
    def currency(self) -> str:
        return self.layout.store.currency

    @cached_property
    def has_counter(self) -> bool:
        """Whether everybody says what they pay for; else members just walk out."""
        return any(shelf.is_counter for _, shelf in self.layout.shelves().values())

    @cached_property
    def products(self) -> dict[Sku, Product]:
        return self.layout.products()

    @cached_property
    def nodes(self) -> frozenset[NodeId]:
        return self.layout.nodes()

    @cached_property
    def tax_rules(self) -> TaxRules:
        return self.tax if self.tax is not None else rules_for(self.layout.store.country)

    @cached_property
    def zone(self) -> dt.tzinfo:
        """The store's time; UTC where this machine lacks its zone file."""
        try:
            return zoneinfo.ZoneInfo(self.layout.store.timezone)
        except zoneinfo.ZoneInfoNotFoundError:
            return dt.UTC
