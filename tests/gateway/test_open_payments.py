"""Payments under way with a provider that the configuration has no more are told of."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
from tebura_contract.ids import VisitId
from tebura_gateway.adapters.database import Database, migrate, open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.domain.settlement import Call
from tebura_gateway.service import refunding
from tebura_gateway.service.open_payments import open_payments
from tebura_simulator.payments.acquirer import Fate

from tests.gateway.core import Core
from tests.gateway.nodes import GatewayProcess, running
from tests.gateway.shop import STORE, TEA
from tests.gateway.test_after_sale import sold
from tests.gateway.test_holding import HOLD_YEN, database  # noqa: F401  # a fixture
from tests.gateway.test_holding import Counter as Till


def under_way(core: Core) -> Counter[str]:
    with core.database.reading.connect() as connection:
        return open_payments(connection, STORE)


def test_what_waits_for_a_provider_is_counted_until_it_is_done(
    database: Database,  # noqa: F811
) -> None:
    till = Till(database, HOLD_YEN)
    till.fates[Call.CAPTURE] = [Fate.LOST_ANSWER]
    visit = till.enter()
    till.core.pay()
    assert under_way(till.core) == {"acquirer": 1}, "the hold of the entry"
    till.take()
    till.leave()
    assert till.core.state(visit) == ("unknown", "no-answer")
    assert under_way(till.core) == {"acquirer": 1}, "the payment itself"
    till.wait(5.0, step_s=1.0)
    assert till.core.state(visit) == ("settled", "")
    assert under_way(till.core) == {}
    till.core.do(lambda tx, _: refunding.request(tx, VisitId(visit), TEA, 1, "staff", "staff"))
    assert under_way(till.core) == {"acquirer": 1}, "the refund that was sent"
    till.core.pay()
    assert under_way(till.core) == {}


def test_a_start_without_their_provider_says_so_in_the_log_and_in_health(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    gateway = GatewayProcess(tmp_path / "gw", free_port(), free_port())
    gateway.write()
    books = open_database(gateway.database, gateway.folder)
    migrate(books)
    core = Core(books, HouseAccount(books, STORE))
    core.add_members()
    visit = sold(core)
    # The day before, this shop was paid by card, and one refund has had no answer.
    core.do(lambda tx, _: refunding.request(tx, visit, TEA, 1, "staff", "staff"))
    with books.transaction() as connection:
        connection.exec_driver_sql(
            "update settlement set document = replace(document, '\"house\"', '\"card\"')"
        )
    books.dispose()
    with running(gateway):
        health = httpx.get(f"{gateway.url}/health").json()
        assert health["payments_of_nobody"] == {"card": 1}
        assert health["purchases"] is None
    (line,) = [one for one in gateway.log().splitlines() if "configuration has no more" in one]
    assert "card" in line
    assert str(visit) not in line
