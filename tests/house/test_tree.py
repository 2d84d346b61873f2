"""Rules for the tree itself: what may lie in it, and what no file may say."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MEGABYTE = 1_000_000
FILE_LIMIT_BYTES = 20 * MEGABYTE
RECORDINGS_LIMIT_BYTES = 20 * MEGABYTE
CODE_FOLDERS = {
    "contract": "tebura_contract",
    "edge": "tebura_edge",
    "models": "tebura_models",
    "calibration": "tebura_calibration",
    "gateway": "tebura_gateway",
    "simulator": "tebura_simulator",
}
OTHER_FOLDERS = {".ci", "systemd", "tests", "benchmarks"}
# Written apart, so that this file does not hold what it looks for.
REGISTRY_HOSTS = re.compile(
    "|".join(
        re.escape(name)
        for name in (
            "pypi" + ".org",
            "pythonhosted" + ".org",
            "npmjs" + ".org",
            "npmjs" + ".com",
            "ghcr" + ".io",
            "docker" + ".io",
            "quay" + ".io",
            "crates" + ".io",
            "deb.debian" + ".org",
            "huggingface" + ".co",
            "download.pytorch" + ".org",
            "proxy.golang" + ".org",
        )
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.$}-])/(?:work/|home/\w|root/\.|opt/(?:pypi|wheels))")
BINARY = {".onnx", ".mp4", ".mcap", ".png", ".jpg", ".jpeg", ".gif", ".npz", ".npy", ".ico", ".ttf"}


@pytest.fixture(scope="module")
def files(repository: Path) -> list[Path]:
    """All files of the tree that are meant to be in it (committed or about to be)."""
    if shutil.which("git") is None or not (repository / ".git").exists():
        return [path for path in walk(repository) if path.is_file()]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = (repository / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file()]


def walk(folder: Path) -> Iterator[Path]:
    """An unpacked copy without git: everything but environments and caches."""
    for path in folder.iterdir():
        is_made = path.name in {
            ".venv",
            ".venv.lock",
            "__pycache__",
            ".hypothesis",
            "build",
            "dist",
        }
        if is_made or path.name.endswith(("_cache", ".egg-info")):
            continue
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


def lines_with(files: list[Path], pattern: re.Pattern[str], root: Path) -> list[str]:
    found = []
    for path in files:
        if path.suffix in BINARY:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {line.strip()[:100]}")
    return found


def test_no_file_names_a_registry(files: list[Path], repository: Path) -> None:
    assert lines_with(files, REGISTRY_HOSTS, repository) == []


def test_no_file_names_a_path_of_one_machine(files: list[Path], repository: Path) -> None:
    assert lines_with(files, MACHINE_PATHS, repository) == []


def test_no_file_is_large(files: list[Path], repository: Path) -> None:
    large = {str(path): path.stat().st_size for path in files}
    assert {name: size for name, size in large.items() if size > FILE_LIMIT_BYTES} == {}


def test_recordings_stay_small_together(files: list[Path]) -> None:
    total = sum(path.stat().st_size for path in files if path.suffix in {".mcap", ".mp4"})
    assert total <= RECORDINGS_LIMIT_BYTES


def test_top_level_folders_are_the_designs(files: list[Path], repository: Path) -> None:
    folders = {path.relative_to(repository).parts[0] for path in files if path.parent != repository}
    assert folders <= CODE_FOLDERS.keys() | OTHER_FOLDERS


@pytest.mark.parametrize(("folder", "package"), CODE_FOLDERS.items())
def test_a_code_folder_holds_one_typed_package(repository: Path, folder: str, package: str) -> None:
    packages = {path.parent.name for path in (repository / folder).glob("*/__init__.py")}
    assert packages == {package}
    assert (repository / folder / package / "py.typed").is_file()


def test_systemd_and_tests_are_no_packages(repository: Path) -> None:
    found = [
        path
        for folder in ("systemd", "tests", "benchmarks")
        for path in (repository / folder).rglob("__init__.py")
    ]
    assert found == []


def test_shell_scripts_parse_and_may_be_run(files: list[Path], repository: Path) -> None:
    for path in files:
        if path.suffix in BINARY:
            continue
        with path.open("rb") as stream:
            first = stream.readline()
        if not first.startswith(b"#!"):
            continue
        assert path.stat().st_mode & 0o111, f"{path.relative_to(repository)} may not be run"
        if first.strip() == b"#!/bin/sh":
            subprocess.run(["sh", "-n", str(path)], check=True)
