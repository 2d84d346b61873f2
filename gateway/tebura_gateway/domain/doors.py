"""Who comes in without a code, where the shop takes walk-ups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import TrackStarted
from tebura_contract.ids import EventId, GateId, NodeId, TrackId
from tebura_contract.layout import GateDirection, Layout

from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.tracks import Track, apart_m
from tebura_gateway.domain.visiting import NEVER_NS, Person

_AT_THE_DOOR_NS = SECOND_NS
_TWO_VIEWS_NS = 2 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Doors:
    """Where somebody without a code may come in, and what is known of that so far."""

    gates: frozenset[GateId]
    started: Mapping[TrackId, EventId]
    heard_ns: int
    settings: JudgementSettings

    @classmethod
    def of(
        cls,
        facts: Sequence[Fact],
        layout: Layout,
        through_ns: Mapping[NodeId, int],
        settings: JudgementSettings,
    ) -> "Doors":
        doors = [gate for gate in layout.gate if gate.direction is not GateDirection.EXIT]
        return cls(
            gates=frozenset(GateId(gate.id) for gate in doors),
            started={
                fact.event.track: fact.id for fact in facts if isinstance(fact.event, TrackStarted)
            },
            heard_ns=min((through_ns.get(gate.node, NEVER_NS) for gate in doors), default=NEVER_NS),
            settings=settings,
        )

    def came_in(self, track: Track) -> tuple[GateId, EventId] | None:
        """The gate and the event by which a track walked in without a code, as far as is known."""
        entry = self.started.get(track.id)
        for stay in track.stays:
            is_first = stay.from_ns - track.started_ns <= _AT_THE_DOOR_NS
            if entry is None or stay.gate not in self.gates or not is_first or stay.to_ns is None:
                continue
            # A code may still be on its way from the gate.
            if self.heard_ns >= stay.to_ns + self.settings.entry_s * SECOND_NS:
                return stay.gate, entry
        return None

    def is_same(self, person: Person, track: Track) -> bool:
        """Whether another camera saw this walk-up come in at the same time and place."""
        first = person.tracks[0]
        if not person.is_walk_up or first.started_xy_m is None or track.started_xy_m is None:
            return False
        return (
            (first.node, first.camera) != (track.node, track.camera)
            and abs(first.started_ns - track.started_ns) <= _TWO_VIEWS_NS
            and apart_m(first.started_xy_m, track.started_xy_m) <= self.settings.link_m
        )
