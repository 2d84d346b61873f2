"""Whom a camera lost, and whom of them somebody new in its sight is like, by what they wear.

What they wore is kept in memory for minutes and told to nobody; what is told is how much likelier
it makes two tracks to be one person. The gateway takes that together with where they were.
"""

from dataclasses import dataclass, field

from tebura_contract.clock import SECOND_NS
from tebura_contract.events import Alike
from tebura_contract.ids import TrackId

from tebura_edge.clothes import Float32s, Worn, likelier

KEPT_NS = 300 * SECOND_NS
"""Whoever was lost longer ago is not looked for by what they wore."""
MOST = 32
"""So many are kept, the last ones."""
_SAMPLES = 4
"""Whoever was seen for so many samples was compared often enough."""
_SAYS = 1.25
"""What makes less of a difference is not told."""


@dataclass(frozen=True, slots=True)
class _Lost:
    at_ns: int
    samples: list[Float32s]


@dataclass(slots=True)
class Missing:
    """Those whom one camera lost."""

    _lost: dict[TrackId, _Lost] = field(default_factory=dict)

    def lose(self, track: TrackId, at_ns: int, worn: Worn) -> None:
        """Somebody is out of sight from then on."""
        if worn.samples:
            self._lost[track] = _Lost(at_ns, worn.samples)
        for one in [*self._lost][:-MOST]:
            del self._lost[one]

    def like(self, worn: Worn, first_ns: int, now_ns: int) -> tuple[Alike, ...]:
        """Whom somebody is like, or unlike, of those lost before they were first seen.

        Nothing once they were seen for long: then it was told.
        """
        self._lost = {
            track: lost for track, lost in self._lost.items() if now_ns - lost.at_ns <= KEPT_NS
        }
        if len(worn.samples) > _SAMPLES:
            return ()
        ratios = {
            track: likelier(lost.samples, worn.samples)
            for track, lost in self._lost.items()
            if lost.at_ns <= first_ns
        }
        return tuple(
            Alike(track=track, ratio=round(ratio, 2))
            for track, ratio in ratios.items()
            if max(ratio, 1.0 / ratio) >= _SAYS
        )
