"""``tebura-simulate trace``: a picture of what a shelf's plates showed and what was made of it."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(trace)


def trace(
    suite: Annotated[str, typer.Option(help="calm, busy, crowded, adversarial, named.")],
    seed: Annotated[int, typer.Option(help="Of the case.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture (PNG or SVG).")],
    case: Annotated[
        str | None, typer.Option(help="Which, where the suite has several; its first if not given.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="Where drawn suites play: corner, kiosk, demo.")
    ] = None,
    shelf: Annotated[str | None, typer.Option(help="The busiest if not given.")] = None,
    from_s: Annotated[
        float | None, typer.Option("--from", min=0.0, help="Seconds; the busiest if not given.")
    ] = None,
    for_s: Annotated[float, typer.Option("--for", min=1.0, help="Seconds shown.")] = 30.0,
) -> None:
    """Draw a shelf's plates for some seconds: true actions, steps told, decisions, carts.

    Who it was is given; all is simulated.

    Example: tebura-simulate trace --suite busy --seed 3 --store kiosk -o trace.png
    """
    from tebura_contract.config import ConfigError

    from tebura_simulator.bench.suites import SuiteFault
    from tebura_simulator.cli import fail
    from tebura_simulator.weighing_bench.cases import Wanted, case_names
    from tebura_simulator.weighing_bench.trace import trace_of
    from tebura_simulator.weighing_bench.trace_picture import draw_trace

    try:
        names = case_names(Wanted(suite, store=store), range(seed, seed + 1))
        chosen = [name for name in names if case in (None, name.name)]
        if not chosen:
            known = ", ".join(name.name for name in names)
            raise SuiteFault(f"--case {case!r}: expected one of {known}")
        draw_trace(trace_of(chosen[0], shelf, from_s, for_s), out)
    except ModuleNotFoundError as error:
        raise fail(f"needs {error.name}; install tebura[figures]") from error
    except (SuiteFault, ConfigError, ValueError, OSError) as error:
        raise fail(error) from error
    typer.echo(str(out))
