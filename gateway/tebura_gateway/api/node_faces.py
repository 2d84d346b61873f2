"""What nodes of gates and counters ask about faces, over TLS.

Each request is signed with the node's key, and good once.
"""

import hmac
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.faces import (
    MAX_WORK_BYTES,
    NODE_HEADER,
    NONCE_HEADER,
    REQUEST_LIFE_NS,
    SIGNATURE_HEADER,
    TIME_HEADER,
    EnrolDone,
    FaceAsked,
    RoundAsked,
    request_signature,
)
from tebura_contract.ids import NodeId

from tebura_gateway.api.access import RuntimeDep
from tebura_gateway.api.private import BodyDep, PrivateDep
from tebura_gateway.api.runtime import Faces, Runtime

router = APIRouter(include_in_schema=False, prefix="/node/v1/faces")

MAX_NONCES: Final = 100_000
T = TypeVar("T")


class Nonces:
    """Signed requests that were taken, as long as their signature is good."""

    def __init__(self) -> None:
        self._until_ns: dict[str, int] = {}

    def is_new(self, nonce: str, now_ns: int) -> bool:
        """Note it; False if it came before, or more came than can be remembered."""
        for old in [one for one, until_ns in self._until_ns.items() if until_ns < now_ns]:
            del self._until_ns[old]
        if nonce in self._until_ns or len(self._until_ns) >= MAX_NONCES:
            return False
        self._until_ns[nonce] = now_ns + 2 * REQUEST_LIFE_NS
        return True


async def gate_node(request: Request, runtime: RuntimeDep, body: BodyDep, _: PrivateDep) -> Faces:
    """The faces, for a node of a gate or a counter that signed this request.

    Raises:
        HTTPException: 401 for anybody else, 404 where the shop keeps no faces.
    """
    if runtime.faces is None:
        raise HTTPException(404)
    if not _is_signed(request, runtime, body):
        raise HTTPException(401)
    return runtime.faces


FacesDep = Annotated[Faces, Depends(gate_node)]


@router.post("/asked")
def asked(faces: FacesDep, body: BodyDep) -> Response:
    """A good code was read: the template, if its owner's phone lends its key."""
    return _answer(faces.open(_read(body, FaceAsked).member))


@router.post("/round")
def next_round(faces: FacesDep, body: BodyDep) -> Response:
    """What is new: who comes in hands free, frames to make a template of."""
    return _answer(faces.round(_read(body, RoundAsked)))


@router.post("/enrolled")
def enrolled(faces: FacesDep, body: BodyDep) -> Response:
    """What became of the frames."""
    if not faces.finish(_read(body, EnrolDone)):
        raise HTTPException(410)
    return Response(status_code=204)


def _is_signed(request: Request, runtime: Runtime, body: bytes) -> bool:
    node = NodeId(request.headers.get(NODE_HEADER, ""))
    nonce = request.headers.get(NONCE_HEADER, "")
    at = request.headers.get(TIME_HEADER, "")
    key = runtime.node_key(node)
    layout = runtime.layout
    served_by = {*(gate.node for gate in layout.gate), *layout.counters().values()}
    if key is None or node not in served_by:
        return False
    if not (at.isascii() and at.isdigit() and len(at) <= 19 and 8 <= len(nonce) <= 64):
        return False
    place = f"{request.method} {request.url.path}"
    wanted = request_signature(key, node, place, int(at), nonce, body)
    given = request.headers.get(SIGNATURE_HEADER, "")
    now_ns = runtime.now_ns()
    nonces: Nonces = request.app.state.nonces
    return (
        hmac.compare_digest(given.encode(), wanted.encode())
        and abs(now_ns - int(at)) <= REQUEST_LIFE_NS
        and nonces.is_new(f"{node} {nonce}", now_ns)
    )


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return decode(body, kind, limit_bytes=MAX_WORK_BYTES)
    except DecodeError as error:
        raise HTTPException(422, str(error)) from error


def _answer(value: object) -> Response:
    return Response(encode(value), media_type="application/json")
