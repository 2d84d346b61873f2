"""How a node says what it found: numbered events, and promises of having told everything.

The promise follows the contract's rule: it stands before the beginning of whatever is not told yet.
"""

import bisect
from collections.abc import Iterator, Sequence

import msgspec
from tebura_contract.clock import SECOND_NS, Ns, StoreTime
from tebura_contract.envelope import parse, seal
from tebura_contract.events import ShopperEntered, began_ns
from tebura_contract.ids import EventId, NodeId, StoreId, VisitId, visit_id
from tebura_contract.messages import Position, Watermark
from tebura_contract.recording import EVENTS_TOPIC, POSITIONS_TOPIC, WATERMARKS_TOPIC

from tebura_simulator.epoch import START_NS, store_ns
from tebura_simulator.sight.chance import stream
from tebura_simulator.sight.eyes import Outages
from tebura_simulator.sight.told import Found, Told

MARK_EVERY_S = 1.0
LAG_S = 0.3
"""What a node is behind while all is quiet: frames wait for their turn."""
DOUBT_NS = Ns(2_000_000)
"""Of a clock that asks the gateway over a wired network."""
KEY = b"simulated nodes sign with this"
POSITION_S = 0.1


class Voice:
    """One node's words, in order.

    Args:
        node: Who speaks.
        store: In which store.
        found: All it finds, in any order; what falls into its outages is lost.
        outages: When it is off.
        seed: Of the scenario.
    """

    def __init__(
        self, node: NodeId, store: StoreId, found: Sequence[Found], outages: Outages, seed: int
    ) -> None:
        self._node, self._store, self._outages = node, store, outages
        kept = [f for f in found if not outages.is_off(node, f.said_s)]
        # A boot's first word is that it started.
        self._found = sorted(kept, key=lambda f: f.said_s)
        self._said_ns = [int(store_ns(f.said_s)) for f in self._found]
        self._began_ns = [int(began_ns(f.event)) for f in self._found]
        self._ids = self._numbered()
        self._phase_s = float(stream(seed, "watermarks", node).uniform(0.0, MARK_EVERY_S))

    def events(self) -> Iterator[Told]:
        entries: dict[str, VisitId] = {}
        topic = EVENTS_TOPIC.format(node=self._node)
        for found, event_id, said_ns in zip(self._found, self._ids, self._said_ns, strict=True):
            event = found.event
            if isinstance(event, ShopperEntered):
                if found.joins in entries:
                    event = msgspec.structs.replace(event, joins=entries[found.joins])
                entries.setdefault(found.entry, visit_id(event_id))
            published = StoreTime(at_ns=Ns(said_ns), uncertainty_ns=DOUBT_NS)
            sealed = seal(self._store, event_id, event, published, said_ns - START_NS, KEY)
            yield Told(said_ns, topic, parse(sealed))

    def watermarks(self, until_s: float) -> Iterator[Told]:
        """Once a second what may be relied on."""
        topic = WATERMARKS_TOPIC.format(node=self._node)
        untold = _least_after(self._began_ns)
        t_s = self._phase_s
        while t_s <= until_s:
            if not self._outages.is_off(self._node, t_s):
                now_ns = int(store_ns(t_s))
                said = bisect.bisect_right(self._said_ns, now_ns)
                at_ns = min(now_ns - round(LAG_S * SECOND_NS), untold[said] - 1)
                boot = self._outages.boot(self._node, t_s)
                last = self._ids[said - 1] if said else None
                seq = last.seq if last is not None and last.boot == boot else -1
                mark = Watermark(boot=boot, seq=seq, at_ns=Ns(at_ns), uncertainty_ns=DOUBT_NS)
                yield Told(now_ns, topic, mark)
            t_s += MARK_EVERY_S

    def last_s(self) -> float:
        return self._found[-1].said_s if self._found else 0.0

    def _numbered(self) -> list[EventId]:
        numbers: dict[int, int] = {}
        ids = []
        for found in self._found:
            boot = self._outages.boot(self._node, found.said_s)
            ids.append(EventId(self._node, boot, numbers.get(boot, 0)))
            numbers[boot] = numbers.get(boot, 0) + 1
        return ids


def positions_told(node: NodeId, positions: Sequence[Position]) -> Iterator[Told]:
    topic = POSITIONS_TOPIC.format(node=node)
    for position in positions:
        yield Told(int(position.at_ns) + round(POSITION_S * SECOND_NS), topic, position)


def _least_after(values: Sequence[int]) -> list[int]:
    """At n the smallest from the n-th on; a time far off after the last."""
    least = [2**62]
    for value in reversed(values):
        least.append(min(value, least[-1]))
    return least[::-1]
