"""What a newcomer starts: the demo's command, all of it, with real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tebura_simulator.demo_lock import Running
from tebura_simulator.visit_report import Verdict

EXPECTED = {
    "hana": {"green-tea": 1},
    "ken": {"onigiri-salmon": 2},
    "yuki": {"mineral-water": 1},
    "taro": {},
}
START_TIMEOUT_S = 30.0
PLAY_TIMEOUT_S = 280.0


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "tebura_simulator", "demo", "--dir", str(folder), *arguments)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_address(folder: Path, process: subprocess.Popen[str]) -> str:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            running = msgspec.json.decode((folder / "demo.lock").read_bytes(), type=Running)
        except (OSError, msgspec.DecodeError):
            running = Running(pid=0)
        if running.address:
            return running.address
        time.sleep(0.1)
    raise AssertionError(f"not started: {process.poll()}")


def children(pid: int) -> set[int]:
    """Processes that a process started and that still live."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text()
            except OSError:
                continue
            if int(status.rpartition(")")[2].split()[1]) == pid:
                found.add(int(folder.name))
    return found


@pytest.mark.timeout(400)
def test_every_receipt_of_the_demo_is_exact_and_a_second_start_says_what_runs(
    tmp_path: Path,
) -> None:
    process = demo(tmp_path, "--json")
    address = wait_for_address(tmp_path, process)
    second = demo(tmp_path, "--json")
    _, said = second.communicate(timeout=30)
    assert second.returncode == 2
    assert f"already running: process {process.pid}; it is at {address}" in said
    out, err = process.communicate(timeout=PLAY_TIMEOUT_S)
    verdicts = [msgspec.json.decode(line, type=Verdict) for line in out.splitlines()]
    assert {v.shopper: v.receipt for v in verdicts} == EXPECTED, err
    assert all(v.is_exact for v in verdicts), err
    assert process.returncode == 0, err


def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    process = demo(tmp_path)
    wait_for_address(tmp_path, process)
    started = children(process.pid)
    assert len(started) == 5, "broker, gateway and three nodes"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []


def test_parts_do_not_outlive_a_demo_that_was_killed(tmp_path: Path) -> None:
    process = demo(tmp_path)
    wait_for_address(tmp_path, process)
    started = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    deadline_s = time.monotonic() + 15
    while time.monotonic() < deadline_s:
        alive = [pid for pid in started if Path(f"/proc/{pid}").exists()]
        if not alive:
            return
        time.sleep(0.2)
    raise AssertionError(f"still there: {alive}")
