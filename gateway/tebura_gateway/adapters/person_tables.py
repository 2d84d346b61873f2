"""Tables of what only concerns a person: what they agreed to, their sealed face, their opinion.

In the same metadata as `tables`, keyed by store like those; no fact about money is kept here.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table

from tebura_gateway.adapters.tables import metadata


def _store() -> Column[str]:
    return Column("store", String(63), primary_key=True)


consent = Table(
    "consent",
    metadata,
    _store(),
    Column("member", String(15), primary_key=True),
    Column("kind", String(16), primary_key=True),  # consents.ConsentKind: face, hands-free
    Column("given_ns", BigInteger, primary_key=True),
    Column("version", String(16), nullable=False),  # of the text that they read
    Column("language", String(8), nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of exactly that text
    Column("withdrawn_ns", BigInteger),
    Index("consent_given", "store", "given_ns"),
)
"""Who agreed to what, when, in which words. Kept for a year after it was withdrawn, as a proof."""

face = Table(
    "face",
    metadata,
    _store(),
    Column("member", String(15), primary_key=True),
    Column("network", String(64), nullable=False),  # which one it is a template of
    # Nonce and AES-256-GCM ciphertext: `service.sealing`.
    Column("sealed", LargeBinary, nullable=False),
    Column("enrolled_ns", BigInteger, nullable=False),
)
"""Templates that nobody here can open: a half of each key lies on its owner's phone."""

opinion = Table(
    "opinion",
    metadata,
    _store(),
    Column("visit", String(120), primary_key=True),
    Column("motive", String(16), nullable=False),  # opinions.Motive
    Column("comes_again", Boolean),  # None: not said
    Column("told_ns", BigInteger, nullable=False),
    Index("opinion_told", "store", "told_ns"),
)
"""What a shopper said after the receipt, if they wanted to: shown only as a sum over many."""
