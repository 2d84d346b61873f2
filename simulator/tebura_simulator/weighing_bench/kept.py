"""Lines of cases kept in a folder: what was played once with this code is not played again.

A file a case, below a folder of the code's own fingerprint: an interrupted run goes on where it
was, several may share the folder, and a change of the code begins anew.
"""

import hashlib
import os
from pathlib import Path

import msgspec
import tebura_contract
import tebura_edge
import tebura_gateway
from tebura_contract.codec import encode

import tebura_simulator
from tebura_simulator.weighing_bench.cases import CaseName
from tebura_simulator.weighing_bench.lines import CaseLine

_READ = (
    (tebura_contract, ""),
    (tebura_edge, ""),
    (tebura_gateway, "domain"),
    (tebura_simulator, ""),
)
_ENDINGS = (".py", ".toml", ".json")
_DIGITS = 16


class KeptFault(ValueError):
    """A file in the folder holds something else."""


class Kept:
    """A folder of lines.

    Raises:
        OSError: If the folder cannot be written.
    """

    def __init__(self, folder: Path, is_taught: bool = True) -> None:
        self._taught = is_taught
        self._folder = folder / fingerprint()
        self._folder.mkdir(parents=True, exist_ok=True)

    def find(self, name: CaseName) -> CaseLine | None:
        """The line of a case; None where it was never played to its end.

        Raises:
            KeptFault: If its file holds something else.
        """
        file = self._file(name)
        if not file.exists():
            return None
        try:
            return msgspec.json.decode(file.read_bytes(), type=CaseLine)
        except msgspec.MsgspecError as error:
            raise KeptFault(f"{file}: {error}; delete it to play the case again") from error

    def add(self, name: CaseName, line: CaseLine) -> None:
        """Keep a line; one that failed is played again."""
        if line.failure:
            return
        file = self._file(name)
        half = file.with_suffix(f".{os.getpid()}.half")
        half.write_bytes(encode(line))
        half.replace(file)

    def _file(self, name: CaseName) -> Path:
        wanted = name.wanted
        files = [file for file in (wanted.layout_file, wanted.visits) if file is not None]
        digest = hashlib.sha256(repr((wanted, name.name, name.seed, self._taught)).encode())
        for file in files:
            digest.update(file.read_bytes())
        key = digest.hexdigest()[:_DIGITS]
        return self._folder / f"{wanted.suite}-{name.name}-{name.seed}-{key}.json"


def fingerprint() -> str:
    """Of everything a case's line depends on: the bytes of the code and of the stores."""
    digest = hashlib.sha256()
    for package, below in _READ:
        root = Path(str(package.__file__)).parent / below
        for file in sorted(root.rglob("*")):
            if file.suffix in _ENDINGS and file.is_file():
                digest.update(str(file.relative_to(root)).encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:_DIGITS]
