"""How a suite measures: one row a candidate, the median of rounds."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROUNDS = 7
ROUND_S = 0.15


@dataclass(frozen=True)
class Row:
    """One measured thing. `median_us` is the time of one call; the others are its spread."""

    suite: str
    name: str
    median_us: float
    fastest_us: float
    slowest_us: float
    note: str = ""


@dataclass(frozen=True)
class Suite:
    """A question and how to answer it."""

    name: str
    question: str
    measure: Callable[[], list[Row]]


def paired(some: Sequence[float], others: Sequence[float]) -> float:
    """How large `some` are in proportion to `others`, which were measured right beside them.

    Round by round, and the median of that: what slows the machine for a while slows both.
    """
    return statistics.median(one / other for one, other in zip(some, others, strict=True))


def measure(suite: str, name: str, call: Callable[[], object], note: str = "") -> Row:
    """Time `call` on this thread, in rounds long enough for the clock."""
    count = 1
    while (took_s := time_of(call, count)) < ROUND_S:
        count = max(count * 2, int(count * ROUND_S / max(took_s, 1e-6)))
    rounds_us = sorted(time_of(call, count) / count * 1e6 for _ in range(ROUNDS))
    return Row(suite, name, statistics.median(rounds_us), rounds_us[0], rounds_us[-1], note)


def time_of(call: Callable[[], object], count: int) -> float:
    """Seconds that `count` calls take."""
    began_s = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - began_s
