"""Whole visits by how people came in: a group on one code, hands free; from gate to receipt."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tebura_contract.events import Modality, ShopperEntered
from tebura_contract.ids import VisitId, visit_id
from tebura_edge.hands_free import HandsFree
from tebura_edge.palm_reader import PalmReader
from tebura_edge.role import FactorSeen
from tebura_simulator.palm import palm_box

from tests.conftest import Broker
from tests.gateway.faces import Phone
from tests.gateway.nodes import Nodes, moved, running
from tests.gateway.shop import DOOR, EPOCH_NS, GATE, TEA, Script, candidate, ns
from tests.gateway.test_face_journey import Shop, written

SLOW_S = 30.0


class Live:
    """A script whose zero is when it was begun, told as it happens."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes, self.script, self.told = nodes, Script(), 0
        self.zero_ns = time.time_ns()

    @property
    def now_s(self) -> float:
        return (time.time_ns() - self.zero_ns) / 1e9

    def tell(self) -> None:
        new, self.told = self.script.facts[self.told :], len(self.script.facts)
        self.nodes.publish([moved(fact, self.zero_ns - EPOCH_NS) for fact in new])

    def until(self, check: Callable[[], bool]) -> float:
        """Wait, the nodes saying all the time that this is all; how long it took."""
        began_s = time.monotonic()
        while not check():
            assert time.monotonic() - began_s < SLOW_S
            self.nodes.word(time.time_ns())
            time.sleep(0.1)
        return time.monotonic() - began_s


@pytest.fixture
def shop(mosquitto: Broker, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Shop]:
    found = written(tmp_path / "gw", mosquitto.port, free_port())
    with running(found.gateway):
        yield found


@pytest.fixture
def live(shop: Shop, mosquitto: Broker) -> Iterator[Live]:
    nodes = Nodes(mosquitto.port)
    yield Live(nodes)
    nodes.close()


def receipt(phone: Phone, visit: VisitId) -> dict[str, object] | None:
    answer = phone.http.get(f"/me/visits/{visit}/receipt.json")
    found: dict[str, object] | None = answer.json() if answer.status_code == 200 else None
    return found


def test_a_friend_on_the_same_account_takes_two_puts_one_back_and_one_bill_comes(
    shop: Shop, live: Live
) -> None:
    phone = shop.member()
    script = live.script
    host, friend = script.walk_in(1, -8.0), script.walk_in(2, -6.5)
    visit = script.enter(phone.member, -7.0)
    script.enter(phone.member, -5.5, joins=visit)
    script.reach(friend, -4.0, -3.0)
    script.pick(-3.8, candidate(TEA, 2))
    live.tell()
    live.until(lambda: "¥324" in phone.http.get("/me").text)
    script.reach(friend, -2.5, -1.5)
    script.put_back(-2.2, candidate(TEA))
    live.tell()
    live.until(lambda: "¥162" in phone.http.get("/me").text)
    script.walk_out(host, -1.0)
    script.walk_out(friend, -0.5)
    live.tell()
    took_s = live.until(lambda: receipt(phone, visit) is not None)
    assert took_s <= 30.0

    page = phone.http.get(f"/me/visits/{visit}?lang=en").text
    assert page.count('class="line-name"') == 1
    assert "Visit" in page
    bill = receipt(phone, visit)
    assert bill is not None
    assert [(line["sku"], line["quantity"]) for line in bill["lines"]] == [(TEA, 1)]  # type: ignore[attr-defined]
    assert [row["id"] for row in shop.gateway.get("/visits")] == [visit]
    assert len(shop.gateway.get("/receipts")) == 1


def test_hands_free_on_palm_and_face_a_tea_and_the_receipt_is_there_in_ten_seconds(
    shop: Shop, live: Live
) -> None:
    phone = shop.member()
    phone.agree()
    phone.enrol(shop.gate)
    phone.agree("hands-free")
    phone.lend()
    phone.press("hands-free", what="today")
    told = shop.gate.round()
    assert [one.member for one in told.faces or ()] == [phone.member]

    signs: list[FactorSeen] = []
    with palm_box() as box:
        box.enrol(phone.member)
        reader = PalmReader(
            DOOR,
            box.port,
            clock=Machine(),
            to_store_ns=lambda _: time.time_ns(),
            deliver=signs.append,
        )
        reader.keep_only(frozenset(told.agreed or ()))
        reader.start()
        live.until(lambda: not reader.parts()[0].reason)
        box.hold(phone.member)
        live.until(lambda: bool(signs))
        reader.stop()
    role = HandsFree()
    assert role.seen(signs[0]) is None
    face = FactorSeen(DOOR, Modality.FACE, phone.member, 1e-3, signs[0].at_ns + 1)
    known = role.seen(face)
    assert known is not None

    live.zero_ns = time.time_ns()
    script = live.script
    track = script.walk_in(1, -4.8)
    entry = script.say(
        GATE,
        ShopperEntered(gate=DOOR, member=known.member, code_step=None, at_ns=ns(-4.2), by=known.by),
    )
    visit = visit_id(entry.id)
    script.reach(track, -2.3, -1.5)
    script.pick(-2.1, candidate(TEA))
    script.cross(track, -0.7, is_inside=True)
    script.end(track, -0.2)
    live.tell()
    live.until(lambda: receipt(phone, visit) is not None)
    # From the moment they were let in.
    assert live.now_s + 4.2 <= 10.0
    bill = receipt(phone, visit)
    assert bill is not None
    assert [(line["sku"], line["quantity"]) for line in bill["lines"]] == [(TEA, 1)]  # type: ignore[attr-defined]
    # The one question, and the visit is over.
    assert 'name="motive"' in phone.http.get(f"/me/visits/{visit}").text


class Machine:
    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()
