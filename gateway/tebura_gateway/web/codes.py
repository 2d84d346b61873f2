"""The entry codes a phone shows, some minutes ahead, so that it opens a gate while offline."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import segno
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import STEP_S, make_code, time_step
from tebura_contract.ids import MemberId, StoreId

AHEAD_S: Final = 600
QUIET_MODULES: Final = 4


class ShownCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code, when it is good (store time), and its picture as an SVG path on `size` modules."""

    from_ns: int
    to_ns: int
    code: str
    size: int
    path: str


def codes_ahead(key: bytes, store: StoreId, member: MemberId, now_ns: int) -> list[ShownCode]:
    """The code of the moment and those of the next ten minutes."""
    step_ns = STEP_S * SECOND_NS
    first = time_step(now_ns)
    shown = []
    for step in range(first, first + AHEAD_S // STEP_S + 1):
        code = make_code(key, store, member, step * step_ns)
        size, path = picture(code)
        shown.append(
            ShownCode(
                from_ns=step * step_ns, to_ns=(step + 1) * step_ns, code=code, size=size, path=path
            )
        )
    return shown


@lru_cache(maxsize=4096)
def picture(code: str) -> tuple[int, str]:
    """Side length in modules with the quiet zone, and the dark modules as one SVG path.

    Error correction M is the most that leaves a 33-character code at 25 x 25 modules: larger
    modules are worth more to a gate's camera than more redundancy. Kept for a while: drawing takes
    some milliseconds, and a phone asks for twenty at a time, mostly the same ones again.
    """
    return _drawn(segno.make_qr(code, error="m", boost_error=False).matrix)


def picture_of_address(address: str) -> tuple[int, str]:
    """The same for a link, to be scanned from a screen."""
    return _drawn(segno.make_qr(address, error="l").matrix)


def _drawn(matrix: Sequence[Sequence[int]]) -> tuple[int, str]:
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
