"""Steps are decided as they come, and come out as if all were decided at once."""

from collections.abc import Mapping
from random import Random
from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import SensorKind, SensorState, began_ns
from tebura_contract.ids import EventId, NodeId, TrackId
from tebura_gateway.domain.decision import Reason, Ruling, Status
from tebura_gateway.domain.facts import Fact
from tebura_gateway.domain.judgement import judge
from tebura_gateway.domain.visiting import NEVER_NS
from tebura_gateway.domain.walk import LAG_NS, Walk

from tests.gateway.paying import VISIT_S, shopping
from tests.gateway.shop import (
    CAMERA,
    KEN,
    LOW,
    MIKA,
    NODES,
    PAN,
    PLATES,
    RICE,
    TEA,
    TOP,
    Script,
    candidate,
    layout,
    ns,
)
from tests.gateway.sighted import HERE, SECOND_NODE, THERE, Sighted, walks

SHOP = layout()
PLACES = ((TOP, "p1", 0.25, TEA), (TOP, "p2", 0.75, RICE), (LOW, "p1", 0.25, PAN))


def busy(random: Random, are_seen: bool) -> list[Fact]:
    """Some minutes of up to four at a time who take, put back and lay things down, and troubles."""
    script = Sighted()
    visits = random.randint(2, 6)
    for n in range(1, visits + 1):
        began_s = 12.0 * n + random.uniform(0.0, 6.0)
        place = random.choice((HERE, THERE))
        track = script.comes_in(n, began_s, place)
        script.enter(random.choice((MIKA, KEN)), began_s + 1.0)
        at_s = began_s + 6.0
        for _ in range(random.randint(1, 8)):
            at_s += random.choice((0.4, 1.5, 5.0))
            act(script, random, track, at_s)
        if are_seen:
            script.look(int(began_s) + 1, int(at_s) + 2, track)
            if random.random() < 0.5:
                other = script.begins(
                    n, began_s + 5.0, walks(place, HERE, at_s, at_s + 2), SECOND_NODE
                )
                script.look(int(began_s) + 6, int(at_s) + 1, other, node=SECOND_NODE)
        if random.random() < 0.8:
            script.walk_out(track, at_s + 4.0)
    if random.random() < 0.3:
        began_s = random.uniform(10.0, 60.0)
        kind = random.choice((SensorKind.PLATE, SensorKind.CAMERA))
        script.sensor(PLATES, began_s, SensorState.BLIND, kind)
        script.sensor(PLATES, began_s + random.uniform(1.0, 20.0), SensorState.OK, kind)
    if random.random() < 0.3:
        at_s = random.uniform(10.0, 60.0)
        script.restart(random.choice((CAMERA, PLATES)), at_s, at_s - random.uniform(1.0, 9.0))
    return sorted(script.facts, key=lambda fact: began_ns(fact.event))


def act(script: Script, random: Random, track: TrackId, at_s: float) -> None:
    shelf, plate, x_m, sku = random.choice(PLACES)
    if random.random() < 0.9:
        script.reach(track, at_s - 0.5, at_s + 0.9, shelf=shelf, x_m=x_m)
    what = random.random()
    if what < 0.55:
        script.pick(at_s, candidate(sku, random.randint(1, 2)), shelf=shelf, plate=plate)
    elif what < 0.85:
        script.put_back(at_s, candidate(sku), shelf=shelf, plate=plate)
    elif what < 0.95:
        script.foreign(at_s, random.choice((180.0, -180.0)))
    else:
        script.passing(at_s, -150.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from((0, SECOND_NS, LAG_NS)))
def test_going_on_decides_what_beginning_anew_does(seed: int, are_seen: bool, lag_ns: int) -> None:
    # Not Hypothesis's own, which are mostly noughts: then little comes late.
    random = Random(seed)
    # The less it lags behind, the more often something comes that changes what it passed.
    facts, walk = busy(random, are_seen), Walk(lag_ns)
    arrived: list[Fact] = []
    arrivals = sorted(
        facts,
        key=lambda fact: (
            began_ns(fact.event) + (random.random() < 0.1) * random.randint(0, 30 * SECOND_NS)
        ),
    )
    rulings: dict[EventId, Ruling] = {}
    words = dict.fromkeys((*NODES, SECOND_NODE), NEVER_NS)
    while arrivals:
        some = random.randint(1, 6)
        arrived += arrivals[:some]
        del arrivals[:some]
        newest_ns = max(began_ns(fact.event) for fact in arrived)
        for node in words:
            if random.random() < 0.8:
                words[node] = newest_ns - random.randint(0, 4 * SECOND_NS)
        found = judge(arrived, SHOP, words, rulings=rulings, walk=walk)
        anew = judge(arrived, SHOP, words, rulings=rulings)
        assert found == anew
        assert list(found.decisions) == list(anew.decisions)
        asked = [one for one in anew.decisions.values() if one.status is Status.REVIEW]
        if asked and random.random() < 0.1:
            rulings[random.choice(asked).id] = Ruling(visit=None, sku=None, quantity=0)


def test_of_a_long_day_only_the_last_steps_are_decided_again() -> None:
    script, walk = Script(), Walk()
    for number in range(80):
        shopping(script, VISIT_S * number, number + 1)
    facts = sorted(script.facts, key=lambda fact: began_ns(fact.event))
    words = dict.fromkeys(NODES, ns(VISIT_S * 80 + 10.0))
    decided = len(judge(facts[:-5], SHOP, words, walk=walk).decisions)
    assert walk.decided == decided > 100
    recent_ns = began_ns(facts[-6].event) - LAG_NS - ns(VISIT_S) + ns(0.0)
    for count in range(len(facts) - 4, len(facts) + 1):
        found = judge(facts[:count], SHOP, words, walk=walk)
        assert found == judge(facts[:count], SHOP, words)
        recent = [one for one in found.decisions.values() if one.from_ns >= recent_ns]
        assert walk.decided <= len(recent) < decided / 10


def test_what_comes_late_is_judged_with_all_that_came_after_it() -> None:
    script, walk = Script(), Walk()
    for number in range(10):
        shopping(script, VISIT_S * number, number + 1)
    words = dict.fromkeys(NODES, ns(VISIT_S * 10 + 10.0))
    late = next(fact for fact in script.facts if fact.event.__class__.__name__ == "Reach")
    facts = [fact for fact in script.facts if fact is not late]
    before = judge(facts, SHOP, words, walk=walk)
    assert judge(facts, SHOP, words, walk=walk) == before
    assert judge(script.facts, SHOP, words, walk=walk) == judge(script.facts, SHOP, words)


def test_an_answer_of_staff_to_an_old_question_is_heeded() -> None:
    script, walk = Script(), Walk()
    for number in range(10):
        shopping(script, VISIT_S * number, number + 1)
    words = dict.fromkeys(NODES, ns(VISIT_S * 10 + 10.0))
    first = next(iter(judge(script.facts, SHOP, words, walk=walk).decisions))
    rulings = {first: Ruling(visit=None, sku=None, quantity=0)}
    judge(script.facts, SHOP, words, walk=walk)
    found = judge(script.facts, SHOP, words, rulings=rulings, walk=walk)
    assert found.decisions[first].reason is Reason.STAFF


def test_one_more_thing_costs_a_part_of_what_the_whole_window_does() -> None:
    script, walk = Script(), Walk()
    track = script.walk_in(1, 0.0)
    script.enter(MIKA, 0.5)
    for number in range(600):
        script.reach(track, 4.0 + number, 4.8 + number)
        script.pick(4.5 + number, candidate(TEA))
    words = dict.fromkeys(NODES, ns(700.0))
    judge(script.facts, SHOP, words, walk=walk)
    whole_s = min(took_s(script.facts, words, Walk()) for _ in range(3))
    assert min(took_s(script.facts, words, walk) for _ in range(3)) < 0.5 * whole_s


def took_s(facts: list[Fact], words: Mapping[NodeId, int], walk: Walk) -> float:
    began_s = process_time()
    judge(facts, SHOP, words, walk=walk)
    return process_time() - began_s


def test_a_node_that_says_how_long_it_was_blind_is_believed_of_the_time_before() -> None:
    script, walk = Script(), Walk()
    for number in range(10):
        shopping(script, VISIT_S * number, number + 1)
    ends_s = VISIT_S * 10
    words = dict.fromkeys(NODES, ns(ends_s + 20.0))
    sure = judge(script.facts, SHOP, words, walk=walk)
    script.restart(PLATES, ends_s + 5.0, ends_s / 2)
    found = judge(script.facts, SHOP, words, walk=walk)
    assert found == judge(script.facts, SHOP, words)
    blind = {one.id for one in found.decisions.values() if one.reason is Reason.BLIND}
    assert blind
    assert not any(sure.decisions[one].reason is Reason.BLIND for one in blind)
