"""The gateway's tables. Every one is keyed by store.

Times are store time in nanoseconds. Documents (`cart`, `bill`, ...) are JSON text of the type named
beside them, written and read by the contract's codec.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
RowId = BigInteger().with_variant(Integer, "sqlite")

_IS_LATE = text("late_ns IS NOT NULL")


def _store() -> Column[str]:
    return Column("store", String(63), primary_key=True)


inbox = Table(
    "inbox",
    metadata,
    _store(),
    Column("node", String(63), primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("began_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger, nullable=False),
    Column("published_ns", BigInteger, nullable=False),
    Column("uncertainty_ns", BigInteger, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    # Space-separated FactFlag: future, past, unreadable.
    Column("flags", String(64), nullable=False, default=""),
    Column("envelope", LargeBinary, nullable=False),
    Index("inbox_began", "store", "began_ns"),
)
"""Every event the gateway has acknowledged, as it came (`envelope` is the sealed original)."""

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("store", String(63), nullable=False, index=True),
    Column("received_ns", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("node", String(63)),
    # DeadReason: forged, malformed, oversize, unknown-node, wrong-topic, unknown-kind
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # At most 64 KiB of the message.
    Column("raw", LargeBinary, nullable=False),
)
"""What came in and is no event of ours, kept for staff; bounded, oldest go first."""

node = Table(
    "node",
    metadata,
    _store(),
    Column("node", String(63), primary_key=True),
    # NodeStatus: online, offline (said by itself or by its last will), silent (15 s without a word)
    Column("status", String(16), nullable=False),
    Column("status_since_ns", BigInteger, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
    Column("boot", BigInteger),
    Column("version", String(64), nullable=False, default=""),
    Column("waiting", Integer, nullable=False, default=0),
    Column("clock_uncertainty_ns", BigInteger),
    Column("inference", String(128), nullable=False, default=""),
    Column("parts", Text, nullable=False, default="[]"),  # tuple[messages.Part, ...]
    # The believed watermark: everything that began before is here.
    Column("through_ns", BigInteger),
    Column("missing", Integer, nullable=False, default=0),  # events known to be lost or late
)

node_boot = Table(
    "node_boot",
    metadata,
    _store(),
    Column("node", String(63), primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    # Every seq up to here is in the inbox; -1: none.
    Column("contiguous_seq", BigInteger, nullable=False),
    Column("highest_seq", BigInteger, nullable=False),
)

member = Table(
    "member",
    metadata,
    _store(),
    Column("member", String(15), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("locale", String(16), nullable=False, default="ja"),
    Column("house_limit_minor", BigInteger, nullable=False),
    # MemberStatus: active, blocked
    Column("status", String(16), nullable=False, default="active"),
    # MemberRole: shopper, staff (their visits fill up or clear away)
    Column("role", String(16), nullable=False, default="shopper", server_default="shopper"),
    # events.RefusalReason that gates were last told, or "": they let this member in.
    Column("barred", String(16), nullable=False, default="", server_default=""),
    Column("created_ns", BigInteger, nullable=False),
    Index("member_role", "store", "role"),
)

visit = Table(
    "visit",
    metadata,
    _store(),
    Column("visit", String(120), primary_key=True),
    # "" for a walk-up, who has no account.
    Column("member", String(15), nullable=False),
    Column("gate", String(63), nullable=False),
    Column("people", Integer, nullable=False, default=1),
    # settlement.State: open, exited, priced, auth-sent, authorized, capture-sent, settled,
    # review, void, unpaid, unknown
    Column("state", String(16), nullable=False),
    # settlement.Reason or "": why it is in this state
    Column("reason", String(64), nullable=False, default=""),
    Column("entered_ns", BigInteger, nullable=False),
    Column("exited_ns", BigInteger),
    Column("tracks", Text, nullable=False, default="[]"),  # tuple[TrackId, ...]
    Column("doubt", String(64), nullable=False, default=""),  # presence.Doubt or ""
    Column("cart", Text, nullable=False),  # cart.Cart
    # The decided lines at today's prices until priced; then what is owed.
    Column("total_minor", BigInteger, nullable=False, default=0),
    Column("currency", String(3), nullable=False),
    Column("bill", Text),  # pricing.Bill, frozen when priced
    # tuple[pricing.Discount, ...]: what promotions are off the decided lines until priced
    Column("discounts", Text, nullable=False, default="[]", server_default="[]"),
    # Whether it is eaten in the shop: another rate of tax.
    Column("eats_in", Boolean, nullable=False, default=False, server_default=false()),
    # checkout.Confirmation: what a walk-up confirmed at the exit screen
    Column("confirmed", Text),
    # When staff said that it had ended, where nobody saw it end.
    Column("closed_ns", BigInteger),
    Column("deadline_ns", BigInteger),  # exit + 60 s: without watermarks, review
    # Until when it is not billed, so that staff can take an answer back.
    Column("held_until_ns", BigInteger),
    Column("state_since_ns", BigInteger, nullable=False),
    Column("priced_ns", BigInteger),
    Column("final_ns", BigInteger),
    # When a fact about it came after it was priced, until that has been looked at.
    Column("late_ns", BigInteger),
    # What staff ruled on the visit as a whole: "", accept, void
    Column("ruling", String(16), nullable=False, default=""),
    Column("ruled_by", String(64), nullable=False, default=""),
    Index("visit_entered", "store", "entered_ns"),
    Index("visit_state", "store", "state"),
    Index("visit_member", "store", "member", "entered_ns"),
    Index("visit_late", "store", "entered_ns", sqlite_where=_IS_LATE, postgresql_where=_IS_LATE),
)

decision = Table(
    "decision",
    metadata,
    _store(),
    Column("event", String(120), primary_key=True),  # str(EventId) of the step
    Column("at_ns", BigInteger, nullable=False),  # when the step began
    Column("shelf", String(200), nullable=False),
    Column("visit", String(120)),
    # judgement.Status: checking, decided, review
    Column("status", String(16), nullable=False),
    Column("sku", String(200)),
    Column("quantity", Integer, nullable=False),  # signed: + taken, - put back
    Column("confidence", Float, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("document", Text, nullable=False),  # judgement.Decision
    # What the node was last told ("" nothing yet), as "sku|quantity".
    Column("told", String(220), nullable=False, default=""),
    Index("decision_visit", "store", "visit", "at_ns"),
    Index("decision_at", "store", "at_ns"),
)

ruling = Table(
    "ruling",
    metadata,
    _store(),
    Column("event", String(120), primary_key=True),
    Column("visit", String(120)),
    Column("sku", String(200)),
    Column("quantity", Integer, nullable=False),  # signed; 0 means no line
    Column("at_ns", BigInteger, nullable=False),  # when the step began
    Column("ruled_by", String(64), nullable=False),
    Column("ruled_ns", BigInteger, nullable=False),
)
"""What staff said a step was. Wins over the judgement."""

stock_move = Table(
    "stock_move",
    metadata,
    _store(),
    Column("event", String(120), primary_key=True),  # str(EventId) of the decided step
    # A facing, or for what does not belong there the shelf.
    Column("place", String(200), nullable=False),
    Column("sku", String(200), nullable=False),
    Column("change", Integer, nullable=False),  # signed: + came, - left
    Column("at_ns", BigInteger, nullable=False),  # when the step began
    Index("stock_move_slot", "store", "place", "sku", "at_ns"),
)
"""What decided steps did to the stock; follows every correction of a decision."""

stock_count = Table(
    "stock_count",
    metadata,
    _store(),
    Column("place", String(200), primary_key=True),
    Column("sku", String(200), primary_key=True),
    Column("at_ns", BigInteger, primary_key=True),
    Column("counted", Integer, nullable=False),
    # By the book, by all that is known now; NULL: nobody had counted before.
    Column("expected", Integer),
    Column("by", String(64), nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
)
"""What staff counted: the record of shrinkage."""

stock = Table(
    "stock",
    metadata,
    _store(),
    Column("place", String(200), primary_key=True),
    Column("sku", String(200), primary_key=True),
    Column("expected", Integer),  # pieces now; NULL before the first count
    Column("moved", Integer, nullable=False),  # since the last count
    Column("counted_ns", BigInteger),
)

review = Table(
    "review",
    metadata,
    _store(),
    # step:EVENT, visit:VISIT, late:VISIT:SKU, dispute:VISIT:SKU:N, event:EVENT, payment:VISIT,
    # stock:PLACE:SKU:COUNTED
    Column("review", String(300), primary_key=True),
    Column("kind", String(16), nullable=False),  # ReviewKind: the word before the first colon
    Column("visit", String(120)),
    Column("event", String(120)),
    Column("sku", String(200)),
    Column("quantity", Integer, nullable=False, default=0),  # signed, proposed
    Column("reason", String(64), nullable=False),
    Column("risk_minor", BigInteger, nullable=False, default=0),  # money at risk
    Column("evidence", Text, nullable=False, default="null"),  # judgement.Decision or null
    # ReviewState: open, closed (somebody decided), withdrawn (answered itself)
    Column("state", String(16), nullable=False),
    Column("opened_ns", BigInteger, nullable=False),
    Column("closed_ns", BigInteger),
    Column("outcome", String(16), nullable=False, default=""),  # accept, change, void
    Column("closed_by", String(64), nullable=False, default=""),
    Index("review_state", "store", "state", "opened_ns"),
    Index("review_visit", "store", "visit"),
)

settlement = Table(
    "settlement",
    metadata,
    _store(),
    Column("visit", String(120), primary_key=True),
    Column("document", Text, nullable=False),  # settlement.Settlement: amount, keys, references
    Column("next_try_ns", BigInteger),  # when the timer calls the provider (again)
    Index("settlement_due", "store", "next_try_ns"),
)

hold = Table(
    "hold",
    metadata,
    _store(),
    Column("hold", String(200), primary_key=True),  # also the idempotency key
    Column("visit", String(120), nullable=False),
    # HoldState: sent, unknown, held, used, releasing, released, refused, lapsed
    Column("state", String(16), nullable=False),
    Column("document", Text, nullable=False),  # hold.Hold
    Column("next_try_ns", BigInteger),
    Index("hold_visit", "store", "visit"),
    Index("hold_due", "store", "next_try_ns"),
)
"""Money held beside settlements: at the entry, or left over from an attempt that took nothing."""

receipt = Table(
    "receipt",
    metadata,
    _store(),
    Column("number", BigInteger, primary_key=True),  # 1, 2, 3 ... without a gap
    Column("visit", String(120), nullable=False),
    Column("member", String(15), nullable=False),
    Column("issued_ns", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("document", Text, nullable=False),  # receipt.Receipt
    Index("receipt_visit", "store", "visit", unique=True),
)

refund = Table(
    "refund",
    metadata,
    _store(),
    Column("refund", String(200), primary_key=True),  # also the idempotency key
    Column("visit", String(120), nullable=False),
    # RefundState: proposed, sent, done, refused
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("by", String(64), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("number", BigInteger),  # of the credit note, once done
    Column("document", Text, nullable=False),  # receipt.CreditNote
    Column("created_ns", BigInteger, nullable=False),
    Column("done_ns", BigInteger),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_try_ns", BigInteger),
    Index("refund_visit", "store", "visit"),
    Index("refund_due", "store", "next_try_ns"),
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("store", String(63), nullable=False),
    Column("posting", String(200), nullable=False),  # entries of one posting sum to zero
    Column("line", Integer, nullable=False),
    Column("account", String(200), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # debit positive, credit negative
    Column("currency", String(3), nullable=False),
    Column("visit", String(120)),
    Column("booked_ns", BigInteger, nullable=False),
    Index("ledger_posting", "store", "posting", "line", unique=True),
)
"""Immutable: rows are only ever added."""

house_account_entry = Table(
    "house_account_entry",
    metadata,
    _store(),
    Column("key", String(200), primary_key=True),  # the caller's idempotency key
    Column("kind", String(16), nullable=False),  # authorization, capture, void, refund
    Column("account", String(63), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("refers_to", String(200)),
    Column("declined", String(64), nullable=False, default=""),
    Column("booked_ns", BigInteger, nullable=False),
    Index("house_account", "store", "account"),
    Index("house_refers", "store", "refers_to"),
)
"""The house account provider's own book, behind its port: nobody else reads it."""

payment_account = Table(
    "payment_account",
    metadata,
    _store(),
    Column("provider", String(32), primary_key=True),
    Column("member", String(15), primary_key=True),
    Column("customer", String(255), nullable=False),
    Column("method", String(255), nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)
"""A member's names at a payment provider outside. No card numbers: those stay over there."""

enrolment = Table(
    "enrolment",
    metadata,
    _store(),
    Column("provider", String(32), primary_key=True),
    Column("session", String(255), primary_key=True),  # the provider's name for it
    Column("member", String(15), nullable=False),
    Column("begun_ns", BigInteger, nullable=False),
    Column("done_ns", BigInteger),
    Index("enrolment_member", "store", "member"),
)
"""Members on their way to a provider outside, to say there what they pay with."""

payment_hint = Table(
    "payment_hint",
    metadata,
    _store(),
    Column("provider", String(32), primary_key=True),
    Column("hint", String(255), primary_key=True),  # the provider's name for it
    Column("received_ns", BigInteger, nullable=False),
)
"""Hints of providers that were taken, for a day: the same again has no effect."""

price = Table(
    "price",
    metadata,
    _store(),
    Column("sku", String(200), primary_key=True),
    Column("from_ns", BigInteger, primary_key=True),
    Column("price_minor", BigInteger, nullable=False),
    Index("price_from", "store", "from_ns"),
)
"""What articles cost since when, as the gateway took it up from its configuration."""

closing = Table(
    "closing",
    metadata,
    _store(),
    Column("day", String(10), primary_key=True),  # ISO date in the store's time
    Column("until_ns", BigInteger, nullable=False),  # everything booked before is in it
    Column("closed_ns", BigInteger, nullable=False),
    Column("document", Text, nullable=False),  # closing.DayClosing
)
"""Days that were closed, in order; immutable."""

command = Table(
    "command",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("store", String(63), nullable=False, index=True),
    Column("node", String(63), nullable=False),
    Column("payload", LargeBinary, nullable=False),  # messages.Command
    Column("created_ns", BigInteger, nullable=False),
)
"""Commands the broker has not taken yet."""

change = Table(
    "change",
    metadata,
    Column("seq", RowId, primary_key=True, autoincrement=True),
    Column("store", String(63), nullable=False, index=True),
    Column("at_ns", BigInteger, nullable=False),
    # visit, node, review, receipt, refund, member, stock, dead-letter
    Column("kind", String(16), nullable=False),
    Column("ref", String(300), nullable=False),
)
"""What changed, in order: the streams read on from the last seq they sent; bounded."""

turn = Table(
    "turn",
    metadata,
    _store(),
    # Grows with each transaction that wrote something.
    Column("number", BigInteger, nullable=False, default=0),
    # Which gateway lets time pass, and until when nobody else may.
    Column("leader", String(120), nullable=False, default=""),
    Column("leads_until_ns", BigInteger, nullable=False, default=0),
)
"""Where several gateways serve a store from one database: how they tell what the others did."""

counter = Table(
    "counter",
    metadata,
    _store(),
    Column("name", String(32), primary_key=True),  # receipt, credit-note
    Column("value", BigInteger, nullable=False),
)

coupon = Table(
    "coupon",
    metadata,
    _store(),
    Column("coupon", String(64), primary_key=True),
    Column("member", String(15), nullable=False),
    Column("promotion", String(40), nullable=False),  # id of a promotions.Coupon
    Column("issued_ns", BigInteger, nullable=False),
    Column("used_visit", String(120)),
    Column("used_ns", BigInteger),
    Index("coupon_member", "store", "member"),
)
"""What a member holds and may use once."""

used_link = Table(
    "used_link",
    metadata,
    _store(),
    Column("nonce", String(64), primary_key=True),
    Column("expires_ns", BigInteger, nullable=False),
)
"""Sign-in links that opened once; a row is dropped when the link would have expired anyway."""
