"""What a process loads, beyond what import-linter reads: the light parts stay light."""

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

LOAD_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    # Database migrations run inside Alembic alone.
    if "migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_by(package: str) -> set[str]:
    """Top-level modules in a fresh process that imported every module of `package`."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, package], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def third_party(modules: set[str]) -> set[str]:
    """Without the standard library, ours, and what the environment loads by itself."""
    installed = {
        module.name
        for entry in sys.path
        if Path(entry).name == "site-packages"
        for module in pkgutil.iter_modules([entry])
    }
    ours = {name for name in modules if name.startswith("tebura_")}
    return (modules & installed) - ours - set(sys.stdlib_module_names)


def test_the_contract_needs_msgspec_alone() -> None:
    # msgspec looks for typing_extensions; setuptools hooks itself into every start.
    by_themselves = {"typing_extensions", "_distutils_hack"}
    assert third_party(loaded_by("tebura_contract")) - by_themselves == {"msgspec"}


def test_the_gateway_loads_no_pictures_and_no_edge() -> None:
    heavy = {"numpy", "cv2", "onnxruntime", "serial", "av", "tebura_edge", "tebura_simulator"}
    assert loaded_by("tebura_gateway") & heavy == set()


@pytest.mark.parametrize(
    ("module", "is_quiet"),
    [
        pytest.param("tebura_models.loader", True, id="ours"),
        pytest.param("onnxruntime", False, id="the-runtime-by-itself"),
    ],
)
def test_no_network_runtime_keeps_figures_for_its_maker(
    tmp_path: Path, repository: Path, module: str, is_quiet: bool
) -> None:
    network = next((repository / "models").rglob("*.onnx"))
    code = f"import {module}, onnxruntime; onnxruntime.InferenceSession({str(network)!r})"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    # Its queue and its device id lie below HOME, where it has leave to collect.
    assert (list(tmp_path.rglob("*")) == []) is is_quiet


def test_the_edge_loads_no_database_server_or_video_writer() -> None:
    foreign = {"fastapi", "uvicorn", "sqlalchemy", "alembic", "av", "tebura_gateway"}
    assert loaded_by("tebura_edge") & foreign == set()
