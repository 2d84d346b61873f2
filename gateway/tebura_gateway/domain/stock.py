"""The book of what stands where: moved by decided steps, checked and set by counts (I5).

Everything is a function of the *set* of moves and counts: a step that is decided late, or otherwise
than before, changes what was expected at the next count after it, and nothing beyond.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from tebura_contract.clock import Ns
from tebura_contract.ids import EventId, FacingId, ShelfId, Sku
from tebura_contract.layout import Layout

from tebura_gateway.domain.decision import Decision, Status


class Slot(msgspec.Struct, frozen=True, order=True):
    """A product in its facing, or with the shelf as `place` somewhere it does not belong."""

    place: FacingId | ShelfId
    sku: Sku


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """Articles that left a slot (negative) or came to it."""

    event: EventId
    slot: Slot
    change: int
    at_ns: Ns


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What staff counted in a slot; one slot is counted once at one instant."""

    slot: Slot
    counted: int
    at_ns: Ns


@dataclass(frozen=True, slots=True)
class Check:
    """A count beside what the book expected then; None where nobody had counted before."""

    count: Count
    expected: int | None

    @property
    def difference(self) -> int | None:
        """Pieces too many (positive), or gone."""
        return None if self.expected is None else self.count.counted - self.expected


@dataclass(frozen=True, slots=True)
class Account:
    """A slot now: `moved` since the last count; `expected` is None before the first."""

    expected: int | None
    moved: int
    checks: tuple[Check, ...] = ()


def move_of(decision: Decision, layout: Layout) -> Move | None:
    """What a decided step did to the stock; None where it did nothing, or is not decided."""
    if decision.status is not Status.DECIDED or decision.sku is None or not decision.quantity:
        return None
    return Move(
        event=decision.id,
        slot=Slot(_place_of(decision, decision.sku, layout), decision.sku),
        change=-decision.quantity,
        at_ns=decision.from_ns,
    )


def _place_of(decision: Decision, sku: Sku, layout: Layout) -> FacingId | ShelfId:
    """The product's facing with most of the plates that moved beneath it, else the shelf."""
    moved = {plate.rpartition("/")[2] for plate in decision.plates}
    homes = [
        (len(moved & set(facing.plates)), name)
        for name, (shelf, facing) in layout.facings().items()
        if shelf == decision.shelf
        and facing.sku == sku
        # A shelf without plates, or a facing without: the product decides alone.
        and (not moved or not facing.plates or moved & set(facing.plates))
    ]
    return min(homes, key=lambda home: (-home[0], home[1]))[1] if homes else decision.shelf


def accounts(moves: Iterable[Move], counts: Iterable[Count]) -> dict[Slot, Account]:
    """All slots, from all that is known; the order does not matter, nor do repetitions.

    A step that begins at the very instant of a count was before it.
    """
    by_event = {move.event: move for move in moves}
    entries: list[tuple[Slot, int, int, Move | Count]] = [
        *((move.slot, move.at_ns, 0, move) for move in by_event.values()),
        *((count.slot, count.at_ns, 1, count) for count in counts),
    ]
    found: dict[Slot, Account] = {}
    for slot, _, _, entry in sorted(entries, key=lambda one: one[:3]):
        found[slot] = _after(found.get(slot, Account(None, 0)), entry)
    return found


def _after(before: Account, entry: Move | Count) -> Account:
    if isinstance(entry, Move):
        expected = None if before.expected is None else before.expected + entry.change
        return Account(expected, before.moved + entry.change, before.checks)
    if before.checks and before.checks[-1].count == entry:
        return before
    return Account(entry.counted, 0, (*before.checks, Check(entry, before.expected)))
