"""What a store needs so that people can shop in it, where its layout does not tell.

A floor around the shelves, a gate with its code reader at the floor's edge, and one camera node
that sees every shelf. Plausible, not measured: recordings made with it are simulated throughout.
"""

import math
from collections.abc import Callable, Iterator

import cv2
import msgspec
import numpy as np
from tebura_contract.geometry import Intrinsics, Pose, Xy, Xyz
from tebura_contract.ids import CameraId, GateId, NodeId
from tebura_contract.layout import Camera, Gate, Layout

from tebura_simulator.story.footprints import Walls, footprints_of
from tebura_simulator.story.premises import center_of
from tebura_simulator.story.routes import Aisles
from tebura_simulator.story.stocking import stocked_facings
from tebura_simulator.story.walker import GATE_AHEAD_M, STAND_OFF_M

AISLE_M = 2.4
"""Floor before the front of every shelf, where nothing says how much there is."""
_BEHIND_M = 0.1
_GATE_OFF_M, _GATE_HALF_M = 0.75, 0.6
_GATE_CLEAR_M = 3.0
"""A gate this far from every shelf is far enough."""
_STEP_M = 0.25
_ENTRANCE_M = 1.8
"""How much wider a floor nobody measured becomes where it has no place for a gate."""
_LENS = Intrinsics(size_px=(1280, 720), focal_px=(700.0, 700.0), center_px=(640.0, 360.0))
_READER_HIGH_M, _CAMERA_HIGH_M = 1.02, 2.6


def furnished(layout: Layout, tell: Callable[[str], None]) -> Layout:
    """The layout with floor, gate, reader and a camera, each only where there is none.

    Raises:
        ValueError: If the floor has no free place for a gate.
    """
    if len(layout.store.floor_m) < 3:
        floor_m = _floor(layout)
        if not layout.gate and _gate_place(_with_floor(layout, floor_m)) is None:
            floor_m = _floor(layout, beside_m=_ENTRANCE_M)
        tell("no floor in the layout: " + ", ".join(f"({x:.2f}, {y:.2f})" for x, y in floor_m))
        layout = _with_floor(layout, floor_m)
    if not layout.camera:
        camera = _watcher(layout)
        tell(f"no camera in the layout: {camera.node} sees the front of every shelf")
        layout = msgspec.structs.replace(layout, camera=(camera,))
    if not layout.gate:
        gate, reader = _gate(layout)
        x, y = center_of(gate.zone_m)
        tell(f"no gate in the layout: {gate.id} around ({x:.2f}, {y:.2f}) m, read by {gate.node}")
        layout = msgspec.structs.replace(layout, gate=(gate,), camera=(*layout.camera, reader))
    return layout


def stands_m(layout: Layout) -> list[Xy]:
    """Where people stand to reach each facing."""
    stands = []
    for facing in stocked_facings(layout).values():
        x, y = np.asarray(facing.front_m[:2]) - STAND_OFF_M * np.asarray(facing.inward[:2])
        stands.append((float(x), float(y)))
    return stands


def _with_floor(layout: Layout, floor_m: tuple[Xy, ...]) -> Layout:
    return msgspec.structs.replace(
        layout, store=msgspec.structs.replace(layout.store, floor_m=floor_m)
    )


def _floor(layout: Layout, beside_m: float = 0.0) -> tuple[Xy, ...]:
    """Around everything that stands there and the floor before it, and more to the left."""
    points = [footprint.corners(_BEHIND_M) for footprint in footprints_of(layout)]
    for facing in stocked_facings(layout).values():
        ahead = np.asarray(facing.front_m[:2]) - AISLE_M * np.asarray(facing.inward[:2])
        points.append(ahead[None, :])
    everything = np.vstack(points)
    (left, low), (right, high) = everything.min(axis=0), everything.max(axis=0)
    left, low, right, high = (round(float(v), 2) for v in (left - beside_m, low, right, high))
    return ((left, low), (right, low), (right, high), (left, high))


def _gate(layout: Layout) -> tuple[Gate, Camera]:
    found = _gate_place(layout)
    if found is None:
        raise ValueError("the floor has no free place for a gate: add one to the layout")
    return _gate_at(layout, *found)


def _gate_place(layout: Layout) -> tuple[Xy, Xy] | None:
    """Where a gate is furthest from the shelves (up to a distance), and where its reader looks."""
    walls, aisles, stands = Walls(layout.store.floor_m), Aisles(layout), stands_m(layout)
    footprints = footprints_of(layout)
    best: tuple[float, Xy, Xy] | None = None
    for at, along in _edge_places(layout.store.floor_m):
        reader = (at[0] + GATE_AHEAD_M * along[0], at[1] + GATE_AHEAD_M * along[1])
        if not walls.holds(at, _GATE_HALF_M) or not walls.holds(reader):
            continue
        if any(f.depth_m(p) > -_GATE_HALF_M / 2 for f in footprints for p in (at, reader)):
            continue
        clear_m = min([_GATE_CLEAR_M, *(math.dist(at, stand) for stand in stands)])
        is_better = best is None or clear_m > best[0] + 1e-6
        if is_better and all(_is_reached(aisles, at, stand) for stand in stands):
            best = (clear_m, at, along)
    return best[1:] if best is not None else None


def _edge_places(outline: tuple[Xy, ...]) -> Iterator[tuple[Xy, Xy]]:
    """Points along the walls, a step off them, with both directions along the wall."""
    for a, b in zip(outline, outline[1:] + outline[:1], strict=True):
        length = max(1e-9, math.dist(a, b))
        x, y = (b[0] - a[0]) / length, (b[1] - a[1]) / length
        for n in range(1, int(length / _STEP_M) + 1):
            for off in (-_GATE_OFF_M, _GATE_OFF_M):
                at = (a[0] + n * _STEP_M * x - off * y, a[1] + n * _STEP_M * y + off * x)
                yield at, (x, y)
                yield at, (-x, -y)


def _is_reached(aisles: Aisles, start: Xy, goal: Xy) -> bool:
    try:
        aisles.way(start, goal)
    except ValueError:
        return False
    return True


def _gate_at(layout: Layout, at: Xy, along: Xy) -> tuple[Gate, Camera]:
    """A gate around a point, and its reader beside it, looking along the wall."""
    node = _free_name("gate", layout)
    x, y, half = round(at[0], 2), round(at[1], 2), _GATE_HALF_M
    corners = ((-half, -half), (half, -half), (half, half), (-half, half))
    zone = tuple((round(x + dx, 2), round(y + dy, 2)) for dx, dy in corners)
    lens_m = (x + GATE_AHEAD_M * along[0], y + GATE_AHEAD_M * along[1], _READER_HIGH_M)
    reader = Camera(
        label=CameraId("gate"),
        node=node,
        intrinsics=_LENS,
        store_from_camera=_looking(lens_m, (x, y, _READER_HIGH_M)),
    )
    return Gate(id=GateId("door"), node=node, zone_m=zone), reader


def _watcher(layout: Layout) -> Camera:
    """A camera high over the floor opposite the shelves; that it sees everything is taken as so."""
    fronts = [facing.front_m for facing in stocked_facings(layout).values()]
    x, y, z = (float(v) for v in np.mean(np.asarray(fronts or [(0.0, 0.0, 1.0)]), axis=0))
    far = max(layout.store.floor_m, key=lambda corner: math.dist(corner, (x, y)))
    return Camera(
        label=CameraId("aisle"),
        node=_free_name("camera", layout),
        intrinsics=_LENS,
        store_from_camera=_looking((far[0], far[1], _CAMERA_HIGH_M), (x, y, z)),
        watches=tuple(layout.shelves()),
    )


def _free_name(kind: str, layout: Layout) -> NodeId:
    names = (NodeId(f"{kind}-{number}") for number in range(1, len(layout.nodes()) + 2))
    return next(name for name in names if name not in layout.nodes())


def _looking(from_m: Xyz, at_m: Xyz) -> Pose:
    """The pose of a camera that looks at a point with its picture upright."""
    ahead = np.asarray(at_m) - np.asarray(from_m)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right = right / np.linalg.norm(right)
    rotation = np.column_stack([right, np.cross(ahead, right), ahead])
    turn, _ = cv2.Rodrigues(rotation)
    x, y, z = (round(float(v), 5) for v in turn[:, 0])
    place = (round(from_m[0], 4), round(from_m[1], 4), round(from_m[2], 4))
    return Pose(translation_m=place, rotation_rad=(x, y, z))
