"""Any order, any duplicates, crashes anywhere: one receipt, the same, and books that balance."""

import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import open_database

from tests.gateway.core import Core, core_over
from tests.gateway.shop import KEN, LOW, MIKA, PAN, RICE, TEA, Script, candidate


def two_shoppers() -> tuple[Script, str, str]:
    """One takes and puts back, the other takes from both shelves; they are in together."""
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
    script.pick(45.0, candidate(PAN), shelf=LOW)
    script.walk_out(second, 55.0)
    return script, mika, ken


SCRIPT, FIRST, SECOND = two_shoppers()


@settings(max_examples=12, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, len(SCRIPT.facts) - 1), max_size=20),
    st.sets(st.integers(0, 40), max_size=4),
)
def test_whatever_happens_on_the_way_the_receipts_are_the_same(
    empty_sqlite: Path, order: random.Random, again: list[int], crashes: set[int]
) -> None:
    facts = SCRIPT.facts + [SCRIPT.facts[index] for index in again]
    order.shuffle(facts)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(empty_sqlite, Path(folder) / "gateway.db")
        database = open_database("sqlite:///gateway.db", Path(folder))
        core = core_over(database)
        for number, fact in enumerate(facts):
            core.hear([fact])
            if number in crashes:
                core.crash()
            if order.random() < 0.3:
                # What nodes claim early must not be believed before their events are here.
                core.word(order.uniform(0.0, 60.0), of=SCRIPT.facts)
        core.word(80.0, of=SCRIPT.facts)
        settle(core)
        assert core.bought(FIRST) == {TEA: 1}
        assert core.bought(SECOND) == {RICE: 1, PAN: 1}
        assert core.open_reviews() == set()
        assert len(core.rows(tables.inbox)) == len(SCRIPT.facts)
        core.check_books()
        database.dispose()


def settle(core: Core) -> None:
    for _ in range(3):
        core.pay()
        core.tick(core.now_s + 3.0)
