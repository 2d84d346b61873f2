"""Faces through a real gateway, broker and database: enrolled, matched, erased, and gone."""

import base64
import hashlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tebura_contract.clock import Ns
from tebura_contract.codec import encode
from tebura_contract.entry_code import Claim, check_code
from tebura_contract.events import FaceAuth, FaceVerdict
from tebura_contract.faces import NODE_HEADER, EnrolFault, FaceAsked, FaceState
from tebura_contract.ids import GateId, MemberId, NodeId
from tebura_edge.face_line import FaceLine
from tebura_edge.role import FaceCame
from tebura_gateway.service.sealing import HALF_BYTES, CannotOpen, open_sealed

from tests.conftest import Broker
from tests.gateway.faces import JPEG, GateNode, Phone, template_of
from tests.gateway.nodes import KEYS, STAFF_TOKEN, GatewayProcess, Nodes, running, to_now
from tests.gateway.shop import CAMERA, DOOR, GATE, MIKA, STORE, Script

TEMPLATE = template_of(7, size=192, rows=4)
ENTRY_KEY = bytes.fromhex("ab" * 32)


@dataclass
class Shop:
    """A gateway that keeps faces, one gate node, and members with phones."""

    gateway: GatewayProcess
    gate: GateNode

    def member(self) -> Phone:
        """Somebody new, signed in."""
        added = httpx.post(
            f"{self.gateway.url}/api/v1/members",
            json={"name": "Mika", "locale": "en"},
            headers={"authorization": f"Bearer {STAFF_TOKEN}"},
            timeout=10.0,
        )
        assert added.status_code == 201, added.text
        return Phone.signed_in(added.json()["sign_in"], MemberId(added.json()["id"]))

    def cli(self, command: str, *arguments: str) -> None:
        done = self.gateway.cli(command, "-c", str(self.gateway.config), *arguments)
        assert done.returncode == 0, done.stderr


def written(folder: Path, mqtt_port: int, http_port: int) -> Shop:
    gateway = GatewayProcess(folder, mqtt_port, http_port)
    gateway.write()
    with gateway.config.open("a", encoding="utf-8") as config:
        config.write('[faces]\nstore_networks = ["127.0.0.0/8"]\n')
    return Shop(gateway, GateNode(gateway.url, embed=lambda _: TEMPLATE))


@pytest.fixture(scope="module")
def running_shop(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Shop]:
    """Nobody listens at the broker's port: faces do without it."""
    found = written(tmp_path_factory.mktemp("shop") / "gw", free_port(), free_port())
    with running(found.gateway):
        yield found


@pytest.fixture
def shop(running_shop: Shop) -> Shop:
    running_shop.gate.embed = lambda _: TEMPLATE
    running_shop.gate.version = 0
    return running_shop


def test_whoever_declines_the_face_has_a_code_and_no_page_asks_twice(shop: Shop) -> None:
    phone = shop.member()
    assert shop.gate.ask(phone.member).state is FaceState.NOT_ENROLLED
    codes = phone.http.get("/me/codes.json").json()
    assert isinstance(check_code(codes[0]["code"], [ENTRY_KEY], STORE, time.time_ns()), Claim)
    assert 'action="/me/face' not in phone.http.get("/me").text


def test_a_fault_of_the_pictures_is_said_in_words_and_keeps_nothing(shop: Shop) -> None:
    phone = shop.member()
    phone.agree(language="ja")
    shop.gate.embed = lambda _: EnrolFault.BLURRED
    found = phone.enrol(shop.gate)
    assert found["progress"] == "fault"
    assert "ぶれ" in found["why"]
    assert shop.gate.ask(phone.member).state is FaceState.NOT_ENROLLED


def test_hands_free_reaches_the_gate_and_leaves_it_within_a_round(shop: Shop) -> None:
    phone = shop.member()
    phone.agree()
    phone.enrol(shop.gate)
    phone.agree("hands-free")
    assert phone.lend() == "lent"
    phone.press("hands-free", what="today")
    told = shop.gate.round()
    assert [(one.member, one.template) for one in told.faces or ()] == [(phone.member, TEMPLATE)]
    # The phone spoke from the shop's own network.
    assert list(told.phones) == [phone.member]
    phone.press("withdraw")
    assert shop.gate.round().faces == ()


def test_a_nodes_own_line_enrols_opens_and_forgets(shop: Shop) -> None:
    came: list[FaceCame] = []
    line = FaceLine(
        shop.gateway.url,
        "",
        node=GATE,
        key=KEYS[GATE],
        clock=Machine(),
        to_store_ns=lambda _: time.time_ns(),
        deliver=came.append,
        embed=lambda frames: template_of(len(frames)),
    )
    phone = shop.member()
    phone.agree()
    line.start()
    try:
        # The node's own round takes the frames; the test's gate node takes none.
        ticket = phone.begin()
        until(lambda: phone.progress(ticket) == "done")
        phone.lend()
        began_s = time.monotonic()
        line.ask(DOOR, phone.member)
        until(lambda: bool(came))
        took_s = time.monotonic() - began_s
        assert (came[0].state, came[0].template) == (FaceState.OPENED, template_of(4))
        assert took_s < 2.0
        assert phone.agree("hands-free").status_code == 200
        phone.press("hands-free", what="today")
        until(lambda: phone.member in [one.member for one in line.expected()])
        assert line.agreed() is not None
        phone.press("withdraw")
        until(lambda: phone.member not in [one.member for one in line.expected()])
        assert phone.member not in (line.agreed() or frozenset())
    finally:
        line.stop()


class Machine:
    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()


def until(check: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"Tebura_Signature": "0" * 64}, id="forged"),
        pytest.param({"Tebura_Time": "1700000000000000000"}, id="old"),
        pytest.param({"Tebura_Time": "soon"}, id="no-time"),
        pytest.param({"Tebura_Nonce": "x"}, id="no-nonce"),
        pytest.param({"Tebura_Node": "nobody"}, id="unknown"),
    ],
)
def test_only_gate_nodes_get_an_answer(shop: Shop, wrong: dict[str, str]) -> None:
    body = encode(FaceAsked(gate=GateId("door"), member=MIKA))
    assert shop.gate.post("asked", body, **wrong).status_code == 401


def test_a_camera_node_and_a_repeated_request_get_none(shop: Shop) -> None:
    body = encode(FaceAsked(gate=GateId("door"), member=MIKA))
    stranger = GateNode(shop.gateway.url, node=NodeId(CAMERA), key=KEYS[CAMERA])
    assert stranger.post("asked", body).status_code == 401
    answer = shop.gate.post("asked", body)
    assert answer.status_code == 200
    sent = answer.request
    again = httpx.post(sent.url, content=sent.content, headers=dict(sent.headers))
    assert again.status_code == 401
    assert NODE_HEADER.lower() in sent.headers


def test_erased_means_erased_also_from_last_nights_backup(
    mosquitto: Broker, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    shop, night = written(tmp_path / "gw", mosquitto.port, free_port()), tmp_path / "night.backup"
    with running(shop.gateway):
        drill(shop, mosquitto, night, tmp_path)


def drill(shop: Shop, mosquitto: Broker, night: Path, tmp_path: Path) -> None:
    phone = shop.member()
    mika = phone.member
    phone.agree()
    assert phone.enrol(shop.gate)["progress"] == "done"
    assert phone.lend() == "lent"
    assert shop.gate.ask(mika).template == TEMPLATE
    nodes = Nodes(mosquitto.port)
    visit(nodes, shop, mika, boot=1)
    shop.cli("backup", str(night))
    raw = tmp_path / "copied-disk"
    shutil.copytree(shop.gateway.folder, raw, ignore=shutil.ignore_patterns("face-halves"))

    began_s = time.monotonic()
    assert "gone" in phone.press("withdraw").text
    assert shop.gate.ask(mika).state is FaceState.NOT_ENROLLED
    assert time.monotonic() - began_s < 60.0
    assert not list((shop.gateway.folder / "face-halves").iterdir())

    shop.gateway.stop()
    shop.cli("restore", str(night))
    assert sealed_in(shop.gateway.folder / "gateway.db", mika) is not None
    shop.gateway.start()
    shop.gate.version = 0
    assert phone.lend() == "not-enrolled"
    assert shop.gate.ask(mika).state is FaceState.NOT_ENROLLED
    assert sealed_in(shop.gateway.folder / "gateway.db", mika) is None
    consents = phone.http.get("/me/data.json").json()["consents"]
    assert all(one["withdrawn_ns"] for one in consents)

    # Whoever holds the backup and the phone lacks the shop's half, which was in neither.
    sealed = sealed_in(raw / "gateway.db", mika)
    assert sealed is not None
    phone_half = base64.b64decode(phone.half)
    guesses = [bytes(HALF_BYTES), phone_half, ENTRY_KEY, *KEYS.values()]
    guesses += [hashlib.sha256(key).digest() for key in guesses]
    for guess in guesses:
        with pytest.raises(CannotOpen):
            open_sealed(sealed, TEMPLATE.network, STORE, mika, phone_half, guess)

    # The code still opens the door.
    codes = phone.http.get("/me/codes.json").json()
    assert isinstance(check_code(codes[0]["code"], [ENTRY_KEY], STORE, time.time_ns()), Claim)
    visit(nodes, shop, mika, boot=2)
    nodes.close()

    found = traces(tmp_path, mosquitto.folder, secrets=marks(phone_half))
    assert found == []


def visit(nodes: Nodes, shop: Shop, member: MemberId, boot: int) -> None:
    """They come in by code and face."""
    script = Script(boots=dict.fromkeys((GATE, CAMERA, *KEYS), boot))
    name = script.enter(member, 0.0)
    script.say(
        GATE,
        FaceAuth(
            gate=DOOR,
            member=member,
            verdict=FaceVerdict.MATCH,
            distance=0.25,
            threshold_id="t1",
            is_live=True,
            at_ns=Ns(script.facts[-1].event.at_ns),  # type: ignore[union-attr]
        ),
    )
    nodes.publish(to_now(script.facts, time.time_ns()))
    nodes.wait_acked()
    deadline_s = time.monotonic() + 10.0
    while name not in [one["id"] for one in shop.gateway.get("/visits")]:
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def sealed_in(database: Path, member: MemberId) -> bytes | None:
    with closing(sqlite3.connect(database)) as opened:
        row = opened.execute("select sealed from face where member = ?", (member,)).fetchone()
    return bytes(row[0]) if row is not None else None


def marks(phone_half: bytes) -> dict[str, bytes]:
    """What must be on no disk, in the forms that it was ever held in."""
    row = TEMPLATE.vectors[: 4 * TEMPLATE.size]
    return {
        "template": TEMPLATE.vectors[8:24],
        "template in base64": base64.b64encode(TEMPLATE.vectors)[40:80],
        "one vector in hex": row.hex().encode()[16:48],
        "frame": JPEG[10:40],
        "frame in base64": base64.b64encode(JPEG)[40:80],
        "phone's half": phone_half,
        "phone's half in base64": base64.b64encode(phone_half),
    }


def traces(*folders: Path, secrets: dict[str, bytes]) -> list[str]:
    """Where on the disk one of these lies: database, its log, backups, broker, logs."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 8
    return [
        f"{what} in {path}"
        for path in files
        for what, mark in secrets.items()
        if mark in path.read_bytes()
    ]


def test_the_search_for_traces_would_find_them(tmp_path: Path) -> None:
    half = bytes(range(HALF_BYTES))
    for n, mark in enumerate(marks(half).values()):
        (tmp_path / f"{n}").write_bytes(b"before" + mark + b"after")
    (tmp_path / "10").write_bytes(b"nothing")
    (tmp_path / "11").write_bytes(encode(TEMPLATE))
    found = traces(tmp_path, secrets=marks(half))
    assert {place.rpartition("/")[2] for place in found} == {*map(str, range(7)), "11"}
