"""What the plates of a step showed, for people to look at."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from tebura_contract.clock import SECOND_NS, Ns, ns_from_s
from tebura_contract.events import Trace

from tebura_edge.scale_plates import ScalePlates

TRACE_EVERY_NS: Final = SECOND_NS // 10
TRACE_BEFORE_S: Final = 1.5
TRACE_LIMIT_S: Final = 12.0
TRACE_PLATES: Final = 4
"""Ten values a second, from a little before the step began, of the plates that moved most."""


def trace_of(plates: ScalePlates, deltas_g: Mapping[int, float], begin_ns: int) -> Trace | None:
    """What the plates that moved most showed, up to now."""
    samples, end = plates.levels.samples, plates.levels.judged
    if end < 2:
        return None
    at_ns = samples.at_ns[:end]
    last_ns = int(at_ns[-1])
    first_ns = max(
        begin_ns - ns_from_s(TRACE_BEFORE_S), last_ns - ns_from_s(TRACE_LIMIT_S), int(at_ns[0])
    )
    wanted_ns = np.arange(first_ns, last_ns + 1, TRACE_EVERY_NS)
    rows = np.clip(np.searchsorted(at_ns, wanted_ns), 0, end - 1)
    shown = sorted(deltas_g, key=lambda column: -abs(deltas_g[column]))[:TRACE_PLATES]
    return Trace(
        from_ns=Ns(first_ns),
        every_ns=TRACE_EVERY_NS,
        grams={
            plates.sites[column].plate: tuple(
                round(grams, 1) for grams in samples.grams[rows, column].tolist()
            )
            for column in sorted(shown)
            if not np.isnan(samples.grams[rows, column]).any()
        },
    )
