import pytest
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.entry_code import time_step
from tebura_contract.events import Reach, ShopperEntered, TrackEnded
from tebura_contract.ids import CameraId, GateId, MemberId, NodeId, ShelfId, TrackId, VisitId
from tebura_simulator.replay import member_of
from tebura_simulator.retelling import LiveTime, Retelling

START_NS = 1_000 * SECOND_NS
LIVE_NS = 9_000 * SECOND_NS


def test_a_recording_that_was_held_is_retold_at_the_times_it_was_played() -> None:
    live = LiveTime()
    live.note(0.0, LIVE_NS - SECOND_NS)
    live.note(0.0, LIVE_NS)  # it stood at its start until here
    live.note(5.0, LIVE_NS + 5 * SECOND_NS)
    live.note(5.0, LIVE_NS + 8 * SECOND_NS)  # held for three seconds
    live.note(6.0, LIVE_NS + 9 * SECOND_NS)
    assert live.at(2.5) == LIVE_NS + 2.5 * SECOND_NS
    assert live.at(5.5) == pytest.approx(LIVE_NS + 8.5 * SECOND_NS, abs=1000)
    assert live.at(-1.0) == LIVE_NS - SECOND_NS
    assert live.at(7.0) == LIVE_NS + 10 * SECOND_NS


def test_the_second_that_was_played_is_found_again_from_store_time() -> None:
    live = LiveTime()
    for rec_s, live_s in [(0.0, 0.0), (4.0, 4.0), (4.0, 7.0), (8.0, 11.0)]:
        live.note(rec_s, LIVE_NS + round(live_s * SECOND_NS))
    for rec_s in (1.0, 3.9, 4.5, 8.0, 9.0):
        assert live.recorded_s(live.at(rec_s)) == pytest.approx(rec_s, abs=1e-5)


def test_nothing_is_retold_before_anything_was_played() -> None:
    with pytest.raises(LookupError):
        LiveTime().at(1.0)


def _retelling(play: int = 1) -> Retelling:
    live = LiveTime()
    live.note(0.0, LIVE_NS)
    members = {"hana": MemberId("live-hana")}
    return Retelling(NodeId("camera-1"), 77, play, START_NS, live, members)


def _entered(account: str, joins: VisitId | None = None) -> ShopperEntered:
    return ShopperEntered(
        gate=GateId("gate"),
        member=member_of(account),
        code_step=3,
        at_ns=Ns(START_NS + 2 * SECOND_NS),
        joins=joins,
    )


def test_a_retold_entry_is_the_live_members_with_a_code_of_now() -> None:
    told = _retelling().of(_entered("hana"))
    assert isinstance(told, ShopperEntered)
    assert told.member == "live-hana"
    assert told.at_ns == LIVE_NS + 2 * SECOND_NS
    assert told.code_step == time_step(told.at_ns)


def test_a_retold_guest_joins_the_visit_that_its_host_has_here() -> None:
    retelling = _retelling()
    retelling.entered(VisitId("gate-1-1-0"), VisitId("gate-1-900-5"))
    told = retelling.of(_entered("hana", joins=VisitId("gate-1-1-0")))
    assert isinstance(told, ShopperEntered)
    assert told.joins == "gate-1-900-5"


def test_tracks_of_two_recordings_never_meet_and_one_stays_one() -> None:
    def track(play: int, at_s: int) -> str:
        event = TrackEnded(
            track=TrackId("camera-1-1-4"), at_ns=Ns(START_NS + at_s), foot_xy_m=(0.0, 0.0)
        )
        told = _retelling(play).of(event)
        assert isinstance(told, TrackEnded)
        return told.track

    assert track(1, 1) == track(1, 2)
    assert track(1, 1) != track(2, 1)


def test_every_time_of_a_reach_is_retold() -> None:
    reach = Reach(
        track=TrackId("camera-1-1-4"),
        camera=CameraId("aisle"),
        shelf=ShelfId("g1/s1"),
        x_m=0.4,
        from_ns=Ns(START_NS + SECOND_NS),
        to_ns=Ns(START_NS + 3 * SECOND_NS),
        confidence=0.9,
    )
    told = _retelling().of(reach)
    assert isinstance(told, Reach)
    assert (told.from_ns, told.to_ns) == (LIVE_NS + SECOND_NS, LIVE_NS + 3 * SECOND_NS)
    assert (told.shelf, told.x_m) == (reach.shelf, reach.x_m)
