"""The lock files beside pyproject.toml: in step, hashed, and nothing in them but that."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_lock(name: str) -> dict[str, Version]:
    """Package to version; every entry must have hashes and nothing else."""
    found: dict[str, Version] = {}
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for entry in text.splitlines():
        match = re.fullmatch(
            r"([a-z0-9-]+)==([^ ;]+)(?: ;[^#]*?)?((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", entry
        )
        assert match is not None, f"{name}: {entry[:80]!r} is not a pinned and hashed package"
        assert match[1] not in found, f"{name}: {match[1]} twice"
        found[match[1]] = Version(match[2])
    return found


def wanted(*extras: str) -> list[Requirement]:
    """What the package asks for, with these extras; extras that name extras are followed."""
    found = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    for extra in extras:
        for text in PROJECT["project"]["optional-dependencies"][extra]:
            requirement = Requirement(text)
            if requirement.name == "tebura":
                found += wanted(*sorted(requirement.extras))
            else:
                found.append(requirement)
    return found


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["simulator"]), ("requirements-test.lock", ["test"])],
)
def test_the_lock_holds_what_pyproject_asks_for(lock: str, extras: list[str]) -> None:
    locked = read_lock(lock)
    for requirement in wanted(*extras):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not in {lock}: run .ci/lock"
        assert requirement.specifier.contains(version), f"{requirement}, {lock} has {version}"


def test_the_build_lock_holds_the_build_tools() -> None:
    locked = read_lock("requirements-build.lock")
    for text in [
        *PROJECT["build-system"]["requires"],
        *PROJECT["dependency-groups"]["build"],
    ]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked[requirement.name])


def test_what_is_tested_is_what_runs() -> None:
    tested = read_lock("requirements-test.lock")
    for name, version in read_lock("requirements.lock").items():
        assert tested[name] == version


def test_training_stays_out_of_the_locks_and_rendering_out_of_the_demos() -> None:
    locked = read_lock("requirements-test.lock")
    assert not {"torch", "ultralytics", "ultralytics-opencv-headless"} & locked.keys()
    assert "mujoco" not in read_lock("requirements.lock")
    # Both builds of OpenCV overwrite each other, and this one does not import on a bare board.
    assert "opencv-python" not in locked
