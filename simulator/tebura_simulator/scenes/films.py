"""Films of a story: each camera's video and truth, and the timetable of what happened."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from tebura_contract.ids import CameraId

from tebura_simulator.scenes.filmcache import FilmCache, key_of
from tebura_simulator.scenes.filming import Run, Scene, draw, read_run, runs_of
from tebura_simulator.scenes.footage import write_json, write_video
from tebura_simulator.scenes.render import camera_of
from tebura_simulator.scenes.truth import FootageTruth, TimelineRecord
from tebura_simulator.story.timeline import Timeline

Progress = Callable[[int, int], None]
"""Called with the frames done and the frames in all, of all cameras together."""
TIMELINE = "timeline.json"


def film(
    scene: Scene,
    out: Path,
    *,
    cameras: Sequence[CameraId] = (),
    jobs: int = 1,
    cache: FilmCache | None = None,
    progress: Progress | None = None,
) -> None:
    """Write ``CAMERA.mp4`` and ``CAMERA.truth.json`` for each camera, and ``timeline.json``.

    Files appear whole or not at all. What is drawn already, here or in the cache, is not drawn
    again, down to runs of frames.

    Args:
        scene: What is filmed.
        out: Where the files go.
        cameras: Which cameras (default: all of the layout).
        jobs: How many processes draw at once.
        cache: Where films are kept; without one, runs lie in a hidden folder of `out` until all
            is done.
        progress: Is told how far it is.

    Raises:
        ValueError: If the layout has no such camera, or the scenario cannot be played in it.
    """
    labels = tuple(cameras) or tuple(camera.label for camera in scene.layout.camera)
    for label in labels:
        camera_of(scene.layout, label)
    out.mkdir(parents=True, exist_ok=True)
    folder = out / f".{key_of(scene)}" if cache is None else cache.folder(scene)
    folder.mkdir(exist_ok=True)
    wanted = {
        label: runs_of(scene, label, folder) for label in labels if not _is_done(folder, label)
    }
    _draw_missing([run for runs in wanted.values() for run in runs], scene, jobs, progress)
    for label, runs in wanted.items():
        _join(scene, label, runs, folder)
    for name in [f"{label}.{end}" for label in labels for end in ("mp4", "truth.json")]:
        _copy(folder / name, out / name)
    # Last, so that its presence says that all is there.
    write_json(out / TIMELINE, record_of(Timeline(scene.scenario, scene.layout)))
    if cache is not None:
        cache.trim()
    else:
        shutil.rmtree(folder)


def record_of(timeline: Timeline) -> TimelineRecord:
    """What happens, as it is written beside films."""
    return TimelineRecord(
        scenario=timeline.scenario.name,
        title=timeline.scenario.title,
        duration_s=timeline.scenario.duration_s,
        actions=timeline.actions,
        passages=timeline.passages,
    )


def _is_done(folder: Path, camera: CameraId) -> bool:
    return (folder / f"{camera}.mp4").exists() and (folder / f"{camera}.truth.json").exists()


def _draw_missing(runs: Sequence[Run], scene: Scene, jobs: int, progress: Progress | None) -> None:
    missing = [run for run in runs if read_run(run) is None]
    total = sum(run.last - run.first for run in runs)
    done = total - sum(run.last - run.first for run in missing)
    if progress is not None:
        progress(done, total)
    for run in draw(scene, missing, min(jobs, max(1, len(missing)))) if missing else ():
        done += run.last - run.first
        if progress is not None:
            progress(done, total)


def _join(scene: Scene, camera: CameraId, runs: Sequence[Run], folder: Path) -> None:
    """One film of all its runs, which are then removed."""
    shown = [read_run(run) for run in runs]
    known = [one for one in shown if one is not None]
    assert len(known) == len(runs), "every run was drawn"
    truth = FootageTruth(
        scenario=scene.scenario.name,
        camera=camera,
        fps=scene.fps,
        size_px=camera_of(scene.layout, camera).intrinsics.size_px,
        frames=tuple(frame for one in known for frame in one.frames),
    )
    write_video(folder / f"{camera}.mp4", (u for one in known for u in one.units), scene.fps)
    write_json(folder / f"{camera}.truth.json", truth)
    for run in runs:
        run.file.unlink()


def _copy(source: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(source, partial)
    partial.replace(target)


def truth_of_film(folder: Path, camera: CameraId) -> FootageTruth:
    """What is so in a film of a folder."""
    return msgspec.json.decode((folder / f"{camera}.truth.json").read_bytes(), type=FootageTruth)
