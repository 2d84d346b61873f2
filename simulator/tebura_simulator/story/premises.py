"""What all shoppers of a scenario share: door and reader, what stands on shelves and lies about."""

import math
from collections.abc import Sequence

import numpy as np
from tebura_contract.geometry import Xy, Xyz
from tebura_contract.ids import CameraId, FacingId, Sku
from tebura_contract.layout import Camera, Gate, GateDirection, Layout

from tebura_simulator.story.footprints import Walls, footprints_of
from tebura_simulator.story.routes import Aisles
from tebura_simulator.story.script import Scenario
from tebura_simulator.story.stocking import Slot, StockedFacing, stocked_facings
from tebura_simulator.story.timetable import Action, Item, Move, Touch


class Premises:
    """Which item stands in which slot or lies on the floor, and the timetable as it grows.

    People are planned one after another, each some way ahead in time: what is here says from when
    on it is so.
    """

    def __init__(self, scenario: Scenario, layout: Layout) -> None:
        self.layout = layout
        self.facings = stocked_facings(layout)
        self.products = layout.products()
        self.aisles = Aisles(layout)
        self.footprints = footprints_of(layout)
        self.walls = Walls(layout.store.floor_m)
        self.items: list[Item] = []
        self.moves: list[Move] = []
        self.actions: list[Action] = []
        self.touches: list[Touch] = []
        self.laid_g: dict[tuple[str, FacingId], list[float]] = {}
        self._standing: dict[Slot, tuple[float, Item]] = {}
        self._free_from_s: dict[Slot, float] = {}
        self._lying: list[tuple[float, Item, Xyz]] = []
        self._brought = 0
        for facing in self.facings.values():
            stock = scenario.stock.get(facing.id, len(facing.slots))
            # A facing that is not full has been emptied from the front.
            for number, slot in enumerate(facing.slots[max(0, len(facing.slots) - stock) :]):
                item = Item(f"{facing.id}#{number}", facing.sku, slot)
                self.items.append(item)
                self._standing[slot] = (0.0, item)
        self.gate = next((g for g in layout.gate if g.direction is not GateDirection.EXIT), None)
        self.reader = _reader(layout, self.gate)
        self.door_m = scenario.door_m or _door(layout, self.gate)

    # Shelves

    def stock_from_s(self, facing: StockedFacing, sku: Sku, quantity: int) -> float | None:
        """From when on so many of a product stand there; None if they never do, as far as known."""
        since = sorted(t_s for slot in facing.slots for t_s in self._since(slot, sku))
        return since[quantity - 1] if len(since) >= quantity else None

    def take(
        self, facing: StockedFacing, sku: Sku, quantity: int, now_s: float
    ) -> dict[Slot, Item]:
        """Take the first items a hand finds: where they stood, and which they are."""
        there = [
            slot for slot in facing.slots if any(t_s <= now_s for t_s in self._since(slot, sku))
        ][:quantity]
        if len(there) < quantity:
            raise ValueError(f"{len(there)} {sku!r} stand in {facing.id!r} at {now_s:.1f} s")
        return {slot: self._standing.pop(slot)[1] for slot in there}

    def emptied(self, slots: Sequence[Slot], t_s: float) -> None:
        """What was taken from these places has left them."""
        for slot in slots:
            self._free_from_s[slot] = t_s

    def room_from_s(self, facing: StockedFacing, quantity: int) -> float | None:
        """From when on so many places are free there; None if they never are, as far as known."""
        since = sorted(
            self._free_from_s.get(slot, 0.0) for slot in facing.slots if slot not in self._standing
        )
        return since[quantity - 1] if len(since) >= quantity else None

    def free(self, facing: StockedFacing, quantity: int, now_s: float) -> list[Slot]:
        """The slots an item is put to: the rearmost empty ones of the front."""
        empty = [
            slot
            for slot in facing.slots
            if slot not in self._standing and self._free_from_s.get(slot, 0.0) <= now_s
        ]
        if len(empty) < quantity:
            raise ValueError(f"{facing.id!r} has no room for {quantity}")
        return empty[-quantity:]

    def put(self, slots: Sequence[Slot], items: Sequence[Item], shopper: str, t_s: float) -> None:
        """Somebody puts items there."""
        for slot, item in zip(slots, items, strict=True):
            self._standing[slot] = (t_s, item)
            self.moves.append(Move(t_s, item, shopper, slot=slot))

    def brought(self, sku: Sku, quantity: int, bearer: str) -> list[Item]:
        """New packages that somebody carries in."""
        first, self._brought = self._brought, self._brought + quantity
        new = [Item(f"refill#{first + n}", sku, None, bearer) for n in range(quantity)]
        self.items += new
        return new

    def _since(self, slot: Slot, sku: Sku) -> tuple[float, ...]:
        standing = self._standing.get(slot)
        return (standing[0],) if standing is not None and standing[1].sku == sku else ()

    # The floor

    def is_clear(self, point: Xy, by_m: float) -> bool:
        """Whether a point of the floor is so far from gondolas and walls."""
        return self.walls.holds(point, by_m) and not any(
            footprint.holds(point, by_m) for footprint in self.footprints
        )

    def drop(self, item: Item, at_m: Xyz, shopper: str, t_s: float) -> None:
        """Somebody lets an item fall."""
        self._lying.append((t_s, item, at_m))
        self.moves.append(Move(t_s, item, shopper, floor_m=at_m))

    def lying_from_s(self, sku: Sku, quantity: int) -> float | None:
        """From when on so many of a product lie on the floor; None if never, as far as known."""
        since = sorted(t_s for t_s, item, _ in self._lying if item.sku == sku)
        return since[quantity - 1] if len(since) >= quantity else None

    def pick_up(self, sku: Sku, near_m: Xy, now_s: float) -> tuple[Item, Xyz]:
        """The nearest one that lies there."""
        there = [
            (math.dist(at_m[:2], near_m), index)
            for index, (t_s, item, at_m) in enumerate(self._lying)
            if item.sku == sku and t_s <= now_s
        ]
        if not there:
            raise ValueError(f"no {sku!r} lies on the floor at {now_s:.1f} s")
        _, item, at_m = self._lying.pop(min(there)[1])
        return item, at_m


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
