"""The node between its sensors and its outbox: merged inputs go to the roles, facts come out.

Pure of clocks, threads and devices: inputs and times are passed in, so it runs live, in tests and
from a recording alike. Facts wait in `pending` until `commit` has them in the outbox, together with
the roles' states; nothing is promised to the gateway before that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tebura_contract.clock import Ns, seconds
from tebura_contract.events import (
    Event,
    NodeStarted,
    SensorChanged,
    SensorKind,
    SensorState,
)
from tebura_contract.ids import EventId, ShelfId
from tebura_contract.messages import Command

from tebura_edge.merge import Merge
from tebura_edge.outbox import Outbox, Sealer, Stored
from tebura_edge.role import (
    CodeRead,
    CounterTapped,
    Counts,
    Detections,
    FaceCame,
    FaceSeen,
    FactorSeen,
    HandSeen,
    Input,
    Role,
    ScreenShone,
    SensorStatus,
)


@dataclass(frozen=True, slots=True)
class Looked:
    """A source has looked up to `at_ns` and found nothing to say (a gate's camera, mostly)."""

    source: str
    at_ns: int


@dataclass(frozen=True)
class Sensor:
    """A sensor of this node: its kind, and the shelves that are blind without it."""

    kind: SensorKind
    shelves: tuple[ShelfId, ...]


@runtime_checkable
class _LearnsIds(Protocol):
    def recorded(self, event_id: EventId, event: Event) -> None: ...


Sensed = (
    Counts
    | Detections
    | CodeRead
    | FaceCame
    | FaceSeen
    | FactorSeen
    | HandSeen
    | CounterTapped
    | ScreenShone
    | SensorStatus
    | Looked
)


class Engine:
    """Feeds roles in time order.

    Args:
        roles: By the name their state is saved under.
        sensors: By label; each is waited for until it says that it is blind.
        served: Shelves about which this node's word matters.
        lag_ns: How long an input may wait for those of slower sensors.
    """

    def __init__(
        self,
        roles: Mapping[str, Role],
        sensors: Mapping[str, Sensor],
        served: Sequence[ShelfId],
        lag_ns: int,
    ) -> None:
        self.roles = dict(roles)
        self._sensors = dict(sensors)
        self._served = tuple(served)
        self._merge: Merge[Input] = Merge(sensors, lag_ns)
        self._saved: dict[str, bytes] = {}
        self._must_save = False
        self.pending: list[Event] = []
        self.states: dict[str, SensorStatus] = {}
        self._blind_ns: dict[str, int] = {}

    @property
    def late_count(self) -> int:
        return self._merge.late_count

    def started(self, version: str, at_ns: Ns, last_alive_ns: int | None) -> None:
        """The first facts of a boot: what was not seen before it, and what is not seen yet."""
        alive_ns = None if last_alive_ns is None else Ns(last_alive_ns)
        self.pending.append(
            NodeStarted(version=version, at_ns=at_ns, last_alive_ns=alive_ns, shelves=self._served)
        )
        for label, sensor in self._sensors.items():
            if sensor.shelves:
                self._blind_ns[label] = at_ns
                self.pending.append(_changed(label, sensor, SensorState.BLIND, "starting", at_ns))

    def take(self, sensed: Sensed) -> None:
        """Something a sensor's thread said. Its time tells its place, news of a sensor go first."""
        match sensed:
            case Looked():
                self._merge.heard(sensed.source, sensed.at_ns)
            case SensorStatus():
                self._status(sensed)
            case Counts():
                if len(sensed.at_ns):
                    self._merge.push(sensed.scale, int(sensed.at_ns[0]), sensed)
                    self._merge.heard(sensed.scale, int(sensed.at_ns[-1]))
            case Detections():
                self._merge.push(sensed.camera, sensed.captured_ns, sensed)
            case CodeRead():
                self._merge.push(sensed.reader, sensed.at_ns, sensed)
            case FaceSeen() | HandSeen():
                self._merge.push(sensed.camera, sensed.at_ns, sensed)
            case FaceCame() | FactorSeen() | CounterTapped() | ScreenShone():
                # Of no sensor that others wait for: it counts as it comes.
                self._feed(sensed)

    def command(self, command: Command) -> None:
        """The gateway tells something; it counts now, and what was learnt from it is kept."""
        self._feed(command)
        self._must_save = True

    def save_soon(self) -> None:
        """Keep the roles' states with the next commit even if nothing happens."""
        self._must_save = True

    def turn(self, now_ns: int) -> None:
        """Feed what is due at store time `now_ns`, and let time pass for the roles."""
        for merged in self._merge.pop(now_ns):
            self._feed(merged.item)
        through_ns = self._merge.promised_ns(now_ns)
        if through_ns is None:
            return
        for role in self.roles.values():
            self.pending += role.tick(through_ns)

    def stepped(self, by_ns: int, now_ns: int) -> None:
        """Store time jumped by `by_ns` to `now_ns`: what happened around it cannot be placed."""
        for merged in self._merge.flush():
            self._feed(merged.item)
        if not self._served:
            return
        clock = Sensor(SensorKind.CLOCK, self._served)
        reason = f"store time was set by {seconds(by_ns):+.3f} s"
        since_ns, until_ns = sorted((now_ns - by_ns, now_ns))
        self.pending += [
            _changed("clock", clock, SensorState.BLIND, reason, since_ns),
            _changed("clock", clock, SensorState.OK, "", until_ns),
        ]

    def blinded(self, reason: str, from_ns: int, to_ns: int) -> None:
        """Nothing was seen for a while through no fault of the sensors."""
        for label, sensor in self._sensors.items():
            for state, why, at_ns in (
                (SensorState.BLIND, reason, from_ns),
                (SensorState.OK, "", to_ns),
            ):
                self._status(SensorStatus(label, sensor.kind, state, why, at_ns))

    def commit(self, outbox: Outbox, seal: Sealer) -> list[Stored]:
        """Store pending facts and the states after them in one transaction; nothing new, no write.

        States alone (a level that drifts) are not worth a write each time; `save_soon` asks for it.

        Raises:
            OutboxUnwritable: All is still pending; call again.
        """
        for n, event in enumerate(self.pending):
            for role in self.roles.values():
                if isinstance(role, _LearnsIds):
                    role.recorded(outbox.next_id(n), event)
        if not self.pending and not self._must_save:
            return []
        changed = self._changed_states()
        stored = outbox.append(self.pending, seal, changed, self.complete_ns())
        self.pending = []
        self._saved |= changed
        self._must_save = False
        return stored

    def watermark_ns(self) -> int | None:
        """Every event that began up to here is in the outbox; None while that cannot be said."""
        return None if self.pending else self.complete_ns()

    def complete_ns(self) -> int | None:
        """Every event that began up to here was found, stored or still pending."""
        marks = [role.watermark_ns() for role in self.roles.values()]
        known = [mark for mark in marks if mark is not None]
        return min(known) if known and len(known) == len(marks) else None

    def _feed(self, item: Input) -> None:
        for role in self.roles.values():
            self.pending += role.step(item)

    def _status(self, status: SensorStatus) -> None:
        sensor = self._sensors[status.sensor]
        self.states[status.sensor] = status
        self._merge.await_source(status.sensor, status.state is SensorState.OK)
        if sensor.shelves:
            since_ns = status.at_ns
            if status.state is SensorState.BLIND:
                self._blind_ns[status.sensor] = since_ns
            else:
                # Where the clock was set back in between, it sees again from when it went blind
                # on: told as earlier, it would be blind for ever.
                since_ns = max(since_ns, self._blind_ns.get(status.sensor, since_ns))
            self.pending.append(
                _changed(status.sensor, sensor, status.state, status.reason, since_ns)
            )
        self._feed(status)

    def _changed_states(self) -> dict[str, bytes]:
        states = {name: role.save() for name, role in self.roles.items()}
        return {name: raw for name, raw in states.items() if raw != self._saved.get(name, b"")}


def _changed(
    label: str, sensor: Sensor, state: SensorState, reason: str, since_ns: int
) -> SensorChanged:
    return SensorChanged(
        sensor=label,
        sensor_kind=sensor.kind,
        state=state,
        reason=reason,
        shelves=sensor.shelves,
        since_ns=Ns(since_ns),
    )
