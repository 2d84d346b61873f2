"""What stays the same while the gateway runs: the store, its rules, its keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import NodeId, Sku, StoreId
from tebura_contract.layout import Layout, Product

from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.domain.tax import TaxRules, rules_for
from tebura_gateway.domain.tolerances import JudgementSettings

WORD_WAIT_NS = 60 * SECOND_NS
"""After an exit, how long a visit waits for the nodes' word before a person must look."""
SILENT_NS = 15 * SECOND_NS
"""A node without a word this long counts as blind (I9)."""
FUTURE_NS = 60 * SECOND_NS
"""An event that much ahead of the gateway's clock is flagged: no node's clock may be so far off."""
PAST_NS = 24 * 3600 * SECOND_NS
"""An event that much behind is flagged; what is younger is only late, and judged as ever."""


@dataclass(frozen=True)
class Shop:
    """One store and how the gateway serves it. `node_keys` sign events, by node."""

    layout: Layout
    issuer: Issuer
    node_keys: Mapping[NodeId, bytes]
    provider: str = "house"
    provider_holds: bool = True
    key_lifetime_s: float | None = None
    house_limit_minor: int = 30_000
    judgement: JudgementSettings = field(default_factory=JudgementSettings)

    @property
    def store(self) -> StoreId:
        return self.layout.store.id

    @property
    def currency(self) -> str:
        return self.layout.store.currency

    @cached_property
    def products(self) -> dict[Sku, Product]:
        return self.layout.products()

    @cached_property
    def nodes(self) -> frozenset[NodeId]:
        return self.layout.nodes()

    @cached_property
    def tax_rules(self) -> TaxRules:
        return rules_for(self.layout.store.country)
