"""Moves of single plates that were too little to tell when they were found.

Noise takes a part of the lightest product from one look in a hundred, and a window that still holds
some of what was before takes more. So what is not much too little is weighed again when its plate
has rested for longer; and if the plate moves on the same way before that, both are one move.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from tebura_contract.clock import ns_from_s

from tebura_edge.actions import Pending
from tebura_edge.levels import Levels
from tebura_edge.plate_move import PlateMove

AFTER_S: Final = 2.0
"""When it is looked at again: what is behind the move then fills the longest window but one."""

LEAST_SHARE: Final = 0.5
LEAST_SIGMAS: Final = 2.0
"""What is less than this share of the smallest step, or than so many deviations, is let go."""


@dataclass(slots=True)
class SecondLooks:
    """Moves that wait for their second look, by plate."""

    waiting: dict[int, Pending] = field(default_factory=dict)

    def add(self, move: PlateMove, now_ns: int, smallest_g: float, sigma_g: float) -> None:
        """Look at a move again if it is not far from a step."""
        if abs(move.delta_g) >= max(LEAST_SHARE * smallest_g, LEAST_SIGMAS * sigma_g):
            self.waiting[move.plate] = Pending(move, now_ns)

    def whole(self, move: PlateMove) -> PlateMove:
        """A new move, with what its plate did just before if that went the same way."""
        first = self.waiting.pop(move.plate, None)
        if first is None or first.move.delta_g * move.delta_g < 0:
            return move
        return replace(
            move,
            before_g=first.move.before_g,
            rested_ns=first.move.rested_ns,
            from_ns=first.move.from_ns,
            is_handled=first.move.is_handled or move.is_handled,
            blind=move.blind or first.move.blind,
        )

    def due(self, levels: Levels, now_ns: int) -> list[PlateMove]:
        """What has waited for long enough, as its plate weighs now; nothing where that moves."""
        old = [one for one in self.waiting.values() if now_ns - one.seen_ns >= ns_from_s(AFTER_S)]
        for one in old:
            del self.waiting[one.move.plate]
        return [
            replace(one.move, after_g=float(levels.rest_g[one.move.plate]))
            for one in old
            if levels.is_resting[one.move.plate] and not levels.is_ignored[one.move.plate]
        ]
