"""The way from the nodes to the gateway and back, where a network breaks and a broker dies.

What a node has to say waits at the node and comes in order once the way is open again.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import NodeId
from tebura_contract.messages import Command
from tebura_gateway.domain.facts import Fact

from tebura_simulator.story.script import FaultKind, FaultScript

Window = tuple[int, int]


@dataclass(frozen=True)
class Breaks:
    """When what is broken, store time."""

    cuts: Mapping[NodeId, tuple[Window, ...]] = field(default_factory=dict)
    everywhere: tuple[Window, ...] = ()
    off: Mapping[NodeId, tuple[Window, ...]] = field(default_factory=dict)
    gateway: tuple[Window, ...] = ()
    repeats: Mapping[NodeId, tuple[tuple[Window, int], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, faults: Iterable[FaultScript], start_ns: int) -> "Breaks":
        cuts: dict[NodeId, list[Window]] = {}
        off: dict[NodeId, list[Window]] = {}
        repeats: dict[NodeId, list[tuple[Window, int]]] = {}
        everywhere: list[Window] = []
        gateway: list[Window] = []
        for fault in faults:
            window = window_of(fault, start_ns)
            node = NodeId(fault.on or "")
            match fault.kind:
                case FaultKind.NETWORK_CUT:
                    cuts.setdefault(node, []).append(window)
                case FaultKind.NODE_OFF:
                    off.setdefault(node, []).append(window)
                case FaultKind.BROKER_KILLED:
                    everywhere.append(window)
                case FaultKind.GATEWAY_KILLED:
                    gateway.append(window)
                case FaultKind.MESSAGES_REPEATED:
                    times = round(fault.size) if fault.size is not None else 2
                    repeats.setdefault(node, []).append((window, times))
                case _:
                    pass
        return cls(
            cuts={name: tuple(windows) for name, windows in cuts.items()},
            everywhere=tuple(everywhere),
            off={name: tuple(windows) for name, windows in off.items()},
            gateway=tuple(gateway),
            repeats={name: tuple(windows) for name, windows in repeats.items()},
        )

    def is_cut(self, node: NodeId, now_ns: int) -> bool:
        """Whether nothing of a node reaches the gateway."""
        windows = (*self.cuts.get(node, ()), *self.everywhere, *self.off.get(node, ()))
        return _is_in(windows, now_ns)

    def is_off(self, node: NodeId, now_ns: int) -> bool:
        return _is_in(self.off.get(node, ()), now_ns)

    def is_gateway_down(self, now_ns: int) -> bool:
        return _is_in(self.gateway, now_ns)

    def times(self, node: NodeId, now_ns: int) -> int:
        """How often a message of a node arrives."""
        found = [n for window, n in self.repeats.get(node, ()) if _is_in((window,), now_ns)]
        return max(found, default=1)


@dataclass
class Wire:
    """Carries facts and promises to the gateway, commands to nodes."""

    breaks: Breaks
    _up: dict[NodeId, deque[Fact | tuple[str, int]]] = field(default_factory=dict)
    _down: dict[NodeId, deque[Command]] = field(default_factory=dict)
    _promised_ns: dict[NodeId, dict[str, int]] = field(default_factory=dict)

    def send(self, node: NodeId, facts: Iterable[Fact]) -> None:
        self._up.setdefault(node, deque()).extend(facts)

    def promise(self, node: NodeId, speaker: str, through_ns: int) -> None:
        """One speaker of a node (its roles, or what it recorded) told all up to here."""
        self._up.setdefault(node, deque()).append((speaker, through_ns))

    def command(self, node: NodeId, command: Command) -> None:
        self._down.setdefault(node, deque()).append(command)

    def arrived(self, now_ns: int) -> list[Fact]:
        """What reaches the gateway now; promises are noted."""
        facts: list[Fact] = []
        for node, waiting in self._up.items():
            if not waiting or self.breaks.is_cut(node, now_ns):
                continue
            times = self.breaks.times(node, now_ns)
            for one in waiting:
                if isinstance(one, Fact):
                    facts += [one] * times
                else:
                    marks = self._promised_ns.setdefault(node, {})
                    marks[one[0]] = max(one[1], marks.get(one[0], one[1]))
            waiting.clear()
        return facts

    def commands(self, now_ns: int) -> list[tuple[NodeId, Command]]:
        """What reaches the nodes now."""
        found = []
        for node, waiting in self._down.items():
            if waiting and not self.breaks.is_cut(node, now_ns):
                found += [(node, command) for command in waiting]
                waiting.clear()
        return found

    def through_ns(self, speakers: Mapping[NodeId, frozenset[str]]) -> dict[NodeId, int]:
        """Up to when each node has told everything; nothing before all of its speakers spoke."""
        return {
            node: min(marks[name] for name in names)
            for node, names in speakers.items()
            if names and names <= (marks := self._promised_ns.get(node, {})).keys()
        }


def window_of(fault: FaultScript, start_ns: int) -> Window:
    from_ns = start_ns + round((fault.at_s or 0.0) * SECOND_NS)
    return from_ns, from_ns + round(fault.for_s * SECOND_NS)


def _is_in(windows: Iterable[Window], now_ns: int) -> bool:
    return any(from_ns <= now_ns < to_ns for from_ns, to_ns in windows)
