"""Tracks of people as one follower tells them, with the ways in which such tracks go wrong.

A track begins once a person was seen for a moment, ends a moment after it was last seen, breaks and
is taken up again, and passes from one person to another who stands close.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from tebura_contract.events import PeopleSeen, Seen, TrackAtGate, TrackEnded, TrackStarted
from tebura_contract.geometry import Xy
from tebura_contract.ids import GateId, TrackId, track_id
from tebura_contract.layout import Gate
from tebura_contract.messages import Position

from tebura_simulator.epoch import store_ns
from tebura_simulator.sight.eyes import Eye, Steps
from tebura_simulator.sight.motion import STEP_S, Walker
from tebura_simulator.sight.told import Found
from tebura_simulator.sight.zones import is_in_zone
from tebura_simulator.story.scenario import SightScript

CONFIRM_STEPS = 3
LOST_STEPS = 10
"""A person unseen this long is no longer followed."""
BLIND_TOLD_S = 3.0
"""A node knows after this long that a camera shows nothing; it promises 5 s."""
SAID_S = 0.1
GAP_S = (0.3, 2.5)
"""Between a track that broke and the next."""
CLOSE_M = 1.0
LEAVE_MARGIN_M, EXIT_MARGIN_M = 0.15, 0.5
"""The camera role's own, in and beyond a gate's zone."""
POSITION_STEPS = 2
SEEN_STEPS = 10
"""Everybody is told at each full second, as the camera role does, with the half second before."""
GLIDE_STEPS = 6
"""A track that goes over to somebody else does so as fast as feet are smoothed, not at once."""
NEAR_M = 3.0
IN_THE_WAY_M = 0.3
LEAST_SD_M = 0.02
BIAS_SHARE = 0.8
"""Of the foot's deviation that stays for a track; the rest changes from look to look."""
SMALL_M = (1.0, 1.4)
SMALL_FACTOR = 5.0
"""Whoever is smaller is missed and lost up to this much more often again."""


@dataclass(eq=False)
class Follow:
    """One track; `last` is the step at which its person was last seen."""

    id: TrackId
    bias_m: Xy
    last: int
    gates: set[GateId] = field(default_factory=set)
    left: tuple[int, int] | None = None
    """Whom it followed before it went over to somebody else, and at which step."""


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody, or somebody's reflection, and when the follower sees them."""

    walker: Walker
    seen: Steps

    @property
    def is_reflection(self) -> bool:
        return self.walker.id.endswith("'")

    def is_seen(self, step: int) -> bool:
        index = step - self.walker.first
        return 0 <= index < len(self.seen) and bool(self.seen[index])


@dataclass
class _Stay:
    """A track is on a person from one step to another."""

    follow: Follow
    from_step: int
    to_step: int | None = None


@dataclass
class Tracks:
    """All that one follower said of tracks, and whose each was when."""

    found: list[Found] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    _stays: dict[str, list[_Stay]] = field(default_factory=dict)

    def on(self, person: str, step: int) -> TrackId | None:
        """The track on a person at a step."""
        for stay in self._stays.get(person, ()):
            if stay.from_step <= step and (stay.to_step is None or step < stay.to_step):
                return stay.follow.id
        return None

    def stay(self, person: str, follow: Follow, step: int) -> None:
        self._stays.setdefault(person, []).append(_Stay(follow, step))

    def part(self, person: str, step: int) -> None:
        self._stays[person][-1].to_step = step


def smallness(walker: Walker) -> float:
    """How many times as often a person is missed."""
    low, high = SMALL_M
    return 1.0 + SMALL_FACTOR * min(1.0, max(0.0, (high - walker.height_m) / (high - low)))


class Follower:
    """Follows everybody that one eye sees."""

    def __init__(
        self,
        eye: Eye,
        people: Sequence[Person],
        gates: Sequence[Gate],
        sight: SightScript,
        rng: np.random.Generator,
        looks_rng: np.random.Generator,
    ) -> None:
        self._eye, self._people, self._gates = eye, people, gates
        self._sight, self._rng, self._looks_rng = sight, rng, looks_rng
        self._now: dict[int, Follow] = {}
        self._seen_for = [0] * len(people)
        self._wait = [0] * len(people)
        self._feet: dict[TrackId, Xy] = {}
        self._numbers: dict[int, int] = {}
        self.tracks = Tracks()

    def run(self) -> Tracks:
        """Go through all steps."""
        ends = [p.walker.first + len(p.walker.xy_m) for p in self._people]
        for step in range(max(ends, default=0) + LOST_STEPS + 1):
            if self._eye.outages.is_off(self._eye.node, step * STEP_S):
                self._forget(step)
                continue
            for index in range(len(self._people)):
                self._look(index, step)
            if self._sight.exchanged and len(self._now) > 1:
                self._exchange(step)
            if self._sight.standing and step % (SEEN_STEPS // 2) == 0:
                self._see(step)
        return self.tracks

    def _look(self, index: int, step: int) -> None:
        person, follow = self._people[index], self._now.get(index)
        if follow is None:
            is_seen = person.is_seen(step) and step >= self._wait[index]
            self._seen_for[index] = self._seen_for[index] + 1 if is_seen else 0
            if self._seen_for[index] >= CONFIRM_STEPS:
                self._start(index, step)
        elif person.is_seen(step):
            follow.last = step
            self._at_gates(index, follow, step)
            if step % POSITION_STEPS == 0:
                self._position(index, follow, step)
            per_step = self._sight.breaks * smallness(person.walker) * STEP_S / 60.0
            if per_step and self._rng.random() < per_step:
                self._end(index, step, step * STEP_S + LOST_STEPS * STEP_S)
                self._wait[index] = step + round(self._rng.uniform(*GAP_S) / STEP_S)
        elif self._eye.is_dark(step):
            self._end(index, step, step * STEP_S + BLIND_TOLD_S)
        elif step - follow.last >= LOST_STEPS:
            self._end(index, step, step * STEP_S)

    def _start(self, index: int, step: int) -> None:
        boot = self._eye.outages.boot(self._eye.node, step * STEP_S)
        self._numbers[boot] = self._numbers.get(boot, 0) + 1
        # Cameras of one node number their tracks together.
        number = self._eye.cameras_before * 10_000 + self._numbers[boot]
        sd_m = self._sight.foot_sd_m * BIAS_SHARE
        bias_m = (float(self._rng.normal(0.0, sd_m)), float(self._rng.normal(0.0, sd_m)))
        follow = Follow(track_id(self._eye.node, boot, number), bias_m, step)
        began = step - CONFIRM_STEPS + 1
        self._now[index] = follow
        self._seen_for[index] = 0
        self.tracks.stay(self._people[index].walker.id, follow, began)
        event = TrackStarted(
            track=follow.id,
            camera=self._eye.camera,
            at_ns=store_ns(began * STEP_S),
            foot_xy_m=self._foot(index, follow, began),
        )
        self._say(step * STEP_S, event)
        self._at_gates(index, follow, step)

    def _end(self, index: int, step: int, said_s: float) -> None:
        follow = self._now.pop(index)
        self.tracks.part(self._people[index].walker.id, step)
        foot_m = self._foot(index, follow, follow.last)
        near = (g.id for g in self._gates if is_in_zone(g.zone_m, foot_m, EXIT_MARGIN_M))
        event = TrackEnded(
            track=follow.id,
            at_ns=store_ns(follow.last * STEP_S),
            foot_xy_m=foot_m,
            gate=next(near, None),
        )
        self._say(said_s, event)

    def _forget(self, step: int) -> None:
        """The node is off: what it followed ends without a word."""
        for index in list(self._now):
            del self._now[index]
            self.tracks.part(self._people[index].walker.id, step)
        self._seen_for = [0] * len(self._people)

    def _at_gates(self, index: int, follow: Follow, step: int) -> None:
        x_m, y_m = self._true_foot(index, step)
        foot_m = (x_m + follow.bias_m[0], y_m + follow.bias_m[1])
        for gate in self._gates:
            was_inside = gate.id in follow.gates
            now_inside = is_in_zone(gate.zone_m, foot_m, LEAVE_MARGIN_M if was_inside else 0.0)
            if now_inside != was_inside:
                (follow.gates.add if now_inside else follow.gates.discard)(gate.id)
                at_ns = store_ns(step * STEP_S)
                event = TrackAtGate(
                    track=follow.id, gate=gate.id, at_ns=at_ns, is_inside=now_inside
                )
                self._say(step * STEP_S, event)

    def _position(self, index: int, follow: Follow, step: int) -> None:
        foot_m = self._foot(index, follow, step)
        position = Position(track=follow.id, at_ns=store_ns(step * STEP_S), foot_xy_m=foot_m)
        self.tracks.positions.append(position)

    def _see(self, step: int) -> None:
        """Note where everybody is who is in sight; tell it with the half second before."""
        feet = {
            follow.id: self._foot(index, follow, step, self._looks_rng)
            for index, follow in sorted(self._now.items())
            if follow.last == step
        }
        before, self._feet = self._feet, feet
        if step % SEEN_STEPS or not feet:
            return
        people = tuple(
            Seen(
                track=follow.id,
                foot_xy_m=feet[follow.id],
                sd_m=round(max(self._sight.foot_sd_m * self._blur(index, step), LEAST_SD_M), 3),
                before_xy_m=before.get(follow.id),
            )
            for index, follow in sorted(self._now.items())
            if follow.id in feet
        )
        at_ns = store_ns(step * STEP_S)
        self._say(step * STEP_S, PeopleSeen(camera=self._eye.camera, at_ns=at_ns, people=people))

    def _exchange(self, step: int) -> None:
        real = [i for i in self._now if not self._people[i].is_reflection]
        chance = self._sight.exchanged * STEP_S / 60.0
        for n, a in enumerate(real):
            for b in real[n + 1 :]:
                apart_m = math.dist(self._true_foot(a, step), self._true_foot(b, step))
                if apart_m <= CLOSE_M and self._rng.random() < chance:
                    self._now[a], self._now[b] = self._now[b], self._now[a]
                    if self._sight.standing:
                        self._now[a].left, self._now[b].left = (b, step), (a, step)
                    for index in (a, b):
                        person = self._people[index].walker.id
                        self.tracks.part(person, step)
                        self.tracks.stay(person, self._now[index], step)

    def _true_foot(self, index: int, step: int) -> Xy:
        walker = self._people[index].walker
        last = walker.first + len(walker.xy_m) - 1
        foot_m = walker.at_step(min(max(step, walker.first), last))
        assert foot_m is not None
        return foot_m

    def _foot(
        self, index: int, follow: Follow, step: int, rng: np.random.Generator | None = None
    ) -> Xy:
        """Where the foot seems to be."""
        x_m, y_m = self._followed(index, follow, step)
        sd_m = self._sight.foot_sd_m * math.sqrt(1.0 - BIAS_SHARE**2)
        jitter_m = (rng or self._rng).normal(0.0, sd_m, 2) if sd_m else (0.0, 0.0)
        blur = self._blur(index, step)
        return (
            round(x_m + blur * (follow.bias_m[0] + float(jitter_m[0])), 3),
            round(y_m + blur * (follow.bias_m[1] + float(jitter_m[1])), 3),
        )

    def _followed(self, index: int, follow: Follow, step: int) -> Xy:
        """Where the one stands whom a track follows; from one person to another it glides."""
        here = self._true_foot(index, step)
        if follow.left is None or step - follow.left[1] >= GLIDE_STEPS:
            return here
        other, since = follow.left
        there, share = self._true_foot(other, step), (step - since) / GLIDE_STEPS
        return (
            there[0] + share * (here[0] - there[0]),
            there[1] + share * (here[1] - there[1]),
        )

    def _blur(self, index: int, step: int) -> float:
        """How many times as far off a foot seems as one near by and in plain sight."""
        sight = self._sight
        if not sight.foot_far and not sight.foot_hidden:
            return 1.0
        here = self._true_foot(index, step)
        blurs = []
        for camera in self._eye.cameras:
            from_m = camera.store_from_camera.translation_m[:2]
            far_m = max(0.0, math.dist(from_m, here) - NEAR_M)
            is_hidden = any(
                _is_between(from_m, self._true_foot(other, step), here)
                for other in self._now
                if other != index
            )
            blurs.append((1.0 + sight.foot_far * far_m) * (1.0 + sight.foot_hidden * is_hidden))
        return min(blurs)

    def _say(
        self, known_s: float, event: TrackStarted | TrackAtGate | TrackEnded | PeopleSeen
    ) -> None:
        self.tracks.found.append(Found(known_s + SAID_S, event))


def _is_between(from_m: Xy, other_m: Xy, here_m: Xy) -> bool:
    """Whether somebody stands in the way from the camera to here."""
    along = (here_m[0] - from_m[0], here_m[1] - from_m[1])
    length_m = math.hypot(*along)
    if length_m == 0.0:
        return False
    off = (other_m[0] - from_m[0], other_m[1] - from_m[1])
    at_m = (along[0] * off[0] + along[1] * off[1]) / length_m
    aside_m = abs(along[0] * off[1] - along[1] * off[0]) / length_m
    return 0.0 < at_m < length_m and aside_m <= IN_THE_WAY_M
