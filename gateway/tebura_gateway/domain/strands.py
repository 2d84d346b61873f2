"""Tracks with the exchanges undone: a strand is one person as one camera saw them.

Where a camera likely took two people for each other, the two strands go on with each other's
tracks; what doubt is left, either way, is kept beside them.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tebura_contract.geometry import Xy
from tebura_contract.ids import TrackId

from tebura_gateway.domain.exchanges import Exchange, exchanges_of
from tebura_gateway.domain.sightings import APART_NS, Sightings
from tebura_gateway.domain.tracks import Stay, Track

_UNSEEN_NS = 3 * APART_NS
"""Who is not seen at so many looks running is not followed."""


@dataclass(frozen=True, slots=True)
class Mix:
    """From `at_ns` on each of two strands may be the other's person."""

    at_ns: int
    one: TrackId
    other: TrackId
    probability: float


@dataclass(frozen=True, slots=True)
class Strands:
    """All strands by the track each began as, and whose part each track is when.

    `rests` are those that began in the middle of a track, which has gone over to them.
    """

    strands: Mapping[TrackId, Track]
    mixes: Sequence[Mix]
    _turns: Mapping[TrackId, tuple[Sequence[int], Sequence[TrackId]]]
    rests: frozenset[TrackId] = frozenset()

    def of(self, track: TrackId, at_ns: int) -> TrackId:
        """The strand that a track belongs to at a time."""
        turns = self._turns.get(track)
        if turns is None:
            return track
        index = bisect_right(turns[0], at_ns)
        return turns[1][index - 1] if index else track

    def until(self, at_ns: int) -> object:
        """All that `of` rests on until then, to be compared."""
        return {
            track: (times[:count], names[:count])
            for track, (times, names) in self._turns.items()
            if (count := bisect_right(times, at_ns))
        }

    def cut(
        self,
        track: TrackId,
        at_ns: int,
        from_m: Xy,
        to_m: Xy,
        *,
        left_ns: int | None = None,
        has_gone: bool = False,
    ) -> "Strands":
        """End the strand that a track is on, there; the track goes on as another one from here.

        Whose strand it was, was last seen at `left_ns`, or just then, and is still in the store,
        unless they have gone.
        """
        strand = self.of(track, at_ns)
        whole = self.strands[strand]
        if not whole.is_live(at_ns) or whole.started_ns == at_ns:
            return self
        rest = TrackId(f"{strand}~{at_ns}")
        turns = {name: _renamed(turn, strand, rest, at_ns) for name, turn in self._turns.items()}
        times, names = turns.get(track, ((), ()))
        index = bisect_right(times, at_ns)
        turns[track] = (
            (*times[:index], at_ns, *times[index:]),
            (*names[:index], rest, *names[index:]),
        )
        ended_ns = at_ns if left_ns is None else max(left_ns, whole.started_ns)
        head = replace(
            whole,
            ended_ns=ended_ns,
            ended_xy_m=from_m,
            is_cut=not has_gone,
            stays=_stays(whole.stays, (), ended_ns),
        )
        tail = replace(
            whole,
            id=rest,
            started_ns=at_ns,
            started_xy_m=to_m,
            stays=_stays((), whole.stays, at_ns),
        )
        mixes = [_of_rest(mix, strand, rest) if mix.at_ns > at_ns else mix for mix in self.mixes]
        strands = {**self.strands, strand: head, rest: tail}
        return Strands(strands, mixes, turns, self.rests | {rest})

    def all_of(self, track: TrackId) -> frozenset[TrackId]:
        """Every strand that a track is a part of at some time."""
        turns = self._turns.get(track)
        return frozenset({track, *turns[1]}) if turns is not None else frozenset({track})


def strands_of(tracks: Mapping[TrackId, Track], sightings: Sightings) -> Strands:
    """Undo what exchanges the sightings show.

    A track that was seen at no look for long before it ended, ended at the last one: what its
    camera saw in a picture between was somebody else who came by.
    """
    tracks = _until_seen(tracks, sightings)
    on: dict[TrackId, TrackId] = {}  # the track that each strand is on; itself where not named
    of: dict[TrackId, TrackId] = {}  # and the other way round
    turns: dict[TrackId, tuple[list[int], list[TrackId]]] = {}
    strands = dict(tracks)
    mixes = []
    for found in sorted(_all(sightings), key=lambda e: (e.at_ns, e.one, e.other)):
        if found.one not in tracks or found.other not in tracks:
            continue
        one, other = of.get(found.one, found.one), of.get(found.other, found.other)
        doubt = found.probability
        if found.probability > 0.5:
            doubt = 1.0 - found.probability
            strands[one], strands[other] = _swapped(strands[one], strands[other], found.at_ns)
            on[one], on[other] = found.other, found.one
            of[found.other], of[found.one] = one, other
            for track, strand in ((found.other, one), (found.one, other)):
                times, names = turns.setdefault(track, ([], []))
                times.append(found.at_ns)
                names.append(strand)
        mixes.append(Mix(found.at_ns, one, other, doubt))
    return Strands(strands, mixes, turns)


def _until_seen(tracks: Mapping[TrackId, Track], sightings: Sightings) -> dict[TrackId, Track]:
    last: dict[TrackId, tuple[int, Xy]] = {}
    for looks in sightings.looks.values():
        for look in looks:
            last |= {track: (look.at_ns, spot.xy_m) for track, spot in look.spots.items()}
    found = dict(tracks)
    for name, (at_ns, xy_m) in last.items():
        track = tracks.get(name)
        if track is None or track.ended_ns is None or track.ended_ns - at_ns <= _UNSEEN_NS:
            continue
        if all(stay.to_ns is not None and stay.to_ns <= at_ns for stay in track.stays):
            found[name] = replace(track, ended_ns=at_ns, ended_xy_m=xy_m)
    return found


def _all(sightings: Sightings) -> list[Exchange]:
    return [found for looks in sightings.looks.values() for found in exchanges_of(looks)]


def _renamed(
    turn: tuple[Sequence[int], Sequence[TrackId]], strand: TrackId, rest: TrackId, at_ns: int
) -> tuple[Sequence[int], Sequence[TrackId]]:
    """Turns onto a strand after a time are onto its rest."""
    times, names = turn
    return times, [
        rest if name == strand and time_ns > at_ns else name
        for time_ns, name in zip(times, names, strict=True)
    ]


def _of_rest(mix: Mix, strand: TrackId, rest: TrackId) -> Mix:
    one, other = (rest if name == strand else name for name in (mix.one, mix.other))
    return replace(mix, one=one, other=other)


def _swapped(one: Track, other: Track, at_ns: int) -> tuple[Track, Track]:
    return _joined(one, other, at_ns), _joined(other, one, at_ns)


def _joined(head: Track, tail: Track, at_ns: int) -> Track:
    """The first until then, the second from then on."""
    return replace(
        head,
        ended_ns=tail.ended_ns,
        ended_xy_m=tail.ended_xy_m,
        is_cut=tail.is_cut,
        stays=_stays(head.stays, tail.stays, at_ns),
    )


def _stays(head: Sequence[Stay], tail: Sequence[Stay], at_ns: int) -> tuple[Stay, ...]:
    before = [
        replace(stay, to_ns=at_ns if stay.to_ns is None or stay.to_ns > at_ns else stay.to_ns)
        for stay in head
        if stay.from_ns <= at_ns
    ]
    after = [
        replace(stay, from_ns=max(stay.from_ns, at_ns))
        for stay in tail
        if stay.to_ns is None or stay.to_ns > at_ns
    ]
    joined: list[Stay] = []
    for stay in sorted([*before, *after], key=lambda s: (s.gate, s.from_ns)):
        last = joined[-1] if joined else None
        if last is not None and last.gate == stay.gate and last.to_ns == stay.from_ns == at_ns:
            joined[-1] = replace(last, to_ns=stay.to_ns)
        else:
            joined.append(stay)
    return tuple(sorted(joined, key=lambda stay: (stay.from_ns, stay.gate)))
