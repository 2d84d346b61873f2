"""Counts put together before roles see them: short batches cost more than the samples in them."""

from dataclasses import dataclass, field

import numpy as np
from tebura_contract.clock import SECOND_NS
from tebura_contract.recording import CountBatch
from tebura_edge.role import Counts

HOLD_NS = SECOND_NS // 2
"""As long as the batches of an imported recording. A live node merges its sensors 0.2 s behind; so
much later than live a replay decides at most."""


@dataclass
class Gather:
    """Holds what scales bring, in order, for `HOLD_NS` at most."""

    _held: dict[str, list[CountBatch]] = field(default_factory=dict)
    _since_ns: dict[str, int] = field(default_factory=dict)

    def add(self, batch: CountBatch, now_ns: int) -> None:
        self._held.setdefault(batch.scale, []).append(batch)
        self._since_ns.setdefault(batch.scale, now_ns)

    def due(self, now_ns: int) -> list[Counts]:
        """What was held long enough."""
        scales = [s for s, since_ns in self._since_ns.items() if now_ns - since_ns >= HOLD_NS]
        return [self._let_go(scale) for scale in scales]

    def all(self) -> list[Counts]:
        return [self._let_go(scale) for scale in list(self._since_ns)]

    def _let_go(self, scale: str) -> Counts:
        del self._since_ns[scale]
        return to_counts(self._held.pop(scale))


def to_counts(batches: list[CountBatch]) -> Counts:
    """Recorded batches of one scale as roles take them; null becomes NaN."""
    at_ns = np.array([at for batch in batches for at in batch.at_ns], np.int64)
    rows = [row for batch in batches for row in batch.counts]
    counts = np.array(rows, np.float64).reshape(len(at_ns), len(batches[0].plates))
    return Counts(scale=batches[0].scale, at_ns=at_ns, counts=counts)
