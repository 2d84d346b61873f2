"""One shelf's plates for some seconds: what they showed, what happened, what was decided."""

from dataclasses import dataclass

import numpy as np
from tebura_contract.ids import PlateId, ShelfId
from tebura_contract.layout import Layout

from tebura_simulator.plates.quantiles import Floats
from tebura_simulator.plates.simulated import SimulatedPlates, simulate
from tebura_simulator.weighing_bench.cases import CaseName, draw
from tebura_simulator.weighing_bench.lines import CaseLine, StepLine, ToldLine, case_line
from tebura_simulator.weighing_bench.playing import play

PLATES = (4, 8)
"""So many plates fit into a picture."""


class TraceFault(ValueError):
    """There is nothing to show; the text says what is there."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Part of a case. `grams` is (n, plates) as staff's calibration reads the counts.

    `steps` and `told` are those of the shelf within the time.
    """

    title: str
    shelf: ShelfId
    plates: tuple[PlateId, ...]
    products: tuple[str, ...]
    at_s: Floats
    grams: Floats
    steps: tuple[StepLine, ...]
    told: tuple[ToldLine, ...]
    prices_minor: dict[str, int]

    @property
    def shoppers(self) -> tuple[str, ...]:
        """Whoever acted or was charged, by name."""
        charged = {one.given.shopper for one in self.told if one.given and one.given.is_decided}
        acted = {step.shopper for step in self.steps if step.kind != "refill"}
        return tuple(sorted((acted | charged) - {""}))

    @property
    def span_s(self) -> tuple[float, float]:
        return float(self.at_s[0]), float(self.at_s[-1])


def trace_of(
    name: CaseName, shelf: str | None = None, from_s: float | None = None, for_s: float = 30.0
) -> Trace:
    """Play a case and cut out a shelf and a time; the busiest of those that are not given.

    Raises:
        TraceFault: If nothing happens there, or there is no such shelf.
    """
    case = draw(name)
    if shelf is not None and shelf not in case.layout.shelves():
        raise TraceFault(f"--shelf {shelf!r}: expected one of {', '.join(case.layout.shelves())}")
    line = case_line(play(case), 0.0)
    chosen, begin_s = _busiest(line, case.layout, shelf, from_s, for_s)
    end_s = begin_s + for_s
    plates = simulate(case.story, case.layout, case.faults)
    columns = [int(i) for i in plates.cells.columns_of(chosen)]
    at_s, grams = _grams(plates, columns, begin_s, end_s)
    if not len(at_s):
        raise TraceFault(f"--from {begin_s:g}: the case ends at {case.story.duration_s:g} s")
    names = tuple(plates.cells.plates[i] for i in columns)
    return Trace(
        title=f"{name.name}, seed {name.seed}, shelf {chosen}",
        shelf=chosen,
        plates=names,
        products=tuple(_products(case.layout, chosen, plate) for plate in names),
        at_s=at_s,
        grams=grams,
        steps=tuple(
            s for s in line.steps if s.shelf == chosen and begin_s <= s.at_s and s.at_s <= end_s
        ),
        told=tuple(
            one
            for one in line.told
            if one.shelf == chosen and one.to_s >= begin_s and one.from_s <= end_s
        ),
        prices_minor={str(p.sku): p.price_minor for p in case.layout.product},
    )


def _busiest(
    line: CaseLine, layout: Layout, shelf: str | None, from_s: float | None, for_s: float
) -> tuple[ShelfId, float]:
    """Where and from when on most happens, a little before the first of it."""
    fit = {
        name
        for name, (_, one) in layout.shelves().items()
        if name == shelf or (shelf is None and PLATES[0] <= len(one.plate) <= PLATES[1])
    }
    steps = [step for step in line.steps if step.shelf in fit]
    if not steps:
        raise TraceFault(f"nothing happens on {shelf or 'any shelf of a fitting size'}")

    def begins_s(step: StepLine) -> float:
        return max(0.0, step.at_s - 2.0) if from_s is None else from_s

    def within(step: StepLine) -> int:
        begin_s = begins_s(step)
        return sum(
            other.shelf == step.shelf and begin_s <= other.at_s <= begin_s + for_s - 3.0
            for other in steps
        )

    best = max(steps, key=within)
    return ShelfId(best.shelf), begins_s(best)


def _grams(
    plates: SimulatedPlates, columns: list[int], from_s: float, to_s: float
) -> tuple[Floats, Floats]:
    times, counts = [], []
    for stretch in plates.stretches():
        inside = (stretch.at_s >= from_s) & (stretch.at_s <= to_s)
        if inside.any():
            times.append(stretch.at_s[inside])
            counts.append(stretch.counts[inside][:, columns])
        if stretch.at_s[-1] > to_s:
            break
    if not times:
        return np.zeros(0), np.zeros((0, len(columns)))
    cells = plates.cells
    grams = (np.concatenate(counts) - cells.tare[columns]) / cells.gain[columns]
    return np.concatenate(times), grams


def _products(layout: Layout, shelf: ShelfId, plate: PlateId) -> str:
    """What belongs on a plate."""
    number = plate.rpartition("/")[2]
    skus = [
        str(facing.sku)
        for owner, facing in layout.facings().values()
        if owner == shelf and number in facing.plates
    ]
    return ", ".join(dict.fromkeys(skus))
