"""Who is who where cameras tell how people stand: joined, told apart, or doubtful."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.events import Alike, PeopleSeen, Seen, TrackEnded
from tebura_contract.geometry import Pose, Xy
from tebura_contract.ids import NodeId, ShelfId, TrackId, VisitId, track_id
from tebura_contract.layout import Gondola, Layout, Shelf, StoreInfo
from tebura_gateway.domain.judgement import judge
from tebura_gateway.domain.places import Places

from tests.gateway.shop import AT_DOOR, CAMERA, KEN, MIKA, STORE, ns, through
from tests.gateway.sighted import (
    AISLE,
    BACK,
    HERE,
    SECOND_NODE,
    SHOP,
    THERE,
    Sighted,
    seen,
    share,
    stays,
    walks,
)


def two_inside() -> tuple[Sighted, dict[TrackId, VisitId]]:
    """Mika here and Ken there, each seen by the first camera from the door on."""
    script = Sighted()
    found = {}
    for n, (member, place) in enumerate(((MIKA, HERE), (KEN, THERE)), start=1):
        track = script.comes_in(n, 10.0 * n, place)
        found[track] = script.enter(member, 10.0 * n + 1.0)
    mika, ken = found
    script.look(10, 19, mika)
    script.look(20, 30, mika, ken)
    return script, found


def test_a_track_of_another_camera_is_whoever_stands_where_it_begins() -> None:
    script, visits = two_inside()
    mika, ken = visits
    other = script.begins(1, 31.0, stays(THERE), SECOND_NODE)
    script.look(31, 36, mika, ken)
    script.look(31, 36, other, node=SECOND_NODE)
    assert share(script, other, 31.0, visits[ken]) > 0.9


def test_the_same_track_without_positions_stays_nobodys() -> None:
    script, visits = two_inside()
    other = script.begins(1, 31.0, stays(THERE), SECOND_NODE)
    facts = [fact for fact in script.facts if not isinstance(fact.event, PeopleSeen)]
    presence = seen(facts)
    assert presence.crowd is None
    assert presence.owners(other, ns(31.0)) == {None: 1.0}
    assert presence.owner == visits


def test_of_two_who_are_lost_at_once_each_is_found_where_they_were() -> None:
    script, visits = two_inside()
    for track in visits:
        script.breaks(track, 30.0)
    anew = {
        script.begins(n, 31.5, stays(place)): visit
        for n, (place, visit) in enumerate(zip((HERE, THERE), visits.values(), strict=True), 8)
    }
    script.look(32, 36, *anew)
    for track, visit in anew.items():
        assert share(script, track, 33.0, visit) > 0.8


@pytest.mark.parametrize("is_walking", [True, False], ids=["walking", "standing"])
def test_who_is_lost_on_the_way_is_looked_for_farther_on(is_walking: bool) -> None:
    """Both are lost, and a second later somebody is between the two."""
    script, visits = two_inside()
    mika, ken = visits
    lost = (HERE[0] + 0.8, HERE[1])
    script.paths[mika] = walks(HERE, lost, 31.0, 32.0) if is_walking else stays(lost)
    script.look(31, 32, mika, ken)
    for track in visits:
        script.breaks(track, 32.0)
    between = ((lost[0] + THERE[0]) / 2, HERE[1])
    found = script.begins(8, 33.0, stays(between))
    script.look(33, 38, found)
    is_mikas, is_kens = (share(script, found, 36.0, visits[one]) for one in (mika, ken))
    assert (is_mikas > 1.3 * is_kens) is is_walking


def test_whoever_may_be_either_of_two_is_a_little_of_both() -> None:
    script, visits = two_inside()
    for track in visits:
        script.breaks(track, 30.0)
    between = script.begins(8, 33.0, stays((4.0, 2.0)))
    script.look(33, 36, between)
    for visit in visits.values():
        assert 0.3 < share(script, between, 34.0, visit) < 0.6


def who_came_up(ratio: float, told_by: NodeId = CAMERA) -> float:
    """How surely whoever may be either of two is Ken, where clothes make it so much likelier."""
    script, visits = two_inside()
    _, ken = visits
    for track in visits:
        script.breaks(track, 30.0)
    between = script.begins(8, 33.0, stays((4.0, 2.0)), told_by)
    alike = {between: (Alike(track=ken, ratio=ratio),)}
    script.look(33, 36, between, node=told_by, alike=alike)
    return share(script, between, 34.0, visits[ken])


def test_whoever_may_be_either_of_two_is_rather_whom_they_are_dressed_like() -> None:
    assert 0.45 < who_came_up(1.0) < 0.5
    # Odds of nearly one, times the ratio.
    assert who_came_up(2.0) == pytest.approx(2 * who_came_up(1.0) / (1 + who_came_up(1.0)))
    assert who_came_up(0.1) < 0.1


def test_clothes_are_never_surer_than_they_can_be() -> None:
    assert who_came_up(1e300) == who_came_up(3.0) < 0.8
    assert who_came_up(-5.0) == who_came_up(0.0) == who_came_up(0.05) > 0.0
    assert who_came_up(math.nan) == who_came_up(math.inf) == who_came_up(1.0)


def test_a_camera_tells_of_clothes_of_whom_it_saw_itself() -> None:
    assert who_came_up(3.0, SECOND_NODE) == who_came_up(1.0, SECOND_NODE)


def test_who_is_dressed_like_somebody_far_off_is_who_was_lost_there() -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.breaks(mika, 30.0)
    script.breaks(ken, 30.0)
    there = script.begins(8, 31.0, stays(THERE))
    script.look(31, 36, there, alike={there: (Alike(track=mika, ratio=3.0),)})
    assert share(script, there, 34.0, visits[ken]) > 0.9


def test_clothes_of_a_track_that_was_two_people_tell_nothing() -> None:
    def came_up(*alike: Alike) -> float:
        script, visits = two_inside()
        mika, ken = visits
        people = tuple(
            Seen(track=track, foot_xy_m=script.paths[track](31.0), sd_m=0.1) for track in visits
        )
        pairs = ((mika, ken),)
        told = PeopleSeen(camera=AISLE, at_ns=ns(31.0), people=people, exchanged=pairs)
        script.say(CAMERA, told)
        for track in visits:
            script.breaks(track, 31.5)
        between = script.begins(8, 34.0, stays((4.0, 2.0)))
        script.look(34, 38, between, alike={between: alike})
        return share(script, between, 35.0, visits[ken])

    assert came_up(Alike(track=track_id(CAMERA, 1, 1), ratio=3.0)) == came_up()


def test_two_who_stand_and_are_each_where_the_other_was_were_only_taken_for_each_other() -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[ken] = walks((0.0, 0.0), (3.8, 2.0), 21.5, 25.0)
    script.facts = [f for f in script.facts if not isinstance(f.event, PeopleSeen)]
    script.look(10, 19, mika)
    script.look(20, 29, mika, ken)
    before = script.paths.copy()
    script.paths |= {mika: stays((3.8, 2.0)), ken: stays(HERE)}
    for second in range(30, 36):
        people = tuple(
            Seen(
                track=track,
                foot_xy_m=script.paths[track](second),
                sd_m=0.1,
                before_xy_m=(before if second == 30 else script.paths)[track](second - 0.5),
            )
            for track in (mika, ken)
        )
        script.say(CAMERA, PeopleSeen(camera=AISLE, at_ns=ns(second), people=people))
    assert share(script, mika, 28.0, visits[mika]) > 0.95
    assert share(script, mika, 34.0, visits[ken]) > 0.9
    assert share(script, ken, 34.0, visits[mika]) > 0.9
    tracks = [visit.tracks for visit in seen(script.facts).visits.values()]
    assert tracks == [(), ()], "an exchanged track is nobody's alone"


def test_two_whom_the_camera_says_it_took_for_each_other_go_on_as_the_other() -> None:
    """They walked past each other, and nothing but their clothes tells."""
    script, visits = two_inside()
    mika, ken = visits
    script.paths[mika] = walks(HERE, THERE, 30.0, 34.0)
    script.paths[ken] = walks(THERE, HERE, 30.0, 34.0)
    script.look(31, 34, mika, ken)
    people = tuple(
        Seen(track=n, foot_xy_m=script.paths[n](35.0), sd_m=0.1, before_xy_m=script.paths[n](34.5))
        for n in (mika, ken)
    )
    said = PeopleSeen(camera=AISLE, at_ns=ns(35.0), people=people, exchanged=((mika, ken),))
    script.say(CAMERA, said)
    script.look(36, 40, mika, ken)
    assert share(script, mika, 29.0, visits[mika]) > 0.95
    assert share(script, mika, 38.0, visits[ken]) > 0.9
    assert share(script, ken, 38.0, visits[mika]) > 0.9


@pytest.mark.parametrize("are_two", [True, False], ids=["one-of-them-unseen", "one-and-the-same"])
def test_what_no_camera_can_know_of_exchanges_changes_nothing(are_two: bool) -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.look(31, 40, mika, ken)
    before = share(script, mika, 38.0, visits[mika])
    only_mika = (Seen(track=mika, foot_xy_m=HERE, sd_m=0.1, before_xy_m=HERE),)
    pair = (mika, ken) if are_two else (mika, mika)
    said = PeopleSeen(camera=BACK, at_ns=ns(35.0), people=only_mika, exchanged=(pair,))
    script.say(CAMERA, said)
    assert share(script, mika, 38.0, visits[mika]) == pytest.approx(before, abs=0.05)


def test_two_who_walk_past_each_other_keep_their_tracks() -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[mika] = walks(HERE, (5.0, 2.4), 31.0, 33.0)
    script.paths[ken] = walks(THERE, (3.0, 2.0), 31.0, 33.0)
    script.look(31, 38, mika, ken)
    assert share(script, mika, 37.0, visits[mika]) > 0.9
    assert share(script, ken, 37.0, visits[ken]) > 0.9


@pytest.mark.parametrize(("apart_m", "is_sure"), [(0.1, False), (2.5, True)])
def test_a_long_time_close_together_leaves_doubt(apart_m: float, is_sure: bool) -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[ken] = walks(THERE, (HERE[0] + apart_m, HERE[1]), 31.0, 34.0)
    script.look(31, 150, mika, ken)
    early, late = (share(script, mika, at_s, visits[mika]) for at_s in (36.0, 149.0))
    assert early > 0.95
    assert late == early if is_sure else late < 0.9


def test_a_track_that_goes_over_to_somebody_whom_another_camera_sees_elsewhere_is_theirs() -> None:
    script, visits = two_inside()
    mika, ken = visits
    slides = walks(HERE, THERE, 30.0, 31.0)
    other = script.begins(1, 22.0, slides, SECOND_NODE)
    script.look(31, 40, mika, ken)
    script.look(23, 40, other, node=SECOND_NODE)
    assert share(script, other, 27.0, visits[mika]) > 0.9
    assert share(script, other, 36.0, visits[ken]) > 0.9
    presence = seen(script.facts)
    assert not any(other in visit.tracks for visit in presence.visits.values())


@pytest.mark.parametrize("until_s", [31.0, 34.0, 39.0])
def test_a_track_that_was_hidden_and_comes_up_where_another_stands_is_theirs(
    until_s: float,
) -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[mika] = walks(HERE, (1.0, 2.0), 30.0, 32.0)
    other = script.begins(1, 22.0, lambda at_s: HERE if at_s < 31.0 else THERE, SECOND_NODE)
    script.look(31, 45, mika, ken)
    script.look(23, 30, other, node=SECOND_NODE)
    script.look(int(until_s), 45, other, node=SECOND_NODE)
    assert share(script, other, 27.0, visits[mika]) > 0.9
    # Hidden for longer than a few seconds nothing tells any more, and it is none's for sure.
    assert (share(script, other, 43.0, visits[ken]) > 0.9) == (until_s < 36.0)


def test_a_track_whose_person_goes_to_stand_with_another_goes_on_with_its_own() -> None:
    script, visits = two_inside()
    mika, ken = visits
    goes = walks(HERE, (THERE[0] - 0.7, THERE[1]), 30.0, 32.0)
    other = script.begins(1, 22.0, goes, SECOND_NODE)
    script.paths[mika] = goes
    script.look(31, 40, mika, ken)
    script.look(23, 40, other, node=SECOND_NODE)
    for at_s in (27.0, 31.0, 36.0):
        assert share(script, other, at_s, visits[mika]) > 0.9


def test_a_track_that_goes_over_to_another_while_its_own_person_walks_off_is_theirs() -> None:
    script, visits = two_inside()
    mika, ken = visits
    near = (HERE[0] + 0.8, HERE[1])
    script.paths[ken] = walks(THERE, near, 28.0, 31.0)
    script.paths[mika] = walks(HERE, (1.0, 2.0), 30.0, 32.0)
    other = script.begins(1, 22.0, walks(HERE, near, 30.0, 31.0), SECOND_NODE)
    script.look(31, 40, mika, ken)
    script.look(23, 40, other, node=SECOND_NODE)
    assert share(script, other, 27.0, visits[mika]) > 0.9
    assert share(script, other, 36.0, visits[ken]) > 0.9


@pytest.mark.parametrize("has_stood", [True, False])
def test_a_track_that_goes_on_with_somebody_who_came_by_is_theirs(has_stood: bool) -> None:
    """The other camera sees only who came by; where both walk nothing tells who went on."""
    script, visits = two_inside()
    mika, ken = visits
    script.breaks(ken, 30.5)
    by = walks(THERE, (0.5, 3.0), 32.0, 37.0)
    comes = stays(HERE) if has_stood else walks((2.2, 0.2), HERE, 32.0, 34.5)
    script.paths[mika] = lambda at_s: comes(at_s) if at_s < 34.5 else by(at_s)
    other = script.begins(1, 22.0, by, SECOND_NODE)
    left = script.begins(3, 35.5, stays(HERE))
    script.look(31, 35, mika)
    script.look(36, 42, mika, left)
    script.look(23, 42, other, node=SECOND_NODE)
    assert share(script, mika, 30.0, visits[mika]) > 0.9
    assert (share(script, mika, 40.0, visits[ken]) > 0.8) == has_stood
    assert (share(script, left, 40.0, visits[mika]) > 0.8) == has_stood


def test_where_two_cross_and_one_camera_follows_the_wrong_one_nobody_is_cut() -> None:
    """Nothing tells which camera was wrong."""
    script, visits = two_inside()
    mika, ken = visits
    script.paths[mika] = walks(HERE, THERE, 30.0, 33.0)
    script.paths[ken] = walks(THERE, HERE, 30.0, 33.0)
    there_and_back = script.paths[mika]
    turns = walks(THERE, HERE, 30.0, 33.0)
    other = script.begins(
        1, 22.0, lambda at_s: there_and_back(at_s) if at_s < 31.5 else turns(at_s), SECOND_NODE
    )
    script.look(31, 40, mika, ken)
    script.look(23, 40, other, node=SECOND_NODE)
    assert share(script, other, 27.0, visits[mika]) > 0.9
    names = [name for visit in seen(script.facts).visits.values() for name in visit.tracks]
    assert other in names


def test_who_leaves_by_the_door_does_not_take_the_code_of_who_comes_in() -> None:
    script = Sighted()
    staff = script.comes_in(1, 0.0, HERE)
    script.paths[staff] = walks(HERE, (0.2, 0.0), 26.0, 30.0)
    script.cross(staff, 29.0, is_inside=True)
    mika = script.begins(2, 28.5, stays((-0.5, 0.0)))
    visit = script.enter(MIKA, 31.0)
    script.look(1, 28, staff)
    script.look(29, 32, staff, mika)
    script.end(staff, 33.0)
    script.cross(mika, 34.0, is_inside=False)
    script.paths[mika] = walks((-0.5, 0.0), HERE, 33.0, 37.0)
    script.look(33, 40, mika)
    found = seen(script.facts)
    assert found.owners(mika, ns(38.0)).get(visit, 0.0) > 0.9
    assert found.owners(staff, ns(20.0)).get(visit, 0.0) == 0.0


def test_who_went_out_is_not_who_comes_in_next() -> None:
    script = Sighted()
    first = script.comes_in(1, 0.0, HERE)
    gone = script.enter(MIKA, 1.0)
    script.look(1, 27, first)
    script.walk_out(first, 28.0)
    second = script.comes_in(2, 33.0, THERE)
    came = script.enter(KEN, 34.0)
    script.look(33, 40, second)
    assert share(script, second, 39.0, came) > 0.95
    assert seen(script.facts).visits[gone].exited_ns == ns(30.0)


def test_who_came_up_inside_and_went_out_is_not_who_comes_up_next() -> None:
    script, visits = two_inside()
    for track in visits:
        script.breaks(track, 30.0)
    either = script.begins(8, 33.0, walks((4.0, 2.0), (0.0, 0.0), 34.0, 38.0))
    script.look(33, 38, either)
    script.walk_out(either, 38.0)
    found = [script.begins(n, 39.0, stays(place)) for n, place in ((9, HERE), (10, THERE))]
    script.look(39, 40, *found)
    other = script.begins(11, 41.0, stays((1.2, 0.6)))
    script.look(41, 48, *found, other)
    crowd = seen(script.facts).crowd
    assert crowd is not None
    assert other not in crowd.bodies.members[either]


@pytest.mark.parametrize("ended_s", [34.4, 44.0])
def test_who_leaves_is_gone_though_a_track_lost_before_ends_later_with_who_came_by(
    ended_s: float,
) -> None:
    script, visits = two_inside()
    mika, ken = visits
    other = script.begins(1, 25.0, stays(HERE), SECOND_NODE)
    script.look(25, 34, other, node=SECOND_NODE)
    script.paths[mika] = walks(HERE, (0.0, 0.0), 34.0, 37.0)
    script.look(31, 37, mika, ken)
    script.walk_out(mika, 37.0)
    script.paths[ken] = walks(THERE, (3.5, 2.5), 38.0, 42.0)
    script.look(38, 60, ken)
    # A single picture between two looks, or the last one of Mika.
    foot_m = HERE if ended_s < 35.0 else (3.5, 2.5)
    script.say(SECOND_NODE, TrackEnded(track=other, at_ns=ns(ended_s), foot_xy_m=foot_m))
    assert seen(script.facts).visits[visits[mika]].exited_ns == ns(39.0)
    again = script.begins(2, 46.0, stays((3.5, 2.5)), SECOND_NODE)
    script.look(46, 60, again, node=SECOND_NODE)
    assert share(script, again, 50.0, visits[ken]) > 0.9


def test_what_nobody_was_seen_reaching_for_is_of_who_stood_there() -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[mika] = walks(HERE, (0.25, -0.45), 31.0, 35.0)
    script.look(31, 45, mika, ken)
    step = script.pick(40.0)
    told = {**through(), SECOND_NODE: 2**61}
    decision = judge(script.facts, SHOP, told).decisions[step.id]
    assert decision.visit == visits[mika]
    assert decision.suspects[0].probability > 0.9
    without = [fact for fact in script.facts if not isinstance(fact.event, PeopleSeen)]
    blind = judge(without, SHOP, told).decisions[step.id]
    assert blind.suspects[0].probability == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("mika_m", "ken_m"),
    [
        pytest.param((0.25, -0.45), (0.9, -0.45), id="side-by-side"),
        pytest.param((0.25, -0.6), (0.25, 0.8), id="behind-the-gondola"),
    ],
)
def test_what_nobody_was_seen_reaching_for_is_of_who_stood_before_it(mika_m: Xy, ken_m: Xy) -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[mika] = walks(HERE, mika_m, 31.0, 35.0)
    script.paths[ken] = walks(THERE, ken_m, 31.0, 35.0)
    script.look(31, 45, mika, ken)
    step = script.pick(40.0)
    told = {**through(), SECOND_NODE: 2**61}
    decision = judge(script.facts, SHOP, told).decisions[step.id]
    assert decision.visit == visits[mika]
    assert decision.suspects[0].probability > 0.8


def test_a_reach_told_of_somebody_too_far_off_is_rather_of_who_stood_there() -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[mika] = walks(HERE, (0.25, -0.45), 31.0, 35.0)
    script.look(31, 45, mika, ken)
    step = script.pick(40.0)
    script.reach(ken, 39.5, 40.5)
    told = {**through(), SECOND_NODE: 2**61}
    suspects = judge(script.facts, SHOP, told).decisions[step.id].suspects
    shares = {suspect.visit: suspect.probability for suspect in suspects}
    without = [fact for fact in script.facts if not isinstance(fact.event, PeopleSeen)]
    blind = judge(without, SHOP, told).decisions[step.id].suspects
    assert shares[visits[ken]] < 0.8 < blind[0].probability


@pytest.mark.parametrize("off_s", [0.0, 0.25, 0.5, 3.0])
def test_a_camera_whose_clock_is_set_back_tells_of_one_time_twice(off_s: float) -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.look(31, 40, mika, ken)
    for second in range(38, 50):
        spots = ((mika, HERE), (ken, THERE))
        people = tuple(Seen(track=t, foot_xy_m=xy, sd_m=0.1, before_xy_m=xy) for t, xy in spots)
        script.say(CAMERA, PeopleSeen(camera=AISLE, at_ns=ns(second - off_s), people=people))
    assert share(script, mika, 45.0, visits[mika]) > 0.9


@pytest.mark.parametrize("value", [1e308, -1e300, 1e5])
def test_what_can_be_no_place_is_left_out(value: float) -> None:
    script, visits = two_inside()
    mika, ken = visits
    for second in range(31, 40):
        people = (
            Seen(track=mika, foot_xy_m=(value, 0.0), sd_m=0.1, before_xy_m=(0.0, value)),
            Seen(track=ken, foot_xy_m=THERE, sd_m=value, before_xy_m=THERE),
        )
        script.say(CAMERA, PeopleSeen(camera=AISLE, at_ns=ns(second), people=people))
    script.pick(35.0)
    assert share(script, ken, 38.0, visits[ken]) > 0.9
    judge(script.facts, SHOP, {**through(), SECOND_NODE: 2**61})


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_in_which_facts_arrive_changes_nothing(random: Random) -> None:
    script, visits = two_inside()
    mika, ken = visits
    script.paths[ken] = walks(THERE, (3.4, 2.0), 31.0, 33.0)
    other = script.begins(1, 32.0, script.paths[ken], SECOND_NODE)
    script.look(31, 60, mika, ken)
    script.look(32, 60, other, node=SECOND_NODE)
    script.reach(other, 49.5, 50.5)
    script.pick(50.0)
    told = {**through(), SECOND_NODE: 2**61}
    mixed = [*script.facts, *script.facts[:5]]
    random.shuffle(mixed)
    assert judge(mixed, SHOP, told) == judge(script.facts, SHOP, told)


def senseless(random: Random) -> Sighted:
    """Tracks and looks that have nothing to do with each other, at any time and place."""
    script, names = Sighted(), []

    def place() -> Xy:
        return (random.uniform(-2.0, 5.0), random.uniform(-2.0, 5.0))

    for n in range(1, random.randrange(3, 12)):
        at_s, node = random.uniform(0.0, 60.0), random.choice((CAMERA, SECOND_NODE))
        track = script.begins(n, at_s, stays(place()), node)
        names.append((node, track))
        if random.random() < 0.7:
            script.cross(track, at_s + random.uniform(-1.0, 30.0), is_inside=random.random() < 0.5)
            script.end(track, at_s + random.uniform(-2.0, 30.0), random.choice((AT_DOOR, place())))
        script.enter(random.choice((MIKA, KEN)), at_s + random.uniform(0.0, 4.0))
        script.reach(track, at_s + 3.0, at_s + 4.0)
        script.pick(at_s + 3.2)
    for _ in range(random.randrange(80)):
        node = random.choice((CAMERA, SECOND_NODE))
        mine = [track for home, track in names if home == node]
        people = tuple(
            Seen(
                track=track,
                foot_xy_m=place(),
                sd_m=random.choice((0.0, 0.1, 3.0)),
                before_xy_m=random.choice((None, place())),
                alike=tuple(
                    Alike(track=other, ratio=random.choice((0.1, 3.0, 1e9, math.nan)))
                    for _, other in random.sample(names, min(len(names), random.randrange(3)))
                ),
            )
            for track in random.sample(mine, random.randrange(len(mine) + 1))
        )
        at_ns = ns(random.choice((random.randrange(70), random.uniform(0.0, 70.0))))
        camera = AISLE if node == CAMERA else BACK
        all_names = [track for _, track in names]
        pairs = tuple(
            (random.choice(all_names), random.choice(all_names))
            for _ in range(random.choice((0, 0, 1, 3)))
        )
        seen = PeopleSeen(camera=camera, at_ns=at_ns, people=people, exchanged=pairs)
        script.say(node, seen)
    return script


@pytest.mark.parametrize("seed", range(40))
def test_nothing_that_cameras_may_say_ends_the_judgement_or_lets_order_matter(seed: int) -> None:
    random = Random(seed)
    script = senseless(random)
    told = {**through(), SECOND_NODE: 2**61}
    mixed = list(script.facts)
    random.shuffle(mixed)
    assert judge(mixed, SHOP, told) == judge(script.facts, SHOP, told)


def test_a_place_before_a_shelf_follows_the_gondolas_turn() -> None:
    turned = Layout(
        store=StoreInfo(id=STORE, name="角の店"),
        gondola=(
            Gondola(
                id="g",
                store_from_gondola=Pose(
                    translation_m=(2.0, 1.0, 0.0), rotation_rad=(0.0, 0.0, math.pi / 2)
                ),
                size_m=(1.0, 0.4, 1.6),
                shelf=(
                    Shelf(
                        id="top",
                        gondola_from_shelf=Pose(translation_m=(0.1, 0.05, 1.0)),
                        size_m=(0.8, 0.3, 0.3),
                        reports_picks=NodeId("plates-1"),
                    ),
                ),
            ),
        ),
    )
    places = Places.of(turned)
    place = places.front_at(ShelfId("g/top"), 0.4)
    assert place is not None
    assert place.xy_m == pytest.approx((1.95, 1.5))
    # It runs along y and is open towards greater x.
    assert place.stand_m((2.35, 1.7)) == pytest.approx((0.2, 0.4))
    assert place.stand_m((1.55, 1.5)) == pytest.approx((0.0, -0.4))
    assert places.front_at(ShelfId("g/none"), 0.4) is None
