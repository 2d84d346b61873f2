"""Evidence without pixels: right where it has no errors, wrong at the rates that it is given."""

import math
from collections import Counter

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import (
    HandContent,
    PeopleSeen,
    Reach,
    SensorChanged,
    SensorState,
    ShopperEntered,
    TrackEnded,
    TrackStarted,
)
from tebura_contract.messages import Position, Watermark
from tebura_simulator.epoch import START_NS
from tebura_simulator.sight.hands import hands_of
from tebura_simulator.story.scenario import (
    NO_ERRORS,
    FaultKind,
    FaultScript,
    Mirror,
    Scenario,
    SightScript,
    View,
)
from tebura_simulator.story.timeline import Timeline

from tests.simulator.sight_cases import (
    Said,
    broken_promises,
    demo_layout,
    of_kind,
    reaches,
    said,
    scenario,
    seconds_of,
    told_of,
    touching,
)

TOUCHES = 40
RATE = 0.3


def with_sight(**rates: object) -> SightScript:
    return msgspec.structs.replace(NO_ERRORS, **rates)


def alone(sight: SightScript = NO_ERRORS, seed: int = 5, touches: int = TOUCHES) -> Scenario:
    return scenario(touching("hana", 0.5, touches), sight=sight, seed=seed)


def pair(sight: SightScript = NO_ERRORS, seed: int = 5, touches: int = TOUCHES) -> Scenario:
    return scenario(
        touching("hana", 0.5, touches), touching("ken", 9.0, touches), sight=sight, seed=seed
    )


def within(count: int, of: int, rate: float) -> bool:
    """Whether a count fits a rate: within four deviations, which one draw in 16,000 is not."""
    return abs(count - of * rate) <= 4.0 * math.sqrt(of * rate * (1.0 - rate))


def starts(found: list[Said]) -> list[TrackStarted]:
    return [one.event for one in found if isinstance(one.event, TrackStarted)]


def test_without_errors_each_hand_is_told_once_as_it_was() -> None:
    played = pair()
    told = told_of(played)
    hands = hands_of(Timeline(played, demo_layout()), demo_layout())
    assert len(hands) > TOUCHES
    seen = sorted((r.shelf, r.from_ns, r.to_ns, r.x_m) for r in reaches(told))
    assert seen == sorted(
        (
            hand.shelf,
            START_NS + round(hand.from_s * SECOND_NS),
            START_NS + round(hand.to_s * SECOND_NS),
            round(hand.x_m, 3),
        )
        for hand in hands
    )
    assert len(starts(said(told))) == 2
    assert len({one.track for one in reaches(told)}) == 2


def test_the_same_seed_says_the_same_and_another_says_otherwise() -> None:
    sight = SightScript()
    assert told_of(pair(sight)) == told_of(pair(sight))
    assert told_of(pair(sight)) != told_of(pair(sight, seed=6))


def test_reaches_are_missed_at_their_rate() -> None:
    whole = len(reaches(told_of(alone())))
    missed = sum(
        whole - len(reaches(told_of(alone(with_sight(missed=RATE), seed)))) for seed in range(4)
    )
    assert within(missed, 4 * whole, RATE)


def test_reaches_are_told_of_whoever_stands_near_at_their_rate() -> None:
    sure = {(r.from_ns, r.shelf): r.track for r in reaches(told_of(pair()))}
    near = told_of(pair(with_sight(swapped=1.0, near_m=1.2)))
    could = {(r.from_ns, r.shelf) for r in reaches(near) if sure[r.from_ns, r.shelf] != r.track}
    assert len(could) > TOUCHES / 3
    swapped = sum(
        sure[r.from_ns, r.shelf] != r.track
        for seed in range(4)
        for r in reaches(told_of(pair(with_sight(swapped=RATE, near_m=1.2), seed)))
        if (r.from_ns, r.shelf) in could
    )
    assert within(swapped, 4 * len(could), RATE)
    nobody = reaches(told_of(pair(with_sight(swapped=1.0, near_m=0.05))))
    assert all(sure[r.from_ns, r.shelf] == r.track for r in nobody)


def test_reaches_are_doubled_at_their_rate_into_another_shelf_or_on_another_track() -> None:
    whole = reaches(told_of(alone()))
    told = [reaches(told_of(alone(with_sight(doubled=RATE), seed))) for seed in range(4)]
    assert within(sum(map(len, told)) - 4 * len(whole), 4 * len(whole), RATE)
    true = {(r.from_ns, r.shelf, r.track) for r in whole}
    extra = [r for found in told for r in found if (r.from_ns, r.shelf, r.track) not in true]
    own = whole[0].track
    assert {r.track == own for r in extra} == {True, False}


def test_late_reaches_come_late_and_hold_the_promise_back() -> None:
    def delays(sight: SightScript, seed: int = 5) -> list[float]:
        return [
            (one.said_ns - reach.to_ns) / SECOND_NS
            for one, reach in of_kind(said(told_of(alone(sight, seed))), Reach)
        ]

    quick_s = max(delays(NO_ERRORS))
    found = [d for seed in range(4) for d in delays(with_sight(late=RATE, late_s=3.0), seed)]
    late = [d for d in found if d > quick_s + 1e-6]
    assert within(len(late), len(found), RATE)
    assert max(late) <= quick_s + 3.0 + 1e-6
    assert not broken_promises(told_of(alone(with_sight(late=1.0, late_s=3.0))))


def test_reaches_that_never_were_come_at_their_rate_a_minute_before_a_shelf() -> None:
    whole = len(reaches(told_of(alone())))
    a_minute = 6.0
    found = [
        len(reaches(told_of(alone(with_sight(invented=a_minute), seed)))) - whole
        for seed in range(4)
    ]
    last_s = max(r.to_ns for r in reaches(told_of(alone()))) / SECOND_NS - START_NS / SECOND_NS
    # Nobody invents a hand for who walks far from any shelf.
    most = 4 * a_minute * last_s / 60.0
    assert 0.5 * most < sum(found) <= most + 4 * math.sqrt(most)


def test_times_and_places_are_off_by_their_deviation() -> None:
    true = {(r.shelf, n): r for n, r in enumerate(reaches(told_of(alone())))}
    sight = with_sight(time_sd_s=0.12, along_sd_m=0.06)
    off_s, off_m, long_s = [], [], []
    for seed in range(4):
        found = sorted(reaches(told_of(alone(sight, seed))), key=lambda r: r.from_ns)
        for (_, n), r in true.items():
            off_s.append((found[n].from_ns - r.from_ns) / SECOND_NS)
            off_m.append(found[n].x_m - r.x_m)
            long_s.append(seconds_of(found[n]))
    # The deviation of a deviation over n is 1 / sqrt(2 n) of it.
    room = 4.0 / math.sqrt(2 * len(off_s))
    assert np.std(off_s) == pytest.approx(0.12, rel=room)
    assert np.std(off_m) == pytest.approx(0.06, rel=room + 0.1), "clipped at the shelf's ends"
    assert min(long_s) > 0.0


def test_what_a_hand_held_is_told_and_lied_about_at_their_rates() -> None:
    sight = with_sight(hand_known=0.5, hand_wrong=0.2)
    found = [r for seed in range(4) for r in reaches(told_of(alone(sight, seed)))]
    known = [r for r in found if r.hand_after is not HandContent.UNKNOWN]
    assert within(len(known), len(found), 0.5)
    lies = [r for r in known if r.hand_after is HandContent.HOLDING]
    assert within(len(lies), len(known), 0.2), "who touches comes and goes with empty hands"


def test_tracks_break_at_their_rate_and_are_taken_up_again() -> None:
    whole = said(told_of(alone()))
    ended = [one.event for one in whole if isinstance(one.event, TrackEnded)]
    minutes = (ended[0].at_ns - starts(whole)[0].at_ns) / SECOND_NS / 60.0
    a_minute = 3.0
    breaks = sum(
        len(starts(said(told_of(alone(with_sight(breaks=a_minute), seed))))) - 1
        for seed in range(4)
    )
    expected = 4 * a_minute * minutes
    assert abs(breaks - expected) <= 4 * math.sqrt(expected) + 0.1 * expected


def test_people_who_stand_close_exchange_tracks() -> None:
    def owners(sight: SightScript, seed: int) -> Counter[int]:
        """How many tracks had each number of changes of person, by the reaches of both."""
        sure = {r.from_ns: r.track for r in reaches(told_of(pair()))}
        found = reaches(told_of(pair(sight, seed)))
        return Counter(sure[r.from_ns] == r.track for r in found)

    assert owners(NO_ERRORS, 5)[False] == 0
    exchanged = sum((owners(with_sight(exchanged=3.0), seed) for seed in range(2)), Counter())
    assert exchanged[False] > 0.1 * exchanged.total()
    tracks = {one.track for one in starts(said(told_of(pair(with_sight(exchanged=3.0)))))}
    assert len(tracks) == 2, "an exchange begins no track"


def test_feet_are_off_by_their_deviation() -> None:
    def feet(sight: SightScript, seed: int) -> NDArray[np.float64]:
        told = told_of(alone(sight, seed, touches=6))
        return np.array([t.message.foot_xy_m for t in told if isinstance(t.message, Position)])

    off = [feet(with_sight(foot_sd_m=0.08), s) - feet(NO_ERRORS, s) for s in range(40)]
    # Most of a foot's deviation belongs to its track: each track counts little more than once.
    assert np.std([o[:, 0] for o in off]) == pytest.approx(0.08, rel=4 / math.sqrt(2 * 40))


def test_no_promise_passes_what_was_not_said_whatever_the_errors() -> None:
    wild = SightScript(
        missed=0.1, swapped=0.2, doubled=0.3, invented=4.0, late=0.4, breaks=3.0, exchanged=2.0
    )
    faults = (
        FaultScript(kind=FaultKind.CAMERA_BLIND, on="aisle", at_s=40.0, for_s=9.0),
        FaultScript(kind=FaultKind.NODE_OFF, on="camera-1", at_s=80.0, for_s=6.0),
        FaultScript(kind=FaultKind.NODE_OFF, on="gate-1", at_s=20.0, for_s=6.0),
    )
    for view in View:
        for seed in range(3):
            sight = msgspec.structs.replace(wild, view=view)
            told = told_of(pair(sight, seed, touches=20), faults)
            assert any(isinstance(one.message, Watermark) for one in told)
            assert not broken_promises(told)


def test_numbers_of_a_boot_have_no_gap_and_a_promise_names_the_last() -> None:
    faults = (FaultScript(kind=FaultKind.NODE_OFF, on="camera-1", at_s=60.0, for_s=6.0),)
    told = told_of(pair(SightScript()), faults)
    last: dict[tuple[str, int], int] = {}
    for one in told:
        node = one.topic.rsplit("/", 1)[-1]
        for event in said([one]):
            assert event.id.seq == last.get((node, event.id.boot), -1) + 1
            last[node, event.id.boot] = event.id.seq
        if isinstance(one.message, Watermark):
            assert one.message.seq == last.get((node, one.message.boot), -1)
    assert {boot for node, boot in last if node == "camera-1"} == {1, 2}


def test_a_hidden_hand_is_seen_by_nobody() -> None:
    played = alone(touches=8)
    steps = tuple(
        msgspec.structs.replace(step, is_hidden=n % 2 == 0)
        for n, step in enumerate(played.shopper[0].do)
    )
    hana = msgspec.structs.replace(played.shopper[0], do=steps)
    assert len(reaches(told_of(msgspec.structs.replace(played, shopper=(hana,))))) == 4


def test_a_blind_camera_ends_tracks_and_says_so_in_time() -> None:
    fault = FaultScript(kind=FaultKind.CAMERA_BLIND, on="aisle", at_s=40.0, for_s=20.0)
    found = said(told_of(alone(), (fault,)))
    dark_ns = START_NS + 40 * SECOND_NS
    lit_ns = dark_ns + 20 * SECOND_NS
    news = of_kind(found, SensorChanged)
    assert [event.state for _, event in news] == [SensorState.BLIND, SensorState.OK]
    assert dark_ns < news[0][0].said_ns <= dark_ns + 5 * SECOND_NS
    assert len(starts(found)) == 2
    seen = [one.event for one in found if isinstance(one.event, Reach)]
    assert seen
    assert all(r.to_ns <= dark_ns or r.from_ns >= lit_ns for r in seen)
    ended = [one.event for one in found if isinstance(one.event, TrackEnded)]
    assert ended[0].at_ns <= dark_ns


def test_a_node_without_power_says_nothing_and_its_tracks_are_cut_without_a_word() -> None:
    fault = FaultScript(kind=FaultKind.NODE_OFF, on="camera-1", at_s=40.0, for_s=20.0)
    told = told_of(alone(), (fault,))
    off_ns, on_ns = (START_NS + s * SECOND_NS for s in (40, 60))
    mine = [one for one in told if one.topic.endswith("/camera-1")]
    assert not [one for one in mine if off_ns <= one.at_ns < on_ns]
    tracks = {one.track for one in starts(said(mine))}
    ended = {event.track for _, event in of_kind(said(mine), TrackEnded)}
    assert len(tracks) == 2
    assert len(tracks - ended) == 1


def test_a_reflection_is_a_track_behind_the_pane() -> None:
    mirror = Mirror(from_m=(0.0, 2.95), to_m=(4.6, 2.95), reach_m=3.0)
    told = told_of(msgspec.structs.replace(alone(), mirror=(mirror,)))
    behind = [one for one in starts(said(told)) if one.foot_xy_m[1] > 2.95]
    assert behind
    assert not {one.track for one in behind} & {r.track for r in reaches(told)}


def test_small_people_are_missed_more_often() -> None:
    def seen(height_m: float) -> int:
        played = alone(with_sight(missed=0.1))
        child = msgspec.structs.replace(played.shopper[0], height_m=height_m)
        return sum(
            len(reaches(told_of(msgspec.structs.replace(played, shopper=(child,), seed=seed))))
            for seed in range(3)
        )

    assert seen(1.0) < 0.7 * seen(1.7)


def test_a_member_a_guest_and_a_stranger_at_the_gate() -> None:
    mika = touching("mika", 0.5, 2)
    guest = msgspec.structs.replace(touching("gus", 12.0, 2), member=None, guest_of="mika")
    walker = touching("walt", 24.0, 2, member=False)
    found = said(told_of(scenario(mika, guest, walker, duration_s=120.0)))
    entered = of_kind(found, ShopperEntered)
    assert [event.joins is None for _, event in entered] == [True, False]
    assert entered[1][1].joins == f"gate-1-1-{entered[0][0].id.seq}"
    assert len(starts(found)) == 3


def test_each_camera_tells_what_is_before_it_on_tracks_of_its_own() -> None:
    joined = reaches(told_of(alone()))
    own = reaches(told_of(alone(with_sight(view=View.CAMERAS))))
    assert {r.camera for r in own} == {"aisle"}
    assert {r.shelf for r in own} == {"g1/s1", "g1/s2"}
    assert 0.8 * len(joined) <= len(own) <= len(joined)


def looks_of(played: Scenario) -> list[PeopleSeen]:
    return [event for _, event in of_kind(said(told_of(played)), PeopleSeen)]


def standing(**rates: object) -> SightScript:
    return with_sight(standing=True, **rates)


def test_where_people_stand_is_told_each_second_only_where_the_script_says_so() -> None:
    assert not looks_of(pair())
    told = looks_of(pair(standing()))
    times = [event.at_ns - START_NS for event in told]
    assert times == sorted(set(times))
    assert all(at_ns % SECOND_NS == 0 for at_ns in times)
    assert max(len(event.people) for event in told) == 2
    firsts = [one.before_xy_m is None for event in told for one in event.people]
    assert sum(firsts) <= 2, "none but the first look of each lacks the half before"


def test_feet_are_off_by_what_is_told_of_them_and_more_far_away() -> None:
    played = pair(standing(foot_sd_m=0.1, foot_far=0.5))
    sure = looks_of(pair(standing()))
    told = looks_of(played)
    errors = np.array(
        [
            (np.array(one.foot_xy_m) - true.foot_xy_m) / one.sd_m
            for event, truth in zip(told, sure, strict=True)
            for one, true in zip(event.people, truth.people, strict=True)
        ]
    )
    deviations = {one.sd_m for event in told for one in event.people}
    assert min(deviations) == 0.1
    assert max(deviations) > 0.12
    # Most of it stays for a whole track, and there are two of them: a wide margin.
    assert 0.3 < float(np.sqrt((errors**2).mean())) < 2.5


def test_a_track_that_goes_over_to_somebody_else_does_not_leap() -> None:
    for seed in range(6):
        for event in looks_of(pair(standing(exchanged=30.0), seed)):
            for one in event.people:
                if one.before_xy_m is not None:
                    assert math.dist(one.foot_xy_m, one.before_xy_m) < 1.4
