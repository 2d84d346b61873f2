"""Both languages say everything, and figures are written as people write them."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.money import Money
from tebura_gateway.domain.decision import Reason
from tebura_gateway.domain.presence import Doubt
from tebura_gateway.domain.settlement import Why
from tebura_gateway.service.checking import DeadReason
from tebura_gateway.service.reviews import ReviewKind
from tebura_gateway.service.views import DisputeState, VisitStage
from tebura_gateway.web.language import CATALOGUES, Language, Words, catalogue, negotiate

TEMPLATES = CATALOGUES.parent / "templates"
TOKYO = "Asia/Tokyo"


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_catalogues_hold_the_same_keys_with_the_same_places() -> None:
    ja, en = catalogue(Language.JA), catalogue(Language.EN)
    assert set(ja) == set(en)
    assert {key: places(ja[key]) for key in ja} == {key: places(en[key]) for key in en}
    assert all(text.strip() for text in (*ja.values(), *en.values()))


def test_every_key_a_template_names_is_in_the_catalogue() -> None:
    texts = "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    named = set(re.findall(r"words\('([a-z_]+\.[a-z_0-9]+)'[,)]", texts))
    assert len(named) > 80
    assert named <= set(catalogue(Language.EN))


def test_whatever_the_gateway_can_say_has_words() -> None:
    keys = set(catalogue(Language.EN))
    reasons = {*Reason, *Doubt, *Why} - {"", "nothing-taken", "free", "presence", "no-answer"}
    assert {f"reason.{reason.replace('-', '_')}" for reason in reasons} <= keys
    assert {f"flag.{reason.value.replace('-', '_')}" for reason in DeadReason} <= keys
    assert {f"stage.{stage.value.replace('-', '_')}" for stage in VisitStage} <= keys
    for kind in ReviewKind:
        assert {f"review.{word}_{kind.value}" for word in ("kind", "void")} <= keys
    assert {f"receipt.dispute_{state.value}" for state in DisputeState} <= keys


@pytest.mark.parametrize(
    ("asked", "remembered", "header", "expected"),
    [
        pytest.param("en", "ja", "ja", "en", id="the-address-wins"),
        pytest.param(None, "en", "ja", "en", id="then-the-cookie"),
        pytest.param(None, None, "en-US,en;q=0.9,ja;q=0.8", "en", id="then-the-browser"),
        pytest.param(None, None, "fr, ja;q=0.2, en;q=0.1", "ja", id="by-its-preference"),
        pytest.param("xx", "<script>", "de", "ja", id="else-japanese"),
    ],
)
def test_language_is_negotiated(
    asked: str | None, remembered: str | None, header: str, expected: str
) -> None:
    assert negotiate(asked, remembered, header) == expected


@given(st.text(), st.text(), st.text())
def test_no_header_breaks_the_negotiation(asked: str, remembered: str, header: str) -> None:
    assert negotiate(asked, remembered, header) in list(Language)


@pytest.mark.parametrize(
    ("money", "expected"),
    [
        (Money(1280, "JPY"), "¥1,280"),
        (Money(-330, "JPY"), "−¥330"),
        (Money(1250, "EUR"), "€12.50"),
        (Money(1234567, "USD"), "$12,345.67"),
        (Money(12500, "KWD"), "12.500 KWD"),
    ],
)
def test_money_is_written_with_its_currencys_decimals(money: Money, expected: str) -> None:
    assert Words(Language.JA, TOKYO).money(money) == expected


def test_doubt_is_never_rounded_up_to_certainty() -> None:
    words = Words(Language.EN, TOKYO)
    assert words.percent(0.9999) == "99%"
    assert words.percent(1.0) == "100%"


def test_times_are_the_stores_own() -> None:
    noon_utc_ns = 1_795_262_400 * 10**9
    assert Words(Language.JA, TOKYO).day(noon_utc_ns) == "2026年11月21日"
    assert Words(Language.EN, TOKYO).time(noon_utc_ns) == "21:00"


def test_a_board_without_zone_files_says_utc() -> None:
    assert Words(Language.EN, "Nowhere/Atlantis").time(1_795_262_400 * 10**9) == "12:00 UTC"
