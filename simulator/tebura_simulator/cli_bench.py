"""``tebura-simulate bench``: Tebura and its peers on the same simulated visits."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer
from tebura_contract.codec import encode

from tebura_simulator.eta import Eta

MAX_JOBS = 256


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(
    suite: Annotated[
        list[str],
        typer.Option(help="calm, busy, crowded, adversarial, named, autocheckout; repeatable."),
    ],
    seeds: Annotated[str, typer.Option(help="A..B, both included, or one number.")] = "0..4",
    method: Annotated[
        list[str] | None,
        typer.Option(help="tebura or a peer; may be repeated. All unless given."),
    ] = None,
    layout: Annotated[
        Path | None, typer.Option(help="The store, where it is not the suite's own.")
    ] = None,
    scenarios: Annotated[
        Path | None,
        typer.Option(help="Play the scenarios of this folder, in its layout.toml or --layout."),
    ] = None,
    visits: Annotated[
        Path | None, typer.Option(help="Labelled visits of the autocheckout suite (JSON).")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=MAX_JOBS, help="Cases at once; results do not depend on it.")
    ] = os.cpu_count() or 1,
    review_s: Annotated[
        float, typer.Option("--review-s", min=0.0, help="What the simulated clerk takes a review.")
    ] = 45.0,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Cameras see films, drawn where there are none.")
    ] = False,
    sight: Annotated[
        str,
        typer.Option(help="drawn: with the scenario's errors; given: without any, plates only."),
    ] = "drawn",
    out: Annotated[
        Path | None, typer.Option(help="Keep the lines here; what is in it is not run again.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Play suites of scenarios to Tebura and its peers and say how right each is.

    All is simulated, plates and sight fitted to real ones: these figures compare methods with each
    other on the same reels, not with anybody's figures on real recordings. Exit status 1 if a case
    could not be run.

    Example: tebura-simulate bench --suite busy --seeds 0..19
    """
    from tebura_contract.config import ConfigError

    from tebura_simulator.bench import BenchOptions, run
    from tebura_simulator.bench.films import can_draw, has_films, no_films
    from tebura_simulator.bench.journal import JournalFault
    from tebura_simulator.bench.lines import totals
    from tebura_simulator.bench.suites import GivenSuite, Suite, SuiteFault, suite_of
    from tebura_simulator.bench.table import as_text
    from tebura_simulator.cli import fail

    try:
        suites: tuple[Suite, ...] = tuple(
            suite_of(name, layout, scenarios, visits) for name in dict.fromkeys(suite)
        )
        if sight not in ("drawn", "given"):
            raise SuiteFault(f"--sight {sight!r}: expected drawn or given")
        if sight == "given":
            suites = tuple(GivenSuite(one) for one in suites)
        options = BenchOptions(
            suites=suites,
            seeds=parse_seeds(seeds),
            methods=tuple(dict.fromkeys(method or ())),
            jobs=jobs,
            review_s=review_s,
            has_pixels=pixels,
            journal=out,
        )
        if pixels and not can_draw():
            for one in suites:
                for case in one.cases():
                    drawn = one.draw(case, options.seeds[0])
                    if not has_films(drawn):
                        raise SuiteFault(no_films(drawn))
        lines = []
        for line in run(options, Eta("cases")):
            lines.append(line)
            if json:
                typer.echo(encode(line).decode())
            if line.failure:
                said = f"{line.case} seed {line.seed} {line.method}: {line.failure}"
                typer.echo(f"tebura-simulate: FAILED {said}", err=True)
    except (SuiteFault, JournalFault, ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("\nstopped", err=True)
        raise typer.Exit(130) from None
    for one in suites:
        mine = [line for line in lines if line.suite == one.name]
        summed = totals(mine, one.name, by_case=one.name.startswith("named"))
        if json:
            for total in summed:
                typer.echo(encode(total).decode())
        elif mine:
            typer.echo(as_text(one.name, mine, summed) + "\n")
    if any(line.failure for line in lines):
        raise typer.Exit(1)


def parse_seeds(text: str) -> range:
    """``A..B``, both included, or one seed.

    Raises:
        ValueError: If it is neither.

    >>> list(parse_seeds("3..5"))
    [3, 4, 5]
    """
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if found is None:
        raise ValueError(f"--seeds {text!r}: expected A..B or a number")
    first = int(found[1])
    last = int(found[2]) if found[2] is not None else first
    if last < first:
        raise ValueError(f"--seeds {text!r}: ends before it begins")
    return range(first, last + 1)
