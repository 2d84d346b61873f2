"""When does each plate of a scale rest, and at what weight: raw grams to moves between levels.

All plates of a scale are followed at once with numpy; nothing loops over plates that rest. Method,
for each plate:

1. A running median of five removes glitches (`samples`).
2. Ten times a second the newest samples are judged: does the plate rest, and at what weight
   (`resting`).
3. A resting weight that differs from the plate's level by more than the plate does by itself
   (`unasked`) is a *move* and the new level; a smaller difference is drift, which the level follows
   slowly. When in between it turned is found in the samples (`plate_move`).

While all plates of a scale are where they were, only that is looked at, and all else once a
second. Windows are of time and of sample count, tolerances come from the noise that the plate
itself shows, so 4, 10 and 60 Hz need no settings of their own. Order of plates, cutting into
batches and steps of the clock do not matter: decisions fall on the samples' own time.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from tebura_contract.clock import SECOND_NS, ns_from_s

from tebura_edge.band import Band
from tebura_edge.level_settings import LevelSettings
from tebura_edge.passing import Passed, Passing
from tebura_edge.past_rests import PastRests
from tebura_edge.plate_move import PlateMove, behind_last, turn_of
from tebura_edge.resting import Resting, mean
from tebura_edge.samples import Bools, Floats, Ints, Samples
from tebura_edge.unasked import Unasked, known

_BEFORE_S: Final = 3.0
"""The level before a move is the mean of the plate's rests in so many seconds before it."""

_TURNS_WITHIN_S: Final = 2.0
"""How far back beyond the window that found it the turn of a move within the noise is sought."""


class Levels:
    """The levels of all plates of one scale.

    Args:
        plates: How many.
        settings: Tuned numbers.
        noise_g: What calibration measured for each plate, (plates,); 0 or NaN where unknown.

    Attributes:
        level_g: Level of each plate, NaN before its first rest.
        rested_ns: Store time at which each plate was last seen at rest at its level.
        is_ignored: Sick: steps and watermark do not wait for it.
        passed: What was found to be back by the last judgement.
        now_ns: Store time of the newest judged sample; None before the first.
    """

    def __init__(
        self, plates: int, settings: LevelSettings | None = None, noise_g: Floats | None = None
    ) -> None:
        self.settings = settings or LevelSettings()
        self.samples = Samples(plates, self.settings.gap_s)
        measured_g = np.zeros(plates) if noise_g is None else noise_g
        self._unasked = Unasked(self.samples, self.settings, measured_g)
        self._resting = Resting(self.samples, self._unasked, self.settings)
        self._band = Band(plates)
        self._past = PastRests()
        self.level_g = np.full(plates, np.nan)
        self.rested_ns = np.zeros(plates, np.int64)
        self.is_sick = np.zeros(plates, np.bool_)
        self.is_ignored = np.zeros(plates, np.bool_)
        self.passed: list[Passed] = []
        self.now_ns: int | None = None
        self._doubt: dict[int, str] = {}
        self._moved_ns = np.zeros(plates, np.int64)
        self._heavy_since_s = np.full(plates, np.nan)
        self._judged_s = -np.inf
        self._looked_s = -np.inf
        self._is_calm = False

    # What the plates do now ----------------------------------------------------------------------

    @property
    def rest_g(self) -> Floats:
        """Weight in the window judged last; meaningful where `is_resting`."""
        return self._resting.rest_g

    @property
    def is_resting(self) -> Bools:
        return self._resting.is_resting

    @property
    def noise_g(self) -> Floats:
        """Deviation of each plate's filtered samples; NaN where it is not known yet."""
        return self._unasked.noise_g

    @property
    def still_ns(self) -> Ints:
        """Store time at which each plate was last seen at its level."""
        return self._band.still_ns

    @property
    def is_busy(self) -> Bools:
        """Away from its level in the newest sample, by `off_g`."""
        return self._band.is_busy

    @property
    def is_away(self) -> Bools:
        """Away since `still_ns`, whatever it passes through."""
        return self._band.is_away

    @property
    def off_g(self) -> Floats:
        return self._band.off_g

    @property
    def passing(self) -> Passing:
        """What is away from its level now."""
        return self._band.passing

    @property
    def judged(self) -> int:
        """How many of the rows of `samples` the last judgement knew."""
        return self._band.noted

    def typical_period_s(self) -> float:
        """Median time between samples lately."""
        return self.samples.typical_period_s()

    def move_threshold_g(self) -> Floats:
        """Smallest change of each plate that is a move rather than drift."""
        return self._unasked.move_g

    # State across restarts -----------------------------------------------------------------------

    def restore(self, plate: int, level_g: float, noise_g: float, at_ns: int) -> None:
        """Continue from a saved level; another weight at the first rest is a move nobody saw."""
        self.level_g[plate] = level_g
        self.noise_g[plate] = noise_g
        self._band.still_ns[plate] = self._moved_ns[plate] = self.rested_ns[plate] = at_ns
        self._doubt[plate] = "restart"
        self._is_calm = False

    def doubt(self, plate: int, reason: str) -> None:
        """From here to its next rest this plate could not be watched."""
        self._doubt[plate] = reason
        self._is_calm = False

    def set_sick(self, plate: int, reason: str, can_rest: bool = False) -> None:
        """Nobody waits for a sick plate any more, and unless it `can_rest` it has no weight."""
        self.is_ignored[plate] = True
        self.is_sick[plate] = not can_rest
        self.doubt(plate, reason)

    def set_well(self, plate: int) -> None:
        """The plate can be believed again from its next rest on."""
        self.is_ignored[plate] = self.is_sick[plate] = False
        self._is_calm = False

    # Samples in ----------------------------------------------------------------------------------

    def feed(self, at_ns: Ints, grams: Floats) -> Iterator[list[PlateMove]]:
        """Take samples, (n,) store time and (n, plates) grams with NaN where none was read.

        Yields once per judgement, with the moves it found; the attributes then hold the state at
        that moment.
        """
        samples = self.samples
        for begin, moved in samples.take(at_ns, grams):
            if moved < 0:
                self._is_calm = False
                self.is_resting[:] = False
                self._band.forget()
            else:
                self._band.moved_up(moved)
            for row, time_s in enumerate(samples.time_s[begin : samples.end].tolist(), begin + 1):
                if time_s - self._judged_s >= self.settings.decide_s - 1e-6:
                    yield self._judge(row, time_s)

    # Judgement -----------------------------------------------------------------------------------

    def _judge(self, end: int, now_s: float) -> list[PlateMove]:
        # Plates without a level or a reading are NaN; one context for all that compares them.
        with np.errstate(invalid="ignore"):
            self.now_ns = now_ns = int(self.samples.at_ns[end - 1])
            self.passed = []
            if self._is_calm and self._stays_calm(end, now_ns, now_s):
                self._judged_s, self._band.noted = now_s, end
                return []
            return self._judged(end, now_ns, now_s)

    def _stays_calm(self, end: int, now_ns: int, now_s: float) -> bool:
        """Whether all plates are where they were; then that is all that is noted."""
        if now_s - self._looked_s >= self.settings.calm_s - 1e-6:
            return False
        samples, begin = self.samples, self._band.noted
        off_g = np.abs(mean(samples.grams[begin:end]) - self.level_g)
        is_calm = (off_g <= self._unasked.calm_g) | self.is_sick
        if not (is_calm.all() and samples.was_read[begin:end].all()):
            return False
        self.still_ns[~self.is_sick] = self.rested_ns[~self.is_sick] = now_ns
        return True

    def _judged(self, end: int, now_ns: int, now_s: float) -> list[PlateMove]:
        since_s = min(now_s - self._looked_s, 1.0)
        self._judged_s = self._looked_s = now_s
        self._resting.judge(end, since_s, self.level_g, self.is_sick)
        difference_g = self.rest_g - self.level_g
        off_g = np.abs(difference_g)
        unasked = self._unasked
        is_far = off_g > np.where(self._is_handled(now_s), unasked.handled_g, unasked.move_g)
        is_still = self.is_resting & (off_g <= unasked.move_g) & ~is_far
        is_moved = self.is_resting & is_far
        is_moved &= self._resting.slope_g <= self.settings.slope_share * off_g
        is_moved &= ~self._is_held_back(difference_g, now_s)
        moves = [self._move(int(plate), end, now_s) for plate in np.flatnonzero(is_moved)]
        self._learn_wander(off_g <= self.settings.wanders_g, now_s)
        self._follow_drift(is_still, difference_g, since_s)
        self.rested_ns[is_still] = now_ns
        is_new = self.is_resting & np.isnan(self.level_g)
        for settled in (is_new, is_moved):
            self.level_g[settled] = self.rest_g[settled]
            self._moved_ns[settled] = self.rested_ns[settled] = now_ns
            self._band.settled(settled)
        band_g = 1.0 + unasked.move_g + 3.0 * known(unasked.noise_g)
        self._band.take(self.samples, end, self.level_g, band_g, self.is_sick)
        is_there = is_still | is_moved | is_new
        self.passed = list(self.passing.settle(is_there, difference_g, unasked.rest_s, now_ns))
        if self._doubt:
            for plate in np.flatnonzero(is_there):
                self._doubt.pop(int(plate), None)
        self._past.add(now_ns, self.rest_g, self.is_resting)
        is_calm = (is_still | (off_g <= unasked.calm_g)) & ~self.is_busy
        self._is_calm = bool((is_calm | self.is_sick).all()) and not (self._doubt or self.passing)
        return moves

    def _learn_wander(self, is_near: Bools, now_s: float) -> None:
        """Where one plate is handled its neighbours shake and stay off: not their own doing."""
        is_near = is_near & bool((is_near | self.is_sick).all())
        self._unasked.learn_wander(self.rest_g, is_near, now_s)

    def _is_handled(self, now_s: float) -> Bools:
        """Where something moved a plate lately that was not the plate."""
        unasked = self._unasked
        lately_s = self.settings.handled_s + unasked.rest_s - unasked.window_s
        is_lately: Bools = now_s - self._resting.stirred_s <= lately_s
        return is_lately

    def _is_held_back(self, difference_g: Floats, now_s: float) -> Bools:
        """Where a hand may be pressing: much above the level and not for long enough."""
        is_heavy = self.is_resting & (difference_g > self.settings.heavy_g)
        self._heavy_since_s[~is_heavy] = np.nan
        self._heavy_since_s[is_heavy & np.isnan(self._heavy_since_s)] = now_s
        return is_heavy & (now_s - self._heavy_since_s < self.settings.heavy_hold_s)

    def _follow_drift(self, is_still: Bools, difference_g: Floats, since_s: float) -> None:
        limit_g = self._unasked.pace_g_per_s * since_s
        step_g = np.clip(difference_g, -limit_g, limit_g)
        self.level_g[is_still] += step_g[is_still]

    # Moves ---------------------------------------------------------------------------------------

    def _move(self, plate: int, end: int, now_s: float) -> PlateMove:
        after_g, level_g = float(self.rest_g[plate]), float(self.level_g[plate])
        at_ns = self.samples.at_ns[:end]
        noise_g = float(np.nan_to_num(self.noise_g[plate]))
        settings, change_g = self.settings, abs(after_g - level_g)
        reach_g = max(settings.range_g, settings.range_noises * noise_g)
        begin = behind_last(at_ns <= self.still_ns[plate])
        if change_g < 3 * reach_g:
            # What is within the noise leaves its level's band late or never.
            lately = self.samples.rows_before(self._unasked.window_s + _TURNS_WITHIN_S, end)
            begin = min(begin, max(lately, behind_last(at_ns <= self._moved_ns[plate])))
        track_g = self.samples.grams[begin:end, plate]
        within_g = 2 * reach_g + 0.01 * change_g
        turned_ns, to_ns = turn_of(at_ns[begin:], track_g, level_g, after_g, within_g)
        from_ns, to_ns = min(int(self.still_ns[plate]), turned_ns), max(to_ns, turned_ns)
        rested_ns = min(int(self.rested_ns[plate]), from_ns)
        return PlateMove(
            plate=plate,
            before_g=self._before_g(plate, from_ns),
            after_g=after_g,
            sigma_g=self.sigma_g(plate, (to_ns - rested_ns) / SECOND_NS),
            rested_ns=rested_ns,
            from_ns=from_ns,
            turned_ns=turned_ns,
            to_ns=to_ns,
            is_handled=bool(self._is_handled(now_s)[plate]),
            blind=self._doubt.get(plate, ""),
        )

    def _before_g(self, plate: int, at_ns: int) -> float:
        """Mean of a plate's rests in the last seconds before, if it did not move meanwhile."""
        since_ns = max(int(self._moved_ns[plate]), at_ns - ns_from_s(_BEFORE_S))
        before_g = self._past.mean_g(plate, since_ns, at_ns)
        return float(self.level_g[plate]) if before_g is None else before_g

    def sigma_g(self, plate: int, apart_s: float = 0.0, since_ns: int | None = None) -> float:
        """Deviation of a difference of two rests of this plate so far apart.

        What the plate does by itself, and a little of creep and ringing; more where the last rest
        of a noisy plate was a short one, or has lasted only `since_ns`.
        """
        variance_g2 = self._unasked.variance_g2(plate, apart_s)
        early_g2 = float(self._resting.early_g2[plate])
        if since_ns is not None:
            lasts_ns = 0 if self.now_ns is None else self.now_ns - since_ns
            early_g2 = max(early_g2, self._unasked.early_g2(plate, lasts_ns))
        return float(np.sqrt(self.settings.creep_g**2 + variance_g2 + early_g2))

    def unknown_g(self, plate: int, apart_s: float) -> float:
        """How far apart a plate that may be restless may rest beyond `sigma_g`: its deviation."""
        return float(np.sqrt(self._unasked.unknown_g2(plate, apart_s)))

    def needs_ns(self, plate: int, sigma_g: float) -> int:
        """How long a rest of this plate takes until its white noise is no more than this."""
        return self._unasked.needs_ns(plate, sigma_g)

    def rest_before(self, plate: int, at_ns: int) -> float | None:
        """Weight of the plate's last rest that ended by then, within the last seconds."""
        return self._past.last_g(plate, at_ns)

    def absorb(self, plate: int, since_ns: int | None = None) -> float:
        """Take the present rest as the level: a change that is told as part of a step.

        Args:
            plate: Which.
            since_ns: A rest that reaches back before this is taken from here on.

        Returns:
            By how much the level changed, grams.
        """
        rest_g = float(self.rest_g[plate])
        if since_ns is not None:
            since = behind_last(self.samples.at_ns[: self.judged] <= since_ns)
            rest_g = self._resting.rest_since_g(plate, self.judged, since)
        change_g = rest_g - float(self.level_g[plate])
        if not self.is_resting[plate] or not abs(change_g) <= self._unasked.move_g[plate]:
            return 0.0
        self.level_g[plate] = rest_g
        return change_g
