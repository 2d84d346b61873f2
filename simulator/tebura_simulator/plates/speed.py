"""How fast plates are simulated: seconds of a store for a second of one processor."""

import statistics
import time
from typing import Final

import msgspec

from tebura_simulator.plates.plain_store import store_of, story_of
from tebura_simulator.plates.simulated import simulate
from tebura_simulator.story.scenario import PlateKind

PLATES: Final = 306
VISIT_S: Final = 60.0
ACTION_EVERY_S: Final = 8.0
ROUNDS: Final = 5


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Simulated seconds for a second of processor time, batches included: median of some rounds."""

    kind: PlateKind
    plates: int
    simulated_s: float
    times_real_time: float
    slowest: float
    fastest: float
    batches: int


def speed_of(kind: PlateKind, rounds: int = ROUNDS) -> Speed:
    """Simulate a visit (an item taken or put back every 8 s) again and again; one thread."""
    layout = store_of(PLATES)
    story = story_of(layout, kind, VISIT_S, 1, ACTION_EVERY_S)
    rates, batches = [], 0
    for _ in range(rounds):
        began_s = time.thread_time()
        batches = sum(1 for _ in simulate(story, layout).batches())
        rates.append(VISIT_S / (time.thread_time() - began_s))
    return Speed(
        kind=kind,
        plates=PLATES,
        simulated_s=VISIT_S,
        times_real_time=round(statistics.median(rates), 1),
        slowest=round(min(rates), 1),
        fastest=round(max(rates), 1),
        batches=batches,
    )
