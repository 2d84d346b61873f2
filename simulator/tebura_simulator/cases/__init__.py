"""The named hard cases: one scenario file each, in a folder named after its store.

Each file says what makes it hard and what a right system does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tebura_simulator.stores import names

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A scenario file and the name of the store it plays in."""

    path: Path
    store: str


def named() -> Mapping[str, Case]:
    """Every named case, sorted by name."""
    found = {
        path.stem: Case(path, store) for store in names() for path in _HERE.glob(f"{store}/*.toml")
    }
    return dict(sorted(found.items()))
