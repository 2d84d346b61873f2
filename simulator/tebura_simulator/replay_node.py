"""One node of a replay: its roles, as its runtime would feed, save and restart them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tebura_contract.events import Event, NodeStarted
from tebura_contract.ids import EventId, NodeId
from tebura_contract.messages import Command
from tebura_edge.gate_role import GateRole
from tebura_edge.keeper import FIRST_SAVE_NS, SAVE_EVERY_NS
from tebura_edge.role import Input, Role
from tebura_gateway.domain.facts import Fact

RoleMaker = Callable[[int, bytes], Role]
"""A role for a boot, from what it saved before."""

RECORDED_SEQS = 1_000_000
"""Where a recording holds events of a node that also has roles here, theirs are numbered from this
on: the recorded ones keep their numbers, since others name them."""


@dataclass
class Node:
    """One node.

    Attributes:
        makers: Of its roles, in the order they are fed.
        has_recorded: Whether the recording holds events of it as well.
        may_restart: Whether states have to be kept at all.
    """

    name: NodeId
    makers: Sequence[RoleMaker]
    has_recorded: bool = False
    may_restart: bool = False
    boot: int = 1
    roles: list[Role] = field(default_factory=list)
    _seq: int = 0
    _saved: list[bytes] = field(default_factory=list)
    _save_ns: int | None = None

    def __post_init__(self) -> None:
        self._seq = RECORDED_SEQS if self.has_recorded else 0
        self._saved = [b""] * len(self.makers)
        self.roles = [make(self.boot, b"") for make in self.makers]

    @property
    def is_gate(self) -> bool:
        return any(isinstance(role, GateRole) for role in self.roles)

    def step(self, item: Input) -> list[Fact]:
        facts = [fact for role in self.roles for fact in self._facts(role, role.step(item))]
        if facts or isinstance(item, Command):
            self._save()
        return facts

    def tick(self, now_ns: int) -> list[Fact]:
        facts = [fact for role in self.roles for fact in self._facts(role, role.tick(now_ns))]
        if self._save_ns is None:
            self._save_ns = now_ns + FIRST_SAVE_NS
        if facts or now_ns >= self._save_ns:
            self._save_ns = max(self._save_ns, now_ns + SAVE_EVERY_NS)
            self._save()
        return facts

    def fact(self, event: Event) -> Fact:
        """An event of this node under its next number."""
        event_id = EventId(self.name, self.boot, self._seq)
        self._seq += 1
        return Fact(event_id, event)

    def restart(self, started: NodeStarted, boot: int) -> None:
        """A new boot: all that was not saved is gone."""
        self.boot = max(boot, self.boot + 1)
        self._seq = RECORDED_SEQS if self.has_recorded else 0
        self._save_ns = int(started.at_ns) + FIRST_SAVE_NS
        self.roles = [
            make(self.boot, saved) for make, saved in zip(self.makers, self._saved, strict=True)
        ]

    def watermark_ns(self) -> int | None:
        marks = [role.watermark_ns() for role in self.roles]
        known = [mark for mark in marks if mark is not None]
        return min(known) if known and len(known) == len(marks) else None

    def _facts(self, role: Role, events: Sequence[Event]) -> list[Fact]:
        facts = []
        for event in events:
            fact = self.fact(event)
            if isinstance(role, GateRole):
                role.recorded(fact.id, event)
            facts.append(fact)
        return facts

    def _save(self) -> None:
        """With each fact and after each command, as the runtime commits them together."""
        if self.may_restart:
            self._saved = [role.save() for role in self.roles]
