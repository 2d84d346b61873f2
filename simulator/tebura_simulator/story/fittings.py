"""The facings of a store's shelves, as visits add those that its planogram lacks."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
from tebura_contract.geometry import Xy
from tebura_contract.ids import FacingId, ShelfId, Sku, facing_id, shelf_id
from tebura_contract.layout import Facing, Layout, Plate, Product, Shelf


class PlaceError(ValueError):
    """A label names a place the store does not have."""


def shelf_of(facing: FacingId) -> ShelfId:
    return ShelfId(facing.rpartition("/")[0])


@dataclass
class Fittings:
    """The shelves of a store as facings are added to them."""

    layout: Layout
    added: dict[FacingId, Facing] = field(default_factory=dict)
    depth: dict[FacingId, int] = field(default_factory=dict)

    def facings(self, shelf: ShelfId) -> dict[FacingId, Facing]:
        """What is on a shelf, from left to right, the added ones last."""
        own = self._shelf(shelf).facing
        found = {facing_id(shelf, f.id): f for f in sorted(own, key=lambda f: f.x_m)}
        found |= {n: f for n, f in self.added.items() if shelf_of(n) == shelf}
        return found

    def plates(self, shelf: ShelfId) -> dict[str, Plate]:
        return {plate.id: plate for plate in self._shelf(shelf).plate}

    def _shelf(self, shelf: ShelfId) -> Shelf:
        found = self.layout.shelves().get(shelf)
        if found is None:
            raise PlaceError(f"the layout has no shelf {shelf!r}")
        return found[1]

    def home(self, sku: Sku) -> FacingId | None:
        """The first facing of a product, wherever it is."""
        everywhere = (n for name in self.layout.shelves() for n in self._of(sku, name))
        return next(everywhere, None)

    def _of(self, sku: Sku, shelf: ShelfId) -> Iterator[FacingId]:
        return (name for name, facing in self.facings(shelf).items() if facing.sku == sku)

    def source(self, sku: Sku, near: FacingId) -> FacingId:
        """Where a product that ends up in `near` may have come from: there, or its home."""
        at = self.facings(shelf_of(near))[near]
        if at.sku == sku:
            return near
        return self.home(sku) or self.add(sku, shelf_of(near), at.plates)

    def own(self, sku: Sku, shelf: ShelfId, plates: tuple[str, ...]) -> FacingId | None:
        """The facing of a product that shares most of these plates."""
        shared = {
            name: len(set(plates) & set(self.facings(shelf)[name].plates))
            for name in self._of(sku, shelf)
        }
        best = max(shared, key=lambda name: shared[name], default=None)
        return best if best is not None and shared[best] else None

    def nearest(self, shelf: ShelfId, plates: tuple[str, ...]) -> FacingId | None:
        """The facing that shares most of these plates, whatever it holds; the left one of equals.

        The planogram's own before those that were added.
        """
        facings = self.facings(shelf)
        shared = {
            n: (len(set(plates) & set(f.plates)), n not in self.added) for n, f in facings.items()
        }
        planned = {n: count for n, (count, is_planned) in shared.items() if count and is_planned}
        found = planned or {n: count for n, (count, _) in shared.items() if count}
        return max(found, key=lambda name: found[name], default=None)

    def add(self, sku: Sku, shelf: ShelfId, plates: tuple[str, ...]) -> FacingId:
        """A new facing of a product on these plates."""
        known = self.plates(shelf)
        mine = sorted((known[plate] for plate in plates), key=lambda plate: plate.xy_m)
        ends = mine[0].id if len(mine) == 1 else f"{mine[0].id}-{mine[-1].id}"
        names = set(self.facings(shelf))
        name = next(
            n
            for count in range(len(names) + 1)
            if (n := facing_id(shelf, f"{ends}.also{count + 1 if count else ''}")) not in names
        )
        extent: Xy = (mine[0].xy_m[0], mine[-1].xy_m[0] + mine[-1].size_m[0])
        self.added[name] = Facing(
            id=name.rpartition("/")[2], sku=sku, x_m=extent, plates=tuple(p.id for p in mine)
        )
        return name

    def result(self, products: dict[Sku, Product]) -> Layout:
        """The layout with what was added; `products` are all it then knows."""
        gondolas = []
        for gondola in self.layout.gondola:
            shelves = []
            for shelf in gondola.shelf:
                facings = self.facings(shelf_id(gondola.id, shelf.id))
                deep = tuple(
                    msgspec.structs.replace(f, depth=max(f.depth, self.depth.get(n, 1)))
                    for n, f in facings.items()
                )
                shelves.append(msgspec.structs.replace(shelf, facing=deep))
            gondolas.append(msgspec.structs.replace(gondola, shelf=tuple(shelves)))
        return msgspec.structs.replace(
            self.layout, product=tuple(products.values()), gondola=tuple(gondolas)
        )
