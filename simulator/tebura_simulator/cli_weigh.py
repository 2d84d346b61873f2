"""``tebura-simulate weigh``: what the plates alone say, against what really happened."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tebura_simulator.weighing_bench.lines import CaseLine

MAX_JOBS = 256


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(weigh)


def weigh(
    suite: Annotated[
        list[str],
        typer.Option(
            help="calm, busy, crowded, adversarial, named, autocheckout, or one thing each: "
            "glitches, drift, presses, light; repeatable."
        ),
    ],
    seeds: Annotated[str, typer.Option(help="A..B, both included, or one number.")] = "1..3",
    store: Annotated[
        str | None, typer.Option(help="Where drawn suites play: corner, kiosk, demo.")
    ] = None,
    layout: Annotated[Path | None, typer.Option(help="A store of one's own.")] = None,
    visits: Annotated[
        Path | None, typer.Option(help="Labelled visits of the autocheckout suite (JSON).")
    ] = None,
    plates: Annotated[
        str | None, typer.Option(help="hx711 or store60, where it is not the scenario's own.")
    ] = None,
    harshness: Annotated[
        float | None, typer.Option(min=0.0, max=5.0, help="Scale of all that disturbs plates.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="How long drift goes on.")] = 24.0,
    no_teaching: Annotated[
        bool, typer.Option("--no-teaching", help="Nothing that was decided comes back to nodes.")
    ] = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="List all that was missed, false, wrong or unsure.")
    ] = False,
    cases: Annotated[
        bool, typer.Option("--by-case", help="A row a case: charged rightly, wrongly, asked.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep cases in this folder; with the same code none is played twice."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=MAX_JOBS, help="Cases at once; results do not depend on it.")
    ] = os.cpu_count() or 1,
    json: Annotated[
        bool, typer.Option("--json", help="A JSON object a case and a suite on standard output.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Draw the reliability diagram (PNG or SVG).")
    ] = None,
) -> None:
    """Play suites of scenarios to the plate roles alone and say how right they are.

    No cameras, no gateway: settled steps and their candidates against the true actions. All is
    simulated, plates fitted to real ones. Exit status 1 if a case could not be played.

    Example: tebura-simulate weigh --suite calm --seeds 1..5 --store kiosk --failures
    """
    from tebura_contract.codec import encode
    from tebura_contract.config import ConfigError
    from tebura_gateway.domain.tolerances import JudgementSettings

    from tebura_simulator.bench.suites import SuiteFault
    from tebura_simulator.cli import fail
    from tebura_simulator.cli_bench import parse_seeds
    from tebura_simulator.story.scenario import PlateKind
    from tebura_simulator.weighing_bench.cases import Wanted, case_names
    from tebura_simulator.weighing_bench.figures import failures as failures_of
    from tebura_simulator.weighing_bench.figures import figures
    from tebura_simulator.weighing_bench.kept import Kept
    from tebura_simulator.weighing_bench.running import run
    from tebura_simulator.weighing_bench.table import as_text

    threshold = JudgementSettings().threshold
    totals, has_failed = [], False
    try:
        kept = Kept(keep, not no_teaching) if keep is not None else None
        kind = PlateKind(plates) if plates is not None else None
        for name in dict.fromkeys(suite):
            wanted = Wanted(
                suite=name,
                plates=kind,
                harshness=harshness,
                store=store,
                layout_file=layout,
                visits=visits,
                hours=hours,
            )
            names = case_names(wanted, parse_seeds(seeds))
            lines = []
            for line in run(names, jobs, not no_teaching, kept):
                lines.append(line)
                _progress(len(lines), len(names))
                if json:
                    typer.echo(encode(line).decode())
                elif failures:
                    for said in failures_of(line):
                        typer.echo(said)
                if line.failure:
                    has_failed = True
                    typer.echo(
                        f"tebura-simulate: FAILED {line.case} seed {line.seed}: {line.failure}",
                        err=True,
                    )
            total = figures(name, lines, threshold)
            totals.append(total)
            typer.echo(encode(total).decode() if json else as_text(total) + "\n")
            if cases:
                _tell_cases(lines, is_json=json)
        if out is not None:
            from tebura_simulator.weighing_bench.picture import draw_reliability

            draw_reliability(totals, out)
    except ModuleNotFoundError as error:
        raise fail(f"-o needs {error.name}; install tebura[figures]") from error
    except (SuiteFault, ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("\nstopped", err=True)
        raise typer.Exit(130) from None
    if has_failed:
        raise typer.Exit(1)


def _tell_cases(lines: "list[CaseLine]", *, is_json: bool) -> None:
    from tebura_contract.codec import encode

    from tebura_simulator.weighing_bench.by_case import as_text, by_case

    found = by_case(lines)
    said = "\n".join(encode(one).decode() for one in found) if is_json else as_text(found) + "\n"
    typer.echo(said)


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{done}/{of} cases\x1b[K", err=True, nl=done == of)
