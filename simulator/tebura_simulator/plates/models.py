"""How the two kinds of plates behave: every number of theirs, and where it was measured.

Grams and seconds unless named otherwise. ``store60`` is fitted to the statistics of 348 channels of
a real store (the table in ``../shared/data/README.md``), ``hx711`` to the two recordings of a real
plate in ``plates-hx711`` there; `fit` shows both beside what they were fitted to.
"""

from dataclasses import dataclass, replace
from typing import Final

from tebura_simulator.plates.quantiles import Quantiles
from tebura_simulator.story.scenario import PlateKind

COUNT_LIMIT: Final = (1 << 23) - 1
"""Counts of a 24-bit converter; it stays there when there is more."""


@dataclass(frozen=True, kw_only=True)
class PlateModel:
    """A kind of plate.

    Attributes:
        rate_hz: Samples a second; `batch_rows` of them come together.
        counts_per_g: Nominal gain; plates differ from it by up to `gain_spread`, which calibration
            knows, and from their calibration by `gain_error` (standard deviation), which nobody
            does.
        step_counts: Counts are multiples of it.
        response: Weights of this sample and those before it in what the converter gives.
        noise_g: White noise of a plate before `response`, (standard deviation); `neighbour_rho`
            the correlation of successive samples of it.
        flicker_g: 1/f noise: the deviation of each of the processes of `FLICKER_S`.
        walk_g: Random walk, a second.
        zero_g_per_k, gain_per_k: What a kelvin does to a plate (standard deviation).
        swing_k: How far the shop's temperature swings about its mean.
        creep: Share of a load that is added within a minute after it changed (deviation).
        corner: Where a thing stands on its plate changes what it weighs (deviation).
        ramp_s, overshoot, ring_s, ring_hz: An item that leaves or lands, uniformly drawn.
        press_g: Largest press of a hand that takes, puts or searches.
        bump_g: Neighbours move by up to this meanwhile; `stays_g` is the mean of what they stay
            off, never more than `stays_limit_g`.
        glitches: Share of samples that are nonsense; `double_glitches` of these two in a row.
        glitch_g: How far off they are; `glitch_up` of them upwards.
        pauses_hz: How often the reader misses `pause_rows` samples.
        jitter_s: Deviation of a sample's time from the beat.
        delay_s: From the last sample of a batch to its arrival, uniformly drawn.
        dead: Share of the plates without a product that never change.
    """

    rate_hz: float
    batch_rows: int
    counts_per_g: float
    step_counts: int
    response: tuple[float, ...]
    noise_g: Quantiles
    neighbour_rho: Quantiles
    flicker_g: Quantiles
    walk_g: Quantiles
    zero_g_per_k: float
    gain_per_k: float
    swing_k: float
    creep: float
    corner: float
    gain_spread: float = 0.1
    gain_error: float = 0.012
    ramp_s: tuple[float, float] = (0.1, 0.3)
    overshoot: tuple[float, float] = (0.05, 0.40)
    ring_s: tuple[float, float] = (0.12, 0.20)
    ring_hz: tuple[float, float] = (4.0, 10.0)
    press_g: Quantiles
    bump_g: float = 20.0
    stays_g: float = 1.5
    stays_limit_g: float = 9.0
    glitches: float = 0.0
    double_glitches: float = 0.0
    glitch_g: Quantiles
    glitch_up: float = 0.5
    pauses_hz: float = 0.0
    pause_rows: int = 0
    jitter_s: float
    delay_s: tuple[float, float]
    dead: float


FLICKER_S: Final = (0.5, 2.0, 8.0, 32.0)
"""Correlation times of processes of equal size that together are 1/f noise."""

WANDERS_G: Final = 1.0
"""A plate that walks by more than this in a second has a tenth of others' noise: the real store has
some whose successive samples hardly differ while they wander (lag-1 autocorrelation of 1.0)."""

PRESS_G: Final = Quantiles((0.0, 0.1, 0.5, 0.9, 0.99, 1.0), (2.0, 5.5, 11.0, 53.0, 117.0, 190.0))
"""Largest excursion while someone shops nearby, of 348 channels: 165 g at most
(README), and a little more here, so that any store's largest is as large."""

DEAD: Final = 1 / 306
"""43 of 348 channels never change, but that store has 306 plates: 42 of these are no plates at all.
A plate under a facing is never dead by itself: it could not have been calibrated. A scenario kills
one where it wants it (`FaultKind.CELL_STUCK`)."""

PACKAGE_SHARE: Final = 0.015
"""Deviation of a package's weight from the catalogue where the layout says 0; with gain and corner
about 2 %, so that of a hundred picks the worst is 5 % off (README)."""

STORE60: Final = PlateModel(
    rate_hz=60.0,
    batch_rows=12,
    # 0.24 g a step; that these are 64 counts is ours: it puts the converter's ends at 31 kg.
    counts_per_g=64 / 0.24,
    step_counts=64,
    response=(1.0,),
    noise_g=Quantiles(
        (0.0, 0.1, 0.43, 0.66, 0.886, 0.9886, 1.0), (0.42, 0.70, 0.86, 1.65, 3.35, 14.0, 23.0)
    ),
    neighbour_rho=Quantiles((0.0, 0.1, 0.5, 0.9, 1.0), (-0.49, -0.44, -0.11, 0.39, 0.49)),
    flicker_g=Quantiles((0.0, 0.1, 0.5, 0.9, 0.99, 1.0), (0.005, 0.008, 0.015, 0.08, 0.4, 0.8)),
    walk_g=Quantiles((0.0, 0.5, 0.9, 0.97, 0.985, 1.0), (0.0, 0.003, 0.05, 0.4, 2.0, 2.4)),
    zero_g_per_k=0.5,
    gain_per_k=50e-6,
    swing_k=0.5,
    creep=0.001,
    corner=0.002,
    press_g=PRESS_G,
    # No glitch is in its table; scenarios add them (`FaultKind.GLITCHES`).
    glitch_g=Quantiles((0.0, 1.0), (0.0, 31_000.0)),
    jitter_s=0.0004,
    delay_s=(0.005, 0.030),
    dead=DEAD,
)

HX711: Final = PlateModel(
    rate_hz=10.0,
    batch_rows=1,
    # One count is 0.002674 g in workday_a.csv, 0.002740 g in full_to_empty.csv.
    counts_per_g=374.0,
    step_counts=1,
    # The correlation of successive samples of workday_a.csv: 0.43, then 0.07, then none.
    response=(1 / 6, 4 / 6, 1 / 6),
    # The quietest plates are workday_a.csv (1.03 g), the median full_to_empty.csv (2.5 g) and more.
    noise_g=Quantiles((0.0, 0.1, 0.5, 0.9, 1.0), (1.07, 1.25, 3.15, 3.5, 3.9)),
    neighbour_rho=Quantiles((0.0, 1.0), (0.0, 0.0)),
    flicker_g=Quantiles((0.0, 0.1, 0.5, 1.0), (0.01, 0.04, 0.15, 0.2)),
    walk_g=Quantiles((0.0, 0.1, 0.5, 0.9, 1.0), (0.02, 0.03, 0.045, 0.07, 0.1)),
    zero_g_per_k=1.5,
    gain_per_k=50e-6,
    swing_k=1.0,
    creep=0.0015,
    # The same pot set down five times: 3,666 to 3,684 g, and once 3,727 g.
    corner=0.003,
    press_g=PRESS_G,
    # More than 8 g off for one sample, seldom for two, are 99 of 10,000 samples of workday_a.csv
    # (89 jumps of more than 1 kg among them) and 7 of the last 537 of full_to_empty.csv.
    glitches=0.0145,
    double_glitches=0.02,
    glitch_g=Quantiles(
        (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0),
        (12.0, 16.8, 70.3, 770.0, 4300.0, 12_000.0, 21_500.0, 25_200.0),
    ),
    glitch_up=0.8,
    # It misses three samples every 4.3 s.
    pauses_hz=0.23,
    pause_rows=3,
    jitter_s=0.004,
    delay_s=(0.002, 0.015),
    dead=DEAD,
)

MODELS: Final = {PlateKind.STORE60: STORE60, PlateKind.HX711: HX711}


def model_of(kind: PlateKind, harshness: float = 1.0) -> PlateModel:
    """A kind of plate whose every disturbance is scaled; at 0 it is clean."""
    model = MODELS[kind]
    return replace(
        model,
        noise_g=model.noise_g.scaled(harshness),
        flicker_g=model.flicker_g.scaled(harshness),
        walk_g=model.walk_g.scaled(harshness),
        zero_g_per_k=model.zero_g_per_k * harshness,
        gain_per_k=model.gain_per_k * harshness,
        gain_error=model.gain_error * harshness,
        creep=model.creep * harshness,
        corner=model.corner * harshness,
        overshoot=(model.overshoot[0] * harshness, model.overshoot[1] * harshness),
        press_g=model.press_g.scaled(harshness),
        bump_g=model.bump_g * harshness,
        stays_g=model.stays_g * harshness,
        stays_limit_g=model.stays_limit_g * harshness,
        glitches=model.glitches * harshness,
        pauses_hz=model.pauses_hz * harshness,
        jitter_s=model.jitter_s * harshness,
        delay_s=(model.delay_s[0] * harshness, model.delay_s[1] * harshness),
        dead=model.dead * harshness,
    )
