"""What the layout says of products and places, as the peers use it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from tebura_contract.geometry import Xy, Xyz
from tebura_contract.ids import PlateId, ShelfId, Sku, plate_id
from tebura_contract.layout import Layout

from tebura_simulator.story.stocking import shelf_frame


@dataclass(frozen=True)
class Spot:
    """A facing: which product, where along the shelf's front, on which plates."""

    sku: Sku
    x_m: Xy
    plates: tuple[PlateId, ...]


class Planogram:
    """Spots by shelf, products by plate, and where shelves and plates are on the floor plan."""

    def __init__(self, layout: Layout) -> None:
        self.weight_g = {product.sku: product.weight_g for product in layout.product}
        self.spots: dict[ShelfId, tuple[Spot, ...]] = {
            name: tuple(
                Spot(f.sku, f.x_m, tuple(plate_id(name, plate) for plate in f.plates))
                for f in shelf.facing
            )
            for name, (_, shelf) in layout.shelves().items()
        }
        self.on_plate: dict[PlateId, set[Sku]] = {name: set() for name in layout.plates()}
        for spots in self.spots.values():
            for spot in spots:
                for plate in spot.plates:
                    self.on_plate[plate].add(spot.sku)
        self._frames = {name: shelf_frame(*pair) for name, pair in layout.shelves().items()}
        self._middle_m = {
            name: (
                plate.xy_m[0] + plate.size_m[0] / 2,
                plate.xy_m[1] + plate.size_m[1] / 2,
            )
            for name, (_, plate) in layout.plates().items()
        }

    def skus(self, shelf: ShelfId) -> list[Sku]:
        """Products that stand on a shelf, each once."""
        return list(dict.fromkeys(spot.sku for spot in self.spots[shelf]))

    def lightest_g(self, shelf: ShelfId) -> float | None:
        """Weight of the lightest product of a shelf; None where nothing stands."""
        return min((self.weight_g[sku] for sku in self.skus(shelf)), default=None)

    def plate_m(self, shelf: ShelfId, plate: PlateId) -> Xyz:
        """Where a plate's middle is in the store."""
        return self._frames[shelf].point((*self._middle_m[plate], 0.0))

    def middle_xy_m(self, shelf: ShelfId, plates: Iterable[PlateId]) -> Xy:
        """The middle of several plates of a shelf on the floor plan; there is at least one."""
        x, y, _ = np.mean([self.plate_m(shelf, plate) for plate in plates], axis=0)
        return float(x), float(y)

    def front_m(self, shelf: ShelfId, x_m: float) -> Xyz:
        """A point of a shelf's front edge, `x_m` from its left, in the store."""
        return self._frames[shelf].point((x_m, 0.0, 0.0))

    def groups(self, plates: Iterable[PlateId]) -> list[list[PlateId]]:
        """Plates of one shelf, in the given order, cut where neighbours share no product."""
        groups: list[list[PlateId]] = []
        skus: set[Sku] = set()
        for plate in plates:
            if not groups or not skus & self.on_plate[plate]:
                groups.append([])
                skus = set()
            groups[-1].append(plate)
            skus = skus | self.on_plate[plate]
        return groups
