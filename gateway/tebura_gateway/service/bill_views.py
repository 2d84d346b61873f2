"""Receipts, credit notes and bills as pages and the API show them: documents in, views out."""

from collections.abc import Iterable, Sequence

from tebura_contract.ids import Sku
from tebura_contract.money import Money

from tebura_gateway.domain.pricing import Bill, Discount, TaxTotal
from tebura_gateway.domain.receipt import CreditNote, Receipt
from tebura_gateway.service.views import (
    BillView,
    CreditLineView,
    CreditNoteView,
    DiscountView,
    ProductView,
    ReceiptLine,
    ReceiptView,
    TaxView,
)


def receipt_view(receipt: Receipt, notes: Sequence[CreditNote]) -> ReceiptView:
    """A receipt with what was paid back of it, by its credit notes."""
    refunded: dict[Sku, int] = {}
    for note in notes:
        for line in note.lines:
            refunded[line.sku] = refunded.get(line.sku, 0) + line.quantity
    return ReceiptView(
        number=receipt.number,
        visit=receipt.visit,
        member=receipt.member,
        store_name=receipt.store_name,
        issuer=receipt.issuer.name,
        registration=receipt.issuer.registration,
        issued_ns=receipt.issued_ns,
        entered_ns=receipt.entered_ns,
        exited_ns=receipt.exited_ns,
        lines=tuple(
            ReceiptLine(
                product=ProductView(sku=line.sku, name=line.name, name_en=line.name_en),
                quantity=line.quantity,
                unit=Money(line.unit_price_minor, receipt.currency),
                amount=Money(line.amount_minor, receipt.currency),
                is_reduced=bool(line.mark),
                refunded=refunded.get(line.sku, 0),
            )
            for line in receipt.lines
        ),
        taxes=tax_views(receipt.taxes, receipt.currency),
        total=Money(receipt.total_minor, receipt.currency),
        refunded=Money(sum(note.total_minor for note in notes), receipt.currency),
        paid_by=receipt.paid_with,
        discounts=discount_views(receipt.discounts, receipt.currency),
        is_tax_included=receipt.is_tax_included,
        eats_in=receipt.eats_in,
        credit_notes=tuple(_credit_note(note) for note in sorted(notes, key=_number)),
    )


def _number(note: CreditNote) -> int:
    assert note.number is not None, "a note without a number was not paid yet"
    return note.number


def _credit_note(note: CreditNote) -> CreditNoteView:
    return CreditNoteView(
        number=_number(note),
        issued_ns=note.issued_ns or 0,
        reason=note.reason,
        lines=tuple(
            CreditLineView(
                product=ProductView(sku=line.sku, name=line.name, name_en=line.name_en),
                quantity=line.quantity,
                amount=Money(line.amount_minor, note.currency),
            )
            for line in note.lines
        ),
        taxes=tax_views(note.taxes, note.currency),
        total=Money(note.total_minor, note.currency),
    )


def bill_view(bill: Bill) -> BillView:
    """A bill as the exit screen shows it before it is confirmed."""
    return BillView(
        total=bill.total,
        taxes=tax_views(bill.taxes, bill.currency),
        discounts=discount_views(bill.discounts, bill.currency),
    )


def tax_views(taxes: Iterable[TaxTotal], currency: str) -> tuple[TaxView, ...]:
    return tuple(
        TaxView(
            rate_percent=tax.percent,
            is_reduced=bool(tax.mark),
            gross=Money(tax.total_minor, currency),
            tax=Money(tax.tax_minor, currency),
        )
        for tax in taxes
    )


def discount_views(discounts: Iterable[Discount], currency: str) -> tuple[DiscountView, ...]:
    return tuple(
        DiscountView(
            name=one.name,
            name_en=one.name_en,
            kind=one.kind,
            pieces=one.pieces,
            amount=Money(one.amount_minor, currency),
        )
        for one in discounts
    )
