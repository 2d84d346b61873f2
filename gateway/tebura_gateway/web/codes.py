"""The entry codes a phone shows, two hours ahead, so that it opens a gate while offline."""

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import segno
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import STEP_S, make_code, time_step
from tebura_contract.ids import MemberId, StoreId

AHEAD_S: Final = 2 * 3600
"""A phone that was somewhere without a network still has codes; whoever gets hold of them has them
for as long, or until the member is revoked."""

MASK: Final = 4
"""Any of a QR code's eight masks may be used. Trying all of them costs five times as much, and they
are read equally well."""

QUIET_MODULES: Final = 4


class ShownCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code and when it is good, in store time.

    `size` is the side of its picture in modules without the quiet zone, `modules` the picture: a
    bit a module, row by row, dark is 1, the highest bit first, in base64.
    """

    from_ns: int
    to_ns: int
    code: str
    size: int
    modules: str


def codes_ahead(
    key: bytes, store: StoreId, member: MemberId, now_ns: int, ahead_s: int = AHEAD_S
) -> list[ShownCode]:
    """The code of the moment and those of the time ahead."""
    step_ns = STEP_S * SECOND_NS
    first = time_step(now_ns)
    shown = []
    for step in range(first, first + ahead_s // STEP_S + 1):
        code = make_code(key, store, member, step * step_ns)
        size, modules = _packed(code)
        shown.append(
            ShownCode(
                from_ns=step * step_ns,
                to_ns=(step + 1) * step_ns,
                code=code,
                size=size,
                modules=modules,
            )
        )
    return shown


@lru_cache(maxsize=8192)
def _packed(code: str) -> tuple[int, str]:
    """Side length in modules, and the modules as bits.

    Error correction M is the most that leaves a 33-character code at 25 x 25 modules: larger
    modules are worth more to a gate's camera than more redundancy. Kept for a while: a phone asks
    for hundreds at a time, mostly the same ones again.
    """
    matrix = segno.make_qr(code, error="m", mask=MASK, boost_error=False).matrix
    bits = "".join("1" if module else "0" for row in matrix for module in row)
    bits += "0" * (-len(bits) % 8)
    raw = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return len(matrix), base64.b64encode(raw).decode()


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
