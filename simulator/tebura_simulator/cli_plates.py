"""The command `fit`: simulated plates beside real ones, in figures and as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tebura_simulator.plates.fit import FitRow
    from tebura_simulator.plates.speed import Speed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(fit)


def fit(
    hx711: Annotated[
        Path | None,
        typer.Option(help="Folder with workday_a.csv and full_to_empty.csv, the real 10 Hz plate."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Draw the picture (PNG or SVG).")
    ] = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Only measure how fast plates are simulated.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the simulated stores.")] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output.")
    ] = False,
) -> None:
    """Compare simulated plates with real ones, or (--speed) measure how fast they are.

    The real 60 Hz plates are known by their published statistics, the real 10 Hz plate by two
    recordings (without --hx711 it is left out).

    Example: tebura-simulate fit --hx711 ../shared/data/plates-hx711 -o fit.png
    """
    from tebura_contract.codec import encode

    from tebura_simulator.cli import fail

    if speed:
        from tebura_simulator.plates.speed import speed_of
        from tebura_simulator.story.scenario import PlateKind

        for kind in PlateKind:
            measured = speed_of(kind)
            typer.echo(encode(measured).decode() if json else _speed_text(measured))
        return
    from tebura_simulator.plates.fit import Hx711, Store60, hx711_rows, store60_rows
    from tebura_simulator.plates.reference import hx711_recordings

    store, plates = Store60(seed), Hx711(seed)
    try:
        recordings = hx711_recordings(hx711) if hx711 else ()
        rows = [*store60_rows(store), *hx711_rows(plates, recordings)]
        for row in rows if json else ():
            typer.echo(encode(row).decode())
        if not json:
            typer.echo("\n".join(_table(rows)))
        if out is not None:
            from tebura_simulator.plates.picture import draw

            draw(store, plates, recordings, out)
            typer.echo(f"{out}: {out.stat().st_size:,} bytes", err=True)
    except ImportError as error:
        raise fail(f"drawing needs the figures extra ({error.name} is missing)") from error
    except (OSError, ValueError) as error:
        raise fail(error) from error


def _table(rows: "list[FitRow]") -> list[str]:
    lines = [f"{'':8} {'':42} {'at':>13} {'real':>10} {'simulated':>10} {'ratio':>6}"]
    for row in rows:
        name = row.statistic + (f", {row.tau_s:g} s" if row.tau_s is not None else "")
        ratio = f"{row.simulated / row.real:.2f}" if row.real else ""
        lines.append(
            f"{row.kind:8} {name:42} {row.at:>13} {row.real:10.3f} {row.simulated:10.3f} {ratio:>6}"
        )
    return lines


def _speed_text(speed: "Speed") -> str:
    return (
        f"{speed.kind}: {speed.plates} plates, {speed.simulated_s:g} s: "
        f"{speed.times_real_time:g} times real time on one core "
        f"({speed.slowest:g} to {speed.fastest:g}), {speed.batches:,} batches"
    )
