"""Where the simulation cannot reach SQLite's own file layer, its power cuts are skipped."""

import pytest

from tests.conftest import missing
from tests.gateway.simulation.disk import library


@pytest.fixture(scope="session")
def watched_sqlite() -> None:
    """Python uses a SQLite whose file layer can be watched."""
    try:
        library()
    except OSError as error:
        missing(f"power cuts cannot be simulated: {error}")
