"""Prices that change while the shop is open."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tebura_contract.ids import Sku, VisitId
from tebura_contract.layout import Layout
from tebura_gateway.adapters import tables
from tebura_gateway.service import prices
from tebura_gateway.service.shop import Shop

from tests.gateway.core import Core
from tests.gateway.nodes import GatewayProcess, layout_toml, running
from tests.gateway.shop import MIKA, RICE, TEA, Script, candidate, layout

BOTH = pytest.mark.parametrize("core", ["sqlite", "postgres"], indirect=True)


def at(shop: Layout, **yen: int) -> Layout:
    """The shop with tea and rice at other prices."""
    named = {TEA: yen.get("tea"), RICE: yen.get("rice")}
    articles = tuple(
        msgspec.structs.replace(one, price_minor=named.get(one.sku) or one.price_minor)
        for one in shop.product
    )
    return msgspec.structs.replace(shop, product=articles)


def take_up(core: Core, now_s: float, **yen: int) -> None:
    """The configuration changes at this moment."""
    core.now_s = now_s
    given = {name: getattr(core.shop, name) for name in Shop.__dataclass_fields__}
    core.shop = Shop(**(given | {"layout": at(core.shop.layout, **yen)}))
    core.do(lambda tx, _: prices.take_up(tx))


def come_and_take(core: Core, script: Script, n: int, start_s: float) -> VisitId:
    """In, a tea and a rice ball; still inside."""
    core.now_s = start_s + 20.0
    said = len(script.facts)
    track = script.walk_in(n, start_s)
    visit = script.enter(MIKA, start_s + 1.0)
    script.reach(track, start_s + 10.0, start_s + 11.5)
    script.pick(start_s + 10.5, candidate(TEA))
    script.reach(track, start_s + 15.0, start_s + 16.5, x_m=0.75)
    script.pick(start_s + 15.5, candidate(RICE), plate="p2")
    core.hear(script.facts[said:])
    return visit


def leave(core: Core, script: Script, n: int, at_s: float) -> None:
    core.now_s = at_s + 20.0
    said = len(script.facts)
    script.walk_out(script.facts[0].event.track.rpartition("-")[0] + f"-{n}", at_s)  # type: ignore[union-attr, arg-type]  # the first fact is a track's start
    core.hear(script.facts[said:])
    core.word(at_s + 20.0)
    core.pay()


def paid(core: Core, visit: VisitId) -> dict[Sku, int]:
    return {line.sku: line.unit_price_minor for line in core.receipt(visit).lines}


@BOTH
def test_who_is_inside_when_prices_change_pays_the_lower_of_each(core: Core) -> None:
    take_up(core, 90.0)
    script = Script()
    first = come_and_take(core, script, 1, 100.0)
    take_up(core, 130.0, tea=200, rice=90)
    # Staff set it right again, a restart comes in between.
    take_up(core, 140.0, tea=150)
    take_up(core, 150.0, tea=200)
    core.crash()
    leave(core, script, 1, 160.0)
    assert paid(core, first) == {TEA: 150, RICE: 90}
    # Who comes in later pays what holds then, and nothing of before.
    second = come_and_take(core, script, 2, 400.0)
    leave(core, script, 2, 430.0)
    assert paid(core, second) == {TEA: 200, RICE: 90}
    core.check_books()


def test_the_cart_shows_what_will_be_paid(core: Core) -> None:
    take_up(core, 90.0)
    script = Script()
    visit = come_and_take(core, script, 1, 100.0)
    core.word(120.0)
    take_up(core, 130.0, tea=1_000)
    core.word(131.0)
    assert [row.total_minor for row in core.rows(tables.visit, visit=visit)] == [162 + 105]


def test_prices_that_stay_are_noted_once(core: Core) -> None:
    for now_s in (90.0, 91.0, 92.0):
        take_up(core, now_s)
    assert len(core.rows(tables.price)) == len(core.shop.products)
    take_up(core, 93.0, tea=163)
    assert [row.price_minor for row in core.rows(tables.price, sku=TEA)] == [162, 163]


# ── through the real gateway ──


@pytest.fixture
def gateway(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[GatewayProcess]:
    found = GatewayProcess(tmp_path / "gw", free_port(), free_port())
    found.write()
    with running(found):
        yield found


def reloaded(gateway: GatewayProcess, shop: Layout | str) -> str:
    """What the gateway says to a hang-up with this layout."""
    text = shop if isinstance(shop, str) else layout_toml(shop)
    (gateway.folder / "layout.toml").write_text(text, encoding="utf-8")
    said = len(gateway.log())
    assert gateway.process is not None
    os.kill(gateway.process.pid, signal.SIGHUP)
    deadline_s = time.monotonic() + 20.0
    while "taken up" not in (news := gateway.log()[said:]):
        assert gateway.is_running, gateway.log()
        assert time.monotonic() < deadline_s, gateway.log()
        time.sleep(0.05)
    return news


def teas(gateway: GatewayProcess) -> list[int]:
    query = "select price_minor from price where sku = 'tea' order by from_ns"
    with closing(sqlite3.connect(gateway.folder / "gateway.db")) as connection:
        return [minor for (minor,) in connection.execute(query)]


def test_a_hang_up_takes_up_prices_and_keeps_the_old_where_the_files_are_wrong(
    gateway: GatewayProcess,
) -> None:
    shop = layout()
    assert "not taken up" in reloaded(gateway, layout_toml(shop).replace("162", '"dear"'))
    moved = msgspec.structs.replace(shop, gate=())
    news = reloaded(gateway, moved)
    assert "not taken up" in news
    assert "layout" in news
    assert "not taken up" not in reloaded(gateway, at(shop, tea=180))
    deadline_s = time.monotonic() + 10.0
    while teas(gateway) != [162, 180]:
        assert time.monotonic() < deadline_s, teas(gateway)
        time.sleep(0.05)
    # Again the same: nothing new.
    reloaded(gateway, at(shop, tea=180))
    assert teas(gateway) == [162, 180]
