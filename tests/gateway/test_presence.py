"""Visits and tracks: who is in the store, and when they left."""

import pytest
from tebura_contract.ids import MemberId
from tebura_gateway.domain.facts import in_order
from tebura_gateway.domain.presence import Doubt, Presence, presence_of
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.domain.tracks import is_in_zone

from tests.gateway.shop import (
    AT_DOOR,
    CAMERA,
    INSIDE,
    KEN,
    MIKA,
    Script,
    layout,
    ns,
    through,
)

SHOP = layout()


def seen(script: Script, at_s: float | None = None) -> Presence:
    return presence_of(in_order(script.facts), SHOP, through(at_s), JudgementSettings())


def test_the_track_in_the_zone_becomes_the_visitors() -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    found = seen(script, 10.0)
    assert found.owner == {track: visit}
    assert found.visits[visit].tracks == (track,)
    assert found.visits[visit].exited_ns is None


def test_a_track_seen_only_after_the_code_was_read_is_bound_too() -> None:
    script = Script()
    visit = script.enter(MIKA, 1.0)
    track = script.walk_in(1, 3.0)
    assert seen(script, 10.0).owner == {track: visit}


def test_a_track_that_leaves_through_the_gate_ends_the_visit_once_nobody_follows() -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.walk_out(track, 30.0)
    assert seen(script, 33.5).visits[visit].exited_ns is None
    found = seen(script, 35.0).visits[visit]
    assert (found.exited_ns, found.doubt) == (ns(32.0), None)


def test_a_track_that_breaks_goes_on_in_the_next_one_beside_it() -> None:
    script = Script()
    first = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.end(first, 10.0, INSIDE)
    second = script.track(2, 11.0, (3.5, 2.0))
    script.walk_out(second, 30.0)
    found = seen(script)
    assert found.owner == {first: visit, second: visit}
    assert found.visits[visit].exited_ns == ns(32.0)


def test_a_track_that_breaks_in_the_zone_after_entering_is_no_exit() -> None:
    script = Script()
    first = script.track(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.end(first, 1.5)
    second = script.track(2, 4.0, (1.5, 0.5))
    found = seen(script, 12.0)
    assert found.owner == {first: visit, second: visit}
    assert found.visits[visit].exited_ns is None


def test_who_turns_around_at_the_gate_has_left_after_a_while() -> None:
    script = Script()
    track = script.track(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.end(track, 4.0)
    assert seen(script, 10.0).visits[visit].exited_ns is None
    assert seen(script, 30.0).visits[visit].exited_ns == ns(4.0)


def test_the_only_lost_person_is_found_again_anywhere() -> None:
    script = Script()
    first = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.end(first, 10.0, INSIDE)
    second = script.track(2, 25.0, (9.0, 9.0))
    assert seen(script, 30.0).owner == {first: visit, second: visit}


def test_of_two_lost_people_nobody_is_guessed() -> None:
    script = Script()
    for n, member in enumerate((MIKA, KEN)):
        track = script.walk_in(n, n * 5.0)
        script.enter(member, n * 5.0 + 1.0)
        script.end(track, 20.0, INSIDE)
    third = script.track(7, 35.0, (9.0, 9.0))
    assert third not in seen(script, 40.0).owner


def test_a_camera_restart_cuts_tracks_and_relinks_the_only_visit() -> None:
    script = Script()
    first = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.restart(CAMERA, 22.0, last_alive_s=15.0)
    second = script.track(1, 23.0, INSIDE)
    found = seen(script, 60.0)
    assert first != second
    assert found.owner == {first: visit, second: visit}
    assert found.visits[visit].exited_ns is None


def test_a_camera_restart_with_two_inside_binds_neither_again() -> None:
    script = Script()
    for n, member in enumerate((MIKA, KEN)):
        script.walk_in(n, n * 5.0)
        script.enter(member, n * 5.0 + 1.0)
    script.restart(CAMERA, 22.0, last_alive_s=15.0)
    anew = [script.track(n, 23.0, INSIDE) for n in (1, 2)]
    assert not set(anew) & set(seen(script, 60.0).owner)


def test_a_camera_restart_while_somebody_stands_at_the_gate_loses_nobody() -> None:
    script = Script()
    first = script.walk_in(1, 18.0)
    visit = script.enter(MIKA, 20.0)
    script.restart(CAMERA, 23.6, last_alive_s=21.0)
    second = script.track(1, 23.7)
    script.cross(second, 24.5, is_inside=False)
    script.walk_out(second, 32.0)
    found = seen(script, 70.0)
    assert found.owner == {first: visit, second: visit}
    assert (found.visits[visit].exited_ns, found.visits[visit].doubt) == (ns(34.0), None)


def test_who_was_lost_may_have_been_anybody_seen_until_the_store_was_empty() -> None:
    script = Script()
    for n, member in enumerate((MIKA, KEN)):
        script.walk_in(n, n * 5.0)
        script.enter(member, n * 5.0 + 1.0)
    script.restart(CAMERA, 22.0, last_alive_s=15.0)
    for n in (1, 2):
        script.end(script.track(n, 23.0, INSIDE), 40.0, INSIDE)
    for visit in seen(script, 100.0).visits.values():
        assert (visit.exited_ns, visit.doubt) == (ns(40.0), Doubt.NOT_SEEN_LEAVING)


def test_one_leaves_while_the_next_comes_in() -> None:
    script = Script()
    first = script.walk_in(1, 0.0)
    mika = script.enter(MIKA, 1.0)
    # Both stand at the gate from 30 to 32 s.
    second = script.track(2, 29.0)
    script.walk_out(first, 30.0)
    ken = script.enter(KEN, 31.0)
    script.cross(second, 33.0, is_inside=False)
    found = seen(script, 60.0)
    assert found.owner == {first: mika, second: ken}
    assert found.visits[mika].exited_ns == ns(32.0)
    assert found.visits[ken].exited_ns is None


def test_who_queues_behind_is_told_apart_by_who_walks_on() -> None:
    script = Script()
    # The second stands in the zone first, but walks in only after their own code.
    second = script.track(2, 0.0)
    first = script.track(1, 0.5)
    mika = script.enter(MIKA, 1.0)
    script.cross(first, 3.0, is_inside=False)
    ken = script.enter(KEN, 5.0)
    script.cross(second, 7.0, is_inside=False)
    found = seen(script, 20.0)
    assert found.owner == {first: mika, second: ken}
    assert found.unsure == frozenset()


def test_two_who_walk_in_together_on_one_code_are_a_toss_up() -> None:
    script = Script()
    tracks = [script.track(n, 0.0) for n in (1, 2)]
    script.enter(MIKA, 1.0)
    for track in tracks:
        script.cross(track, 3.0, is_inside=False)
    assert seen(script, 20.0).unsure == frozenset(tracks)


def test_a_group_has_left_when_its_last_has() -> None:
    script = Script()
    first = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    second = script.walk_in(2, 10.0)
    script.enter(MIKA, 11.0, joins=visit)
    script.walk_out(first, 30.0)
    assert seen(script, 50.0).visits[visit].exited_ns is None
    script.walk_out(second, 60.0)
    found = seen(script, 80.0)
    assert found.visits[visit].exited_ns == ns(62.0)
    assert (found.visits[visit].people, len(found.visits)) == (2, 1)


def test_a_code_at_the_exit_ends_the_visit() -> None:
    script = Script()
    visit = script.enter(MIKA, 1.0)
    script.leave(MIKA, 40.0)
    assert seen(script).visits[visit].exited_ns == ns(40.0)


@pytest.mark.parametrize(("inside", "ended"), [((MIKA,), 1), ((MIKA, KEN), 0)])
def test_a_barrier_that_counts_one_out_means_the_only_one_there_is(
    inside: tuple[MemberId, ...], ended: int
) -> None:
    script = Script()
    visits = [script.enter(member, 1.0 + n) for n, member in enumerate(inside)]
    script.leave(None, 40.0)
    found = seen(script, 60.0)
    assert sum(found.visits[visit].exited_ns is not None for visit in visits) == ended


def test_the_same_member_on_another_day_is_another_visit_without_doubt() -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    first = script.enter(MIKA, 1.0)
    script.walk_out(track, 30.0)
    again = script.walk_in(2, 1000.0)
    second = script.enter(MIKA, 1001.0)
    found = seen(script, 1010.0)
    assert (found.visits[first].exited_ns, found.visits[first].doubt) == (ns(32.0), None)
    assert found.owner[again] == second


def test_entering_again_without_having_left_asks_a_person() -> None:
    script = Script()
    script.walk_in(1, 0.0)
    first = script.enter(MIKA, 1.0)
    script.walk_in(2, 50.0)
    second = script.enter(MIKA, 51.0)
    found = seen(script, 60.0)
    assert found.visits[first].doubt is Doubt.ENTERED_AGAIN
    assert found.visits[second].doubt is None


def test_who_is_lost_inside_an_empty_store_left_unseen() -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.end(track, 20.0, INSIDE)
    assert seen(script, 40.0).visits[visit].exited_ns is None
    found = seen(script, 51.0).visits[visit]
    assert (found.exited_ns, found.doubt) == (ns(20.0), Doubt.NOT_SEEN_LEAVING)


def test_a_visit_that_never_ends_is_ended_for_a_person_to_look_at() -> None:
    script = Script()
    visit = script.enter(MIKA, 1.0)
    found = seen(script, 5 * 3600.0).visits[visit]
    assert found.doubt is Doubt.TOO_LONG


@pytest.mark.parametrize(
    ("xy_m", "inside"),
    [((0.5, 0.5), True), ((1.5, 0.5), False), ((0.2, 1.8), False), ((2.5, 1.5), True)],
)
def test_a_zone_may_have_any_shape(xy_m: tuple[float, float], inside: bool) -> None:
    l_shape = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (3.0, 1.0), (3.0, 2.0), (0.8, 2.0), (0.0, 1.0))
    assert is_in_zone(xy_m, l_shape) is inside
    assert not is_in_zone(AT_DOOR, ())
