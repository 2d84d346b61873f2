"""What a drawn scenario may take from each facing and put there, so that it can always be played.

Everything is counted as if nothing came back in time: what is taken stood there from the start, and
every place for what comes from elsewhere was left free from the start. So any order will do.
"""

from collections import Counter
from collections.abc import Sequence

from tebura_contract.ids import FacingId, ShelfId, Sku
from tebura_contract.layout import Facing, Layout, Shelf

from tebura_simulator.story.stocking import size_of, stocked_facings


class Supply:
    """The facings of a store that stand on plates, and what is left of each."""

    def __init__(self, layout: Layout) -> None:
        shelves = layout.shelves()
        slots = stocked_facings(layout)
        self.layout = layout
        self.products = layout.products()
        self.facings: dict[FacingId, tuple[ShelfId, Facing]] = {
            name: found for name, found in layout.facings().items() if found[1].plates
        }
        self._shelf: dict[ShelfId, Shelf] = {name: shelf for name, (_, shelf) in shelves.items()}
        self._holds = {name: len(slots[name].slots) for name in self.facings}
        self._taken = Counter[FacingId]()
        self._kept_free = Counter[FacingId]()

    def sku(self, facing: FacingId) -> Sku:
        return self.facings[facing][1].sku

    def weight_g(self, facing: FacingId) -> float:
        return self.products[self.sku(facing)].weight_g

    def shelf(self, facing: FacingId) -> ShelfId:
        return self.facings[facing][0]

    def beside(self, facing: FacingId, within_m: float) -> list[FacingId]:
        """Other facings of that shelf with another product, so near that two hands reach both."""
        shelf, here = self.facings[facing]
        return [
            name
            for name, (where, other) in self.facings.items()
            if where == shelf
            and other.sku != here.sku
            and abs(sum(other.x_m) - sum(here.x_m)) / 2 <= within_m
        ]

    def room(self, facing: FacingId) -> int:
        """How many more can be taken there, or come from elsewhere."""
        return self._holds[facing] - self._taken[facing] - self._kept_free[facing]

    def take(self, facing: FacingId, quantity: int) -> None:
        assert self.room(facing) >= quantity, facing
        self._taken[facing] += quantity

    def leave(self, facing: FacingId, quantity: int) -> None:
        """Those are not taken after all."""
        self._taken[facing] -= quantity

    def keep_free(self, facing: FacingId, quantity: int) -> None:
        assert self.room(facing) >= quantity, facing
        self._kept_free[facing] += quantity

    def fits(self, sku: Sku, facing: FacingId) -> bool:
        """Whether a package of another product can stand in a facing."""
        wide, deep, high = size_of(self.products[sku])
        own_wide, own_deep, _ = size_of(self.products[self.sku(facing)])
        shelf, place = self.facings[facing]
        board = self._shelf[shelf]
        return (
            wide <= max(own_wide * 1.3, place.x_m[1] - place.x_m[0])
            and deep <= max(own_deep * 1.3, board.size_m[1] / 2)
            and high <= board.size_m[2]
        )

    def similar(self, facing: FacingId) -> list[FacingId]:
        """Facings of other products that weigh nearly the same: within 3 g or 3 %."""
        weight_g = self.weight_g(facing)
        return [
            name
            for name in self.facings
            if self.sku(name) != self.sku(facing)
            and abs(self.weight_g(name) - weight_g) <= max(3.0, 0.03 * weight_g)
        ]

    def stock(self, emptier: Sequence[FacingId]) -> dict[FacingId, int]:
        """Stock of the facings that are not full at the start.

        Those kept free for what comes, and `emptier`: down to what is taken there, or to half.
        """
        found = {}
        for name, holds in self._holds.items():
            full = holds - self._kept_free[name]
            if name in emptier:
                full = min(full, max(self._taken[name], (full + 1) // 2))
            if full < holds:
                found[name] = full
        return found
