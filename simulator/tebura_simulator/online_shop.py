"""An online shop in memory that answers as Medusa 2 does, for the routes that the gateway uses.

Its refusals are the real one's: unknown fields, orders that are converted twice or are no drafts,
payments that are marked twice, refunds beyond what came in.
"""

import base64
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

REGION, CHANNEL = "reg_store", "sc_store"


class _In(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body."""


class _ItemIn(_In):
    title: str
    quantity: int
    unit_price: Decimal
    variant_sku: str = ""


class _DraftIn(_In):
    region_id: str
    sales_channel_id: str
    customer_id: str
    no_notification_order: bool
    metadata: dict[str, Any]
    items: list[_ItemIn]


class _CollectionIn(_In):
    order_id: str
    amount: Decimal


class _PaidIn(_In):
    order_id: str


class _RefundIn(_In):
    amount: Decimal
    note: str


class Refusal(Exception):
    """An answer that is none of the 200s."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class _Asked:
    """A request: the name in its path, if any."""

    name: str
    query: dict[str, str]
    body: bytes


@dataclass
class Customer:
    id: str
    email: str
    has_account: bool


@dataclass
class Payment:
    id: str
    amount: Decimal
    refunds: list[_RefundIn] = field(default_factory=list)

    @property
    def refunded(self) -> Decimal:
        return sum((one.amount for one in self.refunds), Decimal(0))


@dataclass
class Collection:
    id: str
    amount: Decimal
    payment: Payment | None = None


@dataclass
class Order:
    """What is given back becomes a credit line, so that nothing is left to be paid."""

    id: str
    draft: _DraftIn
    currency: str
    status: str = "draft"
    is_draft: bool = True
    collections: list[Collection] = field(default_factory=list)

    @property
    def credit(self) -> Decimal:
        paid = [one.payment for one in self.collections if one.payment is not None]
        return sum((payment.refunded for payment in paid), Decimal(0))

    @property
    def paid(self) -> Decimal:
        return sum((o.payment.amount for o in self.collections if o.payment), Decimal(0))

    @property
    def total(self) -> Decimal:
        sold = sum((one.unit_price * one.quantity for one in self.draft.items), Decimal(0))
        return sold - self.credit


@dataclass
class OnlineShop:
    """`regions` are those it has, with their currencies."""

    key: str = "sk_test"
    regions: dict[str, str] = field(default_factory=lambda: {REGION: "jpy"})
    customers: list[Customer] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=count)

    def register(self, email: str, has_account: bool = True) -> str:
        """A customer's id; without an account they only once ordered as a guest."""
        customer = Customer(self._name("cus"), email, has_account)
        self.customers.append(customer)
        return customer.id

    def seen_by(self, customer: str) -> list[Order]:
        """What a customer finds in their list of orders."""
        return [
            one
            for one in self.orders.values()
            if one.draft.customer_id == customer and not one.is_draft
        ]

    def answer(self, method: str, target: str, body: bytes) -> Any:
        """What a route answers.

        Raises:
            Refusal: With its status.
        """
        place = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(place.query).items()}
        with self.lock:
            self.asked.append(f"{method} {place.path}")
            for wanted, pattern, act in _ROUTES:
                found = re.fullmatch(pattern, place.path)
                if found is not None and wanted == method:
                    name = "".join(unquote(part) for part in found.groups())
                    return act(self, _Asked(name, query, body))
        raise Refusal(404, "no such route")

    def _name(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"

    def get_customer(self, asked: _Asked) -> Any:
        found = [one for one in self.customers if one.id == asked.name]
        if not found:
            raise Refusal(404, f"Customer with id: {asked.name} not found")
        return {"customer": {"id": found[0].id}}

    def get_customers(self, asked: _Asked) -> Any:
        wanted = asked.query.get("has_account") == "true"
        found = [
            o for o in self.customers if o.email == asked.query["email"] and o.has_account >= wanted
        ]
        return {"customers": [{"id": one.id} for one in found]}

    def get_orders(self, asked: _Asked) -> Any:
        is_draft = asked.name == "draft-orders"
        found = [
            {"id": one.id, "metadata": one.draft.metadata}
            for one in reversed(self.orders.values())
            if one.is_draft is is_draft and one.draft.customer_id == asked.query["customer_id"]
        ]
        return {asked.name.replace("-", "_"): found[: int(asked.query["limit"])]}

    def get_order(self, asked: _Asked) -> Any:
        return {"order": _shown(self._order(asked.name))}

    def add_draft(self, asked: _Asked) -> Any:
        draft = _read(asked.body, _DraftIn)
        if draft.region_id not in self.regions:
            raise Refusal(500, "An unknown error occurred.")
        if draft.customer_id not in {one.id for one in self.customers}:
            raise Refusal(404, f"Customer with id: {draft.customer_id} was not found")
        if draft.sales_channel_id != CHANNEL:
            raise Refusal(404, f"SalesChannel with id: {draft.sales_channel_id} was not found")
        order = Order(self._name("order"), draft, self.regions[draft.region_id])
        self.orders[order.id] = order
        return {"draft_order": {"id": order.id}}

    def delete_draft(self, asked: _Asked) -> Any:
        if not self._order(asked.name).is_draft:
            raise Refusal(400, f"Order {asked.name} is not a draft order")
        del self.orders[asked.name]
        return {"id": asked.name, "deleted": True}

    def convert(self, asked: _Asked) -> Any:
        order = self._order(asked.name)
        if not order.is_draft:
            raise Refusal(400, f"Order {order.id} is not a draft order")
        order.is_draft, order.status = False, "pending"
        return {"order": {"id": order.id}}

    def complete(self, asked: _Asked) -> Any:
        order = self._order(asked.name)
        order.status = "completed"
        return {"order": {"id": order.id}}

    def add_collection(self, asked: _Asked) -> Any:
        wanted = _read(asked.body, _CollectionIn)
        collection = Collection(self._name("pay_col"), wanted.amount)
        self._order(wanted.order_id).collections.append(collection)
        return {"payment_collection": _shown_collection(collection)}

    def mark_paid(self, asked: _Asked) -> Any:
        order = self._order(_read(asked.body, _PaidIn).order_id)
        collection = next(one for one in order.collections if one.id == asked.name)
        if collection.payment is not None:
            raise Refusal(400, "Can only mark 'not_paid' payment collection as paid")
        collection.payment = Payment(self._name("pay"), collection.amount)
        return {"payment_collection": _shown_collection(collection)}

    def refund(self, asked: _Asked) -> Any:
        wanted = _read(asked.body, _RefundIn)
        payments = [c.payment for o in self.orders.values() for c in o.collections if c.payment]
        payment = next((one for one in payments if one.id == asked.name), None)
        if payment is None:
            raise Refusal(404, f"Payment id not found: {asked.name}")
        if payment.refunded + wanted.amount > payment.amount:
            raise Refusal(400, "You are not allowed to refund more than the captured amount")
        payment.refunds.append(wanted)
        return {"payment": {"id": payment.id}}

    def _order(self, name: str) -> Order:
        if name not in self.orders:
            raise Refusal(404, f"Order id not found: {name}")
        return self.orders[name]


_Act = Callable[[OnlineShop, _Asked], Any]
_ROUTES: tuple[tuple[str, str, _Act], ...] = (
    ("GET", "/admin/customers", OnlineShop.get_customers),
    ("GET", "/admin/customers/([^/]+)", OnlineShop.get_customer),
    ("GET", "/admin/(orders|draft-orders)", OnlineShop.get_orders),
    ("GET", "/admin/orders/([^/]+)", OnlineShop.get_order),
    ("POST", "/admin/draft-orders", OnlineShop.add_draft),
    ("DELETE", "/admin/draft-orders/([^/]+)", OnlineShop.delete_draft),
    ("POST", "/admin/draft-orders/([^/]+)/convert-to-order", OnlineShop.convert),
    ("POST", "/admin/orders/([^/]+)/complete", OnlineShop.complete),
    ("POST", "/admin/payment-collections", OnlineShop.add_collection),
    ("POST", "/admin/payment-collections/([^/]+)/mark-as-paid", OnlineShop.mark_paid),
    ("POST", "/admin/payments/([^/]+)/refund", OnlineShop.refund),
)


def _read(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"Invalid request: {error}") from error


def _number(amount: Decimal) -> msgspec.Raw:
    return msgspec.Raw(f"{amount:f}".encode())


def _shown(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "status": order.status,
        "is_draft_order": order.is_draft,
        "currency_code": order.currency,
        "total": _number(order.total),
        "credit_line_total": _number(order.credit),
        "payment_collections": [_shown_collection(one) for one in order.collections],
    }


def _shown_collection(collection: Collection) -> dict[str, Any]:
    payments = []
    if collection.payment is not None:
        refunds = [{"note": one.note} for one in collection.payment.refunds]
        payments.append(
            {"id": collection.payment.id, "captured_at": "2026-01-01", "refunds": refunds}
        )
    return {
        "id": collection.id,
        "status": "completed" if payments else "not_paid",
        "amount": _number(collection.amount),
        "payments": payments,
    }


class _Handler(BaseHTTPRequestHandler):
    shop: OnlineShop

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        key = base64.b64encode(f"{self.shop.key}:".encode()).decode()
        try:
            if self.headers.get("Authorization") != f"Basic {key}":
                raise Refusal(401, "Unauthorized")
            status, said = 200, self.shop.answer(self.command, self.path, body)
        except Refusal as refusal:
            status, said = refusal.status, {"message": str(refusal)}
        answer = msgspec.json.encode(said)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@contextmanager
def serving(shop: OnlineShop) -> Iterator[str]:
    """Serve a shop on 127.0.0.1 and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"shop": shop}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="online-shop")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
