"""The entry codes a phone shows, two hours ahead, so that it opens a gate while offline."""

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import segno
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import SPARES, STEP_S, make_code, time_step
from tebura_contract.ids import MemberId, StoreId

AHEAD_S: Final = 2 * 3600
"""A phone that was somewhere without a network still has codes; whoever gets hold of them has them
for as long, or until the member is revoked."""

MASK: Final = 4
"""Any of a QR code's eight masks may be used. Trying all of them costs five times as much, and they
are read equally well."""

QUIET_MODULES: Final = 4


class DrawnCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code and its picture.

    `size` is the side of the picture in modules without the quiet zone, `modules` the picture: a
    bit a module, row by row, dark is 1, the highest bit first, in base64.
    """

    code: str
    size: int
    modules: str


class StepCodes(msgspec.Struct, frozen=True, kw_only=True):
    """The codes of a time step, the first and its spares, and when they are good in store time."""

    from_ns: int
    to_ns: int
    first: DrawnCode
    spares: tuple[DrawnCode, ...]


def codes_ahead(
    key: bytes, store: StoreId, member: MemberId, now_ns: int, ahead_s: int = AHEAD_S
) -> list[StepCodes]:
    """The codes of the moment and those of the time ahead."""
    step_ns = STEP_S * SECOND_NS
    now = time_step(now_ns)
    shown = []
    for step in range(now, now + ahead_s // STEP_S + 1):
        from_ns = step * step_ns
        first, *spares = (
            _drawn(make_code(key, store, member, from_ns, spare)) for spare in range(SPARES + 1)
        )
        to_ns = from_ns + step_ns
        shown.append(StepCodes(from_ns=from_ns, to_ns=to_ns, first=first, spares=tuple(spares)))
    return shown


@lru_cache(maxsize=3 * 8192)
def _drawn(code: str) -> DrawnCode:
    """A code with its picture.

    Error correction M is the most that leaves a 33-character code at 25 x 25 modules: larger
    modules are worth more to a gate's camera than more redundancy. Kept for a while: a phone asks
    for hundreds at a time, mostly the same ones again.
    """
    matrix = segno.make_qr(code, error="m", mask=MASK, boost_error=False).matrix
    bits = "".join("1" if module else "0" for row in matrix for module in row)
    bits += "0" * (-len(bits) % 8)
    raw = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return DrawnCode(code=code, size=len(matrix), modules=base64.b64encode(raw).decode())


def picture_of_address(address: str) -> tuple[int, str]:
    """A link to be scanned from a screen.

    Returns:
        Its side length in modules with the quiet zone, and the dark modules as one SVG path.
    """
    matrix: Sequence[Sequence[int]] = segno.make_qr(address, error="l").matrix
    strokes = []
    for y, row in enumerate(matrix):
        x = 0
        while x < len(row):
            run = 0
            while x + run < len(row) and row[x + run]:
                run += 1
            if run:
                strokes.append(f"M{x + QUIET_MODULES} {y + QUIET_MODULES}h{run}v1h-{run}z")
            x += run + 1
    return len(matrix) + 2 * QUIET_MODULES, "".join(strokes)
