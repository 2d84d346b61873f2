"""What a gate says to whoever showed a code: come in, a guest came in, goodbye, or why not.

Answers follow from facts that are stored, so a gate never opens for an entry that could be lost,
and they need no gateway. An answer that nothing can show (a relay that is unplugged) is dropped: it
would be wrong a moment later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from tebura_contract.events import (
    EntryRefused,
    Event,
    RefusalReason,
    SensorState,
    ShopperEntered,
    ShopperLeft,
)
from tebura_contract.ids import GateId
from tebura_contract.messages import Part
from tebura_contract.settings import beside

from tebura_edge.config import Setup
from tebura_edge.face_gate import Prompt

if TYPE_CHECKING:
    from tebura_edge.gate_screen import OnShone
    from tebura_edge.screen import Screen


class AnswerKind(StrEnum):
    COME_IN = "come-in"
    GUEST = "guest"
    GOODBYE = "goodbye"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer at one gate; `reason` goes with a refusal. Whom it is for is not in it."""

    gate: GateId
    kind: AnswerKind
    reason: RefusalReason | None = None


class AnswerPort(Protocol):
    """Something at a gate that shows answers: a relay, a light, a screen. Never waits."""

    @property
    def label(self) -> str: ...

    @property
    def trouble(self) -> str: ...

    def show(self, answer: Answer) -> None: ...

    def ask(self, prompt: Prompt) -> None:
        """Ask something of who stands there; what can only open or refuse does nothing."""
        ...

    def stall(self, is_stalled: bool) -> None:
        """Nobody can be let in by this node for now, or again: staff have to be asked."""
        ...

    def close(self) -> None: ...


def answer_to(event: Event) -> Answer | None:
    """What a gate says when this happened; None if it is no matter of a gate."""
    match event:
        case ShopperEntered():
            kind = AnswerKind.COME_IN if event.joins is None else AnswerKind.GUEST
            return Answer(event.gate, kind)
        case ShopperLeft():
            return Answer(event.gate, AnswerKind.GOODBYE)
        case EntryRefused():
            return Answer(event.gate, AnswerKind.REFUSED, event.reason)
        case _:
            return None


class Answers:
    """All answer ports of a node.

    Args:
        ports: Those of each gate.
    """

    def __init__(self, ports: Mapping[GateId, Sequence[AnswerPort]]) -> None:
        self._ports = {gate: tuple(shown_by) for gate, shown_by in ports.items()}
        # A node's one screen shows the answers of all its gates.
        self._all = tuple(dict.fromkeys(p for shown_by in self._ports.values() for p in shown_by))

    def stored(self, event: Event) -> None:
        """A fact is durable: say at its gate what follows."""
        answer = answer_to(event)
        if answer is not None:
            for port in self._ports.get(answer.gate, ()):
                port.show(answer)

    def ask(self, prompt: Prompt) -> None:
        """Ask something of who stands at a gate; that is no fact and opens nothing."""
        for port in self._ports.get(prompt.gate, ()):
            port.ask(prompt)

    def stall(self, is_stalled: bool) -> None:
        """Say at all gates whether entries can be stored: what cannot be stored is no entry."""
        for port in self._all:
            port.stall(is_stalled)

    def parts(self) -> list[Part]:
        """For the node's health message: which ports cannot show anything."""
        return [
            Part(
                name=port.label,
                state=SensorState.BLIND if port.trouble else SensorState.OK,
                reason=port.trouble,
            )
            for port in self._all
        ]

    def close(self) -> None:
        for port in self._all:
            port.close()


def open_answers(setup: Setup, screen: "Screen | None", on_shone: "OnShone") -> Answers:
    """The relays that a node's configuration names, and its screen where it has one."""
    from tebura_edge.gate_screen import GateScreen
    from tebura_edge.relay import RelayPort

    config = setup.config
    ports: dict[GateId, list[AnswerPort]] = {gate.id: [] for gate in config.gate}
    for gate in config.gate:
        if gate.relay is not None:
            place = str(beside(setup.path, gate.relay.port))
            ports[gate.id].append(RelayPort(gate.id, gate.relay, place))
    if screen is not None and ports:
        shown = GateScreen(screen, ports, on_shone)
        for shown_by in ports.values():
            shown_by.append(shown)
    return Answers(ports)
