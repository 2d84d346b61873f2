"""The wheel that a shop would install: all packages, with the files they read at run time."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = ("contract", "edge", "models", "calibration", "gateway", "simulator")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("tebura-*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("folder", PACKAGES)
def test_every_file_of_a_package_is_in_the_wheel(
    wheel_names: set[str], repository: Path, folder: str
) -> None:
    root = repository / folder
    files = {
        str(path.relative_to(root))
        for path in (root / f"tebura_{folder}").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert files
    assert files - wheel_names == set()


def test_nothing_but_our_packages_and_the_licence_is_in_it(wheel_names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        f"tebura_{folder}" for folder in PACKAGES
    }
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)
