"""Checks and tests everything: what `./tebura test` runs.

Format, lint, types and import rules run side by side, then pytest. Prints what failed in full,
how long each took and how long it all took; the exit status is 1 when anything failed.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
CHECKS = {
    "format": ["ruff", "format", "--check", "--quiet"],
    "lint": ["ruff", "check", "--quiet"],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}


@dataclass(frozen=True)
class Outcome:
    """One check: whether it passed, how long it took, what it said."""

    name: str
    is_ok: bool
    took_s: float
    said: str


def check(name: str) -> Outcome:
    """Run one of the checks and keep its output."""
    program, *arguments = CHECKS[name]
    began_s = time.monotonic()
    done = subprocess.run(
        [BIN / program, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(name, done.returncode == 0, time.monotonic() - began_s, done.stdout)


def run_pytest(is_long: bool, workers: int, arguments: list[str]) -> Outcome:
    """Run pytest with its output going straight to the terminal."""
    command = [sys.executable, "-m", "pytest", "-q"]
    if workers > 1:
        # A file stays on one worker: its servers start once.
        command += ["-n", str(workers), "--dist", "loadfile"]
    if is_long:
        command.append("--long")
    began_s = time.monotonic()
    done = subprocess.run([*command, *arguments], cwd=ROOT, check=False)
    return Outcome("pytest", done.returncode == 0, time.monotonic() - began_s, "")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what follows ``--`` goes to pytest as it is."""
    parser = argparse.ArgumentParser(prog="./tebura test", description=__doc__)
    parser.add_argument("--long", action="store_true", help="also what takes minutes")
    parser.add_argument("--fast", action="store_true", help="only the checks, no pytest")
    parser.add_argument(
        "--workers", type=int, default=min(os.cpu_count() or 1, 4), help="pytest processes"
    )
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    return parser.parse_args(arguments)


def main() -> int:
    """Run everything; 0 when all of it passed."""
    options = parse(sys.argv[1:])
    began_s = time.monotonic()
    outcomes = []
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        for outcome in pool.map(check, CHECKS):
            outcomes.append(outcome)
            if not outcome.is_ok:
                print(f"── {outcome.name} ──\n{outcome.said}", flush=True)
    if not options.fast:
        outcomes.append(run_pytest(options.long, options.workers, options.pytest))
    for outcome in outcomes:
        print(f"{'ok    ' if outcome.is_ok else 'FAILED'} {outcome.name:8} {outcome.took_s:6.1f} s")
    is_ok = all(outcome.is_ok for outcome in outcomes)
    print(f"{'all passed' if is_ok else 'FAILED'} in {time.monotonic() - began_s:.1f} s")
    return 0 if is_ok else 1


if __name__ == "__main__":
    sys.exit(main())
