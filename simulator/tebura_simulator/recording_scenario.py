"""A scenario as a recording: simulated plates, rendered footage or evidence, and the truth.

Footage is drawn where MuJoCo is installed, or comes from a folder where it was drawn before
(``CAMERA.mp4``, ``CAMERA.truth.json`` and ``timeline.json`` each). Plates and evidence are always
simulated anew from the timeline, so scenario and seed give the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import decode, encode
from tebura_contract.ids import CameraId
from tebura_contract.layout import Layout, load_layout
from tebura_contract.recording import (
    SCREEN_TOPIC,
    TRUTH_ATTACHMENT,
    VIDEO_TOPIC,
    CompressedVideo,
    FoxgloveTime,
    Screen,
)
from tebura_contract.truth import Truth
from tebura_edge.recorder import Recorded

from tebura_simulator.epoch import store_ns
from tebura_simulator.footage import h264_frames
from tebura_simulator.memory_reel import JSON, Attached, Source, reel_of
from tebura_simulator.scenes.truth import FootageTruth, PersonTruth
from tebura_simulator.story.scenario import load_scenario
from tebura_simulator.story.timeline import Action, Passage, Timeline
from tebura_simulator.whereabouts import PEOPLE_ATTACHMENT, Stander, TrueLook, Whereabouts

MAX_TRUTH_BYTES = 16 * 1024 * 1024


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
    *,
    has_evidence: bool = False,
    has_people: bool = False,
) -> Truth:
    """Write the recording of a scenario; returns what happens in it.

    Args:
        scenario_file: What happens.
        layout_file: Where.
        out: The recording to write.
        footage_folder: The scenario's films; None for none.
        has_evidence: Whether cameras and gates speak without films.
        has_people: Whether it says where films show everybody (`whereabouts`).

    Raises:
        ConfigError: If the layout or the scenario has problems.
        ValueError: If the scenario cannot be played in the layout, or its footage lacks.
    """
    layout = load_layout(layout_file)
    scenario = load_scenario(scenario_file, layout)
    films: Mapping[tuple[str, ...], Source] = {}
    beside: dict[str, Attached] = {}
    if footage_folder:
        timeline = Timeline(scenario, layout)
        footage = load_footage(footage_folder, layout, timeline)
        films = _films(footage, timeline.passages)
        if has_people:
            people = whereabouts_in([film.truth for film in footage], timeline.passages)
            beside[PEOPLE_ATTACHMENT] = Attached(encode(people), JSON)
    reel = reel_of(
        scenario,
        layout,
        layout_file.read_bytes(),
        has_evidence=has_evidence,
        films=films,
        beside=beside,
    )
    reel.write(out)
    return decode(reel.attachment(TRUTH_ATTACHMENT) or b"", Truth, limit_bytes=MAX_TRUTH_BYTES)


def whereabouts_in(films: Sequence[FootageTruth], passages: Sequence[Passage]) -> Whereabouts:
    """What the truth beside films says of people."""
    who = {passage.shopper: passage for passage in passages}
    looks = [
        TrueLook(camera=film.camera, at_s=frame.t_s, people=_standers(frame.people, who))
        for film in films
        for frame in film.frames
    ]
    return Whereabouts(looks=tuple(looks))


def _standers(people: Sequence[PersonTruth], who: Mapping[str, Passage]) -> tuple[Stander, ...]:
    return tuple(
        Stander(
            shopper=person.shopper,
            account=str(who[person.shopper].member or person.shopper),
            foot_m=person.foot_m,
            seen_share=person.seen_share,
            is_known=who[person.shopper].member is not None,
        )
        for person in people
    )


def _films(
    footage: Sequence[Footage], passages: tuple[Passage, ...]
) -> dict[tuple[str, ...], Source]:
    return {_topics(film, passages): partial(_frames, film, passages) for film in footage}


def _topics(film: Footage, passages: tuple[Passage, ...]) -> tuple[str, ...]:
    video = VIDEO_TOPIC.format(camera=film.camera)
    has_screen = any(
        frame.phone_quad_px is not None and _account_at(frame.t_s, passages) is not None
        for frame in film.truth.frames
    )
    return (video, SCREEN_TOPIC.format(camera=film.camera)) if has_screen else (video,)


def _frames(film: Footage, passages: tuple[Passage, ...]) -> Iterator[Recorded]:
    for frame, (t_s, data) in zip(film.truth.frames, h264_frames(film.film), strict=True):
        at_ns = store_ns(t_s)
        account = _account_at(frame.t_s, passages)
        if frame.phone_quad_px is not None and account is not None:
            # Before its frame: whoever draws the code knows it when the picture comes.
            screen = Screen(camera=film.camera, account=account, corners_px=frame.phone_quad_px)
            yield Recorded(SCREEN_TOPIC.format(camera=film.camera), at_ns, screen)
        whole_s, rest_ns = divmod(at_ns, SECOND_NS)
        stamp = FoxgloveTime(sec=whole_s, nsec=rest_ns)
        video = CompressedVideo(timestamp=stamp, frame_id=film.camera, data=data)
        yield Recorded(VIDEO_TOPIC.format(camera=film.camera), at_ns, video)


def _account_at(t_s: float, passages: tuple[Passage, ...]) -> str | None:
    """Whose phone is held out: the one whose showing is nearest in time."""
    showing = [
        (max(p.code_from_s - t_s, t_s - p.code_to_s), str(p.member))
        for p in passages
        if p.member is not None and p.code_from_s is not None and p.code_to_s is not None
    ]
    return min(showing)[1] if showing else None
