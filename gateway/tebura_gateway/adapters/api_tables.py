"""Tables of what programs outside are told and may ask: keys, answers given, webhooks.

In the same metadata as `tables`, keyed by store like those; no fact about money is kept here.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from tebura_gateway.adapters.tables import metadata


def _store() -> Column[str]:
    return Column("store", String(63), primary_key=True)


api_key = Table(
    "api_key",
    metadata,
    _store(),
    Column("prefix", String(16), primary_key=True),  # the part that a person may see again
    Column("name", String(40), nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of the whole key, in hex
    Column("scopes", Text, nullable=False),  # api_keys.Scope, separated by spaces
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger),  # to the minute
    Column("revoked_ns", BigInteger),
)
"""Keys of programs. The key itself is shown once and kept nowhere."""

api_answer = Table(
    "api_answer",
    metadata,
    _store(),
    Column("caller", String(40), primary_key=True),
    Column("key", String(200), primary_key=True),  # the caller's Idempotency-Key
    Column("digest", String(64), nullable=False),  # SHA-256 of what was asked
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("asked_ns", BigInteger, nullable=False),
    Index("api_answer_asked", "store", "asked_ns"),
)
"""What unsafe calls were answered, in the transaction of their effect; a row lasts a day."""

webhook = Table(
    "webhook",
    metadata,
    _store(),
    Column("webhook", String(32), primary_key=True),
    Column("url", String(500), nullable=False),
    Column("kinds", Text, nullable=False),  # domain.webhook.KINDS, separated by spaces
    Column("created_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
)
"""Who is told what. Its secret is made from the HTTP secret and its name, and kept nowhere."""

delivery = Table(
    "delivery",
    metadata,
    _store(),
    Column("webhook", String(32), primary_key=True),
    Column("message", String(400), primary_key=True),  # the CloudEvents id
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    # outgoing.DeliveryState: waiting, done, dead
    Column("state", String(16), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("next_try_ns", BigInteger),  # while waiting
    Column("answer", String(200), nullable=False, default=""),  # of the last try
    Column("done_ns", BigInteger),  # when it came through, or was given up
    Index("delivery_due", "store", "state", "next_try_ns"),
    Index("delivery_created", "store", "webhook", "created_ns"),
)
"""Facts on their way out, in the transaction of the fact; pruned some time after they are done."""

online_account = Table(
    "online_account",
    metadata,
    _store(),
    Column("member", String(15), primary_key=True),
    Column("email", String(254), nullable=False, default=""),
    Column("subject", String(200), nullable=False, default=""),  # the online shop's name for them
    Column("changed_ns", BigInteger, nullable=False),
    Index("online_account_subject", "store", "subject"),
)
"""Who a member is at the online shop, as they or that shop said: either is enough."""

purchase = Table(
    "purchase",
    metadata,
    _store(),
    Column("visit", String(120), primary_key=True),
    Column("member", String(15), nullable=False),
    # online_shop.PurchaseState: waiting, done, given-up
    Column("state", String(16), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("waits_ns", BigInteger, nullable=False),  # since when something of it is untold
    # The order over there, stored before anybody can see it; "" until it is opened.
    Column("order_name", String(200), nullable=False, default=""),
    Column("notes", Integer, nullable=False, default=0),  # credit notes that are told
    Column("tries", Integer, nullable=False, default=0),
    Column("next_try_ns", BigInteger),  # while waiting
    Column("answer", String(200), nullable=False, default=""),  # why not yet
    Index("purchase_due", "store", "state", "next_try_ns"),
    Index("purchase_member", "store", "member"),
)
"""Receipts on their way into members' orders at the online shop, in the receipt's transaction."""
