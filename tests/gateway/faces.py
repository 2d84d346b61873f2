"""Faces without pictures: templates of made-up vectors, a phone, a gate node that makes them."""

import base64
import json
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
from tebura_contract.codec import decode, encode
from tebura_contract.faces import (
    MAX_WORK_BYTES,
    NODE_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    EnrolDone,
    EnrolFault,
    FaceAsked,
    FaceOpened,
    FaceTemplate,
    Round,
    RoundAsked,
    request_signature,
)
from tebura_contract.ids import GateId, MemberId, NodeId

from tests.gateway.nodes import KEYS
from tests.gateway.shop import GATE

T = TypeVar("T")
NETWORK = "made-up"
ENROLMENTS = "/me/face/enrolments"
JPEG = b"\xff\xd8" + b"not really a picture" * 50


def template_of(seed: int, size: int = 8, rows: int = 3) -> FaceTemplate:
    """Vectors that are easy to find again wherever they should not be."""
    numbers = [float((seed * 7919 + n * 104729) % 9973) for n in range(size * rows)]
    return FaceTemplate(
        network=NETWORK, size=size, vectors=struct.pack(f"<{size * rows}f", *numbers)
    )


@dataclass
class GateNode:
    """What a gate node asks of the gateway over HTTP; `embed` makes templates of frames."""

    address: str
    node: NodeId = GATE
    key: bytes = KEYS[GATE]
    embed: Callable[[tuple[bytes, ...]], FaceTemplate | EnrolFault] = field(
        default=lambda frames: template_of(len(frames))
    )
    version: int = 0

    def post(self, path: str, body: bytes, **changed: str) -> httpx.Response:
        """A signed request; `changed` are headers that are not what they should be."""
        at, nonce = str(time.time_ns()), secrets.token_hex(8)
        place = f"POST /node/v1/faces/{path}"
        headers = {
            NODE_HEADER: self.node,
            TIME_HEADER: at,
            NONCE_HEADER: nonce,
            SIGNATURE_HEADER: request_signature(self.key, self.node, place, int(at), nonce, body),
        } | {name.replace("_", "-"): value for name, value in changed.items()}
        return httpx.post(f"{self.address}/node/v1/faces/{path}", content=body, headers=headers)

    def ask(self, member: MemberId) -> FaceOpened:
        body = encode(FaceAsked(gate=GateId("door"), member=member))
        return self._read(self.post("asked", body), FaceOpened)

    def round(self) -> Round:
        """Take what is new, and do the work that waits."""
        found = self._read(self.post("round", encode(RoundAsked(version=self.version))), Round)
        self.version = found.version
        if found.work is not None:
            made = self.embed(found.work.frames)
            done = (
                EnrolDone(ticket=found.work.ticket, template=made)
                if isinstance(made, FaceTemplate)
                else EnrolDone(ticket=found.work.ticket, fault=made)
            )
            assert self.post("enrolled", encode(done)).status_code == 204
        return found

    def _read(self, answer: httpx.Response, kind: type[T]) -> T:
        assert answer.status_code == 200, answer.text
        return decode(answer.content, kind, limit_bytes=MAX_WORK_BYTES)


@dataclass
class Phone:
    """A signed-in shopper's browser, without the browser: what its scripts send."""

    http: httpx.Client
    member: MemberId
    half: str = ""

    @classmethod
    def signed_in(cls, link: str, member: MemberId) -> "Phone":
        address, _, token = link.strip().partition("/sign-in?token=")
        http = httpx.Client(base_url=address, follow_redirects=True, timeout=10.0)
        assert http.post("/sign-in", data={"token": token}).status_code == 200
        return cls(http, member)

    @property
    def form(self) -> str:
        html = self.http.get("/me").text
        return html.partition('name="form" value="')[2].partition('"')[0]

    def agree(self, kind: str = "face", language: str = "en") -> httpx.Response:
        html = self.http.get(f"/me/face?lang={language}").text
        given = html.partition(f'name="kind" value="{kind}"')[2]
        digest = given.partition('name="digest" value="')[2].partition('"')[0]
        return self.http.post(
            "/me/face/consent",
            data={"form": self.form, "kind": kind, "language": language, "digest": digest},
        )

    def enrol(self, gate: GateNode, frames: int = 4) -> dict[str, str]:
        """Take pictures and wait for what becomes of them."""
        ticket = self.begin(frames)
        gate.round()
        found: dict[str, str] = self.http.get(f"{ENROLMENTS}/{ticket}").json()
        return found

    def begin(self, frames: int = 4) -> str:
        """Make a half of a key and send pictures; the name of the enrolment."""
        self.half = _b64(secrets.token_bytes(32))
        begun = self.http.post(
            ENROLMENTS, content=json.dumps({"form": self.form, "half": self.half})
        )
        assert begun.status_code == 201, begun.text
        ticket: str = begun.json()["ticket"]
        own = {"x-form": self.form}
        for _ in range(frames):
            answer = self.http.post(f"{ENROLMENTS}/{ticket}/frames", content=JPEG, headers=own)
            assert answer.status_code == 204, answer.text
        assert self.http.post(f"{ENROLMENTS}/{ticket}/end", headers=own).status_code == 204
        return ticket

    def progress(self, ticket: str) -> str:
        found: str = self.http.get(f"{ENROLMENTS}/{ticket}").json()["progress"]
        return found

    def lend(self) -> str:
        """Show the code: the half goes along."""
        answer = self.http.post(
            "/me/face/key", content=json.dumps({"form": self.form, "half": self.half})
        )
        assert answer.status_code == 200, answer.text
        state: str = answer.json()["state"]
        return state

    def press(self, place: str, **fields: str) -> httpx.Response:
        return self.http.post(f"/me/face/{place}", data={"form": self.form} | fields)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
