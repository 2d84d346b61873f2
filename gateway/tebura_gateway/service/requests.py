"""What people may ask of the services, and how they are refused."""

from enum import StrEnum

import msgspec
from tebura_contract.ids import Sku, VisitId


class RulingKind(StrEnum):
    """What staff make of a review."""

    ACCEPT = "accept"
    CHANGE = "change"
    VOID = "void"


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """Staff's answer to a review.

    `ACCEPT` takes the best candidate (or the one named by `sku` and `quantity`), `CHANGE` needs
    both, `VOID` takes the step out of every cart. `visit` names whose it was, where that is part
    of the doubt. `quantity` is signed as in carts: negative for what was put back.
    """

    kind: RulingKind
    sku: Sku | None = None
    quantity: int | None = None
    visit: VisitId | None = None
    by: str = "staff"


class Refused(ValueError):
    """A request that the rules do not allow; the text says why."""
