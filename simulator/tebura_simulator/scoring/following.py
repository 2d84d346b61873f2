"""How well cameras followed people: their tracks beside where everybody truly was.

At each half second the people in a camera's picture are paired with the tracks that it tells: who
was one track's before stays so while that track is near enough, then the nearest go together (CLEAR
MOT, Bernardin and Stiefelhagen 2008). Feet are compared on the floor, for that is what cameras
tell. What is counted is counted at full seconds, but whoever is out of sight for one frame in
between may come back as another track.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from tebura_contract.ids import CameraId, TrackId
from tebura_contract.truth import TrueEvent

from tebura_simulator.scoring.matching import CLAIMS
from tebura_simulator.watching import Spotted, ToldReach, Watching
from tebura_simulator.whereabouts import Stander, TrueLook, Whereabouts

NEAR_M = 0.8
"""A track farther from a person's feet is not theirs. Feet lie off by 0.1 to 0.4 m where hips or
shoulders tell them, and people stand 0.5 m apart."""
NOBODY_M = 1.2
"""A track with nobody in the store so near is nobody: a reflection, a poster, clutter."""
SEEN_SHARE = 0.5
"""Of whom less is seen no camera is asked to tell."""
AROUND_S = 1.0
"""A reach may begin this long after what was taken left the shelf, or end before it."""


class FollowScore(msgspec.Struct, frozen=True, kw_only=True):
    """Counts, of one case or summed over several.

    Attributes:
        people: Persons who came.
        sights: A person at least half seen by a camera at a full second.
        followed: Sights of which the camera told a track.
        switches: Times a person got another track from a camera without having been out of that
            camera's sight in between.
        exchanges: Switches to a track that was somebody else's before.
        known: Followed sights, of people who have an account, that went by one.
        right: Of those, by the person's own.
        renames: Times a person went over from one account to another, by any camera.
        nobodies: Tracks at full seconds where nobody was.
        reaches: Reaches told.
        reaches_of_nobody: Of those, by tracks that were nobody then.
        events: Picks and returns that happened.
        reached: Of those, with a reach into that shelf, then, by a track of that account's people.
    """

    people: int
    sights: int
    followed: int
    switches: int
    exchanges: int
    known: int
    right: int
    renames: int
    nobodies: int
    reaches: int
    reaches_of_nobody: int
    events: int
    reached: int


def score_following(truth: Whereabouts, events: Sequence[TrueEvent], told: Watching) -> FollowScore:
    """Compare what cameras told with the truth of their films."""
    there = _people_by_second(truth.looks)
    spots: dict[tuple[CameraId, int], list[Spotted]] = {}
    for spot in told.spotted:
        spots.setdefault((spot.camera, round(2 * spot.at_s)), []).append(spot)
    eyes: dict[CameraId, _Eye] = {}
    for look in truth.looks:
        eye = eyes.setdefault(look.camera, _Eye())
        then = spots.get((look.camera, round(2 * look.at_s)), [])
        if look.at_s.is_integer():
            eye.take(look, then, there[round(look.at_s)])
        elif (2 * look.at_s).is_integer():
            eye.pair(look, then)
        else:
            eye.miss(look)
    pairs = [pair for eye in eyes.values() for pair in eye.pairs]
    known = [(p, s) for p, s in pairs if p.is_known and s.account is not None]
    made = [event for event in events if event.kind in CLAIMS]
    return FollowScore(
        people=len({person.shopper for look in truth.looks for person in look.people}),
        sights=sum(eye.sights for eye in eyes.values()),
        followed=sum(person.seen_share >= SEEN_SHARE for person, _ in pairs),
        switches=sum(eye.switches for eye in eyes.values()),
        exchanges=sum(eye.exchanges for eye in eyes.values()),
        known=len(known),
        right=sum(person.account == spot.account for person, spot in known),
        renames=_renames(known),
        nobodies=sum(len(eye.nobodies) for eye in eyes.values()),
        reaches=len(told.reaches),
        reaches_of_nobody=sum(_is_nobodys(reach, eyes) for reach in told.reaches),
        events=len(made),
        reached=sum(_is_reached(event, told.reaches, eyes) for event in made),
    )


def add_following(scores: Iterable[FollowScore | None]) -> FollowScore | None:
    """Counts added up; None where no case has any."""
    known = [one for one in scores if one is not None]
    if not known:
        return None
    names = FollowScore.__struct_fields__
    return FollowScore(**{name: sum(getattr(one, name) for one in known) for name in names})


@dataclass
class _Eye:
    """One camera's people and tracks, frame by frame."""

    sights: int = 0
    switches: int = 0
    exchanges: int = 0
    pairs: list[tuple[Stander, Spotted]] = field(default_factory=list)
    nobodies: list[Spotted] = field(default_factory=list)
    _track_of: dict[str, TrackId] = field(default_factory=dict)
    _last_of: dict[TrackId, str] = field(default_factory=dict)

    def take(self, look: TrueLook, spots: Sequence[Spotted], everybody: Sequence[Stander]) -> None:
        """One full second."""
        self.sights += len(_in_sight(look))
        paired = self.pair(look, spots)
        self.pairs += paired
        mine = {spot.track for _, spot in paired}
        self.nobodies += [
            spot
            for spot in spots
            if spot.track not in mine
            and all(math.dist(spot.foot_m, one.foot_m) > NOBODY_M for one in everybody)
        ]

    def pair(self, look: TrueLook, spots: Sequence[Spotted]) -> list[tuple[Stander, Spotted]]:
        """Who is which track at a moment at which tracks are told."""
        paired = self._paired(look.people, spots)
        for person, spot in paired:
            before = self._track_of.get(person.shopper)
            if before is not None and before != spot.track:
                self.switches += 1
                self.exchanges += self._last_of.get(spot.track, person.shopper) != person.shopper
            self._track_of[person.shopper] = spot.track
            self._last_of[spot.track] = person.shopper
        self._keep(_in_sight(look) | {person.shopper for person, _ in paired})
        return paired

    def miss(self, look: TrueLook) -> None:
        """A frame in between: who is out of sight may come back as another."""
        self._keep(_in_sight(look))

    def _keep(self, still: Collection[str]) -> None:
        self._track_of = {name: t for name, t in self._track_of.items() if name in still}

    def person_of(self, track: TrackId, at_s: float) -> Stander | None:
        """Who a track was at the nearest second at which it was anybody."""
        near = [(abs(s.at_s - at_s), p) for p, s in self.pairs if s.track == track]
        return min(near, key=lambda one: one[0])[1] if near else None

    def _paired(
        self, people: Sequence[Stander], spots: Sequence[Spotted]
    ) -> list[tuple[Stander, Spotted]]:
        near = [
            (spot.track != self._track_of.get(one.shopper), apart_m, number, one, spot)
            for one in people
            for number, spot in enumerate(spots)
            if (apart_m := math.dist(one.foot_m, spot.foot_m)) <= NEAR_M
        ]
        found: list[tuple[Stander, Spotted]] = []
        for _, _, _, person, spot in sorted(near, key=lambda one: one[:3]):
            if all(p is not person and s is not spot for p, s in found):
                found.append((person, spot))
        return found


def _in_sight(look: TrueLook) -> set[str]:
    return {one.shopper for one in look.people if one.seen_share >= SEEN_SHARE}


def _people_by_second(looks: Iterable[TrueLook]) -> Mapping[int, list[Stander]]:
    found: dict[int, list[Stander]] = {}
    for look in looks:
        if look.at_s.is_integer():
            found.setdefault(round(look.at_s), []).extend(look.people)
    return found


def _renames(known: Iterable[tuple[Stander, Spotted]]) -> int:
    last: dict[str, str | None] = {}
    count = 0
    for person, spot in sorted(known, key=lambda one: (one[1].at_s, one[1].camera)):
        count += last.get(person.shopper, spot.account) != spot.account
        last[person.shopper] = spot.account
    return count


def _is_nobodys(reach: ToldReach, eyes: Mapping[CameraId, _Eye]) -> bool:
    eye = eyes.get(reach.camera)
    if eye is None:
        return False
    near_s = (reach.from_s - AROUND_S, reach.to_s + AROUND_S)
    ghosts = sum(
        spot.track == reach.track and near_s[0] <= spot.at_s <= near_s[1] for spot in eye.nobodies
    )
    people = sum(
        spot.track == reach.track and near_s[0] <= spot.at_s <= near_s[1] for _, spot in eye.pairs
    )
    return ghosts > people


def _is_reached(
    event: TrueEvent, reaches: Iterable[ToldReach], eyes: Mapping[CameraId, _Eye]
) -> bool:
    for reach in reaches:
        is_then = reach.from_s - AROUND_S <= event.time_s <= reach.to_s + AROUND_S
        if not is_then or reach.shelf != f"{event.gondola}/{event.shelf}":
            continue
        eye = eyes.get(reach.camera)
        person = eye.person_of(reach.track, event.time_s) if eye is not None else None
        if person is not None and person.account == event.shopper:
            return True
    return False
