"""Nodes of a running store that nothing was recorded of but what they said.

Where a recording has no pixels, its cameras' tracks and reaches were made from the script. Their
nodes are played here: with the real node's outbox, courier and link, so that what they say is
stored, signed, resent and acknowledged as any node's; only their eyes are somebody else's.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import msgspec
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Ns, StoreTime, ns_from_s
from tebura_contract.envelope import seal
from tebura_contract.events import Event, NodeStarted, ShopperEntered
from tebura_contract.ids import EventId, MemberId, NodeId, StoreId, visit_id
from tebura_contract.messages import Ack, Position, Watermark
from tebura_contract.settings import MqttSettings
from tebura_edge.config import LinkConfig
from tebura_edge.courier import Courier
from tebura_edge.delivery import Delivery
from tebura_edge.health import HealthBoard
from tebura_edge.link import Arrived, Connected, Link
from tebura_edge.outbox import Outbox
from tebura_edge.pace import Pace

from tebura_simulator.retelling import LiveTime, Retelling
from tebura_simulator.store_files import Wiring
from tebura_simulator.take import Take, Word

TURN_S = 0.05
WATERMARK_EVERY_NS = 500 * MILLISECOND_NS
BEHIND_NS = 200 * MILLISECOND_NS
"""How far the promise of a node that sees nothing lags."""
DOUBT_NS = 5 * MILLISECOND_NS


class ToldNode:
    """One such node. Used by one thread.

    Args:
        node: Its name.
        store: Whose.
        folder: For its outbox.
        mqtt: Where the broker is.
        key: Signs its events.
    """

    def __init__(
        self, node: NodeId, store: StoreId, folder: Path, mqtt: MqttSettings, key: bytes
    ) -> None:
        self.node, self._store, self._key = node, store, key
        settings = LinkConfig(reconnect_min_s=0.2, reconnect_max_s=2.0)
        self._outbox = Outbox(folder / "state" / node, node, time.time_ns())
        self._link = Link(
            mqtt,
            folder / f"{node}.toml",
            store,
            node,
            boot=self._outbox.boot,
            reconnect_s=(settings.reconnect_min_s, settings.reconnect_max_s),
            in_flight=settings.in_flight,
            monotonic_ns=time.monotonic_ns,
            wake=lambda: None,
        )
        delivery = Delivery(settings.in_flight, ns_from_s(settings.ack_timeout_s))
        self._courier = Courier(self._outbox, self._link, delivery, time.monotonic_ns)
        self._board = HealthBoard(self._outbox.boot, "told")
        self._mark = Pace(WATERMARK_EVERY_NS)
        self._words: Sequence[Word] = ()
        self._next = 0
        self._promised_s: float | None = None
        self._retelling: Retelling | None = None

    @property
    def boot(self) -> int:
        return self._outbox.boot

    def start(self) -> None:
        """Connect and say that it is there; it sees nothing until words are put on."""
        now_ns = Ns(time.time_ns())
        started = NodeStarted(version="told", at_ns=now_ns, last_alive_ns=None, shelves=())
        self.say(started)
        self._link.start()

    def stop(self) -> None:
        self._link.stop()
        self._outbox.close()

    def put_on(self, words: Sequence[Word], retelling: Retelling) -> None:
        """What it says from now on, as the recording goes."""
        self._words, self._retelling = words, retelling
        self._next, self._promised_s = 0, None

    def turn(self, rec_s: float, is_playing: bool) -> None:
        """Say what is due at `rec_s` of the recording; outside of it, that nothing is seen."""
        while self._next < len(self._words):
            word = self._words[self._next]
            if word.at_s > rec_s:
                break
            self._next += 1
            self._say(word)
        self._hear()
        self._courier.pump()
        now_ns = time.monotonic_ns()
        health = self._board.due(now_ns, _now(), self._outbox.waiting)
        if health is not None and self._link.is_connected:
            self._link.health(health)
        if self._mark.is_due(now_ns):
            self._promise(is_playing)

    def _say(self, word: Word) -> None:
        retelling = self._retelling
        assert retelling is not None
        match word.said:
            case Watermark() as mark:
                self._promised_s = (mark.at_ns - retelling.start_ns) / SECOND_NS
            case Position() as position:
                if self._link.is_connected:
                    at_ns = retelling.at_ns(position.at_ns)
                    track = retelling.track(position.track)
                    self._link.position(msgspec.structs.replace(position, at_ns=at_ns, track=track))
            case event:
                stored = self.say(retelling.of(event))
                if isinstance(event, ShopperEntered) and word.id is not None:
                    retelling.entered(visit_id(word.id), visit_id(stored))

    def say(self, event: Event) -> EventId:
        """Store something to be told; the number it goes by."""
        event_id = self._outbox.next_id()
        self._outbox.append([event], self._seal, {}, None)
        return event_id

    def _seal(self, event_id: EventId, event: Event) -> bytes:
        return seal(self._store, event_id, event, _now(), time.monotonic_ns(), self._key)

    def _hear(self) -> None:
        for news in self._link.news():
            match news:
                case Connected():
                    self._courier.connected()
                    self._board.forget_told()
                case Arrived(message=message):
                    if isinstance(message, Ack):
                        self._courier.acked(message)
                    self._link.done(news)
                case _:
                    pass

    def _promise(self, is_playing: bool) -> None:
        last = self._outbox.last_id
        if last is None or not self._courier.has_handed_all():
            return
        now = _now()
        at_ns = now.at_ns - BEHIND_NS
        if is_playing and self._retelling is not None:
            if self._promised_s is None:
                return
            at_ns = min(at_ns, self._retelling.live.at(self._promised_s))
        self._link.watermark(
            Watermark(
                boot=self._outbox.boot,
                seq=last.seq,
                at_ns=Ns(at_ns),
                uncertainty_ns=Ns(now.uncertainty_ns),
            )
        )


class ToldNodes:
    """All of them, in one thread of their own. Use it as a context manager.

    Args:
        make: Makes the nodes; called in that thread, which their outboxes belong to.
        clock_s: How far the recording is.
        is_playing: Whether one is on.
    """

    def __init__(
        self,
        make: Callable[[], Sequence[ToldNode]],
        clock_s: Callable[[], float],
        is_playing: Callable[[], bool],
    ) -> None:
        self._make, self._clock_s, self._is_playing = make, clock_s, is_playing
        self._nodes: Sequence[ToldNode] = ()
        self._plays = 0
        self._live = LiveTime()
        self._lock = threading.Lock()
        self._is_ready = threading.Event()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="told nodes")

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def put_on(self, take: Take, members: Mapping[str, MemberId]) -> None:
        """Change to another recording of the same store, before its clock runs."""
        with self._lock:
            self._plays += 1
            self._live = LiveTime()
            self._live.note(self._clock_s(), time.time_ns())
            for node in self._nodes:
                retelling = Retelling(
                    node.node, node.boot, self._plays, take.start_ns, self._live, members
                )
                node.put_on(take.words.get(node.node, ()), retelling)

    def recorded_s(self, live_ns: int) -> float:
        """Which second of the recording was on at a store time."""
        with self._lock:
            return self._live.recorded_s(live_ns)

    def check(self) -> None:
        """Raise what ended the thread.

        Raises:
            RuntimeError: From what it died of.
        """
        if self._failure is not None:
            raise RuntimeError("the played nodes stopped") from self._failure

    def _run(self) -> None:
        with ExitStack() as opened:
            try:
                self._nodes = self._make()
                for node in self._nodes:
                    opened.callback(node.stop)
                    node.start()
                self._is_ready.set()
                while not self._stopping.wait(TURN_S):
                    self._turn()
            except Exception as error:
                self._failure = error
            finally:
                self._is_ready.set()

    def _turn(self) -> None:
        with self._lock:
            rec_s, is_playing = self._clock_s(), self._is_playing()
            self._live.note(rec_s, time.time_ns())
            for node in self._nodes:
                node.turn(rec_s, is_playing)


def told_nodes_of(
    take: Take, folder: Path, wiring: Wiring, keys: Mapping[NodeId, bytes]
) -> list[ToldNode]:
    """The nodes of a recording that are played: those that only said things in it."""
    store = StoreId(take.layout.store.id)
    return [
        ToldNode(node, store, folder, MqttSettings(port=wiring.port_of(node)), keys[node])
        for node in sorted(take.words)
    ]


def _now() -> StoreTime:
    """The gateway's clock is this machine's."""
    return StoreTime(at_ns=Ns(time.time_ns()), uncertainty_ns=Ns(DOUBT_NS))
