"""The behaviour report: what a change of the code does to recordings, event by event."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tebura_contract.truth import Outcome, OutcomeKind
from tebura_simulator.behaviour.changes import Change, Way, changes, same_visits
from tebura_simulator.behaviour.report import sentence
from tebura_simulator.behaviour.revision import DiffError, commit_of, working_tree
from tebura_simulator.behaviour.sides import parsed
from tebura_simulator.behaviour.strips import BARS
from tebura_simulator.cli import app
from tebura_simulator.recording_scenario import record_scenario
from typer.testing import CliRunner

from tests.simulator.interrupts import heed_ctrl_c

PICK = Outcome(
    kind=OutcomeKind.PICK,
    time_s=10.0,
    gondola="g1",
    shelf="s1",
    plates=("p1",),
    sku="tea",
    quantity=1,
    delta_g=-500.0,
    confidence=0.9,
    candidates=(),
    visit="gate-1-1-0",
)
DEMO = Path("simulator/tebura_simulator/demo")
PACKAGES = ("contract", "edge", "models", "calibration", "gateway", "simulator")


def told(found: tuple[Change, ...]) -> list[tuple[str, Way, tuple[str, ...]]]:
    return [(change.visit, change.way, change.what) for change in found]


def test_the_same_lines_differ_in_nothing() -> None:
    assert changes([PICK], [PICK]) == ()


@pytest.mark.parametrize(
    ("now", "what"),
    [
        pytest.param(replace(PICK, time_s=10.19), None, id="a-moment-later-is-the-same"),
        pytest.param(replace(PICK, time_s=10.25), ("time",), id="later"),
        pytest.param(replace(PICK, confidence=0.86), None, id="about-as-sure"),
        pytest.param(replace(PICK, confidence=0.8), ("confidence",), id="less-sure"),
        pytest.param(replace(PICK, quantity=2), ("quantity",), id="another-count"),
        pytest.param(replace(PICK, sku="coffee"), ("article",), id="another-article"),
        pytest.param(replace(PICK, kind=OutcomeKind.REVIEW), ("kind",), id="now-a-review"),
        pytest.param(replace(PICK, visit=None), ("person",), id="nobody-now"),
    ],
)
def test_one_event_seen_otherwise_is_moved(now: Outcome, what: tuple[str, ...] | None) -> None:
    expected = [] if what is None else [("gate-1-1-0", Way.MOVED, what)]
    assert told(changes([PICK], [now])) == expected


def test_an_event_too_far_away_is_one_lost_and_one_gained() -> None:
    later = replace(PICK, time_s=20.0)
    assert told(changes([PICK], [later])) == [
        ("gate-1-1-0", Way.LOST, ()),
        ("gate-1-1-0", Way.GAINED, ()),
    ]


def test_a_return_is_never_the_same_as_a_pick() -> None:
    back = replace(PICK, kind=OutcomeKind.RETURN, delta_g=500.0)
    assert {change.way for change in changes([PICK], [back])} == {Way.LOST, Way.GAINED}


def test_two_carts_exchanged_are_two_persons_moved() -> None:
    other = replace(PICK, time_s=15.0, sku="coffee", visit="gate-1-1-1")
    swapped = [replace(PICK, visit="gate-1-1-1"), replace(other, visit="gate-1-1-0")]
    assert [what for _, _, what in told(changes([PICK, other], swapped))] == [
        ("person",),
        ("person",),
    ]


def test_a_gate_that_numbers_its_events_otherwise_changes_nobody() -> None:
    was = [PICK, replace(PICK, time_s=30.0, visit="gate-1-1-3")]
    now = [PICK, replace(PICK, time_s=30.0, visit="gate-1-1-4")]
    assert same_visits(was, now) == {"gate-1-1-0": "gate-1-1-0", "gate-1-1-3": "gate-1-1-4"}
    assert changes(was, now) == ()


def test_a_line_says_from_when_to_when_and_from_what_to_what() -> None:
    (change,) = changes([PICK], [replace(PICK, time_s=10.5, quantity=2)])
    assert sentence(change) == (
        "10.00 → 10.50 s g1/s1 (time, quantity): "
        "pick 1 × tea 90% gate-1-1-0 → pick 2 × tea 90% gate-1-1-0"
    )


def test_lines_of_another_form_are_a_problem_and_no_empty_replay() -> None:
    assert "another form" in parsed(b'{"kind":"pick"}\n').problem
    assert parsed(b"").outcomes == ()


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(DiffError, match="no git repository"):
        working_tree(tmp_path)


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DiffError, match="git is not installed"):
        working_tree(tmp_path)


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def tree(
    tmp_path_factory: pytest.TempPathFactory,
    repository: Path,
    require_program: Callable[[str], str],
) -> Path:
    """A repository with our code and one recording of plates, so that a replay takes a moment."""
    require_program("git")
    root = tmp_path_factory.mktemp("tree")
    for name in PACKAGES:
        leave = shutil.ignore_patterns("__pycache__", "demo", "*.onnx", "bodies", "cases")
        shutil.copytree(repository / name, root / name, ignore=leave)
    demo = repository / DEMO
    record_scenario(
        demo / "scenarios" / "two-in-turn.toml",
        demo / "layout.toml",
        root / "two.mcap",
        footage_folder=None,
    )
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


@pytest.fixture
def planted(tree: Path) -> Any:
    """`planted(file, old, new)` changes the working tree until the test is over."""
    originals: dict[Path, str] = {}

    def plant(name: str, old: str, new: str) -> None:
        path = tree / name
        text = originals.setdefault(path, path.read_text("utf-8"))
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    yield plant
    for path, text in originals.items():
        path.write_text(text, "utf-8")


def diff(tree: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.chdir(tree)
    return CliRunner().invoke(app, ["diff", *words])


OUTCOMES = "simulator/tebura_simulator/outcomes.py"


def test_an_unchanged_tree_is_the_same_and_leaves_nothing_behind(
    tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = diff(tree, monkeypatch, "--ref", "HEAD")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        ["two.mcap: same, 2 events", "1 same, 0 differ"],
    )
    assert list(tmp_path.iterdir()) == []
    worktrees = subprocess.run(
        ["git", "-C", str(tree), "worktree", "list"], capture_output=True, check=True
    )
    assert len(worktrees.stdout.splitlines()) == 1


def test_an_uncommitted_change_shows_with_the_plates_that_moved(
    tree: Path, monkeypatch: pytest.MonkeyPatch, planted: Any, tmp_path: Path
) -> None:
    planted(OUTCOMES, "quantity=abs(decision.quantity)", "quantity=abs(decision.quantity) + 1")
    page = tmp_path / "report.html"
    done = diff(tree, monkeypatch, "--ref", "HEAD", "-o", str(page))
    assert done.exit_code == 1, done.output
    lines = done.stdout.splitlines()
    (at,) = [n for n, line in enumerate(lines) if "(quantity): pick 2 × onigiri-salmon" in line]
    strip, plate, *_ = lines[at + 1].split()
    assert plate == "g1/s2/p3"
    assert BARS.index(strip[0]) - BARS.index(strip[-1]) >= 4, "two rice balls left the plate"
    assert page.read_text("utf-8").count("<polygon") >= 2

    (line,) = diff(tree, monkeypatch, "--ref", "HEAD", "--json").stdout.splitlines()
    one = json.loads(line)
    assert (one["recording"], one["is_same"], one["problems"]) == ("two.mcap", False, [])
    moved = [move for visit in one["visits"] for move in visit["moved"]]
    assert moved
    assert {tuple(move["what"]) for move in moved} == {("quantity",)}


def test_an_event_that_is_no_longer_seen_is_lost(
    tree: Path, monkeypatch: pytest.MonkeyPatch, planted: Any
) -> None:
    planted(
        OUTCOMES,
        "    return [outcome(decision, start_ns) for decision in ordered]",
        "    return [outcome(decision, start_ns) for decision in ordered[1:]]",
    )
    done = diff(tree, monkeypatch, "--ref", "HEAD")
    assert done.exit_code == 1
    assert "two.mcap: 1 lost" in done.stdout


def test_a_side_that_cannot_read_a_recording_is_named_and_the_others_go_on(
    tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.mcap"
    torn.write_bytes(b"no recording")
    done = diff(tree, monkeypatch, "--ref", "HEAD", str(torn), str(tree / "two.mcap"))
    assert done.exit_code == 2
    assert "HEAD cannot read it" in done.stdout
    assert "the working tree cannot read it" in done.stdout
    assert "two.mcap: same" in done.stdout


def test_an_unknown_revision_is_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = diff(tree, monkeypatch, "--ref", "no-such-thing")
    assert done.exit_code == 2
    assert "--ref no-such-thing: git knows no such revision" in done.stderr
    with pytest.raises(DiffError, match="no-such-thing"):
        commit_of(tree, "no-such-thing")


def test_ctrl_c_ends_the_replays_and_removes_the_other_tree(
    tree: Path, planted: Any, tmp_path: Path
) -> None:
    planted(
        OUTCOMES, '"""What a replay says', 'import time\ntime.sleep(600)\n"""What a replay says'
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-m", "tebura_simulator", "diff", "--ref", "HEAD"]
    process = subprocess.Popen(
        words, cwd=tree, stderr=subprocess.PIPE, env=environment, preexec_fn=heed_ctrl_c
    )
    deadline_s = time.monotonic() + 30
    while not list(tmp_path.glob("tebura-diff-*/simulator")) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=20)
    assert process.returncode == 130
    assert complaint.decode().strip().endswith("stopped")
    assert list(tmp_path.glob("tebura-diff-*")) == []
