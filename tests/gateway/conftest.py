"""Databases for the gateway's tests: SQLite always, PostgreSQL where it is installed."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tebura_gateway.adapters.database import migrate, open_database

from tests.conftest import missing
from tests.gateway.core import Core, Postgres, core_over

# A busy machine is no failure.
settings.register_profile("gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gateway")


def _postgres_folder() -> Path | None:
    found = shutil.which("pg_ctl")
    if found is not None and shutil.which("initdb") is not None:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return installed[-1].parent if installed else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    programs = _postgres_folder()
    if programs is None:
        missing("PostgreSQL is not installed")
    # Not in pytest's own folder: the server's user may not go in there.
    with tempfile.TemporaryDirectory(prefix="tebura-postgres-") as folder:
        Path(folder).chmod(0o755)

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Postgres(programs, Path(folder), port)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with its tables and nothing in them."""
    folder = tmp_path_factory.mktemp("sqlite")
    database = open_database("sqlite:///empty.db", folder)
    migrate(database)
    database.dispose()
    return folder / "empty.db"


@pytest.fixture
def core(request: pytest.FixtureRequest, empty_sqlite: Path, tmp_path: Path) -> Iterator[Core]:
    """The services over SQLite, or over the database a test asks for."""
    if getattr(request, "param", "sqlite") == "sqlite":
        shutil.copy(empty_sqlite, tmp_path / "gateway.db")
        address = "sqlite:///gateway.db"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        address = server.fresh()
    database = open_database(address, tmp_path)
    yield core_over(database)
    database.dispose()
