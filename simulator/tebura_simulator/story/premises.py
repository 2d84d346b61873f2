"""What all shoppers of a scenario share: the door, the gate's reader, the stock on the shelves."""

import numpy as np
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, Sku
from tebura_contract.layout import Camera, Gate, Layout

from tebura_simulator.story.script import Scenario
from tebura_simulator.story.stocking import Slot, StockedFacing, stocked_facings
from tebura_simulator.story.timetable import Action, Item, Move


class Premises:
    """Which item stands in which slot, and the timetable of items as it grows."""

    def __init__(self, scenario: Scenario, layout: Layout) -> None:
        self.layout = layout
        self.name = scenario.name
        self.seed = scenario.seed
        self.facings = stocked_facings(layout)
        self.items: list[Item] = []
        self.moves: list[Move] = []
        self.actions: list[Action] = []
        self._standing: dict[Slot, tuple[float, Item]] = {}
        for facing in self.facings.values():
            stock = scenario.stock.get(facing.id, len(facing.slots))
            # A facing that is not full has been emptied from the front.
            for number, slot in enumerate(facing.slots[max(0, len(facing.slots) - stock) :]):
                item = Item(f"{facing.id}#{number}", facing.sku, slot)
                self.items.append(item)
                self._standing[slot] = (0.0, item)
        self.gate = next(iter(layout.gate), None)
        self.reader = _reader(layout, self.gate)
        self.door_m = scenario.door_m or _door(layout, self.gate)

    def take(
        self, facing: StockedFacing, sku: Sku, quantity: int, now_s: float
    ) -> dict[Slot, Item]:
        """Take the first items a hand finds: where they stood, and which they are."""
        there = [
            slot
            for slot in facing.slots
            if slot in self._standing
            and self._standing[slot][0] <= now_s
            and self._standing[slot][1].sku == sku
        ]
        if len(there) < quantity:
            raise ValueError(
                f"scenario {self.name!r}: {quantity} {sku!r} wanted at {now_s:.1f} s, "
                f"{len(there)} stand in {facing.id!r}"
            )
        return {slot: self._standing.pop(slot)[1] for slot in there[:quantity]}

    def free(self, facing: StockedFacing, quantity: int) -> list[Slot]:
        """The slots an item is put back to: the rearmost empty ones of the front."""
        empty = [slot for slot in facing.slots if slot not in self._standing]
        if len(empty) < quantity:
            raise ValueError(f"scenario {self.name!r}: {facing.id!r} has no room for {quantity}")
        return empty[-quantity:]

    def put(self, slots: list[Slot], items: list[Item], t_s: float) -> None:
        for slot, item in zip(slots, items, strict=True):
            self._standing[slot] = (t_s, item)


def reader_label(layout: Layout, gate: Gate | None) -> CameraId | None:
    """The camera that reads codes at a gate: the one on the gate's own node."""
    camera = _reader(layout, gate)
    return camera.label if camera else None


def _reader(layout: Layout, gate: Gate | None) -> Camera | None:
    if gate is None:
        return None
    return next((camera for camera in layout.camera if camera.node == gate.node), None)


def _door(layout: Layout, gate: Gate | None) -> Xy:
    """The point of the floor's outline nearest to the gate; the origin where neither is known."""
    outline = layout.store.floor_m
    if gate is None or not gate.zone_m or len(outline) < 2:
        return (0.0, 0.0)
    goal = np.asarray(center_of(gate.zone_m))
    nearest = []
    for a, b in zip(outline, outline[1:] + outline[:1], strict=True):
        start, edge = np.asarray(a), np.asarray(b) - np.asarray(a)
        share = float(np.clip((goal - start) @ edge / max(1e-9, edge @ edge), 0.0, 1.0))
        nearest.append(start + share * edge)
    best = min(nearest, key=lambda point: float(np.linalg.norm(point - goal)))
    return (float(best[0]), float(best[1]))


def center_of(polygon: tuple[Xy, ...]) -> Xy:
    x, y = np.mean(np.asarray(polygon), axis=0)
    return (float(x), float(y))
