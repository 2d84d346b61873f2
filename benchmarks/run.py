"""Runs the benchmark suites: `python benchmarks/run.py [--json] [--list] [SUITE ...]`."""

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path

import money
import weighing
import wire
from timing import Row, Suite

SUITES: dict[str, Suite] = {
    suite.name: suite for suite in (wire.SUITE, money.SUITE, weighing.SUITE)
}


def machine() -> str:
    """Processor, cores and Python: what a figure must be quoted with."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model"):
                model = value.strip()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def show(suite: Suite, rows: list[Row]) -> None:
    """Print a suite as a table."""
    print(f"\n{suite.name}: {suite.question}")
    for row in rows:
        spread = f"({row.fastest_us:.1f} to {row.slowest_us:.1f})"
        print(f"  {row.name:46} {row.median_us:9.1f} µs {spread:20} {row.note}")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="default: all")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--list", action="store_true", help="name the suites")
    options = parser.parse_args()
    if options.list:
        for suite in SUITES.values():
            print(f"{suite.name:10} {suite.question}")
        return
    if not options.json:
        print(machine())
    for name in options.suite or SUITES:
        rows = SUITES[name].measure()
        if options.json:
            for row in rows:
                print(json.dumps({**asdict(row), "machine": machine()}), flush=True)
        else:
            show(SUITES[name], rows)


if __name__ == "__main__":
    main()
