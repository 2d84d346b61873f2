"""How much stands on the shelves, so that a visit can take and put back what it does."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tebura_contract.ids import FacingId
from tebura_contract.layout import Layout

from tebura_simulator.story.cleaned import Change, Cleaned
from tebura_simulator.story.fittings import Fittings, shelf_of
from tebura_simulator.story.placing import Placed
from tebura_simulator.story.scenario import Deed
from tebura_simulator.story.stocking import stocked_facings


def deepen(
    placed: Mapping[str, Sequence[Placed]],
    fittings: Fittings,
    shop: Layout,
    cleaned: list[Cleaned],
) -> None:
    """Let as many stand one behind the other as the visits take, and as they put back."""
    facings, stocked = shop.facings(), stocked_facings(shop)
    for name, mine in placed.items():
        for facing, (most, room) in _needs(mine, shop).items():
            depth = max(facings[facing][1].depth, fittings.depth.get(facing, 1))
            columns = len(stocked[facing].slots) // facings[facing][1].depth
            needed = math.ceil((most + room) / columns)
            if needed > depth:
                fittings.depth[facing] = needed
                why = f"{facing}: {needed} rows, so that {most} stand there and {room} fit in"
                cleaned.append(Cleaned(visit=name, event=None, what=Change.STORE, why=why))


def _needs(mine: Sequence[Placed], shop: Layout) -> dict[FacingId, tuple[int, int]]:
    """For each facing used: how many of its own must stand there, and room for how many more.

    Whoever comes first: each shopper's need by itself, added up.
    """
    facings = shop.facings()
    level: Counter[tuple[str, FacingId, bool]] = Counter()
    low: Counter[tuple[str, FacingId, bool]] = Counter()
    high: Counter[tuple[str, FacingId, bool]] = Counter()
    for one in mine:
        if one.deed is Deed.HAND_OVER:
            continue
        key = (one.shopper, one.facing, facings[one.facing][1].sku == one.sku)
        level[key] += one.quantity if one.deed is Deed.PUT_BACK else -one.quantity
        low[key], high[key] = min(low[key], level[key]), max(high[key], level[key])
    found: defaultdict[FacingId, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for key in level:
        _, facing, is_own = key
        most, room = found[facing]
        found[facing] = (most - low[key] if is_own else most, room + high[key])
    return dict(found)


def stock(mine: Sequence[Placed], shop: Layout, fittings: Fittings) -> dict[FacingId, int]:
    """Full, but for room to put back; an added facing shares its plates with nothing unused."""
    facings, stocked, needs = shop.facings(), stocked_facings(shop), _needs(mine, shop)
    found = {name: len(stocked[name].slots) - room for name, (_, room) in needs.items() if room}
    for added in fittings.added:
        if not needs.get(added, (0, 0))[0]:
            found[added] = 0
            continue
        shelf, mine_plates = shelf_of(added), set(facings[added][1].plates)
        for other, facing in fittings.facings(shelf).items():
            if other != added and other not in needs and mine_plates & set(facing.plates):
                found[other] = 0
    return dict(sorted(found.items()))
