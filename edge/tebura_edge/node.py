"""The node's main loop: the one place that reads clocks and ties sensors, roles, outbox and link.

A turn takes what arrived, feeds the roles in time order, stores what they found, and only then
talks: events, watermark, health.
"""

import contextlib
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, runtime_checkable

import sdnotify
import structlog
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Clock, ns_from_s
from tebura_contract.envelope import seal
from tebura_contract.events import Event, SensorState
from tebura_contract.ids import CameraId, EventId, GateId, ShelfId
from tebura_contract.messages import Ack, ClockAnswer, Part
from tebura_contract.settings import beside

from tebura_edge.answers import open_answers
from tebura_edge.clock import StoreClock
from tebura_edge.config import Setup
from tebura_edge.counter_role import CounterAside, CounterRole, CounterShown, ThumbWanted
from tebura_edge.counter_screen import open_counters
from tebura_edge.courier import Courier
from tebura_edge.delivery import Delivery
from tebura_edge.engine import Engine
from tebura_edge.face_gate import AtEase, FaceAsk, Prompt
from tebura_edge.face_setup import open_face_line
from tebura_edge.flight import FlightRecorder, attachments
from tebura_edge.gate_role import GateRole
from tebura_edge.gate_screen import shone_ns
from tebura_edge.hands_free import phone_signs
from tebura_edge.health import DISK_LIMIT, HealthBoard, disk_share
from tebura_edge.keeper import Keeper
from tebura_edge.link import Arrived, Connected, Disconnected, Link
from tebura_edge.logs import Repeats
from tebura_edge.metrics import Metrics
from tebura_edge.outbox import Outbox, OutboxUnwritable, Stored
from tebura_edge.pace import Pace
from tebura_edge.role import CounterTapped, Counts, Detections, ScreenShone, SensorStatus
from tebura_edge.roles import COUNTERS, GATES, NodeError, roles_of
from tebura_edge.screen import Screen
from tebura_edge.sensing import Inbox, Sensing, Snapshot, open_looks, sensors_of
from tebura_edge.voice import Voice

WAIT_S = 0.05
"""The loop turns at least this often; anything that arrives wakes it at once."""

TAKE_MOST = 256
CLOCK_WAIT_S = 3.0
"""Before its first fact a node waits this long for the gateway's clock, so that what it says about
the time it was away is said in store time. Without a gateway it begins by its own clock."""

STOP_WAIT_S = 1.0
_log = structlog.get_logger("tebura_edge")


@runtime_checkable
class _HasParts(Protocol):
    def parts(self) -> tuple[Part, ...]: ...


class Node:
    """One boot of a node.

    Args:
        setup: What it is.
        clock: The machine's clocks.

    Raises:
        OutboxError: If the state folder cannot be used.
        ModelError: If the people network cannot be used.
        NodeError: If a role cannot begin from its saved state.
    """

    def __init__(self, setup: Setup, clock: Clock) -> None:
        self._setup, self._clock = setup, clock
        self._is_stopping = False
        self._woken = threading.Event()
        self._store = StoreClock(clock)
        self._outbox = Outbox(setup.state_dir, setup.node, clock.wall_ns())
        with contextlib.ExitStack() as undo:
            undo.callback(self._outbox.close)
            self._assemble()
            undo.pop_all()

    def _assemble(self) -> None:
        setup, config = self._setup, self._setup.config
        self._inbox = Inbox(self._woken.set)
        self._looks = open_looks(setup)
        self._sensing: Sensing | None = None
        self._engine = Engine(
            roles_of(setup, self._outbox),
            sensors_of(setup),
            setup.served_shelves(),
            ns_from_s(config.merge_lag_s),
        )
        self._link = Link(
            config.mqtt,
            setup.path,
            setup.layout.store.id,
            setup.node,
            boot=self._outbox.boot,
            reconnect_s=(config.link.reconnect_min_s, config.link.reconnect_max_s),
            in_flight=config.link.in_flight,
            monotonic_ns=self._clock.monotonic_ns,
            wake=self._woken.set,
        )
        delivery = Delivery(config.link.in_flight, ns_from_s(config.link.ack_timeout_s))
        self._courier = Courier(self._outbox, self._link, delivery, self._clock.monotonic_ns)
        self._version = _version()
        self._board = HealthBoard(self._outbox.boot, self._version, self._looks.network)
        self._metrics = Metrics(setup.node, config.metrics.port)
        if self._looks.network:
            self._metrics.network(config.people.model, self._looks.provider)
        self._flight = _flight(setup)
        self._screen = open_screen(setup)
        self._answers = open_answers(setup, self._screen, self._shone)
        self._counters = open_counters(setup, self._screen, self._tapped)
        self._faces = open_face_line(setup, self._clock, self._store, self._inbox)
        self._voice = Voice(
            self._link, self._courier, self._engine, self._outbox, self._store, self._board
        )
        self._keeper = Keeper(
            self._engine,
            self._outbox,
            self._store,
            self._board,
            seal=self._seal,
            on_stored=self._stored,
        )
        self._repeats = Repeats()
        self._notifier = sdnotify.SystemdNotifier()
        self._poll = Pace(250 * MILLISECOND_NS)
        self._look_around = Pace(SECOND_NS)
        self._measure_disk = Pace(30 * SECOND_NS)

    def stop(self) -> None:
        """Ask the loop to end, within `WAIT_S`; any thread or signal handler may."""
        # A plain flag: setting an event inside a signal handler could wait for a lock that the
        # interrupted loop itself holds.
        self._is_stopping = True

    def run(self) -> None:
        """Live until `stop`.

        Raises:
            RuntimeError: If a thread died; the process should end and be started again.
        """
        for warning in self._setup.warnings:
            _log.warning("kept an older file", why=warning)
        self._link.start()
        try:
            self._wait_for_clock()
            self._sensing = self._begin()
            while not self._is_stopping:
                self._woken.wait(WAIT_S)
                self._woken.clear()
                self._turn(self._sensing)
        finally:
            self._end()

    def _wait_for_clock(self) -> None:
        until_ns = self._clock.monotonic_ns() + ns_from_s(CLOCK_WAIT_S)
        while not self._is_stopping and self._clock.monotonic_ns() < until_ns:
            self._hear()
            self._voice.ask_clock()
            self._store.update()
            if self._store.is_answered:
                return
            self._woken.wait(WAIT_S)
            self._woken.clear()

    def _begin(self) -> Sensing:
        now = self._store.now()
        self._engine.started(self._version, now.at_ns, self._outbox.last_alive_ns)
        # Made only now, so that the wait does not count as silence of the sensors.
        sensing = Sensing(self._setup, self._looks, self._clock, self._store, self._inbox)
        sensing.start()
        if self._faces is not None:
            self._faces.start()
        self._notifier.notify("READY=1")
        _log.info(
            "started",
            node=self._setup.node,
            boot=self._outbox.boot,
            waiting=self._outbox.waiting,
            roles=sorted(self._engine.roles),
            inference=self._looks.network,
        )
        return sensing

    def _turn(self, sensing: Sensing) -> None:
        now_ns = self._clock.monotonic_ns()
        self._hear()
        step = self._store.update()
        if step is not None:
            _log.warning("store time was set", by_s=step.by_ns / SECOND_NS)
            self._engine.stepped(step.by_ns, self._store.now().at_ns)
        if self._poll.is_due(now_ns):
            sensing.poll()
        if not self._keeper.is_stalled:
            self._sense()
        self._keeper.keep()
        self._answers.stall(self._keeper.is_stalled)
        self._counters.stall(self._keeper.is_stalled)
        self._courier.pump()
        health = self._voice.speak(now_ns)
        if health is not None:
            self._metrics.parts(health.parts)
        self._look_after(sensing, now_ns)

    def _hear(self) -> None:
        """Take what the broker brought."""
        for news in self._link.news():
            match news:
                case Connected():
                    _log.info("connected to the broker", session_kept=news.is_resumed)
                    self._repeats.over("broker")
                    self._courier.connected()
                    self._voice.connected()
                case Disconnected():
                    if self._repeats.is_due("broker", self._clock.monotonic_ns()):
                        _log.warning("no broker", why=news.reason)
                case Arrived():
                    self._arrived(news)

    def _arrived(self, arrived: Arrived) -> None:
        match arrived.message:
            case Ack() as ack:
                try:
                    self._courier.acked(ack)
                except OutboxUnwritable as error:
                    self._keeper.complain(str(error))
                    return
            case ClockAnswer() as answer:
                self._voice.answered(answer, arrived.at_ns)
            case command:
                self._engine.command(command)
                if not self._keeper.keep():
                    return
        self._link.done(arrived)

    def _sense(self) -> None:
        """Feed what the sensors brought."""
        for item in self._inbox.take(TAKE_MOST):
            match item:
                case Snapshot():
                    if self._flight is not None:
                        self._flight.image(item.camera, item.at_ns, item.jpeg)
                    continue
                case SensorStatus():
                    self._board.set(item.sensor, item.state, item.reason)
                    _log.info("sensor", sensor=item.sensor, state=item.state.value, why=item.reason)
                case Counts() if self._flight is not None and len(item.at_ns):
                    self._flight.counts(item)
                case Detections() if self._flight is not None:
                    self._flight.detections(item)
                case _:
                    pass
            self._engine.take(item)
        self._engine.turn(self._store.now().at_ns)
        self._attend()

    def _attend(self) -> None:
        """Do what gates and counters want done that is no fact."""
        gate, counter = self._engine.roles.get(GATES), self._engine.roles.get(COUNTERS)
        asides: list[CounterAside] = list(gate.asides()) if isinstance(gate, GateRole) else []
        if isinstance(counter, CounterRole):
            asides += counter.asides()
        for aside in asides:
            match aside:
                case FaceAsk() if self._faces is not None:
                    self._faces.ask(aside.gate, aside.member)
                case FaceAsk():
                    pass
                case Prompt():
                    self._answers.ask(aside)
                    self._watch(aside.gate, aside.until_ns)
                case ThumbWanted():
                    self._watch(aside.gate, aside.until_ns, thumb=True)
                case AtEase():
                    self._watch(aside.gate, 0)
                case CounterShown():
                    self._counters.show(aside)

    def _tapped(self, counter: ShelfId) -> None:
        """Somebody pressed a counter's button; called by the screen's thread."""
        self._inbox.put(CounterTapped(counter, self._store.now().at_ns))

    def _shone(self, gate: GateId, at_ms: int) -> None:
        """A gate's page began with its colours; called by the screen's thread."""
        now_ns = self._store.now().at_ns
        began_ns = shone_ns(at_ms, self._clock.wall_ns(), now_ns)
        if began_ns is not None:
            self._inbox.put(ScreenShone(gate, began_ns, now_ns))

    def _watch(self, gate: GateId, until_ns: int, *, thumb: bool = False) -> None:
        """Have the camera of a gate or counter look for faces so long."""
        config = self._setup.config
        cameras = {str(one.id): one.face for one in config.gate}
        cameras |= {str(one.shelf): one.face for one in config.counter}
        attention = self._looks.attention.get(CameraId(cameras.get(gate, "")))
        if attention is not None:
            attention.until(until_ns, thumb=thumb)

    def _stored(self, event: Event, stored: Stored) -> None:
        self._answers.stored(event)
        self._metrics.stored(event)
        if self._flight is not None:
            self._flight.event(self._store.now().at_ns, stored.sealed)

    def _seal(self, event_id: EventId, event: Event) -> bytes:
        setup = self._setup
        return seal(
            setup.layout.store.id,
            event_id,
            event,
            self._store.now(),
            self._clock.monotonic_ns(),
            setup.key,
        )

    def _look_after(self, sensing: Sensing, now_ns: int) -> None:
        """Once a second: the parts' state, the numbers, the watchdog."""
        if not self._look_around.is_due(now_ns):
            return
        line = self._faces.parts() if self._faces is not None else ()
        if self._faces is not None and not self._keeper.is_stalled:
            gates = [gate.id for gate in self._setup.config.gate]
            now = self._store.now().at_ns
            for sign in phone_signs(self._faces.expected(), gates, now):
                self._engine.take(sign)
        agreed = self._faces.agreed() if self._faces is not None else frozenset()
        if agreed is not None:
            sensing.keep_palms(agreed)
        for part in (*sensing.parts(), *self._answers.parts(), *line):
            self._board.set(part.name, part.state, part.reason)
        for role in self._engine.roles.values():
            if isinstance(role, _HasParts):
                self._board.put(role.parts(), "plate")
        if self._measure_disk.is_due(now_ns):
            self._note_files()
        self._metrics.link(self._link.is_connected, self._outbox.waiting, self._courier.sent_count)
        self._metrics.time(self._store.now(), self._engine.late_count)
        mean_look_s = sensing.mean_look_s()
        if self._looks.network and mean_look_s is not None:
            self._board.inference = f"{self._looks.network}, {mean_look_s * 1000:.0f} ms a frame"
        self._metrics.looked(sensing.looking(), mean_look_s)
        if not self._keeper.is_stalled and sensing.is_alive():
            self._notifier.notify("WATCHDOG=1")

    def _note_files(self) -> None:
        share = disk_share(self._setup.state_dir)
        is_full = share is not None and share > DISK_LIMIT
        state = SensorState.BLIND if is_full else SensorState.OK
        self._board.set("disk", state, f"{share:.0%} full" if is_full else "")
        calibration = self._setup.calibration
        if self._setup.calibration_path and calibration.is_expired(self._store.now().at_ns):
            self._board.set("calibration", SensorState.BLIND, "too old: calibrate again")
        if self._flight is not None:
            trouble = self._flight.trouble
            state = SensorState.BLIND if trouble else SensorState.OK
            self._board.set("recorder", state, trouble)

    def _end(self) -> None:
        """Stop sensing, store and hand over what there is, say goodbye."""
        self._notifier.notify("STOPPING=1")
        self._inbox.close()
        if self._sensing is not None:
            self._sensing.stop()
        if self._faces is not None:
            self._faces.stop()
        self._keeper.keep_last()
        self._drain(self._clock.monotonic_ns() + ns_from_s(STOP_WAIT_S))
        self._link.stop()
        waiting = self._outbox.waiting
        self._outbox.close()
        self._answers.close()
        if self._screen is not None:
            self._screen.close()
        self._metrics.close()
        if self._flight is not None:
            self._flight.close()
        _log.info("stopped", waiting=waiting)

    def _drain(self, until_ns: int) -> None:
        while (
            self._link.is_connected
            and self._outbox.waiting
            and self._clock.monotonic_ns() < until_ns
        ):
            self._hear()
            self._courier.pump()
            self._woken.wait(WAIT_S)
            self._woken.clear()


def open_screen(setup: Setup) -> Screen | None:
    """The node's screen, where its configuration wants one.

    Raises:
        NodeError: If its port is taken.
    """
    port = setup.config.screen.port
    if not port:
        return None
    try:
        return Screen(port)
    except OSError as error:
        raise NodeError(f"screen.port: {port}: {error.strerror}") from error


def _flight(setup: Setup) -> FlightRecorder | None:
    record = setup.config.record
    if record is None:
        return None
    measured = setup.calibration_path.read_bytes() if setup.calibration_path else None
    return FlightRecorder(
        beside(setup.path, record.folder),
        setup.node,
        limit_bytes=record.limit_mb * 1_000_000,
        file_s=record.file_s,
        plates={scale.label: scale.plates for scale in setup.config.scale},
        attachments=attachments(beside(setup.path, setup.config.layout), measured, setup.node),
    )


def _version() -> str:
    try:
        return version("tebura")
    except PackageNotFoundError:
        return "unknown"
