"""A node's store time: its monotonic clock plus a measured offset to the gateway's clock.

The node asks, the gateway answers with its own time, as in NTP (RFC 5905, section 8): with `sent`
and `arrived` on our clock and `received` and `answered` on theirs, the offset is
``((received - sent) + (answered - arrived)) / 2`` and it is wrong by at most half the round trip,
however the two ways differ. The answer with the least doubt counts; doubt grows with age by the
drift that two crystals may have.

Pure but for `SystemClock` and `StoreClock`, which the main loop owns.
"""

import time
from collections import deque
from dataclasses import dataclass

from tebura_contract.clock import MILLISECOND_NS, SECOND_NS, Clock, Ns, StoreTime
from tebura_contract.messages import ClockAnswer

DRIFT_PPM = 50
"""How far two crystals may drift apart. A Pi's is within 30 ppm over its temperature range; half of
this figure would believe old answers too long, twice would call good clocks doubtful in 30 min."""

WALL_UNCERTAINTY_NS = SECOND_NS
"""Doubt before the gateway's first answer, when the node's own wall clock has to do."""

STEP_NS = 250 * MILLISECOND_NS
"""Corrections from here on are jumps, said aloud; smaller ones are slewed, so that time does not
run backwards inside a pick."""

SLEW_PPM = 5000
WINDOW = 16
"""Answers kept; at one in 5 s they span 80 s, in which drift adds 4 ms at most."""

MAX_ROUND_TRIP_NS = 2 * SECOND_NS
"""Slower answers say too little."""


class SystemClock:
    """The machine's clocks."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()


@dataclass(frozen=True)
class Timebase:
    """Store time as a function of the monotonic clock, good from `since_ns` on.

    Immutable, so that the threads of sensors read it while the main loop replaces it.
    """

    offset_ns: int
    uncertainty_ns: int
    since_ns: int

    def store_ns(self, monotonic_ns: int) -> Ns:
        return Ns(monotonic_ns + self.offset_ns)

    def store_time(self, monotonic_ns: int) -> StoreTime:
        age_ns = max(0, monotonic_ns - self.since_ns)
        doubt_ns = self.uncertainty_ns + age_ns * DRIFT_PPM // 1_000_000
        return StoreTime(at_ns=self.store_ns(monotonic_ns), uncertainty_ns=Ns(doubt_ns))


@dataclass(frozen=True)
class _Answer:
    offset_ns: int
    half_trip_ns: int
    at_ns: int

    def doubt_ns(self, now_ns: int) -> int:
        return self.half_trip_ns + max(0, now_ns - self.at_ns) * DRIFT_PPM // 1_000_000


class OffsetEstimator:
    """Which offset to believe, from the answers so far. Times are the node's monotonic clock."""

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque(maxlen=WINDOW)
        self._stray: _Answer | None = None

    def answered(self, answer: ClockAnswer, arrived_ns: int) -> bool:
        """Take an answer; False if it says nothing (too slow, or impossible)."""
        theirs_ns = answer.answered_store_ns - answer.received_store_ns
        trip_ns = arrived_ns - answer.sent_ns - theirs_ns
        if not 0 <= trip_ns <= MAX_ROUND_TRIP_NS or theirs_ns < 0:
            return False
        ahead_ns = (answer.received_store_ns - answer.sent_ns) + (
            answer.answered_store_ns - arrived_ns
        )
        self._take(_Answer(ahead_ns // 2, trip_ns // 2 + 1, arrived_ns))
        return True

    def best(self, now_ns: int) -> tuple[int, int] | None:
        """(offset, half-width of doubt) in ns; None before the first answer."""
        if not self._answers:
            return None
        answer = min(self._answers, key=lambda known: known.doubt_ns(now_ns))
        doubt_ns = answer.doubt_ns(now_ns)
        if self._stray is not None:
            # One answer contradicts the others: until the next decides, both may be right.
            doubt_ns += abs(self._stray.offset_ns - answer.offset_ns)
        return answer.offset_ns, doubt_ns

    def _take(self, new: _Answer) -> None:
        agreeing = self._stray is None or not _contradict(self._stray, new)
        if not any(_contradict(known, new) for known in self._answers):
            self._stray = None
            self._answers.append(new)
        elif self._stray is not None and agreeing:
            # Two in a row say the same against the past: the gateway's clock was set.
            self._answers = deque([self._stray, new], maxlen=WINDOW)
            self._stray = None
        else:
            self._stray = new


def _contradict(a: _Answer, b: _Answer) -> bool:
    now_ns = max(a.at_ns, b.at_ns)
    return abs(a.offset_ns - b.offset_ns) > a.doubt_ns(now_ns) + b.doubt_ns(now_ns)


@dataclass(frozen=True)
class Step:
    """Store time jumped: `by_ns` is positive when it jumped ahead."""

    by_ns: int


class StoreClock:
    """The node's store time, kept current by the main loop and read by every thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._estimator = OffsetEstimator()
        now_ns = clock.monotonic_ns()
        self._timebase = Timebase(clock.wall_ns() - now_ns, WALL_UNCERTAINTY_NS, now_ns)
        self._is_answered = False

    @property
    def is_answered(self) -> bool:
        """Whether the gateway has ever answered; before, it is the wall clock."""
        return self._is_answered

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns()

    def store_ns(self, monotonic_ns: int) -> Ns:
        """Store time of a moment of this machine's monotonic clock; any thread may ask."""
        return self._timebase.store_ns(monotonic_ns)

    def now(self) -> StoreTime:
        return self._timebase.store_time(self._clock.monotonic_ns())

    def answered(self, answer: ClockAnswer, arrived_ns: int) -> None:
        self._estimator.answered(answer, arrived_ns)

    def update(self) -> Step | None:
        """Bring the timebase up to now; says so when store time had to jump."""
        now_ns = self._clock.monotonic_ns()
        best = self._estimator.best(now_ns)
        if best is None:
            target_ns, doubt_ns = self._clock.wall_ns() - now_ns, WALL_UNCERTAINTY_NS
        else:
            target_ns, doubt_ns = best
        before = self._timebase
        gap_ns = target_ns - before.offset_ns
        is_first = best is not None and not self._is_answered
        self._is_answered = self._is_answered or best is not None
        if abs(gap_ns) >= STEP_NS or is_first:
            self._timebase = Timebase(target_ns, doubt_ns, now_ns)
            return Step(gap_ns) if abs(gap_ns) >= STEP_NS else None
        most_ns = max(0, now_ns - before.since_ns) * SLEW_PPM // 1_000_000
        move_ns = max(-most_ns, min(most_ns, gap_ns))
        left_ns = abs(gap_ns - move_ns)
        self._timebase = Timebase(before.offset_ns + move_ns, doubt_ns + left_ns, now_ns)
        return None
