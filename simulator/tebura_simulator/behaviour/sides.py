"""What each side says of a recording: its own replay, in a process of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tebura_contract.codec import DecodeError, decode
from tebura_contract.truth import Outcome

from tebura_simulator.behaviour.revision import search_path

REPLAY_TIMEOUT_S = 1800.0
MAX_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Said:
    """The outcomes of one replay, or why there are none."""

    outcomes: tuple[Outcome, ...] = ()
    problem: str = ""


class Replays:
    """Replays in subprocesses; leaving the context ends those that still run."""

    def __init__(self, at_once: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(at_once or os.cpu_count() or 1)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._is_over = False

    def __enter__(self) -> "Replays":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_over = True
            running = list(self._running)
        for process in running:
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def all(
        self,
        trees: Sequence[Path],
        recordings: Sequence[Path],
        told: Callable[[Path], None],
    ) -> list[tuple[Said, ...]]:
        """By recording what each tree's replay says; `told` is called as each recording is done."""
        rows = [
            [self._pool.submit(self._replay, tree, recording) for tree in trees]
            for recording in recordings
        ]
        done = []
        for recording, row in zip(recordings, rows, strict=True):
            done.append(tuple(one.result() for one in row))
            told(recording)
        return done

    def _replay(self, tree: Path, recording: Path) -> Said:
        words = [sys.executable, "-m", "tebura_simulator", "replay", str(recording), "--json"]
        # Python's own switches must not differ between the sides, nor where the packages come from.
        path = {"PYTHONPATH": search_path(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        with self._lock:
            if self._is_over:
                return Said(problem="stopped")
            process = subprocess.Popen(
                words,
                cwd=tree,
                env={**os.environ, **path},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C comes to us alone; what still runs is then ended by `__exit__`.
                start_new_session=True,
            )
            self._running.add(process)
        try:
            out, complaint = process.communicate(timeout=REPLAY_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Said(problem=f"took more than {REPLAY_TIMEOUT_S:.0f} s")
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode:
            return Said(problem=_last_line(complaint) or f"exit status {process.returncode}")
        return parsed(out)


def parsed(out: bytes) -> Said:
    """The lines of ``replay --json``."""
    try:
        lines = [decode(line, Outcome, MAX_LINE_BYTES) for line in out.splitlines() if line]
    except DecodeError as error:
        return Said(problem=f"its lines are of another form: {error}")
    return Said(tuple(lines))


def _last_line(complaint: bytes) -> str:
    lines = complaint.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("tebura-simulate: ") if lines else ""
