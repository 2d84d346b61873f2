"""An event's way over the wire: made and signed, then read, checked and typed."""

import hashlib
import hmac
import json
from typing import Any

from pydantic import BaseModel, ConfigDict
from tebura_contract.clock import Ns, StoreTime
from tebura_contract.codec import decode
from tebura_contract.envelope import Envelope, open_envelope, parse, seal
from tebura_contract.events import Candidate, ItemPicked
from tebura_contract.ids import EventId, NodeId, PlateId, Sku, StoreId, shelf_id
from timing import Row, Suite, measure

KEY = b"k" * 32
SHELF = shelf_id("snacks", "2")
START_NS = 1_770_000_000_123_456_789
PICK = ItemPicked(
    shelf=SHELF,
    plates=(PlateId(f"{SHELF}/3"),),
    delta_g=-104.6,
    sigma_g=0.9,
    from_ns=Ns(START_NS),
    to_ns=Ns(START_NS + 900_000_000),
    candidates=(
        Candidate(sku=Sku("onigiri-salmon"), quantity=1, log_likelihood=-0.8, log_prior=-1.1),
        Candidate(sku=Sku("onigiri-tuna"), quantity=1, log_likelihood=-2.3, log_prior=-1.1),
    ),
)


class PydanticCandidate(BaseModel):
    """`Candidate`, as pydantic would have it."""

    model_config = ConfigDict(frozen=True)
    sku: str
    quantity: int
    log_likelihood: float
    log_prior: float


class PydanticPick(BaseModel):
    """`ItemPicked`, as pydantic would have it."""

    model_config = ConfigDict(frozen=True)
    kind: str
    shelf: str
    plates: tuple[str, ...]
    delta_g: float
    sigma_g: float
    from_ns: str
    to_ns: str
    blind: str
    candidates: tuple[PydanticCandidate, ...]
    facing: str | None


class PydanticEnvelope(BaseModel):
    """The envelope around it."""

    model_config = ConfigDict(frozen=True)
    specversion: str
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
    storetime: str
    uncertainty: str
    monotonic: str
    data: PydanticPick
    signature: str


def sealed() -> bytes:
    """The event as a node puts it into its outbox."""
    return seal(
        StoreId("corner"),
        EventId(NodeId("plates"), 3, 41),
        PICK,
        StoreTime(at_ns=Ns(START_NS), uncertainty_ns=Ns(1_000_000)),
        5_000_000_000,
        KEY,
    )


def msgspec_alone(raw: bytes) -> Envelope:
    """The envelope decoded, its event left closed and unsigned: the part that is not ours."""
    return decode(raw, Envelope)


def untyped(raw: bytes) -> Any:
    """What a script would do: dictionaries, and a signature over all bytes."""
    hmac.new(KEY, raw, hashlib.sha256).hexdigest()
    return json.loads(raw)


def with_pydantic(raw: bytes) -> PydanticEnvelope:
    """Typed and validated by pydantic, and the same signature."""
    hmac.new(KEY, raw, hashlib.sha256).hexdigest()
    return PydanticEnvelope.model_validate_json(raw)


def measure_wire() -> list[Row]:
    """All candidates on the same bytes."""
    raw = sealed()
    assert open_envelope(parse(raw), KEY).event == PICK
    with_pydantic(raw)
    size = f"{len(raw)} bytes"
    return [
        measure("wire", "tebura: make, sign, encode", sealed, size),
        measure(
            "wire",
            "tebura: decode, check signature, validate",
            lambda: open_envelope(parse(raw), KEY),
        ),
        measure("wire", "msgspec: the envelope alone", lambda: msgspec_alone(raw)),
        measure("wire", "json.loads and HMAC, nothing validated", lambda: untyped(raw)),
        measure("wire", "pydantic and HMAC, validated", lambda: with_pydantic(raw)),
    ]


SUITE = Suite("wire", "what does it cost to seal, send and check an event?", measure_wire)
