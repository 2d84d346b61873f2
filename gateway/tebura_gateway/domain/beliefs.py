"""How sure it is whose track a track is, at any time.

A strand begins as somebody's, by the gate or because it goes on for another. Each time it may have
been exchanged for another, each takes a share of the other's people. Where another camera sees who
stands there too, both have a say.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import TrackId

from tebura_gateway.domain.bodies import Bodies
from tebura_gateway.domain.companions import Companions
from tebura_gateway.domain.strands import Mix, Strands

Shares = Mapping[TrackId, float]
"""By body."""
_NEAR_NS = 3 * SECOND_NS
_WRONG = 0.01
"""Share of strands that are somebody else's without a trace of how."""
_LEAST = 0.005


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Shares of the visits by strand, from a time on."""

    strands: Strands
    companions: Companions
    _turns: Mapping[TrackId, tuple[Sequence[int], Sequence[Shares]]]

    def of(self, track: TrackId, at_ns: int) -> Shares:
        """Whose a track was at a time."""
        strand = self.strands.of(track, at_ns)
        shares = self._own(strand, at_ns)
        for other, weight in sorted(self.companions.near(strand, at_ns, _NEAR_NS).items()):
            shares = _both(shares, self._own(other, at_ns), weight)
        return shares

    def until(self, at_ns: int) -> object:
        """All that was known by then, to be compared."""
        turns = {
            strand: (times[:count], shares[:count])
            for strand, (times, shares) in self._turns.items()
            if (count := bisect_right(times, at_ns))
        }
        return self.strands.until(at_ns), self.companions.until(at_ns), turns

    def _own(self, strand: TrackId, at_ns: int) -> Shares:
        turns = self._turns.get(strand)
        if turns is None:
            return {strand: 1.0}
        return turns[1][max(0, bisect_right(turns[0], at_ns) - 1)]


@dataclass(slots=True)
class _Drafts:
    turns: dict[TrackId, tuple[list[int], list[Shares]]] = field(default_factory=dict)

    def now(self, strand: TrackId) -> Shares:
        turns = self.turns.get(strand)
        return turns[1][-1] if turns is not None else {strand: 1.0}

    def note(self, strand: TrackId, at_ns: int, shares: Shares) -> None:
        times, known = self.turns.setdefault(strand, ([], []))
        times.append(at_ns)
        known.append(shares)


def beliefs_of(strands: Strands, companions: Companions, bodies: Bodies) -> Beliefs:
    """Go through time once, from where strands begin and where they may have been exchanged."""
    drafts = _Drafts()
    mixes = sorted(strands.mixes, key=lambda mix: (mix.at_ns, mix.one, mix.other))
    done = 0
    for strand in sorted(strands.strands.values(), key=lambda s: (s.started_ns, s.id)):
        while done < len(mixes) and mixes[done].at_ns < strand.started_ns:
            _mix(drafts, mixes[done])
            done += 1
        drafts.note(strand.id, strand.started_ns, _origin(drafts, bodies, strand.id))
    for mix in mixes[done:]:
        _mix(drafts, mix)
    return Beliefs(strands, companions, drafts.turns)


def _origin(drafts: _Drafts, bodies: Bodies, strand: TrackId) -> Shares:
    """What a strand begins as: a share of each that it may go on for, else somebody new."""
    found: dict[TrackId, float] = {}
    origins = bodies.origins.get(strand, {})
    for source, share in origins.items():
        for body, part in drafts.now(source).items():
            found[body] = found.get(body, 0.0) + share * part
    new = 1.0 - sum(origins.values())
    if new >= _LEAST:
        found[strand] = found.get(strand, 0.0) + new
    return found


def _mix(drafts: _Drafts, mix: Mix) -> None:
    one, other = drafts.now(mix.one), drafts.now(mix.other)
    if one != other:
        drafts.note(mix.one, mix.at_ns, _mixed(one, other, mix.probability))
        drafts.note(mix.other, mix.at_ns, _mixed(other, one, mix.probability))


def _mixed(mine: Shares, theirs: Shares, share: float) -> Shares:
    found = {body: (1.0 - share) * part for body, part in mine.items()}
    for body, part in theirs.items():
        found[body] = found.get(body, 0.0) + share * part
    return found


def _both(mine: Shares, theirs: Shares, weight: float) -> Shares:
    """What two cameras say of one person; `weight` is how surely it is one."""
    found = {
        body: (mine.get(body, 0.0) + _WRONG)
        * (1.0 - weight + weight * (theirs.get(body, 0.0) + _WRONG))
        for body in sorted({*mine, *theirs})
    }
    total = sum(found.values())
    return {body: part / total for body, part in found.items() if part >= _LEAST * total}
