"""What a node's runtime says of itself: that it started, and which of its sensors are blind."""

from collections.abc import Sequence

from tebura_contract.clock import Ns
from tebura_contract.events import NodeStarted, SensorChanged, SensorKind, SensorState
from tebura_contract.ids import NodeId, ShelfId, shelf_id
from tebura_contract.layout import Layout

from tebura_simulator.epoch import store_ns
from tebura_simulator.sight.chance import stream
from tebura_simulator.sight.eyes import Outages, Window, people_cameras
from tebura_simulator.sight.told import Found
from tebura_simulator.sight.tracking import BLIND_TOLD_S
from tebura_simulator.story.scenario import FaultKind, FaultScript

ALIVE_EVERY_S = 2.0
"""A node notes this often that it lives, and up to when it had told everything."""
LAG_S = 0.3
FIRST_FRAME_S = {SensorKind.SCALE: 0.4, SensorKind.CAMERA: 1.2}
SILENT_TOLD_S = 2.2
BACK_TOLD_S = 0.3

Sensor = tuple[str, SensorKind, tuple[ShelfId, ...]]


def runtime_news(
    layout: Layout, faults: Sequence[FaultScript], outages: Outages, seed: int, *, has_eyes: bool
) -> dict[NodeId, list[Found]]:
    """By node what its runtime says, apart from what its roles find."""
    found: dict[NodeId, list[Found]] = {}
    for node in sorted(layout.nodes()):
        sensors = sensors_of(layout, node, has_eyes=has_eyes)
        said = [
            news
            for window in outages.off.get(node, ())
            for news in _restart(layout, node, sensors, window, seed)
        ]
        for label, kind, shelves in sensors:
            for window, reason, told_s in _blind(label, kind, shelves, faults):
                said += _changes((label, kind, shelves), window, reason, told_s)
        # While it is off a node says nothing.
        found[node] = [news for news in said if not outages.is_off(node, news.said_s)]
    return found


def scale_label(shelf: ShelfId) -> str:
    """A shelf's scale is called after it."""
    return shelf.replace("/", "-").lower()


def sensors_of(layout: Layout, node: NodeId, *, has_eyes: bool) -> list[Sensor]:
    """The sensors of a node that some shelf depends on."""
    sensors: list[Sensor] = [
        (scale_label(name), SensorKind.SCALE, (name,))
        for name, (_, shelf) in layout.shelves().items()
        if shelf.reports_picks == node and shelf.plate
    ]
    if has_eyes:
        sensors += [
            (camera.label, SensorKind.CAMERA, camera.watches)
            for camera in people_cameras(layout)
            if camera.node == node and camera.watches
        ]
    return sensors


def _restart(
    layout: Layout, node: NodeId, sensors: Sequence[Sensor], window: Window, seed: int
) -> list[Found]:
    off_s, on_s = window
    rng = stream(seed, "power", node, f"{off_s:.3f}")
    alive_s = max(0.0, off_s - LAG_S - float(rng.uniform(0.0, ALIVE_EVERY_S)))
    served = tuple(
        shelf_id(gondola.id, shelf.id)
        for gondola in layout.gondola
        for shelf in gondola.shelf
        if shelf.reports_picks == node
        or any(shelf_id(gondola.id, shelf.id) in labels for _, _, labels in sensors)
    )
    started = NodeStarted(
        version="simulated", at_ns=store_ns(on_s), last_alive_ns=store_ns(alive_s), shelves=served
    )
    said = [Found(on_s, started)]
    for label, kind, shelves in sensors:
        seen_s = on_s + FIRST_FRAME_S[kind]
        said += _changes((label, kind, shelves), (on_s, seen_s), "starting", 0.0)
    return said


def _blind(
    label: str, kind: SensorKind, shelves: tuple[ShelfId, ...], faults: Sequence[FaultScript]
) -> list[tuple[Window, str, float]]:
    found = []
    for fault in faults:
        if fault.at_s is None:
            continue
        window = (fault.at_s, fault.at_s + fault.for_s)
        is_scale = kind is SensorKind.SCALE and fault.on in shelves
        if fault.kind is FaultKind.SCALE_SILENT and is_scale and fault.for_s > SILENT_TOLD_S:
            found.append((window, "silent", SILENT_TOLD_S))
        elif fault.kind is FaultKind.CAMERA_BLIND and fault.on == label:
            found.append((window, "black", min(BLIND_TOLD_S, max(0.0, fault.for_s - 0.1))))
    return found


def _changes(sensor: Sensor, window: Window, reason: str, told_s: float) -> list[Found]:
    label, kind, shelves = sensor
    from_s, to_s = window

    def changed(state: SensorState, why: str, since_ns: Ns) -> SensorChanged:
        return SensorChanged(
            sensor=label,
            sensor_kind=kind,
            state=state,
            reason=why,
            shelves=shelves,
            since_ns=since_ns,
        )

    return [
        Found(from_s + told_s, changed(SensorState.BLIND, reason, store_ns(from_s))),
        Found(to_s + BACK_TOLD_S, changed(SensorState.OK, "", store_ns(to_s))),
    ]
