from dataclasses import dataclass, field

from tebura_contract.ids import NodeId
from tebura_simulator.breakage import Breakage
from tebura_simulator.stage import BROKER, Part
from tebura_simulator.story.scenario import FaultKind, FaultScript


@dataclass
class Stage:
    """A stage without processes."""

    running: set[str]
    log: list[str] = field(default_factory=list)

    def is_running(self, name: str) -> bool:
        return name in self.running

    def kill(self, name: str) -> Part:
        self.running.remove(name)
        self.log.append(f"kill {name}")
        return Part(name, ("true",))

    def start(self, part: Part) -> None:
        self.running.add(part.name)
        self.log.append(f"start {part.name}")


def test_a_part_dies_and_comes_back_when_the_scenario_says() -> None:
    stage = Stage({BROKER, "plates-1"})
    faults = [
        FaultScript(kind=FaultKind.BROKER_KILLED, at_s=2.0, for_s=3.0),
        FaultScript(kind=FaultKind.NODE_OFF, at_s=4.0, for_s=10.0, on="plates-1"),
        FaultScript(kind=FaultKind.GLITCHES, at_s=1.0, on="g1/s1", size=0.01),
    ]
    breakage = Breakage(faults, stage)
    for at_s in (0.0, 1.9, 2.0, 2.1, 4.0, 4.9):
        breakage.turn(at_s)
    assert stage.log == [f"kill {BROKER}", "kill plates-1"]
    breakage.turn(5.0)
    assert stage.log[-1] == f"start {BROKER}"
    breakage.mend()
    assert stage.running == {BROKER, "plates-1"}


def test_a_part_that_is_not_a_process_here_is_left_alone() -> None:
    stage = Stage({BROKER})
    breakage = Breakage([FaultScript(kind=FaultKind.NODE_OFF, at_s=0.0, on="camera-1")], stage)
    breakage.turn(1.0)
    breakage.mend()
    assert stage.log == []


def test_a_cut_network_is_a_cable_pulled_out_for_as_long() -> None:
    log: list[str] = []

    class Cable:
        def pull_out(self) -> None:
            log.append("out")

        def plug_in(self) -> None:
            log.append("in")

    fault = FaultScript(kind=FaultKind.NETWORK_CUT, at_s=1.0, for_s=2.0, on="plates-1")
    breakage = Breakage([fault], Stage(set()), {NodeId("plates-1"): Cable()})
    for at_s in (0.9, 1.0, 2.9):
        breakage.turn(at_s)
    assert log == ["out"]
    breakage.turn(3.0)
    assert log == ["out", "in"]
