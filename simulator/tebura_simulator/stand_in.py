"""Plates, faults and truth until their own modules have them."""

from collections.abc import Iterator
from dataclasses import dataclass

from tebura_contract.calibration import Calibration
from tebura_contract.ids import NodeId
from tebura_contract.layout import Layout
from tebura_contract.recording import CountBatch
from tebura_contract.truth import Truth

from tebura_simulator.story.scenario import FaultScript, Scenario
from tebura_simulator.story.timeline import Timeline


@dataclass(frozen=True)
class SimulatedPlates:
    calibrations: dict[NodeId, Calibration]
    scales: tuple[str, ...]
    all: tuple[CountBatch, ...]

    def batches(self) -> Iterator[tuple[int, CountBatch]]:
        for batch in self.all:
            yield int(batch.at_ns[-1]), batch


def simulate(
    timeline: Timeline,
    layout: Layout,
    faults: tuple[FaultScript, ...],  # noqa: ARG001
) -> SimulatedPlates:
    from tebura_simulator.plates import simulate_plates
    from tebura_simulator.recording_scenario import counts_of

    calibrations, found = {}, []
    for node in sorted({shelf.reports_picks for _, shelf in layout.shelves().values()}):
        trace = simulate_plates(
            layout,
            node,
            timeline.standing(0.0),
            timeline.actions,
            timeline.duration_s,
            timeline.scenario.seed,
        )
        calibrations[node] = trace.calibration
        found += counts_of(trace)
    found.sort(key=lambda batch: int(batch.at_ns[-1]))
    scales = tuple(dict.fromkeys(batch.scale for batch in found))
    return SimulatedPlates(calibrations, scales, tuple(found))


def settled(scenario: Scenario, layout: Layout) -> tuple[FaultScript, ...]:  # noqa: ARG001
    return scenario.fault


def truth_of(timeline: Timeline) -> Truth:
    from tebura_simulator.recording_scenario import truth_of_timeline

    return truth_of_timeline(timeline)
