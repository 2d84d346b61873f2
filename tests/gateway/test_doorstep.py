"""Tracks that go out with one person and in with the next: what a code at the door tells."""

import pytest
from tebura_contract.events import PeopleSeen, TrackAtGate
from tebura_contract.ids import TrackId, VisitId

from tests.gateway.shop import DOOR, KEN, MIKA, ns
from tests.gateway.sighted import HERE, SECOND_NODE, THERE, Sighted, is_in_store, seen, stays, walks


def over_the_doorstep(script: Sighted, *, code_s: float | None) -> tuple[TrackId, VisitId]:
    """Mika came in long ago, goes to the door, and at once her track comes in again."""
    track = script.comes_in(1, 0.0, HERE)
    gone = script.enter(MIKA, 1.0)
    out, back = walks(HERE, (-0.9, 0.0), 26.0, 30.0), walks((-0.9, 0.0), (0.0, 0.0), 30.5, 31.5)
    inward = walks((0.0, 0.0), THERE, 35.0, 39.0)
    came = script.paths[track]
    script.paths[track] = lambda at_s: (
        came(at_s)
        if at_s < 26.0
        else out(at_s)
        if at_s < 30.5
        else back(at_s)
        if at_s < 35.0
        else inward(at_s)
    )
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


@pytest.mark.parametrize("is_seen_anew", [False, True])
def test_a_second_camera_at_the_door_agrees(is_seen_anew: bool) -> None:
    """It followed both as one, too, or it saw who came in by themselves."""
    script = Sighted()
    track, gone = over_the_doorstep(script, code_s=33.0)
    path = script.paths[track]
    other = script.begins(1, 31.0 if is_seen_anew else 27.0, path, SECOND_NODE)
    if not is_seen_anew:
        script.say(SECOND_NODE, TrackAtGate(track=other, gate=DOOR, at_ns=ns(29.0), is_inside=True))
    crossed = TrackAtGate(track=other, gate=DOOR, at_ns=ns(36.0), is_inside=False)
    script.say(SECOND_NODE, crossed)
    script.look(32 if is_seen_anew else 28, 45, other, node=SECOND_NODE)
    found = seen(script.facts)
    [came] = found.visits.keys() - {gone}
    for name in (track, other):
        assert found.owners(name, ns(42.0)).get(came, 0.0) > 0.9
    assert found.owners(track, ns(28.0)).get(gone, 0.0) > 0.9
    assert not is_in_store(found, gone, 45.0)
