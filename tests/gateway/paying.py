"""Short visits that are paid by a provider in this process, and what must be true of them after."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from tebura_contract.ids import VisitId
from tebura_gateway.adapters import tables
from tebura_gateway.adapters.database import Database, open_database
from tebura_gateway.domain.settlement import Call
from tebura_simulator.payments.acquirer import Acquirer

from tests.gateway.nodes import GatewayProcess
from tests.gateway.shop import MIKA, RICE, TEA, Script, candidate

SECRET = b"b" * 32
VISIT_S = 8.0
"""Ten thousand of them fit into a day."""
PRICE_YEN = 162 + 105
"""A tea and a rice ball."""


def shopping(script: Script, start_s: float, number: int) -> VisitId:
    """In, a tea and a rice ball, out."""
    track = script.walk_in(number, start_s)
    visit = script.enter(MIKA, start_s + 0.5)
    script.reach(track, start_s + 1.5, start_s + 2.5)
    script.pick(start_s + 2.0, candidate(TEA))
    script.reach(track, start_s + 3.5, start_s + 4.5, x_m=0.75)
    script.pick(start_s + 4.0, candidate(RICE), plate="p2")
    script.walk_out(track, start_s + 6.0)
    return visit


def use_card(gateway: GatewayProcess, address: str) -> None:
    """Have everybody asked for money by the provider at this address; some is held at entry."""
    (gateway.folder / "card.key").write_text(SECRET.hex())
    with gateway.config.open("a") as config:
        config.write(
            '[settlement]\nprovider = "card"\nhold_minor = 1000\n'
            f'[[payment]]\nname = "card"\nkind = "bridge"\naddress = "{address}"\n'
            'secret_file = "card.key"\n'
        )


@contextmanager
def books_of(address: str, folder: Path) -> Iterator[Database]:
    database = open_database(address, folder)
    try:
        yield database
    finally:
        database.dispose()


def states(database: Database) -> Counter[str]:
    """How many visits are in each state; a hold that is not resolved counts as one."""
    holds = tables.hold.c
    open_holds = holds.state.in_(["sent", "unknown", "releasing"])
    with database.reading.begin() as connection:
        found = Counter(state for (state,) in connection.execute(select(tables.visit.c.state)))
        count = select(func.count()).select_from(tables.hold).where(open_holds)
        open_count = int(connection.execute(count).scalar_one())
    return found + Counter({"open holds": open_count})


def check(database: Database, acquirer: Acquirer, visits: Sequence[VisitId]) -> None:
    """I2, I4, I6, by the provider's own book and the gateway's."""
    taken = acquirer.done(Call.CAPTURE)
    charged = Counter(one.key.partition(":")[0] for one in taken)
    assert charged == Counter({str(visit): 1 for visit in visits})
    assert {one.amount.minor for one in taken} == {PRICE_YEN}
    assert acquirer.held_minor(MIKA) == 0
    with database.reading.begin() as connection:
        receipts = connection.execute(select(tables.receipt)).all()
        entries = tables.ledger_entry.c
        off = select(entries.posting).group_by(entries.posting)
        assert connection.execute(off.having(func.sum(entries.amount_minor) != 0)).all() == []
    assert sorted(row.number for row in receipts) == list(range(1, len(visits) + 1))
    assert {row.visit for row in receipts} == set(visits)
    assert {row.total_minor for row in receipts} == {PRICE_YEN}
