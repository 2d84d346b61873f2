"""Compares two files of JSON lines: text, counts and order exactly, fractions within a tolerance.

From pixels small numeric differences between processors are expected; they are printed, and fail
only beyond the tolerance, relative or absolute: `compare.py HERE THERE [TOLERANCE]`.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

TOLERANCE = 0.02


def differences(
    here: object, there: object, place: str, tolerance: float
) -> Iterator[tuple[str, bool]]:
    """Yield each difference as text, with whether it is too large."""
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(here.keys() | there.keys()):
            yield from differences(here.get(key), there.get(key), f"{place}.{key}", tolerance)
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for index, (left, right) in enumerate(zip(here, there, strict=True)):
            yield from differences(left, right, f"{place}[{index}]", tolerance)
    elif here != there:
        is_fraction = isinstance(here, float) and isinstance(there, float)
        is_close = is_fraction and math.isclose(
            float(str(here)), float(str(there)), rel_tol=tolerance, abs_tol=tolerance
        )
        yield f"{place}: {here!r} here, {there!r} there", not is_close


def main(here: Path, there: Path, tolerance: float = TOLERANCE) -> int:
    """Return 1 when the files differ by more than rounding; two empty ones are the same."""
    lines_here, lines_there = here.read_text().splitlines(), there.read_text().splitlines()
    if len(lines_here) != len(lines_there):
        print(f"{len(lines_here)} lines here, {len(lines_there)} there", file=sys.stderr)
        return 1
    is_bad = False
    for number, (left, right) in enumerate(zip(lines_here, lines_there, strict=True), 1):
        for text, is_large in differences(
            json.loads(left), json.loads(right), f"line {number}", tolerance
        ):
            print(("" if is_large else "(rounding) ") + text, file=sys.stderr)
            is_bad = is_bad or is_large
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *map(float, sys.argv[3:])))
