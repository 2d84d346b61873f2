"""The phones' halves, lent to the shop: in memory only, each until a moment not far away.

A phone lends its half while it shows the code, and again every few seconds; a member who comes in
hands free lends it for half a day and may take it back at any time. A restart of the gateway
forgets them all.
"""

from dataclasses import dataclass, field, replace

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import MemberId

SHOWING_NS = 40 * SECOND_NS
"""A phone lends anew every 15 s while the code is on its screen; two may go missing."""
HANDS_FREE_NS = 12 * 3600 * SECOND_NS
PRESENT_NS = 60 * SECOND_NS
"""So long after its last word a phone counts as being where it was."""
MOST = 2_000
"""A store's phones; beyond, whose half would end first is forgotten."""


@dataclass(frozen=True, slots=True)
class Lent:
    """One half.

    `hands_free_ns` says until when it serves a gallery, `in_store_ns` when the phone was last seen
    in the store's own network.
    """

    half: bytes = field(repr=False)
    until_ns: int
    hands_free_ns: int | None = None
    in_store_ns: int | None = None

    def ends_ns(self) -> int:
        return max(self.until_ns, self.hands_free_ns or 0)


class Lendings:
    """Whose halves are here. `version` grows whenever the hands-free ones change."""

    def __init__(self) -> None:
        self._lent: dict[MemberId, Lent] = {}
        self.version = 1

    def lend(self, member: MemberId, half: bytes, now_ns: int, *, is_in_store: bool) -> None:
        """The phone is awake and shows its code."""
        self._forget(now_ns)
        before = self._lent.get(member)
        kept = before if before is not None and before.half == half else None
        self._lent[member] = Lent(
            half=half,
            until_ns=now_ns + SHOWING_NS,
            hands_free_ns=kept.hands_free_ns if kept else None,
            in_store_ns=now_ns if is_in_store else (kept.in_store_ns if kept else None),
        )
        if len(self._lent) > MOST:
            self.take_back(min(self._lent, key=lambda one: self._lent[one].ends_ns()))

    def go_hands_free(self, member: MemberId, now_ns: int) -> bool:
        """Keep the half for half a day; False if it is not here."""
        found = self._lent.get(member)
        if found is None or found.ends_ns() <= now_ns:
            return False
        self._lent[member] = replace(found, hands_free_ns=now_ns + HANDS_FREE_NS)
        self.version += 1
        return True

    def stop_hands_free(self, member: MemberId) -> None:
        found = self._lent.get(member)
        if found is not None and found.hands_free_ns is not None:
            self._lent[member] = replace(found, hands_free_ns=None)
            self.version += 1

    def take_back(self, member: MemberId) -> None:
        """Forget a half."""
        found = self._lent.pop(member, None)
        if found is not None and found.hands_free_ns is not None:
            self.version += 1

    def half(self, member: MemberId, now_ns: int) -> bytes | None:
        """A half that is lent now."""
        self._forget(now_ns)
        found = self._lent.get(member)
        return found.half if found is not None else None

    def hands_free(self, now_ns: int) -> dict[MemberId, bytes]:
        """The halves of those who come in hands free."""
        self._forget(now_ns)
        return {
            member: one.half for member, one in self._lent.items() if one.hands_free_ns is not None
        }

    def hands_free_until_ns(self, member: MemberId, now_ns: int) -> int | None:
        self._forget(now_ns)
        found = self._lent.get(member)
        return found.hands_free_ns if found is not None else None

    def phones(self, now_ns: int) -> dict[MemberId, int]:
        """When the phones of those who come in hands free were last seen in the store."""
        self._forget(now_ns)
        return {
            member: one.in_store_ns
            for member, one in self._lent.items()
            if one.hands_free_ns is not None
            and one.in_store_ns is not None
            and now_ns - one.in_store_ns <= PRESENT_NS
        }

    def _forget(self, now_ns: int) -> None:
        for member, one in list(self._lent.items()):
            if one.hands_free_ns is not None and one.hands_free_ns <= now_ns:
                one = replace(one, hands_free_ns=None)
                self._lent[member] = one
                self.version += 1
            if one.ends_ns() <= now_ns:
                del self._lent[member]
