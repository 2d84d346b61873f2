"""What facts that came after pricing mean: a credit is given back, a debit is only asked about."""

from collections.abc import Mapping
from dataclasses import dataclass

from tebura_contract.ids import Sku


@dataclass(frozen=True, slots=True)
class Difference:
    """What the shopper paid too much (`credit`) and too little (`debit`), by article."""

    credit: dict[Sku, int]
    debit: dict[Sku, int]


def difference(
    billed: Mapping[Sku, int], refunded: Mapping[Sku, int], judged: Mapping[Sku, int]
) -> Difference:
    """Compare what was billed and given back with what the facts say now.

    What was given back for another reason is not given back again.
    """
    credit, debit = {}, {}
    for sku in sorted({*billed, *judged}):
        paid = billed.get(sku, 0)
        kept = paid - refunded.get(sku, 0)
        true = max(judged.get(sku, 0), 0)
        if kept > true:
            credit[sku] = kept - true
        elif true > paid:
            debit[sku] = true - paid
    return Difference(credit, debit)
