"""Reaches as one eye tells them, with the ways in which they go wrong."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tebura_contract.events import HandContent, Reach, TrackEnded, TrackStarted
from tebura_contract.geometry import Xy
from tebura_contract.ids import ShelfId, TrackId, track_id
from tebura_contract.layout import Layout
from tebura_edge.geometry import Front, shelf_fronts

from tebura_simulator.epoch import store_ns
from tebura_simulator.sight.eyes import Eye
from tebura_simulator.sight.hands import BRIDGE_S, InShelf
from tebura_simulator.sight.motion import STEP_S, Walker
from tebura_simulator.sight.told import Found
from tebura_simulator.sight.tracking import Tracks, smallness
from tebura_simulator.story.scenario import SightScript

SAID_S = BRIDGE_S + 0.1
SHORTEST_S = 0.15
"""What is seen of a hand for less is no reach."""
SURE, UNSURE = (0.6, 0.88), (0.35, 0.5)
"""Confidence of a real reach and of one that is none, as on the demo's footage."""
ARM_M = 0.9
"""Nobody seems to reach into a shelf farther from where they stand."""
INVENTED_S = (0.3, 1.5)
GHOST_NUMBER = 9000


@dataclass
class Reaches:
    """Tells all reaches of one eye.

    Args:
        eye: Whose.
        tracks: What it follows.
        walkers: Everybody, for who stands near whom.
        sight: The rates.
        layout: The store.
        rng: Chance of this eye's reaches.
    """

    eye: Eye
    tracks: Tracks
    walkers: Sequence[Walker]
    sight: SightScript
    layout: Layout
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self._by_id = {walker.id: walker for walker in self.walkers}
        self._fronts = shelf_fronts(self.layout)
        self._ghosts = 0

    def tell(self, hands: Sequence[InShelf]) -> list[Found]:
        found = []
        for hand in hands:
            if hand.shelf in self.eye.watchers:
                found += self._tell(hand)
        return found + self._invented()

    def _tell(self, hand: InShelf) -> list[Found]:
        sight, rng = self.sight, self.rng
        # All is drawn for each hand, so that what becomes of one does not shift the others.
        chance = rng.random(5)
        late_s = rng.uniform(0.0, sight.late_s) if chance[3] < sight.late else 0.0
        reach_of = self._seen(hand)
        missed = min(1.0, sight.missed * smallness(self._by_id[hand.person]))
        if reach_of is None or chance[0] < missed:
            return []
        person, (from_s, to_s) = hand.person, reach_of
        if chance[1] < sight.swapped:
            person = self._beside(person, (from_s + to_s) / 2) or person
        track = self._track(person, from_s, to_s)
        if track is None:
            return []
        reach = self._reach(hand, track, from_s, to_s, SURE)
        said_s = max(reach.to_ns - store_ns(0.0), 0) / 1e9 + SAID_S
        found = [Found(said_s + late_s, reach)]
        if chance[2] < sight.doubled:
            found += self._again(hand, reach, said_s, is_other_shelf=chance[4] < 0.5)
        return found

    def _seen(self, hand: InShelf) -> tuple[float, float] | None:
        """The longest part of a reach that the eye could see; a node that went off tells none."""
        steps = range(math.floor(hand.from_s / STEP_S), math.ceil(hand.to_s / STEP_S))
        lit = [self.eye.sees_shelf(hand.shelf, step) for step in steps]
        if all(lit):
            return hand.from_s, hand.to_s
        best: tuple[float, float] | None = None
        start: int | None = None
        for step, is_lit in zip([*steps, steps.stop], [*lit, False], strict=True):
            if is_lit and start is None:
                start = step
            elif not is_lit and start is not None:
                part = (max(hand.from_s, start * STEP_S), min(hand.to_s, step * STEP_S))
                is_kept = not self.eye.outages.is_off(self.eye.node, step * STEP_S)
                if is_kept and (best is None or part[1] - part[0] > best[1] - best[0]):
                    best = part
                start = None
        return best if best is not None and best[1] - best[0] >= SHORTEST_S else None

    def _track(self, person: str, from_s: float, to_s: float) -> TrackId | None:
        """The track that is on somebody in the middle of a reach, else at its ends."""
        for share in (0.5, 0.25, 0.75, 0.0, 1.0):
            step = round((from_s + share * (to_s - from_s)) / STEP_S)
            track = self.tracks.on(person, step)
            if track is not None:
                return track
        return None

    def _reach(
        self,
        hand: InShelf,
        track: TrackId,
        from_s: float,
        to_s: float,
        confidence: tuple[float, float],
        shelf: ShelfId | None = None,
    ) -> Reach:
        sight, rng = self.sight, self.rng
        noise_s = rng.normal(0.0, 1.0, 2) * sight.time_sd_s
        begins_s = max(0.0, from_s + float(noise_s[0]))
        ends_s = max(begins_s + SHORTEST_S, to_s + float(noise_s[1]))
        into = shelf or hand.shelf
        x_m = hand.x_m + float(rng.normal(0.0, 1.0)) * sight.along_sd_m
        before, after = self._contents(hand)
        return Reach(
            track=track,
            camera=self.eye.camera,
            shelf=into,
            x_m=round(min(max(x_m, 0.0), self._fronts[into].width_m), 3),
            from_ns=store_ns(begins_s),
            to_ns=store_ns(ends_s),
            hand_before=before,
            hand_after=after,
            confidence=round(float(rng.uniform(*confidence)), 3),
        )

    def _contents(self, hand: InShelf) -> tuple[HandContent, HandContent]:
        chance = self.rng.random(2)
        if chance[0] >= self.sight.hand_known:
            return HandContent.UNKNOWN, HandContent.UNKNOWN
        if chance[1] >= self.sight.hand_wrong:
            return hand.before, hand.after
        return _other(hand.before), _other(hand.after)

    def _again(
        self, hand: InShelf, reach: Reach, said_s: float, *, is_other_shelf: bool
    ) -> list[Found]:
        """The same hand once more: in the shelf above or below, or on a track of its own."""
        from_s, to_s = hand.from_s, hand.to_s
        other = self._shelf_beside(hand.shelf)
        if is_other_shelf and other is not None:
            again = self._reach(hand, reach.track, from_s, to_s, UNSURE, other)
            return [Found(said_s + SAID_S, again)]
        walker = self._by_id[hand.person]
        foot_m = walker.at((from_s + to_s) / 2)
        if foot_m is None:
            return []
        self._ghosts += 1
        boot = self.eye.outages.boot(self.eye.node, from_s)
        number = self.eye.cameras_before * 10_000 + GHOST_NUMBER + self._ghosts
        ghost = track_id(self.eye.node, boot, number)
        again = self._reach(hand, ghost, from_s, to_s, SURE)
        start = TrackStarted(
            track=ghost, camera=self.eye.camera, at_ns=again.from_ns, foot_xy_m=_rounded(foot_m)
        )
        end = TrackEnded(track=ghost, at_ns=again.to_ns, foot_xy_m=_rounded(foot_m))
        return [
            Found(said_s, start),
            Found(said_s + SAID_S, again),
            Found(said_s + 2 * SAID_S, end),
        ]

    def _beside(self, person: str, t_s: float) -> str | None:
        """The nearest other person, near enough to be taken for this one."""
        here = self._by_id[person].at(t_s)
        if here is None:
            return None
        step = round(t_s / STEP_S)
        near = [
            (math.dist(here, there), walker.id)
            for walker in self.walkers
            if walker.id != person
            and (there := walker.at(t_s)) is not None
            and math.dist(here, there) <= self.sight.near_m
            and self.tracks.on(walker.id, step) is not None
        ]
        return min(near)[1] if near else None

    def _shelf_beside(self, shelf: ShelfId) -> ShelfId | None:
        """The watched shelf of the same gondola next above or below."""
        gondola = shelf.rpartition("/")[0]
        height_m = _height_m(self._fronts[shelf])
        others = [
            (abs(_height_m(self._fronts[name]) - height_m), name)
            for name in self.eye.watchers
            if name != shelf and name.rpartition("/")[0] == gondola
        ]
        return min(others)[1] if others else None

    def _invented(self) -> list[Found]:
        """Hands that never were, of people who stand before a shelf."""
        per_step = self.sight.invented * STEP_S / 60.0
        found = []
        for walker in self.walkers:
            steps = np.flatnonzero(self.rng.random(len(walker.xy_m)) < per_step)
            for step in (int(index) + walker.first for index in steps):
                track = self.tracks.on(walker.id, step)
                before = self._before(walker, step)
                if track is None or before is None:
                    continue
                shelf, x_m = before
                t_s, empty = step * STEP_S, HandContent.UNKNOWN
                until_s = t_s + float(self.rng.uniform(*INVENTED_S))
                hand = InShelf(walker.id, shelf, x_m, t_s, until_s, empty, empty)
                reach = self._reach(hand, track, t_s, until_s, UNSURE)
                found.append(Found(until_s + SAID_S, reach))
        return found

    def _before(self, walker: Walker, step: int) -> tuple[ShelfId, float] | None:
        """A watched shelf within the reach of who stands there, and where along its front."""
        foot_m = walker.at_step(step)
        if foot_m is None:
            return None
        near = []
        for shelf in self.eye.watchers:
            if not self.eye.sees_shelf(shelf, step):
                continue
            front = self._fronts[shelf]
            place = front.store_from_front.inverse().apply([*foot_m, 0.0])
            if 0.0 <= place[0] <= front.width_m and -ARM_M <= place[1] <= 0.0:
                near.append((shelf, float(place[0])))
        return near[int(self.rng.integers(len(near)))] if near else None


def _other(content: HandContent) -> HandContent:
    return HandContent.HOLDING if content is HandContent.EMPTY else HandContent.EMPTY


def _height_m(front: Front) -> float:
    return float(front.store_from_front.translation_m[2])


def _rounded(xy_m: Xy) -> Xy:
    return (round(xy_m[0], 3), round(xy_m[1], 3))
