"""What really happened in a recording, and what a replay says happened: the reference schemas.

`Truth` is the form of ``truth.json``; `Outcome` of each line of ``tebura-simulate replay --json``.
"""

from enum import StrEnum

import msgspec


class OutcomeKind(StrEnum):
    """`REFILL` is stock that staff brought; nobody is credited for it."""

    PICK = "pick"
    RETURN = "return"
    REVIEW = "review"
    FOREIGN = "foreign"
    REFILL = "refill"


class TrueEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something was taken or put back.

    Times in seconds since the recording's first sample, names as in the layout; `shopper` names
    who, where the recording knows. A `foreign` or `refill` event is no shopper's business: `sku` is
    empty for what is no product, and whoever claims a pick or return there is wrong.
    """

    kind: OutcomeKind
    time_s: float
    gondola: int | str
    shelf: int | str
    plates: tuple[int | str, ...] = ()
    sku: str
    quantity: int = 1
    shopper: str = ""


class TrueReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a shopper should pay for in the end: article to quantity; empty for nothing."""

    shopper: str
    items: dict[str, int]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    schema_version: int = 1
    events: tuple[TrueEvent, ...] = ()
    receipts: tuple[TrueReceipt, ...] = ()


class OutcomeCandidate(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    quantity: int
    probability: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a replay.

    `time_s` is the start of the step since the first sample; `delta_g` is negative for what was
    removed; `track` and `visit` are null where nobody is known.
    """

    kind: OutcomeKind
    time_s: float
    gondola: int | str
    shelf: int | str
    plates: tuple[int | str, ...]
    sku: str | None
    quantity: int
    delta_g: float
    confidence: float
    candidates: tuple[OutcomeCandidate, ...]
    track: str | None = None
    visit: str | None = None
    reason: str = ""


def layout_name(text: str) -> int | str:
    """A name as the layout's author wrote it: a number where it is one.

    >>> layout_name("7"), layout_name("left")
    (7, 'left')
    """
    return int(text) if text.isdecimal() else text
