"""A mix of suites, stores and plates from which the review threshold is read.

Two groups that are never added up unseen. What a small *shop* is: quiet and busy hours in a shop of
a dozen shelves, quiet ones at a kiosk of one, hard cases by turns, labelled visits. And *stress*:
crowds, people who try to deceive, and a busy hour at the kiosk, where two or three people stand
before one metre of shelf all the time, which is more for each shelf than any crowd in the shop.

Every seed plays each part of the mix; of the named cases and of the labelled visits one after the
other has its turn. It ends with the seed that fills up the wanted lines, so the results have no say
in when. All is with who it was given. Counts are put together for half a second before they are
weighed, as in a replay: which is faster, and only later told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from tebura_simulator.story.scenario import PlateKind
from tebura_simulator.weighing_bench.bill import Bill, together
from tebura_simulator.weighing_bench.calibration import (
    Calibration,
    calibration,
    given_lines_of,
    receipt_lines_of,
)
from tebura_simulator.weighing_bench.cases import CaseName, Wanted, case_names
from tebura_simulator.weighing_bench.lines import CaseLine
from tebura_simulator.weighing_bench.places import Place
from tebura_simulator.weighing_bench.receipts import Receipts, receipts

SCENES_APART = 100_000
"""Seeds of further scenes of one seed."""


class Group(StrEnum):
    SHOP = "shop"
    STRESS = "stress"


@dataclass(frozen=True)
class Part:
    """What a seed plays of a suite: all of its cases in so many `scenes`, or `turns` by turns."""

    name: str
    group: Group
    wanted: Wanted
    turns: int | None = None
    scenes: int = 1

    def names(self, seed: int) -> list[CaseName]:
        """The cases of a seed."""
        if self.turns is None:
            seeds = range(seed, seed + self.scenes * SCENES_APART, SCENES_APART)
            return case_names(self.wanted, seeds)
        found = case_names(self.wanted, range(seed, seed + 1))
        first = seed * self.turns
        return [found[(first + turn) % len(found)] for turn in range(self.turns)]


class PartFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A part, or the whole, of the mix.

    `calibration` is over lines that only the threshold can keep from being charged; `asked` more
    events are asked about however sure they are, `undone` ones are neither pick nor put-back. Of
    `twins`, which weight cannot tell apart, so many would be charged rightly or wrongly at the
    threshold in use. `thresholds` are over lines of receipts that are charged unseen, each as sure
    as its least sure step.
    """

    part: str
    cases: int
    failed: int
    calibration: Calibration
    asked: int
    undone: int
    undone_wrong: int
    twins: int
    twins_right: int
    twins_wrong: int
    receipts: Receipts
    thresholds: Calibration
    bill: Bill


def parts(layout: Path | None, visits: Path | None) -> tuple[Part, ...]:
    """The mix; with the labelled visits where they and their store are given."""
    shop = [
        Part("calm kiosk", Group.SHOP, _wanted("calm", "kiosk"), scenes=4),
        Part("calm corner", Group.SHOP, _wanted("calm", "corner")),
        Part("busy corner", Group.SHOP, _wanted("busy", "corner")),
        Part("named", Group.SHOP, Wanted("named", is_gathered=True), turns=3),
    ]
    if layout is not None and visits is not None:
        labelled = Wanted("autocheckout", layout_file=layout, visits=visits, is_gathered=True)
        shop.append(Part("autocheckout", Group.SHOP, labelled, turns=1))
    stress = [
        Part(f"busy kiosk {kind}", Group.STRESS, _wanted("busy", "kiosk", kind))
        for kind in PlateKind
    ]
    stress += [
        Part(f"{suite} {store}", Group.STRESS, _wanted(suite, store))
        for suite, store in (
            ("crowded", "kiosk"),
            ("crowded", "corner"),
            ("adversarial", "kiosk"),
        )
    ]
    return (*shop, *stress)


def _wanted(suite: str, store: str, plates: PlateKind | None = None) -> Wanted:
    return Wanted(suite, store=store, plates=plates, is_gathered=True)


def cases_of(mix: Sequence[Part], seeds: range) -> Iterator[tuple[int, Part, list[CaseName]]]:
    """All there is to play, seed by seed."""
    for seed in seeds:
        for part in mix:
            yield seed, part, part.names(seed)


def part_figures(name: str, cases: Sequence[CaseLine], threshold: float) -> PartFigures:
    """Sum up; `threshold` is the one in use."""
    events = [one for case in cases for one in case.told if one.given is not None]
    twins = [one.given for one in events if one.place is Place.TWIN and one.given is not None]
    sure = [one.is_right for one in twins if one.is_decided]
    undone = [one.given for one in events if one.given and one.given.is_undone]
    return PartFigures(
        part=name,
        cases=len(cases),
        failed=sum(bool(case.failure) for case in cases),
        calibration=calibration(given_lines_of(cases), threshold),
        asked=sum(case.passing_asked for case in cases)
        + sum(not one.given.is_decided and not one.given.is_line for one in events if one.given),
        undone=len(undone),
        undone_wrong=sum(not one.is_right for one in undone),
        twins=len(twins),
        twins_right=sum(sure),
        twins_wrong=len(sure) - sum(sure),
        receipts=receipts(line for case in cases for line in case.receipts),
        thresholds=calibration(receipt_lines_of(cases), threshold),
        bill=together(case.bill for case in cases),
    )
