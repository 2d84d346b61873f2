"""A shop that only exists in memory, to look at pages with: behaves like the gateway's core."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec
import uvicorn
from fastapi import FastAPI
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.entry_code import member_key, new_member_id
from tebura_contract.events import SensorState, Trace
from tebura_contract.ids import MemberId, NodeId, ShelfId, Sku, TrackId, VisitId, plate_id
from tebura_contract.layout import Layout, load_layout
from tebura_contract.messages import Part, Position
from tebura_contract.money import Money
from tebura_gateway.api.runtime import Calls, Faces, WebSettings
from tebura_gateway.domain.decision import Decision
from tebura_gateway.domain.promotions import Coupon
from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.service.api_keys import ApiKey
from tebura_gateway.service.behaviour import Behaviour
from tebura_gateway.service.idempotency import Answer, Asked, KeyReused
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.opinions import Motive
from tebura_gateway.service.paging import Listed, mark_of
from tebura_gateway.service.requests import FacingCount, ListOrder, Refused, Ruling, RulingKind
from tebura_gateway.service.views import (
    OPEN_STAGES,
    AccountView,
    BillView,
    CartLine,
    Checkout,
    CountView,
    CreditLineView,
    CreditNoteView,
    DeliveryView,
    DiscountView,
    DisputeState,
    Evidence,
    FlagView,
    Happening,
    LineState,
    Mark,
    MemberView,
    NodeView,
    ProductView,
    PurchasesView,
    QueueView,
    ReceiptLine,
    ReceiptView,
    ReviewCandidate,
    ReviewHand,
    ReviewPerson,
    ReviewStep,
    ReviewView,
    Spell,
    StockView,
    TaxView,
    Views,
    VisitStage,
    VisitView,
    WebhookView,
)

L = TypeVar("L", bound=Listed)
ROOT = Path(__file__).resolve().parents[2]
LAYOUT = ROOT / "simulator/tebura_simulator/demo/layout.toml"
STORE_KEY = bytes(range(32))
STAFF_TOKEN = "staff-token-for-tests"
EXIT_TOKEN = "exit-token-for-tests"
WELCOME = Coupon(id="welcome", name="初回クーポン", name_en="Welcome coupon", minus_minor=100)
AFTERNOON_NS = 1_795_237_500 * SECOND_NS
"""Saturday, 21 November 2026, 14:05 in Tokyo."""


@dataclass
class Accounts:
    """What the payment provider outside would say: nobody needs an account there, until told."""

    is_needed: bool = False
    since_ns: dict[MemberId, int] = field(default_factory=dict)
    begun: list[tuple[MemberId, str]] = field(default_factory=list)

    def account(self, member: MemberId) -> AccountView | None:
        return AccountView(since_ns=self.since_ns.get(member)) if self.is_needed else None

    def begin(self, member: MemberId, return_address: str) -> str | None:
        if not self.is_needed:
            return None
        self.begun.append((member, return_address))
        return "https://pay.example/session-1"

    def finish(self, member: MemberId) -> bool:
        self.since_ns[member] = AFTERNOON_NS
        return True

    def hint(self, name: str, headers: Mapping[str, str], target: str, body: bytes) -> bool | None:
        return None


@dataclass
class Showcase:
    """Runtime, views, services and changes in one; what happens is said by calling methods."""

    layout: Layout = field(default_factory=lambda: load_layout(LAYOUT))
    web: WebSettings = field(
        default_factory=lambda: WebSettings(
            secret=b"s" * 32,
            staff_token=STAFF_TOKEN,
            public_live=True,
            exit_token=EXIT_TOKEN,
            coupons=(WELCOME,),
        )
    )
    time_ns: int = AFTERNOON_NS
    is_database_up: bool = True
    visits_by_id: dict[VisitId, VisitView] = field(default_factory=dict)
    receipts_by_visit: dict[VisitId, ReceiptView] = field(default_factory=dict)
    members_by_id: dict[MemberId, MemberView] = field(default_factory=dict)
    reviews_by_id: dict[str, ReviewView] = field(default_factory=dict)
    steps_seen: dict[str, ReviewStep] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    nodes_seen: list[NodeView] = field(default_factory=list)
    letters: list[FlagView] = field(default_factory=list)
    decided: list[Decision] = field(default_factory=list)
    people: tuple[Position, ...] = ()
    rulings: list[tuple[str, Ruling]] = field(default_factory=list)
    refunds: list[tuple[VisitId, Sku | None, int]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    orders: list[tuple[VisitId, ListOrder]] = field(default_factory=list)
    coupons: list[tuple[MemberId, str]] = field(default_factory=list)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    hooks: dict[str, WebhookView] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[str, Answer]] = field(default_factory=dict)
    faces: Faces | None = None
    opinions: list[tuple[VisitId, Motive, bool | None]] = field(default_factory=list)
    shown_behaviour: Behaviour = field(default_factory=lambda: Behaviour(visits=0))
    changed: int = 0
    payments: Accounts = field(default_factory=Accounts)

    # Runtime

    @property
    def views(self) -> "Showcase":
        return self

    @property
    def services(self) -> "Showcase":
        return self

    @property
    def changes(self) -> "Showcase":
        return self

    def now_ns(self) -> int:
        return self.time_ns

    def holder(self, key: str) -> ApiKey | None:
        return self.keys.get(key)

    def member_key(self, member: MemberId) -> bytes:
        return member_key(STORE_KEY, self.layout.store.id, member)

    @property
    def issuer(self) -> Issuer:
        return Issuer(name="てぶら商店", registration="T1234567890123", address="東京都千代田区")

    def node_key(self, node: NodeId) -> bytes | None:
        return None

    def export(self, member: MemberId) -> bytes:
        return b"{}"

    def positions(self) -> tuple[Position, ...]:
        return self.people

    under_way: dict[str, int] = field(default_factory=dict)
    providers: frozenset[str] = frozenset({"house"})

    def is_writable(self) -> bool:
        return self.is_database_up

    is_stopping: bool = False

    def is_closing(self) -> bool:
        return self.is_stopping

    def number(self) -> int:
        return self.changed

    async def wait(self, after: int, timeout_s: float) -> int:
        for _ in range(int(timeout_s / 0.02)):
            if self.changed > after or self.is_stopping:
                break
            await asyncio.sleep(0.02)
        return self.changed

    # Views

    def visits(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[VisitView]:
        found = [v for v in self.visits_by_id.values() if v.entered_ns >= since_ns]
        return _page(sorted(found, key=lambda v: -v.entered_ns), after, limit)

    def open_visits(self) -> list[VisitView]:
        return [v for v in reversed(self.visits()) if v.stage in OPEN_STAGES]

    def visit(self, visit: VisitId) -> VisitView | None:
        return self.visits_by_id.get(visit)

    def visits_of(self, member: MemberId, *, limit: int = 20) -> list[VisitView]:
        return [v for v in self.visits() if v.member == member][:limit]

    def receipt(self, visit: VisitId) -> ReceiptView | None:
        return self.receipts_by_visit.get(visit)

    def receipts(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[ReceiptView]:
        found = [r for r in self.receipts_by_visit.values() if r.issued_ns >= since_ns]
        return _page(sorted(found, key=lambda r: -r.number), after, limit)

    def disputes(self, visit: VisitId) -> dict[Sku, DisputeState]:
        outcomes = {"": DisputeState.ASKED, "void": DisputeState.KEPT}
        return {
            review.candidates[0].product.sku: outcomes.get(review.decision, DisputeState.REFUNDED)
            for review in self.reviews_by_id.values()
            if review.kind == "dispute" and review.visit == visit
        }

    def member(self, member: MemberId) -> MemberView | None:
        return self.members_by_id.get(member)

    def members(self, *, limit: int = 200, after: Mark | None = None) -> list[MemberView]:
        return _page(list(self.members_by_id.values()), after, limit)

    def steps(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[Decision]:
        found = [s for s in self.decided if s.from_ns >= since_ns]
        return _page(sorted(found, key=lambda s: -s.from_ns), after, limit)

    def nodes(self) -> list[NodeView]:
        return self.nodes_seen

    def reviews(
        self, *, is_open: bool = True, limit: int = 100, after: Mark | None = None
    ) -> list[ReviewView]:
        found = [r for r in self.reviews_by_id.values() if (not r.decision) == is_open]
        return _page(found, after, limit)

    def review(self, review: str) -> ReviewView | None:
        return self.reviews_by_id.get(review)

    def evidence(self, review: str) -> Evidence | None:
        view = self.reviews_by_id.get(review)
        if view is None:
            return None
        step = self.steps_seen.get(review)
        near = [view.visit, *(hand.visit for hand in (step.hands if step is not None else ()))]
        visits = [person.visit for person in view.people]
        visits += [visit for visit in near if visit is not None]
        found = {visit: self.visits_by_id[visit] for visit in visits}
        return Evidence(
            review=view,
            step=step,
            other=max(1.0 - sum(one.probability for one in view.candidates), 0.0),
            carts=tuple(one for one in found.values() if one.stage in OPEN_STAGES),
            names={name: one.member_name for name, one in found.items()},
        )

    def queue(self) -> QueueView:
        waiting = self.reviews()
        return QueueView(
            open_count=len(waiting),
            oldest_ns=min((one.opened_ns for one in waiting), default=None),
            at_risk=Money(sum(one.at_risk.minor for one in waiting if one.at_risk), "JPY"),
            median_answer_ns=95 * SECOND_NS if self.rulings else None,
        )

    def stock(self) -> list[StockView]:
        return [
            StockView(
                place=name,
                is_facing=True,
                product=self.product(facing.sku),
                expected=self.counted.get(name),
                moved=0,
                counted=self.counted.get(name),
                counted_ns=self.time_ns if name in self.counted else None,
                difference=None,
            )
            for name, (_, facing) in self.layout.facings().items()
        ]

    def counts(self, *, limit: int = 50, after: Mark | None = None) -> list[CountView]:
        return []

    def purchases(self) -> PurchasesView | None:
        return None

    def open_payments(self) -> Mapping[str, int]:
        return self.under_way

    def webhooks(self) -> list[WebhookView]:
        return list(self.hooks.values())

    def deliveries(
        self, webhook: str, *, limit: int = 50, after: Mark | None = None
    ) -> list[DeliveryView]:
        return []

    def flags(self, *, limit: int = 50) -> list[FlagView]:
        return self.letters[:limit]

    # Services

    def once(self, asked: Asked | None, act: Callable[[Calls, Views], Answer]) -> Answer:
        if asked is None:
            return act(self, self)
        if (asked.caller, asked.key) in self.answers:
            digest, answer = self.answers[asked.caller, asked.key]
            if digest != asked.digest:
                raise KeyReused("another request")
            return msgspec.structs.replace(answer, is_repeat=True)
        answer = act(self, self)
        self.answers[asked.caller, asked.key] = (asked.digest, answer)
        return answer

    def rule(self, review: str, ruling: Ruling, undo_ns: int = 0) -> None:
        view = self.reviews_by_id.get(review)
        if view is None or view.decision:
            raise Refused("this review is closed")
        if ruling.kind is RulingKind.CHANGE and (ruling.sku is None or ruling.quantity is None):
            raise Refused("a change names an article and how many")
        self.rulings.append((review, ruling))
        self.reviews_by_id[review] = msgspec.structs.replace(
            view, decision=ruling.kind.value, decided_ns=self.time_ns, decided_by=ruling.by
        )
        self.changed += 1

    def count_stock(self, counts: Sequence[FacingCount], by: str) -> None:
        for one in counts:
            if one.facing not in self.layout.facings():
                raise Refused(f"no facing {one.facing!r}")
            self.counted[one.facing] = one.count
        self.changed += 1

    def take_back(self, review: str) -> None:
        if not self.reviews_by_id[review].decision:
            raise Refused("nobody answered it")
        self.rulings = [one for one in self.rulings if one[0] != review]
        self.reviews_by_id[review] = msgspec.structs.replace(
            self.reviews_by_id[review], decision="", decided_ns=None, decided_by=""
        )
        self.changed += 1

    def refund(self, visit: VisitId, sku: Sku | None, quantity: int, reason: str, by: str) -> None:
        receipt = self.receipts_by_visit.get(visit)
        if receipt is None:
            raise Refused("there is no receipt for this visit")
        self.refunds.append((visit, sku, quantity))
        lines = tuple(
            msgspec.structs.replace(
                line, refunded=line.quantity if sku is None else line.refunded + quantity
            )
            if sku in (None, line.product.sku)
            else line
            for line in receipt.lines
        )
        back = sum(line.unit.minor * line.refunded for line in lines)
        gone = [
            (line, line.refunded - before.refunded)
            for line, before in zip(lines, receipt.lines, strict=True)
            if line.refunded > before.refunded
        ]
        minor = sum(line.unit.minor * count for line, count in gone)
        note = CreditNoteView(
            number=len(receipt.credit_notes) + 1,
            issued_ns=self.time_ns,
            reason=reason,
            lines=tuple(
                CreditLineView(product=line.product, quantity=n, amount=line.unit * n)
                for line, n in gone
            ),
            taxes=(
                TaxView(
                    rate_percent=Decimal(8),
                    is_reduced=True,
                    gross=Money(minor, "JPY"),
                    tax=Money(minor * 8 // 108, "JPY"),
                ),
            ),
            total=Money(minor, "JPY"),
        )
        self.receipts_by_visit[visit] = msgspec.structs.replace(
            receipt,
            lines=lines,
            refunded=Money(back, "JPY"),
            credit_notes=(*receipt.credit_notes, note),
        )
        self.changed += 1

    def dispute(self, visit: VisitId, sku: Sku) -> None:
        view = self.visits_by_id[visit]
        self.add_review(
            f"dispute:{visit}:{sku}:1",
            kind="dispute",
            reason="dispute",
            visit=visit,
            member_name=view.member_name,
            candidates=((sku, 1, 0.97),),
        )

    def walk_up(self, *taken: tuple[str, int, LineState], ago_s: int = 240) -> VisitId:
        """Somebody without an account, with these things."""
        nobody = MemberView(id=MemberId(""), name="", locale="ja", owes=Money(0, "JPY"))
        visit = self.enter(nobody, ago_s=ago_s)
        for sku, quantity, state in taken:
            self.take(visit, sku, quantity, ago_s=60, state=state)
        return visit

    def confirm_list(self, visit: VisitId, order: ListOrder) -> None:
        view = self.visits_by_id[visit]
        if order.seen != {line.product.sku: line.quantity for line in view.lines}:
            raise Refused("the list has changed")
        self.orders.append((visit, order))
        removed = sum(order.seen.values()) - sum(order.items.values())
        checkout = Checkout.NEEDS_STAFF if removed > 1 else Checkout.CONFIRMED
        self.visits_by_id[visit] = msgspec.structs.replace(
            view,
            checkout=checkout,
            stage=VisitStage.PAYING if removed <= 1 else view.stage,
            eats_in=order.eats_in,
        )
        self.changed += 1

    def list_bill(self, visit: VisitId, order: ListOrder) -> BillView:
        products = self.layout.products()
        total = sum(products[sku].price_minor * n for sku, n in order.items.items())
        percent = 10 if order.eats_in else 8
        tax = TaxView(
            rate_percent=Decimal(percent),
            is_reduced=not order.eats_in,
            gross=Money(total, "JPY"),
            tax=Money(total * percent // (100 + percent), "JPY"),
        )
        return BillView(total=Money(total, "JPY"), taxes=(tax,), discounts=())

    def forget_list(self, visit: VisitId) -> None:
        self.visits_by_id[visit] = msgspec.structs.replace(
            self.visits_by_id[visit], checkout=Checkout.NONE, stage=VisitStage.SHOPPING
        )
        self.changed += 1

    def retry_payment(self, visit: VisitId) -> None:
        self.settle(visit)

    def pay_again(self, visit: VisitId) -> None:
        self.retry_payment(visit)

    def close_visit(self, visit: VisitId, by: str) -> None:
        self.leave(visit)

    def eat_in(self, visit: VisitId, eats_in: bool) -> None:
        self.visits_by_id[visit] = msgspec.structs.replace(
            self.visits_by_id[visit], eats_in=eats_in
        )
        self.changed += 1

    def tell_opinion(
        self, member: MemberId, visit: VisitId, motive: Motive, comes_again: bool | None
    ) -> None:
        self.opinions.append((visit, motive, comes_again))

    def behaviour(self, from_ns: int, to_ns: int) -> Behaviour:
        return self.shown_behaviour

    def set_role(self, member: MemberId, role: MemberRole) -> None:
        self.members_by_id[member] = msgspec.structs.replace(
            self.members_by_id[member], is_staff=role is MemberRole.STAFF
        )
        self.changed += 1

    def give_coupon(self, member: MemberId, promotion: str) -> None:
        self.coupons.append((member, promotion))

    def accept_gap(self, node: NodeId) -> None:
        if not any(one.id == node and one.missing for one in self.nodes_seen):
            raise Refused(f"nothing of {node} is missing")
        self.nodes_seen = [
            msgspec.structs.replace(one, missing=0) if one.id == node else one
            for one in self.nodes_seen
        ]
        self.changed += 1

    def add_member(
        self, name: str, locale: str, subject: str = "", email: str = "", *, seed: int = 0
    ) -> MemberView:
        number = bytes([len(self.members_by_id) + seed] * 9)
        view = MemberView(id=new_member_id(number), name=name, locale=locale, owes=Money(0, "JPY"))
        self.members_by_id[view.id] = view
        self.changed += 1
        return view

    def redeem(self, nonce: str, expires_ns: int) -> bool:
        is_new = nonce not in self.used
        self.used.add(nonce)
        return is_new

    def add_webhook(self, url: str, kinds: Sequence[str]) -> WebhookView:
        view = WebhookView(
            id=f"wh-{len(self.hooks)}",
            url=url,
            kinds=tuple(kinds),
            created_ns=self.time_ns,
            ended_ns=None,
        )
        self.hooks[view.id] = view
        return view

    def end_webhook(self, webhook: str) -> WebhookView:
        if webhook not in self.hooks:
            raise Refused(f"there is no webhook {webhook!r}")
        ended = msgspec.structs.replace(self.hooks[webhook], ended_ns=self.time_ns)
        self.hooks[webhook] = ended
        return ended

    def replay(self, webhook: str, message: str | None) -> int:
        if webhook not in self.hooks:
            raise Refused(f"there is no webhook {webhook!r}")
        return 0

    # What happens in the shop

    def product(self, sku: str) -> ProductView:
        product = self.layout.products()[Sku(sku)]
        return ProductView(sku=product.sku, name=product.name, name_en=product.name_en)

    def enter(self, member: MemberView, *, ago_s: int = 60, track: int = 1) -> VisitId:
        visit = VisitId(f"gate-1-1-{len(self.visits_by_id) + 1}")
        self.visits_by_id[visit] = VisitView(
            id=visit,
            member=member.id,
            member_name=member.name,
            stage=VisitStage.SHOPPING,
            entered_ns=self.time_ns - ago_s * SECOND_NS,
            exited_ns=None,
            settled_ns=None,
            total=Money(0, "JPY"),
            lines=(),
            tracks=(TrackId(f"camera-1-1-{track}"),),
        )
        self.changed += 1
        return visit

    def come_along(self, visit: VisitId) -> None:
        """One more by the same member's codes."""
        view = self.visits_by_id[visit]
        self.visits_by_id[visit] = msgspec.structs.replace(view, people=view.people + 1)
        self.changed += 1

    def take(
        self,
        visit: VisitId,
        sku: str,
        quantity: int = 1,
        *,
        state: LineState = LineState.SURE,
        confidence: float = 0.98,
        ago_s: float = 10,
    ) -> None:
        """Something taken, or with a negative quantity put back."""
        view = self.visits_by_id[visit]
        shelf = next(
            name
            for name, (_, s) in self.layout.shelves().items()
            if sku in {f.sku for f in s.facing}
        )
        happening = Happening(
            event=f"plates-1/1-{sum(len(v.happenings) for v in self.visits()) + 1}",
            at_ns=self.time_ns - int(ago_s * SECOND_NS),
            product=self.product(sku),
            quantity=quantity,
            confidence=confidence,
            state=state,
            delta_g=-quantity * self.layout.products()[Sku(sku)].weight_g + 0.6,
            shelf=ShelfId(shelf),
        )
        self._recount(view, (*view.happenings, happening))

    def discount(self, visit: VisitId, kind: str, name: str, name_en: str, minor: int) -> None:
        """A promotion takes something off the cart."""
        view = self.visits_by_id[visit]
        one = DiscountView(
            name=name, name_en=name_en, kind=kind, pieces=2, amount=Money(minor, "JPY")
        )
        self.visits_by_id[visit] = msgspec.structs.replace(
            view, discounts=(*view.discounts, one), total=view.total - one.amount
        )
        self.changed += 1

    def settle_checks(self, visit: VisitId) -> None:
        """The last step becomes sure."""
        view = self.visits_by_id[visit]
        self._recount(
            view,
            tuple(
                msgspec.structs.replace(h, state=LineState.SURE, confidence=0.97)
                for h in view.happenings
            ),
        )

    def leave(self, visit: VisitId, stage: VisitStage = VisitStage.CHECKING) -> None:
        view = self.visits_by_id[visit]
        self.visits_by_id[visit] = msgspec.structs.replace(
            view, stage=stage, exited_ns=self.time_ns - 4 * SECOND_NS
        )
        self.changed += 1

    def settle(self, visit: VisitId, *, ago_s: int = 0) -> None:
        """Priced, paid, with a receipt; all the demo's goods are food (8 %)."""
        view = self.visits_by_id[visit]
        gross = view.total.minor
        number = len(self.receipts_by_visit) + 1
        settled_ns = self.time_ns - ago_s * SECOND_NS
        exited_ns = view.exited_ns or settled_ns - 4 * SECOND_NS
        self.receipts_by_visit[visit] = ReceiptView(
            number=number,
            visit=visit,
            member=view.member,
            store_name=self.layout.store.name,
            issuer="手ぶら商店株式会社",
            registration="T1234567890123",
            issued_ns=settled_ns,
            entered_ns=view.entered_ns,
            exited_ns=exited_ns,
            lines=tuple(
                ReceiptLine(
                    product=line.product,
                    quantity=line.quantity,
                    unit=line.unit,
                    amount=line.amount,
                    is_reduced=True,
                )
                for line in view.lines
            ),
            taxes=(
                TaxView(
                    rate_percent=Decimal(8),
                    is_reduced=True,
                    gross=Money(gross, "JPY"),
                    tax=Money(gross * 8 // 108, "JPY"),
                ),
            ),
            total=view.total,
            refunded=Money(0, "JPY"),
            paid_by="house" if view.member else "wallet",
            discounts=view.discounts,
            eats_in=view.eats_in,
        )
        self.visits_by_id[visit] = msgspec.structs.replace(
            view,
            stage=VisitStage.SETTLED,
            exited_ns=exited_ns,
            settled_ns=settled_ns,
            receipt_number=number,
        )
        self.changed += 1

    def add_review(
        self,
        review: str,
        *,
        kind: str = "step",
        reason: str = "what",
        visit: VisitId | None = None,
        member_name: str = "",
        candidates: tuple[tuple[str, int, float], ...] = (),
        people: tuple[ReviewPerson, ...] = (),
        delta_g: float | None = None,
        shelf: str = "",
        plates: tuple[str, ...] = (),
        at_risk: int = 0,
        detail: str = "",
    ) -> None:
        self.reviews_by_id[review] = ReviewView(
            id=review,
            kind=kind,
            reason=reason,
            detail=detail,
            opened_ns=self.time_ns,
            visit=visit,
            member_name=member_name,
            event="plates-1/1-17",
            shelf=shelf,
            plates=plates,
            from_ns=self.time_ns - 40 * SECOND_NS,
            to_ns=self.time_ns - 38 * SECOND_NS,
            delta_g=delta_g,
            sigma_g=None if delta_g is None else 1.4,
            candidates=tuple(
                ReviewCandidate(product=self.product(sku), quantity=n, probability=p)
                for sku, n, p in candidates
            ),
            people=people,
            at_risk=Money(at_risk, "JPY") if at_risk else None,
        )
        self.changed += 1

    def feel(
        self,
        review: str,
        *,
        shelf: str,
        moves: dict[str, float],
        hands: tuple[tuple[VisitId | None, float, float, float], ...] = (),
        blind: str = "",
        spell: str = "",
    ) -> None:
        """What the plates and cameras saw of a review's step.

        `moves` are grams by plate; a hand is a visit, its place in metres, and from and to when, in
        seconds from the step's start.
        """
        began_ns = self.time_ns - 40 * SECOND_NS
        every_ns = SECOND_NS // 10
        place = ShelfId(shelf)
        plates = {plate_id(place, plate): delta_g for plate, delta_g in moves.items()}
        self.steps_seen[review] = ReviewStep(
            shelf=place,
            plates=tuple(plates),
            facing=None,
            delta_g=sum(moves.values()),
            from_ns=began_ns,
            to_ns=began_ns + 12 * every_ns,
            blind=blind,
            trace=Trace(
                from_ns=Ns(began_ns - 20 * every_ns),
                every_ns=every_ns,
                grams={plate: _felt(delta_g) for plate, delta_g in plates.items()},
            ),
            hands=tuple(
                ReviewHand(
                    visit=visit,
                    track=TrackId(f"camera-1-1-{number}"),
                    x_m=x_m,
                    from_ns=began_ns + round(from_s * SECOND_NS),
                    to_ns=began_ns + round(to_s * SECOND_NS),
                    confidence=0.9,
                )
                for number, (visit, x_m, from_s, to_s) in enumerate(hands, 4)
            ),
            spells=(
                Spell(
                    reason=spell,
                    from_ns=began_ns - 9 * SECOND_NS,
                    to_ns=began_ns + SECOND_NS // 2,
                    weighs=False,
                ),
            )
            if spell
            else (),
        )

    def stand(self, track: int, x: float, y: float) -> None:
        one = Position(
            track=TrackId(f"camera-1-1-{track}"), at_ns=Ns(self.time_ns), foot_xy_m=(x, y)
        )
        others = tuple(p for p in self.people if p.track != one.track)
        self.people = (*others, one)

    def _recount(self, view: VisitView, happenings: tuple[Happening, ...]) -> None:
        prices = {p.sku: p.price_minor for p in self.layout.product}
        urgency = [LineState.SURE, LineState.REVIEW, LineState.CHECKING]
        lines = []
        for sku in dict.fromkeys(h.product.sku for h in happenings if h.product):
            own = [h for h in happenings if h.product and h.product.sku == sku]
            count = sum(h.quantity for h in own)
            if count > 0:
                lines.append(
                    CartLine(
                        product=self.product(sku),
                        quantity=count,
                        unit=Money(prices[sku], "JPY"),
                        amount=Money(prices[sku] * count, "JPY"),
                        confidence=min(h.confidence for h in own),
                        state=max((h.state for h in own), key=urgency.index),
                    )
                )
        self.visits_by_id[view.id] = msgspec.structs.replace(
            view,
            happenings=happenings,
            lines=tuple(lines),
            total=Money(sum(line.amount.minor for line in lines), "JPY"),
        )
        self.changed += 1


def _page(found: list[L], after: Mark | None, limit: int) -> list[L]:
    """What follows the mark in a list that is sorted already."""
    marks = [mark_of(one) for one in found]
    begin = marks.index(after) + 1 if after is not None else 0
    return found[begin : begin + limit]


def _felt(delta_g: float) -> tuple[float, ...]:
    """A plate that a hand presses, lightly, before something leaves: level, press, settling."""
    before_g, after_g = 2431.0, 2431.0 + delta_g
    noise_g = [0.0, 0.6, -0.4, 0.3, -0.7, 0.5, -0.2]
    still = [before_g] * 20
    moving = [before_g + 0.9 * abs(delta_g) * part for part in (0.2, 0.7, 0.4, -0.3, -0.9)]
    settling = [after_g + delta_g * part for part in (0.3, 0.12, -0.06, 0.03, 0.01, 0.0, 0.0)]
    grams = [*still, *moving, *settling, *([after_g] * 30)]
    return tuple(round(g + noise_g[i % 7], 1) for i, g in enumerate(grams))


def node(name: str, *, blind: str = "", is_online: bool = True, missing: int = 0) -> NodeView:
    parts = [Part(name="scale left", state=SensorState.OK)]
    if blind:
        parts.append(Part(name="aisle", state=SensorState.BLIND, reason=blind))
    return NodeView(
        id=NodeId(name),
        is_online=is_online,
        version="0.1.0",
        boot=3,
        seen_ns=AFTERNOON_NS - SECOND_NS,
        watermark_ns=AFTERNOON_NS - SECOND_NS,
        waiting=0,
        missing=missing,
        clock_uncertainty_ns=2_400_000,
        inference="cpu" if name.startswith("camera") else "",
        parts=tuple(parts),
        reason="" if is_online else "silent",
    )


def busy_shop() -> Showcase:
    """An afternoon: one in the shop, one who has just left, receipts, a doubt, nodes."""
    shop = Showcase()
    mika = shop.add_member("Mika", "ja", seed=11)
    ken = shop.add_member("Ken", "en", seed=23)
    aoi = shop.add_member("Aoi", "ja", seed=37)
    earlier = shop.enter(aoi, ago_s=3600, track=1)
    shop.take(earlier, "melon-pan")
    shop.take(earlier, "green-tea", 2)
    shop.settle(earlier, ago_s=3480)
    before = shop.enter(ken, ago_s=1500, track=2)
    shop.take(before, "sandwich-egg")
    shop.take(before, "mineral-water")
    shop.take(before, "chocolate-bar", 2)
    shop.settle(before, ago_s=1400)
    gone = shop.enter(ken, ago_s=190, track=3)
    shop.take(gone, "potato-chips", ago_s=42)
    shop.take(gone, "mineral-water", ago_s=31)
    shop.leave(gone)
    shop.settle(gone)
    here = shop.enter(mika, ago_s=75, track=4)
    shop.take(here, "onigiri-salmon", 2, ago_s=48)
    shop.take(here, "green-tea", ago_s=29)
    shop.take(here, "onigiri-salmon", -1, ago_s=17)
    shop.take(here, "melon-pan", state=LineState.CHECKING, confidence=0.91, ago_s=3)
    shop.stand(4, 2.35, 2.1)
    shop.nodes_seen = [node("camera-1"), node("gate-1"), node("plates-1")]
    return shop


class Server:
    """A real HTTP server on 127.0.0.1 in a thread of its own."""

    def __init__(self, app: FastAPI, shop: Showcase, port: int) -> None:
        self.shop = shop
        self.address = f"http://127.0.0.1:{port}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=port,
                log_level="warning",
                timeout_graceful_shutdown=3,
            )
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        for _ in range(500):
            if self._server.started:
                return
            threading.Event().wait(0.02)
        raise RuntimeError("the server did not start")

    def stop(self) -> None:
        self.shop.is_stopping = True
        self._server.should_exit = True
        self._thread.join(10)


@contextmanager
def serving(app: FastAPI, shop: Showcase, port: int) -> Iterator[Server]:
    """A started server that is stopped at the end."""
    server = Server(app, shop, port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
