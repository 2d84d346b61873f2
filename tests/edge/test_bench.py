"""How many cameras a board holds: searched for, counted, and said with what disturbed it."""

import dataclasses
import json
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from tebura_edge import bench
from tebura_edge.cli import app
from tebura_edge.looped import Stream
from tebura_edge.people import PeopleSettings, open_people
from tebura_edge.sources import SourceError
from tebura_edge.trial import Outcome, most_streams, run_trial
from typer.testing import CliRunner

GOOD = Outcome(
    streams=4,
    busy=4,
    due=100,
    tracked=100,
    p50_ms=50,
    p99_ms=200,
    look_hz=6,
    looks=60,
    cores=1.5,
    others=0.0,
    lasts_s=5,
)


@pytest.mark.parametrize("held", [0, 1, 5, 6, 7, 19, 30])
@pytest.mark.parametrize("guess", [1, 6, 25])
def test_the_most_that_is_held_is_found_from_any_guess(held: int, guess: int) -> None:
    def play(count: int) -> Outcome:
        p99_ms = 200.0 if count <= held else 300.0
        return dataclasses.replace(GOOD, streams=count, p99_ms=p99_ms)

    best = most_streams(play, guess, 30, within_s=60)
    assert (best.streams if best else 0) == held


def test_the_search_ends_in_time_with_what_it_has() -> None:
    tried = []

    def play(count: int) -> Outcome:
        tried.append(count)
        return dataclasses.replace(GOOD, streams=count)

    best = most_streams(play, 4, 64, within_s=0)
    assert best is not None
    assert tried == [4, 6]
    assert best.streams == 6


@pytest.mark.parametrize(
    "worse",
    [
        pytest.param(dataclasses.replace(GOOD, p99_ms=251.0), id="late"),
        pytest.param(dataclasses.replace(GOOD, look_hz=4.9), id="rarely-looked-at"),
        pytest.param(dataclasses.replace(GOOD, tracked=98), id="pictures-lost"),
    ],
)
def test_what_does_not_keep_up(worse: Outcome) -> None:
    assert GOOD.keeps_up
    assert not worse.keeps_up


def told(costs: bench.Costs) -> list[float]:
    return [costs.frame_ms, costs.look_ms, costs.still_ms]


def test_cost_of_a_look_is_what_a_busy_camera_costs_more() -> None:
    still = dataclasses.replace(GOOD, cores=0.012, tracked=25, looks=0)
    watched = dataclasses.replace(GOOD, cores=0.02, tracked=50, looks=0)
    busy = dataclasses.replace(GOOD, cores=0.42, tracked=50, looks=50)
    # 12 ms a second, and a look every twenty.
    costs = bench.Costs(frame_ms=2.0, look_ms=40.0, still_ms=14.0)
    assert told(bench.costs_of(still, watched, busy)) == pytest.approx(told(costs))
    # A look that an idle camera had is no part of what its pictures cost.
    looked_at = dataclasses.replace(watched, cores=(50 * 2 + 1 * 40) / 5000, looks=1)
    also = dataclasses.replace(still, cores=(60 + 1 * 40) / 5000, looks=1)
    assert told(bench.costs_of(also, looked_at, busy)) == pytest.approx(told(costs))
    # 10 frames of 2 ms and 5 looks of 40 ms a second: a fifth of a core and a fiftieth.
    assert bench.held_by_cost(2, 10, costs, busy_of=1) == 7
    # 1,700 ms for 220 + 3 x 14 of every four.
    assert bench.held_by_cost(2, 10, costs, busy_of=4) == 25


def test_a_trial_tells_of_each_picture_what_became_of_it() -> None:
    """One camera for a second and a half, however busy this machine is."""
    settings = PeopleSettings(size_px=(128, 96))
    stream = Stream(bench.AISLE)
    outcome = run_trial([stream], open_people(settings), settings, 1.5, 0.3)
    assert outcome.due == 15
    # One more may have been under way when the counting began.
    assert 0 < outcome.looks <= outcome.due + 1
    assert outcome.tracked <= outcome.due
    assert 0 < outcome.p50_ms <= outcome.p99_ms


def test_the_empty_aisle_is_as_large_and_nobody_is_in_it(tmp_path: Path) -> None:
    idle = tmp_path / "idle.mp4"
    bench.write_idle(bench.AISLE, idle)
    capture = cv2.VideoCapture(str(idle))
    is_read, picture = capture.read()
    assert is_read
    assert picture.shape == (360, 640, 3)
    # Where the shopper walks the floor is light all the time.
    assert float(np.median(picture[200:300, 120:330])) > 150


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "--video", str(tmp_path / "none.mp4")])
    assert result.exit_code == 2
    assert "none.mp4: is no video that can be read" in result.output
    with pytest.raises(SourceError, match=r"none\.mp4"):
        bench.write_idle(tmp_path / "none.mp4", tmp_path / "idle.mp4")


@pytest.mark.long
def test_a_board_is_tried_out_in_the_time_it_was_given() -> None:
    result = CliRunner().invoke(app, ["bench", "--seconds", "15", "--json"])
    assert result.exit_code == 0
    report = msgspec.convert(json.loads(result.stdout.splitlines()[-1]), bench.BenchReport)
    assert report.took_s < 60
    assert report.look_ms > report.frame_ms > 0
    assert report.still_ms > 0
