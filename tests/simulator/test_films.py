"""Films: every frame at its moment, the same whoever draws them, kept and taken up again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tebura_contract.ids import CameraId, PlateId, Sku
from tebura_contract.recording import CompressedVideo, CountBatch
from tebura_edge.recorder import Recorded, RecordingReader
from tebura_simulator.epoch import START_NS, store_ns
from tebura_simulator.footage import decode_all, h264_frames
from tebura_simulator.recording_scenario import record_scenario
from tebura_simulator.scenes import filming
from tebura_simulator.scenes.filmcache import FilmCache, default_cache, key_of
from tebura_simulator.scenes.filming import Scene
from tebura_simulator.scenes.films import film, truth_of_film
from tebura_simulator.scenes.footage import encode_run
from tebura_simulator.scenes.look import Look
from tebura_simulator.story.scenario import dump_scenario
from tebura_simulator.story.script import (
    Deed,
    PlateKind,
    PlatesScript,
    Scenario,
    ShopperScript,
    SightScript,
    Step,
)
from tebura_simulator.story.timeline import Timeline

from tests.simulator import tiny_film
from tests.simulator.tiny_film import FPS, LOOK, SIZE_PX

GATE = CameraId("gate")
AISLE = CameraId("aisle")
STORE = tiny_film.small_store()
STORY = tiny_film.story(STORE)
RUN = 7
FRAMES = round(STORY.duration_s * FPS)


@pytest.fixture(scope="module", autouse=True)
def _short_runs() -> Iterator[None]:
    """Runs of a few frames, so that a film of seconds has several."""
    tiny_film.drawing_or_skip()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filming, "RUN_FRAMES", RUN)
        yield


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gate's film of one visit, drawn without a stop by one process."""
    out = tmp_path_factory.mktemp("drawn")
    film(Scene(STORY, STORE, LOOK, FPS), out, cameras=(GATE,))
    return out


def test_frame_i_is_the_moment_i_over_fps_and_shows_what_its_truth_says(drawn: Path) -> None:
    truth = truth_of_film(drawn, GATE)
    frames = list(h264_frames(drawn / "gate.mp4"))
    assert len(frames) == len(truth.frames) == FRAMES
    pictures = list(decode_all(data for _, data in frames))
    for index, ((t_s, _), said, picture) in enumerate(
        zip(frames, truth.frames, pictures, strict=True)
    ):
        assert t_s == index / FPS
        assert said.t_s == index / FPS
        assert picture is not None
        assert picture.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    people = [bool(frame.people) for frame in truth.frames]
    assert any(people)
    assert not people[0]
    first = people.index(True) + 2
    empty, seen = np.asarray(pictures[0], np.int16), np.asarray(pictures[first], np.int16)
    changed = np.abs(seen - empty).max(2) > 24
    assert changed.mean() > 0.02


def test_the_same_pictures_give_the_same_bytes_every_time() -> None:
    # An encoder may differ once in two hundred times, sooner with litter in memory: so, many.
    noise = np.random.default_rng(7)
    small = noise.integers(0, 255, (12, 20, 3), np.uint8)
    wide, high = SIZE_PX
    shop = small.repeat(high // 12 + 1, 0).repeat(wide // 20, 1)[:high]
    pictures = [np.roll(shop, step // 3, axis=1) for step in range(RUN)]
    seen = set()
    for _ in range(300):
        litter = [np.full(int(noise.integers(100, 1_000_000)), 255, np.uint8) for _ in range(8)]
        seen.add(encode_run(pictures, FPS, SIZE_PX))
        del litter
    assert len(seen) == 1


def test_films_do_not_depend_on_how_many_processes_drew_them(drawn: Path, tmp_path: Path) -> None:
    scene = Scene(STORY, STORE, LOOK, FPS)
    told: list[tuple[int, int]] = []
    film(scene, tmp_path, cameras=(GATE,), jobs=2, progress=lambda *at: told.append(at))
    for name in ("gate.mp4", "gate.truth.json", "timeline.json"):
        assert (tmp_path / name).read_bytes() == (drawn / name).read_bytes(), name
    assert sorted(told) == told
    assert told[-1] == (FRAMES, FRAMES)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in drawn.iterdir())


_DRAWS_SLOWLY = """
import sys
from pathlib import Path
from tebura_simulator.scenes import filming
from tests.simulator import tiny_film
filming.RUN_FRAMES = 7
from tebura_simulator.scenes.films import film
from tebura_simulator.scenes.footage import encode_run
from tests.simulator.test_films import FPS, GATE, LOOK, STORE, STORY
film(filming.Scene(STORY, STORE, LOOK, FPS), Path(sys.argv[1]), cameras=(GATE,))
"""


def test_a_killed_film_goes_on_where_it_was(drawn: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _DRAWS_SLOWLY, str(tmp_path)], env={**os.environ}
    )
    try:
        until_s = time.monotonic() + 60.0
        while len(kept := list(tmp_path.glob(".*/*.run"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "gate.mp4").exists()
    before = {path: path.stat().st_mtime_ns for path in kept}

    drawn_now: list[int] = []
    left = [path for path in kept if path.exists()]
    assert {path: path.stat().st_mtime_ns for path in left} == before
    film(
        Scene(STORY, STORE, LOOK, FPS),
        tmp_path,
        cameras=(GATE,),
        progress=lambda done, _: drawn_now.append(done),
    )
    assert drawn_now[0] >= RUN * len(kept)
    assert drawn_now[-1] == FRAMES
    assert not list(tmp_path.glob(".*"))
    assert truth_of_film(tmp_path, GATE) == truth_of_film(drawn, GATE)


def test_what_is_kept_is_not_drawn_again(drawn: Path, tmp_path: Path) -> None:
    scene, cache = Scene(STORY, STORE, LOOK, FPS), FilmCache(tmp_path / "cache")
    folder = cache.folder(scene)
    for name in ("gate.mp4", "gate.truth.json"):
        (folder / name).write_bytes((drawn / name).read_bytes())
    told: list[tuple[int, int]] = []
    out = tmp_path / "out"
    film(scene, out, cameras=(GATE,), cache=cache, progress=lambda *at: told.append(at))
    assert told in ([], [(0, 0)])
    assert (out / "gate.mp4").read_bytes() == (drawn / "gate.mp4").read_bytes()


def test_a_film_is_kept_for_what_it_shows_and_for_nothing_else(tmp_path: Path) -> None:
    scene = Scene(STORY, STORE, LOOK, FPS)
    only_sensors = msgspec.structs.replace(
        STORY, seed=7, plates=PlatesScript(kind=PlateKind.STORE60), sight=SightScript(missed=0.5)
    )
    assert key_of(Scene(only_sensors, STORE, LOOK, FPS)) == key_of(scene)
    moved = msgspec.structs.replace(STORE, camera=STORE.camera[:1])
    others = (
        Scene(msgspec.structs.replace(STORY, duration_s=60.0), STORE, LOOK, FPS),
        Scene(STORY, moved, LOOK, FPS),
        Scene(STORY, STORE, Look.drawn(3), FPS),
        Scene(STORY, STORE, LOOK, 5.0),
    )
    assert len({key_of(scene), *map(key_of, others)}) == 5


def test_what_was_used_longest_ago_goes_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    ages_s = {"old": 50_000, "older": 90_000, "new": 20_000, "in-use": 5}
    for name, age_s in ages_s.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "aisle.mp4").write_bytes(bytes(1000))
        os.utime(tmp_path / name, (time.time() - age_s, time.time() - age_s))
    FilmCache(tmp_path, bound_bytes=2500).trim()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in-use", "new"]
    FilmCache(tmp_path, bound_bytes=0).trim()
    assert [p.name for p in tmp_path.iterdir()] == ["in-use"]


def test_films_are_kept_in_the_user_s_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache().root == Path("/somewhere/tebura/films")


def test_a_camera_the_layout_lacks_is_named_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no camera 'roof'; it has aisle, gate"):
        film(Scene(STORY, STORE, LOOK, FPS), tmp_path, cameras=(CameraId("roof"),))


def test_an_item_leaves_the_plate_and_the_picture_in_the_same_frame(tmp_path: Path) -> None:
    """Counts and video of one recording: equal times by construction, one story in both."""
    fps = 5.0
    store = msgspec.structs.replace(STORE, camera=STORE.camera[:1])
    take = Step(action=Deed.TAKE, sku=Sku("green-tea"))
    visit = Scenario(
        name="one-take",
        duration_s=20.0,
        shopper=(ShopperScript(id="a", enter_s=0.0, walk_mps=1.6, do=(take,)),),
        plates=PlatesScript(harshness=0.0),
    )
    films, scenario, layout = tmp_path / "films", tmp_path / "s.toml", tmp_path / "l.toml"
    film(Scene(visit, store, LOOK, fps), films)
    scenario.write_text(dump_scenario(visit))
    layout.write_bytes(msgspec.toml.encode(store))
    record_scenario(scenario, layout, tmp_path / "visit.mcap", films)

    (taken,) = Timeline(visit, store).actions
    truth = truth_of_film(films, AISLE)
    holding_s = min(
        frame.t_s
        for frame in truth.frames
        if any(hand.skus for person in frame.people for hand in person.hands)
    )
    with RecordingReader(tmp_path / "visit.mcap") as reader:
        recorded = list(reader.messages())
    frames_ns = [int(r.at_ns) for r in recorded if isinstance(r.message, CompressedVideo)]
    assert frames_ns == [int(store_ns(index / fps)) for index in range(len(truth.frames))]
    # The first frame from that moment on shows the item in the hand.
    assert 0 <= holding_s - taken.t_s < 1 / fps
    assert abs(_stepped_s(recorded, taken.plates[0]) - holding_s) <= 1 / fps


def _stepped_s(recorded: list[Recorded], plate: PlateId) -> float:
    """When the counts of a plate are half way between their first and their last level."""
    at_ns: list[int] = []
    counts: list[float] = []
    for one in recorded:
        if isinstance(one.message, CountBatch) and plate in one.message.plates:
            column = one.message.plates.index(plate)
            rows = np.array(one.message.counts, np.float64).reshape(len(one.message.at_ns), -1)
            at_ns += [int(ns) for ns in one.message.at_ns]
            counts += rows[:, column].tolist()
    levels = np.array(counts)
    first, last = np.median(levels[:10]), np.median(levels[-10:])
    past = np.abs(levels - first) > abs(last - first) / 2
    return (at_ns[int(np.flatnonzero(past)[0])] - int(START_NS)) / 1e9
