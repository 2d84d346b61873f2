"""A mix of suites, stores and plates from which the review threshold is read.

Every seed plays each part of the mix once; of the named cases and of the labelled visits one after
the other has its turn. It ends with the seed that fills up the wanted lines, so the results have no
say in when. All is with who it was given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tebura_simulator.story.scenario import PlateKind
from tebura_simulator.weighing_bench.bill import Bill, together
from tebura_simulator.weighing_bench.calibration import Calibration, calibration, given_lines_of
from tebura_simulator.weighing_bench.cases import CaseName, Wanted, case_names
from tebura_simulator.weighing_bench.lines import CaseLine
from tebura_simulator.weighing_bench.places import Place


@dataclass(frozen=True)
class Part:
    """What a seed plays of a suite: all of its cases, or `turns` of them by turns."""

    name: str
    wanted: Wanted
    turns: int | None = None

    def names(self, seed: int) -> list[CaseName]:
        """The cases of a seed."""
        found = case_names(self.wanted, range(seed, seed + 1))
        if self.turns is None:
            return found
        first = seed * self.turns
        return [found[(first + turn) % len(found)] for turn in range(self.turns)]


class PartFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A part, or the whole, of the mix.

    `calibration` is over lines that only the threshold can keep from being charged; `asked` more
    events are asked about however sure they are. Of `twins`, which weight cannot tell apart, so
    many would be charged rightly or wrongly at the threshold in use.
    """

    part: str
    cases: int
    failed: int
    calibration: Calibration
    asked: int
    twins: int
    twins_right: int
    twins_wrong: int
    bill: Bill


def parts(layout: Path | None, visits: Path | None) -> tuple[Part, ...]:
    """The mix; with the labelled visits where they and their store are given."""
    own = [
        Part(f"{suite} {store}", Wanted(suite, store=store))
        for store, suites in (
            ("kiosk", ("calm", "crowded", "adversarial")),
            ("corner", ("calm", "busy", "crowded")),
        )
        for suite in suites
    ]
    own += [
        Part(f"busy kiosk {kind}", Wanted("busy", store="kiosk", plates=kind)) for kind in PlateKind
    ]
    own.append(Part("named", Wanted("named"), turns=3))
    if layout is not None and visits is not None:
        labelled = Wanted("autocheckout", layout_file=layout, visits=visits)
        own.append(Part("autocheckout", labelled, turns=1))
    return tuple(own)


def cases_of(mix: Sequence[Part], seeds: range) -> Iterator[tuple[Part, list[CaseName]]]:
    """All there is to play, seed by seed."""
    for seed in seeds:
        for part in mix:
            yield part, part.names(seed)


def part_figures(name: str, cases: Sequence[CaseLine], threshold: float) -> PartFigures:
    """Sum up; `threshold` is the one in use."""
    events = [one for case in cases for one in case.told if one.given is not None]
    twins = [one.given for one in events if one.place is Place.TWIN and one.given is not None]
    sure = [one.is_right for one in twins if one.is_decided]
    return PartFigures(
        part=name,
        cases=len(cases),
        failed=sum(bool(case.failure) for case in cases),
        calibration=calibration(given_lines_of(cases), threshold),
        asked=sum(
            not one.given.is_decided and not one.given.is_line for one in events if one.given
        ),
        twins=len(twins),
        twins_right=sum(sure),
        twins_wrong=len(sure) - sum(sure),
        bill=together(case.bill for case in cases),
    )
