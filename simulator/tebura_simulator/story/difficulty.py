"""How hard drawn scenarios are: one table of numbers.

Nothing here is easier than a real small shop; `calm` is its quiet hour. The shares of put-backs,
second looks and wrong places follow the labelled visits of a real store (118 picks and put-backs,
one in six a put-back); what honest shops fear, and cannot count, is made frequent in `adversarial`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from tebura_simulator.story.script import FaultKind, SightScript

Whole = tuple[int, int]
"""From and to, both included."""
Span = tuple[float, float]


class Difficulty(StrEnum):
    CALM = "calm"
    BUSY = "busy"
    CROWDED = "crowded"
    ADVERSARIAL = "adversarial"


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The numbers of one difficulty.

    Attributes:
        parties: How many pay, each with or without guests.
        at_once: How many people are in the shop at a time, about.
        events: Picks and put-backs of each person.
        several: Share of picks of two or three packages.
        both_hands: Share of picks with which the other hand takes something else of that shelf.
        put_back: Share of picks that are put back later, all or some of it.
        wrong_place: Share of put-backs that go to another product's place.
        similar_place: Share of those that go where something of nearly the same weight stands.
        look: Looks a pick; `touch` handles what it leaves standing, a pick.
        hidden: Share of reaches that no camera sees.
        pace: Speed of a reach; `walk_mps` of the walk.
        group: Share of parties with one or two guests; `child` the share of guests that are small.
        stranger: Share of parties that show no code.
        staff: Share of scenarios in which staff fill up meanwhile.
        same_moment: Share of picks at whose moment somebody else takes from the same shelf, where
            anybody else is there; `same_facing` is the share of those that want the same product.
        bought_there: Share of things in a wrong place that somebody else then buys from there.
        hand_over: A person, about; so are `drop`, `swap` (two of nearly one weight change places),
            `lay` (something of one's own), `jostle` (leans or knocks while somebody takes) and
            `fast_pair` (two picks in a row at three times the speed).
        found: Share of things dropped and left that somebody else picks up and puts back.
        faults: How many parts break, of `fault_kinds`.
        harshness: Of the plates.
        mirror: Share of scenarios with a wall that reflects.
        apart: Share of scenarios in which each camera tells for itself what it sees.
    """

    parties: Whole
    at_once: float
    events: Whole
    several: float
    both_hands: float
    put_back: float
    wrong_place: float
    similar_place: float
    look: float
    touch: float
    hidden: float
    pace: Span
    walk_mps: Span
    group: float
    child: float
    stranger: float
    staff: float
    same_moment: float
    same_facing: float
    bought_there: float
    hand_over: float
    drop: float
    found: float
    swap: float
    lay: float
    jostle: float
    fast_pair: float
    faults: Whole
    fault_kinds: tuple[FaultKind, ...]
    harshness: Span
    mirror: float
    apart: float
    sight: SightScript


_SMALL_TROUBLE = (
    FaultKind.GLITCHES,
    FaultKind.DRIFT,
    FaultKind.SAMPLES_DROPPED,
    FaultKind.SAMPLES_LATE,
    FaultKind.SAMPLES_REPEATED,
    FaultKind.MESSAGES_REPEATED,
)

_SIGHT = SightScript(foot_far=0.33, foot_hidden=1.5, standing=True)
"""Keypoints are off by 1.8 % of a person's height in drawn and in real pictures: on the floor that
grows with the distance from a camera at 2.4 m. Statures differ by 5 %: hips and shoulders tell a
foot two or three times worse than ankles do."""

TABLE: Mapping[Difficulty, Knobs] = {
    Difficulty.CALM: Knobs(
        parties=(2, 3),
        at_once=1.0,
        events=(1, 5),
        several=0.12,
        both_hands=0.02,
        put_back=0.12,
        wrong_place=0.1,
        similar_place=0.2,
        look=0.3,
        touch=0.1,
        hidden=0.01,
        pace=(0.7, 1.4),
        walk_mps=(0.8, 1.2),
        group=0.1,
        child=0.3,
        stranger=0.0,
        staff=0.0,
        same_moment=0.05,
        same_facing=0.3,
        bought_there=0.0,
        hand_over=0.0,
        drop=0.0,
        found=0.0,
        swap=0.0,
        lay=0.0,
        jostle=0.02,
        fast_pair=0.02,
        faults=(0, 0),
        fault_kinds=(),
        harshness=(0.8, 1.2),
        mirror=0.0,
        apart=0.5,
        sight=_SIGHT,
    ),
    Difficulty.BUSY: Knobs(
        parties=(3, 5),
        at_once=2.5,
        events=(2, 7),
        several=0.15,
        both_hands=0.06,
        put_back=0.17,
        wrong_place=0.15,
        similar_place=0.3,
        look=0.3,
        touch=0.15,
        hidden=0.03,
        pace=(0.6, 2.0),
        walk_mps=(0.8, 1.4),
        group=0.2,
        child=0.4,
        stranger=0.0,
        staff=0.25,
        same_moment=0.15,
        same_facing=0.4,
        bought_there=0.2,
        hand_over=0.05,
        drop=0.02,
        found=0.3,
        swap=0.02,
        lay=0.03,
        jostle=0.05,
        fast_pair=0.06,
        faults=(0, 1),
        fault_kinds=_SMALL_TROUBLE,
        harshness=(0.8, 1.3),
        mirror=0.1,
        apart=0.5,
        sight=msgspec.structs.replace(
            _SIGHT, missed=0.04, swapped=0.03, doubled=0.03, breaks=0.5, exchanged=0.4
        ),
    ),
    Difficulty.CROWDED: Knobs(
        parties=(6, 9),
        at_once=5.0,
        events=(2, 8),
        several=0.18,
        both_hands=0.08,
        put_back=0.2,
        wrong_place=0.2,
        similar_place=0.35,
        look=0.3,
        touch=0.2,
        hidden=0.05,
        pace=(0.6, 2.5),
        walk_mps=(0.7, 1.4),
        group=0.25,
        child=0.4,
        stranger=0.03,
        staff=0.4,
        same_moment=0.3,
        same_facing=0.4,
        bought_there=0.3,
        hand_over=0.08,
        drop=0.03,
        found=0.4,
        swap=0.03,
        lay=0.04,
        jostle=0.12,
        fast_pair=0.1,
        faults=(0, 1),
        fault_kinds=_SMALL_TROUBLE,
        harshness=(0.9, 1.4),
        mirror=0.15,
        apart=0.5,
        sight=msgspec.structs.replace(
            _SIGHT,
            missed=0.06,
            swapped=0.05,
            doubled=0.04,
            invented=0.2,
            breaks=0.8,
            exchanged=0.8,
        ),
    ),
    Difficulty.ADVERSARIAL: Knobs(
        parties=(4, 6),
        at_once=3.5,
        events=(3, 8),
        several=0.2,
        both_hands=0.15,
        put_back=0.3,
        wrong_place=0.4,
        similar_place=0.6,
        look=0.2,
        touch=0.25,
        hidden=0.12,
        pace=(0.4, 4.0),
        walk_mps=(0.5, 1.6),
        group=0.3,
        child=0.5,
        stranger=0.08,
        staff=0.5,
        same_moment=0.4,
        same_facing=0.5,
        bought_there=0.5,
        hand_over=0.25,
        drop=0.12,
        found=0.5,
        swap=0.2,
        lay=0.2,
        jostle=0.35,
        fast_pair=0.3,
        faults=(2, 4),
        fault_kinds=tuple(FaultKind),
        harshness=(1.0, 2.0),
        mirror=0.3,
        apart=0.5,
        sight=msgspec.structs.replace(
            _SIGHT,
            missed=0.08,
            swapped=0.07,
            doubled=0.05,
            invented=0.4,
            late=0.05,
            time_sd_s=0.18,
            along_sd_m=0.09,
            foot_sd_m=0.12,
            breaks=1.0,
            exchanged=1.0,
            hand_wrong=0.15,
        ),
    ),
}
