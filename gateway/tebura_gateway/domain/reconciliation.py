"""Our books held against a provider's own list: each movement must be in both, once and equal."""

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from tebura_gateway.domain.settlement import Call


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """A capture or refund that we booked, or whose answer is still waited for (`is_open`)."""

    call: Call
    key: str
    reference: str
    amount_minor: int
    currency: str
    at_ns: int
    visit: str
    is_open: bool = False


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of the provider's list."""

    call: Call
    key: str
    reference: str
    amount_minor: int
    currency: str
    at_ns: int


class DifferenceKind(StrEnum):
    """How the two lists differ."""

    MISSING_THERE = "missing-there"  # booked, and the provider knows nothing of it
    MISSING_HERE = "missing-here"  # moved, and not booked
    AMOUNT = "amount"  # both know it, with different amounts
    TWICE = "twice"  # moved more than once


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a person must look at. Amounts in minor units, 0 where a list has none."""

    kind: DifferenceKind
    call: Call
    name: str
    visit: str | None
    booked_minor: int
    listed_minor: int
    currency: str


def differences(
    booked: Iterable[Booked], listed: Iterable[Listed], from_ns: int, to_ns: int
) -> list[Difference]:
    """Compare two lists; both should reach somewhat beyond the span that is judged.

    A movement is known by our key, or by the provider's name for it.
    """
    ours = list(booked)
    by_name = {(one.call, name): one for one in ours for name in (one.key, one.reference) if name}
    seen: dict[tuple[Call, str], list[Listed]] = defaultdict(list)
    found = []
    for one in listed:
        known = by_name.get((one.call, one.key)) or by_name.get((one.call, one.reference))
        if known is not None:
            seen[known.call, known.key].append(one)
        elif from_ns <= one.at_ns < to_ns:
            found.append(_missing_here(one))
    for mine in ours:
        moves = seen[mine.call, mine.key]
        if not mine.is_open and (moves or from_ns <= mine.at_ns < to_ns):
            found += _of_known(mine, moves)
    return sorted(found, key=lambda one: (one.kind, one.name))


def _missing_here(listed: Listed) -> Difference:
    return Difference(
        kind=DifferenceKind.MISSING_HERE,
        call=listed.call,
        name=listed.reference,
        visit=None,
        booked_minor=0,
        listed_minor=listed.amount_minor,
        currency=listed.currency,
    )


def _of_known(booked: Booked, moves: list[Listed]) -> list[Difference]:
    listed_minor = sum(move.amount_minor for move in moves)
    if len(moves) == 1 and (listed_minor, moves[0].currency) == (
        booked.amount_minor,
        booked.currency,
    ):
        return []
    kinds = {0: DifferenceKind.MISSING_THERE, 1: DifferenceKind.AMOUNT}
    return [
        Difference(
            kind=kinds.get(len(moves), DifferenceKind.TWICE),
            call=booked.call,
            name=booked.key,
            visit=booked.visit,
            booked_minor=booked.amount_minor,
            listed_minor=listed_minor,
            currency=booked.currency,
        )
    ]
