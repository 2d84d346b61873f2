"""A doubtful step as a picture: grams over time, the step, the hands, what was blind.

Pure geometry, no markup; user units with y downwards, as SVG has it. Weight is drawn as the change
from the level before the step: plates bear kilograms, and what matters is a hundred grams.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Trace
from tebura_contract.ids import PlateId, VisitId

from tebura_gateway.service.views import ReviewHand, ReviewStep, Spell

WIDTH: Final = 480.0
LEFT: Final = 46.0
RIGHT: Final = 440.0
TOP: Final = 12.0
BOTTOM: Final = 140.0
LANE: Final = 17.0
MARK_GAP: Final = 17.0
AROUND_NS: Final = 3 * SECOND_NS
LEAST_SPAN_G: Final = 20.0
LANES: Final = 5
"""More people in one shelf at once than this share the last lane."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What a plate bore before and after the step; before is None where the trace began later."""

    plate: str
    before_g: float | None
    after_g: float


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One plate's change over time, or with `plate` empty the sum of those that moved."""

    plate: str
    points: str


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A place on an axis and what it stands for: grams, or seconds from the step's start."""

    at: float
    value: float


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Where the trace would have ended for candidate `number`; `label_y` keeps clear of others."""

    number: int
    y: float
    label_y: float


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time on a lane; `note` is what a spell says of itself."""

    x: float
    width: float
    note: str = ""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One person's hands, or with `is_blind` what could not be seen."""

    visit: VisitId | None
    is_blind: bool
    y: float
    bars: tuple[Bar, ...]


class TraceChart(msgspec.Struct, frozen=True, kw_only=True):
    """The whole picture. `band` is the step, from the level at `zero_y` to that at `after_y`."""

    view: str
    band: Bar
    zero_y: float
    after_y: float
    lines: tuple[Line, ...]
    levels: tuple[Level, ...]
    grams: tuple[Tick, ...]
    seconds: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    lanes: tuple[Lane, ...]
    bottom: float


class _Scale(msgspec.Struct, frozen=True, kw_only=True):
    """From store time and grams to user units."""

    from_ns: int
    to_ns: int
    low_g: float
    high_g: float

    def x(self, at_ns: float) -> float:
        share = (at_ns - self.from_ns) / (self.to_ns - self.from_ns)
        return LEFT + min(max(share, 0.0), 1.0) * (RIGHT - LEFT)

    def y(self, change_g: float) -> float:
        share = (change_g - self.low_g) / (self.high_g - self.low_g)
        return BOTTOM - share * (BOTTOM - TOP)

    def bar(self, from_ns: int, to_ns: int, note: str = "") -> Bar:
        x = self.x(from_ns)
        return Bar(x=x, width=max(self.x(to_ns) - x, 2.5), note=note)


def trace_chart(step: ReviewStep, expected_g: Sequence[float | None]) -> TraceChart:
    """Draw a step; `expected_g` is what each candidate would have changed, where that is known."""
    changes = _changes(step)
    from_ns, to_ns = _window(step)
    low_g, high_g = _range(step.delta_g, expected_g, changes.values())
    scale = _Scale(from_ns=from_ns, to_ns=to_ns, low_g=low_g, high_g=high_g)
    lanes = _lanes(step.hands, step.spells, scale)
    bottom = BOTTOM + LANE * len(lanes)
    return TraceChart(
        view=f"0 0 {WIDTH:.0f} {bottom + 24:.0f}",
        band=scale.bar(step.from_ns, step.to_ns),
        zero_y=scale.y(0.0),
        after_y=scale.y(step.delta_g),
        lines=_lines(step, changes, scale),
        levels=tuple(_level(step, plate) for plate in _plates(step)),
        grams=tuple(Tick(at=scale.y(value), value=value) for value in _nice(low_g, high_g, 4)),
        seconds=tuple(
            Tick(at=scale.x(step.from_ns + value * SECOND_NS), value=value)
            for value in _nice(
                (from_ns - step.from_ns) / SECOND_NS, (to_ns - step.from_ns) / SECOND_NS, 7
            )
        ),
        marks=_marks(expected_g, scale),
        lanes=lanes,
        bottom=bottom,
    )


def _plates(step: ReviewStep) -> list[PlateId]:
    """Plates that have something to show, those that moved first."""
    grams = step.trace.grams if step.trace is not None else {}
    moved = [plate for plate in step.plates if grams.get(plate)]
    return moved + sorted(plate for plate, values in grams.items() if values and plate not in moved)


def _level(step: ReviewStep, plate: PlateId) -> Level:
    assert step.trace is not None
    before, after = _around(step, step.trace, step.trace.grams[plate])
    return Level(plate=plate, before_g=before, after_g=after)


def _around(step: ReviewStep, trace: Trace, grams: Sequence[float]) -> tuple[float | None, float]:
    before = [g for at, g in _timed(trace, grams) if at < step.from_ns]
    # A step is told as soon as it has settled: often the last value is all there is of after.
    after = [g for at, g in _timed(trace, grams) if at > step.to_ns] or grams[-1:]
    return median(before) if before else None, median(after)


def _timed(trace: Trace, grams: Sequence[float]) -> Iterable[tuple[int, float]]:
    return ((trace.from_ns + i * trace.every_ns, g) for i, g in enumerate(grams))


def _changes(step: ReviewStep) -> dict[PlateId, list[tuple[int, float]]]:
    """Each plate's change from its level before the step; from its first value for want of one."""
    found: dict[PlateId, list[tuple[int, float]]] = {}
    for plate in _plates(step):
        assert step.trace is not None
        grams = step.trace.grams[plate]
        before, _ = _around(step, step.trace, grams)
        zero_g = grams[0] if before is None else before
        found[plate] = [(at, g - zero_g) for at, g in _timed(step.trace, grams)]
    return found


def _window(step: ReviewStep) -> tuple[int, int]:
    from_ns, to_ns = step.from_ns - AROUND_NS, step.to_ns + AROUND_NS
    if step.trace is not None:
        count = max(len(grams) for grams in step.trace.grams.values())
        from_ns = min(step.trace.from_ns, step.from_ns)
        to_ns = max(step.trace.from_ns + (count - 1) * step.trace.every_ns, step.to_ns)
    return from_ns, max(to_ns, from_ns + 1)


def _range(
    delta_g: float,
    expected_g: Sequence[float | None],
    changes: Iterable[Sequence[tuple[int, float]]],
) -> tuple[float, float]:
    """What the picture spans: both levels and the candidates, and knocks only in part."""
    reach_g = 3.0 * max(abs(delta_g), LEAST_SPAN_G)
    shown = [0.0, delta_g, *(one for one in expected_g if one is not None and abs(one) <= reach_g)]
    low_g, high_g = min(shown), max(shown)
    room_g = max(high_g - low_g, LEAST_SPAN_G)
    felt = [value for points in changes for _, value in points]
    low_g = min(low_g, max(min(felt, default=0.0), low_g - 0.5 * room_g)) - 0.15 * room_g
    high_g = max(high_g, min(max(felt, default=0.0), high_g + 0.5 * room_g)) + 0.15 * room_g
    return low_g, high_g


def _lines(
    step: ReviewStep, changes: Mapping[PlateId, Sequence[tuple[int, float]]], scale: _Scale
) -> tuple[Line, ...]:
    lines = [Line(plate=plate, points=_points(points, scale)) for plate, points in changes.items()]
    moved = [changes[plate] for plate in step.plates if plate in changes]
    if len(moved) > 1:
        total = [
            (group[0][0], math.fsum(value for _, value in group))
            for group in zip(*moved, strict=False)
        ]
        lines.append(Line(plate="", points=_points(total, scale)))
    return tuple(lines)


def _points(points: Sequence[tuple[int, float]], scale: _Scale) -> str:
    return " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in points)


def _marks(expected_g: Sequence[float | None], scale: _Scale) -> tuple[Mark, ...]:
    """Numbers at the right edge, moved apart downwards where they would touch."""
    inside = [
        (scale.y(value), number)
        for number, value in enumerate(expected_g, 1)
        if value is not None and scale.low_g <= value <= scale.high_g
    ]
    marks, free_y = [], TOP
    for index, (y, number) in enumerate(sorted(inside)):
        lowest_y = BOTTOM - MARK_GAP * (len(inside) - 1 - index)
        free_y = max(free_y, min(y, lowest_y))
        marks.append(Mark(number=number, y=y, label_y=free_y))
        free_y += MARK_GAP
    return tuple(marks)


def _lanes(hands: Sequence[ReviewHand], spells: Sequence[Spell], scale: _Scale) -> tuple[Lane, ...]:
    by_visit: dict[VisitId | None, list[ReviewHand]] = {}
    for hand in hands:
        who = hand.visit if hand.visit in by_visit or len(by_visit) < LANES else None
        by_visit.setdefault(who, []).append(hand)
    rows: list[tuple[VisitId | None, bool, list[Bar]]] = [
        (visit, False, [scale.bar(hand.from_ns, hand.to_ns) for hand in own])
        for visit, own in by_visit.items()
    ]
    if spells:
        rows.append((None, True, [scale.bar(one.from_ns, one.to_ns, one.reason) for one in spells]))
    return tuple(
        Lane(visit=visit, is_blind=is_blind, y=BOTTOM + 6 + LANE * row, bars=tuple(bars))
        for row, (visit, is_blind, bars) in enumerate(rows)
    )


def _nice(low: float, high: float, most: int) -> list[float]:
    """Round values from `low` to `high`, `most` at most.

    >>> _nice(-130.0, 30.0, 4)
    [-100.0, -50.0, 0.0]
    """
    span = high - low
    size: float = 10.0 ** math.floor(math.log10(span / most))
    size = next(size * factor for factor in (1, 2, 5, 10, 20) if span / (size * factor) <= most)
    first = math.ceil(low / size)
    return [index * size for index in range(first, math.floor(high / size) + 1)]
