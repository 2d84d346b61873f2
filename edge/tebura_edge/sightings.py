"""Where everybody in a camera's sight stands, and has their hands, told at common moments.

All cameras take the same half seconds of store time, so that the gateway can compare them: each
full second is told, with the half second before it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.events import HandSeen, PeopleSeen, Seen
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, ShelfId, TrackId

from tebura_edge.footing import Footing
from tebura_edge.missing import Missing
from tebura_edge.reaches import HandAt
from tebura_edge.tracker import Track

_HALF_NS = SECOND_NS // 2
_EXCHANGED_NS = 3 * SECOND_NS
"""What cannot be told for so long is not told any more."""
_WALKING_S = 0.06
"""Of a walking speed: feet of drawn people who walk lie off by 0.07 to 0.09 m in the median."""
_LEAST_HAND = 0.02
"""What is less likely in a shelf is not told."""


@dataclass(slots=True)
class Rounds:
    """One camera's: which half second was taken last, and where everybody stood in it."""

    camera: CameraId
    _half: int | None = None
    _before: dict[TrackId, Xy] = field(default_factory=dict)
    _exchanged: list[tuple[int, tuple[TrackId, TrackId]]] = field(default_factory=list)
    _hands: dict[TrackId, dict[ShelfId, tuple[int, HandAt]]] = field(default_factory=dict)
    _missing: Missing = field(default_factory=Missing)

    def lose(self, name: TrackId, track: Track) -> None:
        """A track ended."""
        self._missing.lose(name, track.last_ns, track.clothes)

    def reach(self, now_ns: int, track: TrackId, hands: Mapping[ShelfId, HandAt]) -> None:
        """Take where a frame shows somebody's hands, each frame of the second to be told next."""
        best = self._hands.setdefault(track, {})
        for shelf, hand in hands.items():
            before = best[shelf][1].probability if shelf in best else 0.0
            if hand.probability > max(before, _LEAST_HAND):
                best[shelf] = (now_ns, hand)

    def step(
        self,
        now_ns: int,
        people: Iterable[tuple[TrackId, Track]],
        footing: Footing,
        exchanged: Iterable[tuple[TrackId, TrackId]] = (),
    ) -> list[PeopleSeen]:
        """Take a frame's people, and pairs that had been taken for each other.

        Of people those of the first frame of a half second count.
        """
        self._exchanged += [(now_ns, pair) for pair in exchanged]
        half = now_ns // _HALF_NS
        if half == self._half:
            return []
        at_ns, is_next = half * _HALF_NS, self._half == half - 1
        self._half = half
        before = self._before if is_next else {}
        if not is_next:
            self._hands.clear()
        seen = [
            Seen(
                track=name,
                foot_xy_m=_at(track, at_ns),
                sd_m=round(_sd_m(track, footing), 3),
                before_xy_m=before.get(name),
                hands=_told(self._hands.get(name, {})),
                alike=() if half % 2 else self._missing.like(track.clothes, track.first_ns, now_ns),
            )
            for name, track in people
            if track.foot_m is not None and track.last_ns == now_ns
        ]
        self._before = {one.track: one.foot_xy_m for one in seen}
        if half % 2:
            return []
        self._hands.clear()
        if not seen:
            return []
        told = self._take_exchanged(now_ns)
        return [PeopleSeen(camera=self.camera, at_ns=Ns(at_ns), people=tuple(seen), exchanged=told)]

    def _take_exchanged(self, now_ns: int) -> tuple[tuple[TrackId, TrackId], ...]:
        """Pairs of whom both are seen now; the others wait a little for it."""
        fresh = [one for one in self._exchanged if now_ns - one[0] <= _EXCHANGED_NS]
        told = tuple(pair for _, pair in fresh if self._before.keys() >= set(pair))
        self._exchanged = [one for one in fresh if one[1] not in told]
        return told


def _told(hands: Mapping[ShelfId, tuple[int, HandAt]]) -> tuple[HandSeen, ...]:
    return tuple(
        HandSeen(
            shelf=shelf,
            at_ns=Ns(at_ns),
            x_m=round(hand.x_m, 2),
            probability=round(hand.probability, 3),
        )
        for shelf, (at_ns, hand) in hands.items()
    )


def _at(track: Track, at_ns: int) -> Xy:
    """Where the foot was at the moment, which is a part of a frame's time ago."""
    foot_m = track.foot_at(at_ns)
    assert foot_m is not None
    x_m, y_m = foot_m
    return (round(float(x_m), 3), round(float(y_m), 3))


def _sd_m(track: Track, footing: Footing) -> float:
    """How far off that is each way: more of who walks."""
    standing_m = footing.sd_m(track.box, track.keypoints)
    return float(np.hypot(standing_m, _WALKING_S * np.hypot(*track.foot_velocity)))
