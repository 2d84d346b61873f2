"""The units as systemd itself reads them: no complaint, and little left to an intruder."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

EXPOSURE_TIMES_TEN = 20
UNITS = {
    "tebura-edge@plates.service": "tebura-edge@.service",
    "tebura-gateway.service": "tebura-gateway.service",
    "mosquitto.service": "mosquitto.service.d/tebura.conf",
}
DEBIAN_BROKER_UNIT = """[Unit]
Description=Mosquitto MQTT Broker
[Service]
Type=notify
ExecStart=/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf
ExecStartPre=/bin/mkdir -m 740 -p /var/log/mosquitto
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(params=list(UNITS))
def unit(request: pytest.FixtureRequest, tmp_path: Path, repository: Path) -> Path:
    """A unit whose program exists here; the broker's is Debian's with our drop-in."""
    name: str = request.param
    path = tmp_path / name
    source = repository / "systemd" / UNITS[name]
    if source.suffix == ".conf":
        drop_in = tmp_path / f"{name}.d" / source.name
        drop_in.parent.mkdir()
        shutil.copy(source, drop_in)
        text = DEBIAN_BROKER_UNIT
    else:
        text = source.read_text()
    path.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.M))
    return path


def test_systemd_finds_nothing_to_say_about_the_unit(
    unit: Path, require_program: Callable[[str], str]
) -> None:
    done = subprocess.run(
        [require_program("systemd-analyze"), "verify", unit], capture_output=True, text=True
    )
    # A misspelt key is only a warning: the exit status alone would not show it.
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_a_misspelt_key_would_be_noticed(unit: Path, require_program: Callable[[str], str]) -> None:
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nProtectSytem=strict"))
    done = subprocess.run(
        [require_program("systemd-analyze"), "verify", unit], capture_output=True, text=True
    )
    assert "ProtectSytem" in done.stderr


def test_exposure_stays_below_two(unit: Path, require_program: Callable[[str], str]) -> None:
    program = require_program("systemd-analyze")
    threshold = f"--threshold={EXPOSURE_TIMES_TEN}"
    done = subprocess.run(
        [program, "security", "--no-pager", "--offline=true", threshold, unit],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_units_start_the_programs_that_the_package_installs(repository: Path) -> None:
    scripts = (repository / "pyproject.toml").read_text()
    for name in ("tebura-edge@.service", "tebura-gateway.service"):
        text = (repository / "systemd" / name).read_text()
        program = re.search(r"^ExecStart=/opt/tebura/\.venv/bin/(\S+)", text, re.M)
        assert program is not None
        assert f"\n{program[1]} = " in scripts
