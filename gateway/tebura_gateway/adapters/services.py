"""What people and programs may change: each call is one transaction of the writer's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.ids import MemberId, NodeId, Sku, VisitId

from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service import (
    billing,
    checkout,
    members,
    nodes,
    online_shop,
    opinions,
    outgoing,
    refunding,
    reviewing,
    settling,
    stock,
    visits,
)
from tebura_gateway.service.bill_views import bill_view
from tebura_gateway.service.idempotency import Answer, Asked, once
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.opinions import Motive
from tebura_gateway.service.reading import DatabaseViews
from tebura_gateway.service.requests import FacingCount, ListOrder, Ruling, Unavailable
from tebura_gateway.service.transaction import Tx
from tebura_gateway.service.views import BillView, MemberView, WebhookView

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Within:
    """Reads as a transaction sees things that is still open."""

    connection: Connection

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        yield self.connection


@dataclass(frozen=True, slots=True)
class TxServices:
    """The calls, inside a transaction that somebody else ends."""

    tx: Tx
    memory: Memory

    @property
    def views(self) -> DatabaseViews:
        """The store as this transaction has it so far."""
        return DatabaseViews(Within(self.tx.connection), self.tx.layout)

    def rule(self, review: str, ruling: Ruling, undo_ns: int = 0) -> None:
        reviewing.rule(self.tx, self.memory, review, ruling, undo_ns)

    def take_back(self, review: str) -> None:
        reviewing.take_back(self.tx, self.memory, review)

    def count_stock(self, counts: Sequence[FacingCount], by: str) -> None:
        for one in counts:
            stock.count(self.tx, one, by)

    def refund(self, visit: VisitId, sku: Sku | None, quantity: int, reason: str, by: str) -> None:
        refunding.request(self.tx, visit, sku, quantity, reason, by)

    def dispute(self, visit: VisitId, sku: Sku) -> None:
        refunding.dispute(self.tx, visit, sku)

    def accept_gap(self, node: NodeId) -> None:
        nodes.accept_gap(self.tx, self.memory, node)

    def add_member(self, name: str, locale: str, subject: str = "", email: str = "") -> MemberView:
        known = online_shop.member_of(self.tx, subject) if subject else None
        added: MemberId = known or members.add(self.tx, name, locale).member
        if subject or email:
            online_shop.link(self.tx, added, subject, email)
        found = self.views.member(added)
        assert found is not None
        return found

    def redeem(self, nonce: str, expires_ns: int) -> bool:
        return members.redeem_link(self.tx, nonce, expires_ns)

    def add_webhook(self, url: str, kinds: Sequence[str]) -> WebhookView:
        return outgoing.add(self.tx, url, kinds)

    def end_webhook(self, webhook: str) -> WebhookView:
        return outgoing.end(self.tx, webhook)

    def replay(self, webhook: str, message: str | None) -> int:
        return outgoing.replay(self.tx, webhook, message)

    def confirm_list(self, visit: VisitId, order: ListOrder) -> None:
        checkout.confirm(self.tx, self.memory, visit, order)

    def list_bill(self, visit: VisitId, order: ListOrder) -> BillView:
        return bill_view(checkout.bill(self.tx, visit, order))

    def forget_list(self, visit: VisitId) -> None:
        checkout.forget(self.tx, self.memory, visit)

    def retry_payment(self, visit: VisitId) -> None:
        settling.retry_payment(self.tx, visit)

    def pay_again(self, visit: VisitId) -> None:
        settling.pay_again(self.tx, visit)

    def close_visit(self, visit: VisitId, by: str) -> None:
        visits.close(self.tx, self.memory, visit, by)

    def eat_in(self, visit: VisitId, eats_in: bool) -> None:
        visits.eat_in(self.tx, self.memory, visit, eats_in)

    def tell_opinion(
        self, member: MemberId, visit: VisitId, motive: Motive, comes_again: bool | None
    ) -> None:
        opinions.tell(self.tx, member, visit, motive, comes_again)

    def set_role(self, member: MemberId, role: MemberRole) -> None:
        members.set_role(self.tx, member, role)

    def give_coupon(self, member: MemberId, promotion: str) -> None:
        billing.give_coupon(self.tx, member, promotion)


@dataclass(frozen=True, slots=True)
class WriterServices:
    """The calls from any thread, each run by the writer. All may raise `Unavailable`."""

    writer: Writer

    def once(
        self, asked: Asked | None, act: Callable[[TxServices, DatabaseViews], Answer]
    ) -> Answer:
        def work(here: TxServices) -> Answer:
            return once(here.tx, asked, lambda: act(here, here.views))

        return self._do(work)

    def rule(self, review: str, ruling: Ruling, undo_ns: int = 0) -> None:
        self._do(lambda here: here.rule(review, ruling, undo_ns))

    def take_back(self, review: str) -> None:
        self._do(lambda here: here.take_back(review))

    def count_stock(self, counts: Sequence[FacingCount], by: str) -> None:
        self._do(lambda here: here.count_stock(counts, by))

    def refund(self, visit: VisitId, sku: Sku | None, quantity: int, reason: str, by: str) -> None:
        self._do(lambda here: here.refund(visit, sku, quantity, reason, by))

    def dispute(self, visit: VisitId, sku: Sku) -> None:
        self._do(lambda here: here.dispute(visit, sku))

    def accept_gap(self, node: NodeId) -> None:
        self._do(lambda here: here.accept_gap(node))

    def add_member(self, name: str, locale: str, subject: str = "", email: str = "") -> MemberView:
        return self._do(lambda here: here.add_member(name, locale, subject, email))

    def redeem(self, nonce: str, expires_ns: int) -> bool:
        return self._do(lambda here: here.redeem(nonce, expires_ns))

    def add_webhook(self, url: str, kinds: Sequence[str]) -> WebhookView:
        return self._do(lambda here: here.add_webhook(url, kinds))

    def end_webhook(self, webhook: str) -> WebhookView:
        return self._do(lambda here: here.end_webhook(webhook))

    def replay(self, webhook: str, message: str | None) -> int:
        return self._do(lambda here: here.replay(webhook, message))

    def confirm_list(self, visit: VisitId, order: ListOrder) -> None:
        self._do(lambda here: here.confirm_list(visit, order))

    def list_bill(self, visit: VisitId, order: ListOrder) -> BillView:
        return self._do(lambda here: here.list_bill(visit, order))

    def forget_list(self, visit: VisitId) -> None:
        self._do(lambda here: here.forget_list(visit))

    def retry_payment(self, visit: VisitId) -> None:
        self._do(lambda here: here.retry_payment(visit))

    def pay_again(self, visit: VisitId) -> None:
        self._do(lambda here: here.pay_again(visit))

    def close_visit(self, visit: VisitId, by: str) -> None:
        self._do(lambda here: here.close_visit(visit, by))

    def eat_in(self, visit: VisitId, eats_in: bool) -> None:
        self._do(lambda here: here.eat_in(visit, eats_in))

    def tell_opinion(
        self, member: MemberId, visit: VisitId, motive: Motive, comes_again: bool | None
    ) -> None:
        self._do(lambda here: here.tell_opinion(member, visit, motive, comes_again))

    def set_role(self, member: MemberId, role: MemberRole) -> None:
        self._do(lambda here: here.set_role(member, role))

    def give_coupon(self, member: MemberId, promotion: str) -> None:
        self._do(lambda here: here.give_coupon(member, promotion))

    def _do(self, work: Callable[[TxServices], T]) -> T:
        try:
            return self.writer.call(lambda tx, memory: work(TxServices(tx, memory)))
        except (TimeoutError, SQLAlchemyError, OSError) as error:
            raise Unavailable("the database does not take it now") from error
