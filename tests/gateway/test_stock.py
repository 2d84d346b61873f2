"""The stock follows decided steps, their corrections and counts, in any order (I5)."""

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.codec import decode
from tebura_contract.ids import EventId, FacingId, ShelfId, Sku
from tebura_contract.messages import Command, FacingCounted
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import open_database
from tebura_gateway.domain.stock import Check, Count, Move, Slot, accounts
from tebura_gateway.service import reviewing, stock
from tebura_gateway.service.reading import DatabaseViews
from tebura_gateway.service.requests import FacingCount, Refused, Ruling, RulingKind
from tebura_gateway.service.views import StockView

from tests.gateway.core import Core, core_over
from tests.gateway.shop import KEN, MIKA, PLATES, RICE, TEA, Script, candidate, layout, ns

TEAS, RICES = FacingId("g/top/a"), FacingId("g/top/b")
BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


def count(core: Core, facing: FacingId, pieces: int, at_s: float | None = None) -> None:
    at_ns = None if at_s is None else int(ns(at_s))
    counted = FacingCount(facing=facing, count=pieces, at_ns=at_ns)
    core.do(lambda tx, _: stock.count(tx, counted, "Rin"))


def views(core: Core) -> DatabaseViews:
    return DatabaseViews(core.database.reading, layout())


def at(core: Core, place: str, sku: Sku | None = None) -> StockView:
    [found] = [
        one for one in views(core).stock() if one.place == place and sku in (None, one.product.sku)
    ]
    return found


def refilled(core: Core, script: Script, at_s: float, pieces: int) -> str:
    """Somebody without a visit puts teas there: the review that asks about it."""
    fact = script.put_back(at_s, candidate(TEA, pieces))
    core.hear([fact])
    core.word(at_s + 30.0)
    return f"step:{fact.id}"


def two_teas(script: Script, start_s: float, doubt: bool = False) -> str:
    """Mika takes two teas, and goes; with doubt they may be rice balls."""
    track = script.walk_in(int(start_s) + 1, start_s)
    visit = script.enter(MIKA, start_s + 1.0)
    script.reach(track, start_s + 10.0, start_s + 11.5)
    other = [candidate(RICE, 2, log_likelihood=-0.2)] if doubt else []
    script.pick(start_s + 10.5, candidate(TEA, 2), *other)
    script.walk_out(track, start_s + 30.0)
    return visit


@BOTH
def test_a_count_sets_the_book_and_decided_steps_move_it(core: Core) -> None:
    core.now_s = 120.0
    assert at(core, TEAS).expected is None
    count(core, TEAS, 12, at_s=-5.0)
    script = Script()
    two_teas(script, 0.0)
    core.hear(script.facts)
    assert at(core, TEAS).expected == 12
    core.word(60.0)
    assert (at(core, TEAS).expected, at(core, TEAS).moved) == (10, -2)
    core.crash()
    assert at(core, TEAS).expected == 10
    core.now_s = 130.0
    count(core, TEAS, 9)
    now = at(core, TEAS)
    assert (now.expected, now.counted, now.difference, now.moved) == (9, 9, -1, 0)
    latest, first = views(core).counts()
    assert (latest.expected, latest.difference, latest.by) == (10, -1, "Rin")
    assert latest.value is not None
    assert latest.value.minor == -162
    assert (first.counted, first.expected, first.difference) == (12, None, None)


def test_a_step_that_is_decided_after_a_count_was_before_it_all_the_same(core: Core) -> None:
    count(core, TEAS, 12, at_s=-5.0)
    script = Script()
    two_teas(script, 0.0, doubt=True)
    core.hear(script.facts)
    core.word(60.0)
    [review] = core.open_reviews()
    count(core, TEAS, 10, at_s=50.0)
    assert at(core, TEAS).difference == -2
    core.rule(review, RulingKind.ACCEPT)
    now = at(core, TEAS)
    assert (now.expected, now.difference) == (10, 0), "what was gone was taken, not lost"


@pytest.mark.parametrize(
    ("kind", "values", "teas", "rices"),
    [
        pytest.param(RulingKind.ACCEPT, {}, 10, 12, id="as-guessed"),
        pytest.param(RulingKind.CHANGE, {"sku": TEA, "quantity": 3}, 9, 12, id="more"),
        pytest.param(RulingKind.VOID, {}, 12, 12, id="void"),
    ],
)
def test_the_stock_follows_what_staff_say_and_take_back(
    core: Core, kind: RulingKind, values: dict[str, object], teas: int, rices: int
) -> None:
    count(core, TEAS, 12, at_s=-5.0)
    count(core, RICES, 12, at_s=-5.0)
    script = Script()
    two_teas(script, 0.0, doubt=True)
    core.hear(script.facts)
    core.word(60.0)
    [review] = core.open_reviews()
    ruling = Ruling(kind=kind, **values)  # type: ignore[arg-type]
    core.do(lambda tx, memory: reviewing.rule(tx, memory, review, ruling, undo_ns=8 * 10**9))
    assert (at(core, TEAS).expected, at(core, RICES).expected) == (teas, rices)
    core.do(lambda tx, memory: reviewing.take_back(tx, memory, review))
    assert (at(core, TEAS).expected, at(core, RICES).expected) == (12, 12)


def test_a_refill_adds_to_the_count_once_staff_say_it_was_one(core: Core) -> None:
    count(core, TEAS, 2, at_s=-5.0)
    script = Script()
    review = refilled(core, script, 20.0, 6)
    assert at(core, TEAS).expected == 2
    core.rule(review, RulingKind.ACCEPT, is_staff_work=True)
    assert at(core, TEAS).expected == 8
    assert core.rows(tables.receipt) == []


def test_what_is_put_where_it_does_not_belong_is_kept_as_astray(core: Core) -> None:
    count(core, TEAS, 12, at_s=-5.0)
    script = Script()
    fact = script.put_back(20.0, candidate(RICE))
    core.hear([fact])
    core.word(60.0)
    core.rule(f"step:{fact.id}", RulingKind.ACCEPT, is_staff_work=True)
    astray = at(core, "g/top", RICE)
    assert (astray.is_facing, astray.moved, astray.expected) == (False, 1, None)
    assert at(core, TEAS).expected == 12
    assert at(core, RICES).moved == 0


def test_fewer_than_none_is_a_finding_until_it_is_counted(core: Core) -> None:
    count(core, TEAS, 1, at_s=-5.0)
    script = Script()
    visit = two_teas(script, 0.0)
    core.hear(script.facts)
    core.word(60.0)
    core.pay()
    assert at(core, TEAS).expected == -1, "never clamped"
    assert core.state(visit) == ("settled", ""), "the shopper does not wait for it"
    [name] = core.open_reviews()
    [finding] = views(core).reviews()
    assert (finding.kind, finding.reason) == ("stock", "negative-stock")
    assert finding.at_risk is not None
    assert finding.at_risk.minor == 162
    core.rule(name, RulingKind.ACCEPT)
    assert core.open_reviews() == set()
    core.now_s += 1.0
    count(core, TEAS, 5)
    assert core.open_reviews() == set()


def test_a_finding_ends_with_the_count_that_answers_it(core: Core) -> None:
    count(core, TEAS, 1, at_s=-5.0)
    script = Script()
    two_teas(script, 0.0)
    core.hear(script.facts)
    core.word(60.0)
    assert len(core.open_reviews()) == 1
    count(core, TEAS, 0)
    assert core.open_reviews() == set()


def command_of(payload: bytes) -> Command:
    command: Command = decode(bytes(payload), Command)  # type: ignore[arg-type]
    return command


def test_the_node_is_told_what_stands_there_now(core: Core) -> None:
    script = Script()
    two_teas(script, 0.0)
    core.hear(script.facts)
    core.word(60.0)
    core.now_s = 120.0
    count(core, TEAS, 12, at_s=-5.0)
    told = [(row.node, command_of(row.payload)) for row in core.rows(tables.command)]
    told = [one for one in told if isinstance(one[1], FacingCounted)]
    assert told == [(PLATES, FacingCounted(facing=TEAS, count=10))]


def test_the_same_count_again_changes_nothing_and_another_is_refused(core: Core) -> None:
    count(core, TEAS, 12, at_s=10.0)
    count(core, TEAS, 12, at_s=10.0)
    assert len(core.rows(tables.stock_count)) == 1
    with pytest.raises(Refused, match="counted as 12"):
        count(core, TEAS, 11, at_s=10.0)


@pytest.mark.parametrize(
    ("facing", "pieces", "at_s", "why"),
    [
        ("g/top/z", 1, 0.0, "no facing 'g/top/z'"),
        (TEAS, -1, 0.0, "g/top/a: -1"),
        (TEAS, 1, 1000.0, "g/top/a: a count cannot lie ahead"),
    ],
)
def test_a_count_that_cannot_be_is_refused_by_name(
    core: Core, facing: str, pieces: int, at_s: float, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        count(core, FacingId(facing), pieces, at_s)


# I5: any order


SLOTS = [Slot(TEAS, TEA), Slot(RICES, RICE), Slot(ShelfId("g/top"), RICE)]


@given(
    st.lists(st.tuples(st.sampled_from(SLOTS), st.integers(-9, 9), st.integers(0, 20))),
    st.dictionaries(st.tuples(st.sampled_from(SLOTS), st.integers(0, 20)), st.integers(0, 30)),
    st.randoms(use_true_random=False),
)
def test_the_same_moves_and_counts_in_any_order_give_the_same_stock(
    moved: list[tuple[Slot, int, int]],
    counted: dict[tuple[Slot, int], int],
    order: random.Random,
) -> None:
    moves = [
        Move(event=EventId(PLATES, 1, seq), slot=slot, change=change, at_ns=ns(at_s))
        for seq, (slot, change, at_s) in enumerate(moved)
    ]
    counts = [Count(slot=s, counted=n, at_ns=ns(at_s)) for (s, at_s), n in counted.items()]
    expected = accounts(moves, counts)
    moves, counts = moves + moves[::2], counts + counts[::2]
    order.shuffle(moves)
    order.shuffle(counts)
    assert accounts(moves, counts) == expected
    for slot, account in expected.items():
        # What came and went, with what was found or lost at counts, is what stands there.
        opening = next((c.count.counted for c in account.checks if c.expected is None), 0)
        first_ns = account.checks[0].count.at_ns if account.checks else None
        since = [
            m.change
            for m in {one.event: one for one in moves}.values()
            if m.slot == slot and first_ns is not None and m.at_ns > first_ns
        ]
        shrink = sum(check.difference or 0 for check in account.checks)
        if account.expected is not None:
            assert account.expected == opening + sum(since) + shrink


def a_day() -> tuple[Script, str, str]:
    """Mika takes two teas and puts one back, Ken a rice ball; staff fill up three teas."""
    script = Script()
    first = script.walk_in(1, 0.0)
    mika = script.enter(MIKA, 1.0)
    second = script.walk_in(2, 8.0)
    ken = script.enter(KEN, 9.0)
    script.reach(first, 15.0, 16.5)
    script.pick(15.5, candidate(TEA, 2))
    script.reach(second, 20.0, 21.0, x_m=0.75)
    script.pick(20.5, candidate(RICE), plate="p2")
    script.reach(first, 25.0, 26.0)
    script.put_back(25.5, candidate(TEA))
    script.walk_out(first, 30.0)
    script.walk_out(second, 40.0)
    script.put_back(50.0, candidate(TEA, 3))
    return script, mika, ken


DAY, MIKAS, KENS = a_day()
COUNTS = ((TEAS, 10, -5.0), (TEAS, 8, 18.0), (RICES, 6, -5.0), (RICES, 5, 30.0), (TEAS, 9, 45.0))


@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False), st.sets(st.integers(0, 40), max_size=4))
def test_facts_and_counts_in_any_order_with_crashes_conserve_the_stock(
    empty_sqlite: Path, order: random.Random, crashes: set[int]
) -> None:
    todo: list[object] = [*DAY.facts, *DAY.facts[::3], *COUNTS, *COUNTS[::2]]
    order.shuffle(todo)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(empty_sqlite, Path(folder) / "gateway.db")
        database = open_database("sqlite:///gateway.db", Path(folder))
        core = core_over(database)
        for number, thing in enumerate(todo):
            if isinstance(thing, tuple):
                count(core, *thing)
            else:
                core.hear([thing])  # type: ignore[list-item]
            if number in crashes:
                core.crash()
            if order.random() < 0.3:
                core.word(order.uniform(0.0, 60.0), of=DAY.facts)
        core.word(90.0, of=DAY.facts)
        [review] = core.open_reviews()
        core.rule(review, RulingKind.ACCEPT)
        for _ in range(3):
            core.pay()
            core.tick(core.now_s + 3.0)
        teas, rices = at(core, TEAS), at(core, RICES)
        # Counted 9 at 45 s, then three filled up; counted 5, then nothing.
        assert (teas.expected, rices.expected) == (12, 5)
        found = {(c.place, c.at_ns): c.difference for c in views(core).counts()}
        # 10 - 2 = 8 was counted as 8; 8 + 1 = 9 as 9; 6 - 1 = 5 as 5: nothing was lost.
        assert found == {
            (TEAS, ns(-5.0)): None,
            (TEAS, ns(18.0)): 0,
            (TEAS, ns(45.0)): 0,
            (RICES, ns(-5.0)): None,
            (RICES, ns(30.0)): 0,
        }
        # I5 by the receipts: what was there and came is what stands there, was sold or lost.
        assert 12 + core.bought(MIKAS)[TEA] == 10 + 3
        assert 5 + core.bought(KENS)[RICE] == 6
        check_against_the_whole(core)
        database.dispose()


def check_against_the_whole(core: Core) -> None:
    """What is kept step by step is what all moves and counts together give."""
    moves = [
        Move(
            event=EventId.parse(row.event),
            slot=Slot(row.place, row.sku),
            change=row.change,
            at_ns=row.at_ns,
        )
        for row in core.rows(tables.stock_move)
    ]
    rows = core.rows(tables.stock_count)
    counts = [
        Count(slot=Slot(row.place, row.sku), counted=row.counted, at_ns=row.at_ns) for row in rows
    ]
    whole = accounts(moves, counts)
    kept = {Slot(row.place, row.sku): row for row in core.rows(tables.stock)}
    assert {slot: (a.expected, a.moved) for slot, a in whole.items()} == {
        slot: (row.expected, row.moved) for slot, row in kept.items()
    }
    checks = {check for account in whole.values() for check in account.checks}
    assert checks == {Check(count, row.expected) for count, row in zip(counts, rows, strict=True)}
