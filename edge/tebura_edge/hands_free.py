"""Who comes in with nothing in their hands: two signs of one member, together sure enough.

Pure. A sign says who stands at a gate and how often it would say so of somebody else: the palm
reader of its own accord, the face of those who come in hands free today, the phone that it is in
the store. A face alone never opens a gate, nor does any other sign: two of different kinds must
name the same member within `WINDOW_NS`, and their chances of a false match together must not be
above `MOST_FALSE`. Signs that contradict each other open nothing: whoever it is shows a code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Final

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Modality
from tebura_contract.faces import ExpectedFace
from tebura_contract.ids import GateId, MemberId

from tebura_edge.role import FactorSeen

MOST_FALSE: Final = 0.001
"""So often at most may a stranger be taken for a member: the promise that also bounds galleries."""
WINDOW_NS: Final = 4 * SECOND_NS
"""Signs of one person come while they pass the gate."""
AGAIN_NS: Final = 30 * SECOND_NS
"""Whoever was let in still stands at the reader for a while."""


@dataclass(frozen=True, slots=True)
class Known:
    """A member whom two signs name, and which."""

    member: MemberId
    by: tuple[Modality, ...]
    at_ns: int


class HandsFree:
    """The signs of one node's gates. Nothing of it survives a restart, on purpose."""

    def __init__(self) -> None:
        self._seen: dict[GateId, list[FactorSeen]] = {}
        self._let_in_ns: dict[tuple[GateId, MemberId], int] = {}

    def seen(self, sign: FactorSeen) -> Known | None:
        """Take a sign; whom it completes, once while they stand there."""
        self._forget(sign.at_ns)
        signs = [*self._seen.get(sign.gate, ()), sign]
        self._seen[sign.gate] = signs
        # Many phones are in a store: they say who may stand here, not who does.
        named = {one.member for one in signs if one.modality is not Modality.PHONE}
        if len(named) != 1:
            return None
        (member,) = named
        if self._was_let_in(sign.gate, member, sign.at_ns):
            return None
        pair = _surest_pair([one for one in signs if one.member == member])
        if pair is None:
            return None
        self._let_in_ns[sign.gate, member] = sign.at_ns
        return Known(member, tuple(one.modality for one in pair), sign.at_ns)

    def is_inside(self, sign: FactorSeen) -> bool:
        """Whether its member was let in just now and still stands there."""
        return self._was_let_in(sign.gate, sign.member, sign.at_ns)

    def let_in(self, gate: GateId, member: MemberId, at_ns: int) -> None:
        """Somebody came in who was known otherwise."""
        self._let_in_ns[gate, member] = at_ns

    def _was_let_in(self, gate: GateId, member: MemberId, now_ns: int) -> bool:
        key = (gate, member)
        if key not in self._let_in_ns:
            return False
        self._let_in_ns[key] = now_ns
        return True

    def _forget(self, now_ns: int) -> None:
        for gate, signs in self._seen.items():
            self._seen[gate] = [one for one in signs if 0 <= now_ns - one.at_ns <= WINDOW_NS]
        for key in [k for k, at in self._let_in_ns.items() if not 0 <= now_ns - at <= AGAIN_NS]:
            del self._let_in_ns[key]


def phone_signs(
    expected: Sequence[ExpectedFace], gates: Sequence[GateId], now_ns: int
) -> list[FactorSeen]:
    """That the phones of some of those who come hands free are in the store.

    With n of them here, each is the wrong one in n - 1 of n cases; alone it is believed no more
    than a coin.
    """
    present = [one.member for one in expected if one.phone_seen_ns is not None]
    rate = max(0.5, 1.0 - 1.0 / max(len(present), 1))
    return [
        FactorSeen(gate, Modality.PHONE, member, rate, now_ns)
        for gate in gates
        for member in present
    ]


def _surest_pair(signs: Sequence[FactorSeen]) -> tuple[FactorSeen, FactorSeen] | None:
    """Two signs of different kinds that are sure enough together."""
    pairs = [(one, two) for one, two in combinations(signs, 2) if one.modality is not two.modality]
    best = min(pairs, key=_false, default=None)
    if best is None or _false(best) > MOST_FALSE:
        return None
    return best


def _false(pair: tuple[FactorSeen, FactorSeen]) -> float:
    return prod(one.false_match_rate for one in pair)
