"""What a scenario breaks outside the sensors' data, done to real processes.

Broker, gateway and nodes are killed (-9) and started again when the scenario says that they are
back. The other faults are in what the sensors say, or need a wire of our own: a cut network and
repeated messages are played only in process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tebura_simulator.stage import BROKER, GATEWAY, Part
from tebura_simulator.story.scenario import FaultKind, FaultScript


class Breakable(Protocol):
    """What can be killed and started again by name."""

    def is_running(self, name: str) -> bool: ...

    def kill(self, name: str) -> Part: ...

    def start(self, part: Part) -> None: ...


@dataclass
class Breakage:
    """Kills and restarts parts as a recording goes on.

    Args:
        faults: Of the recording; kinds that kill nothing are left out.
        stage: Where the parts run.
    """

    faults: Sequence[FaultScript]
    stage: Breakable
    _done: set[int] = field(default_factory=set)
    _down: list[tuple[float, Part]] = field(default_factory=list)

    def turn(self, at_s: float) -> None:
        """Do what is due at a second of the recording."""
        for back_s, part in list(self._down):
            if back_s <= at_s:
                self._down.remove((back_s, part))
                self.stage.start(part)
        for number, fault in enumerate(self.faults):
            name = _victim(fault)
            if name is None or fault.at_s is None or number in self._done or fault.at_s > at_s:
                continue
            self._done.add(number)
            if self.stage.is_running(name):
                self._down.append((fault.at_s + fault.for_s, self.stage.kill(name)))

    def mend(self) -> None:
        """Start again whatever is still down."""
        self.turn(float("inf"))


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
