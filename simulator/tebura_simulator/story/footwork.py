"""Where feet are put when somebody is moved from its way: only steps move them."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tebura_simulator.story.footprints import Floats
from tebura_simulator.story.walking import Foot, Leg, smooth

_LONG_S = 1.6
"""Who stands longer than this on a foot may take a small step with it."""
_SMALL_S, _SMALL_LIFT_M = 0.4, 0.03
_WORTH_M = 0.03
"""What a foot is off by before it is put elsewhere."""


@dataclass(frozen=True)
class _Step:
    """A foot that moves aside on its way from `lift_s` to `land_s`; `aside_m` from then on.

    `is_own`: it is lifted for that alone, not in walking.
    """

    lift_s: float
    land_s: float
    aside_m: Floats
    is_own: bool


class Footwork:
    """Both feet of somebody whose way is moved aside by a smooth function of time."""

    def __init__(
        self, legs: Sequence[Leg], until_s: float, aside_m: Callable[[float], Floats]
    ) -> None:
        self._aside_m, self._until_s = aside_m, until_s
        self._steps = tuple(
            list(self._stepping(list(swings), number))
            for number, swings in enumerate(_swings(legs))
        )

    def moved(self, left: Foot, right: Foot, t_s: float) -> tuple[Foot, Foot]:
        """Both feet at a moment, from where the way alone has them."""
        return self._foot(left, self._steps[0], t_s), self._foot(right, self._steps[1], t_s)

    def _foot(self, foot: Foot, steps: Sequence[_Step], t_s: float) -> Foot:
        index = bisect_right(steps, t_s, key=lambda step: step.lift_s) - 1
        step = steps[max(0, index)]
        before = steps[max(0, index - 1)]
        share = (t_s - step.lift_s) / max(1e-9, step.land_s - step.lift_s)
        x, y = before.aside_m + smooth(share) * (step.aside_m - before.aside_m)
        moved = replace(foot, xy_m=(foot.xy_m[0] + float(x), foot.xy_m[1] + float(y)))
        if step.is_own and 0.0 < share < 1.0:
            return replace(
                moved, lift_m=_SMALL_LIFT_M * math.sin(math.pi * share), swing=float(share)
            )
        return moved

    def _stepping(self, swings: list[tuple[float, float]], number: int) -> Iterator[_Step]:
        """The steps of a foot, and between them small ones where standing still is too long."""
        for index, (lift_s, land_s) in enumerate(swings):
            next_s = swings[index + 1][0] if index + 1 < len(swings) else self._until_s
            stands_s = next_s - land_s
            # The body passes over the foot midway between landing and the next step.
            aside = self._aside_m(land_s + min(_LONG_S, stands_s) / 2)
            yield _Step(lift_s, land_s, aside, is_own=False)
            if stands_s > _LONG_S:
                yield from self._small(land_s, next_s, aside, number)

    def _small(self, from_s: float, to_s: float, aside: Floats, number: int) -> Iterator[_Step]:
        """The feet take turns; a foot that is where it should be stays."""
        at_s = from_s + (1 + number) * _SMALL_S
        while at_s + _SMALL_S < to_s:
            wanted = self._aside_m(at_s + 1.5 * _SMALL_S)
            if float(np.hypot(*(wanted - aside))) > _WORTH_M:
                yield _Step(at_s, at_s + _SMALL_S, wanted, is_own=True)
                aside = wanted
            at_s += 2 * _SMALL_S


def _swings(legs: Sequence[Leg]) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """When each foot (left, right) is in the air, from landing before the first leg on."""
    start_s = legs[0].start_s if legs else 0.0
    feet: tuple[list[tuple[float, float]], list[tuple[float, float]]] = (
        [(start_s - 2.0, start_s - 1.0)],
        [(start_s - 2.0, start_s - 1.0)],
    )
    for leg in legs:
        for is_left, lift_s, land_s in leg.swings():
            feet[0 if is_left else 1].append((lift_s, land_s))
    return feet
