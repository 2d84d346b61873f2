"""The read model from the tables: every call one short read, nothing is changed or locked."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, Select, func, select
from tebura_contract.codec import decode
from tebura_contract.events import RefusalReason
from tebura_contract.ids import EventId, MemberId, NodeId, ShelfId, Sku, TrackId, VisitId
from tebura_contract.layout import Layout
from tebura_contract.messages import Part
from tebura_contract.money import Money

from tebura_gateway.adapters import tables
from tebura_gateway.domain.cart import Cart, LineStatus
from tebura_gateway.domain.checkout import Confirmation
from tebura_gateway.domain.decision import Decision
from tebura_gateway.domain.pricing import Bill, Discount
from tebura_gateway.domain.receipt import CreditNote, Receipt
from tebura_gateway.domain.settlement import State, Why
from tebura_gateway.service import online_shop, outgoing
from tebura_gateway.service.behaviour import Behaviour, behaviour
from tebura_gateway.service.bill_views import discount_views, receipt_view
from tebura_gateway.service.billing import confirmed_by
from tebura_gateway.service.evidence import step_evidence
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.open_payments import open_payments
from tebura_gateway.service.paging import downward, upward
from tebura_gateway.service.stock_reading import Connects, read_counts, read_stock
from tebura_gateway.service.views import (
    OPEN_STAGES,
    CartLine,
    Checkout,
    CountView,
    DeliveryView,
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
    ReceiptView,
    ReviewCandidate,
    ReviewPerson,
    ReviewView,
    StockView,
    VisitStage,
    VisitView,
    WebhookView,
)

T = TypeVar("T")
_Row = Row[Any]

_STAGES: Final = {
    State.OPEN: VisitStage.SHOPPING,
    State.EXITED: VisitStage.CHECKING,
    State.REVIEW: VisitStage.REVIEW,
    State.PRICED: VisitStage.PAYING,
    State.AUTH_SENT: VisitStage.PAYING,
    State.AUTHORIZED: VisitStage.PAYING,
    State.CAPTURE_SENT: VisitStage.PAYING,
    State.UNKNOWN: VisitStage.PAYING,
    State.UNPAID: VisitStage.UNPAID,
    State.SETTLED: VisitStage.SETTLED,
    State.VOID: VisitStage.NOT_CHARGED,
}
_LINE_STATES: Final = {
    "decided": LineState.SURE,
    "checking": LineState.CHECKING,
    "review": LineState.REVIEW,
}
_URGENCY: Final = (LineState.SURE, LineState.REVIEW, LineState.CHECKING)
_OPEN_STATES: Final = [state.value for state, stage in _STAGES.items() if stage in OPEN_STAGES]
MEDIAN_OF: Final = 50
"""So many of the latest answers say how long one takes."""


class DatabaseViews:
    """Reads one store's tables. Safe to call from several threads at once."""

    def __init__(self, engine: Connects, layout: Layout) -> None:
        self._engine = engine
        self._layout = layout
        self._products = layout.products()

    def visits(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[VisitView]:
        visit = tables.visit
        query = self._of(visit).where(visit.c.entered_ns >= since_ns)
        return self._visits(downward(query, (visit.c.entered_ns, visit.c.visit), after, limit))

    def open_visits(self) -> list[VisitView]:
        visit = tables.visit
        return self._visits(
            self._of(visit).where(visit.c.state.in_(_OPEN_STATES)).order_by(visit.c.entered_ns)
        )

    def visit(self, visit: VisitId) -> VisitView | None:
        return _first(self._visits(self._of(tables.visit).where(tables.visit.c.visit == visit)))

    def visits_of(self, member: MemberId, *, limit: int = 20) -> list[VisitView]:
        visit = tables.visit
        return self._visits(
            self._of(visit)
            .where(visit.c.member == member)
            .order_by(visit.c.entered_ns.desc())
            .limit(limit)
        )

    def receipt(self, visit: VisitId) -> ReceiptView | None:
        table = tables.receipt
        return _first(self._receipts(self._of(table).where(table.c.visit == visit)))

    def receipts(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[ReceiptView]:
        table = tables.receipt
        query = self._of(table).where(table.c.issued_ns >= since_ns)
        return self._receipts(downward(query, (table.c.number,), after, limit))

    def disputes(self, visit: VisitId) -> dict[Sku, DisputeState]:
        table = tables.review
        query = self._of(table).where(table.c.visit == visit, table.c.kind == "dispute")
        with self._engine.connect() as connection:
            return {Sku(row.sku): _dispute(row) for row in connection.execute(query)}

    def member(self, member: MemberId) -> MemberView | None:
        return _first(
            self._members(self._of(tables.member).where(tables.member.c.member == member))
        )

    def members(self, *, limit: int = 200, after: Mark | None = None) -> list[MemberView]:
        table = tables.member
        key = (table.c.created_ns, table.c.member)
        return self._members(downward(self._of(table), key, after, limit))

    def nodes(self) -> list[NodeView]:
        with self._engine.connect() as connection:
            rows = {row.node: row for row in connection.execute(self._of(tables.node))}
        names = sorted({*rows, *self._layout.nodes()})
        return [self._node(NodeId(name), rows.get(name)) for name in names]

    def steps(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[Decision]:
        table = tables.decision
        query = self._of(table).where(table.c.at_ns >= since_ns)
        page = downward(query, (table.c.at_ns, table.c.event), after, limit)
        with self._engine.connect() as connection:
            rows = connection.execute(page).all()
        return [_read(row.document, Decision) for row in rows]

    def reviews(
        self, *, is_open: bool = True, limit: int = 100, after: Mark | None = None
    ) -> list[ReviewView]:
        table = tables.review
        query = self._of(table).where(table.c.state == ("open" if is_open else "closed"))
        if is_open:
            key = (-table.c.risk_minor, table.c.opened_ns, table.c.review)
            return self._reviews(upward(query, key, after, limit))
        return self._reviews(downward(query, (table.c.closed_ns, table.c.review), after, limit))

    def review(self, review: str) -> ReviewView | None:
        table = tables.review
        return _first(self._reviews(self._of(table).where(table.c.review == review)))

    def evidence(self, review: str) -> Evidence | None:
        view = self.review(review)
        if view is None:
            return None
        step = None
        if view.kind in ("step", "dispute") and view.event:
            with self._engine.connect() as connection:
                step = step_evidence(connection, self._layout, EventId.parse(view.event))
        likely = [person.visit for person in view.people[:3]]
        if view.visit is not None and view.visit not in likely:
            likely.insert(0, view.visit)
        hands = step.hands if step is not None else ()
        around = {*likely, *(hand.visit for hand in hands if hand.visit is not None)}
        visit = tables.visit
        visits = self._visits(self._of(visit).where(visit.c.visit.in_(around)))
        found = {one.id: one for one in visits}
        return Evidence(
            review=view,
            step=step,
            other=max(1.0 - sum(one.probability for one in view.candidates), 0.0),
            carts=tuple(found[name] for name in likely if name in found),
            names={name: one.member_name for name, one in found.items()},
        )

    def queue(self) -> QueueView:
        table = tables.review
        waiting = select(
            func.count(), func.min(table.c.opened_ns), func.sum(table.c.risk_minor)
        ).where(table.c.store == self._store, table.c.state == "open")
        answered = (
            select(table.c.closed_ns - table.c.opened_ns)
            .where(table.c.store == self._store, table.c.state == "closed")
            .order_by(table.c.closed_ns.desc())
            .limit(MEDIAN_OF)
        )
        with self._engine.connect() as connection:
            count, oldest_ns, risk_minor = connection.execute(waiting).one()
            took_ns = [int(took) for (took,) in connection.execute(answered)]
        return QueueView(
            open_count=count,
            oldest_ns=oldest_ns,
            at_risk=self._money(int(risk_minor or 0)),
            median_answer_ns=int(median(took_ns)) if took_ns else None,
        )

    def stock(self) -> list[StockView]:
        return read_stock(self._engine, self._layout)

    def behaviour(self, from_ns: int, to_ns: int) -> Behaviour:
        with self._engine.connect() as connection:
            return behaviour(connection, self._layout.store.id, from_ns, to_ns)

    def counts(self, *, limit: int = 50, after: Mark | None = None) -> list[CountView]:
        return read_counts(self._engine, self._layout, limit, after)

    def purchases(self) -> PurchasesView | None:
        with self._engine.connect() as connection:
            return online_shop.standing(connection, self._layout.store.id)

    def open_payments(self) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            return open_payments(connection, self._layout.store.id)

    def webhooks(self) -> list[WebhookView]:
        with self._engine.connect() as connection:
            return outgoing.webhooks(connection, self._layout.store.id)

    def deliveries(
        self, webhook: str, *, limit: int = 50, after: Mark | None = None
    ) -> list[DeliveryView]:
        with self._engine.connect() as connection:
            return outgoing.deliveries(connection, self._layout.store.id, webhook, limit, after)

    def flags(self, *, limit: int = 50) -> list[FlagView]:
        letter, inbox = tables.dead_letter, tables.inbox
        letters = self._of(letter).order_by(letter.c.id.desc()).limit(limit)
        odd = (
            select(
                inbox.c.received_ns,
                inbox.c.node,
                inbox.c.boot,
                inbox.c.seq,
                inbox.c.kind,
                inbox.c.flags,
                func.length(inbox.c.envelope).label("size_bytes"),
            )
            .where(inbox.c.store == self._store, inbox.c.flags != "")
            .order_by(inbox.c.received_ns.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            found = [
                FlagView(
                    at_ns=row.received_ns,
                    place=f"{row.topic}: {row.detail}",
                    reason=row.reason,
                    size_bytes=row.size_bytes,
                )
                for row in connection.execute(letters)
            ]
            found += [
                FlagView(
                    at_ns=row.received_ns,
                    place=f"{row.node}/{row.boot}-{row.seq} {row.kind}",
                    reason=row.flags.split()[0],
                    size_bytes=row.size_bytes,
                )
                for row in connection.execute(odd)
            ]
        return sorted(found, key=lambda flag: -flag.at_ns)[:limit]

    @property
    def _store(self) -> str:
        return self._layout.store.id

    def _of(self, table: Any) -> Select[Any]:
        return select(table).where(table.c.store == self._store)

    def _money(self, minor: int) -> Money:
        return Money(minor, self._layout.store.currency)

    def _product(self, sku: Sku | None) -> ProductView:
        product = self._products.get(sku) if sku is not None else None
        if product is None:
            return ProductView(sku=Sku(sku or ""), name=sku or "")
        return ProductView(sku=product.sku, name=product.name, name_en=product.name_en)

    def _visits(self, query: Select[Any]) -> list[VisitView]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            names = [row.visit for row in rows]
            members = self._names(connection, {row.member for row in rows})
            steps = self._steps(connection, names)
            receipt = tables.receipt
            numbers = {
                row.visit: row.number
                for row in connection.execute(self._of(receipt).where(receipt.c.visit.in_(names)))
            }
        return [
            self._visit(row, members, steps.get(row.visit, []), numbers.get(row.visit))
            for row in rows
        ]

    def _visit(
        self, row: _Row, members: dict[str, str], steps: list[Happening], number: int | None
    ) -> VisitView:
        stage = _STAGES[State(row.state)]
        if stage is VisitStage.NOT_CHARGED and row.reason == Why.NOTHING_TAKEN:
            stage = VisitStage.NOTHING_TAKEN
        cart, bill = _read(row.cart, Cart), _read(row.bill, Bill) if row.bill else None
        lines = self._lines(cart, bill)
        open_minor = (
            0
            if bill
            else sum(
                self._price(line.sku) * line.quantity
                for line in cart.lines
                if line.status is not LineStatus.DECIDED
            )
        )
        discounts = bill.discounts if bill else _read(row.discounts, tuple[Discount, ...])
        return VisitView(
            id=VisitId(row.visit),
            member=MemberId(row.member),
            member_name=members.get(row.member, row.member),
            stage=stage,
            entered_ns=row.entered_ns,
            exited_ns=row.exited_ns,
            settled_ns=row.final_ns,
            total=self._money(row.total_minor + open_minor),
            lines=lines,
            happenings=tuple(steps),
            people=row.people,
            tracks=_read(row.tracks, tuple[TrackId, ...]),
            receipt_number=number,
            reason=row.reason,
            discounts=discount_views(discounts, self._layout.store.currency),
            eats_in=bool(row.eats_in),
            checkout=_checkout(confirmed_by(row)),
        )

    def _lines(self, cart: Cart, bill: Bill | None) -> tuple[CartLine, ...]:
        """One line an article; once there is a bill, what it says."""
        quantities: dict[Sku | None, int] = {}
        sure: dict[Sku | None, float] = {}
        states: dict[Sku | None, LineState] = {}
        for line in cart.lines:
            quantities[line.sku] = quantities.get(line.sku, 0) + line.quantity
            sure[line.sku] = min(sure.get(line.sku, 1.0), line.confidence)
            states[line.sku] = max(
                states.get(line.sku, LineState.SURE),
                _LINE_STATES[line.status.value],
                key=_URGENCY.index,
            )
        if bill is not None:
            return tuple(
                CartLine(
                    product=ProductView(sku=line.sku, name=line.name, name_en=line.name_en),
                    quantity=line.quantity,
                    unit=Money(line.unit_price_minor, bill.currency),
                    amount=Money(line.amount_minor, bill.currency),
                    confidence=sure.get(line.sku, 1.0),
                    state=LineState.SURE,
                )
                for line in bill.lines
            )
        return tuple(
            CartLine(
                product=self._product(sku),
                quantity=quantity,
                unit=self._money(self._price(sku)),
                amount=self._money(self._price(sku) * quantity),
                confidence=sure[sku],
                state=states[sku],
            )
            for sku, quantity in quantities.items()
            if quantity
        )

    def _price(self, sku: Sku | None) -> int:
        product = self._products.get(sku) if sku is not None else None
        return product.price_minor if product is not None else 0

    def _steps(self, connection: Connection, visits: Sequence[str]) -> dict[str, list[Happening]]:
        decision = tables.decision
        query = self._of(decision).where(decision.c.visit.in_(visits)).order_by(decision.c.at_ns)
        steps: dict[str, list[Happening]] = {}
        for row in connection.execute(query):
            document = _read(row.document, Decision)
            steps.setdefault(row.visit, []).append(
                Happening(
                    event=row.event,
                    at_ns=row.at_ns,
                    product=None if row.sku is None else self._product(row.sku),
                    quantity=row.quantity,
                    confidence=row.confidence,
                    state=_LINE_STATES[row.status],
                    delta_g=document.delta_g,
                    shelf=ShelfId(row.shelf),
                )
            )
        return steps

    def _names(self, connection: Connection, members: Iterable[str]) -> dict[str, str]:
        table = tables.member
        query = self._of(table).where(table.c.member.in_(list(members)))
        return {row.member: row.name for row in connection.execute(query)}

    def _receipts(self, query: Select[Any]) -> list[ReceiptView]:
        refund = tables.refund
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            paid_back = connection.execute(
                self._of(refund).where(
                    refund.c.visit.in_([row.visit for row in rows]), refund.c.state == "done"
                )
            ).all()
        notes: dict[str, list[CreditNote]] = {}
        for row in paid_back:
            notes.setdefault(row.visit, []).append(_read(row.document, CreditNote))
        return [
            receipt_view(_read(row.document, Receipt), notes.get(row.visit, [])) for row in rows
        ]

    def _members(self, query: Select[Any]) -> list[MemberView]:
        receipt, refund = tables.receipt, tables.refund
        bought = (
            select(receipt.c.member, func.sum(receipt.c.total_minor))
            .where(receipt.c.store == self._store)
            .group_by(receipt.c.member)
        )
        back = (
            select(receipt.c.member, func.sum(refund.c.amount_minor))
            .join(
                refund,
                (refund.c.store == receipt.c.store) & (refund.c.visit == receipt.c.visit),
            )
            .where(receipt.c.store == self._store, refund.c.state == "done")
            .group_by(receipt.c.member)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            owed = {member: int(minor) for member, minor in connection.execute(bought)}
            for member, minor in connection.execute(back):
                owed[member] -= int(minor)
        return [
            MemberView(
                created_ns=row.created_ns,
                id=MemberId(row.member),
                name=row.name,
                locale=row.locale,
                owes=self._money(owed.get(row.member, 0)),
                limit=self._money(row.house_limit_minor),
                is_staff=row.role == MemberRole.STAFF,
                barred=RefusalReason(row.barred) if row.barred else None,
            )
            for row in rows
        ]

    def _node(self, name: NodeId, row: _Row | None) -> NodeView:
        if row is None:
            return NodeView(
                id=name,
                is_online=False,
                version="",
                boot=0,
                seen_ns=None,
                watermark_ns=None,
                waiting=0,
                missing=0,
                clock_uncertainty_ns=0,
                inference="",
                parts=(),
                reason="never",
            )
        is_online = row.status == "online"
        return NodeView(
            id=name,
            is_online=is_online,
            version=row.version,
            boot=row.boot or 0,
            seen_ns=row.seen_ns or None,
            watermark_ns=row.through_ns,
            waiting=row.waiting,
            missing=row.missing,
            clock_uncertainty_ns=row.clock_uncertainty_ns or 0,
            inference=row.inference,
            parts=_read(row.parts, tuple[Part, ...]),
            reason="" if is_online else row.status,
        )

    def _reviews(self, query: Select[Any]) -> list[ReviewView]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            decisions = [_read(row.evidence, Decision | None) for row in rows]
            visits = {row.visit for row in rows if row.visit} | {
                suspect.visit for one in decisions if one for suspect in one.suspects
            }
            visit = tables.visit
            members = {
                row.visit: row.member
                for row in connection.execute(
                    self._of(visit).where(visit.c.visit.in_(list(visits)))
                )
            }
            names = self._names(connection, set(members.values()))
        people = {name: names.get(member, member) for name, member in members.items()}
        return [self._review(row, one, people) for row, one in zip(rows, decisions, strict=True)]

    def _review(self, row: _Row, step: Decision | None, people: dict[str, str]) -> ReviewView:
        return ReviewView(
            id=row.review,
            kind=row.kind,
            reason=row.reason,
            detail=step.detail if step else "",
            opened_ns=row.opened_ns,
            visit=VisitId(row.visit) if row.visit else None,
            member_name=people.get(row.visit, "") if row.visit else "",
            event=row.event or "",
            shelf=step.shelf if step else "",
            plates=tuple(plate.rpartition("/")[2] for plate in step.plates) if step else (),
            from_ns=step.from_ns if step else None,
            to_ns=step.to_ns if step else None,
            delta_g=step.delta_g if step else None,
            sigma_g=step.sigma_g if step else None,
            candidates=self._candidates(row, step),
            people=tuple(
                ReviewPerson(
                    visit=suspect.visit,
                    member_name=people.get(suspect.visit, suspect.visit),
                    probability=suspect.probability,
                )
                for suspect in (step.suspects if step else ())
            ),
            at_risk=self._money(row.risk_minor) if row.risk_minor else None,
            decision=row.outcome or ("withdrawn" if row.state == "withdrawn" else ""),
            decided_ns=row.closed_ns,
            decided_by=row.closed_by,
        )

    def _candidates(self, row: _Row, step: Decision | None) -> tuple[ReviewCandidate, ...]:
        if step is None:
            if row.sku is None:
                return ()
            # A dispute proposes to take pieces off; what is in question is that they were taken.
            count = abs(row.quantity) if row.kind == "dispute" else row.quantity
            asked = ReviewCandidate(product=self._product(row.sku), quantity=count, probability=1.0)
            return (asked,)
        sign = -1 if step.delta_g > 0.0 else 1
        return tuple(
            ReviewCandidate(
                product=self._product(guess.sku),
                quantity=sign * guess.quantity,
                probability=guess.probability,
            )
            for guess in step.candidates
        )


def _checkout(confirmed: Confirmation | None) -> Checkout:
    if confirmed is None:
        return Checkout.NONE
    return Checkout.NEEDS_STAFF if confirmed.needs_staff else Checkout.CONFIRMED


def _dispute(row: _Row) -> DisputeState:
    if row.state == "open":
        return DisputeState.ASKED
    return DisputeState.KEPT if row.outcome == "void" else DisputeState.REFUNDED


def _first(found: list[T]) -> T | None:
    return found[0] if found else None


def _read(text: str, kind: Any) -> Any:
    raw = text.encode()
    return decode(raw, kind, limit_bytes=len(raw))
