"""What a counter is told to show, and what a member's word there does: that list, once."""

import msgspec
import pytest
from sqlalchemy import select
from tebura_contract.codec import decode
from tebura_contract.events import CounterConfirmed, CounterWord
from tebura_contract.ids import MemberId, NodeId, Sku, VisitId
from tebura_contract.messages import Command, CounterListed, CounterState
from tebura_gateway.adapters import tables

from tests.gateway.core import Core
from tests.gateway.shop import CAMERA, KEN, MIKA, PAN, PLATES, RICE, TEA, Script, candidate, ns
from tests.gateway.test_counter import COUNTER, THREE, lay, pick_up, walk_ups, with_counter
from tests.gateway.test_walk_up import word

TOTAL_MINOR = 162 + 105 + 3300


def told(core: Core) -> list[CounterListed]:
    """What the counter's node was told so far, in order."""
    with core.database.reading.begin() as connection:
        rows = connection.execute(select(tables.command).order_by(tables.command.c.id)).all()
    commands: list[tuple[str, Command]] = [
        (row.node, decode(bytes(row.payload), Command))  # type: ignore[arg-type]  # a union
        for row in rows
    ]
    found = [(node, one) for node, one in commands if isinstance(one, CounterListed)]
    assert {node for node, _ in found} <= {PLATES}
    return [one for _, one in found]


def three_laid(core: Core) -> tuple[Script, VisitId]:
    with_counter(core)
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = script.enter(MIKA, 1.0)
    del track
    for n, sku in enumerate(THREE):
        lay(script, 10.0 + 2.0 * n, sku)
    core.hear(script.facts)
    word(core, 20.0)
    return script, visit


def said(
    visit: VisitId,
    at_s: float,
    *,
    member: MemberId = MIKA,
    items: dict[Sku, int] | None = None,
    total_minor: int = TOTAL_MINOR,
) -> CounterConfirmed:
    return CounterConfirmed(
        counter=COUNTER,
        visit=visit,
        member=member,
        items=dict.fromkeys(THREE, 1) if items is None else items,
        total_minor=total_minor,
        word=CounterWord.THUMB,
        threshold_id="t1",
        at_ns=ns(at_s),
    )


def speak(core: Core, script: Script, event: CounterConfirmed, node: NodeId = PLATES) -> None:
    fact = script.say(node, event)
    core.hear([fact])


def test_the_counter_is_told_the_three_things_and_what_they_cost(core: Core) -> None:
    _, visit = three_laid(core)
    now = told(core)[-1]
    assert (now.state, now.visit, now.member) == (CounterState.TO_PAY, visit, MIKA)
    assert now.items() == {TEA: 1, RICE: 1, PAN: 1}
    assert now.total_minor == TOTAL_MINOR == sum(line.amount_minor for line in now.lines)
    word(core, 300.0)
    assert core.calls == [], "nothing is charged for lying there"


def test_a_thumb_pays_for_the_list_once_and_the_counter_sees_it_through(core: Core) -> None:
    script, visit = three_laid(core)
    event = said(visit, 22.0)
    fact = script.say(PLATES, event)
    core.hear([fact])
    assert told(core)[-1].state is CounterState.PAYING
    core.hear([fact, fact])
    word(core, 25.0)
    core.pay()
    assert core.bought(visit) == {TEA: 1, RICE: 1, PAN: 1}
    assert told(core)[-1].state is CounterState.PAID
    # Said again, also as another event: it is paid.
    speak(core, script, said(visit, 26.0))
    for n, sku in enumerate(THREE):
        pick_up(script, 27.0 + n, sku)
    script.walk_out(next(f.event.track for f in script.facts if f.id.node == CAMERA), 35.0)  # type: ignore[union-attr]
    heard = len(core.rows(tables.inbox))
    core.hear(script.facts[heard:])
    word(core, 60.0)
    core.pay()
    assert len(core.rows(tables.receipt)) == 1
    assert core.rows(tables.refund) == []
    assert told(core)[-1].state is CounterState.EMPTY
    core.check_books()


@pytest.mark.parametrize(
    ("changed", "node"),
    [
        pytest.param({"member": KEN}, PLATES, id="another-member"),
        pytest.param({"items": {TEA: 1, RICE: 1}}, PLATES, id="another-list"),
        pytest.param({"total_minor": TOTAL_MINOR - 1}, PLATES, id="another-price"),
        pytest.param({}, CAMERA, id="another-node"),
        pytest.param({"visit": VisitId("gate-1-1-77")}, PLATES, id="nobodys-visit"),
    ],
)
def test_a_word_that_does_not_fit_charges_nobody_and_the_counter_asks_again(
    core: Core, changed: dict[str, object], node: NodeId
) -> None:
    script, visit = three_laid(core)
    before = len(told(core))
    speak(core, script, msgspec.structs.replace(said(visit, 22.0), **changed), node)
    word(core, 60.0)
    core.pay()
    assert core.calls == []
    assert core.rows(tables.receipt) == []
    assert told(core)[-1].state is CounterState.TO_PAY
    assert len(told(core)) > before


def test_what_is_laid_down_after_the_word_was_given_is_asked_about_again(core: Core) -> None:
    script, visit = three_laid(core)
    # Before anything is billed, while the nodes have not reported up to the word.
    speak(core, script, said(visit, 22.0))
    more = script.put_back(21.0, candidate(TEA), shelf=COUNTER)
    core.hear([more])
    word(core, 30.0)
    core.pay()
    assert core.rows(tables.receipt) == []
    now = told(core)[-1]
    assert (now.state, now.items()) == (CounterState.TO_PAY, {TEA: 2, RICE: 1, PAN: 1})
    speak(core, script, said(visit, 32.0, items=now.items(), total_minor=now.total_minor))
    word(core, 35.0)
    core.pay()
    assert core.bought(visit) == {TEA: 2, RICE: 1, PAN: 1}


def test_a_thing_in_doubt_cannot_be_paid_at_the_counter(core: Core) -> None:
    script, visit = three_laid(core)
    doubtful = script.put_back(21.0, candidate(TEA), candidate(RICE), shelf=COUNTER)
    core.hear([doubtful])
    word(core, 30.0)
    now = told(core)[-1]
    assert now.state is CounterState.STAFF
    speak(core, script, said(visit, 32.0, items=now.items(), total_minor=now.total_minor))
    word(core, 40.0)
    core.pay()
    assert core.rows(tables.receipt) == []


def test_a_restart_between_word_and_money_loses_and_repeats_nothing(core: Core) -> None:
    script, visit = three_laid(core)
    speak(core, script, said(visit, 22.0))
    core.crash()
    word(core, 25.0)
    core.crash()
    core.tick(200.0)
    core.pay()
    core.crash()
    assert core.bought(visit) == {TEA: 1, RICE: 1, PAN: 1}
    assert len(core.rows(tables.receipt)) == 1
    core.check_books()


def test_a_walk_up_s_things_are_listed_without_a_member(core: Core) -> None:
    walk_ups(core)
    with_counter(core)
    script = Script()
    script.walk_in(1, 0.0)
    lay(script, 10.0, TEA)
    core.hear(script.facts)
    word(core, 20.0)
    now = told(core)[-1]
    assert (now.state, now.member, now.items()) == (CounterState.TO_PAY, None, {TEA: 1})
