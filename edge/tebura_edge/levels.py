"""When does each plate of a scale rest, and at what weight: raw grams to moves between levels.

All plates of a scale are followed at once with numpy; nothing loops over plates that rest. Method,
for each plate:

1. A running median of five removes glitches (`samples`).
2. Ten times a second the last `settle_s` (at least `settle_samples`) of filtered samples are
   judged: the plate *rests* when their range and the difference between their halves are within
   what its own noise explains. Its weight is then their trimmed mean. Noisy plates are judged over
   `noisy_s`, unless they moved by much.
3. A resting weight that differs from the plate's level by more than the plate does by itself
   (`wander`) is a *move* and the new level; a smaller difference is drift, which the level follows
   slowly. When in between it turned is the change point that fits best in absolute deviations: a
   hand that presses for a moment does not count.

While all plates of a scale are where they were, only that is looked at, and all else twice a
second. Windows are of time and of sample count, tolerances come from the noise that the plate
itself shows, so 4, 10 and 60 Hz need no settings of their own. Order of plates, cutting into
batches and steps of the clock do not matter: decisions fall on the samples' own time.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from tebura_contract.clock import SECOND_NS, ns_from_s

from tebura_edge.level_settings import LevelSettings
from tebura_edge.passing import Passed, Passing
from tebura_edge.samples import FILTER, Bools, Floats, Ints, Samples
from tebura_edge.wander import EVERY_S, Wander

_WINDOW_ROWS: Final = 48
_FILTERED: Final = 0.54
"""Deviation of white noise behind a median of five."""

_REST_SHARE: Final = 4.6
"""Variance of the trimmed mean of n filtered samples, times n: they are not independent."""

_WALK_RANGES: Final = 4.0
"""A random walk's range within a window is hardly ever more, in deviations of where it ends."""

_SHORTEST_S: Final = 0.001
"""Samples that come all at one time tell nothing of how often they come."""

_CALM_NOISES: Final = 2.0
"""The mean of a tenth of a second of a still plate is hardly ever farther off, in deviations."""

_BEFORE_S: Final = 3.0
"""The level before a move is the mean of the plate's rests in so many seconds before it."""

_STIRS: Final = 5.0
"""A difference between the halves of a window of so many deviations of the plate's noise, and as
large as it hardly ever wanders in several times as long, is not the plate's own."""

_STAYS_S: Final = 0.15
"""A plate is at its level where it is for so long: the weight of somebody who leans there passes
through it, and what is taken meanwhile would begin after the hand that took it was gone."""

_TURNS_WITHIN_S: Final = 2.0
"""How far back beyond the window that found it the turn of a move within the noise is sought."""


@dataclass(frozen=True, slots=True)
class PlateMove:
    """One plate came to rest at another level.

    `from_ns` is when it was last at the old level, `turned_ns` when it changed to the new one,
    `to_ns` since when it has been there (store time). `is_handled`: it moved as no plate does by
    itself. `blind` says why it could not be watched in between.
    """

    plate: int
    before_g: float
    after_g: float
    sigma_g: float
    from_ns: int
    turned_ns: int
    to_ns: int
    is_handled: bool
    blind: str

    @property
    def delta_g(self) -> float:
        return self.after_g - self.before_g


class Levels:
    """The levels of all plates of one scale.

    Args:
        plates: How many.
        settings: Tuned numbers.
        noise_g: What calibration measured for each plate, (plates,); 0 or NaN where unknown.

    Attributes:
        level_g: Level of each plate, NaN before its first rest.
        rest_g: Weight in the window judged last; meaningful where `is_resting`.
        still_ns: Store time at which each plate was last seen at its level, and at rest there:
            `rested_ns`.
        is_busy: Away from its level in the newest sample, by `off_g`.
        is_ignored: Sick: steps and watermark do not wait for it.
        passing, passed: What is away from its level now, and what was found to be back by the last
            judgement.
        now_ns: Store time of the newest judged sample; None before the first.
    """

    def __init__(
        self, plates: int, settings: LevelSettings | None = None, noise_g: Floats | None = None
    ) -> None:
        self.settings = settings or LevelSettings()
        self.samples = Samples(plates, self.settings.gap_s)
        self.level_g = np.full(plates, np.nan)
        self.rest_g = np.full(plates, np.nan)
        self.noise_g = np.full(plates, np.nan)
        self.wander = Wander(plates)
        if noise_g is not None:
            self.noise_g[noise_g > 0] = _FILTERED * noise_g[noise_g > 0]
        self.still_ns = np.zeros(plates, np.int64)
        self.rested_ns = np.zeros(plates, np.int64)
        self.is_resting = np.zeros(plates, np.bool_)
        self.is_busy = np.zeros(plates, np.bool_)
        self.off_g = np.zeros(plates)
        self.is_sick = np.zeros(plates, np.bool_)
        self.is_ignored = np.zeros(plates, np.bool_)
        self.passing = Passing()
        self.passed: list[Passed] = []
        self.now_ns: int | None = None
        self._doubt: dict[int, str] = {}
        self._moved_ns = np.zeros(plates, np.int64)
        self._in_band_ns = np.zeros(plates, np.int64)
        self._heavy_since_s = np.full(plates, np.nan)
        self._stirred_s = np.full(plates, -np.inf)
        self._history: deque[tuple[int, Floats, Bools]] = deque(maxlen=64)
        self._grade = np.zeros(plates, np.int64)
        self._early_g2 = np.zeros(plates)
        self._slope_g = np.zeros(plates)
        self._judged_to = 0
        self._judged_s = -np.inf
        self._looked_s = -np.inf
        self._compared_s = -np.inf
        self._is_calm = False
        self._was_still = np.ones(plates, np.bool_)
        self._window_s = self.settings.settle_s
        self._use_wander()

    # State across restarts -----------------------------------------------------------------------

    def restore(self, plate: int, level_g: float, noise_g: float, at_ns: int) -> None:
        """Continue from a saved level; another weight at the first rest is a move nobody saw."""
        self.level_g[plate] = level_g
        self.noise_g[plate] = noise_g
        self.still_ns[plate] = self._moved_ns[plate] = at_ns
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
                self._judged_to, self._is_calm = 0, False
                self.is_resting[:] = False
                self.passing = Passing()
            else:
                self._judged_to = max(self._judged_to - moved, 0)
            for row, time_s in enumerate(samples.time_s[begin : samples.end].tolist(), begin + 1):
                if time_s - self._judged_s >= self.settings.decide_s - 1e-6:
                    yield self._judge(row, time_s)

    @property
    def judged(self) -> int:
        """How many of the rows of `samples` the last judgement knew."""
        return self._judged_to

    def typical_period_s(self) -> float:
        """Median time between samples lately."""
        return self.samples.typical_period_s()

    # Judgement -----------------------------------------------------------------------------------

    def _judge(self, end: int, now_s: float) -> list[PlateMove]:
        # Plates without a level or a reading are NaN; one context for all that compares them.
        with np.errstate(invalid="ignore"):
            self.now_ns = now_ns = int(self.samples.at_ns[end - 1])
            self.passed = []
            if self._is_calm and self._stays_calm(end, now_ns, now_s):
                self._judged_s, self._judged_to = now_s, end
                return []
            return self._judged(end, now_ns, now_s)

    def _stays_calm(self, end: int, now_ns: int, now_s: float) -> bool:
        """Whether all plates are where they were; then that is all that is noted."""
        if now_s - self._looked_s >= self.settings.calm_s - 1e-6:
            return False
        samples, begin = self.samples, self._judged_to
        off_g = np.abs(_mean(samples.grams[begin:end]) - self.level_g)
        is_calm = (off_g <= self._calm_g) | self.is_sick
        if not (is_calm.all() and samples.was_read[begin:end].all()):
            return False
        self.still_ns[~self.is_sick] = self.rested_ns[~self.is_sick] = now_ns
        return True

    def _judged(self, end: int, now_ns: int, now_s: float) -> list[PlateMove]:
        since_s = min(now_s - self._looked_s, 1.0)
        self._judged_s = self._looked_s = now_s
        self._judge_rest(end, since_s, now_s)
        difference_g = self.rest_g - self.level_g
        off_g = np.abs(difference_g)
        is_far = off_g > np.where(self._is_handled(now_s), self._handled_g, self._threshold_g)
        is_still = self.is_resting & (off_g <= self._threshold_g) & ~is_far
        is_moved = self.is_resting & is_far
        is_moved &= self._slope_g <= self.settings.slope_share * off_g
        is_moved &= ~self._is_held_back(difference_g, now_s)
        moves = [self._move(int(plate), end, now_s) for plate in np.flatnonzero(is_moved)]
        self._learn_wander(off_g <= self.settings.wanders_g, now_s)
        self._follow_drift(is_still, difference_g, since_s)
        self.rested_ns[is_still] = now_ns
        is_new = self.is_resting & np.isnan(self.level_g)
        for settled in (is_new, is_moved):
            self.level_g[settled] = self.rest_g[settled]
            self._moved_ns[settled] = now_ns
            self._in_band_ns[settled] = 0
        self._note_band(end)
        is_there = is_still | is_moved | is_new
        self.passed = list(self.passing.settle(is_there, difference_g, self._rest_s, now_ns))
        if self._doubt:
            for plate in np.flatnonzero(is_still | is_moved | is_new):
                self._doubt.pop(int(plate), None)
        self._history.append((now_ns, self.rest_g, self.is_resting))
        is_calm = (is_still | (off_g <= self._calm_g)) & ~self.is_busy
        self._is_calm = bool((is_calm | self.is_sick).all()) and not (self._doubt or self.passing)
        return moves

    def move_threshold_g(self) -> Floats:
        """Smallest change of each plate that is a move rather than drift."""
        return self._threshold_g

    def _use_wander(self) -> None:
        """Work out once what follows from what was learnt last."""
        settings = self.settings
        grade = np.zeros_like(self._grade)
        for noise_g, _ in settings.noisy:
            grade += self.noise_g > noise_g
        is_new = np.isnan(self.wander.near_g2) | (grade != self._grade)
        is_new &= ~np.isnan(self.noise_g) & (self.samples.end > 0)
        self._grade = grade
        rests = np.array([0.0, *(rest_s for _, rest_s in settings.noisy)])
        self._rest_s: Floats = np.maximum(rests[grade], self._window_s)
        if is_new.any():
            self.wander.guess(self._guess_g2(self._rest_s), self._rest_s, is_new)
        sigma_g = np.sqrt(self.wander.variance(2 * self._window_s))
        self._threshold_g: Floats = np.maximum(settings.move_g, settings.move_sigmas * sigma_g)
        self._handled_g: Floats = np.maximum(settings.move_g, settings.handled_sigmas * sigma_g)
        self._calm_g: Floats = np.maximum(
            0.7 * self._threshold_g, _CALM_NOISES * _known(self.noise_g)
        )
        self._walk_g2_per_s: Floats = self.wander.walk_g2_per_s()
        self._pace_g_per_s: Floats = settings.drift_g_per_s + self.wander.pace_g_per_s()

    def _guess_g2(self, rest_s: Floats) -> Floats:
        """Variance of a rest by its noise, if that is somewhat more than white."""
        rows = np.maximum(rest_s / max(self.typical_period_s(), _SHORTEST_S), 1.0)
        found: Floats = 2.0 * _REST_SHARE * _known(self.noise_g) ** 2 / rows
        return found

    def _learn_wander(self, is_near: Bools, now_s: float) -> None:
        """Compare rests that do not overlap, where nothing happened in between.

        Where one plate is handled its neighbours shake and stay off: that is not their own doing.
        """
        is_near = is_near & bool((is_near | self.is_sick).all())
        self._was_still &= is_near
        if now_s - self._compared_s >= EVERY_S - 1e-6:
            self.wander.take(self.rest_g, self._was_still)
            self._compared_s = now_s
            self._was_still = is_near.copy()
            self._use_wander()

    def _is_handled(self, now_s: float) -> Bools:
        """Where something moved a plate lately that was not the plate."""
        is_lately: Bools = now_s - self._stirred_s <= self.settings.handled_s
        return is_lately

    def _judge_rest(self, end: int, since_s: float, now_s: float) -> None:
        settings, samples = self.settings, self.samples
        period_s = self.typical_period_s()
        fewest = [rows for from_s, rows in settings.settle_samples if period_s >= from_s][-1]
        begin = min(samples.rows_before(settings.settle_s, end), end - fewest)
        begin = max(begin, min(samples.rows_before(settings.settle_limit_s, end), end - FILTER))
        if begin < 0:
            self.is_resting = np.zeros_like(self.is_resting)
            return
        self._window_s = float(samples.time_s[end - 1] - samples.time_s[begin])
        rest_g, is_calm, spread_g, self._slope_g = self._window(begin, end, slice(None))
        is_read = np.isfinite(rest_g) & ~self.is_sick
        was_read = samples.was_read[begin:end]
        if not was_read.all():
            is_read &= was_read.mean(axis=0) > 0.7
        half_sd_g = np.sqrt(2 * _REST_SHARE / max((end - begin) // 2, 1)) * _known(self.noise_g)
        stirs_g = np.maximum(self._handled_g, _STIRS * half_sd_g)
        self._stirred_s[is_read & (self._slope_g > stirs_g)] = now_s
        self._learn_noise(rest_g, spread_g, is_read, since_s)
        for grade, (_, long_s) in enumerate(settings.noisy, 1):
            noisy = np.flatnonzero(self._grade == grade)
            if len(noisy) and self._window_s < long_s:
                soon_s = min(grade * self._window_s, long_s)
                self._judge_noisy(end, (soon_s, long_s), noisy, rest_g, is_calm)
        self.rest_g, self.is_resting = rest_g, is_read & is_calm

    def _judge_noisy(
        self, end: int, rests_s: tuple[float, float], noisy: Ints, rest_g: Floats, is_calm: Bools
    ) -> None:
        """Judge noisy plates over the longer window, unless they moved by much in the shorter."""
        soon_s, long_s = rests_s
        begin = self.samples.rows_before(long_s, end)
        if begin < 0:
            is_calm[noisy] = False
            return
        long_g, is_long_calm, _, slope_g = self._window(begin, end, noisy)
        soon = max(self.samples.rows_before(soon_s, end), begin)
        soon_g, is_soon_calm, _, soon_slope_g = self._window(soon, end, noisy)
        limit_g = self.settings.far * self._threshold_g[noisy]
        is_far = is_soon_calm & (np.abs(soon_g - self.level_g[noisy]) > limit_g)
        is_far &= ~is_long_calm
        rest_g[noisy] = np.where(is_far, soon_g, long_g)
        self._slope_g[noisy] = np.where(is_far, soon_slope_g, slope_g)
        early_g2 = _REST_SHARE / (end - soon) * _known(self.noise_g[noisy]) ** 2
        self._early_g2[noisy] = np.where(is_far, early_g2, 0.0)
        is_calm[noisy] = is_far | is_long_calm

    def _window(
        self, begin: int, end: int, plates: slice | Ints
    ) -> tuple[Floats, Bools, Floats, Floats]:
        """Weight in a window of samples, whether it is calm, its samples' deviation, its slope."""
        settings = self.settings
        stride = 1 + (end - 1 - begin) // _WINDOW_ROWS
        window = self.samples.grams[begin:end:stride, plates]
        half, quarter = len(window) // 2, len(window) // 4
        ordered = np.sort(window, axis=0)
        spread_g = (ordered[(84 * len(window)) // 100] - ordered[(16 * len(window)) // 100]) / 2
        slope_g = np.abs(_mean(window[-half:]) - _mean(window[:half]))
        range_g = ordered[-1] - ordered[0]
        rest_g = _mean(ordered[quarter : len(window) - quarter])
        noise_g = _known(self.noise_g[plates])
        change_g = _known(rest_g - self.level_g[plates])
        rings_g = np.where(change_g > 0, settings.leans_share, -settings.range_share) * change_g
        half_g = settings.slope_sigmas * np.sqrt(2 * _REST_SHARE / max(half * stride, 1)) * noise_g
        length_s = self.samples.time_s[end - 1] - self.samples.time_s[begin]
        walk_g = np.sqrt(self._walk_g2_per_s[plates] * length_s)
        own_g = np.maximum(settings.range_noises * noise_g, _WALK_RANGES * walk_g)
        is_calm = range_g <= np.maximum(settings.range_g, own_g) + rings_g
        half_g = np.maximum(half_g, settings.slope_sigmas * walk_g)
        is_calm &= slope_g <= np.maximum(settings.slope_g, half_g) + rings_g / 2
        return rest_g, is_calm, spread_g, slope_g

    def _learn_noise(
        self, rest_g: Floats, spread_g: Floats, is_read: Bools, since_s: float
    ) -> None:
        """Follow the noise within windows near rest: hands and ringing teach little at once."""
        is_first = is_read & np.isnan(self.noise_g)
        self.noise_g[is_first] = spread_g[is_first]
        spread_g = np.minimum(
            spread_g, np.minimum(2.0 * self.noise_g + 0.1, self.settings.noise_limit_g)
        )
        is_near = ~(np.abs(rest_g - self.level_g) > 30.0)
        rate = np.where(spread_g < self.noise_g, 0.2, np.where(is_near, 0.1, 0.0)) * since_s
        change_g = (spread_g - self.noise_g) * rate
        self.noise_g[is_read] += change_g[is_read]
        if is_first.any():
            self._use_wander()

    def _is_held_back(self, difference_g: Floats, now_s: float) -> Bools:
        """Where a hand may be pressing: much above the level and not for long enough."""
        is_heavy = self.is_resting & (difference_g > self.settings.heavy_g)
        self._heavy_since_s[~is_heavy] = np.nan
        self._heavy_since_s[is_heavy & np.isnan(self._heavy_since_s)] = now_s
        return is_heavy & (now_s - self._heavy_since_s < self.settings.heavy_hold_s)

    def _follow_drift(self, is_still: Bools, difference_g: Floats, since_s: float) -> None:
        limit_g = self._pace_g_per_s * since_s
        step_g = np.clip(difference_g, -limit_g, limit_g)
        self.level_g[is_still] += step_g[is_still]

    def _note_band(self, end: int) -> None:
        """When each plate was last at its level, to the sample."""
        samples = self.samples
        begin = max(self._judged_to - 1, 0)
        band_g = 1.0 + self._threshold_g + 3.0 * _known(self.noise_g)
        off_g = samples.grams[begin:end] - self.level_g
        self.off_g = off_g[-1]
        in_band = (np.abs(off_g) <= band_g) & samples.was_read[begin:end]
        if not in_band.all():
            fresh = slice(self._judged_to - begin, None)
            is_out = ~in_band[fresh] & samples.was_read[begin:end][fresh]
            is_out &= ~np.isnan(self.level_g) & ~self.is_sick
            self.passing.note(samples.at_ns[begin:end][fresh], off_g[fresh], is_out)
        # What passes through the band for a moment is somebody's weight.
        at_ns = samples.at_ns[begin:end]
        left = np.where(in_band.all(axis=0), len(in_band), np.argmin(in_band, axis=0))
        last_ns = at_ns[np.maximum(left - 1, 0)]
        stayed = (left > 0) & (last_ns - self._in_band_ns >= ns_from_s(_STAYS_S))
        self.still_ns[stayed] = last_ns[stayed]
        came = len(in_band) - np.argmin(in_band[::-1], axis=0)
        came_ns = at_ns[np.minimum(came, len(at_ns) - 1)]
        has_left = left < len(in_band)
        self._in_band_ns[has_left] = came_ns[has_left]
        self.is_busy = ~in_band[-1] & ~np.isnan(self.level_g)
        self._judged_to = end

    def _move(self, plate: int, end: int, now_s: float) -> PlateMove:
        after_g = float(self.rest_g[plate])
        track, at_ns = self.samples.grams[:end, plate], self.samples.at_ns[:end]
        noise_g = float(np.nan_to_num(self.noise_g[plate]))
        settings, change_g = self.settings, abs(after_g - float(self.level_g[plate]))
        reach_g = max(settings.range_g, settings.range_noises * noise_g)
        begin = _behind_last(at_ns <= self.still_ns[plate])
        if change_g < 3 * reach_g:
            # What is within the noise leaves its level's band late or never.
            lately = self.samples.rows_before(self._window_s + _TURNS_WITHIN_S, end)
            begin = min(begin, max(lately, _behind_last(at_ns <= self._moved_ns[plate])))
        before_off_g = np.abs(track[begin:] - self.level_g[plate])
        off_g = np.abs(track[begin:] - after_g)
        # Where one change from the one level to the other fits best, in absolute deviations.
        turn = begin + int(np.argmin(np.cumsum(before_off_g - off_g))) + 1
        turned_ns = int(at_ns[min(turn, end - 1)])
        to_ns = int(at_ns[begin + _behind_last(off_g > 2 * reach_g + 0.01 * change_g)])
        from_ns = min(int(self.still_ns[plate]), turned_ns)
        to_ns = max(to_ns, turned_ns)
        return PlateMove(
            plate=plate,
            before_g=self._before_g(plate, from_ns),
            after_g=after_g,
            sigma_g=self.sigma_g(plate, (to_ns - from_ns) / SECOND_NS),
            from_ns=from_ns,
            turned_ns=turned_ns,
            to_ns=to_ns,
            is_handled=bool(self._is_handled(now_s)[plate]),
            blind=self._doubt.get(plate, ""),
        )

    def _before_g(self, plate: int, at_ns: int) -> float:
        """Mean of a plate's rests in the last seconds before, if it did not move meanwhile."""
        since_ns = max(int(self._moved_ns[plate]), at_ns - ns_from_s(_BEFORE_S))
        rests_g = [
            float(rest_g[plate])
            for seen_ns, rest_g, is_resting in self._history
            if since_ns <= seen_ns <= at_ns and is_resting[plate]
        ]
        return sum(rests_g) / len(rests_g) if rests_g else float(self.level_g[plate])

    def sigma_g(self, plate: int, apart_s: float = 0.0, since_ns: int | None = None) -> float:
        """Deviation of a difference of two rests of this plate so far apart.

        What the plate does by itself, and a little of creep and ringing; more where the last rest
        of a noisy plate was a short one, or has lasted only `since_ns`.
        """
        variance_g2 = self.wander.variance(apart_s + self._window_s)[plate]
        early_g2 = float(self._early_g2[plate])
        if since_ns is not None:
            early_g2 = max(early_g2, self._early_at_g2(plate, since_ns))
        return float(np.sqrt(self.settings.creep_g**2 + variance_g2 + early_g2))

    def _early_at_g2(self, plate: int, since_ns: int) -> float:
        """What white noise adds to a rest that has lasted since then only."""
        period_s = max(self.typical_period_s(), _SHORTEST_S)
        whole = max(self._rest_s[plate] / period_s, 1.0)
        now_ns = since_ns if self.now_ns is None else self.now_ns
        rows = max((now_ns - since_ns) / SECOND_NS / period_s, 1.0)
        noise_g2 = _REST_SHARE * float(_known(self.noise_g[plate])) ** 2
        return float(max(noise_g2 / rows - noise_g2 / whole, 0.0))

    def needs_ns(self, plate: int, sigma_g: float) -> int:
        """How long a rest of this plate takes until its white noise is no more than this."""
        rows = _REST_SHARE * (float(_known(self.noise_g[plate])) / sigma_g) ** 2
        needs_s = rows * max(self.typical_period_s(), _SHORTEST_S)
        return ns_from_s(min(needs_s, float(self._rest_s[plate])))

    def rest_before(self, plate: int, at_ns: int) -> float | None:
        """Weight of the plate's last rest that ended by then, within the last seconds."""
        for seen_ns, rest_g, is_resting in reversed(self._history):
            if seen_ns <= at_ns and is_resting[plate]:
                return float(rest_g[plate])
        return None

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
            rest_g = self._rest_since_g(plate, since_ns)
        change_g = rest_g - float(self.level_g[plate])
        if not self.is_resting[plate] or not abs(change_g) <= self._threshold_g[plate]:
            return 0.0
        self.level_g[plate] = rest_g
        return change_g

    def _rest_since_g(self, plate: int, since_ns: int) -> float:
        """The present rest without what was before; as it is, where too little is left of it."""
        end = self._judged_to
        rest_s = float(self._rest_s[plate])
        begin = max(self.samples.rows_before(rest_s, end), 0)
        since = _behind_last(self.samples.at_ns[:end] <= since_ns)
        if since <= begin or end - since < FILTER:
            return float(self.rest_g[plate])
        ordered = np.sort(self.samples.grams[since:end, plate])
        quarter = len(ordered) // 4
        return float(ordered[quarter : len(ordered) - quarter].mean())


def _behind_last(flags: Bools) -> int:
    """Index of the sample behind the last one flagged; 0 if none is."""
    flagged = np.flatnonzero(flags)
    return min(int(flagged[-1]) + 1, len(flags) - 1) if len(flagged) else 0


def _known(values: Floats) -> Floats:
    """The values with 0 for those not known yet; `np.nan_to_num` takes ten times as long."""
    return np.where(np.isnan(values), 0.0, values)


def _mean(rows: Floats) -> Floats:
    """`rows.mean(axis=0)` without its overhead, to the same bits."""
    mean: Floats = np.add.reduce(rows, axis=0) / len(rows)
    return mean
