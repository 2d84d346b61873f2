"""A node whose clock is set while it works: what its runtime then takes the time to be.

The real estimator of store time runs on a clock that jumps; the gateway answers its questions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec
import numpy as np
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Ns, seconds
from tebura_contract.events import Event, SensorChanged, SensorKind, SensorState
from tebura_contract.ids import NodeId, ShelfId
from tebura_contract.messages import ClockAnswer, Watermark
from tebura_edge.clock import StoreClock
from tebura_edge.role import CodeRead, Counts, Detections, Input, SensorStatus

from tebura_simulator.replay_wire import window_of
from tebura_simulator.story.script import FaultKind, FaultScript

ASK_EVERY_NS = 5 * SECOND_NS
"""As the runtime asks once it knows the time."""
HALF_TRIP_NS = 2 * MILLISECOND_NS

Jump = tuple[int, int]
"""From which store time on, and by how much."""

T = TypeVar("T", bound=msgspec.Struct)


def clocks_of(
    faults: Sequence[FaultScript], start_ns: int, served: Mapping[NodeId, tuple[ShelfId, ...]]
) -> dict[NodeId, "NodeClock"]:
    """The clocks of those nodes whose clock steps."""
    jumps: dict[NodeId, list[Jump]] = {}
    for fault in faults:
        if fault.kind is FaultKind.NODE_CLOCK_STEP and fault.on is not None and fault.size:
            from_ns, to_ns = window_of(fault, start_ns)
            by_ns = round(fault.size * SECOND_NS)
            found = jumps.setdefault(NodeId(fault.on), [])
            found.append((from_ns, by_ns))
            if to_ns > from_ns:
                found.append((to_ns, -by_ns))
    return {
        node: NodeClock(tuple(found), start_ns, served.get(node, ()))
        for node, found in jumps.items()
    }


@dataclass
class _Machine:
    """The node's own clocks, which count true time and jump."""

    jumps: Sequence[Jump]
    now_ns: int

    def monotonic_ns(self) -> int:
        return self.now_ns + sum(by_ns for at_ns, by_ns in self.jumps if at_ns <= self.now_ns)

    def wall_ns(self) -> int:
        return self.monotonic_ns()


@dataclass
class NodeClock:
    """What one node takes store time to be.

    Args:
        jumps: Of its own clock.
        start_ns: When the recording begins; the node has had an answer by then.
        served: Shelves that are doubtful around a correction.
    """

    jumps: Sequence[Jump]
    start_ns: int
    served: tuple[ShelfId, ...]
    _asked_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._machine = _Machine(self.jumps, self.start_ns - SECOND_NS)
        self._store = StoreClock(self._machine)
        self._answer()
        self._store.update()

    def tick(self, now_ns: int) -> list[Event]:
        """Time goes on; says what a correction of store time makes doubtful."""
        self._machine.now_ns = max(now_ns, self._machine.now_ns)
        if now_ns - self._asked_ns >= ASK_EVERY_NS:
            self._answer()
        step = self._store.update()
        if step is None or not self.served:
            return []
        until_ns = self._store.now().at_ns
        since_ns, until_ns = sorted((Ns(until_ns - step.by_ns), until_ns))
        reason = f"store time was set by {seconds(step.by_ns):+.3f} s"
        return [
            self._changed(SensorState.BLIND, reason, since_ns),
            self._changed(SensorState.OK, "", until_ns),
        ]

    @property
    def doubt_ns(self) -> int:
        return int(self._store.now().uncertainty_ns)

    @property
    def off_ns(self) -> int:
        """How far the node's idea of now is ahead."""
        return int(self._store.now().at_ns) - self._machine.now_ns

    def of_item(self, item: Input) -> Input:
        """What a sensor brings, with the times that the node gives it."""
        off_ns = self.off_ns
        match item:
            case Counts():
                return Counts(item.scale, item.at_ns + np.int64(off_ns), item.counts)
            case Detections():
                return replace(item, captured_ns=item.captured_ns + off_ns)
            case CodeRead() | SensorStatus():
                return replace(item, at_ns=item.at_ns + off_ns)
            case _:
                return item

    def of_event(self, event: T) -> T:
        """A recorded event as this clock would have dated it."""
        changes = {
            name: Ns(value + self.off_ns)
            for name in event.__struct_fields__
            if name.endswith("_ns") and isinstance(value := getattr(event, name), int)
        }
        return msgspec.structs.replace(event, **changes)

    def of_mark(self, mark: Watermark) -> Watermark:
        at_ns = Ns(mark.at_ns + self.off_ns)
        return msgspec.structs.replace(mark, at_ns=at_ns, uncertainty_ns=Ns(self.doubt_ns))

    def _answer(self) -> None:
        """Ask the gateway; the answer comes as a quick one does."""
        true_ns, own_ns = self._machine.now_ns, self._machine.monotonic_ns()
        answer = ClockAnswer(
            boot=1,
            sent_ns=Ns(own_ns - 2 * HALF_TRIP_NS),
            received_store_ns=Ns(true_ns - HALF_TRIP_NS),
            answered_store_ns=Ns(true_ns - HALF_TRIP_NS),
        )
        self._store.answered(answer, own_ns)
        self._asked_ns = true_ns

    def _changed(self, state: SensorState, reason: str, since_ns: Ns) -> SensorChanged:
        return SensorChanged(
            sensor="clock",
            sensor_kind=SensorKind.CLOCK,
            state=state,
            reason=reason,
            shelves=self.served,
            since_ns=since_ns,
        )
