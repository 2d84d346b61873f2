"""The bench tells every case once, the same whatever runs beside it, and hides no failure."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec import structs
from tebura_simulator.bench import BenchOptions, run
from tebura_simulator.bench.crew import uninterrupted
from tebura_simulator.bench.journal import Journal, JournalFault
from tebura_simulator.bench.lines import CaseLine, totals
from tebura_simulator.bench.suites import Drawn, FolderSuite, GivenSuite, SuiteFault, suite_of
from tebura_simulator.bench.table import as_text
from tebura_simulator.cli import app
from tebura_simulator.cli_bench import parse_seeds
from tebura_simulator.story.scenario import NO_ERRORS
from typer.testing import CliRunner

from tests.simulator.interrupts import heed_ctrl_c

DEMO = Path(__file__).resolve().parents[2] / "simulator/tebura_simulator/demo"
OWN = FolderSuite(DEMO / "scenarios", DEMO / "layout.toml")
QUICK = ("weight-only", "nearest-person")


def options(suite: object = OWN, jobs: int = 1, journal: Path | None = None) -> BenchOptions:
    return BenchOptions(
        suites=(suite,),  # type: ignore[arg-type]
        seeds=range(1, 3),
        methods=QUICK,
        jobs=jobs,
        journal=journal,
    )


def judged(lines: Sequence[CaseLine]) -> list[CaseLine]:
    """Lines without what is never the same twice."""
    return [structs.replace(line, cpu_s=None) for line in lines]


@pytest.fixture(scope="module")
def lines() -> list[CaseLine]:
    return list(run(options()))


def test_every_case_seed_and_method_has_one_line_in_order(lines: list[CaseLine]) -> None:
    names = [file.stem for file in sorted((DEMO / "scenarios").glob("*.toml"))]
    assert [(one.seed, one.case, one.method) for one in lines] == [
        (seed, case, method) for seed in (1, 2) for case in names for method in QUICK
    ]
    assert all(one.failure == "" for one in lines)
    assert {one.events.true for one in lines if one.events and one.case == "just-looking"} == {0}


def test_the_result_does_not_depend_on_how_many_run_at_once(lines: list[CaseLine]) -> None:
    assert judged(list(run(options(jobs=3)))) == judged(lines)


def test_a_bench_that_was_cut_off_goes_on_where_it_was(
    lines: list[CaseLine], tmp_path: Path
) -> None:
    kept = tmp_path / "lines.json"
    first = run(options(journal=kept))
    for _ in range(3):
        next(first)
    first.close()
    with kept.open("ab") as file:
        file.write(b'{"suite":"own","case":"half a li')
    before = Journal(kept).lines
    assert 3 <= len(before) < len(lines)
    again = list(run(options(journal=kept)))
    assert judged(again) == judged(lines)
    # What was there was taken over, processor time and all, and nothing was run twice.
    assert [line for line in again if line.key() in before] == list(before.values())
    assert len(kept.read_bytes().splitlines()) == len(lines)


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"no": "line"}\n')
    with pytest.raises(JournalFault, match="line 1"):
        Journal(other)


@dataclass(frozen=True)
class Cracked:
    """A suite in which one case raises and one takes its process along."""

    name: str = "cracked"

    def cases(self) -> Sequence[str]:
        return ("raises", "just-looking", "dies")

    def draw(self, case: str, seed: int) -> Drawn:
        if case == "dies":
            os._exit(7)
        if case == "raises":
            raise ValueError("no such aisle")
        return OWN.draw(case, seed)


def test_a_case_that_crashes_is_told_with_its_seed_and_takes_no_other_along(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(repository)  # the case's process finds this module there
    found = list(run(options(Cracked(), jobs=2)))
    assert len(found) == 2 * 3 * len(QUICK)
    failed = [(one.case, one.seed, one.method) for one in found if one.failure]
    assert failed == [(c, s, m) for s in (1, 2) for c in ("raises", "dies") for m in QUICK]
    said = {one.case: one.failure for one in found if one.failure}
    assert "no such aisle" in said["raises"]
    assert "7" in said["dies"]
    sums = totals(found, "cracked")
    assert [(one.method, one.cases, one.failed) for one in sums] == [(m, 2, 4) for m in QUICK]
    text = as_text("cracked", found, sums)
    assert text.count("FAILED") == len(failed)


def bench(*arguments: str) -> tuple[int, str, str]:
    places = ["--scenarios", str(DEMO / "scenarios"), "--layout", str(DEMO / "layout.toml")]
    result = CliRunner().invoke(app, ["bench", *places, *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_tells_an_object_a_case_and_a_total_a_method() -> None:
    code, out, _ = bench("--suite", "own", "--seeds", "3", "--method", "weight-only", "--json")
    assert code == 0
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["case"] for one in told] == [*OWN.cases(), "total"]
    promised = {"case", "seed", "method", "receipt_f1", "exact", "overcharged", "undercharged"}
    promised |= {"reviews", "events", "who_errors", "what_errors", "count_errors"}
    for one in told[:-1]:
        assert promised <= set(one)
        assert {"tp", "fp", "fn"} <= set(one["events"])
        assert one["seed"] == 3
    assert told[-1]["method"] == "weight-only"
    assert told[-1]["cases"] == len(told) - 1
    assert set(told[-1]["intervals"]["receipt_f1"]) >= {"value", "low", "high"}


def test_the_table_has_a_row_a_method() -> None:
    code, out, _ = bench("--suite", "own", "--seeds", "3", "--method", "weight-only")
    assert code == 0
    assert sum(row.startswith("weight-only ") for row in out.splitlines()) == 2


def test_a_failed_case_is_the_exit_status(tmp_path: Path) -> None:
    (tmp_path / "layout.toml").write_bytes((DEMO / "layout.toml").read_bytes())
    scenario = (DEMO / "scenarios/just-looking.toml").read_text()
    (tmp_path / "fine.toml").write_text(scenario)
    (tmp_path / "odd.toml").write_text(scenario.replace("duration_s", "duration_min"))
    arguments = ["bench", "--suite", "own", "--scenarios", str(tmp_path), "--seeds", "9"]
    result = CliRunner().invoke(app, [*arguments, "--method", "weight-only", "--json"])
    assert result.exit_code == 1
    assert "odd seed 9" in result.stderr
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["case"], bool(one.get("failure"))) for one in told[:2]] == [
        ("fine", False),
        ("odd", True),
    ]
    assert told[-1]["failed"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--suite", "own", "--seeds", "4..2"], "ends before it begins", id="seeds"),
        pytest.param(["--suite", "own", "--method", "magic"], "magic", id="method"),
    ],
)
def test_what_cannot_be_run_is_named(arguments: list[str], said: str) -> None:
    code, _, error = bench(*arguments)
    assert code == 2
    assert said in error


def test_a_suite_that_lacks_something_says_what() -> None:
    with pytest.raises(SuiteFault, match="calm, busy"):
        suite_of("rainy")
    with pytest.raises(SuiteFault, match="--visits"):
        suite_of("autocheckout")


def test_without_films_pixels_need_a_machine_that_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tebura_simulator.bench.films.can_draw", lambda: False)
    (tmp_path / "layout.toml").write_bytes((DEMO / "layout.toml").read_bytes())
    (tmp_path / "mine.toml").write_bytes((DEMO / "scenarios/just-looking.toml").read_bytes())
    arguments = ["bench", "--suite", "own", "--scenarios", str(tmp_path), "--pixels"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "no films" in result.stderr


def test_seeds_are_both_included() -> None:
    assert list(parse_seeds("2..4")) == [2, 3, 4]
    assert list(parse_seeds("7")) == [7]


def test_an_interrupt_ends_it_and_all_its_processes() -> None:
    command = [sys.executable, "-m", "tebura_simulator", "bench", "--suite", "own", "--json"]
    command += ["--scenarios", str(DEMO / "scenarios"), "--layout", str(DEMO / "layout.toml")]
    command += ["--seeds", "0..999", "--jobs", "2", "--method", "weight-only"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60.0)
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert is_gone(process.pid, within_s=60.0)


def test_an_interrupt_waits_until_a_process_is_known_whichever_thread_takes_it() -> None:
    listening, begun = threading.Event(), []

    def begin() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            begun.append("process")

    # A shell has what it starts in the background ignore Ctrl-C: these tests too, then.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=listening.wait, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            begin()
    finally:
        listening.set()
        signal.signal(signal.SIGINT, before)
    assert begun == ["process"]


def is_gone(group: int, within_s: float) -> bool:
    """Whether no process of a group is left."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_given_sight_has_no_errors_and_leaves_the_rest_as_drawn() -> None:
    inner = suite_of("busy")
    drawn, given = inner.draw("busy", 3), GivenSuite(inner).draw("busy", 3)
    assert drawn.scenario.sight != NO_ERRORS
    assert given.scenario == structs.replace(drawn.scenario, sight=NO_ERRORS)


def test_an_unknown_sight_is_refused() -> None:
    told = CliRunner().invoke(app, ["bench", "--suite", "calm", "--sight", "perfect"])
    assert told.exit_code == 2
    assert "expected drawn or given" in told.output
