"""What `import aifi-weights DIR` does: the public weight logs of a store become recordings."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from tebura_contract.config import ConfigError
from tebura_contract.layout import load_layout

SOURCE = "aifi-weights"


def import_logs(words: Sequence[str], layout: Path, out: Path) -> None:
    """Write one recording a visit: `out` itself, or for several ``OUT-NAME.mcap`` each."""
    from tebura_edge.recorder import RecordingError

    from tebura_simulator.aifi_weights import WeightsFault, read_logs
    from tebura_simulator.cli import fail
    from tebura_simulator.importing import ImportFault, ImportPlan, write_recording
    from tebura_simulator.plate_csv import PlateCsvError, steady_time_s

    if len(words) != 2 or words[0] != SOURCE:
        raise fail(f"import {' '.join(words)}: expected nothing, or {SOURCE} DIR")
    try:
        shop = load_layout(layout)
        logs = read_logs(Path(words[1]), shop, _tell, _progress)
        for log in logs:
            for step in steady_time_s(log.readings)[1]:
                _tell(f"{log.name}: the clock is set back by {step.back_s:.3f} s")
            path = out if len(logs) == 1 else out.with_name(f"{out.stem}-{log.name}{out.suffix}")
            write_recording(ImportPlan(shop, layout, log.readings, (), None), path)
            _tell(f"{path}: {path.stat().st_size:,} bytes, {len(log.readings.plates)} plates")
    except (
        ConfigError,
        PlateCsvError,
        WeightsFault,
        ImportFault,
        RecordingError,
        OSError,
    ) as error:
        raise fail(error) from error


def _tell(text: str) -> None:
    typer.echo(text, err=True)


def _progress(line: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{line:,} lines", err=True, nl=False)
