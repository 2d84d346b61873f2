"""An unsafe call under a key: one effect and one answer, whatever breaks in between."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.api_tables import api_answer
from tebura_gateway.adapters.database import open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.adapters.services import TxServices, WriterServices
from tebura_gateway.adapters.writer import Writer
from tebura_gateway.service.idempotency import KEPT_NS, Answer, Asked, KeyReused
from tebura_gateway.service.reading import DatabaseViews
from tebura_gateway.service.requests import Refused, Unavailable

from tests.gateway.core import Core, shop
from tests.gateway.shop import STORE, ns
from tests.gateway.test_database import limit_pages

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)
ASKED = Asked(caller="staff", key="one", digest="a")


@dataclass
class Adding:
    """Adds a member; says how often it ran."""

    name: str = "Rin"
    runs: int = 0

    def __call__(self, calls: TxServices, _: DatabaseViews) -> Answer:
        self.runs += 1
        added = calls.add_member(self.name, "ja")
        return Answer(status=201, body=added.id)


@contextmanager
def serving(core: Core, at_s: float = 0.0) -> Iterator[WriterServices]:
    writer = Writer(
        core.database,
        shop(HouseAccount(core.database, STORE)),
        lambda: int(ns(at_s)),
        on_commit=lambda _: None,
        on_call=lambda _: None,
    )
    writer.start()
    try:
        yield WriterServices(writer)
    finally:
        writer.stop()


def names(core: Core) -> list[str]:
    return sorted(row.name for row in core.rows(tables.member) if row.name in ("Rin", "Eve"))


@BOTH
def test_a_repeated_call_has_one_effect_and_the_same_answer(core: Core) -> None:
    with serving(core) as services:
        first = services.once(ASKED, Adding())
        again = services.once(ASKED, Adding())
    assert names(core) == ["Rin"]
    assert (again.status, again.body) == (first.status, first.body)
    assert (first.is_repeat, again.is_repeat) == (False, True)


def test_calls_at_the_same_time_have_one_effect(core: Core) -> None:
    with serving(core) as services, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: services.once(ASKED, Adding()), range(8)))
    assert names(core) == ["Rin"]
    assert len({answer.body for answer in answers}) == 1
    assert sum(not answer.is_repeat for answer in answers) == 1


def test_the_same_key_with_another_request_is_refused(core: Core) -> None:
    with serving(core) as services:
        services.once(ASKED, Adding())
        with pytest.raises(KeyReused):
            services.once(Asked(caller="staff", key="one", digest="b"), Adding("Eve"))
        # Another program may have had the same idea.
        services.once(Asked(caller="till", key="one", digest="b"), Adding("Eve"))
    assert names(core) == ["Eve", "Rin"]


@BOTH
def test_a_crash_before_the_answer_is_sent_does_not_repeat_the_effect(core: Core) -> None:
    with serving(core) as services:
        lost = services.once(ASKED, Adding())
    # Another process, which knows no more than the database does.
    with serving(core) as services:
        again = services.once(ASKED, Adding())
    assert again.body == lost.body
    assert names(core) == ["Rin"]


def test_a_crash_before_the_commit_leaves_neither_effect_nor_answer(core: Core) -> None:
    is_full = {"now": False}
    limit_pages(core.database, lambda: is_full["now"])
    is_full["now"] = True
    large = Asked(caller="staff", key="one", digest="a" * 60)

    def acted(calls: TxServices, _: DatabaseViews) -> Answer:
        calls.add_member("Rin", "ja")
        return Answer(status=201, body="x" * 100_000)

    with serving(core) as services, pytest.raises(Unavailable):
        services.once(large, acted)
    assert names(core) == []
    assert core.rows(api_answer) == []
    is_full["now"] = False
    core.database.writing.dispose()
    with serving(core) as services:
        assert not services.once(ASKED, Adding()).is_repeat
    assert names(core) == ["Rin"]


def test_a_refused_call_is_judged_anew(core: Core) -> None:
    def refused(calls: TxServices, _: DatabaseViews) -> Answer:
        calls.add_member("Rin", "ja")
        raise Refused("not today")

    with serving(core) as services:
        with pytest.raises(Refused):
            services.once(ASKED, refused)
        assert core.rows(api_answer) == []
        assert not services.once(ASKED, Adding()).is_repeat
    assert names(core) == ["Rin"]


def test_a_request_that_nobody_can_digest_fails_alone(core: Core) -> None:
    def broken(calls: TxServices, _: DatabaseViews) -> Answer:
        calls.add_member("Eve", "ja")
        raise KeyError("a fault in how the answer is written")

    with serving(core) as services:
        with pytest.raises(KeyError):
            services.once(ASKED, broken)
        services.once(ASKED, Adding())
    assert names(core) == ["Rin"]


def test_a_key_is_forgotten_after_a_day(core: Core) -> None:
    with serving(core) as services:
        services.once(ASKED, Adding())
    with serving(core, at_s=KEPT_NS / 1e9 - 1) as services:
        assert services.once(ASKED, Adding()).is_repeat
    with serving(core, at_s=KEPT_NS / 1e9) as services:
        assert not services.once(ASKED, Adding()).is_repeat
        services.once(Asked(caller="staff", key="two", digest="a"), Adding("Eve"))
    assert [row.key for row in core.rows(api_answer)] == ["one", "two"]


def test_two_gateways_on_one_database_do_it_once(core: Core, tmp_path: Path) -> None:
    other = Core(open_database("sqlite:///gateway.db", tmp_path), core.provider)
    with serving(core) as one, serving(other) as two, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(each.once, ASKED, Adding()) for each in (one, two)]
        bodies = {each.result().body for each in asked}
    other.database.dispose()
    assert len(bodies) == 1
    assert names(core) == ["Rin"]
