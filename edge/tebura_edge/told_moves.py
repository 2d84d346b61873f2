"""The moves of a scale's plates that were told lately, and what follows them.

Neighbours of what was told rest late and stay off, or swing back: an echo, which nobody did. But
what a plate gives back of what was told of that plate itself is told, too, however little it is.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tebura_contract.clock import ns_from_s

from tebura_edge.actions import SMALL_G, SMALL_LINKS
from tebura_edge.plate_move import PlateMove

SWINGS_G: Final = 4.0
SWINGS_LINKS: Final = 1.5
"""A neighbour that is back where it was within so many times the time that links moves was only
pushed."""

BACK_S: Final = 20.0
BACK_SHARE: Final = 0.4
"""What a plate gives back so soon, this share of it at least, goes with what was told: a hand that
lifts a shelf by the weight of a stick of gum lets it down again."""

_KEPT: Final = 24


class ToldMoves:
    """What was told lately of one scale, in the order in which it was.

    Args:
        near: The plates near each plate.
    """

    def __init__(self, near: Sequence[Sequence[int]]) -> None:
        self._near = near
        self._moves: deque[PlateMove] = deque(maxlen=_KEPT)
        self._largest: dict[int, PlateMove] = {}

    def __iter__(self) -> Iterator[PlateMove]:
        return iter(self._moves)

    def add(self, moves: Iterable[PlateMove]) -> None:
        """Neighbours will stay off by these."""
        self._moves.extend(moves)

    def add_step(self, moves: Sequence[PlateMove]) -> None:
        """The moves of a step."""
        self.add(moves)
        largest = max(moves, key=lambda move: abs(move.delta_g))
        self._largest[largest.plate] = largest

    def taken_back(self, move: PlateMove) -> PlateMove | None:
        """The move last told of its plate, if this takes some of it back."""
        last = self._largest.get(move.plate)
        if last is None or move.from_ns - last.to_ns > ns_from_s(BACK_S):
            return None
        is_back = -move.delta_g / last.delta_g >= BACK_SHARE
        return last if is_back else None

    def is_echo(self, moves: Sequence[PlateMove], link_ns: int) -> bool:
        """Whether these are neighbours of a larger move just told, which rested late and stay off.

        Or which swing back: nobody puts back in half a second what they took, though another may
        put back what was told as taken. What one plate does in parts counts as a whole.
        """
        sums_g: dict[int, float] = {}
        for move in moves:
            sums_g[move.plate] = sums_g.get(move.plate, 0.0) + move.delta_g
        return all(
            self._swings_back(move, link_ns)
            or (abs(sums_g[move.plate]) < SMALL_G and self._stays_off(move, link_ns))
            for move in moves
        )

    def _stays_off(self, move: PlateMove, link_ns: int) -> bool:
        return (
            abs(move.delta_g) < SMALL_G
            and self.taken_back(move) is None
            and any(
                other.plate in self._near[move.plate]
                and abs(other.turned_ns - move.turned_ns) <= SMALL_LINKS * link_ns
                and abs(other.delta_g) > 2 * abs(move.delta_g)
                for other in self._moves
            )
        )

    def _swings_back(self, move: PlateMove, link_ns: int) -> bool:
        least_g, told = max(SWINGS_G, 3 * move.sigma_g), self._largest.get(move.plate)
        return any(
            other.plate == move.plate
            and other is not told
            and 0 <= move.turned_ns - other.turned_ns <= SWINGS_LINKS * link_ns
            and abs(other.delta_g + move.delta_g) <= least_g
            and any(
                third.plate in self._near[move.plate]
                and abs(third.turned_ns - other.turned_ns) <= link_ns
                and abs(third.delta_g) >= abs(other.delta_g)
                for third in self._moves
            )
            for other in self._moves
        )
