"""Real processes on one machine: started, waited for, killed, restarted, and stopped by name.

A part says that it is ready as it would say to systemd (``READY=1`` on ``NOTIFY_SOCKET``), or by
listening on a port. Only what the stage itself started is ever ended, by its process id.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

STOP_TIMEOUT_S = 8.0
START_TIMEOUT_S = 30.0
POLL_S = 0.02
LOG_TAIL_LINES = 12
BROKER, GATEWAY = "broker", "gateway"
"""Names of the parts that are no node."""
_PR_SET_PDEATHSIG = 1


class StageError(RuntimeError):
    """A part did not come up or died; the text ends with the last lines of its log."""


@dataclass(frozen=True)
class Part:
    """A process of the store: how to start it, and how to tell that it is ready.

    With `port` it is ready when 127.0.0.1 accepts there, else when it says ``READY=1``.
    `holds_stdin` parts end by themselves when their standard input closes.
    """

    name: str
    command: tuple[str, ...]
    port: int | None = None
    holds_stdin: bool = False


class _Notices:
    """What a part tells the service manager; read for as long as it lives, so it never blocks."""

    def __init__(self, name: str) -> None:
        self.address = "@" + name
        self.is_ready = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name)
        self._thread = threading.Thread(target=self._read, name=f"notices {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self) -> None:
        with suppress(OSError):
            while notice := self._socket.recv(4096):
                if b"READY=1" in notice.splitlines():
                    self.is_ready.set()


@dataclass
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    notify: _Notices | None
    is_ready: bool = False
    is_asked_to_stop: bool = False


@dataclass
class Stage:
    """The running parts. Use it as a context manager: leaving stops all of them.

    Args:
        folder: Where the logs go, ``NAME.log`` each.
        environment: Variables set for every part.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    _running: dict[str, _Running] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, part: Part) -> None:
        """Start a part without waiting for it.

        Raises:
            StageError: If it runs already.
        """
        if part.name in self._running:
            raise StageError(f"{part.name} runs already")
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self.environment}
        notify = None
        if part.port is None:
            notify = _Notices(f"tebura-{os.getpid()}-{part.name}-{time.monotonic_ns()}")
            environment["NOTIFY_SOCKET"] = notify.address
        with self.log(part.name).open("ab") as log:
            process = subprocess.Popen(
                part.command,
                stdin=subprocess.PIPE if part.holds_stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.folder,
                # Ctrl-C is for us: we stop the parts in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        self._running[part.name] = _Running(part, process, notify)

    def wait_ready(self, *names: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until these parts (default: all) are ready.

        Raises:
            StageError: If one dies or takes too long.
        """
        deadline_s = time.monotonic() + timeout_s
        waiting = [self._running[name] for name in names or self._running]
        while waiting := [running for running in waiting if not _is_ready(running)]:
            for running in waiting:
                if running.process.poll() is not None:
                    raise self._failure(running, f"ended with {running.process.returncode}")
            if time.monotonic() > deadline_s:
                raise self._failure(waiting[0], f"was not ready after {timeout_s:g} s")
            time.sleep(POLL_S)

    def is_running(self, name: str) -> bool:
        """Whether a part was started and has not ended."""
        running = self._running.get(name)
        return running is not None and running.process.poll() is None

    def pid(self, name: str) -> int:
        return self._running[name].process.pid

    def dead(self) -> list[str]:
        """Parts that ended although nobody stopped them."""
        return [name for name, r in self._running.items() if r.process.poll() is not None]

    def kill(self, name: str) -> Part:
        """End a part at once, as a power cut would (-9); returns it, to be started again."""
        running = self._running.pop(name)
        running.process.kill()
        running.process.wait(STOP_TIMEOUT_S)
        return _closed(running)

    def terminate(self, name: str) -> Part:
        """Ask a part to stop and wait; one that does not is killed."""
        running = self._running.pop(name)
        _ask_to_stop(running)
        if running.process.stdin is not None:
            running.process.stdin.close()
        try:
            running.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait(STOP_TIMEOUT_S)
        return _closed(running)

    def stop(self) -> None:
        """Stop all parts: at once those that can be told to, then what they lean on."""
        for running in self._running.values():
            if not running.part.holds_stdin:
                _ask_to_stop(running)
        for name in reversed(list(self._running)):
            self.terminate(name)

    def log(self, name: str) -> Path:
        """Where a part's output goes."""
        return self.folder / f"{name}.log"

    def failure(self, name: str, what: str) -> StageError:
        """An error about a part, with the end of its log."""
        return self._failure(self._running[name], what)

    def _failure(self, running: _Running, what: str) -> StageError:
        log = self.log(running.part.name)
        tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return StageError("\n  ".join([f"{running.part.name} {what}; {log} ends with:", *tail]))


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module with this interpreter."""
    return (sys.executable, "-m", module, *arguments)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether something accepts connections on 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(running: _Running) -> bool:
    if not running.is_ready:
        if running.part.port is not None:
            running.is_ready = is_listening(running.part.port)
        elif running.notify is not None:
            running.is_ready = running.notify.is_ready.is_set()
    return running.is_ready


def _ask_to_stop(running: _Running) -> None:
    if not running.is_asked_to_stop and running.process.poll() is None:
        running.is_asked_to_stop = True
        running.process.send_signal(signal.SIGTERM)


def _closed(running: _Running) -> Part:
    if running.notify is not None:
        running.notify.close()
    if running.process.stdin is not None:
        running.process.stdin.close()
    return running.part


def _die_with_parent() -> None:
    """A part never outlives the stage, not even one that was killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
