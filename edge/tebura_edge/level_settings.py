"""The tuned numbers of the plates' mechanics (`levels`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSettings:
    """Tuned numbers of the plates' mechanics.

    Attributes:
        settle_s: Shortest rest. A plate rings for about 0.5 s after a pick.
        settle_samples: Fewest samples of a rest: by rising time between them from which on. At
            4 Hz, with 10 a lift of 2.4 s of the real pot is told as two steps, with 16 a rest of
            3.5 s is missed; at 10 Hz with 12 instead of 8 more of two people's quick actions are
            one.
        settle_limit_s: A rest of this length needs no more samples than the filter has: what
            "settled" means for slow plates, below 4 Hz.
        noisy, far: By rising deviation of a plate's filtered samples, for how long it rests before
            it is believed; if it moved by more than `far` times what is a move for it, the shortest
            rest is enough, or two of it where it is noisiest: in 0.4 s of such noise a hand that
            sets something down is at rest.
        decide_s, calm_s: How often rests are judged, and while nothing moves.
        gap_s: Samples further apart than this (and than four sample periods) are not joined.
        range_g, range_noises, range_share, leans_share: A rest's range is never asked to be smaller
            than so many grams or deviations of the plate's noise, and a share of what went or came:
            the last of a heavy thing's ring, but less where somebody may lean, who sways.
        slope_g, slope_sigmas, slope_share: Largest difference between the halves' means, in grams,
            in deviations of the plate's noise and as a share of what it moved: what keeps a window
            that holds a small step, or a hand that passes, from being taken for a level.
        move_g, move_sigmas: Smallest change of level, in grams and in deviations of what the plate
            does unasked. More than `wanders_g` at once is never learnt to be so: somebody's doing.
        handled_sigmas, handled_s: So few deviations are enough for so long after a plate moved as
            it never does by itself, and for as much longer as its rests take longer: where a hand
            was, less is needed to believe that it took something. At 4.5 one in four picks of 15 g
            from a plate that wanders by 2.6 g is missed; at 2 every neighbour of a pick took part
            in it.
        drift_g_per_s: How fast a level follows what is no move. Drift is 10 g/h; the real pot
            creeps by up to 17 g in 10 s, which is absorbed as moves too small to tell. A pick
            takes 0.3 s, in which this eats 0.02 g.
        creep_g: Deviation that creep and ringing leave in a change.
        noise_limit_g: More than this is not noise but a sick cell or a hand.
        heavy_g, heavy_hold_s: What lies above the level by so much is a hand until it has rested
            for so long: presses on the real pot are 5-12 kg for up to 20 s. They never rest; a
            perfectly steady one would be told as a foreign object with less than 20 s.
    """

    settle_s: float = 0.4
    settle_samples: tuple[tuple[float, int], ...] = ((0.0, 8), (0.15, 12))
    settle_limit_s: float = 3.0
    noisy: tuple[tuple[float, float], ...] = ((1.75, 1.2), (3.5, 3.0))
    far: float = 2.5
    decide_s: float = 0.09
    calm_s: float = 1.0
    gap_s: float = 2.0
    range_g: float = 2.5
    range_noises: float = 6.5
    range_share: float = 0.01
    leans_share: float = 0.003
    slope_g: float = 0.8
    slope_sigmas: float = 3.5
    slope_share: float = 0.4
    move_g: float = 4.0
    move_sigmas: float = 4.5
    handled_sigmas: float = 3.3
    handled_s: float = 2.5
    wanders_g: float = 8.0
    drift_g_per_s: float = 0.05
    creep_g: float = 0.3
    noise_limit_g: float = 15.0
    heavy_g: float = 5000.0
    heavy_hold_s: float = 30.0
