"""The read model over a real database that the gateway's own services filled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from tebura_contract.clock import Ns, StoreTime
from tebura_contract.envelope import seal
from tebura_contract.events import SensorState
from tebura_contract.ids import MemberId
from tebura_contract.messages import Health, NodeState, Part, Watermark
from tebura_gateway.adapters.database import Database, migrate, open_database
from tebura_gateway.adapters.house_account import HouseAccount
from tebura_gateway.domain.receipt import Issuer
from tebura_gateway.service import members, nodes, refunding, reviewing, timers
from tebura_gateway.service.checking import Inbound
from tebura_gateway.service.judging import recompute
from tebura_gateway.service.memory import Memory, load_memory
from tebura_gateway.service.paying import Said, perform, take_answer
from tebura_gateway.service.ports import ProviderCall
from tebura_gateway.service.reading import DatabaseViews
from tebura_gateway.service.receiving import receive
from tebura_gateway.service.requests import Ruling, RulingKind
from tebura_gateway.service.shop import Shop
from tebura_gateway.service.transaction import Tx
from tebura_gateway.service.views import DisputeState, LineState, VisitStage

from tests.gateway.shop import (
    CAMERA,
    KEN,
    MIKA,
    NODES,
    PLATES,
    RICE,
    STORE,
    TEA,
    Script,
    candidate,
    layout,
    ns,
)

KEY = b"k" * 32
T = TypeVar("T")


def inbound(node: str, sealed: bytes) -> Inbound:
    return Inbound(f"tebura/v1/{STORE}/{node}/event", sealed, len(sealed))


@dataclass
class Counter:
    """The gateway without threads: what nodes say goes in, the provider answers at once."""

    database: Database
    at_s: float = 0.0
    script: Script = field(default_factory=Script)
    heard: int = 0
    memory: Memory | None = None

    def __post_init__(self) -> None:
        self.shop = Shop(
            layout=layout(),
            issuer=Issuer(name="角の店株式会社", registration="T1234567890123"),
            node_keys=dict.fromkeys(NODES, KEY),
        )
        self.provider = HouseAccount(self.database, STORE, now_ns=lambda: ns(self.at_s))
        self.views = DatabaseViews(self.database.reading, self.shop.layout)
        for member, name in ((MIKA, "Mika"), (KEN, "Ken")):
            self.add(MemberId(member), name)

    def do(self, work: Callable[[Tx, Memory], T]) -> T:
        """One transaction, and the calls it led to."""
        with self.database.transaction() as connection:
            tx = Tx(connection, self.shop, ns(self.at_s))
            self.memory = self.memory or load_memory(tx)
            result = work(tx, self.memory)
            recompute(tx, self.memory)
            tx.write_changes()
        for call in tx.calls:
            said = perform(self.provider, call)
            self.do(partial(_answer, call=call, said=said))
        return result

    def add(self, member: MemberId, name: str) -> None:
        self.do(lambda tx, _: members.add(tx, name, "ja", member))

    def hear(self, at_s: float, through_s: float | None = None) -> None:
        """Everything the script wrote so far has arrived; nodes have said all up to then."""
        self.at_s = at_s

        def work(tx: Tx, memory: Memory) -> None:
            for fact in self.script.facts[self.heard :]:
                published = StoreTime(at_ns=ns(at_s), uncertainty_ns=Ns(0))
                sealed = seal(STORE, fact.id, fact.event, published, 0, KEY)
                receive(tx, memory, inbound(fact.id.node, sealed))
            self.heard = len(self.script.facts)
            for node in NODES:
                boot = self.script.boots[node]
                seq = self.script.seqs.get((node, boot), -1)
                said_ns = ns(at_s if through_s is None else through_s)
                nodes.note_watermark(
                    memory, node, Watermark(boot=boot, seq=seq, at_ns=said_ns, uncertainty_ns=Ns(0))
                )
            memory.is_stale = True
            timers.tick(tx, memory)

        self.do(work)


def _answer(tx: Tx, _: Memory, call: ProviderCall, said: Said) -> None:
    take_answer(tx, call, said)


@contextmanager
def opened(folder: Path, address: str = "sqlite:///gateway.db") -> Iterator[Counter]:
    database = open_database(address, folder)
    migrate(database)
    yield Counter(database)
    database.dispose()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with opened(tmp_path) as one:
        yield one


def shopping(counter: Counter) -> str:
    """Mika walks in and takes two teas; one step is not covered by every node's word yet."""
    script = counter.script
    visit = script.enter(MIKA, 0.0)
    track = script.walk_in(1, 0.5)
    script.reach(track, 10.0, 11.0)
    script.pick(10.4, candidate(TEA))
    script.reach(track, 20.0, 21.0, x_m=0.75)
    script.pick(20.4, candidate(RICE), plate="p2")
    counter.hear(22.0, through_s=15.0)
    return visit


def leaving(counter: Counter) -> str:
    """The same, out of the door and paid."""
    visit = shopping(counter)
    track = next(fact.event.track for fact in counter.script.facts if hasattr(fact.event, "track"))
    counter.script.walk_out(track, 30.0)
    counter.hear(40.0)
    counter.hear(60.0)
    return visit


def test_an_open_visit_shows_what_is_sure_and_what_is_checked(counter: Counter) -> None:
    visit = shopping(counter)
    [view] = counter.views.open_visits()
    assert (view.id, view.member_name, view.stage) == (visit, "Mika", VisitStage.SHOPPING)
    assert {line.product.sku: line.state for line in view.lines} == {
        TEA: LineState.SURE,
        RICE: LineState.CHECKING,
    }
    assert view.total.minor == 162 + 105
    assert [step.quantity for step in view.happenings] == [1, 1]
    assert view.happenings[0].delta_g == -550.0
    assert view.tracks == ("camera-1-1-1",)
    assert counter.views.receipt(view.id) is None


def test_a_settled_visit_has_a_receipt_that_the_member_owes(counter: Counter) -> None:
    visit = leaving(counter)
    [view] = counter.views.visits_of(MIKA)
    assert (view.id, view.stage, view.receipt_number) == (visit, VisitStage.SETTLED, 1)
    receipt = counter.views.receipt(view.id)
    assert receipt is not None
    assert [(line.product.sku, line.amount.minor) for line in receipt.lines] == [
        (TEA, 162),
        (RICE, 105),
    ]
    assert receipt.total == view.total
    # 267 yen with 8 % inside: 267 * 8 / 108 = 19.8.
    assert [(int(tax.rate_percent), tax.tax.minor, tax.is_reduced) for tax in receipt.taxes] == [
        (8, 19, True)
    ]
    mika = counter.views.member(MIKA)
    assert mika is not None
    assert mika.owes.minor == 267
    assert counter.views.open_visits() == []
    assert counter.views.receipts(since_ns=receipt.issued_ns + 1) == []


def test_a_dispute_is_a_review_and_ends_as_a_refund(counter: Counter) -> None:
    leaving(counter)
    [view] = counter.views.visits_of(MIKA)
    counter.do(lambda tx, _: refunding.dispute(tx, view.id, TEA))
    assert counter.views.disputes(view.id) == {TEA: DisputeState.ASKED}
    [review] = counter.views.reviews()
    assert (review.kind, review.member_name, review.at_risk and review.at_risk.minor) == (
        "dispute",
        "Mika",
        162,
    )
    assert [(c.product.sku, c.quantity) for c in review.candidates] == [(TEA, 1)]
    counter.do(
        lambda tx, memory: reviewing.rule(
            tx, memory, review.id, Ruling(kind=RulingKind.ACCEPT, by="staff")
        )
    )
    assert counter.views.reviews() == []
    assert counter.views.disputes(view.id) == {TEA: DisputeState.REFUNDED}
    receipt = counter.views.receipt(view.id)
    assert receipt is not None
    assert receipt.refunded.minor == 162
    assert {line.product.sku: line.refunded for line in receipt.lines} == {TEA: 1, RICE: 0}
    mika = counter.views.member(MIKA)
    assert mika is not None
    assert mika.owes.minor == 105


def test_a_doubtful_step_is_a_review_with_its_evidence(counter: Counter) -> None:
    script = counter.script
    script.enter(MIKA, 0.0)
    track = script.walk_in(1, 0.5)
    script.reach(track, 10.0, 11.0)
    script.pick(10.4, candidate(TEA), candidate(RICE, log_likelihood=-0.2))
    counter.hear(40.0)
    [review] = counter.views.reviews()
    assert (review.kind, review.reason, review.shelf) == ("step", "what", "g/top")
    assert review.plates == ("p1",)
    assert (review.delta_g, review.sigma_g) == (-550.0, 1.0)
    assert [c.product.name_en for c in review.candidates] == ["Tea", "Rice"]
    assert sum(c.probability for c in review.candidates) == pytest.approx(1.0)
    [line] = counter.views.open_visits()[0].lines
    assert line.state is LineState.REVIEW
    counter.do(
        lambda tx, memory: reviewing.rule(
            tx, memory, review.id, Ruling(kind=RulingKind.CHANGE, sku=RICE, quantity=1, by="me")
        )
    )
    closed = counter.views.review(review.id)
    assert closed is not None
    assert (closed.decision, closed.decided_by) == ("change", "me")
    assert counter.views.reviews(is_open=False) == [closed]
    [line] = counter.views.open_visits()[0].lines
    assert (line.product.sku, line.state) == (RICE, LineState.SURE)


def test_who_takes_nothing_is_told_so(counter: Counter) -> None:
    counter.script.enter(KEN, 0.0)
    track = counter.script.walk_in(1, 0.5)
    counter.script.walk_out(track, 8.0)
    counter.hear(30.0)
    [view] = counter.views.visits_of(KEN)
    assert view.stage is VisitStage.NOTHING_TAKEN
    assert view.total.minor == 0


def test_nodes_are_listed_before_they_ever_spoke_and_once_silent(counter: Counter) -> None:
    assert {(node.id, node.reason) for node in counter.views.nodes()} == {
        (node, "never") for node in NODES
    }
    health = Health(
        state=NodeState.ONLINE,
        boot=3,
        version="0.1.0",
        parts=(Part(name="aisle", state=SensorState.BLIND, reason="picture is black"),),
    )
    counter.do(lambda tx, memory: nodes.note_health(tx, memory, CAMERA, health))
    camera = next(node for node in counter.views.nodes() if node.id == CAMERA)
    assert camera.is_online
    assert camera.parts[0].reason == "picture is black"
    counter.at_s += 20.0
    counter.do(timers.tick)
    camera = next(node for node in counter.views.nodes() if node.id == CAMERA)
    assert (camera.is_online, camera.reason) == (False, "silent")


def test_forged_and_odd_messages_are_flagged(counter: Counter) -> None:
    counter.script.pick(3 * 24 * 3600.0)
    fact = counter.script.facts[0]
    published = StoreTime(at_ns=ns(0.0), uncertainty_ns=Ns(0))
    forged = seal(STORE, fact.id, fact.event, published, 0, b"x" * 32)
    counter.do(lambda tx, memory: receive(tx, memory, inbound(PLATES, forged)))
    counter.at_s = 1.0
    counter.hear(1.0)
    flags = counter.views.flags()
    assert [flag.reason for flag in flags] == ["future", "forged"]
    assert PLATES in flags[1].place
    assert flags[1].size_bytes == len(forged)
    assert [review.reason for review in counter.views.reviews()] == ["flagged"]


def test_visits_are_found_since_a_time(counter: Counter) -> None:
    leaving(counter)
    counter.script.enter(KEN, 100.0)
    counter.hear(101.0)
    assert [view.member_name for view in counter.views.visits()] == ["Ken", "Mika"]
    later = counter.views.visits(since_ns=ns(50.0))
    assert [view.member_name for view in later] == ["Ken"]
    assert len(counter.views.visits(limit=1)) == 1
