"""What people and programs look at: the read model, in plain frozen types.

Nothing here changes anything. Times are store time in nanoseconds, money is minor units, names of
products come in the store's language and in English. `Views` is what the pages and the API read
through; `reading.DatabaseViews` is the real one.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

import msgspec
from tebura_contract.events import HandContent, RefusalReason, Trace
from tebura_contract.ids import (
    FacingId,
    MemberId,
    NodeId,
    PlateId,
    ShelfId,
    Sku,
    TrackId,
    VisitId,
)
from tebura_contract.messages import Part
from tebura_contract.money import Money

from tebura_gateway.domain.decision import Decision
from tebura_gateway.service.behaviour import Behaviour

Mark = tuple[int | str, ...]
"""Where a list stood: the sort key of the last thing shown, which no two things share."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Something to show."""


class LineState(StrEnum):
    """How sure a cart line is."""

    CHECKING = "checking"
    SURE = "sure"
    REVIEW = "review"


class VisitStage(StrEnum):
    """Where a visit stands, as a shopper would put it."""

    SHOPPING = "shopping"
    CHECKING = "checking"
    REVIEW = "review"
    PAYING = "paying"
    SETTLED = "settled"
    NOTHING_TAKEN = "nothing-taken"
    NOT_CHARGED = "not-charged"
    UNPAID = "unpaid"


class Checkout(StrEnum):
    """How far a walk-up is at the exit screen."""

    NONE = ""
    CONFIRMED = "confirmed"
    NEEDS_STAFF = "needs-staff"


OPEN_STAGES: Final = (
    VisitStage.SHOPPING,
    VisitStage.CHECKING,
    VisitStage.REVIEW,
    VisitStage.PAYING,
)


class FaceView(View, frozen=True, kw_only=True):
    """What a member agreed to and since when there is a template of their face.

    `hands_free_until_ns`: so long their phone has lent its key.
    """

    agreed_ns: int | None = None
    enrolled_ns: int | None = None
    agreed_hands_free_ns: int | None = None
    hands_free_until_ns: int | None = None


class ProductView(View, frozen=True, kw_only=True):
    """An article by name; `sku` is empty where nobody knows yet what it was."""

    sku: Sku
    name: str
    name_en: str = ""


class CartLine(View, frozen=True, kw_only=True):
    """One article in a cart. `confidence` (0 to 1) is that of its least sure piece."""

    product: ProductView
    quantity: int
    unit: Money
    amount: Money
    confidence: float
    state: LineState


class DiscountView(View, frozen=True, kw_only=True):
    """What a promotion is off (`amount` > 0) and why: its kind as the shop's file says it."""

    name: str
    name_en: str
    kind: str
    pieces: int
    amount: Money


class Happening(View, frozen=True, kw_only=True):
    """Something taken (`quantity` > 0) or put back (< 0) in a visit, as it was decided so far."""

    event: str
    at_ns: int
    product: ProductView | None
    quantity: int
    confidence: float
    state: LineState
    delta_g: float
    shelf: ShelfId


class VisitView(View, frozen=True, kw_only=True):
    """One visit with its cart; `total` is what the cart costs now, discounts off, tax included.

    `happenings` come oldest first; `people` came in by the member's codes, and `tracks` are those
    people as cameras know them.
    """

    id: VisitId
    member: MemberId
    member_name: str
    stage: VisitStage
    entered_ns: int
    exited_ns: int | None
    settled_ns: int | None
    total: Money
    lines: tuple[CartLine, ...]
    happenings: tuple[Happening, ...] = ()
    people: int = 1
    tracks: tuple[TrackId, ...] = ()
    receipt_number: int | None = None
    reason: str = ""
    discounts: tuple[DiscountView, ...] = ()
    eats_in: bool = False
    checkout: Checkout = Checkout.NONE


class TaxView(View, frozen=True, kw_only=True):
    """One rate of a receipt: what it applies to (tax included) and the tax in it."""

    rate_percent: Decimal
    is_reduced: bool
    gross: Money
    tax: Money


class ReceiptLine(View, frozen=True, kw_only=True):
    """`refunded` pieces of the line were paid back later."""

    product: ProductView
    quantity: int
    unit: Money
    amount: Money
    is_reduced: bool
    refunded: int = 0


class CreditLineView(View, frozen=True, kw_only=True):
    """Pieces taken off a receipt, and what was paid for them."""

    product: ProductView
    quantity: int
    amount: Money


class CreditNoteView(View, frozen=True, kw_only=True):
    """Money that went back: a document with a number of its own."""

    number: int
    issued_ns: int
    reason: str
    lines: tuple[CreditLineView, ...]
    taxes: tuple[TaxView, ...]
    total: Money


class ReceiptView(View, frozen=True, kw_only=True):
    """A qualified simplified invoice; lines at list price, `discounts` off them.

    Where prices do not include tax, the total is lines less discounts and the taxes.
    """

    number: int
    visit: VisitId
    member: MemberId
    store_name: str
    issuer: str
    registration: str
    issued_ns: int
    entered_ns: int
    exited_ns: int
    lines: tuple[ReceiptLine, ...]
    taxes: tuple[TaxView, ...]
    total: Money
    refunded: Money
    paid_by: str
    discounts: tuple[DiscountView, ...] = ()
    is_tax_included: bool = True
    eats_in: bool = False
    credit_notes: tuple[CreditNoteView, ...] = ()


class BillView(View, frozen=True, kw_only=True):
    """What a list would cost."""

    total: Money
    taxes: tuple[TaxView, ...]
    discounts: tuple[DiscountView, ...]


class DisputeState(StrEnum):
    """What became of `I did not take this`."""

    ASKED = "asked"
    REFUNDED = "refunded"
    KEPT = "kept"


class MemberView(View, frozen=True, kw_only=True):
    """A member; `owes` is the balance of the house account, `barred` why gates keep them out."""

    created_ns: int = 0

    id: MemberId
    name: str
    locale: str
    owes: Money
    limit: Money | None = None
    is_staff: bool = False
    barred: RefusalReason | None = None


class NodeView(View, frozen=True, kw_only=True):
    """A node as the gateway knows it; `state` also says offline when it is merely silent."""

    id: NodeId
    is_online: bool
    version: str
    boot: int
    seen_ns: int | None
    watermark_ns: int | None
    waiting: int
    missing: int
    clock_uncertainty_ns: int
    inference: str
    parts: tuple[Part, ...]
    reason: str = ""


class ReviewCandidate(View, frozen=True, kw_only=True):
    """One explanation of a doubtful step: what and how many, as changes of a cart."""

    product: ProductView
    quantity: int
    probability: float


class ReviewPerson(View, frozen=True, kw_only=True):
    """Whose step it may have been."""

    visit: VisitId
    member_name: str
    probability: float


class ReviewView(View, frozen=True, kw_only=True):
    """A question for the staff, with its evidence; `at_risk` is the money it is about.

    `kind` is what it is about: a step, a visit, a late fact, a dispute, an event, a payment.
    """

    id: str
    kind: str
    reason: str
    detail: str
    opened_ns: int
    visit: VisitId | None
    member_name: str
    event: str
    shelf: str
    plates: tuple[str, ...]
    from_ns: int | None
    to_ns: int | None
    delta_g: float | None
    sigma_g: float | None
    candidates: tuple[ReviewCandidate, ...]
    people: tuple[ReviewPerson, ...]
    at_risk: Money | None
    decision: str = ""
    decided_ns: int | None = None
    decided_by: str = ""


class ReviewHand(View, frozen=True, kw_only=True):
    """A hand in the shelf; `visit` is None where nobody knows whose. `x_m` from the left."""

    visit: VisitId | None
    track: TrackId
    x_m: float
    from_ns: int
    to_ns: int
    confidence: float
    before: HandContent = HandContent.UNKNOWN
    after: HandContent = HandContent.UNKNOWN


class Spell(View, frozen=True, kw_only=True):
    """A time in which plates (`weighs`) or cameras of a shelf saw nothing."""

    reason: str
    from_ns: int
    to_ns: int
    weighs: bool


class ReviewStep(View, frozen=True, kw_only=True):
    """What was reported around a doubtful step.

    `blind` is what the node itself could not see. Hands and spells come in order of time.
    """

    shelf: ShelfId
    plates: tuple[PlateId, ...]
    facing: FacingId | None
    delta_g: float
    from_ns: int
    to_ns: int
    blind: str
    trace: Trace | None
    hands: tuple[ReviewHand, ...] = ()
    spells: tuple[Spell, ...] = ()


class Evidence(View, frozen=True, kw_only=True):
    """Everything a person needs to answer a review.

    `other` is how likely the step is none of the candidates. `step` is None where it is not about
    one. `carts` are the visits it may belong to, most probable first; `names` are those of the
    members behind all visits that appear.
    """

    review: ReviewView
    step: ReviewStep | None
    other: float
    carts: tuple[VisitView, ...]
    names: dict[VisitId, str]


class QueueView(View, frozen=True, kw_only=True):
    """How the answering goes: `median_answer_ns` over the latest answers, None before the first."""

    open_count: int
    oldest_ns: int | None
    at_risk: Money
    median_answer_ns: int | None


class StockView(View, frozen=True, kw_only=True):
    """One product in one place; `place` is a facing, or a shelf where it does not belong.

    `expected` is None before the first count. `counted`, `difference` and `counted_ns` are those of
    the last one.
    """

    place: str
    is_facing: bool
    product: ProductView
    expected: int | None
    moved: int
    counted: int | None
    counted_ns: int | None
    difference: int | None


class CountView(View, frozen=True, kw_only=True):
    """A count of the past with what the book expected; `value` is what the difference is worth."""

    place: str
    product: ProductView
    at_ns: int
    counted: int
    expected: int | None
    difference: int | None
    value: Money | None
    by: str


class FlagView(View, frozen=True, kw_only=True):
    """A message that was refused or looked odd, kept for people to see."""

    at_ns: int
    place: str
    reason: str
    size_bytes: int


class WebhookView(View, frozen=True, kw_only=True):
    """An address that is told of facts of these kinds."""

    id: str
    url: str
    kinds: tuple[str, ...]
    created_ns: int
    ended_ns: int | None


class PurchasesView(View, frozen=True, kw_only=True):
    """How far the online shop is behind: since when something waits, and the last reason why."""

    waiting: int
    since_ns: int | None
    given_up: int
    answer: str


class DeliveryView(View, frozen=True, kw_only=True):
    """A message to a webhook and what became of it; `answer` is that of the last try."""

    webhook: str
    message: str
    kind: str
    state: str
    created_ns: int
    tries: int
    next_try_ns: int | None
    answer: str
    done_ns: int | None


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """A member's account at the payment provider outside; since when, or None: there is none."""

    since_ns: int | None


class Views(Protocol):
    """Everything the pages and the API read. Lists come newest first unless said otherwise.

    A list goes on `after` a mark (`paging.mark_of`): what is added meanwhile neither repeats a
    thing nor leaves one out.
    """

    def visits(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[VisitView]:
        """Visits entered at or after `since_ns`, open and closed."""
        ...

    def open_visits(self) -> list[VisitView]:
        """Visits without an end, oldest first."""
        ...

    def visit(self, visit: VisitId) -> VisitView | None: ...

    def visits_of(self, member: MemberId, *, limit: int = 20) -> list[VisitView]: ...

    def receipt(self, visit: VisitId) -> ReceiptView | None: ...

    def receipts(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[ReceiptView]: ...

    def disputes(self, visit: VisitId) -> dict[Sku, DisputeState]:
        """What the shopper disputed of a visit."""
        ...

    def member(self, member: MemberId) -> MemberView | None: ...

    def members(self, *, limit: int = 200, after: Mark | None = None) -> list[MemberView]: ...

    def steps(
        self, *, since_ns: int = 0, limit: int = 50, after: Mark | None = None
    ) -> list[Decision]:
        """Steps that began at or after `since_ns`, and what became of them."""
        ...

    def nodes(self) -> list[NodeView]:
        """All nodes of the layout and any other that spoke, by name."""
        ...

    def reviews(
        self, *, is_open: bool = True, limit: int = 100, after: Mark | None = None
    ) -> list[ReviewView]:
        """Open ones: most money first, then oldest. Closed ones: newest first."""
        ...

    def review(self, review: str) -> ReviewView | None: ...

    def evidence(self, review: str) -> Evidence | None:
        """A review with all that was reported around it."""
        ...

    def queue(self) -> QueueView: ...

    def stock(self) -> list[StockView]:
        """Every facing as the layout has them, then what lies astray."""
        ...

    def behaviour(self, from_ns: int, to_ns: int) -> Behaviour:
        """How people shopped in this span, as a whole."""
        ...

    def counts(self, *, limit: int = 50, after: Mark | None = None) -> list[CountView]: ...

    def flags(self, *, limit: int = 50) -> list[FlagView]: ...

    def purchases(self) -> PurchasesView | None:
        """What the online shop has to be told; None where it never had to be told anything."""
        ...

    def open_payments(self) -> Mapping[str, int]:
        """How many payments, refunds and holds are under way, by their provider."""
        ...

    def webhooks(self) -> list[WebhookView]:
        """All webhooks, those that ended too; oldest first."""
        ...

    def deliveries(
        self, webhook: str, *, limit: int = 50, after: Mark | None = None
    ) -> list[DeliveryView]: ...
