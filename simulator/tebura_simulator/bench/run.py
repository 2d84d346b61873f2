"""A whole bench: all cases of some suites for some seeds, by some methods."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tebura_simulator.bench.contest import Work, method_names
from tebura_simulator.bench.crew import played
from tebura_simulator.bench.journal import Journal
from tebura_simulator.bench.lines import CaseLine
from tebura_simulator.bench.suites import Suite, SuiteFault
from tebura_simulator.scoring.clerk import REVIEW_S

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BenchOptions:
    """What to run. Without `methods` all; `journal` keeps lines and lets a run go on."""

    suites: tuple[Suite, ...]
    seeds: range
    methods: tuple[str, ...] = ()
    jobs: int = 1
    review_s: float = REVIEW_S
    has_pixels: bool = False
    journal: Path | None = None


def run(options: BenchOptions, progress: Progress | None = None) -> Generator[CaseLine, None, None]:
    """Run all cases; yields their lines in one order whatever `jobs` is. Closing it ends all.

    Args:
        options: What to run.
        progress: Is told how many cases are done, of how many to run.

    Raises:
        SuiteFault: If a suite lacks what it needs, or a method is unknown.
        JournalFault: If the journal's file holds something else.
    """
    works = works_of(options)
    journal = Journal(options.journal) if options.journal is not None else None
    known = journal.lines if journal is not None else {}
    left = [_left(work, known) for work in works]
    numbers = [number for number, work in enumerate(left) if work.methods]
    done: dict[int, list[CaseLine]] = {n: [] for n in range(len(works)) if n not in numbers}
    told = 0
    if progress is not None:
        progress(0, len(numbers))
    for finished, (index, lines) in enumerate(
        played([left[number] for number in numbers], options.jobs), start=1
    ):
        if journal is not None:
            journal.add(lines)
        done[numbers[index]] = lines
        if progress is not None:
            progress(finished, len(numbers))
        while told in done:
            yield from _in_order(works[told], done.pop(told), known)
            told += 1
    while told in done:
        yield from _in_order(works[told], done.pop(told), known)
        told += 1


def works_of(options: BenchOptions) -> list[Work]:
    """Every case, suite by suite, seed by seed."""
    known = method_names()
    for name in options.methods:
        if name not in known:
            raise SuiteFault(f"--method {name!r}: expected one of {', '.join(known)}")
    return [
        Work(
            suite=suite,
            case=case,
            seed=seed,
            methods=options.methods or known,
            review_s=options.review_s,
            has_pixels=options.has_pixels,
        )
        for suite in options.suites
        for seed in options.seeds
        for case in suite.cases()
    ]


def _left(work: Work, known: dict[tuple[str, str, int, str], CaseLine]) -> Work:
    """The work without the methods whose line is there."""
    names = tuple(
        n for n in work.methods if (work.suite.name, work.case, work.seed, n) not in known
    )
    return replace(work, methods=names)


def _in_order(
    work: Work, lines: Sequence[CaseLine], known: dict[tuple[str, str, int, str], CaseLine]
) -> Iterator[CaseLine]:
    new = {line.method: line for line in lines}
    for name in work.methods:
        key = (work.suite.name, work.case, work.seed, name)
        yield new[name] if name in new else known[key]
