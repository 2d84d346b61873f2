"""Would the simulation notice? Each rule that keeps money safe is taken out, and must be missed."""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from tebura_contract.events import ItemPicked, ItemReturned
from tebura_contract.ids import EventId
from tebura_gateway.adapters import desk
from tebura_gateway.adapters.desk import Committed, Desk, Job, Mail
from tebura_gateway.adapters.turns import Turns
from tebura_gateway.domain import settlement as rules
from tebura_gateway.domain.settlement import Call, Settlement
from tebura_gateway.service import receiving, refunding, settling
from tebura_gateway.service.checking import Arrival, Dead, Inbound, checked
from tebura_gateway.service.memory import Memory
from tebura_gateway.service.receiving import receive_all
from tebura_gateway.service.transaction import Tx

from tests.gateway.simulation import world
from tests.gateway.simulation.crashing import FragileDatabase, Points, fragile
from tests.gateway.simulation.running import Death, a_day, live_through

# First days with refunds, lost answers, declines and doubled events, two in which an answer comes
# that nobody waits for any more, one with a refund that nobody answers; then the others.
SEEDS = (3, 13, 14, 22, 16, 0, 1, 2, *range(4, 10))
DEADLY_POINTS = 600
MOST_EVENTS = 10_000
"""More than a node says in a day."""
Break = Callable[[pytest.MonkeyPatch], None]


def is_noticed(
    seed: int, folder: Path, empty: Path, death: Death, gateways: int = 1, trouble: float = 0.03
) -> str:
    """Play a short day with many deaths; what was noticed, or nothing."""
    rng = random.Random(f"deaths {seed}")

    def breaks(number: int, name: str) -> bool:
        return rng.random() < trouble

    def dies(number: int, name: str) -> bool:
        # Often enough that each kind of point is met, and then no more: the day has to end.
        return number < DEADLY_POINTS and breaks(number, name)

    try:
        live_through(
            a_day(seed, 2), folder, empty, dies, death, breaks_at=breaks, gateways=gateways
        )
    except (AssertionError, SQLAlchemyError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def ack_before_commit(patch: pytest.MonkeyPatch) -> None:
    """Whoever sent an event is told before it is safe."""
    commit = Desk.commit

    def hasty(self: Desk, jobs: Sequence[Job | Mail]) -> Committed:
        def told(job: Job | Mail) -> Job:
            if isinstance(job, Mail):
                mail = job
                job = Job(lambda tx, memory: receive_all(tx, memory, mail.messages), mail.then)
            return hurried(job)

        def hurried(job: Job) -> Job:
            def work(tx: Any, memory: Any) -> Any:
                found = job.work(tx, memory)
                if job.then is not None:
                    job.then(found)
                return found

            return Job(work, None, job.future)

        return commit(self, [told(job) for job in jobs])

    patch.setattr(Desk, "commit", hasty)


def sync_now_and_then(patch: pytest.MonkeyPatch) -> None:
    """NORMAL instead of FULL: a commit returns before it is on the disk."""

    def sloppy(folder: Path, points: Points) -> FragileDatabase:
        database = fragile(folder, points)

        @event.listens_for(database.writing, "begin")
        def relax(connection: Any) -> None:
            pass

        @event.listens_for(database.writing, "connect")
        def normal(connection: Any, _: object) -> None:
            connection.execute("PRAGMA synchronous=NORMAL")

        return database

    patch.setattr(world, "fragile", sloppy)


def renew_keys(patch: pytest.MonkeyPatch) -> None:
    """A retry is sent under a key of its own."""

    def key_of(now: Settlement, call: Call) -> str:
        return f"{now.visit}:{call.value}:{now.attempt}:{now.tries}"

    patch.setattr(rules, "key_of", key_of)
    patch.setattr(settling, "key_of", key_of)


def book_without_looking(patch: pytest.MonkeyPatch) -> None:
    """An answer is booked whether or not one is waited for."""
    patch.setattr(settling, "expects", lambda *_: True)


def number_by_what_is_there(patch: pytest.MonkeyPatch) -> None:
    """Receipts are numbered by a counter of the process, not of the database."""
    numbers = itertools.count(1)
    patch.setattr(Tx, "count_up", lambda *_: next(numbers))


def refund_under_new_keys(patch: pytest.MonkeyPatch) -> None:
    """A refund nobody answered is sent again under a new key, without asking first."""
    send, keys = refunding._send, itertools.count()

    def renewed(tx: Tx, name: str, asks: bool) -> None:
        send(tx, name, False)
        call = tx.calls[-1]
        new = {field: getattr(call, field) for field in call.__dataclass_fields__}
        tx.calls[-1] = type(call)(**(new | {"key": f"{call.key}:{next(keys)}"}))

    patch.setattr(refunding, "_send", renewed)


def count_each_arrival(patch: pytest.MonkeyPatch) -> None:
    """A step that comes again is taken for another one, and acknowledged as what it is."""
    take_in = receiving.receive_all
    seen: Counter[EventId] = Counter()

    def anew(message: Inbound, *store_and_keys: Any) -> Arrival | Dead:
        arrival = checked(message, *store_and_keys)
        assert isinstance(arrival, Arrival)
        if not isinstance(arrival.event, ItemPicked | ItemReturned):
            return arrival
        seen[arrival.id] += 1
        seq = arrival.id.seq + MOST_EVENTS * (seen[arrival.id] - 1)
        name = EventId(arrival.id.node, arrival.id.boot, seq)
        return msgspec.structs.replace(arrival, id=name)

    def told(tx: Tx, memory: Memory, messages: Sequence[Inbound]) -> list[EventId | None]:
        names = [name for name in take_in(tx, memory, messages) if name is not None]
        return [EventId(name.node, name.boot, name.seq % MOST_EVENTS) for name in names]

    patch.setattr(receiving, "checked", anew)
    patch.setattr(desk, "receive_all", told)


def each_alone(patch: pytest.MonkeyPatch) -> None:
    """Two gateways on one database, each as if it were alone: no turns, no lease."""
    patch.setattr(world, "Turns", lambda *_: None)


def all_lead(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the lease."""
    begin = Turns.begin

    def leading(self: Turns, tx: Tx) -> bool:
        is_behind = begin(self, tx)
        self.leads = True
        return is_behind

    patch.setattr(Turns, "begin", leading)


@pytest.mark.parametrize(
    ("breaks", "death"),
    [
        pytest.param(ack_before_commit, Death.KILLED, id="ack-before-commit"),
        pytest.param(sync_now_and_then, Death.POWER_CUT, id="normal-for-full"),
        pytest.param(renew_keys, Death.KILLED, id="key-renewed-on-retry"),
        pytest.param(book_without_looking, Death.KILLED, id="answers-unchecked"),
        pytest.param(number_by_what_is_there, Death.KILLED, id="numbers-from-memory"),
        pytest.param(refund_under_new_keys, Death.KILLED, id="refund-key-renewed"),
        pytest.param(count_each_arrival, Death.KILLED, id="dedupe-removed"),
    ],
)
def test_a_rule_that_is_taken_out_is_missed(
    breaks: Break,
    death: Death,
    tmp_path: Path,
    empty_sqlite: Path,
    monkeypatch: pytest.MonkeyPatch,
    watched_sqlite: None,
) -> None:
    breaks(monkeypatch)
    for seed in SEEDS:
        said = is_noticed(seed, tmp_path / f"{seed}", empty_sqlite, death)
        if said:
            print(f"seed {seed}: {said[:160]}")
            return
    pytest.fail(f"nobody noticed in {len(SEEDS)} days")


def test_gateways_that_do_not_take_turns_are_missed(
    tmp_path: Path, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_alone(monkeypatch)
    for seed in SEEDS:
        folder = tmp_path / f"{seed}"
        # A day without deaths: whoever starts again has read what the other wrote.
        said = is_noticed(seed, folder, empty_sqlite, Death.KILLED, gateways=2, trouble=0.0)
        if "stuck" in said:
            # Neither has all events, so neither can say that a visit is complete.
            return
    pytest.fail(f"nobody noticed in {len(SEEDS)} days")


def test_gateways_that_all_lead_do_no_harm(
    tmp_path: Path, empty_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_lead(monkeypatch)
    assert is_noticed(SEEDS[0], tmp_path, empty_sqlite, Death.KILLED, gateways=3) == ""


@pytest.mark.parametrize("gateways", [1, 2])
@pytest.mark.parametrize("seed", [0, 1])
def test_with_all_rules_in_place_nothing_is_to_be_noticed(
    seed: int, gateways: int, tmp_path: Path, empty_sqlite: Path, watched_sqlite: None
) -> None:
    assert is_noticed(seed, tmp_path, empty_sqlite, Death.POWER_CUT, gateways) == ""
