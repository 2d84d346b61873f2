"""Footage of a scenario: each camera's video and truth, and the timetable of what happened.

``python -m tebura_simulator.scenes.footage SCENARIO.toml LAYOUT.toml OUT_DIR``. Drawing needs the
``scenes`` extra and EGL (Debian's libegl1, libegl-mesa0, libgl1-mesa-dri); set ``MUJOCO_GL=egl``.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout, load_layout

from tebura_simulator.scenes.render import RenderedFrame, frame_count, render
from tebura_simulator.scenes.truth import FPS, FootageTruth, FrameTruth, TimelineRecord
from tebura_simulator.story.scenario import load_scenario
from tebura_simulator.story.timeline import Timeline

CRF = 24
"""Quality of the video: at 24 a 640x360 scene of half a minute takes about half a megabyte."""
_KEY_FRAME_S = 2.0

Progress = Callable[[CameraId, int, int], None]
"""Called with the camera, the frames done and the frames in all."""


def render_scenario(
    scenario_path: Path, layout_path: Path, out_dir: Path, progress: Progress | None = None
) -> None:
    """Write ``CAMERA.mp4`` and ``CAMERA.truth.json`` for each camera, and ``timeline.json``.

    Each file appears whole or not at all; frame i of a video is the moment i / `FPS`.

    Raises:
        ConfigError: If the layout or the scenario has problems.
        ValueError: If the scenario cannot be played in the layout.
    """
    layout = load_layout(layout_path)
    scenario = load_scenario(scenario_path, layout)
    timeline = Timeline(scenario, layout)
    out_dir.mkdir(parents=True, exist_ok=True)
    for camera in layout.camera:
        _render_camera(timeline, layout, camera.label, out_dir, progress)
    # Last, so that its presence says that all is there.
    record = TimelineRecord(
        scenario=scenario.name,
        title=scenario.title,
        duration_s=scenario.duration_s,
        actions=timeline.actions,
        passages=timeline.passages,
    )
    write_json(out_dir / "timeline.json", record)


def _render_camera(
    timeline: Timeline,
    layout: Layout,
    label: CameraId,
    out_dir: Path,
    progress: Progress | None,
) -> None:
    camera = next(camera for camera in layout.camera if camera.label == label)
    total = frame_count(timeline, FPS)
    truths: list[FrameTruth] = []

    def frames() -> Iterator[RenderedFrame]:
        for frame in render(timeline, layout, label, FPS):
            truths.append(frame.truth)
            if progress is not None:
                progress(label, len(truths), total)
            yield frame

    write_video(out_dir / f"{label}.mp4", frames(), FPS, camera.intrinsics.size_px)
    truth = FootageTruth(
        scenario=timeline.scenario.name,
        camera=label,
        fps=FPS,
        size_px=camera.intrinsics.size_px,
        frames=tuple(truths),
    )
    write_json(out_dir / f"{label}.truth.json", truth)


def write_video(
    path: Path, frames: Iterable[RenderedFrame], fps: float, size_px: tuple[int, int]
) -> None:
    """Encode frames as H.264 in MP4, the presentation time of frame i being exactly i / fps."""
    partial = path.with_suffix(".partial.mp4")
    rate = Fraction(fps).limit_denominator(1000)
    with av.open(str(partial), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size_px
        stream.pix_fmt = "yuv420p"
        stream.time_base = 1 / rate
        stream.options = {
            "crf": str(CRF),
            "preset": "slow",
            "g": str(round(fps * _KEY_FRAME_S)),
            # Frames come out in the order they went in, as from a camera.
            "bf": "0",
        }
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame.rgb, format="rgb24")
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    partial.replace(path)


def write_json(path: Path, value: msgspec.Struct) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(value) + b"\n")
    partial.replace(path)


def main() -> None:
    scenario, layout, out = (Path(argument) for argument in sys.argv[1:4])

    def report(camera: CameraId, done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            print(f"{scenario.stem} {camera} {done}/{total}", flush=True)

    render_scenario(scenario, layout, out, report)


if __name__ == "__main__":
    main()
