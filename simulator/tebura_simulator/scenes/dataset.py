"""A training set drawn from worlds: pictures with labels (YOLO pose), and crops of hands.

A world's files are written first, its record last: who goes on with a set does only what lacks one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import KEYPOINTS
from tebura_simulator.scenes.filmcache import code_version
from tebura_simulator.scenes.footage import write_json
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.render import RenderedFrame, Shot, bones_seen, camera_of
from tebura_simulator.scenes.split import Split
from tebura_simulator.scenes.stage import Stage
from tebura_simulator.scenes.truth import Box
from tebura_simulator.scenes.wardrobe import Wardrobe
from tebura_simulator.scenes.workers import at_once
from tebura_simulator.scenes.worlds import Mix, World, moments, world_of
from tebura_simulator.scenes.yolo import flipped, hand_crops, is_labelled, label_line
from tebura_simulator.story.script import Hand
from tebura_simulator.story.timeline import Timeline

JPEG_QUALITY = 92
_BONES = 8
"""So many bones in the picture: enough of somebody to be worth one."""


@dataclass(frozen=True)
class Plan:
    """What to draw of each world."""

    split: Split
    out: Path
    size_px: tuple[int, int] = (640, 360)
    per_scene: int = 12
    mix: Mix = Mix.LESSONS


class HandRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``hands/index.jsonl``: a crop, where it was cut from, what the hand holds."""

    split: Split
    file: str
    image: str
    shopper: str
    hand: Hand
    content: str
    box_px: Box
    seen_share: float


class WorldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was drawn of a world, and by which code and plan."""

    world: str
    split: Split
    code: str
    size_px: tuple[int, int]
    per_scene: int
    mix: Mix
    images: tuple[str, ...]
    people: int
    hands: tuple[HandRow, ...]


def write_dataset(plan: Plan, seeds: Sequence[int], jobs: int) -> Iterator[WorldRecord]:
    """Draw the worlds of these seeds that are not there yet; yields each world's record.

    ``data.yaml`` and ``hands/index.jsonl`` are of all worlds in the folder, written at the end.
    """
    missing = []
    for seed in seeds:
        record = _read(_record_file(plan, f"w{seed:05d}"))
        if record is not None and _is_of(record, plan):
            yield record
        else:
            missing.append(seed)
    yield from at_once(partial(_draw, plan), missing, jobs)
    _sum_up(plan.out)


def _draw(plan: Plan, seed: int) -> WorldRecord:
    world = world_of(plan.split, seed, plan.size_px, plan.mix)
    images, hands, people = [], [], 0
    for number, frame in world_frames(world, plan.per_scene):
        name = f"{world.name}-{number:03d}"
        bgr = np.ascontiguousarray(frame.rgb[:, :, ::-1])
        labelled = [person for person in frame.truth.people if is_labelled(person)]
        people += len(labelled)
        images.append(f"images/{plan.split}/{name}.jpg")
        _write_picture(plan.out / images[-1], bgr)
        label = plan.out / "labels" / plan.split / f"{name}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("".join(f"{label_line(p, plan.size_px)}\n" for p in labelled), "utf-8")
        for crop in hand_crops(frame.truth.people, bgr):
            stem = f"{name}-{crop.person.shopper}-{crop.hand.hand}"
            file = f"hands/{plan.split}/{crop.content}/{stem}.jpg"
            _write_picture(plan.out / file, crop.picture)
            row = HandRow(
                split=plan.split,
                file=file,
                image=images[-1],
                shopper=crop.person.shopper,
                hand=crop.hand.hand,
                content=crop.content,
                box_px=tuple(round(v, 1) for v in crop.box_px),  # type: ignore[arg-type]
                seen_share=crop.hand.seen_share,
            )
            hands.append(row)
    record = WorldRecord(
        world=world.name,
        split=plan.split,
        code=code_version(),
        size_px=plan.size_px,
        per_scene=plan.per_scene,
        mix=plan.mix,
        images=tuple(images),
        people=people,
        hands=tuple(hands),
    )
    kept = _record_file(plan, world.name)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_json(kept, record)
    return record


def world_frames(world: World, count: int) -> Iterator[tuple[int, RenderedFrame]]:
    """At most so many frames of a world with their numbers in order of time, camera by camera.

    Each is taken through a camera that sees somebody; moments that none sees are left out.
    """
    wardrobe = Wardrobe.drawn(world.look.wardrobe_seed, world.split)
    stage = Stage(Timeline(world.scenario, world.layout), world.layout, world.look, wardrobe)
    rng = np.random.default_rng([world.seed, 2])
    lenses = {label: Lens(camera_of(world.layout, label)) for label in world.cameras}
    chosen = []
    for number, t_s in enumerate(moments(world, count)):
        stage.set_time(t_s)
        seeing = [name for name, lens in lenses.items() if bones_seen(stage, lens) >= _BONES]
        if seeing:
            chosen.append((seeing[int(rng.integers(len(seeing)))], number, t_s))
    for label in world.cameras:
        shot = None
        for camera, number, t_s in chosen:
            if camera == label:
                shot = shot or Shot(stage, label, has_masks=False)
                yield number, shot.frame(t_s)
        if shot is not None:
            shot.close()


def _write_picture(path: Path, bgr: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    is_encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert is_encoded
    path.write_bytes(data.tobytes())


def _record_file(plan: Plan, world: str) -> Path:
    return plan.out / "worlds" / plan.split / f"{world}.json"


def _read(file: Path) -> WorldRecord | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=WorldRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _is_of(record: WorldRecord, plan: Plan) -> bool:
    made = (record.code, record.size_px, record.per_scene, record.mix)
    return made == (code_version(), plan.size_px, plan.per_scene, plan.mix)


def _sum_up(out: Path) -> None:
    """The files that speak of all worlds of the folder."""
    records = [_read(file) for file in sorted((out / "worlds").glob("*/*.json"))]
    rows = [row for record in records if record is not None for row in record.hands]
    (out / "hands").mkdir(exist_ok=True)
    lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
    (out / "hands" / "index.jsonl").write_bytes(lines)
    names = ", ".join(KEYPOINTS)
    (out / "data.yaml").write_text(
        f"# Drawn, nobody is in it. Keypoints: {names}.\n"
        "path: .\n"
        f"train: images/{Split.TRAIN}\n"
        f"val: images/{Split.TEST}\n"
        f"kpt_shape: [{len(KEYPOINTS)}, 3]\n"
        f"flip_idx: [{', '.join(map(str, flipped()))}]\n"
        "names:\n  0: person\n",
        "utf-8",
    )
