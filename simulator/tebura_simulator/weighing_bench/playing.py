"""A case of the weighing bench: simulated counts into the roles of its plate nodes, as they arrive.

Each batch is fed by itself at the moment it arrives, so the time of a report is the node's own; the
live node merges its sensors some 0.2 s behind, which is not in it. Hours in which nothing happens
are fed half a second at a time, as a replay does: no sample is left out.
"""

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import (
    Event,
    ForeignObject,
    ItemPicked,
    ItemReturned,
    NodeStarted,
    SensorChanged,
)
from tebura_contract.ids import EventId, FacingId, NodeId, Sku
from tebura_contract.layout import Layout
from tebura_contract.messages import StepDecided
from tebura_contract.recording import CountBatch
from tebura_edge.level_settings import LevelSettings
from tebura_edge.plate_role import PlateRole, PlateSettings
from tebura_edge.role import Counts, SensorStatus
from tebura_gateway.domain.facts import is_passing
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.what import guesses

from tebura_simulator.epoch import START_NS, store_ns
from tebura_simulator.plates.simulated import SimulatedPlates, Story, simulate
from tebura_simulator.replay_gather import Gather, to_counts
from tebura_simulator.sight.eyes import Outages
from tebura_simulator.sight.power import runtime_news
from tebura_simulator.story.scenario import FaultScript, Scenario
from tebura_simulator.story.timetable import Action, Touch
from tebura_simulator.weighing_bench.true_steps import TrueStep, true_steps

TICK_NS = SECOND_NS // 4
AFTER_NS = 10 * SECOND_NS
TAUGHT_AFTER_NS = 5 * SECOND_NS // 2
"""A decision goes back to the node about so long after the report."""

HEAVY_SHARE, HEAVY_REST_S = 0.9, 5.0
"""Packages weigh a little more than the catalogue says, and take some seconds to be at rest."""

TIMED_EVERY = 17
"""A prime, so that it is no scale's turn only."""

PlateStep = ItemPicked | ItemReturned | ForeignObject


@dataclass(frozen=True, eq=False)
class Case:
    """What is played: a story in a store, and what breaks (settled).

    With `is_gathered` short batches are put together first, which is faster; reports are then late.
    """

    suite: str
    name: str
    seed: int
    story: Story
    layout: Layout
    faults: tuple[FaultScript, ...] = ()
    is_gathered: bool = False


@dataclass(frozen=True, eq=False)
class Told:
    """An event of a plate role and when it was reported, seconds of the story."""

    event: PlateStep
    told_s: float

    @property
    def from_s(self) -> float:
        return (self.event.from_ns - START_NS) / SECOND_NS

    @property
    def to_s(self) -> float:
        return (self.event.to_ns - START_NS) / SECOND_NS


@dataclass(frozen=True, eq=False)
class Played:
    """What the roles told of a case, what was true, and what it cost.

    `passing` are halves of what came and went before the plates rested; they are no steps.
    """

    case: Case
    true: tuple[TrueStep, ...]
    told: tuple[Told, ...]
    rate_hz: float
    plates: int
    samples: int
    cpu_s: float
    health: tuple[SensorChanged, ...] = ()
    passing: tuple[Told, ...] = ()


def play(case: Case, is_taught: bool = True) -> Played:
    """Play a case.

    Args:
        case: What to play.
        is_taught: Whether what is surely and rightly told comes back as a decision, as the gateway
            would send it.
    """
    plates = simulate(_long_enough(case.story), case.layout, case.faults)
    stage = _Stage(case, plates, true_steps(case.story, plates), is_taught)
    for now_ns, item in _inputs(case, plates):
        stage.pass_time(now_ns)
        match item:
            case CountBatch() if case.is_gathered:
                stage.gather.add(item, now_ns)
            case CountBatch():
                stage.feed(to_counts([item]), now_ns)
            case (node, NodeStarted()):
                stage.restart(node)
            case (node, SensorChanged() as change):
                stage.note(node, change, now_ns)
            case None:
                pass
    return Played(
        case=case,
        true=stage.true,
        told=tuple(stage.told),
        rate_hz=plates.model.rate_hz,
        plates=len(plates.cells.plates),
        samples=stage.samples,
        cpu_s=stage.cpu_s,
        health=tuple(stage.health),
        passing=tuple(stage.passing),
    )


@dataclass(frozen=True)
class _Longer:
    """A story after whose end the plates are watched a little longer."""

    story: Story
    duration_s: float

    @property
    def scenario(self) -> Scenario:
        return self.story.scenario

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.story.actions

    @property
    def touches(self) -> tuple[Touch, ...]:
        return self.story.touches

    def standing(self, t_s: float) -> dict[FacingId, tuple[Sku, ...]]:
        return self.story.standing(t_s)


def _long_enough(story: Story) -> Story:
    """What weighs as much as somebody who leans there is told only once it has rested for long."""
    settings = LevelSettings()
    heavy_g = HEAVY_SHARE * settings.heavy_g
    told_s = [
        action.t_s + settings.heavy_hold_s + HEAVY_REST_S
        for action in story.actions
        if action.delta_g >= heavy_g
    ]
    duration_s = max([story.duration_s, *told_s])
    return story if duration_s <= story.duration_s else _Longer(story, duration_s)


@dataclass(eq=False)
class _Stage:
    """The plate roles of all nodes, what they told so far, and decisions on their way back."""

    case: Case
    plates: SimulatedPlates
    true: tuple[TrueStep, ...]
    is_taught: bool
    gather: Gather = field(default_factory=Gather)
    told: list[Told] = field(default_factory=list)
    passing: list[Told] = field(default_factory=list)
    health: list[SensorChanged] = field(default_factory=list)
    samples: int = 0
    cpu_s: float = 0.0
    _roles: dict[NodeId, PlateRole] = field(default_factory=dict)
    _node_of: dict[str, NodeId] = field(default_factory=dict)
    _lessons: list[tuple[int, int, StepDecided]] = field(default_factory=list)
    _ticked_ns: int = int(START_NS)
    _calls: int = 0

    def __post_init__(self) -> None:
        self._node_of = {box.label: box.node for box in self.plates.boxes}
        for node in self.plates.calibrations:
            self._start(node, b"")

    def pass_time(self, now_ns: int) -> None:
        """Tick, and let what was decided reach the roles, up to now."""
        while self._ticked_ns + TICK_NS <= now_ns:
            self._ticked_ns += TICK_NS
            at_ns = self._ticked_ns
            for counts in self.gather.due(at_ns):
                self.feed(counts, at_ns)
            while self._lessons and self._lessons[0][0] <= at_ns:
                lesson = heapq.heappop(self._lessons)[2]
                for role in self._roles.values():
                    role.step(lesson)
            for role in self._roles.values():
                self._take(self._timed(partial(role.tick, at_ns)), at_ns)

    def feed(self, counts: Counts, now_ns: int) -> None:
        self.samples += counts.counts.size
        role = self._roles[self._node_of[counts.scale]]
        self._take(self._timed(partial(role.step, counts)), now_ns)

    def _timed(self, work: Callable[[], list[Event]]) -> list[Event]:
        """Do it; its processor time is taken of one call in `TIMED_EVERY`, which asking costs."""
        self._calls += 1
        if self._calls % TIMED_EVERY:
            return work()
        begun_s = time.thread_time()
        events = work()
        self.cpu_s += TIMED_EVERY * (time.thread_time() - begun_s)
        return events

    def restart(self, node: NodeId) -> None:
        if node in self._roles:
            self._start(node, self._roles[node].save())

    def note(self, node: NodeId, change: SensorChanged, now_ns: int) -> None:
        """Tell a role what the node's main loop knows of its scale."""
        if node in self._roles:
            status = SensorStatus(
                change.sensor,
                change.sensor_kind,
                change.state,
                change.reason,
                int(change.since_ns),
            )
            self._take(self._roles[node].step(status), now_ns)

    def _start(self, node: NodeId, saved: bytes) -> None:
        scales = {box.label: box.plates for box in self.plates.boxes if box.node == node}
        calibration = self.plates.calibrations[node]
        settings = PlateSettings(scales=scales)
        self._roles[node] = PlateRole(self.case.layout, calibration, node, settings, saved)

    def _take(self, events: Sequence[Event], now_ns: int) -> None:
        for event in events:
            if isinstance(event, ItemPicked | ItemReturned | ForeignObject):
                one = Told(event, (now_ns - START_NS) / SECOND_NS)
                if is_passing(event):
                    self.passing.append(one)
                    continue
                self.told.append(one)
                number = len(self.told)
                lesson = _lesson(one, self.true, number) if self.is_taught else None
                if lesson is not None:
                    heapq.heappush(self._lessons, (now_ns + TAUGHT_AFTER_NS, number, lesson))
            elif isinstance(event, SensorChanged):
                self.health.append(event)


_Input = CountBatch | tuple[NodeId, NodeStarted | SensorChanged] | None


def _inputs(case: Case, plates: SimulatedPlates) -> Iterator[tuple[int, _Input]]:
    """Counts and what runtimes know of themselves, by arrival; at the end time goes on a little."""
    outages = Outages.of(case.faults)
    seed = case.story.scenario.seed
    news: list[tuple[int, _Input]] = []
    if case.faults:
        found = runtime_news(case.layout, case.faults, outages, seed, has_eyes=False)
        news = [
            (int(store_ns(one.said_s)), (node, one.event))
            for node, said in found.items()
            for one in said
            if isinstance(one.event, NodeStarted)
            or (isinstance(one.event, SensorChanged) and one.event.reason != "starting")
        ]
        news.sort(key=lambda one: one[0])
    last_ns = int(START_NS)
    for at_ns, item in heapq.merge(plates.batches(), news, key=lambda one: one[0]):
        last_ns = max(last_ns, at_ns)
        yield last_ns, item
    yield last_ns + AFTER_NS, None


def _lesson(told: Told, true: Sequence[TrueStep], number: int) -> StepDecided | None:
    """The decision on what is sure enough to be charged and right."""
    event = told.event
    if isinstance(event, ForeignObject) or event.blind:
        return None
    found = guesses(event.candidates, event.log_other)
    if not found or found[0].probability < JudgementSettings().threshold:
        return None
    top, sign = found[0], 1 if event.delta_g > 0 else -1
    is_right = any(
        step.shelf == event.shelf
        and step.sign == sign
        and told.from_s - 0.5 <= step.at_s <= told.to_s + 0.5
        and (step.sku, step.quantity) == (top.sku, top.quantity)
        for step in true
    )
    if not is_right:
        return None
    return StepDecided(
        event=EventId(NodeId("bench"), 1, number),
        sku=top.sku,
        quantity=top.quantity,
        plates=event.plates,
        delta_g=event.delta_g,
    )
