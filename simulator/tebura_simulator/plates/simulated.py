"""The plates of a store while a scenario happens, as counts, stretch by stretch.

Nothing is kept that is over: an hour of a whole store takes no more memory than a minute. How long
the stretches are changes no number.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import msgspec
from tebura_contract.calibration import Calibration
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import FacingId, NodeId, Sku
from tebura_contract.layout import Layout
from tebura_contract.recording import CountBatch

from tebura_simulator.epoch import START_NS
from tebura_simulator.plates.breakage import breakage, row_count
from tebura_simulator.plates.cells import Cells, stream
from tebura_simulator.plates.frames import Line, Scale, label_of
from tebura_simulator.plates.handling import disturbances
from tebura_simulator.plates.making import Load, Making, Stretch
from tebura_simulator.plates.models import PlateModel, model_of
from tebura_simulator.plates.noise import Response, Slow, Warmth, White
from tebura_simulator.plates.packages import Packages
from tebura_simulator.story.scenario import FaultScript, Scenario
from tebura_simulator.story.timetable import Action, Touch

CHUNK_S = 4.0


class Story(Protocol):
    """What plates need to know of a scenario: a `Timeline` is one."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def duration_s(self) -> float: ...
    @property
    def actions(self) -> tuple[Action, ...]: ...
    @property
    def touches(self) -> tuple[Touch, ...]: ...
    def standing(self, t_s: float) -> dict[FacingId, tuple[Sku, ...]]: ...


def simulate(
    timeline: Story, layout: Layout, faults: Sequence[FaultScript] = ()
) -> "SimulatedPlates":
    """Simulate all plates of a store; the same scenario and seed give the same counts.

    Args:
        timeline: What happens.
        layout: The store.
        faults: What breaks, settled; kinds that do not concern plates are passed over.
    """
    plates = timeline.scenario.plates
    model = model_of(plates.kind, plates.harshness)
    return SimulatedPlates(timeline, layout, tuple(faults), model)


@dataclass(frozen=True, eq=False)
class SimulatedPlates:
    """The plates of a store. Every call of `batches` and `stretches` begins anew."""

    story: Story
    layout: Layout
    faults: tuple[FaultScript, ...]
    model: PlateModel

    @cached_property
    def cells(self) -> Cells:
        return Cells.of(self.layout, self.model, self._seed)

    @cached_property
    def calibrations(self) -> dict[NodeId, Calibration]:
        """What staff measured of each node's plates, dated at the scenario's start."""
        return {
            node: msgspec.structs.replace(one, measured_ns=START_NS)
            for node, one in self.cells.calibrations(self.model).items()
        }

    @property
    def scales(self) -> tuple[str, ...]:
        """Label of each scale."""
        return tuple(box.label for box in self.boxes)

    @cached_property
    def boxes(self) -> tuple[Scale, ...]:
        """The scales: a converter box on each shelf that has plates."""
        cells = self.cells
        return tuple(
            Scale(
                label=label_of(shelf),
                shelf=shelf,
                node=node,
                plates=tuple(cells.plates[i] for i in cells.columns_of(shelf)),
                rate_hz=self.model.rate_hz,
            )
            for shelf, node in zip(cells.shelves, cells.nodes, strict=True)
        )

    def batches(self, chunk_s: float = CHUNK_S) -> Iterator[tuple[int, CountBatch]]:
        """Every batch of every scale with the store time at which it arrives, in that order."""
        lines = [
            (
                Line(scale, self.model, START_NS, self._seed, self._duration_s, self.faults),
                self.cells.columns_of(scale.shelf),
            )
            for scale in self.boxes
        ]
        waiting: list[tuple[int, int, CountBatch]] = []
        for stretch in self.stretches(chunk_s):
            for index, (line, columns) in enumerate(lines):
                sent = line.batches(stretch.first_row, stretch.counts[:, columns])
                waiting += [(arrival_ns, index, batch) for arrival_ns, batch in sent]
            # Nothing of the next stretch is there before its own first sample.
            next_row = stretch.first_row + len(stretch.at_s)
            next_ns = START_NS + int((next_row - 0.5) / self.model.rate_hz * SECOND_NS)
            waiting.sort(key=_when)
            ready = bisect_left(waiting, (next_ns, 0), key=_when)
            yield from ((arrival_ns, batch) for arrival_ns, _, batch in waiting[:ready])
            del waiting[:ready]
        yield from ((arrival_ns, batch) for arrival_ns, _, batch in waiting)

    def stretches(self, chunk_s: float = CHUNK_S) -> Iterator[Stretch]:
        """The counts of all plates (columns as in `cells`), about `chunk_s` at a time."""
        rows = row_count(self._duration_s, self.model)
        return self._making().stretches(rows, chunk_s)

    def _making(self) -> Making:
        story, cells, model, seed = self.story, self.cells, self.model, self._seed
        packages = Packages(self.layout, cells, model.corner, seed)
        standing_g = packages.standing_g(story.standing(0.0))
        felt = disturbances(story.actions, story.touches, packages, cells, model, seed)
        broken = breakage(self.faults, cells, model, self._duration_s, seed)
        warmth = Warmth(len(cells.shelves), model.swing_k, stream(seed, "warmth"), broken.warming)
        return Making(
            cells=cells,
            model=model,
            load=Load(standing_g, felt),
            white=White(cells, stream(seed, "white")),
            slow=Slow(cells, model, stream(seed, "slow"), warmth),
            warmth=warmth,
            response=Response(model.response),
            broken=broken,
        )

    @property
    def _seed(self) -> int:
        return self.story.scenario.seed

    @property
    def _duration_s(self) -> float:
        return self.story.duration_s


def _when(one: tuple[int, int, CountBatch]) -> tuple[int, int]:
    return one[0], one[1]
