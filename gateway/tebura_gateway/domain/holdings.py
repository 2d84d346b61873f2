"""What each visit holds, as far as its steps are decided, and may hold besides."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tebura_contract.ids import Sku, VisitId

UNHELD: Final = 0.02
"""Share of put-backs of what the shopper was not known to hold: so many picks go unseen or to
somebody else. It is shared by all products of the store, so any one of them is far less likely."""

UNSEEN: Final = 0.002
"""The same of what nobody else in the store may have: then no plate saw it being taken. At 0.02 who
holds batteries alone, and leaves them among buns of their weight, is asked what came back."""


@dataclass(slots=True)
class Holdings:
    """Counts by visit and product; `products` is how many the store has."""

    products: int
    _held: dict[VisitId, dict[Sku, int]] = field(default_factory=dict)
    _perhaps: dict[VisitId, dict[Sku | None, float]] = field(default_factory=dict)

    def copy(self) -> "Holdings":
        held = {visit: counts.copy() for visit, counts in self._held.items()}
        perhaps = {visit: shares.copy() for visit, shares in self._perhaps.items()}
        return Holdings(self.products, held, perhaps)

    def take(self, visit: VisitId, sku: Sku, quantity: int) -> None:
        """They took so many; negative for what was put back."""
        held = self._held.setdefault(visit, {})
        held[sku] = held.get(sku, 0) + quantity

    def may_take(self, visit: VisitId, sku: Sku | None, probability: float) -> None:
        """They took it with this probability, which is not decided yet; negative takes it back.

        None stands for what nobody knows: any product.
        """
        perhaps = self._perhaps.setdefault(visit, {})
        perhaps[sku] = perhaps.get(sku, 0.0) + probability

    def holds(self, visit: VisitId | None, sku: Sku, quantity: int) -> bool:
        """Whether so many of a product are known to be in their hands."""
        return visit is not None and self._held.get(visit, {}).get(sku, 0) >= quantity

    def share(self, visit: VisitId | None, sku: Sku, quantity: int) -> float:
        """How likely so many of a product are in their hands, as far as their steps tell."""
        if visit is None:
            return 0.0
        if self.holds(visit, sku, quantity):
            return 1.0
        return min(max(self._perhaps.get(visit, {}).get(sku, 0.0), 0.0), 1.0)

    def odds(
        self, visit: VisitId | None, sku: Sku, quantity: int, others: Iterable[VisitId] = ()
    ) -> float:
        """How likely they put this back, against any product of the store alike.

        Args:
            visit: Who; None where nobody knows.
            sku: What.
            quantity: How many of it.
            others: Who else is in the store and may have handed it over, or taken it unseen.
        """
        if visit is None:
            return UNHELD
        held: dict[Sku | None, float] = {
            other: 1.0 for other, count in self._held.get(visit, {}).items() if count > 0
        }
        perhaps = {
            other: min(max(share, 0.0), 1.0)
            for other, share in self._perhaps.get(visit, {}).items()
        }
        kinds = max(sum({**perhaps, **held}.values()), 1.0)
        mine = self.share(visit, sku, quantity) + perhaps.get(None, 0.0) / self.products
        theirs = sum(self.share(other, sku, 1) for other in others if other != visit)
        unheld = max(UNSEEN, UNHELD * min(theirs, 1.0))
        return unheld + (1.0 - UNHELD) * self.products * mine / kinds
