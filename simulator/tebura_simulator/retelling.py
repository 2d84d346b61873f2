"""What recorded nodes said, said again in a running store: other times, other names.

A recording's event speaks of its own seconds, its own members and its own track numbers. Played to
a live store each becomes what a node there would say at that moment.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.entry_code import time_step
from tebura_contract.events import Event, ShopperEntered
from tebura_contract.ids import MemberId, NodeId, TrackId, VisitId, track_id

from tebura_simulator.replay import member_of


@dataclass
class LiveTime:
    """Which instant of the store a second of the recording was played at.

    The recording is held back and let go while it plays, so the answer comes from what was noted.
    Before the first note time runs as before it, and after the last as after it.
    """

    _rec_s: list[float] = field(default_factory=list)
    _live_ns: list[int] = field(default_factory=list)

    def note(self, rec_s: float, live_ns: int) -> None:
        """At `live_ns` the recording stood at `rec_s`; neither runs backwards."""
        is_standing = bool(self._rec_s) and rec_s <= self._rec_s[-1]
        # A stand is kept as its first and its last instant; of the one before the start only the
        # last counts.
        if is_standing and (len(self._rec_s) == 1 or self._rec_s[-1] == self._rec_s[-2]):
            self._live_ns[-1] = live_ns
            return
        self._rec_s.append(max(rec_s, self._rec_s[-1]) if self._rec_s else rec_s)
        self._live_ns.append(live_ns)

    def at(self, rec_s: float) -> int:
        """Store time at which the recording stood there.

        Raises:
            LookupError: Before the first note.
        """
        return round(_between(self._rec_s, self._live_ns, rec_s, 1.0 / SECOND_NS))

    def recorded_s(self, live_ns: int) -> float:
        """Which second of the recording was on at a store time.

        Raises:
            LookupError: Before the first note.
        """
        return _between(self._live_ns, self._rec_s, live_ns, float(SECOND_NS))


def _between(x: Sequence[float], y: Sequence[float], at: float, per: float) -> float:
    """`y` at `at`, straight between the points; outside of them one of `y` a `per` of `x`."""
    if not x:
        raise LookupError("nothing was played yet")
    after = bisect_right(x, at)
    if after == 0:
        return y[0] - (x[0] - at) / per
    if after == len(x):
        return y[-1] + (at - x[-1]) / per
    share = (at - x[after - 1]) / (x[after] - x[after - 1])
    return y[after - 1] + share * (y[after] - y[after - 1])


@dataclass
class Retelling:
    """One recording's words in a live store.

    Args:
        node: Who says them.
        boot: Of the node that says them now.
        play: Number of this recording among those played, so that tracks keep apart.
        start_ns: Store time of the recording's start, in the recording.
        live: When its seconds were played.
        members: The live members by account.
    """

    node: NodeId
    boot: int
    play: int
    start_ns: int
    live: LiveTime
    members: Mapping[str, MemberId]
    _visits: dict[str, VisitId] = field(default_factory=dict)

    def of(self, event: Event) -> Event:
        """The same event as it would be said here and now."""
        changes: dict[str, object] = {}
        for name in event.__struct_fields__:
            value = getattr(event, name)
            if name.endswith("_ns") and isinstance(value, int):
                changes[name] = self.at_ns(value)
            elif name == "track":
                changes[name] = self.track(value)
            elif name == "people":
                changes[name] = tuple(
                    msgspec.structs.replace(one, track=self.track(one.track)) for one in value
                )
            elif name == "member" and value is not None:
                changes[name] = self._member(value)
        told: Event = msgspec.structs.replace(event, **changes)
        if isinstance(told, ShopperEntered):
            joins = None if told.joins is None else self._visits.get(told.joins, told.joins)
            told = msgspec.structs.replace(told, joins=joins, code_step=time_step(told.at_ns))
        return told

    def entered(self, recorded: VisitId, live: VisitId) -> None:
        """A recorded visit is this one here: guests join by it."""
        self._visits[recorded] = live

    def at_ns(self, recorded_ns: int) -> Ns:
        return Ns(self.live.at((recorded_ns - self.start_ns) / SECOND_NS))

    def track(self, recorded: TrackId) -> TrackId:
        """The recorded track's number, moved out of the way of other recordings' tracks."""
        number = int(recorded.rsplit("-", 1)[-1])
        return track_id(self.node, self.boot, self.play * 1_000_000 + number)

    def _member(self, recorded: MemberId) -> MemberId:
        """The live member who has the account that the recorded number was made of."""
        for account, member in self.members.items():
            if member_of(account) == recorded:
                return member
        return recorded
