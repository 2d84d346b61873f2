"""The review and stock pages over a database that the gateway's own services filled."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tebura_contract.events import Trace
from tebura_contract.ids import FacingId, PlateId, VisitId
from tebura_gateway.adapters.database import migrate, open_database
from tebura_gateway.domain.facts import Fact
from tebura_gateway.service import refunding, stock
from tebura_gateway.service.reading import DatabaseViews
from tebura_gateway.service.requests import FacingCount
from tebura_gateway.web.answering import review_address

from tests.gateway.core import Core, core_over
from tests.gateway.shop import MIKA, RICE, TEA, TOP, Script, candidate, layout, ns
from tests.web.conftest import Browser
from tests.web.showcase import Showcase


class RealViews(Showcase):
    """The shop in memory, but what is read comes from a database."""

    database_views: DatabaseViews

    @property
    def views(self) -> DatabaseViews:  # type: ignore[override]
        return self.database_views


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    database = open_database("sqlite:///gateway.db", tmp_path)
    migrate(database)
    yield core_over(database)
    database.dispose()


def browse(core: Core) -> Browser:
    shop = RealViews(layout=layout(), time_ns=int(ns(100.0)))
    shop.database_views = DatabaseViews(core.database.reading, layout())
    browser = Browser(shop)
    browser.sign_in_staff()
    return browser


def test_a_step_from_the_wire_is_drawn_with_its_trace(core: Core) -> None:
    script = Script()
    track = script.walk_in(1, 0.0)
    script.enter(MIKA, 1.0)
    script.reach(track, 14.5, 16.5, x_m=0.3)
    fact = script.pick(15.5, candidate(TEA), candidate(RICE, log_likelihood=-0.2))
    grams = (1100.0,) * 20 + (900.0, 700.0) + (550.0,) * 30
    trace = Trace(from_ns=ns(13.5), every_ns=100_000_000, grams={PlateId(f"{TOP}/p1"): grams})
    event = msgspec.structs.replace(fact.event, trace=trace, log_other=-1.2)
    core.hear([*script.facts[:-1], Fact(fact.id, event, fact.uncertainty_ns)])
    core.word(60.0)
    html = browse(core).http.get(f"{review_address(f'step:{fact.id}')}&lang=en").text
    for text in ("1,100 → 550 g", "Something else", "Cart of Mika", "Bill ¥162", "Bill ¥105"):
        assert text in html
    assert html.count("<polyline") == 1


def test_every_kind_of_review_has_a_page(core: Core) -> None:
    count = FacingCount(facing=FacingId("g/top/a"), count=0, at_ns=int(ns(-5.0)))
    core.do(lambda tx, _: stock.count(tx, count, "Rin"))
    script = Script()
    track = script.walk_in(1, 0.0)
    visit = VisitId(script.enter(MIKA, 1.0))
    script.reach(track, 14.5, 16.5, x_m=0.3)
    script.pick(15.5)
    script.walk_out(track, 30.0)
    script.pick(3 * 24 * 3600.0)
    script.leave(None, 7 * 24 * 3600.0)
    core.hear(script.facts)
    core.word(60.0, of=script.facts)
    core.pay()
    core.do(lambda tx, _: refunding.dispute(tx, visit, TEA))
    browser = browse(core)
    found = core.open_reviews()
    assert {name.partition(":")[0] for name in found} == {"step", "event", "stock", "dispute"}
    for name in found:
        assert browser.http.get(review_address(name)).status_code == 200
    assert browser.http.get("/staff").status_code == 200


def test_the_stock_page_shows_what_was_counted(core: Core) -> None:
    count = FacingCount(facing=FacingId("g/top/a"), count=11)
    core.do(lambda tx, _: stock.count(tx, count, "Rin"))
    html = browse(core).http.get("/staff/stock?lang=en").text
    assert "<strong>11</strong>" in html
    assert "counted 11, expected –" in html
