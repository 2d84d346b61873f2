"""Double entry: every posting's entries sum to zero, and none is ever changed.

Debits are positive, credits negative, in minor units of one currency.
"""

from collections.abc import Sequence

import msgspec
from tebura_contract.ids import VisitId

from tebura_gateway.domain.pricing import TaxTotal


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line in the books."""

    account: str
    amount_minor: int


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that belong together; `id` makes booking it twice impossible."""

    id: str
    visit: VisitId
    currency: str
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        total = sum(entry.amount_minor for entry in self.entries)
        if total:
            raise Unbalanced(f"posting {self.id}: debits and credits differ by {total}")


class Unbalanced(AssertionError):
    """Books that do not balance: the process must stop."""


def sale(
    visit: VisitId, provider: str, taxes: Sequence[TaxTotal], total_minor: int, currency: str
) -> Posting:
    """What a settled visit books: the provider owes us what was sold and its tax."""
    entries = [Entry(account=f"receivable:{provider}", amount_minor=total_minor)]
    for tax in taxes:
        entries.append(
            Entry(account=f"sales:{tax.percent}", amount_minor=tax.tax_minor - tax.total_minor)
        )
        entries.append(Entry(account=f"tax:{tax.percent}", amount_minor=-tax.tax_minor))
    return Posting(id=f"sale:{visit}", visit=visit, currency=currency, entries=tuple(entries))


def refund(
    name: str,
    visit: VisitId,
    provider: str,
    taxes: Sequence[TaxTotal],
    total_minor: int,
    currency: str,
) -> Posting:
    """What a paid refund books: the mirror of a sale."""
    mirrored = sale(visit, provider, taxes, total_minor, currency)
    entries = tuple(
        Entry(account=entry.account, amount_minor=-entry.amount_minor) for entry in mirrored.entries
    )
    return Posting(id=f"refund:{name}", visit=visit, currency=currency, entries=entries)
