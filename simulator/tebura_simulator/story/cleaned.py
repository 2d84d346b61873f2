"""The record of what was changed in labels of visits."""

from collections.abc import Callable
from enum import StrEnum

import msgspec


class Change(StrEnum):
    """What kind of thing was changed."""

    TIME = "time"
    ORDER = "order"
    PACE = "pace"
    PRODUCT = "product"
    WEIGHT = "weight"
    PLACE = "place"
    MISSING = "missing"
    STORE = "store"


class Cleaned(msgspec.Struct, frozen=True, kw_only=True):
    """One change: of which visit and event (counted from 0; None: of the store), what and why."""

    visit: str
    event: int | None
    what: Change
    why: str


Tell = Callable[[int | None, Change, str], None]
