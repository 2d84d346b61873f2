"""Age-restricted goods are sold by staff alone, whoever came in by whatever."""

import dataclasses

import msgspec
import pytest
from tebura_contract.ids import EventId, VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_gateway.service.requests import RulingKind

from tests.gateway.core import Core
from tests.gateway.shop import MIKA, RICE, TEA, Script, candidate
from tests.gateway.test_counter import walk_ups
from tests.gateway.test_walk_up import confirm, word


@pytest.fixture
def core(core: Core) -> Core:
    """Tea is for adults here."""
    products = tuple(
        msgspec.structs.replace(one, age_restricted=one.sku == TEA)
        for one in core.shop.layout.product
    )
    core.shop = dataclasses.replace(
        core.shop,
        layout=msgspec.structs.replace(core.shop.layout, product=products),
        judgement=JudgementSettings(asks_age=True),
    )
    return core


def shopping(core: Core, script: Script, *, puts_back: bool = False) -> tuple[str, EventId]:
    """A tea and a rice ball; perhaps the tea goes back."""
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    tea = script.pick(10.5, candidate(TEA)).id
    script.reach(track, 15.0, 16.5, x_m=0.75)
    script.pick(15.5, candidate(RICE), plate="p2")
    if puts_back:
        script.reach(track, 20.0, 21.5)
        script.put_back(20.5, candidate(TEA))
    script.walk_out(track, 30.0)
    core.hear(script.facts)
    core.word(60.0)
    core.pay()
    return visit, tea


def test_a_restricted_article_is_never_charged_by_itself_and_staff_hear_of_it_at_once(
    core: Core,
) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    script.reach(track, 10.0, 11.5)
    tea = script.pick(10.5, candidate(TEA)).id
    core.hear(script.facts)
    core.word(13.0)
    assert core.open_reviews() == {f"step:{tea}"}
    assert [row.reason for row in core.rows(tables.review)] == ["age"]
    assert core.state(visit)[0] == "open"


def test_staff_who_looked_sell_it_and_are_written_down(core: Core) -> None:
    visit, tea = shopping(core, Script())
    assert core.state(visit)[0] == "review"
    core.rule(f"step:{tea}", RulingKind.ACCEPT, by="Hana")
    assert core.state(visit)[0] == "settled"
    assert core.bought(visit) == {TEA: 1, RICE: 1}
    assert [(row.event, row.ruled_by) for row in core.rows(tables.ruling)] == [(str(tea), "Hana")]
    core.check_books()


def test_what_staff_took_back_is_on_no_bill(core: Core) -> None:
    visit, tea = shopping(core, Script())
    core.rule(f"step:{tea}", RulingKind.VOID)
    assert core.bought(visit) == {RICE: 1}


def test_what_went_back_on_the_shelf_needs_no_answer(core: Core) -> None:
    visit, _ = shopping(core, Script(), puts_back=True)
    assert core.open_reviews() == set()
    assert core.bought(visit) == {RICE: 1}


def test_a_walk_up_cannot_buy_one_by_confirming_a_list(core: Core) -> None:
    wallet = walk_ups(core)
    core.shop = dataclasses.replace(
        core.shop, judgement=JudgementSettings(asks_age=True, walk_up=True)
    )
    script = Script()
    track = script.walk_in(1, 0.0)
    script.reach(track, 10.0, 11.5)
    tea = script.pick(10.5, candidate(TEA)).id
    visit = VisitId("camera-1-1-0")
    core.hear(script.facts)
    word(core, 20.0)
    confirm(core, visit, {TEA: 1})
    word(core, 25.0)
    core.pay()
    assert wallet.done == {}
    assert core.state(visit) == ("review", "steps")
    core.rule(f"step:{tea}", RulingKind.ACCEPT, by="Hana")
    assert core.bought(visit) == {TEA: 1}
