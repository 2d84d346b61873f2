"""What a method says happened in a recording: the form in which Tebura and its peers are scored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tebura_contract.truth import Outcome

from tebura_simulator.reels import Reel
from tebura_simulator.watching import Watching


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Shoppers go by their account in the recording's truth.

    Attributes:
        outcomes: Each step; `Outcome.visit` is the account it was booked to, None for nobody.
        carts: What each account would be charged for in the end: article to quantity.
        reviews: Accounts whose receipt a person has to look at, with how many lines; nothing of
            those lines is in the cart.
        told_s: Seconds from each outcome's `time_s` until the shopper's cart showed it, in the
            order of `outcomes`; None where it never did. Empty where a method has no such time.
        receipt_s: Seconds from leaving until the receipt, by account, with the time that a person
            takes for reviews.
        watching: What cameras told of people; None where nobody asked, or a method has none.
    """

    outcomes: tuple[Outcome, ...]
    carts: Mapping[str, Mapping[str, int]]
    reviews: Mapping[str, int] = field(default_factory=dict)
    told_s: tuple[float | None, ...] = ()
    receipt_s: Mapping[str, float] = field(default_factory=dict)
    watching: Watching | None = None


class Method(Protocol):
    """Something that says who took what from a recording."""

    @property
    def name(self) -> str: ...

    def __call__(self, reel: Reel) -> Claims: ...
