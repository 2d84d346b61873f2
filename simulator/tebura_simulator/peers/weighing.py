"""Weight alone says what: the settled change against the catalogue; somebody else says who."""

from collections.abc import Callable, Iterable

from tebura_contract.ids import Sku
from tebura_contract.truth import OutcomeKind

from tebura_simulator.peers.account_book import AccountBook, fits
from tebura_simulator.peers.levels import Change, changes_of
from tebura_simulator.peers.planogram import Planogram
from tebura_simulator.peers.traces import ShelfTrace

MOST_AT_ONCE = 3
ERROR_PART = 0.35
"""A change further than this share of one article from any count of it is none of it."""
ALIKE_G = 3.0
"""Explanations that fit the weight this nearly as well as the best: the one whose plates changed
most is taken."""

Who = Callable[[Change], str | None]


def weigh(
    traces: Iterable[ShelfTrace], planogram: Planogram, who: Who, book: AccountBook
) -> AccountBook:
    """Book every change of every shelf in order of time.

    A change for which no article fits, and something put down by whoever has nothing like it (new
    stock, a phone), is left out.
    """
    changes = [change for trace in traces for change in changes_of(trace, planogram)]
    for change in sorted(changes, key=lambda change: (change.from_ns, change.shelf)):
        account = who(change)
        if change.delta_g < 0:
            kind, found = OutcomeKind.PICK, _picked(change, planogram)
        else:
            kind, found = OutcomeKind.RETURN, _returned(change, book.has(account), planogram)
        if found is not None:
            sku, count = found
            book.book(
                kind,
                change.peak_ns,
                account,
                change.shelf,
                change.plates,
                sku,
                count,
                change.delta_g,
            )
    return book


def _picked(change: Change, planogram: Planogram) -> tuple[Sku, int] | None:
    """Article and count nearest in weight among the facings on the plates that changed."""
    share_of = dict(zip(change.plates, change.shares, strict=True))
    found = []
    for spot in planogram.spots[change.shelf]:
        share = sum(share_of.get(plate, 0.0) for plate in spot.plates)
        one_g = planogram.weight_g[spot.sku]
        for count in range(1, MOST_AT_ONCE + 1):
            error_g = abs(one_g * count + change.delta_g)
            if share > 0 and error_g <= ERROR_PART * one_g:
                found.append((error_g, -share, count, spot.sku))
    if not found:
        return None
    best_g = min(found)[0]
    _, count, sku = min(fit[1:] for fit in found if fit[0] <= best_g + ALIKE_G)
    return sku, count


def _returned(change: Change, has: dict[Sku, int], planogram: Planogram) -> tuple[Sku, int] | None:
    """What of all that the account has is nearest in weight; among equals what belongs there."""
    good = [
        fit
        for fit in fits(has, change.delta_g, planogram)
        if fit.error_g <= ERROR_PART * planogram.weight_g[fit.sku]
    ]
    if not good:
        return None
    there = {sku for plate in change.plates for sku in planogram.on_plate[plate]}
    best_g = min(fit.error_g for fit in good)
    alike = [fit for fit in good if fit.error_g <= best_g + ALIKE_G]
    best = min(alike, key=lambda fit: (fit.sku not in there, fit.error_g))
    return best.sku, best.count
