"""What lies on the plates: the weight of each package, and how it is shared between plates.

No two packages of a product weigh the same, but one weighs the same wherever it goes. It may stand
on one plate of its facing or across two or three.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import FacingId, PlateId, Sku
from tebura_contract.layout import Layout, Product

from tebura_simulator.plates.cells import Cells, stream
from tebura_simulator.plates.models import PACKAGE_SHARE
from tebura_simulator.plates.quantiles import Floats
from tebura_simulator.story.timetable import Action, ActionKind

WORST_SDS = 3.0
PLATES_UNDER = (0.5, 0.3, 0.2)
"""How often something whose size nobody told stands on one, two, three plates."""
EVENNESS = 12.0
MOST_PLATES = 3


@dataclass(frozen=True, eq=False)
class Change:
    """A weight that comes onto or goes off plates (columns) at a moment: `grams` of each."""

    columns: NDArray[np.int64]
    grams: Floats


@dataclass(eq=False)
class Packages:
    """Follows every package of a scenario through its actions, in their order."""

    layout: Layout
    cells: Cells
    corner: float
    seed: int
    _products: dict[Sku, Product] = field(init=False)
    _column: dict[PlateId, int] = field(init=False)
    _held: dict[tuple[str, Sku], list[str]] = field(init=False)
    _stands: dict[tuple[str, FacingId], tuple[NDArray[np.int64], Floats]] = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self._products = self.layout.products()
        self._column = {plate: i for i, plate in enumerate(self.cells.plates)}
        self._held = defaultdict(list)
        self._stands = {}

    def standing_g(self, standing: dict[FacingId, tuple[Sku, ...]]) -> Floats:
        """Grams on each plate, (plates,), of what stands in the facings at the start."""
        total_g = np.zeros(len(self.cells.plates))
        facings = self.layout.facings()
        for name, skus in standing.items():
            shelf, facing = facings[name]
            under = [self._column[PlateId(f"{shelf}/{plate}")] for plate in facing.plates]
            if under:
                total_g[under] += sum(self._products[sku].weight_g for sku in skus) / len(under)
        return total_g

    def change(self, action: Action) -> Change | None:
        """What the action does to its plates; None where it has none."""
        mine = sorted({self._column[p] for p in action.plates if p in self._column})
        under = np.array(mine, np.int64)
        if not len(under):
            return None
        grams = np.zeros(len(under))
        for name, weight_g in self._weights(action):
            columns, shares = self._share(name, action, under)
            grams[np.searchsorted(under, columns)] += weight_g * shares
        return Change(under, -grams if action.kind.is_removal else grams)

    def weight_g(self, item: str, sku: Sku) -> float:
        """What this package weighs."""
        product = self._products[sku]
        off = float(np.clip(stream(self.seed, "package", item).normal(), -WORST_SDS, WORST_SDS))
        sd_g = product.weight_sd_g or PACKAGE_SHARE * product.weight_g
        return max(0.0, product.weight_g + off * sd_g)

    def _weights(self, action: Action) -> list[tuple[str, float]]:
        if action.kind in (ActionKind.LAY, ActionKind.RETRIEVE):
            return [(f"own/{action.shopper}/{abs(action.delta_g):.3f}", abs(action.delta_g))]
        return [(item, self.weight_g(item, action.sku)) for item in self._items(action)]

    def _items(self, action: Action) -> list[str]:
        """The packages of an action: named, or those its shopper took last."""
        if action.items:
            return list(action.items)
        held = self._held[action.shopper, action.sku]
        if action.kind is ActionKind.PUT_BACK:
            back, held[:] = held[-action.quantity :], held[: -action.quantity]
            return back
        fresh = [f"{action.sku}/{self._count + i}" for i in range(action.quantity)]
        self._count += action.quantity
        held += fresh
        return fresh

    def _share(
        self, item: str, action: Action, under: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats]:
        """On which plates it stands with which share; the same when it leaves as when it came."""
        place = item, action.facing
        if action.kind.is_removal and place in self._stands:
            return self._stands.pop(place)
        rng = stream(self.seed, "share", item, action.facing, f"{action.t_s:.4f}")
        columns = self._plates_under(action, under, rng)
        shares = rng.dirichlet(np.full(len(columns), EVENNESS)) if len(columns) > 1 else np.ones(1)
        if len(columns) == MOST_PLATES:
            # It leans on one end, as 56, 25 and 18 % do, as often as on the middle.
            weights = np.sort(rng.dirichlet(np.full(MOST_PLATES, 3.0)))[::-1]
            shares = weights if rng.random() < 0.5 else weights[[1, 0, 2]]
        # Where on its plate it stands changes what it seems to weigh.
        found = columns, shares * (1.0 + self.corner * rng.normal(size=len(columns)))
        if not action.kind.is_removal:
            self._stands[place] = found
        return found

    def _plates_under(
        self, action: Action, under: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """One to three plates side by side, by the width of the product where it is known."""
        product = self._products.get(action.sku)
        most = min(len(under), MOST_PLATES)
        if product is None or product.size_m is None:
            chances = np.array(PLATES_UNDER[:most])
            count = int(rng.choice(most, p=chances / chances.sum())) + 1
        else:
            # Of a thing 0.7 plates wide, 0.7 of all places lie across an edge.
            whole, rest = divmod(product.size_m[0] / float(self.cells.width_m[under[0]]), 1.0)
            count = min(most, 1 + int(whole) + int(rng.random() < rest))
        first = int(rng.integers(0, len(under) - count + 1))
        return under[first : first + count]
