"""The real store of the labelled visits, imported as staff would."""

from pathlib import Path

from tebura_calibration.cli import app as calibrate
from typer.testing import CliRunner


def import_store(shared_data: Path, out: Path) -> Path:
    """Write the layout of that store to `out`."""
    files = shared_data / "store-aifi"
    command = ["layout", "import", "autocheckout", "-o", str(out)]
    for name in ("plates.json", "shelves.json", "gondolas.json", "planogram.csv"):
        command += [f"--{name.partition('.')[0]}", str(files / name)]
    result = CliRunner().invoke(calibrate, command)
    assert result.exit_code == 0, result.output
    return out
