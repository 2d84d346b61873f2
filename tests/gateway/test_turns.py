"""Turns: what a gateway learns of the others, who leads, and that only one writes at a time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tebura_gateway.adapters.turns import LEASE_NS, Turns
from tebura_gateway.service.transaction import Tx

from tests.gateway.core import Core

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("core", ["postgres"], indirect=True)


@contextmanager
def turn(core: Core, turns: Turns, after_ns: int = 0) -> Iterator[tuple[Tx, bool]]:
    """One turn at the core's time or later; with whether others wrote since the last."""
    with core.database.transaction() as connection:
        tx = Tx(connection, core.shop, core.now_ns + after_ns)
        is_behind = turns.begin(tx)
        yield tx, is_behind
        turns.end(tx)


def is_behind(core: Core, turns: Turns, after_ns: int = 0) -> bool:
    """Take a turn in which nothing is written."""
    with turn(core, turns, after_ns) as (_, found):
        return found


def leads(core: Core, turns: Turns, after_ns: int = 0) -> bool:
    is_behind(core, turns, after_ns)
    return turns.leads


def write(core: Core, turns: Turns) -> None:
    with turn(core, turns) as (tx, _):
        tx.count_up("test")


@BOTH
def test_only_what_others_wrote_makes_a_gateway_read_anew(core: Core) -> None:
    left, right = (Turns(name, core.database.writing) for name in ("left", "right"))
    assert is_behind(core, left), "it knows nothing yet"
    assert not is_behind(core, left)
    assert is_behind(core, right)
    assert not is_behind(core, left), "the other one only looked"
    write(core, right)
    assert is_behind(core, left)
    assert not is_behind(core, right), "what it wrote itself it knows"
    left.failed()
    assert is_behind(core, left), "of a turn that failed nobody knows what was kept"


@BOTH
def test_one_leads_until_nothing_was_heard_of_it_for_the_lease(core: Core) -> None:
    left, right = (Turns(name, core.database.writing) for name in ("left", "right"))
    assert leads(core, left)
    assert not leads(core, right)
    assert leads(core, left, LEASE_NS - 1), "so it is renewed"
    assert not leads(core, right, LEASE_NS + 1)
    assert leads(core, right, 2 * LEASE_NS)
    assert not leads(core, left, 2 * LEASE_NS)


@BOTH
def test_streams_are_woken_by_what_others_changed_and_by_nothing_else(core: Core) -> None:
    left, right = (Turns(name, core.database.writing) for name in ("left", "right"))
    is_behind(core, left)
    write(core, right)
    with turn(core, left) as (tx, _):
        assert not tx.others_changed, "a counter is on no page"
    with turn(core, right) as (tx, _):
        tx.note("visit", "gate-1-1-0")
        tx.write_changes()
    with turn(core, left) as (tx, _):
        assert tx.others_changed


@ON_POSTGRES
def test_a_turn_waits_for_the_end_of_the_one_before(core: Core) -> None:
    left, right = (Turns(name, core.database.writing) for name in ("left", "right"))
    is_behind(core, right)
    order: list[str] = []

    def other() -> None:
        with turn(core, right) as (_, found):
            order.append(f"right, behind: {found}")

    with turn(core, left) as (tx, _):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.3)
        tx.count_up("test")
        order.append("left")
    thread.join(10.0)
    assert order == ["left", "right, behind: True"]
