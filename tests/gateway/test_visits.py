"""Who shops and how it ends: groups, staff, visits closed by hand, gaps that do not matter."""

import dataclasses

import msgspec
import pytest
from tebura_contract.ids import MemberId, NodeId, TrackId, VisitId
from tebura_contract.layout import Layout
from tebura_gateway.adapters import tables
from tebura_gateway.domain.gaps import touches
from tebura_gateway.domain.presence import Visit
from tebura_gateway.service import members, visits
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.requests import Refused
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core
from tests.gateway.shop import (
    CAMERA,
    DOOR,
    GATE,
    KEN,
    LOW,
    MIKA,
    PLATES,
    RICE,
    TEA,
    TOP,
    Script,
    candidate,
    layout,
    ns,
)


def be_staff(core: Core, member: MemberId) -> None:
    core.do(lambda tx, _: members.set_role(tx, member, MemberRole.STAFF))


def close(core: Core, visit: VisitId) -> None:
    def work(tx: Tx, memory: Memory) -> None:
        visits.close(tx, memory, visit, "staff")

    core.do(work)


def test_a_friend_on_the_same_code_shops_on_one_bill(core: Core) -> None:
    script = Script()
    first = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    friend = script.walk_in(2, 5.0)
    script.enter(MIKA, 6.0, joins=visit)
    script.reach(friend, 15.0, 16.5)
    script.pick(15.5, candidate(TEA, 2))
    script.reach(friend, 20.0, 21.5)
    script.put_back(20.5)
    script.walk_out(first, 30.0)
    script.walk_out(friend, 32.0)
    core.hear(script.facts)
    core.word(60.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1}
    assert len(core.rows(tables.visit)) == 1
    core.check_books()


def test_what_staff_fill_up_and_clear_away_is_on_no_cart_and_asks_nobody(core: Core) -> None:
    be_staff(core, KEN)
    script = Script()
    mika_track = script.walk_in(1, 0.0)
    mika = script.enter(MIKA, 1.0)
    ken_track = script.walk_in(2, 5.0)
    ken = script.enter(KEN, 6.0)
    script.reach(ken_track, 12.0, 13.5)
    script.put_back(12.5, candidate(TEA, 3))
    script.reach(mika_track, 16.0, 17.5)
    script.pick(16.5)
    script.reach(ken_track, 20.0, 21.5, x_m=0.75)
    script.pick(20.5, candidate(RICE), plate="p2")
    script.walk_out(mika_track, 30.0)
    script.walk_out(ken_track, 40.0)
    core.hear(script.facts)
    core.word(70.0)
    core.pay()
    assert core.bought(mika) == {TEA: 1}
    assert core.state(ken) == ("void", "nothing-taken")
    assert core.open_reviews() == set()
    # Three filled up, one bought; one rice ball cleared away.
    moved = {row.sku: 0 for row in core.rows(tables.stock_move)}
    for row in core.rows(tables.stock_move):
        moved[row.sku] += row.change
    assert moved == {TEA: 2, RICE: -1}
    core.check_books()


def test_who_is_no_longer_staff_pays_like_anyone(core: Core) -> None:
    be_staff(core, MIKA)
    core.do(lambda tx, _: members.set_role(tx, MIKA, MemberRole.SHOPPER))
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    script.walk_out(track, 30.0)
    core.hear(script.facts)
    core.word(60.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1}


def test_nobody_becomes_staff_who_is_no_member(core: Core) -> None:
    with pytest.raises(Refused, match="no member"):
        be_staff(core, MemberId("NOBODYAAAAAAAAA"))


def test_staff_close_a_visit_whose_end_nobody_saw_and_it_is_billed(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    core.hear(script.facts)
    core.word(40.0)
    assert core.state(visit) == ("open", "")
    core.now_s = 45.0
    close(core, visit)
    assert core.state(visit) == ("exited", "")
    core.word(60.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1}
    assert core.receipt(visit).exited_ns == ns(45.0)
    core.crash()
    assert core.state(visit) == ("settled", "")


def test_a_visit_that_ended_cannot_be_closed(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.walk_out(track, 20.0)
    core.hear(script.facts)
    core.word(60.0)
    for name in (visit, VisitId("gate-1-9-9")):
        with pytest.raises(Refused, match="not going on"):
            close(core, name)


OTHERS = NodeId("plates-2")


def two_plate_nodes() -> Layout:
    """The small shop with a plate node of its own for each shelf, both watched."""
    base = layout()
    (gondola,) = base.gondola
    top, low = gondola.shelf
    gondola = msgspec.structs.replace(
        gondola, shelf=(top, msgspec.structs.replace(low, reports_picks=OTHERS))
    )
    (camera,) = base.camera
    return msgspec.structs.replace(
        base,
        gondola=(gondola,),
        camera=(msgspec.structs.replace(camera, watches=(TOP, LOW)),),
    )


@pytest.mark.parametrize(
    ("silent", "reached", "touched"),
    [
        pytest.param((OTHERS,), ("mine", TOP, 10.0), False, id="a-shelf-they-never-reached-into"),
        pytest.param((OTHERS,), ("mine", LOW, 10.0), True, id="a-shelf-they-reached-into"),
        pytest.param((OTHERS,), ("nobody", LOW, 10.0), True, id="somebody-nobody-knows-did"),
        pytest.param((OTHERS,), ("others", LOW, 10.0), False, id="another-shopper-did"),
        pytest.param((OTHERS,), ("mine", LOW, 50.0), False, id="after-they-had-left"),
        pytest.param((CAMERA,), ("mine", TOP, 10.0), True, id="who-watches-is-always-missed"),
        pytest.param((GATE,), ("mine", TOP, 10.0), True, id="so-is-the-gate"),
        pytest.param((), ("mine", LOW, 10.0), False, id="nobody-is-silent"),
    ],
)
def test_a_gap_matters_where_the_visit_was(
    silent: tuple[NodeId, ...], reached: tuple[str, str, float], touched: bool
) -> None:
    script = Script()
    whose, shelf, at_s = reached
    script.reach(TrackId(whose), at_s, at_s + 1.0, shelf=TOP if shelf == TOP else LOW)
    visit = Visit(VisitId("v"), MIKA, DOOR, ns(0.0), exited_ns=ns(40.0))
    owner = {TrackId("mine"): VisitId("v"), TrackId("others"): VisitId("w")}
    assert touches(visit, silent, two_plate_nodes(), script.facts, owner) is touched


def test_a_shelf_that_no_camera_watches_is_missed_by_everyone() -> None:
    visit = Visit(VisitId("v"), MIKA, DOOR, ns(0.0), exited_ns=ns(40.0))
    assert touches(visit, (PLATES,), layout(), [], {})


def test_a_silent_node_holds_nobody_up_for_long_who_was_elsewhere(core: Core) -> None:
    core.shop = dataclasses.replace(core.shop, layout=two_plate_nodes())
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    script.pick(10.5)
    script.walk_out(track, 30.0)
    core.hear(script.facts)
    core.word(60.0)
    core.pay()
    assert core.state(visit) == ("exited", "")
    core.tick(100.0 + 61.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1}
