import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract import clock, events, ids, money, topics, truth
from tebura_contract.clock import Ns
from tebura_contract.codec import DecodeError, decode, encode
from tebura_contract.ids import EventId, NodeId, gtin_from_digits
from tebura_contract.money import CurrencyMismatch, Money


@pytest.mark.parametrize(
    "module", [clock, events, ids, money, topics, truth], ids=lambda m: m.__name__
)
def test_examples_in_docstrings_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True), st.integers(0), st.integers(0))
def test_event_id_reads_back_what_it_prints(node: str, boot: int, seq: int) -> None:
    event_id = EventId(NodeId(node), boot % 10**18, seq % 10**18)
    assert EventId.parse(str(event_id)) == event_id


@pytest.mark.parametrize("text", ["", "node", "node/1", "node/1-", "NODE/1-2", "n/1-2\n", "n/-1-2"])
def test_malformed_event_ids_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an event id"):
        EventId.parse(text)


@pytest.mark.parametrize(
    ("digits", "gtin"),
    [
        pytest.param("96385074", "00000096385074", id="gtin-8"),
        pytest.param("036000291452", "00036000291452", id="upc"),
        pytest.param("4901777018686", "04901777018686", id="jan"),
    ],
)
def test_gtin_is_padded_to_14_digits(digits: str, gtin: str) -> None:
    assert gtin_from_digits(digits) == gtin


@pytest.mark.parametrize(
    "digits", ["4901777018687", "123", "", "49017770186861111", "４９０１７７７０１８６８６"]
)
def test_gtin_with_wrong_check_digit_or_length_is_refused(digits: str) -> None:
    with pytest.raises(ValueError):
        gtin_from_digits(digits)


def test_different_currencies_do_not_add_up() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(100, "JPY") + Money(1, "EUR")


@given(st.integers(-(2**63), 2**63 - 1))
def test_nanoseconds_travel_as_exact_strings(value: int) -> None:
    wire = encode(Ns(value))
    assert wire == f'"{value}"'.encode()
    assert decode(wire, Ns) == value


@pytest.mark.parametrize(
    "wire",
    [
        b"5",
        b'"5.0"',
        b'"0x5"',
        b'""',
        b'"1e9"',
        b'"1_0"',
        b'" 5"',
        b'"99999999999999999999999"',
    ],
)
def test_nanoseconds_that_are_no_string_of_digits_are_refused(wire: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(wire, Ns)
