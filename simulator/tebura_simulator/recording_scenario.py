"""A scenario as a recording: simulated plates, rendered footage, and what really happened.

Footage is drawn where MuJoCo is installed, or comes from a folder where it was drawn before
(``CAMERA.mp4``, ``CAMERA.truth.json`` and ``timeline.json`` each). Plates are always simulated anew
from the timeline, so scenario and seed give the same counts.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from tebura_contract.calibration import dump_calibration
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import encode
from tebura_contract.ids import CameraId, NodeId, PlateId
from tebura_contract.layout import Layout, load_layout
from tebura_contract.recording import (
    CALIBRATION_ATTACHMENT,
    LAYOUT_ATTACHMENT,
    TRUTH_ATTACHMENT,
    CountBatch,
    Meta,
    Screen,
)
from tebura_contract.truth import OutcomeKind, TrueEvent, TrueReceipt, Truth, layout_name
from tebura_edge.recorder import RecordingWriter

from tebura_simulator.epoch import START_NS
from tebura_simulator.footage import h264_frames
from tebura_simulator.plates import PlateModel, PlateTrace, simulate_plates
from tebura_simulator.scale_rows import ScaleRows
from tebura_simulator.scenes.truth import FootageTruth
from tebura_simulator.story.planning import Action, ActionKind, Passage
from tebura_simulator.story.scenario import load_scenario
from tebura_simulator.story.timeline import Timeline

MAX_FOOTAGE_TRUTH_BYTES = 64 * 1024 * 1024


class FootageMissing(ValueError):
    """Footage that was asked for is not there or belongs to another scenario."""


@dataclass(frozen=True)
class Footage:
    """One camera's film of a scenario, with where the phone's code belongs in each frame."""

    camera: CameraId
    film: Path
    truth: FootageTruth


class DrawnTimeline(msgspec.Struct, frozen=True, kw_only=True):
    """What footage was drawn from, as far as plates care (``timeline.json``)."""

    scenario: str
    actions: tuple[Action, ...]


def load_footage(folder: Path, layout: Layout, timeline: Timeline) -> list[Footage]:
    """The films of a scenario that lie in a folder, one for each camera of the layout.

    Raises:
        FootageMissing: If one lacks, or was drawn from another scenario or another version of it.
    """
    scenario = timeline.scenario.name
    drawn_file = folder / "timeline.json"
    if not drawn_file.exists():
        raise FootageMissing(f"{folder}: lacks {drawn_file.name}")
    drawn = msgspec.json.decode(drawn_file.read_bytes(), type=DrawnTimeline)
    if drawn.scenario != scenario or drawn.actions != timeline.actions:
        raise FootageMissing(f"{drawn_file}: was not drawn from this version of {scenario!r}")
    found = []
    for camera in layout.camera:
        film = folder / f"{camera.label}.mp4"
        side = folder / f"{camera.label}.truth.json"
        if not film.exists() or not side.exists():
            raise FootageMissing(f"{folder}: lacks {film.name} or {side.name}")
        truth = msgspec.json.decode(side.read_bytes(), type=FootageTruth)
        if truth.scenario != scenario:
            raise FootageMissing(f"{side}: is of scenario {truth.scenario!r}, not {scenario!r}")
        found.append(Footage(camera.label, film, truth))
    return found


def record_scenario(
    scenario_file: Path,
    layout_file: Path,
    out: Path,
    footage_folder: Path | None,
    model: PlateModel | None = None,
) -> Truth:
    """Write the recording of a scenario; returns what happens in it.

    Raises:
        ConfigError: If the layout or the scenario has problems.
        ValueError: If the scenario cannot be played in the layout, or its footage lacks.
    """
    layout = load_layout(layout_file)
    scenario = load_scenario(scenario_file, layout)
    timeline = Timeline(scenario, layout)
    footage = load_footage(footage_folder, layout, timeline) if footage_folder else []
    truth = truth_of_timeline(timeline)
    traces = [
        simulate_plates(
            layout,
            node,
            timeline.standing(0.0),
            timeline.actions,
            timeline.duration_s,
            scenario.seed,
            model,
        )
        for node in sorted({shelf.reports_picks for _, shelf in layout.shelves().values()})
    ]
    meta = Meta(
        title=scenario.title or scenario.name,
        made_by="tebura-simulate record",
        is_simulated=True,
        start_ns=START_NS,
    )
    partial = out.with_name(out.name + ".partial")
    try:
        with RecordingWriter(partial, meta) as writer:
            writer.attach(LAYOUT_ATTACHMENT, layout_file.read_bytes(), "application/toml")
            writer.attach(TRUTH_ATTACHMENT, encode(truth), "application/json")
            for trace in traces:
                _write_plates(writer, trace)
            for film in footage:
                _write_film(writer, film, timeline.passages)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return truth


def truth_of_timeline(timeline: Timeline) -> Truth:
    """Events and receipts of a scenario; a shopper goes by the account, else by its own id."""
    name_of = {p.shopper: str(p.member or p.shopper) for p in timeline.passages}
    receipts: dict[str, dict[str, int]] = {name_of[p.shopper]: {} for p in timeline.passages}
    for action in timeline.actions:
        items = receipts[name_of[action.shopper]]
        sign = 1 if action.kind is ActionKind.TAKE else -1
        items[action.sku] = items.get(action.sku, 0) + sign * action.quantity
    return Truth(
        events=tuple(_true_event(action, name_of[action.shopper]) for action in timeline.actions),
        receipts=tuple(
            TrueReceipt(shopper=name, items={sku: n for sku, n in items.items() if n})
            for name, items in receipts.items()
        ),
    )


def _true_event(action: Action, shopper: str) -> TrueEvent:
    gondola, shelf, _ = action.facing.split("/")
    is_take = action.kind is ActionKind.TAKE
    return TrueEvent(
        kind=OutcomeKind.PICK if is_take else OutcomeKind.RETURN,
        time_s=action.t_s,
        gondola=layout_name(gondola),
        shelf=layout_name(shelf),
        plates=tuple(layout_name(plate.rsplit("/", 1)[-1]) for plate in action.plates),
        sku=action.sku,
        quantity=action.quantity,
        shopper=shopper,
    )


def _write_plates(writer: RecordingWriter, trace: PlateTrace) -> None:
    node = trace.calibration.node
    dated = msgspec.structs.replace(trace.calibration, measured_ns=START_NS)
    name = CALIBRATION_ATTACHMENT.format(node=node)
    writer.attach(name, dump_calibration(dated), "application/json")
    for batch in counts_of(trace):
        writer.counts(batch)


def counts_of(trace: PlateTrace) -> list[CountBatch]:
    """The trace as one scale a shelf, as a shop is wired: a converter box on each board."""
    batches = []
    for shelf in dict.fromkeys(plate.rsplit("/", 1)[0] for plate in trace.plates):
        columns = [i for i, plate in enumerate(trace.plates) if plate.rsplit("/", 1)[0] == shelf]
        rows = ScaleRows(
            label=shelf.replace("/", "-").lower(),
            node=NodeId(trace.calibration.node),
            plates=tuple(PlateId(trace.plates[i]) for i in columns),
            at_ns=START_NS + np.round(trace.at_s * SECOND_NS).astype(np.int64),
            counts=trace.counts[:, columns].astype(np.float64),
        )
        batches += list(rows.batches())
    return batches


def _write_film(writer: RecordingWriter, film: Footage, passages: tuple[Passage, ...]) -> None:
    for frame, (t_s, data) in zip(film.truth.frames, h264_frames(film.film), strict=True):
        at_ns = START_NS + round(t_s * SECOND_NS)
        account = _account_at(frame.t_s, passages)
        if frame.phone_quad_px is not None and account is not None:
            # Before its frame: whoever draws the code knows it when the picture comes.
            writer.screen(
                at_ns,
                Screen(camera=film.camera, account=account, corners_px=frame.phone_quad_px),
            )
        writer.video(film.camera, at_ns, data)


def _account_at(t_s: float, passages: tuple[Passage, ...]) -> str | None:
    """Whose phone is held out: the one whose showing is nearest in time."""
    showing = [
        (max(p.code_from_s - t_s, t_s - p.code_to_s), str(p.member))
        for p in passages
        if p.member is not None and p.code_from_s is not None and p.code_to_s is not None
    ]
    return min(showing)[1] if showing else None
