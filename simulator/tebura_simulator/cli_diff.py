"""The command `diff`: what a change of the code does to every recording."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(diff)


def diff(
    ref: Annotated[str, typer.Option(help="The revision to compare with: HEAD, main~3, a tag.")],
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(help="MCAP recordings (default: all of the repository)."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a recording on standard output.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write a page with the traces as well.")
    ] = None,
) -> None:
    """Replay recordings with a revision and with the working tree; list what differs.

    Exit status 0 if nothing does, 1 if something does, 2 if a recording could not be compared.

    Example: tebura-simulate diff --ref HEAD~1 -o report.html
    """
    from tebura_simulator.behaviour.comparing import compare
    from tebura_simulator.behaviour.report import as_json, as_page, as_text
    from tebura_simulator.behaviour.revision import (
        DiffError,
        commit_of,
        recordings_in,
        tree_of,
        working_tree,
    )
    from tebura_simulator.cli import fail

    done = 0

    def told(recording: Path) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            typer.echo(f"\r{done}/{len(chosen)} {recording.name:<40}", err=True, nl=False)

    # Ended politely, as by Ctrl-C: what was begun is stopped and what was written is removed.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        root = working_tree(Path.cwd())
        commit = commit_of(root, ref)
        chosen = tuple(path.absolute() for path in recordings or recordings_in(root))
        missing = [path for path in chosen if not path.exists()]
        if missing or not chosen:
            raise DiffError(
                f"no such recording: {missing[0]}" if missing else f"{root}: holds none"
            )
        with tree_of(root, commit) as old:
            compared = compare(old, root, chosen, ref, told)
        if out is not None:
            out.write_text(as_page(ref, compared), "utf-8")
    except (DiffError, OSError) as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    if sys.stderr.isatty():
        typer.echo("", err=True)
    for one in compared:
        for line in [as_json(one)] if json else as_text(one):
            typer.echo(line)
    if not json:
        differ = sum(bool(one.changes) for one in compared)
        unread = sum(bool(one.problems) for one in compared)
        same = len(compared) - differ - unread
        typer.echo(f"{same} same, {differ} differ" + (f", {unread} not compared" if unread else ""))
    if any(one.problems for one in compared):
        raise typer.Exit(2)
    raise typer.Exit(1 if any(one.changes for one in compared) else 0)
