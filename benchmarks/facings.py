"""Whether a picture of a facing tells that something was taken out: touched facings beside others.

``.venv/bin/python benchmarks/facings.py [--footage DIR --layout L.toml] [--json]``

Of each move of drawn footage (the demo's, or a folder that ``tebura-simulate render`` made): every
facing as it was seen before and after, straightened, whole people out of the way by the truth. A
shelf without plates would have to live on this difference.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import FacingId
from tebura_contract.layout import Camera, Layout, load_layout
from tebura_edge.geometry import camera_view, shelf_fronts
from tebura_simulator import demo
from tebura_simulator.recording_scenario import DrawnTimeline
from tebura_simulator.scenes.truth import FootageTruth
from tebura_simulator.story.timeline import Action

DEMO = Path(str(demo.__file__)).parent
STRAIGHT_PX = (48, 64)
ROOM_PX = 8
LOOKED_AT = 3
"""So many pictures before and after speak with one voice: their median."""
Picture = NDArray[np.uint8]
Corners = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """What one move did to the picture of one facing: mean difference of its pixels."""

    footage: str
    camera: str
    facing: str
    is_touched: bool
    sku: str
    greys: float
    wide_px: int
    high_px: int


def facings_px(layout: Layout, camera: Camera) -> dict[FacingId, Corners]:
    """Corners (4, 2) of each facing that a camera watches, clockwise from top left."""
    view = camera_view(camera.intrinsics, camera.store_from_camera)
    fronts, high_m = shelf_fronts(layout), {p.sku: p.size_m[2] for p in layout.product if p.size_m}
    found = {}
    for name, (_, shelf) in layout.shelves().items():
        for facing in shelf.facing if name in camera.watches else ():
            front, (left, right) = fronts[name], facing.x_m
            top = min(high_m.get(facing.sku, front.height_m), front.height_m)
            corners = [[left, 0, top], [right, 0, top], [right, 0, 0], [left, 0, 0]]
            points = view.image_from_store(front.store_from_front.apply(corners))
            found[FacingId(f"{name}/{facing.id}")] = points
    return found


def changes(folder: Path, layout: Layout) -> Iterator[Change]:
    """All moves of one footage's folder, seen by each camera that watches shelves."""
    told = msgspec.json.decode((folder / "timeline.json").read_bytes(), type=DrawnTimeline)
    for camera in layout.camera:
        film = folder / f"{camera.label}.mp4"
        if not camera.watches or not film.exists():
            continue
        side = folder / f"{camera.label}.truth.json"
        truth = msgspec.json.decode(side.read_bytes(), type=FootageTruth)
        pictures = _pictures(film)
        for facing, corners in facings_px(layout, camera).items():
            clear = [n for n in range(len(pictures)) if _is_clear(truth, n, corners)]
            for action in told.actions:
                greys = _greys(pictures, clear, corners, truth, action)
                if greys is not None:
                    wide, high = np.ptp(corners, axis=0).round().astype(int).tolist()
                    is_touched = action.facing == facing
                    yield Change(
                        folder.name,
                        camera.label,
                        facing,
                        is_touched,
                        str(action.sku),
                        round(greys, 2),
                        wide,
                        high,
                    )


def _greys(
    pictures: Sequence[Picture],
    clear: Sequence[int],
    corners: Corners,
    truth: FootageTruth,
    action: Action,
) -> float | None:
    """The difference between the last clear pictures before a move and the first after it."""
    before = [n for n in clear if truth.frames[n].t_s < action.inside_from_s][-LOOKED_AT:]
    after = [n for n in clear if truth.frames[n].t_s > action.inside_to_s][:LOOKED_AT]
    if len(before) < LOOKED_AT or len(after) < LOOKED_AT:
        return None
    first, second = (
        np.median([_straight(pictures[n], corners) for n in some], axis=0)
        for some in (before, after)
    )
    return float(np.abs(first - second).mean())


def _straight(picture: Picture, corners: Corners) -> NDArray[np.float32]:
    wide, high = STRAIGHT_PX
    target = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    return np.asarray(cv2.warpPerspective(picture, matrix, STRAIGHT_PX), np.float32)


def _is_clear(truth: FootageTruth, number: int, corners: Corners) -> bool:
    """Whether nobody's box is before the facing."""
    left, top = corners.min(axis=0) - ROOM_PX
    right, low = corners.max(axis=0) + ROOM_PX
    boxes = [person.box_px for person in truth.frames[number].people]
    return all(b[2] < left or b[0] > right or b[3] < top or b[1] > low for b in boxes)


def _pictures(film: Path) -> list[Picture]:
    source = cv2.VideoCapture(str(film))
    found: list[Picture] = []
    while True:
        is_read, picture = source.read()
        if not is_read:
            return found
        found.append(np.asarray(picture, np.uint8))


def told_apart(found: Sequence[Change]) -> Mapping[str, float | int | None]:
    """How far touched facings stand out.

    `above` is the chance that one changes more than one that nobody touched; 0.5 tells nothing.
    """
    touched = np.array([one.greys for one in found if one.is_touched])
    others = np.array([one.greys for one in found if not one.is_touched])
    if not len(touched) or not len(others):
        return {"touched": len(touched), "others": len(others)}
    return {
        "touched": len(touched),
        "others": len(others),
        "touched_greys": round(float(np.median(touched)), 1),
        "others_greys": round(float(np.median(others)), 1),
        "others_most_greys": round(float(others.max()), 1),
        "above": round(float((touched[:, None] > others[None, :]).mean()), 2),
        "wide_px": round(float(np.median([one.wide_px for one in found]))),
        "high_px": round(float(np.median([one.high_px for one in found]))),
    }


def main() -> int:
    """Read the command line, look, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--footage", type=Path, default=DEMO / "footage", help="folders of films")
    parser.add_argument("--layout", type=Path, default=DEMO / "layout.toml")
    parser.add_argument("--json", action="store_true", help="one JSON object a facing and move")
    options = parser.parse_args()
    layout = load_layout(options.layout)
    folders = sorted(file.parent for file in options.footage.rglob("timeline.json"))
    found = [change for folder in folders for change in changes(folder, layout)]
    for change in found:
        if options.json:
            print(json.dumps(asdict(change)))
        elif change.is_touched:
            print(f"{change.footage}, {change.sku}: {change.greys} greys")
    print(json.dumps(told_apart(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
