"""How people shop, as a whole: how long, where they reach, what they take and put back, and why.

Never about one person: whatever fewer than `FEWEST` visits lie behind is left out. Staff's visits
are not shopping.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import DecodeError, decode
from tebura_contract.envelope import parse
from tebura_contract.events import Reach
from tebura_contract.ids import ShelfId, Sku, StoreId

from tebura_gateway.adapters.person_tables import opinion
from tebura_gateway.adapters.tables import decision, inbox, member, visit
from tebura_gateway.domain.decision import Status
from tebura_gateway.service.members import MemberRole

FEWEST: Final = 10
"""Fewer people than this are somebody."""


class ShelfUse(msgspec.Struct, frozen=True, kw_only=True):
    """Hands in a shelf, and how long they stayed there in the middle."""

    shelf: ShelfId
    reaches: int
    median_s: float


class ArticleUse(msgspec.Struct, frozen=True, kw_only=True):
    """In how many visits an article was taken, and in how many some of it went back."""

    sku: Sku
    taken_visits: int
    returned_visits: int


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What a span of time shows. Empty where too few came."""

    visits: int
    median_stay_s: float | None = None
    without_purchase: int | None = None
    shelves: tuple[ShelfUse, ...] = ()
    articles: tuple[ArticleUse, ...] = ()
    opinions: int = 0
    motives: dict[str, int] = {}
    come_again: dict[str, int] = {}


def behaviour(connection: Connection, store: StoreId, from_ns: int, to_ns: int) -> Behaviour:
    """Visits that ended in this span, and what was seen during it."""
    rows = list(connection.execute(_ended(store, from_ns, to_ns)))
    if len(rows) < FEWEST:
        return Behaviour(visits=len(rows))
    names = {row.visit for row in rows}
    said = _opinions(connection, store, names)
    return Behaviour(
        visits=len(rows),
        median_stay_s=median((row.exited_ns - row.entered_ns) / SECOND_NS for row in rows),
        without_purchase=sum(row.total_minor == 0 for row in rows),
        shelves=_shelves(connection, store, from_ns, to_ns),
        articles=_articles(connection, store, names),
        opinions=len(said),
        motives=_enough(Counter(row.motive for row in said)) if len(said) >= FEWEST else {},
        come_again=_again(said) if len(said) >= FEWEST else {},
    )


def _ended(store: StoreId, from_ns: int, to_ns: int) -> Any:
    staff = select(member.c.member).where(
        member.c.store == store, member.c.role == MemberRole.STAFF.value
    )
    return select(visit.c.visit, visit.c.entered_ns, visit.c.exited_ns, visit.c.total_minor).where(
        visit.c.store == store,
        visit.c.exited_ns >= from_ns,
        visit.c.exited_ns < to_ns,
        visit.c.member.not_in(staff),
    )


def _shelves(
    connection: Connection, store: StoreId, from_ns: int, to_ns: int
) -> tuple[ShelfUse, ...]:
    query = select(inbox.c.envelope).where(
        inbox.c.store == store,
        inbox.c.kind == str(Reach.__struct_config__.tag),
        inbox.c.began_ns >= from_ns,
        inbox.c.began_ns < to_ns,
    )
    lasted_s: dict[ShelfId, list[float]] = defaultdict(list)
    hands: dict[ShelfId, set[str]] = defaultdict(set)
    for (envelope,) in connection.execute(query):
        try:
            reach = decode(bytes(parse(bytes(envelope)).data), Reach)
        except DecodeError:
            continue
        lasted_s[reach.shelf].append((reach.to_ns - reach.from_ns) / SECOND_NS)
        hands[reach.shelf].add(reach.track)
    return tuple(
        ShelfUse(shelf=shelf, reaches=len(found), median_s=median(found))
        for shelf, found in sorted(lasted_s.items())
        if len(hands[shelf]) >= FEWEST
    )


def _articles(connection: Connection, store: StoreId, visits: set[str]) -> tuple[ArticleUse, ...]:
    query = select(decision.c.sku, decision.c.visit, decision.c.quantity).where(
        decision.c.store == store,
        decision.c.status == Status.DECIDED.value,
        decision.c.visit.in_(visits),
        decision.c.sku.is_not(None),
    )
    taken: dict[Sku, set[str]] = defaultdict(set)
    returned: dict[Sku, set[str]] = defaultdict(set)
    for sku, name, quantity in connection.execute(query):
        (taken if quantity > 0 else returned)[Sku(sku)].add(name)
    return tuple(
        ArticleUse(
            sku=sku,
            taken_visits=len(found),
            returned_visits=len(returned[sku]),
        )
        for sku, found in sorted(taken.items(), key=lambda item: (-len(item[1]), item[0]))
        if len(found) >= FEWEST
    )


def _opinions(connection: Connection, store: StoreId, visits: set[str]) -> list[Any]:
    query = select(opinion).where(opinion.c.store == store, opinion.c.visit.in_(visits))
    return list(connection.execute(query))


def _again(said: list[Any]) -> dict[str, int]:
    words = {True: "yes", False: "no", None: "unsaid"}
    return dict(Counter(words[row.comes_again] for row in said))


def _enough(counts: Mapping[str, int]) -> dict[str, int]:
    """Motives by how many named them, the rare ones together."""
    found = {name: n for name, n in counts.items() if n >= FEWEST}
    rest = sum(counts.values()) - sum(found.values())
    return found | ({"few": rest} if rest else {})
