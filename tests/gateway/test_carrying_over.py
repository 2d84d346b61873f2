"""Where several gateways write, a window is not read anew for what one of them took in."""

import random
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_gateway.adapters.database import open_database
from tebura_gateway.domain.facts import Fact
from tebura_gateway.service import memory as remembering
from tebura_gateway.service import nodes
from tebura_gateway.service.memory import Memory, load_memory, load_window
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core, core_over
from tests.gateway.shop import CAMERA, ns
from tests.gateway.test_convergence import SCRIPT


def other_over(core: Core) -> Core:
    """Another gateway on the same database."""
    other = Core(core.database, core.provider)
    other.now_s = core.now_s
    return other


def read_whole(core: Core) -> Memory:
    """What a gateway would remember that starts now."""
    assert core.memory is not None
    from_ns = core.memory.from_ns

    def read(tx: Tx, _: Memory) -> Memory:
        found = load_memory(tx)
        load_window(tx, found, from_ns)
        return found

    with core.database.transaction() as connection:
        return read(Tx(connection, core.shop, core.now_ns), Memory())


def carry_over(core: Core) -> None:
    """As where another gateway wrote since."""
    with core.database.transaction() as connection:
        core.memory = load_memory(Tx(connection, core.shop, core.now_ns), core.memory)


def same(core: Core) -> None:
    assert core.memory is not None
    whole = read_whole(core)
    assert core.memory.facts == whole.facts
    assert core.memory.runs == whole.runs
    assert core.memory.rulings == whole.rulings
    assert core.memory.closed == whole.closed
    assert core.memory.unjudged_ns == whole.unjudged_ns
    assert core.memory.written == whole.written


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.sets(st.integers(0, 40), max_size=2))
def test_what_others_took_in_is_known_as_if_all_had_been_read(
    empty_sqlite: Path, order: random.Random, gaps: set[int]
) -> None:
    facts = list(SCRIPT.facts)
    order.shuffle(facts)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(empty_sqlite, Path(folder) / "gateway.db")
        core = core_over(open_database("sqlite:///gateway.db", Path(folder)))
        other = other_over(core)
        for number, fact in enumerate(facts):
            if order.random() < 0.5:
                other.memory = None
                other.hear([fact])
                carry_over(core)
                same(core)
            core.hear([fact])
            if number in gaps and core.memory is not None:
                runs = core.memory.runs.get(CAMERA, {})
                if any(run.missing for run in runs.values()):
                    core.do(lambda tx, memory: nodes.accept_gap(tx, memory, CAMERA))
        core.database.dispose()


def test_what_came_in_order_is_all_that_is_read(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = len(SCRIPT.facts) // 2
    core.hear(SCRIPT.facts[:half])
    other = other_over(core)
    other.hear(SCRIPT.facts[half : half + 3])
    read: list[object] = []
    fact_of = remembering.fact_of

    def noted(row: object) -> Fact | None:
        read.append(row)
        return fact_of(row)

    monkeypatch.setattr(remembering, "fact_of", noted)
    carry_over(core)
    assert len(read) == 3
    same(core)


def test_what_fills_a_gap_that_staff_went_on_without_is_known_too(core: Core) -> None:
    of_camera = [fact for fact in SCRIPT.facts if fact.id.node == CAMERA]
    late = of_camera[2]
    core.hear([fact for fact in SCRIPT.facts if fact is not late])
    core.do(lambda tx, memory: nodes.accept_gap(tx, memory, CAMERA))
    assert core.memory is not None
    core.do(lambda tx, memory: load_window(tx, memory, int(ns(-400.0))))
    other_over(core).hear([late])
    carry_over(core)
    core.do(lambda tx, memory: load_window(tx, memory, int(ns(-400.0))))
    assert late.id in core.memory.facts
    assert core.memory.facts == read_whole(core).facts
