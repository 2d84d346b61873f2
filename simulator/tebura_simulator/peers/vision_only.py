"""A shop with cameras and a gate and no plates: every reach is one article."""

from tebura_contract.events import HandContent, Reach
from tebura_contract.ids import ShelfId, Sku
from tebura_contract.truth import OutcomeKind

from tebura_simulator.claims import Claims
from tebura_simulator.peers.account_book import AccountBook
from tebura_simulator.peers.heard import heard
from tebura_simulator.peers.planogram import Planogram, Spot
from tebura_simulator.peers.presence import Presence
from tebura_simulator.peers.traces import first_sample_ns
from tebura_simulator.recordings import layout_of
from tebura_simulator.reels import Reel

SAME_HAND_M = 0.2
"""Two cameras' reaches of one account into one shelf at one time, this near: one hand."""


class VisionOnly:
    """Each reach of a visitor takes one of the facing nearest to where the hand went in.

    A hand that held something before and nothing after put it back; one that is empty after, and
    was not seen holding, did nothing. What a hand put back is the product of that facing if the
    visitor has one, else what it took last.
    """

    @property
    def name(self) -> str:
        return "vision-only"

    def __call__(self, reel: Reel) -> Claims:
        layout = layout_of(reel)
        told = heard(reel)
        presence = Presence(reel, told, layout)
        planogram = Planogram(layout)
        book = AccountBook(first_sample_ns(reel), presence.accounts())
        reaches = [event for event in told.events if isinstance(event, Reach)]
        for reach, account in _each_hand_once(reaches, presence):
            spot = _nearest(planogram, reach.shelf, reach.x_m)
            if spot is not None and reach.hand_after is not HandContent.EMPTY:
                _book(book, OutcomeKind.PICK, reach, account, spot, spot.sku)
            elif spot is not None and reach.hand_before is HandContent.HOLDING:
                has = list(book.has(account))
                sku = spot.sku if spot.sku in has or not has else has[-1]
                if has:
                    _book(book, OutcomeKind.RETURN, reach, account, spot, sku)
        return book.claims()


def _book(
    book: AccountBook, kind: OutcomeKind, reach: Reach, account: str, spot: Spot, sku: Sku
) -> None:
    at_ns = (int(reach.from_ns) + int(reach.to_ns)) // 2
    book.book(kind, at_ns, account, reach.shelf, spot.plates, sku, 1, confidence=reach.confidence)


def _each_hand_once(reaches: list[Reach], presence: Presence) -> list[tuple[Reach, str]]:
    """Reaches of visitors, without those that another camera told as well."""
    kept: list[tuple[Reach, str]] = []
    for reach in reaches:
        account = presence.account_of(reach.track)
        if account is not None and not any(
            account == other_account and _is_one_hand(reach, other) for other, other_account in kept
        ):
            kept.append((reach, account))
    return kept


def _is_one_hand(a: Reach, b: Reach) -> bool:
    return (
        a.shelf == b.shelf
        and a.track != b.track
        and abs(a.x_m - b.x_m) <= SAME_HAND_M
        and int(a.from_ns) <= int(b.to_ns)
        and int(b.from_ns) <= int(a.to_ns)
    )


def _nearest(planogram: Planogram, shelf: ShelfId, x_m: float) -> Spot | None:
    """The facing of a shelf whose extent is nearest; None where the shelf has none."""
    return min(
        planogram.spots.get(shelf, ()),
        key=lambda spot: (max(spot.x_m[0] - x_m, x_m - spot.x_m[1], 0.0), _off_m(spot, x_m)),
        default=None,
    )


def _off_m(spot: Spot, x_m: float) -> float:
    return abs((spot.x_m[0] + spot.x_m[1]) / 2 - x_m)
