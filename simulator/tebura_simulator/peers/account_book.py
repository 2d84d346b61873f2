"""What a peer claims, as it goes: steps booked to accounts, and what each account has then."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tebura_contract.clock import seconds
from tebura_contract.ids import PlateId, ShelfId, Sku
from tebura_contract.truth import Outcome, OutcomeKind, layout_name

from tebura_simulator.claims import Claims
from tebura_simulator.peers.planogram import Planogram


class AccountBook:
    """Nobody ever has less than nothing of an article.

    Args:
        start_ns: Store time of the first sample.
        accounts: Everybody who came in; who takes nothing has an empty cart.
    """

    def __init__(self, start_ns: int, accounts: Iterable[str] = ()) -> None:
        self._start_ns = start_ns
        self._carts: dict[str, Counter[str]] = {name: Counter() for name in accounts}
        self._outcomes: list[Outcome] = []

    def has(self, account: str | None) -> dict[Sku, int]:
        """What an account has now; the latest product it took last."""
        cart = self._carts.get(account, Counter()) if account is not None else Counter()
        return {Sku(sku): count for sku, count in cart.items() if count > 0}

    def book(
        self,
        kind: OutcomeKind,
        at_ns: int,
        account: str | None,
        shelf: ShelfId,
        plates: Sequence[PlateId],
        sku: Sku,
        quantity: int,
        delta_g: float = 0.0,
        confidence: float = 1.0,
    ) -> None:
        """A pick or a return; `account` None books it to nobody."""
        if account is not None:
            cart = self._carts.setdefault(account, Counter())
            if kind is OutcomeKind.PICK:
                cart[sku] = cart.pop(sku, 0) + quantity
            else:
                cart[sku] = max(0, cart[sku] - quantity)
        gondola, _, board = shelf.partition("/")
        self._outcomes.append(
            Outcome(
                kind=kind,
                time_s=round(seconds(at_ns - self._start_ns), 3),
                gondola=layout_name(gondola),
                shelf=layout_name(board),
                plates=tuple(layout_name(plate.rsplit("/", 1)[-1]) for plate in plates),
                sku=sku,
                quantity=quantity,
                delta_g=round(delta_g, 2),
                confidence=round(min(max(confidence, 0.0), 1.0), 4),
                candidates=(),
                visit=account,
            )
        )

    def claims(self) -> Claims:
        return Claims(
            outcomes=tuple(sorted(self._outcomes, key=lambda outcome: outcome.time_s)),
            carts={name: {k: n for k, n in c.items() if n} for name, c in self._carts.items()},
        )


@dataclass(frozen=True)
class Fit:
    """So many of an article, and how far their weight is from what was put down."""

    error_g: float
    sku: Sku
    count: int


def fits(has: dict[Sku, int], delta_g: float, planogram: Planogram) -> list[Fit]:
    """What of all that an account has may have been put down; what it took first comes first."""
    return [
        Fit(abs(planogram.weight_g[sku] * count - delta_g), sku, count)
        for sku, most in has.items()
        for count in range(1, most + 1)
    ]
