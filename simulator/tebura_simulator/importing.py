"""Recordings from other people's files: plate readings as CSV, video in any container.

Plates are imported with the identity calibration, 0.01 g a count. Plates that one node reports at
about the same rate become one scale (see `scale_rows`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration, PlateCalibration, dump_calibration
from tebura_contract.clock import SECOND_NS, Ns, ns_from_s
from tebura_contract.ids import CameraId, NodeId, PlateId
from tebura_contract.layout import Layout
from tebura_contract.recording import (
    CALIBRATION_ATTACHMENT,
    LAYOUT_ATTACHMENT,
    TRUTH_ATTACHMENT,
    Meta,
)
from tebura_edge.recorder import RecordingWriter

from tebura_simulator.plate_csv import Readings, plate_periods_s, steady_time_s
from tebura_simulator.scale_rows import ScaleRows

COUNTS_PER_G = 100.0
SAME_RATE = 1.6
"""Plates whose periods differ by more than this factor are no columns of one scale."""


class ImportFault(ValueError):
    """Something asked for cannot be imported; the text names it and why."""


@dataclass(frozen=True)
class VideoFile:
    """A film to import: of which camera, and the wall time of its first frame if known."""

    camera: CameraId
    path: Path
    start_s: float | None = None


def parse_video(text: str) -> VideoFile:
    """Read ``CAM=FILE[@EPOCH_S]``.

    Raises:
        ImportFault: If it is not of that form.

    >>> parse_video("aisle=clips/a.mp4@1573805516.5").start_s
    1573805516.5
    """
    camera, _, rest = text.partition("=")
    if not camera or not rest:
        raise ImportFault(f"--video {text!r}: expected CAM=FILE or CAM=FILE@EPOCH_S")
    name, at, tail = rest.rpartition("@")
    if at:
        try:
            return VideoFile(CameraId(camera), Path(name), float(tail))
        except ValueError:
            pass  # an @ that belongs to the file's name
    return VideoFile(CameraId(camera), Path(rest))


@dataclass(frozen=True)
class ImportPlan:
    """What goes into a recording, read and checked before the file is begun."""

    layout: Layout
    layout_file: Path
    readings: Readings | None
    videos: tuple[VideoFile, ...]
    truth: bytes | None


def write_recording(plan: ImportPlan, out: Path) -> None:
    """Write the recording, beside its place first so that a failure leaves nothing half.

    Raises:
        ImportFault: If a video cannot be read or the layout lacks its camera.
    """
    known = {camera.label for camera in plan.layout.camera}
    for video in plan.videos:
        if video.camera not in known:
            raise ImportFault(f"the layout has no camera {video.camera!r}")
    scales: list[ScaleRows] = []
    start_s = None
    if plan.readings is not None:
        time_s, _ = steady_time_s(plan.readings)
        start_s = float(time_s.min())
        scales = list(_scales(plan.layout, plan.readings, time_s))
    if start_s is None:
        start_s = min((v.start_s for v in plan.videos if v.start_s is not None), default=0.0)
    meta = Meta(
        title=out.stem, made_by="tebura-simulate import", is_simulated=False, start_ns=Ns(0)
    )
    partial = out.with_name(out.name + ".partial")
    try:
        _write(partial, plan, scales, ns_from_s(start_s), meta)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _write(path: Path, plan: ImportPlan, scales: list[ScaleRows], start_ns: Ns, meta: Meta) -> None:
    with RecordingWriter(path, msgspec.structs.replace(meta, start_ns=start_ns)) as writer:
        writer.attach(LAYOUT_ATTACHMENT, plan.layout_file.read_bytes(), "application/toml")
        for node, plates in _plates_by_node(scales).items():
            name = CALIBRATION_ATTACHMENT.format(node=node)
            calibration = identity_calibration(node, plates, start_ns)
            writer.attach(name, dump_calibration(calibration), "application/json")
        if plan.truth is not None:
            writer.attach(TRUTH_ATTACHMENT, plan.truth, "application/json")
        for scale in scales:
            for batch in scale.batches():
                writer.counts(batch)
        for video in plan.videos:
            _write_video(writer, video, start_ns)


def _write_video(writer: RecordingWriter, video: VideoFile, start_ns: Ns) -> None:
    # Only a recording with pixels needs the codecs.
    from tebura_simulator.footage import FootageError, h264_frames

    first_ns = start_ns if video.start_s is None else ns_from_s(video.start_s)
    try:
        for t_s, data in h264_frames(video.path):
            writer.video(video.camera, first_ns + round(t_s * SECOND_NS), data)
    except FootageError as error:
        raise ImportFault(str(error)) from error


def identity_calibration(node: NodeId, plates: tuple[PlateId, ...], at_ns: Ns) -> Calibration:
    """Zero at zero counts, `COUNTS_PER_G` for each plate: grams came in, not counts."""
    identity = PlateCalibration(tare_counts=0.0, counts_per_g=COUNTS_PER_G)
    return Calibration(node=node, measured_ns=at_ns, plates=dict.fromkeys(plates, identity))


def _plates_by_node(scales: list[ScaleRows]) -> dict[NodeId, tuple[PlateId, ...]]:
    found: dict[NodeId, tuple[PlateId, ...]] = {}
    for scale in scales:
        found[scale.node] = found.get(scale.node, ()) + scale.plates
    return found


def _scales(layout: Layout, readings: Readings, time_s: NDArray[np.float64]) -> Iterator[ScaleRows]:
    shelves, plates = layout.shelves(), layout.plates()
    nodes = [shelves[plates[name][0]][1].reports_picks for name in readings.plates]
    periods_s = plate_periods_s(readings, time_s)
    for node in sorted(set(nodes)):
        members = [i for i, of in enumerate(nodes) if of == node]
        for number, columns in enumerate(_same_rate(members, periods_s)):
            yield ScaleRows.of(
                label=str(node) if number == 0 else f"{node}-{number + 1}",
                node=node,
                readings=readings,
                columns=columns,
                time_s=time_s,
                period_s=_median_or(periods_s[columns], 0.1),
                counts_per_g=COUNTS_PER_G,
            )


def _same_rate(members: list[int], periods_s: NDArray[np.float64]) -> list[list[int]]:
    """Split plates where the next slower one is slower by more than `SAME_RATE`."""
    ordered = sorted(members, key=lambda i: (np.nan_to_num(periods_s[i], nan=0.0), i))
    groups: list[list[int]] = []
    for plate in ordered:
        last_s = periods_s[groups[-1][-1]] if groups else np.nan
        if groups and not periods_s[plate] > last_s * SAME_RATE:
            groups[-1].append(plate)
        else:
            groups.append([plate])
    return [sorted(group) for group in groups]


def _median_or(values: NDArray[np.float64], default: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else default
