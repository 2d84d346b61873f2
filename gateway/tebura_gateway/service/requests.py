"""What people may ask of the services, and how they are refused."""

from enum import StrEnum

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import FacingId, Sku, VisitId

from tebura_gateway.domain.checkout import WhyCorrected

UNDO_NS = 8 * SECOND_NS
"""An answer given on a page can be taken back this long; money waits for it."""


class RulingKind(StrEnum):
    """What staff make of a review."""

    ACCEPT = "accept"
    CHANGE = "change"
    VOID = "void"


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """Staff's answer to a review.

    `ACCEPT` takes the best candidate (or the one named by `sku` and `quantity`), `CHANGE` needs
    both, `VOID` takes the step out of every cart. `visit` names whose it was, where that is part
    of the doubt; with `is_staff_work` it was no shopper but staff, filling up or clearing away.
    `quantity` is signed as in carts: negative for what was put back.
    """

    kind: RulingKind
    sku: Sku | None = None
    quantity: int | None = None
    visit: VisitId | None = None
    is_staff_work: bool = False
    by: str = "staff"


class FacingCount(msgspec.Struct, frozen=True, kw_only=True):
    """What staff counted in a facing, and when; now, for want of a time."""

    facing: FacingId
    count: int
    at_ns: int | None = None


class ListOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk-up sends from the exit screen: the list they saw, what they say they carry."""

    seen: dict[Sku, int]
    items: dict[Sku, int]
    reasons: dict[Sku, WhyCorrected] = {}
    eats_in: bool = False


class Refused(ValueError):
    """A request that the rules do not allow; the text says why."""


class Unavailable(RuntimeError):
    """The database does not take it now; whether it will still be done is not known."""
