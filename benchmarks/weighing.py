"""What a store of plates costs its node: counts in, steps with their candidates out."""

import statistics
import time

import numpy as np
from tebura_edge.plate_role import PlateRole, PlateSettings
from tebura_edge.role import Counts
from tebura_simulator.plates.plain_store import store_of, story_of
from tebura_simulator.plates.simulated import SimulatedPlates, simulate
from tebura_simulator.replay_gather import to_counts
from tebura_simulator.story.scenario import PlateKind
from timing import Row, Suite

PLATES = 306
LIVE_S = 60.0
ACTION_EVERY_S = 3.0
CHANNELS = 348
SAMPLES = 703_152
ROUNDS = 7


def _counts(plates: SimulatedPlates) -> list[Counts]:
    """Every batch as it arrives."""
    return [to_counts([batch]) for _, batch in plates.batches()]


def _at_once(counts: list[Counts], rows: int) -> list[Counts]:
    """The first rows of every scale in one piece."""
    scales = dict.fromkeys(one.scale for one in counts)
    pieces = []
    for scale in scales:
        mine = [one for one in counts if one.scale == scale]
        at_ns = np.concatenate([one.at_ns for one in mine])[:rows]
        pieces.append(Counts(scale, at_ns, np.concatenate([one.counts for one in mine])[:rows]))
    return pieces


def _role(plates: SimulatedPlates) -> PlateRole:
    (node,) = plates.calibrations
    settings = PlateSettings(scales={box.label: box.plates for box in plates.boxes})
    return PlateRole(plates.layout, plates.calibrations[node], node, settings)


def _row(name: str, plates: SimulatedPlates, counts: list[Counts], of_s: float, note: str) -> Row:
    """Processor time of this thread, for each second of the store; `of_s` is their length."""
    rounds_us = []
    for _ in range(ROUNDS + 1):
        role = _role(plates)
        began_s = time.thread_time()
        for one in counts:
            role.step(one)
        rounds_us.append((time.thread_time() - began_s) / of_s * 1e6)
    rounds_us = sorted(rounds_us[1:])
    median_us = statistics.median(rounds_us)
    told = note.format(share=median_us / 1e4)
    return Row("weighing", name, median_us, rounds_us[0], rounds_us[-1], told)


def run() -> list[Row]:
    """Measure."""
    rows = []
    for kind in (PlateKind.STORE60, PlateKind.HX711):
        layout = store_of(PLATES)
        busy = simulate(story_of(layout, kind, LIVE_S, 1, ACTION_EVERY_S), layout)
        still = simulate(story_of(layout, kind, LIVE_S, 1), layout)
        name = f"a second of {PLATES} plates at {busy.model.rate_hz:g} Hz"
        note = "{share:.1f} % of a core"
        rows.append(_row(f"{name}, an action every 3 s", busy, _counts(busy), LIVE_S, note))
        rows.append(_row(f"{name}, nothing happens", still, _counts(still), LIVE_S, note))
    layout = store_of(CHANNELS)
    length = SAMPLES // CHANNELS
    busy = simulate(story_of(layout, PlateKind.STORE60, length / 60 + 1, 1, ACTION_EVERY_S), layout)
    pieces = _at_once(_counts(busy), length)
    rows.append(_row(f"{SAMPLES:,} samples of {CHANNELS} plates at once", busy, pieces, 1.0, ""))
    return rows


SUITE = Suite("weighing", "what do the plates of a whole store cost the processor?", run)
