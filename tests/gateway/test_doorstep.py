"""Tracks that go out with one person and in with the next: what a code at the door tells."""

import math

import pytest
from tebura_contract.events import PeopleSeen, TrackAtGate, TrackEnded
from tebura_contract.ids import MemberId, TrackId, VisitId

from tests.gateway.shop import DOOR, KEN, MIKA, ns
from tests.gateway.sighted import (
    HERE,
    SECOND_NODE,
    THERE,
    Path,
    Sighted,
    is_in_store,
    seen,
    stays,
    walks,
)

YUKI = MemberId("YUKICCCCCCCCCCC")
OUTSIDE = (-0.9, 0.0)


def out_and_in(came: Path, out: Path, from_s: float) -> Path:
    """From then on out of the door, and half a second later in again, to the far end."""
    back, inward = walks(OUTSIDE, (0.0, 0.0), 30.5, 31.5), walks((0.0, 0.0), THERE, 35.0, 39.0)
    parts = ((from_s, came), (30.5, out), (35.0, back), (math.inf, inward))
    return lambda at_s: next(path for until_s, path in parts if at_s < until_s)(at_s)


def over_the_doorstep(script: Sighted, *, code_s: float | None) -> tuple[TrackId, VisitId]:
    """Mika came in long ago, goes to the door, and at once her track comes in again."""
    track = script.comes_in(1, 0.0, HERE)
    gone = script.enter(MIKA, 1.0)
    out = walks(HERE, OUTSIDE, 26.0, 30.0)
    script.paths[track] = out_and_in(script.paths[track], out, 26.0)
    script.cross(track, 4.0, is_inside=False)
    script.cross(track, 29.0, is_inside=True)
    if code_s is not None:
        script.enter(KEN, code_s)
    script.cross(track, 36.0, is_inside=False)
    script.look(1, 45, track)
    return track, gone


def test_a_track_that_went_to_the_door_and_in_again_is_whose_code_was_shown_meanwhile() -> None:
    script = Sighted()
    track, gone = over_the_doorstep(script, code_s=33.0)
    found = seen(script.facts)
    [came] = found.visits.keys() - {gone}
    assert found.owners(track, ns(28.0)) == {gone: 1.0}
    assert found.owners(track, ns(42.0)).get(came, 0.0) > 0.9
    assert found.visits[gone].exited_ns == ns(30.0)
    assert is_in_store(found, came, 45.0)


def test_who_turns_at_the_door_stays_who_they_are() -> None:
    script = Sighted()
    track, gone = over_the_doorstep(script, code_s=None)
    found = seen(script.facts)
    assert found.owners(track, ns(42.0)) == {gone: 1.0}
    assert is_in_store(found, gone, 45.0)


def test_who_turns_at_the_door_stays_who_they_are_while_somebody_else_comes_in() -> None:
    script = Sighted()
    track, gone = over_the_doorstep(script, code_s=33.0)
    other = script.begins(2, 31.5, stays((-0.5, 0.3)))
    script.paths[other] = walks((-0.5, 0.3), (2.0, -1.0), 35.0, 38.0)
    script.cross(other, 37.0, is_inside=False)
    script.facts = [fact for fact in script.facts if not isinstance(fact.event, PeopleSeen)]
    script.look(1, 31, track)
    script.look(32, 45, track, other)
    found = seen(script.facts)
    [came] = found.visits.keys() - {gone}
    assert found.owners(track, ns(42.0)).get(gone, 0.0) > 0.9
    assert found.owners(other, ns(42.0)).get(came, 0.0) > 0.9


def test_a_track_that_went_over_to_who_leaves_goes_over_once_more_at_the_door() -> None:
    """It stood near the door, went out with who came by, and came in with the next."""
    script = Sighted()
    stands = (1.6, 0.3)
    track = script.comes_in(1, 0.0, stands)
    mika = script.enter(MIKA, 1.0)
    leaves = script.comes_in(2, 8.0, THERE)
    ken = script.enter(KEN, 9.0)
    out = walks(THERE, OUTSIDE, 24.0, 30.0)
    script.paths[track] = out_and_in(script.paths[track], out, 27.5)
    script.look(6, 22, track, leaves)
    script.breaks(leaves, 22.5)
    script.cross(track, 28.4, is_inside=True)
    other = script.begins(1, 14.0, out, SECOND_NODE)
    script.look(15, 29, other, node=SECOND_NODE)
    script.say(SECOND_NODE, TrackEnded(track=other, at_ns=ns(29.5), foot_xy_m=out(29.5), gate=DOOR))
    left = script.begins(3, 28.5, stays(stands))
    yuki = script.enter(YUKI, 33.0)
    script.cross(track, 36.0, is_inside=False)
    script.look(23, 28, track)
    script.look(29, 45, track, left)
    found = seen(script.facts)
    assert found.owners(track, ns(26.0)).get(mika, 0.0) > 0.9
    assert found.owners(track, ns(42.0)).get(yuki, 0.0) > 0.9
    assert found.owners(left, ns(42.0)).get(mika, 0.0) > 0.9
    assert is_in_store(found, mika, 45.0)
    assert not is_in_store(found, ken, 45.0)


@pytest.mark.parametrize("from_s", [27.0, 31.0, 34.5])
def test_a_second_camera_at_the_door_agrees(from_s: float) -> None:
    """It followed both as one, too, or it saw who came in by themselves, then or after the code."""
    script = Sighted()
    track, gone = over_the_doorstep(script, code_s=33.0)
    path = script.paths[track]
    other = script.begins(1, from_s, path, SECOND_NODE)
    if from_s < 29.0:
        script.say(SECOND_NODE, TrackAtGate(track=other, gate=DOOR, at_ns=ns(29.0), is_inside=True))
    crossed = TrackAtGate(track=other, gate=DOOR, at_ns=ns(36.0), is_inside=False)
    script.say(SECOND_NODE, crossed)
    script.look(math.floor(from_s) + 1, 45, other, node=SECOND_NODE)
    found = seen(script.facts)
    [came] = found.visits.keys() - {gone}
    for name in (track, other):
        assert found.owners(name, ns(42.0)).get(came, 0.0) > 0.9
    assert found.owners(track, ns(28.0)).get(gone, 0.0) > 0.9
    assert not is_in_store(found, gone, 45.0)


@pytest.mark.parametrize("away_m", [0.1, 2.0])
def test_a_second_camera_that_saw_somebody_for_a_moment_has_a_say(away_m: float) -> None:
    """It began and ended between two looks: beside the track it agrees, elsewhere it does not."""
    script = Sighted()
    track, gone = over_the_doorstep(script, code_s=33.0)
    at = stays((0.0, away_m))
    other = script.begins(1, 34.05, at, SECOND_NODE)
    script.say(SECOND_NODE, TrackAtGate(track=other, gate=DOOR, at_ns=ns(34.1), is_inside=True))
    script.say(SECOND_NODE, TrackEnded(track=other, at_ns=ns(34.2), foot_xy_m=at(34.2), gate=DOOR))
    found = seen(script.facts)
    [came] = found.visits.keys() - {gone}
    assert (found.owners(track, ns(42.0)).get(came, 0.0) > 0.9) is (away_m < 1.0)
