"""Receipts and credit notes: qualified simplified invoices of the Japanese invoice system.

The fields that law asks for: issuer and registration number, date, what was sold with the mark of
the reduced rate, totals and tax per rate. Numbers run without a gap.
"""

import re
from typing import Annotated

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.ids import MemberId, Sku, StoreId, VisitId

from tebura_gateway.domain.pricing import Bill, BillLine, TaxTotal


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells; `registration` is T and 13 digits where the country is Japan."""

    name: str
    registration: Annotated[str, msgspec.Meta(pattern=r"^T\d{13}$")]
    address: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a shopper gets for a settled visit. Money in minor units, tax included."""

    number: int
    store: StoreId
    store_name: str
    issuer: Issuer
    visit: VisitId
    member: MemberId
    entered_ns: Ns
    exited_ns: Ns
    issued_ns: Ns
    lines: tuple[BillLine, ...]
    taxes: tuple[TaxTotal, ...]
    total_minor: int
    currency: str
    paid_with: str
    payment_reference: str


class CreditLine(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces taken off a receipt."""

    sku: Sku
    name: str
    name_en: str
    quantity: int
    amount_minor: int
    percent: int
    mark: str = ""


class CreditNote(msgspec.Struct, frozen=True, kw_only=True):
    """Money given back on a receipt; `number` counts credit notes, None until it was paid."""

    number: int | None
    receipt: int
    visit: VisitId
    reason: str
    lines: tuple[CreditLine, ...]
    taxes: tuple[TaxTotal, ...]
    total_minor: int
    currency: str
    issued_ns: Ns | None = None


def credit_note(receipt: Receipt, before: Bill, after: Bill, reason: str) -> CreditNote:
    """What turns the bill before into the one after.

    Tax given back is the difference of both bills' taxes, so that receipt and credit notes always
    sum to the tax of what was kept.
    """
    kept = after.quantities()
    lines = tuple(
        CreditLine(
            sku=line.sku,
            name=line.name,
            name_en=line.name_en,
            quantity=line.quantity - kept.get(line.sku, 0),
            amount_minor=line.unit_price_minor * (line.quantity - kept.get(line.sku, 0)),
            percent=line.percent,
            mark=line.mark,
        )
        for line in before.lines
        if line.quantity > kept.get(line.sku, 0)
    )
    left = {(tax.percent, tax.mark): tax for tax in after.taxes}
    taxes = []
    for tax in before.taxes:
        rest = left.get((tax.percent, tax.mark))
        total_minor = tax.total_minor - (rest.total_minor if rest is not None else 0)
        tax_minor = tax.tax_minor - (rest.tax_minor if rest is not None else 0)
        if total_minor:
            taxes.append(msgspec.structs.replace(tax, total_minor=total_minor, tax_minor=tax_minor))
    return CreditNote(
        number=None,
        receipt=receipt.number,
        visit=receipt.visit,
        reason=reason,
        lines=lines,
        taxes=tuple(taxes),
        total_minor=before.total_minor - after.total_minor,
        currency=receipt.currency,
    )


def is_registration(text: str) -> bool:
    """Whether this is a registration number as the tax office writes it."""
    return re.fullmatch(r"T\d{13}", text) is not None
