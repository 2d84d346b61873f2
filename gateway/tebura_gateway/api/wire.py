"""The JSON of the API: what programs get. Times are RFC 3339 in UTC, money is minor units."""

from typing import Final, Literal

from pydantic import BaseModel, Field, JsonValue
from tebura_contract.clock import rfc3339
from tebura_contract.money import Money

from tebura_gateway.domain.decision import Decision
from tebura_gateway.domain.webhook import KINDS
from tebura_gateway.service import views

PLAIN: Final = r"^[^\x00-\x1f\x7f]*$"
"""Text without control characters: no id or name has one, and not every database takes them."""

_KINDS: Final[dict[str, JsonValue]] = {"items": {"type": "string", "enum": list(KINDS)}}


class MoneyOut(BaseModel):
    """An amount in minor units (yen, cents) of an ISO 4217 currency."""

    minor: int
    currency: str


class LineOut(BaseModel):
    sku: str
    name: str
    name_en: str
    quantity: int
    unit: MoneyOut
    amount: MoneyOut
    confidence: float
    state: views.LineState


class DiscountOut(BaseModel):
    """What a promotion is off, and why."""

    name: str
    name_en: str
    kind: str
    pieces: int
    amount: MoneyOut


class HappeningOut(BaseModel):
    """Something taken (quantity > 0) or put back (< 0)."""

    event: str
    at: str
    shelf: str
    sku: str | None
    name: str
    name_en: str
    quantity: int
    confidence: float
    state: views.LineState
    delta_g: float


class CartOut(BaseModel):
    visit: str
    total: MoneyOut
    lines: list[LineOut]


class VisitOut(BaseModel):
    id: str
    member: str
    member_name: str
    stage: views.VisitStage
    reason: str
    entered: str
    exited: str | None
    settled: str | None
    receipt_number: int | None
    total: MoneyOut
    lines: list[LineOut]
    happenings: list[HappeningOut]
    tracks: list[str]
    discounts: list[DiscountOut]
    eats_in: bool


class ReceiptLineOut(BaseModel):
    sku: str
    name: str
    name_en: str
    quantity: int
    unit: MoneyOut
    amount: MoneyOut
    is_reduced: bool
    refunded: int


class TaxOut(BaseModel):
    """`rate_percent` is whole where the rate is (8), else a decimal (8.875)."""

    rate_percent: int | float
    is_reduced: bool
    gross: MoneyOut
    tax: MoneyOut


class CreditLineOut(BaseModel):
    sku: str
    name: str
    name_en: str
    quantity: int
    amount: MoneyOut


class CreditNoteOut(BaseModel):
    """Money that went back: a document with a number of its own."""

    number: int
    issued: str
    reason: str
    lines: list[CreditLineOut]
    taxes: list[TaxOut]
    total: MoneyOut


class ReceiptOut(BaseModel):
    """A qualified simplified invoice."""

    number: int
    visit: str
    member: str
    store: str
    issuer: str
    registration: str
    issued: str
    entered: str
    exited: str
    lines: list[ReceiptLineOut]
    taxes: list[TaxOut]
    total: MoneyOut
    refunded: MoneyOut
    paid_by: str
    discounts: list[DiscountOut]
    is_tax_included: bool
    eats_in: bool
    credit_notes: list[CreditNoteOut]


class PartOut(BaseModel):
    name: str
    state: str
    reason: str


class NodeOut(BaseModel):
    id: str
    is_online: bool
    reason: str
    version: str
    boot: int
    seen: str | None
    watermark: str | None
    waiting: int
    missing: int
    clock_uncertainty_ms: float
    inference: str
    parts: list[PartOut]


class CandidateOut(BaseModel):
    sku: str
    name: str
    quantity: int
    probability: float


class GuessOut(BaseModel):
    sku: str
    quantity: int
    probability: float


class StepOut(BaseModel):
    """One settled change of weight and what became of it so far.

    Nanoseconds of store time are strings. `quantity` is positive for a pick, negative for a return;
    while `status` is not "decided", visit, sku and quantity are the best guess.
    """

    event: str
    kind: str
    shelf: str
    plates: list[str]
    from_ns: str
    to_ns: str
    delta_g: float
    sigma_g: float
    status: str
    reason: str
    detail: str
    visit: str | None
    track: str | None
    sku: str | None
    quantity: int
    confidence: float
    candidates: list[GuessOut]


class PersonOut(BaseModel):
    visit: str
    member_name: str
    probability: float


class ReviewOut(BaseModel):
    id: str
    kind: str
    reason: str
    detail: str
    opened: str
    visit: str | None
    event: str
    shelf: str
    plates: list[str]
    delta_g: float | None
    sigma_g: float | None
    candidates: list[CandidateOut]
    people: list[PersonOut]
    at_risk: MoneyOut | None
    decision: str
    decided: str | None
    decided_by: str


class MemberOut(BaseModel):
    """`sign_in` comes only with a new member: it opens once, for a quarter of an hour."""

    id: str
    name: str
    locale: str
    owes: MoneyOut
    sign_in: str | None = None


class DecisionIn(BaseModel):
    """Answer to a review; ids hold slashes, so it travels in the body."""

    review: str = Field(max_length=300, pattern=PLAIN)
    ruling: Literal["accept", "change", "void"]
    sku: str | None = Field(None, max_length=200, pattern=PLAIN)
    quantity: int | None = Field(None, ge=-999, le=999)
    visit: str | None = Field(None, max_length=120, pattern=PLAIN)
    staff_work: bool = Field(False, description="staff filled up or cleared away: nobody's cart")


class StockOut(BaseModel):
    """A product in a facing, or with the shelf as `place` where it does not belong.

    `expected` is null before the first count; `moved` is what decided steps changed since the last.
    `difference` is that of the last count: pieces too many, or gone (negative).
    """

    place: str
    is_facing: bool
    sku: str
    name: str
    name_en: str
    expected: int | None
    moved: int
    counted: int | None
    counted_at: str | None
    difference: int | None


class StockCountOut(BaseModel):
    """A count beside what the book expected then, by all that is known now."""

    place: str
    sku: str
    at: str
    counted: int
    expected: int | None
    difference: int | None
    value: MoneyOut | None
    by: str


class StockCountIn(BaseModel):
    """What staff counted in a facing. Send `at` where a retry must not count twice."""

    facing: str = Field(max_length=200, pattern=PLAIN)
    count: int = Field(ge=0, le=10_000)
    at: str = Field("", max_length=40, pattern=PLAIN, description="RFC 3339; now where empty")


class RefundIn(BaseModel):
    """Without `sku` all that is left of the receipt."""

    visit: str = Field(max_length=120, pattern=PLAIN)
    sku: str | None = Field(None, max_length=200, pattern=PLAIN)
    quantity: int = Field(0, ge=0, le=999)
    reason: str = Field("staff", min_length=1, max_length=64, pattern=PLAIN)


class MemberIn(BaseModel):
    """`subject` is the online shop's own name for them, `email` their address there.

    With the subject of somebody who is a member already, that member is meant.
    """

    name: str = Field(min_length=1, max_length=80, pattern=PLAIN)
    locale: Literal["ja", "en"] = "ja"
    subject: str = Field("", max_length=200, pattern=PLAIN)
    email: str = Field("", max_length=254, pattern=PLAIN)


class WebhookIn(BaseModel):
    """Who is to be told what: an https address (or http on this machine), and kinds of facts."""

    url: str = Field(min_length=1, max_length=500, pattern=PLAIN)
    kinds: list[str] = Field(min_length=1, max_length=len(KINDS), json_schema_extra=_KINDS)


class WebhookOut(BaseModel):
    """`secret` signs the messages; it comes with a new webhook only."""

    id: str
    url: str
    kinds: list[str]
    created: str
    ended: str | None
    secret: str | None = None


class DeliveryOut(BaseModel):
    """A message and what became of it: waiting, done or dead. `answer` is that of the last try."""

    message: str
    kind: str
    state: str
    created: str
    tries: int
    next_try: str | None
    answer: str
    done: str | None


class ReplayIn(BaseModel):
    """Without `message` all that were given up."""

    message: str | None = Field(None, max_length=400, pattern=PLAIN)


class ReplayOut(BaseModel):
    """How many messages are sent again."""

    count: int


class PurchasesOut(BaseModel):
    """What the online shop has not been told yet, since when, and what was given up."""

    waiting: int
    since: str | None
    given_up: int


class HealthOut(BaseModel):
    status: Literal["ok", "degraded"]
    store: str
    version: str
    time: str
    database: bool
    nodes_online: int
    nodes: int
    payments_of_nobody: dict[str, int] = Field(
        default_factory=dict,
        description="Payments under way with a provider that the configuration has no more, by it",
    )
    purchases: PurchasesOut | None = None


def purchases_out(found: views.PurchasesView | None) -> PurchasesOut | None:
    if found is None:
        return None
    return PurchasesOut(
        waiting=found.waiting, since=time_out(found.since_ns), given_up=found.given_up
    )


def money_out(money: Money) -> MoneyOut:
    return MoneyOut(minor=money.minor, currency=money.currency)


def time_out(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(at_ns)


def line_out(line: views.CartLine) -> LineOut:
    return LineOut(
        sku=line.product.sku,
        name=line.product.name,
        name_en=line.product.name_en,
        quantity=line.quantity,
        unit=money_out(line.unit),
        amount=money_out(line.amount),
        confidence=line.confidence,
        state=line.state,
    )


def discount_out(discount: views.DiscountView) -> DiscountOut:
    return DiscountOut(
        name=discount.name,
        name_en=discount.name_en,
        kind=discount.kind,
        pieces=discount.pieces,
        amount=money_out(discount.amount),
    )


def happening_out(happening: views.Happening) -> HappeningOut:
    product = happening.product
    return HappeningOut(
        event=happening.event,
        at=rfc3339(happening.at_ns),
        shelf=happening.shelf,
        sku=product.sku if product else None,
        name=product.name if product else "",
        name_en=product.name_en if product else "",
        quantity=happening.quantity,
        confidence=happening.confidence,
        state=happening.state,
        delta_g=happening.delta_g,
    )


def step_out(step: Decision) -> StepOut:
    return StepOut(
        event=str(step.id),
        kind=step.kind,
        shelf=step.shelf,
        plates=list(step.plates),
        from_ns=str(step.from_ns),
        to_ns=str(step.to_ns),
        delta_g=step.delta_g,
        sigma_g=step.sigma_g,
        status=step.status,
        reason=step.reason,
        detail=step.detail,
        visit=step.visit,
        track=step.track,
        sku=step.sku,
        quantity=step.quantity,
        confidence=step.confidence,
        candidates=[
            GuessOut(sku=c.sku, quantity=c.quantity, probability=c.probability)
            for c in step.candidates
        ],
    )


def stock_out(stock: views.StockView) -> StockOut:
    return StockOut(
        place=stock.place,
        is_facing=stock.is_facing,
        sku=stock.product.sku,
        name=stock.product.name,
        name_en=stock.product.name_en,
        expected=stock.expected,
        moved=stock.moved,
        counted=stock.counted,
        counted_at=time_out(stock.counted_ns),
        difference=stock.difference,
    )


def stock_count_out(count: views.CountView) -> StockCountOut:
    return StockCountOut(
        place=count.place,
        sku=count.product.sku,
        at=rfc3339(count.at_ns),
        counted=count.counted,
        expected=count.expected,
        difference=count.difference,
        value=money_out(count.value) if count.value is not None else None,
        by=count.by,
    )


def visit_out(visit: views.VisitView) -> VisitOut:
    return VisitOut(
        id=visit.id,
        member=visit.member,
        member_name=visit.member_name,
        stage=visit.stage,
        reason=visit.reason,
        entered=rfc3339(visit.entered_ns),
        exited=time_out(visit.exited_ns),
        settled=time_out(visit.settled_ns),
        receipt_number=visit.receipt_number,
        total=money_out(visit.total),
        lines=[line_out(line) for line in visit.lines],
        happenings=[happening_out(happening) for happening in visit.happenings],
        tracks=list(visit.tracks),
        discounts=[discount_out(one) for one in visit.discounts],
        eats_in=visit.eats_in,
    )


def receipt_out(receipt: views.ReceiptView) -> ReceiptOut:
    return ReceiptOut(
        number=receipt.number,
        visit=receipt.visit,
        member=receipt.member,
        store=receipt.store_name,
        issuer=receipt.issuer,
        registration=receipt.registration,
        issued=rfc3339(receipt.issued_ns),
        entered=rfc3339(receipt.entered_ns),
        exited=rfc3339(receipt.exited_ns),
        lines=[
            ReceiptLineOut(
                sku=line.product.sku,
                name=line.product.name,
                name_en=line.product.name_en,
                quantity=line.quantity,
                unit=money_out(line.unit),
                amount=money_out(line.amount),
                is_reduced=line.is_reduced,
                refunded=line.refunded,
            )
            for line in receipt.lines
        ],
        taxes=[_tax_out(tax) for tax in receipt.taxes],
        total=money_out(receipt.total),
        refunded=money_out(receipt.refunded),
        paid_by=receipt.paid_by,
        discounts=[discount_out(one) for one in receipt.discounts],
        is_tax_included=receipt.is_tax_included,
        eats_in=receipt.eats_in,
        credit_notes=[_credit_note_out(note) for note in receipt.credit_notes],
    )


def _credit_note_out(note: views.CreditNoteView) -> CreditNoteOut:
    return CreditNoteOut(
        number=note.number,
        issued=rfc3339(note.issued_ns),
        reason=note.reason,
        lines=[
            CreditLineOut(
                sku=line.product.sku,
                name=line.product.name,
                name_en=line.product.name_en,
                quantity=line.quantity,
                amount=money_out(line.amount),
            )
            for line in note.lines
        ],
        taxes=[_tax_out(tax) for tax in note.taxes],
        total=money_out(note.total),
    )


def _tax_out(tax: views.TaxView) -> TaxOut:
    percent = tax.rate_percent
    return TaxOut(
        rate_percent=int(percent) if percent == int(percent) else float(percent),
        is_reduced=tax.is_reduced,
        gross=money_out(tax.gross),
        tax=money_out(tax.tax),
    )


def node_out(node: views.NodeView) -> NodeOut:
    return NodeOut(
        id=node.id,
        is_online=node.is_online,
        reason=node.reason,
        version=node.version,
        boot=node.boot,
        seen=time_out(node.seen_ns),
        watermark=time_out(node.watermark_ns),
        waiting=node.waiting,
        missing=node.missing,
        clock_uncertainty_ms=node.clock_uncertainty_ns / 1e6,
        inference=node.inference,
        parts=[PartOut(name=p.name, state=p.state.value, reason=p.reason) for p in node.parts],
    )


def review_out(review: views.ReviewView) -> ReviewOut:
    return ReviewOut(
        id=review.id,
        kind=review.kind,
        reason=review.reason,
        detail=review.detail,
        opened=rfc3339(review.opened_ns),
        visit=review.visit,
        event=review.event,
        shelf=review.shelf,
        plates=list(review.plates),
        delta_g=review.delta_g,
        sigma_g=review.sigma_g,
        candidates=[
            CandidateOut(
                sku=candidate.product.sku,
                name=candidate.product.name,
                quantity=candidate.quantity,
                probability=candidate.probability,
            )
            for candidate in review.candidates
        ],
        people=[
            PersonOut(visit=p.visit, member_name=p.member_name, probability=p.probability)
            for p in review.people
        ],
        at_risk=money_out(review.at_risk) if review.at_risk else None,
        decision=review.decision,
        decided=time_out(review.decided_ns),
        decided_by=review.decided_by,
    )


def member_out(member: views.MemberView, sign_in: str | None = None) -> MemberOut:
    return MemberOut(
        id=member.id,
        name=member.name,
        locale=member.locale,
        owes=money_out(member.owes),
        sign_in=sign_in,
    )


def webhook_out(webhook: views.WebhookView, secret: str | None = None) -> WebhookOut:
    return WebhookOut(
        id=webhook.id,
        url=webhook.url,
        kinds=list(webhook.kinds),
        created=rfc3339(webhook.created_ns),
        ended=time_out(webhook.ended_ns),
        secret=secret,
    )


def delivery_out(delivery: views.DeliveryView) -> DeliveryOut:
    return DeliveryOut(
        message=delivery.message,
        kind=delivery.kind,
        state=delivery.state,
        created=rfc3339(delivery.created_ns),
        tries=delivery.tries,
        next_try=time_out(delivery.next_try_ns),
        answer=delivery.answer,
        done=time_out(delivery.done_ns),
    )
