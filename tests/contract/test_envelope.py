import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import Ns, StoreTime
from tebura_contract.codec import MAX_MESSAGE_BYTES, DecodeError, encode
from tebura_contract.envelope import SignatureError, open_envelope, parse, seal
from tebura_contract.events import (
    EVENT_TYPES,
    Candidate,
    Event,
    ItemPicked,
    ShopperEntered,
    began_ns,
    kind_of,
)
from tebura_contract.ids import (
    EventId,
    FacingId,
    GateId,
    MemberId,
    NodeId,
    PlateId,
    ShelfId,
    Sku,
    StoreId,
)

KEY = b"k" * 32
STORE = StoreId("demo")
ID = EventId(NodeId("plates-1"), 3, 17)
PUBLISHED = StoreTime(at_ns=Ns(1_700_000_000_123_456_789), uncertainty_ns=Ns(2_000_000))

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
nanos = st.integers(0, 2**62).map(Ns)
candidates = st.builds(
    Candidate,
    sku=st.text(min_size=1, max_size=8).map(Sku),
    quantity=st.integers(1, 10),
    log_likelihood=finite,
    log_prior=finite,
)
picks = st.builds(
    ItemPicked,
    shelf=st.just(ShelfId("1/2")),
    plates=st.lists(st.just(PlateId("1/2/3")), max_size=3).map(tuple),
    delta_g=finite,
    sigma_g=finite,
    from_ns=nanos,
    to_ns=nanos,
    blind=st.text(max_size=10),
    candidates=st.lists(candidates, max_size=3).map(tuple),
    facing=st.none() | st.just(FacingId("1/2/f")),
)
entries = st.builds(
    ShopperEntered,
    gate=st.just(GateId("door")),
    member=st.just(MemberId("AAAAAAAAAAAAAAA")),
    code_step=st.integers(0, 2**40),
    at_ns=nanos,
)


def sealed(event: Event) -> bytes:
    return seal(STORE, ID, event, PUBLISHED, 5, KEY)


@given(picks | entries)
def test_events_survive_the_wire_unchanged(event: Event) -> None:
    received = open_envelope(parse(sealed(event)), KEY)
    assert received.event == event
    assert (received.store, received.id, received.published) == (STORE, ID, PUBLISHED)


@given(picks, st.data())
def test_any_changed_byte_is_noticed(event: Event, data: st.DataObject) -> None:
    raw = sealed(event)
    index = data.draw(st.integers(0, len(raw) - 1))
    flipped = raw[index] ^ data.draw(st.integers(1, 127))
    altered = raw[:index] + bytes([flipped]) + raw[index + 1 :]
    try:
        received = open_envelope(parse(altered), KEY)
    except (DecodeError, SignatureError):
        return
    # What is not signed (the printed wall time, the spec's version) decides nothing.
    assert received == open_envelope(parse(raw), KEY)


def test_signature_of_another_node_is_refused() -> None:
    event = ShopperEntered(gate=GateId("g"), member=MemberId("m"), code_step=1, at_ns=Ns(0))
    with pytest.raises(SignatureError, match="/demo/plates-1 3-17"):
        open_envelope(parse(sealed(event)), b"x" * 32)


@pytest.mark.parametrize("signature", ["", "é" * 64, "\u3042", "\x00", "0" * 64])
def test_a_signature_may_be_any_text_and_is_refused(signature: str) -> None:
    event = ShopperEntered(gate=GateId("g"), member=MemberId("m"), code_step=1, at_ns=Ns(0))
    forged = msgspec.structs.replace(parse(sealed(event)), signature=signature)
    with pytest.raises(SignatureError):
        open_envelope(parse(encode(forged)), KEY)


def test_fields_from_a_newer_sender_are_tolerated() -> None:
    event = ShopperEntered(gate=GateId("g"), member=MemberId("m"), code_step=1, at_ns=Ns(0))
    tree = json.loads(sealed(event))
    tree["traceparent"] = "00-newer"
    reparsed = parse(json.dumps(tree, separators=(",", ":")).encode())
    assert open_envelope(reparsed, KEY).event == event


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut-short"),
        pytest.param(b"[" * 20_000, id="deep"),
        pytest.param(b"\xff\xfe", id="not-text"),
        pytest.param(b'{"id":"1-2"}', id="fields-missing"),
        pytest.param(b'{"id":"\\ud800"}', id="half-a-character"),
        pytest.param(b" " * (MAX_MESSAGE_BYTES + 1), id="too-large"),
    ],
)
def test_hostile_bytes_give_a_decode_error(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        parse(raw)


def test_nan_never_travels_as_a_number() -> None:
    wire = encode(Candidate(sku=Sku("a"), quantity=1, log_likelihood=math.nan, log_prior=0.0))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wire, type=Candidate)


def test_every_event_type_has_its_own_kind_on_the_wire() -> None:
    kinds = {event_type.__struct_config__.tag for event_type in EVENT_TYPES}
    assert len(kinds) == len(EVENT_TYPES)


@given(entries)
def test_an_entry_began_when_the_code_was_accepted(entry: ShopperEntered) -> None:
    assert began_ns(entry) == entry.at_ns


@given(picks)
def test_a_step_began_when_the_plates_first_moved(pick: ItemPicked) -> None:
    assert kind_of(pick) == "item-picked"
    assert began_ns(pick) == pick.from_ns
