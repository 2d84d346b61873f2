"""``tebura-simulate reliability``: whether confidence means what it says, over many lines."""

import os
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tebura_simulator.weighing_bench.kept import Kept
    from tebura_simulator.weighing_bench.lines import CaseLine
    from tebura_simulator.weighing_bench.pool import Part

MAX_JOBS = 256


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reliability)


def reliability(
    seeds: Annotated[str, typer.Option(help="A..B, both included, or one number.")],
    lines: Annotated[
        int,
        typer.Option(
            min=1, help="Stop after the seed with which receipts have so many lines charged unseen."
        ),
    ] = 10_000,
    group: Annotated[
        str | None, typer.Option(help="Play this part of the mix only: shop or stress.")
    ] = None,
    layout: Annotated[Path | None, typer.Option(help="Store of the labelled visits.")] = None,
    visits: Annotated[
        Path | None, typer.Option(help="Labelled visits (JSON), played too where given.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep cases in this folder; with the same code none is played twice."),
    ] = None,
    failures: Annotated[
        bool,
        typer.Option("--failures", help="List every step and every line charged wrongly."),
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=1, max=MAX_JOBS, help="Cases at once; results do not depend on it.")
    ] = os.cpu_count() or 1,
    json: Annotated[
        bool, typer.Option("--json", help="A JSON object a part and the whole on standard output.")
    ] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Draw it (PNG or SVG).")] = None,
) -> None:
    """Play a mix of suites to the plate roles and read the review threshold off the result.

    Who it was is given; all is simulated, plates fitted to real ones. What a shop is and what
    only stresses it are told apart, so are steps and lines of receipts. Exit status 1 if a case
    could not be played.

    Example: tebura-simulate reliability --seeds 1..60 --keep build/weighed -o reliability.png
    """
    from tebura_contract.codec import encode
    from tebura_contract.config import ConfigError
    from tebura_gateway.domain.tolerances import JudgementSettings

    from tebura_simulator.bench.suites import SuiteFault
    from tebura_simulator.cli import fail
    from tebura_simulator.cli_bench import parse_seeds
    from tebura_simulator.weighing_bench.kept import Kept
    from tebura_simulator.weighing_bench.pool import Group, part_figures, parts
    from tebura_simulator.weighing_bench.pool_table import (
        as_text,
        wrong_on_receipts,
        wrongly_charged,
    )

    threshold = JudgementSettings().threshold
    if group not in (None, *Group):
        raise fail(f"--group {group!r}: expected one of {', '.join(Group)}")
    mix = [part for part in parts(layout, visits) if group in (None, part.group)]
    found: dict[str, list[CaseLine]] = {part.name: [] for part in mix}
    try:
        kept = Kept(keep) if keep is not None else None
        for part, line in _played(mix, parse_seeds(seeds), lines, jobs, kept):
            found[part.name].append(line)
            if failures and not json:
                for said in (*wrongly_charged(line), *wrong_on_receipts(line)):
                    typer.echo(f"{part.name}: {said}")
            if line.failure:
                said = f"{line.case} seed {line.seed}: {line.failure}"
                typer.echo(f"tebura-simulate: FAILED {said}", err=True)
        told = [part_figures(name, mine, threshold) for name, mine in found.items()]
        by_group = {
            one: [line for part in mix if part.group is one for line in found[part.name]]
            for one in dict.fromkeys(part.group for part in mix)
        }
        wholes = [part_figures(str(one), mine, threshold) for one, mine in by_group.items()]
        if json:
            for figures in (*told, *wholes):
                typer.echo(encode(figures).decode())
        else:
            typer.echo(as_text(told, wholes))
        if out is not None and wholes[0].calibration.lines:
            from tebura_simulator.weighing_bench.picture import draw_pool

            draw_pool(next(iter(by_group.values())), wholes[0], out)
    except ModuleNotFoundError as error:
        raise fail(f"-o needs {error.name}; install tebura[figures]") from error
    except (SuiteFault, ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("\nstopped", err=True)
        raise typer.Exit(130) from None
    if any(whole.failed for whole in wholes):
        raise typer.Exit(1)


def _played(
    mix: "Sequence[Part]", seeds: range, wanted: int, jobs: int, kept: "Kept | None"
) -> "Iterator[tuple[Part, CaseLine]]":
    """Cases with their part, until the seed that fills up the wanted lines."""
    from contextlib import closing

    from tebura_simulator.weighing_bench.pool import cases_of
    from tebura_simulator.weighing_bench.running import run

    planned = [(seed, part, name) for seed, part, names in cases_of(mix, seeds) for name in names]
    progress = _Progress(wanted)
    with closing(run([name for *_, name in planned], jobs, kept=kept)) as lines:
        told = ((seed, part, line) for (seed, part, _), line in zip(planned, lines, strict=False))
        count = 0
        for seed, of_seed in groupby(told, key=lambda one: one[0]):
            for _, part, line in of_seed:
                count += sum(one.is_charged for one in line.receipts)
                yield part, line
            progress(seed, count)
            if count >= wanted:
                return


class _Progress:
    """A line a seed on standard error: how many lines there are, how long the rest may take."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._begun_s = time.monotonic()

    def __call__(self, seed: int, lines: int) -> None:
        took_s = time.monotonic() - self._begun_s
        left_s = took_s * max(0.0, self._wanted / max(lines, 1) - 1.0)
        said = f"seed {seed}: {lines:,} of {self._wanted:,} lines, {left_s / 60:.0f} min left"
        is_terminal = sys.stderr.isatty()
        typer.echo(f"\r{said}\x1b[K" if is_terminal else said, err=True, nl=not is_terminal)
