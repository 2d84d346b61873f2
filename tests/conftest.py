"""What every test folder shares: ports, real servers, recordings, and what may be skipped.

A test may skip where a server, a browser or the local-only data folder is missing. Under
``TEBURA_REQUIRE_ALL=1`` (continuous integration) a missing server, browser or recording of this
repository is a failure. The data folder beside the repository is never required.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run what takes minutes")
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write down anew what replays say; read the diff",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="takes minutes: run with --long")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


def missing(what: str) -> NoReturn:
    """Skip for lack of `what`, or fail where everything is required."""
    if os.environ.get("TEBURA_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} (required: TEBURA_REQUIRE_ALL=1)", pytrace=False)
    pytest.skip(what)


def find_program(name: str) -> str | None:
    """Find a program, also where Debian keeps servers away from a user's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=path)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the repository, else a skip with the reason."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real recordings (../shared/data) are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def require_program() -> Callable[[str], str]:
    """`require_program("chromium")`: its path, else a skip or (all required) a failure."""

    def require(name: str) -> str:
        return find_program(name) or missing(f"{name} is not installed")

    return require


@pytest.fixture(scope="session")
def require_file() -> Callable[[Path], Path]:
    """`require_file(path)`: a file the repository should hold; without it the test fails."""

    def require(path: Path) -> Path:
        if not path.exists():
            pytest.fail(f"{path} should be in the repository", pytrace=False)
        return path

    return require


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """`free_port()`: a TCP port on 127.0.0.1 that nothing uses now, a new one each call."""
    given: set[int] = set()

    def take() -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in given:
                given.add(port)
                return port

    return take


@dataclass
class Broker:
    """A real Mosquitto on 127.0.0.1 that a test may kill and start again."""

    program: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        log = (self.folder / "mosquitto.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.program, "-c", str(self.folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_until_listening(self.port, self.process)

    def kill(self) -> None:
        """Kill -9, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def stop(self) -> None:
        """Stop it in an orderly way; stopping twice is fine."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until 127.0.0.1:`port` accepts, or raise when its process died or took too long."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} at its start")
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port} after {START_TIMEOUT_S} s")


@pytest.fixture
def mosquitto(
    tmp_path_factory: pytest.TempPathFactory,
    require_program: Callable[[str], str],
    free_port: Callable[[], int],
) -> Iterator[Broker]:
    """A running Mosquitto without accounts; `.port`, `.kill()`, `.start()`, `.stop()`."""
    program = require_program("mosquitto")
    folder = tmp_path_factory.mktemp("mosquitto")
    port = free_port()
    # Started as root it would drop to a user that cannot write here.
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
        f"persistence true\npersistence_location {folder}/\nmax_queued_messages 100000\n"
    )
    broker = Broker(program, folder, port)
    broker.start()
    yield broker
    broker.stop()
