"""Receipts and credit notes: in Japan, qualified simplified invoices of its invoice system.

The fields that law asks for: issuer and registration number, date, what was sold with the mark of
the reduced rate, totals and tax per rate. Numbers run without a gap.
"""

from decimal import Decimal

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.ids import MemberId, Sku, StoreId, VisitId

from tebura_gateway.domain.pricing import Bill, BillLine, Discount, TaxTotal


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells; `registration` is T and 13 digits where the country is Japan."""

    name: str
    registration: str
    address: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a shopper gets for a settled visit. Money in minor units; the total includes tax."""

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
    discounts: tuple[Discount, ...] = ()
    is_tax_included: bool = True
    eats_in: bool = False

    @property
    def bill(self) -> Bill:
        """What was sold."""
        return Bill(
            lines=self.lines,
            taxes=self.taxes,
            total_minor=self.total_minor,
            currency=self.currency,
            discounts=self.discounts,
            is_tax_included=self.is_tax_included,
            eats_in=self.eats_in,
        )


class CreditLine(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces taken off a receipt; `amount_minor` is what was paid for them, discounts off."""

    sku: Sku
    name: str
    name_en: str
    quantity: int
    amount_minor: int
    percent: Decimal
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
    kept = {line.sku: line for line in after.lines}
    lines = []
    for line in before.lines:
        rest = kept.get(line.sku)
        quantity = line.quantity - (rest.quantity if rest is not None else 0)
        if quantity:
            lines.append(
                CreditLine(
                    sku=line.sku,
                    name=line.name,
                    name_en=line.name_en,
                    quantity=quantity,
                    amount_minor=line.net_minor - (rest.net_minor if rest is not None else 0),
                    percent=line.percent,
                    mark=line.mark,
                )
            )
    left = {(tax.percent, tax.mark): tax for tax in after.taxes}
    taxes = []
    for tax in before.taxes:
        same = left.get((tax.percent, tax.mark))
        total_minor = tax.total_minor - (same.total_minor if same is not None else 0)
        tax_minor = tax.tax_minor - (same.tax_minor if same is not None else 0)
        if total_minor:
            taxes.append(msgspec.structs.replace(tax, total_minor=total_minor, tax_minor=tax_minor))
    return CreditNote(
        number=None,
        receipt=receipt.number,
        visit=receipt.visit,
        reason=reason,
        lines=tuple(lines),
        taxes=tuple(taxes),
        total_minor=before.total_minor - after.total_minor,
        currency=receipt.currency,
    )
