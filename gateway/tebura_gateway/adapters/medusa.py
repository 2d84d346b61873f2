"""Members' orders at a Medusa shop (2.10 or later), through its Admin API with a secret key.

A purchase becomes a draft order, which nobody there sees; it is paid and given back of as here,
then converted, which shows it, and completed, for the goods are handed over. Medusa has no keys
against repetition, so each step looks first what is there: the draft by the visit in its metadata,
the payment by its collection, what was given back by the credit note's number in its note.
"""

import base64
import datetime as dt
import http.client
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from itertools import groupby
from typing import Any, TypeVar

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.money import MINOR_DIGITS

from tebura_gateway.domain.pricing import BillLine
from tebura_gateway.domain.receipt import CreditNote, Receipt
from tebura_gateway.service.ports import NoAnswer, NotTaken, OrderGone, Sold

T = TypeVar("T")

TIMEOUT_S = 20.0
MOST_BYTES = 8 * 1024 * 1024
MOST_ORDERS = 100
"""Orders of one shopper that are looked through for a visit's: those since the day before it."""
_LOOK_BACK_NS = 24 * 3600 * SECOND_NS
_ORDER_FIELDS = (
    "id,status,is_draft_order,currency_code,total,credit_line_total,payment_collections.id,"
    "payment_collections.status,payment_collections.amount,payment_collections.payments.id,"
    "payment_collections.payments.captured_at,payment_collections.payments.refunds.note"
)
_OVER = ("completed", "archived")


class _Refund(msgspec.Struct):
    note: str | None = None


class _Payment(msgspec.Struct):
    id: str
    captured_at: str | None = None
    refunds: list[_Refund] = []


class _Collection(msgspec.Struct):
    id: str
    status: str
    amount: Decimal
    payments: list[_Payment] = []


class _Order(msgspec.Struct):
    id: str
    status: str
    is_draft_order: bool
    currency_code: str
    total: Decimal
    credit_line_total: Decimal = Decimal(0)
    payment_collections: list[_Collection] = []


class _Label(msgspec.Struct):
    """What tells a purchase's order; visits of two stores may have one name."""

    tebura_store: str = ""
    tebura_visit: str = ""


class _Labelled(msgspec.Struct):
    id: str
    metadata: _Label | None = None


class _Named(msgspec.Struct):
    id: str


class _Answer(msgspec.Struct):
    """What any of the routes used here answers; each has its own part.

    An order is there in full only where it was asked for in full.
    """

    order: msgspec.Raw = msgspec.Raw()
    draft_order: _Named | None = None
    orders: list[_Labelled] = []
    draft_orders: list[_Labelled] = []
    customer: _Named | None = None
    customers: list[_Named] = []
    payment_collection: _Collection | None = None
    message: str = ""


class _Missing(NotTaken):
    """There is nothing by a name that was used."""


@dataclass(frozen=True, slots=True)
class Medusa:
    """`region` and `channel` are Medusa's ids; the region adds no taxes: receipts have theirs."""

    address: str
    key: str
    region: str
    channel: str
    timeout_s: float = TIMEOUT_S

    def shopper(self, subject: str, email: str) -> str | None:
        """A customer's id: the subject is one; an address must be a registered customer's."""
        if subject:
            try:
                return _there(self._get(f"customers/{_quoted(subject)}", fields="id").customer).id
            except _Missing:
                return None
        for address in dict.fromkeys((email, email.lower())):
            found = self._get("customers", email=address, has_account="true", fields="id").customers
            if found:
                return found[0].id
        return None

    def open(self, shopper: str, sold: Sold) -> str:
        """A draft order for this purchase, or the one made before."""
        receipt = sold.receipt
        since = dt.datetime.fromtimestamp((receipt.issued_ns - _LOOK_BACK_NS) // SECOND_NS, dt.UTC)
        asked = {
            "customer_id": shopper,
            "created_at[$gte]": since.isoformat(),
            "fields": "id,metadata",
            "order": "-created_at",
            "limit": str(MOST_ORDERS),
        }
        drafts, orders = self._get("draft-orders", **asked), self._get("orders", **asked)
        for one in (*orders.orders, *drafts.draft_orders):
            if one.metadata == _Label(receipt.store, receipt.visit):
                return one.id
        made = self._post("draft-orders", self._draft(shopper, sold))
        return _there(made.draft_order).id

    def enter(self, order: str, sold: Sold) -> None:
        """Pay, give back, show and complete an order, as far as that was not done before."""
        now = self._order(order)
        if now.status == "canceled":
            raise NotTaken(f"order {order} was cancelled in the online shop")
        _check_total(now, sold.receipt)
        if sold.receipt.total_minor:
            payment = self._paid(now, sold.receipt)
            told = {refund.note for refund in payment.refunds}
            for note in sold.notes:
                if note.total_minor and _name(note) not in told:
                    body = {"amount": _major(note.total_minor, note.currency), "note": _name(note)}
                    self._post(f"payments/{payment.id}/refund", body)
        if now.is_draft_order:
            self._post(f"draft-orders/{_quoted(order)}/convert-to-order", {})
        if now.status not in _OVER:
            self._post(f"orders/{_quoted(order)}/complete", {})

    def _draft(self, shopper: str, sold: Sold) -> dict[str, Any]:
        receipt = sold.receipt
        return {
            "region_id": self.region,
            "sales_channel_id": self.channel,
            "customer_id": shopper,
            "no_notification_order": True,
            "metadata": {
                "tebura_store": receipt.store,
                "tebura_visit": receipt.visit,
                "tebura_receipt": receipt.number,
                "tebura_registration": receipt.issuer.registration,
                "tebura_taxes": [
                    {
                        "percent": str(tax.percent),
                        "total": _major(tax.total_minor, receipt.currency),
                        "tax": _major(tax.tax_minor, receipt.currency),
                    }
                    for tax in receipt.taxes
                ],
            },
            "items": list(_items(sold)),
        }

    def _order(self, order: str) -> _Order:
        try:
            found = self._get(f"orders/{_quoted(order)}", fields=_ORDER_FIELDS).order
        except _Missing as error:
            raise OrderGone(str(error)) from error
        return _decoded(found, _Order)

    def _paid(self, order: _Order, receipt: Receipt) -> _Payment:
        """The order's payment, recorded as received: the money came in at the store."""
        collections = order.payment_collections
        found = next((one for one in collections if one.payments), None)
        if found is None:
            due = _decimal(receipt.total_minor, receipt.currency)
            found = next(
                (one for one in collections if one.status == "not_paid" and one.amount == due), None
            )
            if found is None:
                body = {
                    "order_id": order.id,
                    "amount": _major(receipt.total_minor, receipt.currency),
                }
                found = _there(self._post("payment-collections", body).payment_collection)
            paid = self._post(
                f"payment-collections/{found.id}/mark-as-paid", {"order_id": order.id}
            )
            found = _there(paid.payment_collection)
        payment = found.payments[0]
        if payment.captured_at is None:
            self._post(f"payments/{payment.id}/capture", {})
        return payment

    def _get(self, path: str, **query: str) -> _Answer:
        return self._ask("GET", f"{path}?{urllib.parse.urlencode(query)}")

    def _post(self, path: str, body: dict[str, Any]) -> _Answer:
        return self._ask("POST", path, msgspec.json.encode(body))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> _Answer:
        place = urllib.parse.urlsplit(self.address)
        kind = (
            http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        )
        connection = kind(place.hostname or "", place.port, timeout=self.timeout_s)
        headers = {
            "Authorization": "Basic " + base64.b64encode(f"{self.key}:".encode()).decode(),
            "Content-Type": "application/json",
        }
        try:
            connection.request(method, f"{place.path.rstrip('/')}/admin/{path}", body, headers)
            answer = connection.getresponse()
            return _understood(answer.status, answer.read(MOST_BYTES))
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(type(error).__name__) from error
        finally:
            connection.close()


def _understood(status: int, body: bytes) -> _Answer:
    """An answer's content; what it refuses, and what says nothing of that, as exceptions."""
    said = _decoded(body, _Answer)
    if status == HTTPStatus.NOT_FOUND:
        raise _Missing(said.message or "not found")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NoAnswer(f"status {status}: {said.message}")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotTaken(f"status {status}: {said.message}")
    return said


def _decoded(body: bytes | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoAnswer(f"not understood: {error}") from error


def _items(sold: Sold) -> Iterator[dict[str, Any]]:
    """Pieces of one article and one price, discounts off; tax by itself where it comes on top."""
    receipt = sold.receipt
    for line in receipt.lines:
        for price_minor, pieces in groupby(_piece_prices(line)):
            yield {
                "title": line.name_en if sold.locale == "en" and line.name_en else line.name,
                "variant_sku": line.sku,
                "quantity": len(list(pieces)),
                "unit_price": _major(price_minor, receipt.currency),
            }
    if not receipt.is_tax_included:
        for tax in receipt.taxes:
            yield {
                "title": f"Tax {tax.percent} %" if sold.locale == "en" else f"税 {tax.percent}%",
                "quantity": 1,
                "unit_price": _major(tax.tax_minor, receipt.currency),
            }


def _piece_prices(line: BillLine) -> list[int]:
    """What each piece cost, the cheapest first."""
    off = [sum(one.amount_minor for one in piece) for piece in line.off]
    off += [0] * (line.quantity - len(off))
    return sorted(line.unit_price_minor - one for one in off)


def _check_total(order: _Order, receipt: Receipt) -> None:
    """Nobody is shown an order that says another amount than their receipt."""
    total = order.total + order.credit_line_total
    due = _decimal(receipt.total_minor, receipt.currency)
    if total != due or order.currency_code.upper() != receipt.currency:
        raise NotTaken(
            f"order {order.id} comes to {total} {order.currency_code}, its receipt to {due} "
            f"{receipt.currency}: the online shop's region must have the store's currency and "
            "add no taxes"
        )


def _name(note: CreditNote) -> str:
    return f"credit note {note.number}"


def _decimal(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-MINOR_DIGITS.get(currency, 2))


def _major(minor: int, currency: str) -> msgspec.Raw:
    """An amount as Medusa has it, in whole units: a JSON number, digit by digit."""
    return msgspec.Raw(f"{_decimal(minor, currency):f}".encode())


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _there(part: T | None) -> T:
    """The part of an answer that its route always has."""
    if part is None:
        raise NoAnswer("an answer without what was asked for")
    return part
