"""Money held at a provider beside a settlement: at the entry, or left over from an attempt.

A hold costs nobody anything, but it keeps a shopper from their money: each one is used by its
visit's settlement, released, or known to have ended.
"""

from enum import StrEnum

import msgspec
from tebura_contract.ids import VisitId

from tebura_gateway.domain.settlement import Call


class HoldState(StrEnum):
    SENT = "sent"
    UNKNOWN = "unknown"  # sent, and nobody answered
    HELD = "held"
    USED = "used"  # a settlement captures from it
    RELEASING = "releasing"
    RELEASED = "released"
    REFUSED = "refused"
    LAPSED = "lapsed"  # ended by itself, or nobody can say any more


ASKED = frozenset({HoldState.SENT, HoldState.UNKNOWN, HoldState.RELEASING})
"""What waits for the provider."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One reservation. Its name is the key it was asked for under."""

    name: str
    visit: VisitId
    provider: str
    account: str
    state: HoldState
    amount_minor: int
    currency: str
    reference: str = ""
    expires_ns: int | None = None
    is_wanted: bool = True
    since_ns: int
    tries: int = 0

    @property
    def void_key(self) -> str:
        return f"{self.name}:void"

    def covers(self, amount_minor: int, until_ns: int) -> bool:
        """Whether a bill can be taken out of it as late as `until_ns`."""
        lasts = self.expires_ns is None or self.expires_ns > until_ns
        return self.state is HoldState.HELD and lasts and self.amount_minor >= amount_minor


def call_of(hold: Hold) -> tuple[Call, str]:
    """What the provider is asked while it waits, and under which key."""
    assert hold.state in ASKED
    if hold.state is HoldState.RELEASING:
        return Call.VOID, hold.void_key
    return Call.AUTHORIZE, hold.name


def approved(hold: Hold, reference: str, expires_ns: int | None) -> Hold:
    """The provider did what was asked."""
    match hold.state:
        case HoldState.SENT | HoldState.UNKNOWN:
            held = msgspec.structs.replace(
                hold, state=HoldState.HELD, reference=reference, expires_ns=expires_ns, tries=0
            )
            # Nobody wants it any more: the visit ended while the answer was under way.
            return held if hold.is_wanted else let_go(held)
        case _:
            assert hold.state is HoldState.RELEASING, f"{hold.name} is {hold.state}"
            return msgspec.structs.replace(hold, state=HoldState.RELEASED, tries=0)


def declined(hold: Hold) -> Hold:
    """The provider will not; a release it refuses has nothing left to release."""
    is_releasing = hold.state is HoldState.RELEASING
    after = HoldState.LAPSED if is_releasing else HoldState.REFUSED
    return msgspec.structs.replace(hold, state=after, tries=0)


def unanswered(hold: Hold) -> Hold:
    """Nobody knows: it is asked about, under the same key."""
    state = HoldState.RELEASING if hold.state is HoldState.RELEASING else HoldState.UNKNOWN
    return msgspec.structs.replace(hold, state=state, tries=hold.tries + 1)


def used(hold: Hold) -> Hold:
    """A settlement takes its money from it."""
    assert hold.state is HoldState.HELD
    return msgspec.structs.replace(hold, state=HoldState.USED)


def let_go(hold: Hold) -> Hold:
    """Nobody wants it any more. What is still being asked for is released once it is known."""
    held = hold.state in (HoldState.HELD, HoldState.USED)
    return msgspec.structs.replace(
        hold, is_wanted=False, state=HoldState.RELEASING if held else hold.state
    )


def lapsed(hold: Hold) -> Hold:
    """It ended by itself."""
    return msgspec.structs.replace(hold, state=HoldState.LAPSED)
