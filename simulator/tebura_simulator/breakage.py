"""What a scenario breaks outside the sensors' data, done to real processes.

Broker, gateway and nodes are killed (-9), a node's network cable is pulled out; when the scenario
says that it is over, they are started and plugged in again. Sensors' faults are in what the sensors
say; repeated messages and stepping clocks are played only in process.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tebura_contract.ids import NodeId

from tebura_simulator.stage import BROKER, GATEWAY, Part
from tebura_simulator.story.scenario import FaultKind, FaultScript


class Breakable(Protocol):
    """What can be killed and started again by name."""

    def is_running(self, name: str) -> bool: ...

    def kill(self, name: str) -> Part: ...

    def start(self, part: Part) -> None: ...


class Pluggable(Protocol):
    """A cable."""

    def pull_out(self) -> None: ...

    def plug_in(self) -> None: ...


@dataclass
class Breakage:
    """Breaks and mends as a recording goes on.

    Args:
        faults: Of the recording; kinds that are not done to processes are left out.
        stage: Where the parts run.
        cables: Of each node.
    """

    faults: Sequence[FaultScript]
    stage: Breakable
    cables: Mapping[NodeId, Pluggable] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)
    _broken: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def turn(self, at_s: float) -> None:
        """Do what is due at a second of the recording."""
        for due in [broken for broken in self._broken if broken[0] <= at_s]:
            self._broken.remove(due)
            due[1]()
        for number, fault in enumerate(self.faults):
            if fault.at_s is None or number in self._done or fault.at_s > at_s:
                continue
            self._done.add(number)
            mend = self._break(fault)
            if mend is not None:
                self._broken.append((fault.at_s + fault.for_s, mend))

    def mend(self) -> None:
        """Put right whatever is still broken."""
        self.turn(float("inf"))

    def _break(self, fault: FaultScript) -> Callable[[], None] | None:
        """Do it; what undoes it, or None where there is nothing to do."""
        if fault.kind is FaultKind.NETWORK_CUT:
            cable = self.cables.get(NodeId(fault.on or ""))
            if cable is None:
                return None
            cable.pull_out()
            return cable.plug_in
        name = _victim(fault)
        if name is None or not self.stage.is_running(name):
            return None
        part = self.stage.kill(name)
        return lambda: self.stage.start(part)


def _victim(fault: FaultScript) -> str | None:
    match fault.kind:
        case FaultKind.BROKER_KILLED:
            return BROKER
        case FaultKind.GATEWAY_KILLED:
            return GATEWAY
        case FaultKind.NODE_OFF:
            return fault.on
        case _:
            return None
