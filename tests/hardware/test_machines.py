"""Machines we do not have here: a bare Debian, a booting one, a Raspberry Pi. Minutes, as root."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.fixture(autouse=True)
def _tools(require_program: Callable[[str], str]) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: chroot and debootstrap")
    require_program("debootstrap")


def test_a_bare_debian_runs_the_demo(repository: Path) -> None:
    subprocess.run([repository / "tests/hardware/bare.sh", "demo --json"], check=True)


def test_services_come_up_and_back_on_a_machine_that_boots(
    repository: Path, require_program: Callable[[str], str]
) -> None:
    require_program("systemd-nspawn")
    subprocess.run([repository / "tests/hardware/boot.sh"], check=True)


@pytest.mark.parametrize("part", ["smoke", "plates"])
def test_an_emulated_pi_gives_the_same_numbers_and_events(
    repository: Path, require_program: Callable[[str], str], part: str
) -> None:
    require_program("qemu-aarch64-static")
    subprocess.run([repository / "tests/hardware/pi4.sh", part], check=True)
