"""Simulated stores at hand: the demo's, a corner shop, a kiosk.

`corner` has what shelves make hard: products a gram apart, wide bags over narrow plates, facings
that share a plate, a board on one plate, products in two places. `kiosk` is one shelf and one board
that does everything.
"""

from pathlib import Path

import msgspec
from tebura_contract.config import ConfigError
from tebura_contract.layout import Layout, layout_problems

_HERE = Path(__file__).parent
_FILES = {
    "corner": _HERE / "corner.toml",
    "demo": _HERE.parent / "demo" / "layout.toml",
    "kiosk": _HERE / "kiosk.toml",
}


def names() -> tuple[str, ...]:
    """Names of the stores, sorted."""
    return tuple(sorted(_FILES))


def layout_file(name: str) -> Path:
    """Where a store's layout is written.

    Raises:
        KeyError: If there is no such store.
    """
    return _FILES[name]


def store(name: str) -> tuple[Layout, bytes]:
    """A store's layout, and its file's bytes as recordings carry them.

    Raises:
        KeyError: If there is no such store.
        ConfigError: If its file has problems.
    """
    path = layout_file(name)
    data = path.read_bytes()
    layout = msgspec.toml.decode(data, type=Layout)
    problems = layout_problems(layout)
    if problems:
        raise ConfigError(path, problems)
    return layout, data
