"""The plate node's role: raw counts of its scales in, picks, put-backs and foreign objects out.

Calibration turns counts into grams, `weighing` finds the steps, `identification` says what they may
have been, `cells` says when a plate cannot be believed. The gateway's decisions come back as
commands and teach the `planogram`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.codec import decode, encode
from tebura_contract.events import (
    Event,
    ForeignObject,
    ItemPicked,
    ItemReturned,
    SensorChanged,
    SensorKind,
    SensorState,
)
from tebura_contract.ids import NodeId, PlateId
from tebura_contract.layout import Layout
from tebura_contract.messages import FacingCounted, Part, StepDecided

from tebura_edge.apart import apart
from tebura_edge.bearing import log_idle, log_shares
from tebura_edge.cells import CellChange, CellHealth, Cells, readable
from tebura_edge.halves import Halves, Waiting
from tebura_edge.identification import HANDFUL, Explanation, explain, log_sum
from tebura_edge.level_settings import LevelSettings
from tebura_edge.levels import Levels
from tebura_edge.passing import Away
from tebura_edge.planogram import Foreign, Learnt, Planogram
from tebura_edge.role import Counts, Input, SensorStatus
from tebura_edge.weighing import Weigher, min_step_g
from tebura_edge.weight_step import PlateSite, WeightStep

_CHUNK_NS: Final = SECOND_NS
_CHUNK_ROWS: Final = 8
"""Cells are judged after so long, or so many rows, at least, however long batches are."""

ASTRAY: Final = 0.02
"""Where a put-back is this likely one of a product that stands elsewhere, what is taken from there
next is unsure until that is decided. At 0.2 a bean cake between bags of 67 g was sold as one."""

TAKEN_AWAY: Final = 0.3
"""Prior of a foreign object that lies on a shelf to be what leaves it, against a product."""

SAME_SHARE: Final = 0.003
"""Deviation of what one thing weighs twice on one plate: where it stands changes it (the real pot,
set down five times: 0.3 %)."""

PASSING_WITHIN: Final = 0.25
"""What passes is off what it weighs at rest by up to this share: a landing overshoots and rings."""

STATE_LIMIT_BYTES: Final = 4 * 1024 * 1024


class PlateSetupError(ValueError):
    """Layout, calibration and scales of a node do not fit together; the text names all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSettings:
    """What a plate node is made of: the plates of each scale by label, in the scale's own order."""

    scales: Mapping[str, tuple[PlateId, ...]]
    levels: LevelSettings = field(default_factory=LevelSettings)


class _SavedPlate(msgspec.Struct, frozen=True, kw_only=True):
    level_g: float
    noise_g: float
    still_ns: Ns


class _SavedAway(msgspec.Struct, frozen=True, kw_only=True):
    from_ns: Ns
    to_ns: Ns
    off_g: tuple[float, ...]


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a restart, as JSON."""

    plates: dict[PlateId, _SavedPlate]
    away: dict[PlateId, _SavedAway] = msgspec.field(default_factory=dict)
    learnt: Learnt
    waiting: tuple[Waiting, ...] = ()


@dataclass(slots=True)
class _Scale:
    plates: tuple[PlateId, ...]
    tare_counts: NDArray[np.float64]
    counts_per_g: NDArray[np.float64]
    cells: Cells
    is_silent: bool = False


class PlateRole:
    """From counts to events, as `tebura_edge.role.Role` asks.

    Args:
        layout: The store.
        calibration: Tare and gain of each plate of the node.
        node: Who we are.
        settings: The node's scales.
        saved: What `save` gave before the restart; ``b""`` at first.

    Raises:
        PlateSetupError: If a plate is unknown, on two scales, or not calibrated.
        DecodeError: If `saved` is no state of ours.
    """

    def __init__(
        self,
        layout: Layout,
        calibration: Calibration,
        node: NodeId,
        settings: PlateSettings,
        saved: bytes = b"",
    ) -> None:
        _check(layout, calibration, node, settings)
        state = decode(saved, _Saved, limit_bytes=STATE_LIMIT_BYTES) if saved else None
        self._planogram = Planogram(layout, state.learnt if state else None)
        self._sites = _sites(layout)
        self._scales = {
            label: _make_scale(plates, calibration) for label, plates in settings.scales.items()
        }
        self._weigher = Weigher(
            {
                label: [self._sites[plate] for plate in plates]
                for label, plates in settings.scales.items()
            },
            min_step_g(self._planogram.lightest_g()),
            settings.levels,
            {plate: one.noise_g for plate, one in calibration.plates.items()},
        )
        self._halves = Halves(state.waiting if state else ())
        self._ticked_ns: int | None = None
        if state:
            self._weigher.restore(
                {p: (s.level_g, s.noise_g, int(s.still_ns)) for p, s in state.plates.items()},
                {
                    p: Away(int(s.from_ns), int(s.to_ns), list(s.off_g))
                    for p, s in state.away.items()
                },
            )

    def step(self, item: Input) -> list[Event]:
        """Take counts of a scale, news of a scale, or what the gateway decided."""
        match item:
            case Counts() if item.scale in self._scales:
                return self._take_counts(item)
            case SensorStatus() if item.sensor in self._scales:
                self._take_status(item)
            case StepDecided():
                self._take_decision(item)
            case FacingCounted():
                self._planogram.counted(item.facing, item.count)
            case _:
                pass
        return []

    def tick(self, now_ns: int) -> list[Event]:
        """Steps that waited for a neighbour on a scale that has fallen silent."""
        self._ticked_ns = now_ns
        return self._events(self._weigher.tick(now_ns), now_ns)

    def watermark_ns(self) -> int | None:
        """Every step that began up to here was told; scales known to be silent do not count."""
        silent = self._silent()
        is_all_silent = len(silent) == len(self._scales)
        known_ns = self._ticked_ns if is_all_silent else self._weigher.watermark_ns(silent)
        began_ns = self._halves.began_ns()
        if known_ns is None or began_ns is None:
            return known_ns
        return min(known_ns, began_ns - 1)

    def _silent(self) -> set[str]:
        return {label for label, scale in self._scales.items() if scale.is_silent}

    def save(self) -> bytes:
        """Levels up to which steps were told, noise, what passes now, and what was learnt."""
        plates = {
            plate: _SavedPlate(level_g=level_g, noise_g=noise_g, still_ns=Ns(still_ns))
            for plate, (level_g, noise_g, still_ns) in self._weigher.told_levels().items()
        }
        away = {
            plate: _SavedAway(
                from_ns=Ns(one.from_ns),
                to_ns=Ns(one.to_ns),
                off_g=tuple(round(grams, 1) for grams in one.off_g),
            )
            for plate, one in self._weigher.away().items()
        }
        learnt, waiting = self._planogram.learnt, self._halves.waiting
        return encode(_Saved(plates=plates, away=away, learnt=learnt, waiting=waiting))

    def parts(self) -> tuple[Part, ...]:
        """Plates that are not well, for the node's health message."""
        return tuple(
            Part(name=plate, state=SensorState.BLIND, reason=health.value)
            for scale in self._scales.values()
            for plate, health in zip(scale.plates, scale.cells.health, strict=True)
            if health is not CellHealth.OK
        )

    def _take_counts(self, item: Counts) -> list[Event]:
        scale = self._scales[item.scale]
        if item.counts.shape[1] != len(scale.plates):
            raise ValueError(
                f"scale {item.scale}: {item.counts.shape[1]} channels for "
                f"{len(scale.plates)} plates"
            )
        events: list[Event] = []
        rows = _chunk_rows(item.at_ns)
        for at in range(0, len(item.at_ns), rows):
            at_ns = item.at_ns[at : at + rows]
            counts = item.counts[at : at + rows]
            levels = self._weigher.levels(item.scale)
            busy_since_ns = np.where(levels.is_busy, levels.still_ns, 0)
            for change in scale.cells.feed(at_ns, counts, busy_since_ns):
                _note_health(levels, change)
                events.append(self._sensor_changed(scale, change))
            grams = (readable(counts) - scale.tare_counts) / scale.counts_per_g
            events += self._events(self._weigher.feed(item.scale, at_ns, grams), int(at_ns[-1]))
        return events

    def _take_decision(self, item: StepDecided) -> None:
        event = str(item.event)
        is_new = self._planogram.decided(item.sku, item.quantity, item.plates, item.delta_g, event)
        if is_new and item.delta_g > 0:
            doubted = self._planogram.foreign_like(item.plates, item.delta_g, 0.0)
            if doubted is not None:
                self._planogram.taken_away(doubted)

    def _take_status(self, status: SensorStatus) -> None:
        """A silent scale no longer holds the watermark; what it shows afterwards nobody saw.

        The node's main loop reports the blindness itself.
        """
        scale = self._scales[status.sensor]
        scale.is_silent = status.state is SensorState.BLIND
        if scale.is_silent:
            for column in range(len(scale.plates)):
                self._weigher.levels(status.sensor).doubt(column, f"scale {status.reason}")

    def _sensor_changed(self, scale: _Scale, change: CellChange) -> SensorChanged:
        plate = scale.plates[change.plate]
        is_well = change.health is CellHealth.OK
        return SensorChanged(
            sensor=plate,
            sensor_kind=SensorKind.PLATE,
            state=SensorState.OK if is_well else SensorState.BLIND,
            reason=change.health.value,
            shelves=(self._sites[plate].shelf,),
            since_ns=Ns(change.since_ns),
        )

    def _events(self, steps: Iterable[WeightStep], now_ns: int) -> list[Event]:
        """What is told of steps that were found, and of those that waited."""
        found = list(steps)
        passing = [step for step in found if step.is_passing]
        settled = [step for step in found if not step.is_passing]
        through_ns = self._weigher.watermark_ns(self._silent())
        events = [
            self._event(part, explained)
            for step in self._halves.take(settled, self._planogram, now_ns, through_ns)
            for part, explained in apart(step, self._planogram)
        ]
        return events + self._passing(passing)

    def _passing(self, steps: Sequence[WeightStep]) -> list[Event]:
        """Both halves of what may have been a product each way; a hand weighs something else."""
        events: list[Event] = []
        for halves in zip(steps[::2], steps[1::2], strict=True):
            explained = [explain(step, self._planogram) for step in halves]
            if any(
                _weighs_like(step, one, self._planogram)
                for step, one in zip(halves, explained, strict=True)
            ):
                events += [
                    _foreign(step, one, self._blindness(step), is_passing=True)
                    for step, one in zip(halves, explained, strict=True)
                ]
        return events

    def _event(self, step: WeightStep, explanation: Explanation) -> Event:
        blind = self._blindness(step)
        if step.delta_g < 0:
            explanation = self._or_taken_away(step, explanation)
        if not explanation.is_explained:
            if step.delta_g > 0:
                self._planogram.laid_down(step.plates, step.delta_g, explanation.thing_chance)
            return _foreign(step, explanation, blind)
        if step.delta_g > 0 and (
            explanation.astray > ASTRAY or explanation.candidates[0].quantity > 1
        ):
            # Until it is decided what this is, nobody can say what is taken from here next.
            self._planogram.laid_down(explanation.plates, explanation.delta_g)
        return _explained(step, explanation, blind)

    def _or_taken_away(self, step: WeightStep, explanation: Explanation) -> Explanation:
        """What leaves may be what was laid here before and is no product, or not decided yet."""
        foreign = self._planogram.foreign_like(step.plates, -step.delta_g, step.sigma_g)
        if foreign is None:
            return explanation
        log_gone = _log_taken_away(foreign, step)
        if log_gone > explanation.log_product:
            self._planogram.taken_away(foreign)
        return explanation.or_else(log_gone)

    def _blindness(self, step: WeightStep) -> str:
        """Why this step was not seen well: itself, or a sick plate beside those that moved."""
        sites = [self._sites[plate] for plate in step.plates]
        sick = [
            f"plate {plate} {health.value}"
            for scale in self._scales.values()
            for plate, health in zip(scale.plates, scale.cells.health, strict=True)
            if health is not CellHealth.OK and any(self._sites[plate].is_near(s) for s in sites)
        ]
        return ", ".join(filter(None, [step.blind, *sick]))


def _chunk_rows(at_ns: NDArray[np.int64]) -> int:
    """How many rows are about `_CHUNK_NS`."""
    lasts_ns = int(at_ns[-1] - at_ns[0]) if len(at_ns) else 0
    return max(len(at_ns) * _CHUNK_NS // max(lasts_ns, _CHUNK_NS), _CHUNK_ROWS)


def _note_health(levels: Levels, change: CellChange) -> None:
    match change.health:
        case CellHealth.OK:
            levels.set_well(change.plate)
        case CellHealth.RESTLESS:
            # It is what it weighs that does not rest, not the cell: its next rest counts.
            levels.set_sick(change.plate, change.health.value, can_rest=True)
        case _:
            levels.set_sick(change.plate, change.health.value)


def _log_taken_away(foreign: Foreign, step: WeightStep) -> float:
    """Log density of a step that is a foreign object leaving which is known to lie there."""
    sd_g = math.hypot(math.sqrt(2) * step.sigma_g, SAME_SHARE * foreign.weight_g)
    misfit = (-step.delta_g - foreign.weight_g) / sd_g
    idle = math.fsum(
        log_idle(g, step.noise_g(p)) for p, g in step.deltas_g.items() if p not in step.plates
    )
    weight = -0.5 * misfit**2 - math.log(sd_g * math.sqrt(2 * math.pi))
    return (
        math.log(TAKEN_AWAY)
        + math.log(foreign.chance)
        + weight
        + log_shares(step.delta_g, len(step.plates))
        + idle
    )


def _weighs_like(step: WeightStep, explanation: Explanation, planogram: Planogram) -> bool:
    """Whether it weighs about what a hand takes of a product."""
    weights_g = (
        one.quantity * planogram.weight(one.sku).mean_g
        for one in explanation.candidates
        if one.quantity <= HANDFUL
    )
    return any(abs(abs(step.delta_g) - g) <= PASSING_WITHIN * g for g in weights_g)


def _foreign(
    step: WeightStep, explanation: Explanation, blind: str, *, is_passing: bool = False
) -> ForeignObject:
    return ForeignObject(
        shelf=step.shelf,
        plates=step.plates,
        delta_g=step.delta_g,
        sigma_g=step.sigma_g,
        from_ns=Ns(step.from_ns),
        to_ns=Ns(step.to_ns),
        blind=blind,
        candidates=explanation.candidates,
        log_other=_told(explanation),
        trace=step.trace,
        is_passing=is_passing,
    )


def _explained(step: WeightStep, explanation: Explanation, blind: str) -> Event:
    kind = ItemPicked if step.delta_g < 0 else ItemReturned
    return kind(
        shelf=step.shelf,
        plates=explanation.plates,
        delta_g=explanation.delta_g,
        sigma_g=step.sigma_g,
        from_ns=Ns(step.from_ns),
        to_ns=Ns(step.to_ns),
        blind=blind,
        candidates=explanation.candidates,
        log_other=_told(explanation),
        trace=step.trace,
        facing=explanation.facing,
    )


def _told(explanation: Explanation) -> float | None:
    """What is none of the candidates; nothing at all is not told: JSON knows no infinity."""
    log_other = log_sum([explanation.log_other, explanation.log_several])
    return log_other if math.isfinite(log_other) else None


def _sites(layout: Layout) -> dict[PlateId, PlateSite]:
    return {
        name: PlateSite(
            plate=name, shelf=shelf, x_m=(plate.xy_m[0], plate.xy_m[0] + plate.size_m[0])
        )
        for name, (shelf, plate) in layout.plates().items()
    }


def _make_scale(plates: tuple[PlateId, ...], calibration: Calibration) -> _Scale:
    measured = [calibration.plates[plate] for plate in plates]
    counts_per_g = np.array([one.counts_per_g for one in measured], np.float64)
    tare_counts = np.array([one.tare_counts for one in measured], np.float64)
    return _Scale(plates, tare_counts, counts_per_g, Cells(counts_per_g))


def _check(layout: Layout, calibration: Calibration, node: NodeId, settings: PlateSettings) -> None:
    known, shelves = layout.plates(), layout.shelves()
    problems = []
    seen: dict[PlateId, str] = {}
    for label, plates in settings.scales.items():
        for plate in plates:
            place = f"scale {label}: plate {plate}"
            if plate in seen:
                problems.append(f"{place} is on scale {seen[plate]} too")
            seen[plate] = label
            if plate not in known:
                problems.append(f"{place} is not in the layout")
            elif shelves[known[plate][0]][1].reports_picks != node:
                problems.append(f"{place}: its shelf is reported by another node than {node}")
            if plate not in calibration.plates:
                problems.append(f"{place} is not calibrated")
    if problems:
        raise PlateSetupError("; ".join(problems))
