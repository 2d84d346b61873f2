"""How a visit turns into money: a pure state machine, each arrow one transaction of the service.

``open → exited → priced → auth-sent → authorized → capture-sent → settled``, with ``review``
before pricing, ``unknown`` while a provider has not answered, ``unpaid`` after a decline and
``void`` where nothing is to pay. Settled and void are final: nothing leaves them.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.ids import VisitId


class State(StrEnum):
    OPEN = "open"
    EXITED = "exited"
    REVIEW = "review"
    PRICED = "priced"
    AUTH_SENT = "auth-sent"
    AUTHORIZED = "authorized"
    CAPTURE_SENT = "capture-sent"
    UNKNOWN = "unknown"
    UNPAID = "unpaid"
    SETTLED = "settled"
    VOID = "void"


MOST_LAPSES = 3
"""So often a hold that ended before its capture is made anew; then a person looks."""
FINAL = frozenset({State.SETTLED, State.VOID})
UNPRICED = frozenset({State.OPEN, State.EXITED, State.REVIEW})
SENT = frozenset({State.AUTH_SENT, State.CAPTURE_SENT})


class Why(StrEnum):
    """Why a visit is in its state."""

    NONE = ""
    NOTHING_TAKEN = "nothing-taken"
    STAFF = "staff"
    NO_WORD = "no-word"  # a node has not reported past the exit
    STEPS = "steps"  # some steps are in doubt
    CART = "cart"  # a line that cannot be charged: negative, or without a price
    PRESENCE = "presence"  # its end was not seen
    DECLINED = "declined"
    NO_ANSWER = "no-answer"
    FREE = "free"
    BY_HAND = "by-hand"  # a person looked the payment up at the provider


class VisitRuling(StrEnum):
    """What staff said about a visit as a whole: go on with what is decided, or charge nothing."""

    NONE = ""
    ACCEPT = "accept"
    VOID = "void"


class Call(StrEnum):
    """What is asked of a payment provider."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Where a visit's money stands. Keys are stored before they are first sent, and kept.

    `attempt` counts definite declines: a new attempt has new keys, a retry has the old ones.
    `lapses` counts holds that ended before they were captured.
    """

    visit: VisitId
    state: State
    why: Why = Why.NONE
    # Who is asked for the money; set with the price. "": the shop's own provider.
    provider: str = ""
    amount_minor: int = 0
    currency: str = ""
    attempt: int = 1
    authorize_key: str = ""
    authorize_reference: str = ""
    capture_key: str = ""
    capture_reference: str = ""
    asking: Call | None = None
    tries: int = 0  # sends and unanswered questions since the last answer
    first_sent_ns: Ns | None = None
    declined: str = ""
    lapses: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known about the visit now."""

    has_exited: bool
    is_complete: bool  # every node has reported past the exit
    is_overdue: bool  # and they had time enough
    has_doubtful_steps: bool
    is_empty: bool  # nothing decided, nothing in doubt
    is_chargeable: bool  # each decided line positive and priced
    has_doubtful_end: bool
    ruling: VisitRuling = VisitRuling.NONE


@dataclass(frozen=True, slots=True)
class Become:
    """Change state; nobody outside is asked."""

    state: State
    why: Why = Why.NONE


@dataclass(frozen=True, slots=True)
class Price:
    """Freeze the cart into a bill."""


@dataclass(frozen=True, slots=True)
class Send:
    """Ask the provider to do it, under a key that is stored first."""

    call: Call
    key: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the provider what became of a key."""

    call: Call
    key: str


@dataclass(frozen=True, slots=True)
class UseHold:
    """Take the money out of what was held at the entry."""

    reference: str


Action = Become | Price | Send | Ask | UseHold
"""What to do next; None stands for waiting."""


def next_action(now: Settlement, outlook: Outlook, holds: bool, held: str = "") -> Action | None:
    """The next step of a visit's settlement, or None to wait.

    Args:
        now: Where it stands.
        outlook: What is known about the visit.
        holds: Whether the provider can hold money; if not, it charges at once.
        held: The provider's name of a hold that covers the amount, if there is one.
    """
    match now.state:
        case State.OPEN:
            return Become(State.EXITED) if outlook.has_exited else None
        case State.EXITED | State.REVIEW:
            wanted = _before_pricing(outlook)
            is_change = not isinstance(wanted, Become) or (wanted.state, wanted.why) != (
                now.state,
                now.why,
            )
            return wanted if is_change else None
        case State.PRICED:
            if now.amount_minor == 0:
                return Become(State.SETTLED, Why.FREE)
            if held:
                return UseHold(held)
            call = Call.AUTHORIZE if holds else Call.CAPTURE
            return Send(call, key_of(now, call))
        case State.AUTHORIZED:
            return Send(Call.CAPTURE, key_of(now, Call.CAPTURE))
        case State.UNKNOWN:
            assert now.asking is not None
            return Ask(now.asking, key_of(now, now.asking))
        case State.UNPAID:
            return Become(State.VOID, Why.STAFF) if outlook.ruling is VisitRuling.VOID else None
        case State.AUTH_SENT | State.CAPTURE_SENT | State.SETTLED | State.VOID:
            return None


def _before_pricing(outlook: Outlook) -> Become | Price:
    is_accepted = outlook.ruling is VisitRuling.ACCEPT
    if outlook.ruling is VisitRuling.VOID:
        return Become(State.VOID, Why.STAFF)
    if not outlook.has_exited:
        return Become(State.OPEN)
    if not outlook.is_complete and not is_accepted:
        return Become(State.REVIEW, Why.NO_WORD) if outlook.is_overdue else Become(State.EXITED)
    if outlook.has_doubtful_steps:
        return Become(State.REVIEW, Why.STEPS)
    if outlook.is_empty:
        return Become(State.VOID, Why.NOTHING_TAKEN)
    if outlook.has_doubtful_end and not is_accepted:
        return Become(State.REVIEW, Why.PRESENCE)
    if not outlook.is_chargeable:
        return Become(State.REVIEW, Why.CART)
    return Price()


def key_of(now: Settlement, call: Call) -> str:
    """The idempotency key of a call: the stored one, else the one this attempt gets."""
    stored = now.authorize_key if call is Call.AUTHORIZE else now.capture_key
    return stored or f"{now.visit}:{call.value}:{now.attempt}"


def become(now: Settlement, state: State, why: Why = Why.NONE) -> Settlement:
    """Change state; a final one never changes."""
    assert now.state not in FINAL, f"{now.visit} is {now.state}: final means final"
    return msgspec.structs.replace(now, state=state, why=why)


def priced(now: Settlement, amount_minor: int, currency: str, provider: str = "") -> Settlement:
    """Fix the amount and who is asked for it; from here on the bill does not change."""
    assert now.state in UNPRICED, f"{now.visit} is {now.state}: priced before"
    assert amount_minor >= 0
    return msgspec.structs.replace(
        become(now, State.PRICED),
        amount_minor=amount_minor,
        currency=currency,
        provider=provider,
    )


def with_hold(now: Settlement, reference: str) -> Settlement:
    """What was held at the entry covers the bill: it counts as this bill's authorization."""
    assert now.state is State.PRICED
    return msgspec.structs.replace(
        become(now, State.AUTHORIZED), authorize_reference=reference, first_sent_ns=None
    )


def sent(now: Settlement, call: Call, at_ns: int) -> Settlement:
    """Note the intent, with its key, before the provider hears of it."""
    key = key_of(now, call)
    first_ns = now.first_sent_ns if now.first_sent_ns is not None else Ns(at_ns)
    if call is Call.AUTHORIZE:
        assert now.state in (State.PRICED, State.UNKNOWN)
        after = become(now, State.AUTH_SENT)
        return msgspec.structs.replace(
            after, authorize_key=key, asking=None, tries=now.tries + 1, first_sent_ns=first_ns
        )
    assert now.state in (State.PRICED, State.AUTHORIZED, State.UNKNOWN)
    after = become(now, State.CAPTURE_SENT)
    return msgspec.structs.replace(
        after, capture_key=key, asking=None, tries=now.tries + 1, first_sent_ns=first_ns
    )


def approved(now: Settlement, call: Call, reference: str) -> Settlement:
    """The provider did it."""
    _expect(now, call)
    if call is Call.AUTHORIZE:
        return msgspec.structs.replace(
            become(now, State.AUTHORIZED),
            authorize_reference=reference,
            asking=None,
            tries=0,
            first_sent_ns=None,
        )
    return msgspec.structs.replace(
        become(now, State.SETTLED), capture_reference=reference, asking=None, tries=0
    )


def declined(now: Settlement, call: Call, text: str) -> Settlement:
    """The provider said no, for good under this key."""
    _expect(now, call)
    return msgspec.structs.replace(
        become(now, State.UNPAID, Why.DECLINED), asking=None, tries=0, declined=text
    )


def unanswered(now: Settlement, call: Call) -> Settlement:
    """Nobody knows whether the provider did it: ask, under the same key."""
    _expect(now, call)
    after = become(now, State.UNKNOWN, Why.NO_ANSWER)
    return msgspec.structs.replace(after, asking=call, tries=now.tries + 1)


def never_arrived(now: Settlement, call: Call) -> Settlement:
    """The provider has never heard of the key: send it again, the same."""
    assert now.state is State.UNKNOWN
    assert now.asking is call
    before = State.AUTHORIZED if now.authorize_reference else State.PRICED
    return msgspec.structs.replace(become(now, before), asking=None)


def lapsed(now: Settlement, call: Call) -> Settlement:
    """The hold had ended before its capture, and nothing was taken: hold again, under new keys."""
    assert call is Call.CAPTURE
    _expect(now, call)
    assert now.authorize_reference
    assert now.lapses < MOST_LAPSES
    again = _new_attempt(msgspec.structs.replace(now, lapses=now.lapses + 1))
    return msgspec.structs.replace(again, asking=None)


def tried_again(now: Settlement) -> Settlement:
    """After a decline: a new attempt with new keys."""
    assert now.state is State.UNPAID
    return _new_attempt(now)


def looked_up(now: Settlement, reference: str | None) -> Settlement:
    """A person asked the provider what became of a key that it no longer remembers by itself.

    Args:
        now: A settlement that is unknown.
        reference: The provider's name of the payment; None: there is none.
    """
    assert now.state is State.UNKNOWN
    assert now.asking is not None
    if reference is None:
        after = declined(now, now.asking, "never-arrived")
        return msgspec.structs.replace(after, why=Why.BY_HAND)
    assert now.asking is Call.CAPTURE, "a hold is no payment"
    return msgspec.structs.replace(approved(now, now.asking, reference), why=Why.BY_HAND)


def _new_attempt(now: Settlement) -> Settlement:
    return msgspec.structs.replace(
        become(now, State.PRICED),
        attempt=now.attempt + 1,
        authorize_key="",
        authorize_reference="",
        capture_key="",
        tries=0,
        first_sent_ns=None,
        declined="",
    )


def expects(now: Settlement, call: Call, key: str) -> bool:
    """Whether an answer to this call is still waited for; a second one is not."""
    is_sent = now.state is (State.AUTH_SENT if call is Call.AUTHORIZE else State.CAPTURE_SENT)
    is_asking = now.state is State.UNKNOWN and now.asking is call
    return (is_sent or is_asking) and key_of(now, call) == key


def _expect(now: Settlement, call: Call) -> None:
    assert expects(now, call, key_of(now, call)), f"{now.visit} is {now.state}: no {call} is out"
