"""`./tebura` on machines that lack things. The whole of it on a bare Debian: hardware/bare.sh."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

BASICS = ("sh", "dirname", "cat", "sha256sum", "flock", "rm", "tail", "id", "printf", "env")
LOCKS = ("requirements-build.lock", "requirements.lock")


@pytest.fixture
def copy(tmp_path: Path, repository: Path) -> Path:
    """A fresh copy of what the set-up reads, and a PATH with almost nothing on it."""
    folder = tmp_path / "tebura copy"
    folder.mkdir()
    for name in ("tebura", "pyproject.toml", *LOCKS, "requirements-test.lock"):
        shutil.copy(repository / name, folder / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in BASICS:
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    return folder


def start(
    copy: Path, *arguments: str, extra: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(copy.parent / "bin"), "HOME": str(copy.parent), **(extra or {})}
    return subprocess.run(
        [str(copy / "tebura"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def program(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def build_by_hand(copy: Path) -> None:
    """An environment as a finished set-up leaves it, of stand-ins that say what they were given."""
    for name in ("python", "tebura-simulate", "tebura-edge"):
        program(copy / ".venv/bin" / name, [f'echo "{name}:" "$@"'])
    text = f"{copy}\n".encode()
    for name in ("pyproject.toml", *LOCKS):
        text += (copy / name).read_bytes()
    (copy / ".venv/.built-demo").write_text(hashlib.sha256(text).hexdigest() + "  -\n")


def test_help_needs_nothing(copy: Path) -> None:
    done = start(copy, "--help")
    assert done.returncode == 0
    for command in ("demo", "test", "edge", "gateway", "calibrate", "simulate", "models"):
        assert f"\n  {command} " in done.stdout


def test_an_unknown_command_shows_the_usage(copy: Path) -> None:
    done = start(copy, "dmeo")
    assert done.returncode == 2
    assert "no such command: dmeo" in done.stderr
    assert "Usage:" in done.stderr


def test_without_a_python_it_says_what_to_install(copy: Path) -> None:
    done = start(copy, "demo")
    assert done.returncode == 1
    assert "apt-get install python3 python3-venv" in done.stderr
    assert not (copy / ".venv").exists()


def test_an_old_python_is_passed_over(copy: Path) -> None:
    program(copy.parent / "bin/python3", ["exit 1"])
    assert "no 64-bit Python 3.11 to 3.14" in start(copy, "demo").stderr


def test_a_chosen_python_that_does_not_fit_is_refused(copy: Path) -> None:
    program(copy.parent / "python2", ["exit 1"])
    chosen = str(copy.parent / "python2")
    done = start(copy, "demo", extra={"TEBURA_PYTHON": chosen})
    assert done.returncode == 1
    assert f"TEBURA_PYTHON={chosen} is not" in done.stderr


def test_without_the_venv_module_it_says_which_package(copy: Path) -> None:
    # A Debian python3: fits, but has no ensurepip; and here is neither apt-get nor sudo.
    program(
        copy.parent / "bin/python3",
        ['case "$2" in', "*ensurepip*) exit 1 ;;", "*-venv*) echo python3.12-venv ;;", "esac"],
    )
    done = start(copy, "demo")
    assert done.returncode == 1
    assert "install python3.12-venv" in done.stderr


def test_a_warm_start_hands_arguments_over_untouched(copy: Path) -> None:
    build_by_hand(copy)
    done = start(copy, "demo", "--json", "two words")
    assert (done.returncode, done.stdout) == (0, "tebura-simulate: demo --json two words\n")
    assert start(copy, "edge", "run").stdout == "tebura-edge: run\n"


def test_a_warm_start_says_nothing_of_its_own(copy: Path) -> None:
    build_by_hand(copy)
    assert start(copy, "simulate", "--help").stderr == ""


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements.lock"])
def test_a_changed_lock_is_set_up_again(copy: Path, changed: str) -> None:
    build_by_hand(copy)
    with (copy / changed).open("a") as stream:
        stream.write("# newer\n")
    done = start(copy, "demo")
    assert done.returncode == 1
    assert "no 64-bit Python" in done.stderr


def test_a_moved_folder_is_set_up_again(copy: Path) -> None:
    build_by_hand(copy)
    moved = copy.with_name("elsewhere")
    copy.rename(moved)
    assert "no 64-bit Python" in start(moved, "demo").stderr
