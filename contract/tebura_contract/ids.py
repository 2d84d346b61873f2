"""Names of things. Each is opaque text to whoever did not make it.

A shelf is named within the store as ``gondola/shelf``, a plate as ``gondola/shelf/plate`` and a
facing as ``gondola/shelf/facing``; `ShelfId`, `PlateId` and `FacingId` hold these full names.
"""

import re
import unicodedata
from typing import NewType

import msgspec

StoreId = NewType("StoreId", str)
NodeId = NewType("NodeId", str)
GondolaId = NewType("GondolaId", str)
ShelfId = NewType("ShelfId", str)
PlateId = NewType("PlateId", str)
FacingId = NewType("FacingId", str)
CameraId = NewType("CameraId", str)
GateId = NewType("GateId", str)
Sku = NewType("Sku", str)
Gtin = NewType("Gtin", str)
MemberId = NewType("MemberId", str)
VisitId = NewType("VisitId", str)
TrackId = NewType("TrackId", str)

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""What a store or node may be called: it becomes part of topics and file names."""


class EventId(msgspec.Struct, frozen=True, order=True):
    """Identity of an event: the node, its boot counter, and a gapless number within the boot.

    Ordering is by node, then boot, then seq; within a node that is the order of happening.
    """

    node: NodeId
    boot: int
    seq: int

    def __str__(self) -> str:
        return f"{self.node}/{self.boot}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "EventId":
        """Read back what `str` gives.

        Raises:
            ValueError: If the text is not ``node/boot-seq``.

        >>> EventId.parse("plates-1/3-17").seq
        17
        """
        match = re.fullmatch(r"([a-z0-9][a-z0-9-]*)/([0-9]{1,18})-([0-9]{1,18})", text)
        if match is None:
            raise ValueError(f"not an event id (node/boot-seq): {text!r}")
        return cls(NodeId(match[1]), int(match[2]), int(match[3]))


def visit_id(entered: EventId) -> VisitId:
    """A visit is named after the event that opened it, so a repeated event opens no second one."""
    return VisitId(f"{entered.node}-{entered.boot}-{entered.seq}")


def track_id(node: NodeId, boot: int, n: int) -> TrackId:
    """A track is `n` of a node's boot; numbers are never reused within a boot."""
    return TrackId(f"{node}-{boot}-{n}")


def shelf_id(gondola: str, shelf: str) -> ShelfId:
    return ShelfId(f"{gondola}/{shelf}")


def plate_id(shelf: ShelfId, plate: str) -> PlateId:
    return PlateId(f"{shelf}/{plate}")


def facing_id(shelf: ShelfId, facing: str) -> FacingId:
    return FacingId(f"{shelf}/{facing}")


def sku_from_name(name: str) -> Sku:
    """Article number for a product that has none: its name in plain lower-case ASCII with dashes.

    >>> sku_from_name("Café  Crème, 28pk")
    'cafe-creme-28pk'
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return Sku(re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-"))


def gtin_from_digits(digits: str) -> Gtin:
    """A GTIN of 8, 12, 13 or 14 digits as 14 digits, zero-padded, its check digit verified.

    Raises:
        ValueError: If it is no such number (GS1 General Specifications, section 7.9).

    >>> gtin_from_digits("4006381333931")
    '04006381333931'
    """
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", digits):
        raise ValueError(f"a GTIN has 8, 12, 13 or 14 digits: {digits!r}")
    padded = digits.zfill(14)
    weighted = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(padded[:13]))
    if (10 - weighted % 10) % 10 != int(padded[13]):
        raise ValueError(f"the check digit of GTIN {digits!r} is wrong")
    return Gtin(padded)
