"""The provider's side: accounts, holds, captures, refunds, and keys it remembers for a while.

It fails on demand: declines, and loses a question or an answer. Whoever asks cannot tell the two
apart; money has moved in one of them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId
from tebura_contract.money import Money
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service.ports import (
    Answer,
    Approved,
    Declined,
    Movement,
    NoAnswer,
    ProviderCall,
    Terms,
)


class Fate(StrEnum):
    """What becomes of a call."""

    DONE = "done"
    DECLINED = "declined"
    LOST_QUESTION = "lost-question"  # nothing was done, nobody answers
    LOST_ANSWER = "lost-answer"  # it was done, nobody answers


FateOf = Callable[[Call, str], Fate]


@dataclass(frozen=True, slots=True)
class Entry:
    """What was made of one call."""

    call: Call
    key: str
    account: str
    amount: Money
    refers_to: str
    answer: Answer
    at_ns: int
    expires_ns: int | None = None


@dataclass
class Acquirer:
    """A provider in memory. `limit_of` tells what an account is good for, held and owed together.

    A key that comes again after the terms' lifetime moves money again.
    """

    terms: Terms
    now_ns: Callable[[], int]
    limit_of: Callable[[str], int | None]
    hold_s: float | None = None
    fate_of: FateOf = lambda *_: Fate.DONE
    book: list[Entry] = field(default_factory=list)
    asked: list[tuple[Call, str]] = field(default_factory=list)
    _by_key: dict[str, Entry] = field(default_factory=dict)
    _by_reference: dict[str, Entry] = field(default_factory=dict)
    _by_account: dict[str, list[Entry]] = field(default_factory=dict)
    _after: dict[str, list[Entry]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def authorize(self, key: str, account: MemberId, amount: Money) -> Answer:
        """Reserve an amount."""
        return self._take(Call.AUTHORIZE, key, account, amount, "")

    def capture(
        self, key: str, account: MemberId, amount: Money, authorization: str | None
    ) -> Answer:
        """Take an amount."""
        return self._take(Call.CAPTURE, key, account, amount, authorization or "")

    def void(self, key: str, authorization: str) -> Answer:
        """Release what was reserved."""
        return self._take(Call.VOID, key, "", Money(0, "JPY"), authorization)

    def refund(self, key: str, capture: str, amount: Money) -> Answer:
        """Give back what was captured."""
        return self._take(Call.REFUND, key, "", amount, capture)

    def find(self, call: ProviderCall) -> Answer | None:
        """What became of a key, as long as it is remembered."""
        with self._lock:
            entry = self._known(call.key)
        return entry.answer if entry is not None else None

    def movements(self, from_ns: int, to_ns: int) -> list[Movement]:
        """Captures and refunds in a span of time; an account's own list is never forgotten."""
        with self._lock:
            return [
                Movement(
                    call=entry.call,
                    key=entry.key,
                    reference=entry.answer.reference,
                    amount_minor=entry.amount.minor,
                    currency=entry.amount.currency,
                    at_ns=entry.at_ns,
                )
                for entry in self.book
                if entry.call in (Call.CAPTURE, Call.REFUND)
                and isinstance(entry.answer, Approved)
                and from_ns <= entry.at_ns < to_ns
            ]

    def moved_minor(self, call: Call, prefix: str = "") -> int:
        """The sum of all captures, or refunds, whose key begins like this."""
        return sum(entry.amount.minor for entry in self.done(call, prefix))

    def done(self, call: Call, prefix: str = "") -> list[Entry]:
        """What was done, and not declined."""
        return [
            entry
            for entry in self.book
            if entry.call is call
            and entry.key.startswith(prefix)
            and isinstance(entry.answer, Approved)
        ]

    def held_minor(self, account: str) -> int:
        """What is reserved and neither taken, released nor ended."""
        now_ns = self.now_ns()
        return sum(
            entry.amount.minor
            for entry in self._by_account.get(account, ())
            if entry.call is Call.AUTHORIZE
            and (entry.expires_ns is None or entry.expires_ns > now_ns)
            and not self._is_resolved(entry)
        )

    def _take(self, call: Call, key: str, account: str, amount: Money, refers_to: str) -> Answer:
        with self._lock:
            self.asked.append((call, key))
            fate = self.fate_of(call, key)
            if fate is Fate.LOST_QUESTION:
                raise NoAnswer("timed out")
            entry = self._known(key)
            if entry is None:
                entry = self._made(fate, Entry(call, key, account, amount, refers_to, _OPEN, 0))
                self._keep(entry)
            if fate is Fate.LOST_ANSWER:
                raise NoAnswer("timed out")
            return entry.answer

    def _known(self, key: str) -> Entry | None:
        entry, lifetime_s = self._by_key.get(key), self.terms.key_lifetime_s
        if entry is None or lifetime_s is None:
            return entry
        return entry if self.now_ns() - entry.at_ns <= lifetime_s * SECOND_NS else None

    def _keep(self, entry: Entry) -> None:
        self.book.append(entry)
        self._by_key[entry.key] = entry
        if isinstance(entry.answer, Approved):
            self._by_reference[entry.answer.reference] = entry
            self._by_account.setdefault(entry.account, []).append(entry)
            self._after.setdefault(entry.refers_to, []).append(entry)

    def _made(self, fate: Fate, asked: Entry) -> Entry:
        now_ns = self.now_ns()
        declined = Declined(reason="declined") if fate is Fate.DECLINED else self._refusal(asked)
        reference, expires_ns = f"{asked.call}-{len(self.book) + 1}", None
        if asked.call is Call.AUTHORIZE and self.hold_s is not None:
            expires_ns = now_ns + int(self.hold_s * SECOND_NS)
        answer = declined or Approved(reference=reference, expires_ns=expires_ns)
        target = self._by_reference.get(asked.refers_to)
        account = asked.account or (target.account if target is not None else "")
        return replace(asked, account=account, answer=answer, at_ns=now_ns, expires_ns=expires_ns)

    def _refusal(self, asked: Entry) -> Declined | None:
        match asked.call:
            case Call.AUTHORIZE:
                return self._no_room(asked)
            case Call.CAPTURE if not asked.refers_to:
                return self._no_room(asked)
            case Call.CAPTURE:
                return self._no_hold(asked)
            case Call.VOID:
                return self._no_hold(asked)
            case Call.REFUND:
                return self._nothing_to_give(asked)

    def _no_room(self, asked: Entry) -> Declined | None:
        limit_minor = self.limit_of(asked.account)
        if limit_minor is None:
            return Declined(reason="no such account")
        owed_minor = sum(
            (entry.amount.minor if entry.call is Call.CAPTURE else -entry.amount.minor)
            for entry in self._by_account.get(asked.account, ())
            if entry.call in (Call.CAPTURE, Call.REFUND)
        )
        used_minor = owed_minor + self.held_minor(asked.account) + asked.amount.minor
        return None if used_minor <= limit_minor else Declined(reason="over the limit")

    def _no_hold(self, asked: Entry) -> Declined | None:
        hold = self._named(Call.AUTHORIZE, asked.refers_to)
        if hold is None:
            return Declined(reason="no such hold")
        if self._is_resolved(hold):
            return Declined(reason="the hold was resolved before")
        if hold.expires_ns is not None and hold.expires_ns <= self.now_ns():
            return Declined(reason="the hold has ended", is_expired=True)
        is_more = asked.call is Call.CAPTURE and asked.amount.minor > hold.amount.minor
        return Declined(reason="more than was held") if is_more else None

    def _nothing_to_give(self, asked: Entry) -> Declined | None:
        taken = self._named(Call.CAPTURE, asked.refers_to)
        if taken is None:
            return Declined(reason="no such capture")
        given_minor = sum(
            e.amount.minor for e in self._after.get(asked.refers_to, ()) if e.call is Call.REFUND
        )
        is_more = given_minor + asked.amount.minor > taken.amount.minor
        return Declined(reason="more than was captured") if is_more else None

    def _is_resolved(self, hold: Entry) -> bool:
        assert isinstance(hold.answer, Approved)
        return bool(self._after.get(hold.answer.reference))

    def _named(self, call: Call, reference: str) -> Entry | None:
        entry = self._by_reference.get(reference)
        return entry if entry is not None and entry.call is call else None


_OPEN = Declined(reason="")
