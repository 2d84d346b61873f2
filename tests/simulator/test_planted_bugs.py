"""Bugs planted in Tebura's own judgement: the score says which figure each one spoils.

Each is planted where it would be in a store: between the facts of the nodes and the judgement, or
in what the judgement says. The healthy run of the same scenario has none of it, so it is the bug
that is seen and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from msgspec import structs
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import ItemPicked, ItemReturned, NodeStarted
from tebura_contract.ids import EventId, MemberId, NodeId, Sku, VisitId
from tebura_contract.layout import Layout
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.judgement import Judgement, judge
from tebura_gateway.domain.tolerances import JudgementSettings
from tebura_simulator.bench.kept_reel import KeptReel
from tebura_simulator.memory_reel import reel_of
from tebura_simulator.replay_judging import Judge
from tebura_simulator.scoring.case import Score
from tebura_simulator.scoring.recorded import score_reel
from tebura_simulator.scoring.tebura import Tebura
from tebura_simulator.stores import store
from tebura_simulator.story.scenario import (
    Deed,
    FaultKind,
    FaultScript,
    Scenario,
    ShopperScript,
    Step,
)

JUST_BEFORE_NS = 30 * SECOND_NS
"""How much a node that forgot what was acknowledged says again when it starts."""


def takes(sku: str, at_s: float, quantity: int = 1) -> Step:
    return Step(action=Deed.TAKE, sku=Sku(sku), at_s=at_s, quantity=quantity)


def puts_back(sku: str, at_s: float) -> Step:
    return Step(action=Deed.PUT_BACK, sku=Sku(sku), at_s=at_s)


SHOPPING = Scenario(
    name="two-shop-at-once",
    seed=7,
    duration_s=75.0,
    shopper=(
        ShopperScript(
            id="hana",
            member=MemberId("hana"),
            enter_s=0.5,
            do=(
                takes("cola-1500", 12.0),
                takes("green-tea-2l", 20.0),
                puts_back("green-tea-2l", 30.0),
                takes("milk-1l", 44.0),
            ),
        ),
        ShopperScript(
            id="ken",
            member=MemberId("ken"),
            enter_s=6.0,
            do=(takes("retort-curry", 25.0), takes("curry-bread", 37.0, quantity=2)),
        ),
    ),
)
"""What Hana puts back has been in her hand; Ken is at other shelves."""


def restarted(scenario: Scenario, at_s: float) -> Scenario:
    """Every plate node off and on again at a moment when nobody touches anything."""
    layout, _ = store("corner")
    nodes = sorted({str(shelf.reports_picks) for _, shelf in layout.shelves().values()})
    off = [FaultScript(kind=FaultKind.NODE_OFF, at_s=at_s, for_s=1.0, on=node) for node in nodes]
    return structs.replace(scenario, fault=tuple(off))


@pytest.fixture(scope="module")
def reel() -> KeptReel:
    return KeptReel(reel_of(SHOPPING, *store("corner")))


@pytest.fixture(scope="module")
def healthy(reel: KeptReel) -> Score:
    return score_reel("healthy", reel, Tebura())


def planted(reel: KeptReel, bug: Judge) -> Score:
    return score_reel("planted", reel, Tebura(judge=bug))


def errors(one: Score) -> tuple[int, int, int]:
    return one.events.who_errors, one.events.what_errors, one.events.count_errors


def test_healthy_the_scenario_is_claimed_without_any_mistake(healthy: Score) -> None:
    assert healthy.events.true == 6
    assert errors(healthy) == (0, 0, 0)
    assert healthy.events.fp == 0
    assert healthy.receipts.overcharged == 0


def ignores_put_backs(
    facts: Iterable[Fact],
    layout: Layout,
    through_ns: Mapping[NodeId, int],
    settings: JudgementSettings,
) -> Judgement:
    """The cart only ever grows."""
    picks = [fact for fact in facts if not isinstance(fact.event, ItemReturned)]
    return judge(picks, layout, through_ns, settings)


def test_a_judgement_that_ignores_put_backs_overcharges(reel: KeptReel, healthy: Score) -> None:
    found = planted(reel, ignores_put_backs)
    assert found.receipts.overcharged == healthy.receipts.overcharged + 1
    assert found.receipts.overcharged_minor > healthy.receipts.overcharged_minor
    assert found.events.missed == healthy.events.missed + 1
    assert found.receipt_f1 < healthy.receipt_f1
    # Nobody is mistaken for anybody, and what is claimed did happen.
    assert errors(found) == errors(healthy)
    assert found.events.fp == 0


def swaps_two_shoppers(
    facts: Iterable[Fact],
    layout: Layout,
    through_ns: Mapping[NodeId, int],
    settings: JudgementSettings,
) -> Judgement:
    """Each of two visits gets the other's steps."""
    judged = judge(facts, layout, through_ns, settings)
    if len(judged.visits) != 2:
        return judged
    first, second = judged.visits
    other: dict[VisitId | None, VisitId] = {first: second, second: first}
    decisions = {
        name: structs.replace(step, visit=other.get(step.visit))
        for name, step in judged.decisions.items()
    }
    return replace(judged, decisions=decisions)


def test_a_judgement_that_swaps_two_shoppers_is_wrong_about_who_and_only_that(
    reel: KeptReel, healthy: Score
) -> None:
    found = planted(reel, swaps_two_shoppers)
    assert errors(found) == (healthy.events.tp, 0, 0)
    assert found.events.tp == 0
    # Both pay for what the other has: every line is too much for one and too little for one.
    assert found.receipts.overcharged == found.receipts.undercharged > 0
    assert found.receipts.overcharged_minor == found.receipts.undercharged_minor
    assert found.receipt_f1 == 0.0
    assert healthy.receipt_f1 > 0.0


def counts_twice_after_a_restart(
    facts: Iterable[Fact],
    layout: Layout,
    through_ns: Mapping[NodeId, int],
    settings: JudgementSettings,
) -> Judgement:
    """A node that starts says its last steps again, under its new boot's numbers."""
    known = list(facts)
    return judge(known + said_again(known), layout, through_ns, settings)


def said_again(facts: Sequence[Fact]) -> list[Fact]:
    again = []
    for start in facts:
        if not isinstance(start.event, NodeStarted):
            continue
        for fact in facts:
            step = fact.event
            if (
                isinstance(step, ItemPicked | ItemReturned)
                and fact.id.node == start.id.node
                and 0 <= start.event.at_ns - step.to_ns < JUST_BEFORE_NS
            ):
                number = EventId(fact.id.node, start.id.boot + 100, fact.id.seq)
                again.append(structs.replace(fact, id=number))
    return again


def test_a_node_that_repeats_itself_after_a_restart_is_counted_twice_and_overcharges() -> None:
    reel = KeptReel(reel_of(restarted(SHOPPING, 54.0), *store("corner")))
    healthy = score_reel("healthy", reel, Tebura())
    assert errors(healthy) == (0, 0, 0)
    assert (healthy.events.invented, healthy.receipts.overcharged) == (0, 0)
    found = planted(reel, counts_twice_after_a_restart)
    assert found.events.invented > 0
    assert found.events.tp == healthy.events.tp
    assert found.receipts.overcharged > 0
    assert found.receipt_f1 < healthy.receipt_f1
    assert errors(found) == (0, 0, 0)


def test_without_a_restart_nobody_repeats_anything(reel: KeptReel, healthy: Score) -> None:
    assert planted(reel, counts_twice_after_a_restart) == structs.replace(
        healthy, recording="planted"
    )
