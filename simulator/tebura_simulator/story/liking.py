"""Where in the store something is wanted next."""

from collections.abc import Sequence

from tebura_contract.ids import FacingId

from tebura_simulator.story.chance import Chance
from tebura_simulator.story.supply import Supply

NEAR_M = 0.6
"""Two hands, or two people who want the same, reach no further apart than this."""
_SAME_GONDOLA, _SAME_SHELF = 0.5, 0.2


class Liking:
    """How much each facing is liked, by everybody alike."""

    def __init__(self, supply: Supply, chance: Chance) -> None:
        self._supply = supply
        liking = chance.stream("liking").lognormal(0.0, 0.8, len(supply.facings))
        self._weight = dict(zip(supply.facings, liking.tolist(), strict=True))

    def place(self, chance: Chance, here: FacingId | None) -> FacingId | None:
        """Where something is wanted next: often near by, and rather what is liked."""
        luck, where = chance.stream("place").random(2)
        supply = self._supply
        there = [name for name in supply.facings if supply.room(name) > 0]
        if here is not None and where < _SAME_SHELF + _SAME_GONDOLA:
            depth = 2 if where < _SAME_SHELF else 1
            prefix = here.split("/")[:depth]
            there = [name for name in there if name.split("/")[:depth] == prefix] or there
        return _weighted(there, [self._weight[name] for name in there], luck)


def _weighted(names: Sequence[FacingId], weights: Sequence[float], luck: float) -> FacingId | None:
    """One of them, by weight; `luck` in [0, 1) says which."""
    left = luck * sum(weights)
    for name, weight in zip(names, weights, strict=True):
        left -= weight
        if left < 0:
            return name
    return names[-1] if names else None
