"""How people shop, as a whole: from what the sensors saw, and one question nobody must answer."""

import pytest
from tebura_contract.ids import MemberId, VisitId
from tebura_gateway.adapters.person_tables import opinion
from tebura_gateway.service import members, opinions
from tebura_gateway.service.behaviour import FEWEST, Behaviour, behaviour
from tebura_gateway.service.members import MemberRole
from tebura_gateway.service.opinions import ASKED_NS, Motive
from tebura_gateway.service.requests import Refused

from tests.gateway.core import Core
from tests.gateway.shop import KEN, MIKA, RICE, STORE, TEA, TOP, Script, candidate, ns

VISIT_S = 200.0


def shop(core: Core, script: Script, n: int, *, puts_back: bool) -> VisitId:
    """The n-th visit: a tea, perhaps a rice ball that goes back; 30 s long."""
    at_s = n * VISIT_S
    track = script.walk_in(n + 1, at_s)
    visit = script.enter(KEN if n % 2 else MIKA, at_s + 1.0)
    script.reach(track, at_s + 10.0, at_s + 12.0)
    script.pick(at_s + 10.5, candidate(TEA))
    if puts_back:
        script.reach(track, at_s + 15.0, at_s + 16.5, x_m=0.75)
        script.pick(at_s + 15.5, candidate(RICE), plate="p2")
        script.reach(track, at_s + 20.0, at_s + 21.5, x_m=0.75)
        script.put_back(at_s + 20.5, candidate(RICE), plate="p2")
    script.walk_out(track, at_s + 30.0)
    core.now_s = at_s + 60.0
    return visit


@pytest.fixture
def visits(core: Core) -> list[VisitId]:
    """Twelve visits, in ten of which a rice ball goes back."""
    script = Script()
    found = []
    for n in range(12):
        before = len(script.facts)
        found.append(shop(core, script, n, puts_back=n < 10))
        core.hear(script.facts[before:])
    core.word(12 * VISIT_S)
    core.pay()
    return found


def seen(core: Core, from_s: float = -10.0, to_s: float = 12 * VISIT_S) -> Behaviour:
    with core.database.reading.connect() as connection:
        return behaviour(connection, STORE, ns(from_s), ns(to_s))


def test_the_report_tells_stays_hands_and_what_goes_back(core: Core, visits: list[VisitId]) -> None:
    report = seen(core)
    assert report.visits == len(visits)
    assert report.median_stay_s is not None
    assert 25.0 < report.median_stay_s < 35.0
    assert report.without_purchase == 0
    (shelf,) = report.shelves
    assert (shelf.shelf, shelf.reaches) == (TOP, 12 + 2 * 10)
    assert 1.5 <= shelf.median_s <= 2.0
    articles = {one.sku: (one.taken_visits, one.returned_visits) for one in report.articles}
    assert articles == {TEA: (12, 0), RICE: (10, 10)}


def test_what_fewer_than_ten_did_is_nobodys_business(core: Core, visits: list[VisitId]) -> None:
    nine = seen(core, to_s=8.5 * VISIT_S)
    assert nine == Behaviour(visits=FEWEST - 1)
    eleven = seen(core, from_s=0.5 * VISIT_S)
    assert eleven.visits == 11
    assert [one.sku for one in eleven.articles] == [TEA]


def test_staff_do_not_shop(core: Core, visits: list[VisitId]) -> None:
    core.do(lambda tx, _: members.set_role(tx, KEN, MemberRole.STAFF))
    assert seen(core).visits == 6


def test_opinions_are_a_sum_over_at_least_ten(core: Core, visits: list[VisitId]) -> None:
    def tell(n: int, motive: Motive, again: bool | None) -> None:
        member = KEN if n % 2 else MIKA
        core.do(lambda tx, _: opinions.tell(tx, member, visits[n], motive, again))

    for n in range(9):
        tell(n, Motive.BREAK, True)
    assert seen(core).motives == {}
    tell(9, Motive.BREAK, None)
    tell(10, Motive.CURIOUS, False)
    tell(0, Motive.BREAK, True)
    report = seen(core)
    assert report.opinions == 11
    assert report.motives == {"break": 10, "few": 1}
    assert report.come_again == {"yes": 9, "unsaid": 1, "no": 1}


def test_only_ones_own_visit_that_is_over_and_not_long_ago_can_be_spoken_of(
    core: Core, visits: list[VisitId]
) -> None:
    def tell(member: MemberId, visit: VisitId) -> None:
        core.do(lambda tx, _: opinions.tell(tx, member, visit, Motive.OTHER, None))

    with pytest.raises(Refused, match="theirs"):
        tell(KEN, visits[0])
    with pytest.raises(Refused, match="theirs"):
        tell(MIKA, VisitId("nobody"))
    script = Script(boots=dict.fromkeys(Script().boots, 2))
    still_in = script.enter(MIKA, core.now_s)
    core.hear(script.facts)
    with pytest.raises(Refused, match="not over"):
        tell(MIKA, still_in)
    core.now_s += ASKED_NS / 1e9 + 1.0
    with pytest.raises(Refused, match="long ago"):
        tell(MIKA, visits[0])
    assert core.rows(opinion) == []
