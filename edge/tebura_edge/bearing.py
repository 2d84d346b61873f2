"""How a change of weight lies on plates: who bears it, in which shares, and what the rest shows.

All densities are of what every plate of a step shows, per gram each, so that any two readings of
one step compare as they are: as one product, as two, as something that is none.
"""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tebura_contract.ids import PlateId

STAYS_G: Final = 1.5
"""What a plate that bears nothing stays off, on average (store: up to 9 g; of 620 simulated
neighbours the mean is 1.4 g). At 0.5 a neighbour's 5 g are another product's; at 5 the small third
of a light bag is no part of it."""

ODD_SHARE: Final = 0.01
ODD_G: Final = 12.0
"""Share of plates that stay off by anything up to this, for no reason that we know, and farther
only by their noise. At 20 g a stick of gum beside something else is no product; at 9 g a
neighbour's 10 g make a light bag foreign."""

LEAST_NOISE_G: Final = 0.1
"""Half a step of the converter: no plate has less."""

PLATES_UNDER: Final = (0.5, 0.3, 0.2)
"""How often something of unknown size stands on one, two, three plates (labelled visits)."""

SIZE_TOLD: Final = 0.9
"""How far a product's width decides it where it is known; bags lean, and people turn boxes."""

BESIDE: Final = 0.03
"""Share of picks that moved a plate next to the product's own: of 78 labelled picks of the store
from a product's own shelf 76 were on its plates, 2 on the next one, none elsewhere."""

SCATTERED: Final = 0.02
"""How much less likely one unit bears on plates that do not lie side by side: a second hand."""

MAX_BEARERS: Final = 5
"""So many plates at most are tried as bearing; a facing has four at most."""


@dataclass(frozen=True, slots=True)
class Borne:
    """One way in which a change may lie: what bears it, its sum, and how likely the rest is so.

    `log_place` is the density of all but the sum: which plates, their shares, what others show.
    """

    plates: tuple[PlateId, ...]
    delta_g: float
    log_place: float


def spans_of(width_plates: float | None) -> tuple[float, ...]:
    """How often one unit stands on one, two, three plates; its width counted in plates."""
    if width_plates is None:
        return PLATES_UNDER
    whole = min(int(width_plates), len(PLATES_UNDER) - 1)
    rest = min(width_plates - int(width_plates), 1.0)
    told = [0.0] * len(PLATES_UNDER)
    told[whole] += 1.0 - rest
    told[min(whole + 1, len(told) - 1)] += rest
    return tuple(
        SIZE_TOLD * a + (1 - SIZE_TOLD) * b for a, b in zip(told, PLATES_UNDER, strict=True)
    )


def ways(
    deltas_g: Mapping[PlateId, float],
    noises_g: Mapping[PlateId, float],
    sign: float,
    own: Collection[PlateId],
    beside: Collection[PlateId],
    spans: Sequence[float],
    order: Sequence[PlateId],
) -> Iterator[tuple[Borne, float]]:
    """Each way in which something that belongs on `own` plates may have changed these.

    Yields:
        The way for one unit, and by how much (log) it is likelier for several of them.
    """
    able = [
        p for p, delta_g in deltas_g.items() if delta_g * sign > 0 and (p in own or p in beside)
    ]
    able = sorted(able, key=lambda plate: -abs(deltas_g[plate]))[:MAX_BEARERS]
    idle = {plate: log_idle(delta_g, noises_g[plate]) for plate, delta_g in deltas_g.items()}
    all_idle = math.fsum(idle.values())
    for count in range(1, len(able) + 1):
        for bearers in itertools.combinations(able, count):
            sum_g = math.fsum(deltas_g[plate] for plate in bearers)
            strays = sum(plate not in own for plate in bearers)
            rest = all_idle - math.fsum(idle[plate] for plate in bearers)
            place = rest + log_shares(sum_g, count)
            one, several = _log_bearers(count, strays, len(own), spans)
            if not are_side_by_side(bearers, order):
                one += math.log(SCATTERED)
                several += math.log(SCATTERED) if strays else 0.0
            yield Borne(tuple(sorted(bearers)), sum_g, place + one), several - one


def log_idle(delta_g: float, noise_g: float) -> float:
    """Log density of what a plate shows that bears nothing of a step."""
    scale_g = math.hypot(STAYS_G, noise_g)
    stays = math.exp(-abs(delta_g) / scale_g) / (2 * scale_g)
    if abs(delta_g) > ODD_G:
        stays *= math.exp(-0.5 * ((abs(delta_g) - ODD_G) / max(noise_g, LEAST_NOISE_G)) ** 2)
    odd = 1 / (2 * ODD_G) if abs(delta_g) <= ODD_G else 0.0
    return math.log(max((1 - ODD_SHARE) * stays + ODD_SHARE * odd, 1e-300))


def log_shares(sum_g: float, plates: int) -> float:
    """Log density of the shares of a sum on so many plates: any is as likely."""
    return math.lgamma(plates) - (plates - 1) * math.log(abs(sum_g))


def log_any(sum_g: float, plates: int, of_plates: int) -> float:
    """Log density of a thing's place on a shelf where it may stand anywhere."""
    span = PLATES_UNDER[plates - 1] if plates <= len(PLATES_UNDER) else PLATES_UNDER[-1] / 10
    places = max(of_plates - plates + 1, 1)
    return math.log(span / places) + log_shares(sum_g, plates)


def are_side_by_side(bearers: Sequence[PlateId], order: Sequence[PlateId]) -> bool:
    """Whether these plates follow each other along the shelf."""
    at = [order.index(plate) for plate in bearers if plate in order]
    return len(at) < len(bearers) or max(at) - min(at) == len(at) - 1


def _log_bearers(count: int, strays: int, own: int, spans: Sequence[float]) -> tuple[float, float]:
    """How likely just these plates bear one unit, and several."""
    at_home = math.log(BESIDE) - math.log(2.0) if strays else math.log1p(-BESIDE)
    room = own + strays
    fitting = spans[: max(min(room, len(spans)), 1)]
    most = len(fitting)
    share = fitting[count - 1] / sum(fitting) if count <= most else 1e-3
    one = math.log(share / max(room - count + 1, 1))
    several = -math.log(2.0**room - 1.0)
    return at_home + one, at_home + several
