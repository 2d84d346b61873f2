import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import (
    LENGTH,
    SPARES,
    STEP_S,
    Claim,
    CodeFault,
    check_code,
    make_code,
    member_key,
    new_member_id,
    time_step,
)
from tebura_contract.ids import StoreId

STORE_KEY = b"s" * 32
STORE = StoreId("demo")
MEMBER = new_member_id(b"\x00mika1234")
NOW_NS = 1_700_000_000 * SECOND_NS


def code_at(store_ns: int, spare: int = 0) -> str:
    return make_code(member_key(STORE_KEY, STORE, MEMBER), STORE, MEMBER, store_ns, spare)


def test_code_claims_its_member_and_step() -> None:
    claim = check_code(code_at(NOW_NS), [STORE_KEY], STORE, NOW_NS)
    assert claim == Claim(member=MEMBER, step=time_step(NOW_NS))


def test_code_fits_a_small_qr_code_in_alphanumeric_mode() -> None:
    code = code_at(NOW_NS)
    assert len(code) == LENGTH <= 45
    assert set(code) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


@given(st.integers(-(10**7), 10**7))
def test_code_opens_only_within_one_step_of_its_own(age_s: int) -> None:
    shown_ns = NOW_NS + age_s * SECOND_NS
    steps_apart = time_step(shown_ns) - time_step(NOW_NS)
    outcome = check_code(code_at(NOW_NS), [STORE_KEY], STORE, shown_ns)
    assert isinstance(outcome, Claim) == (abs(steps_apart) <= 1)


def test_each_spare_is_another_code_of_the_same_step() -> None:
    codes = [code_at(NOW_NS, spare) for spare in range(SPARES + 1)]
    assert len(set(codes)) == SPARES + 1
    for later_s in (-STEP_S, 0, STEP_S):
        at_ns = NOW_NS + later_s * SECOND_NS
        claims = [check_code(code, [STORE_KEY], STORE, at_ns) for code in codes]
        step = time_step(NOW_NS)
        assert claims == [Claim(member=MEMBER, step=step, spare=n) for n in range(SPARES + 1)]
    unknown = code_at(NOW_NS, SPARES + 1)
    assert check_code(unknown, [STORE_KEY], STORE, NOW_NS) is CodeFault.FORGED


@pytest.mark.parametrize("spare", range(SPARES + 1))
def test_a_screenshot_of_minutes_ago_is_named_expired(spare: int) -> None:
    later_ns = NOW_NS + 10 * STEP_S * SECOND_NS
    assert check_code(code_at(NOW_NS, spare), [STORE_KEY], STORE, later_ns) is CodeFault.EXPIRED


def test_code_of_another_store_does_not_open() -> None:
    outcome = check_code(code_at(NOW_NS), [STORE_KEY], StoreId("elsewhere"), NOW_NS)
    assert outcome is CodeFault.FORGED


@given(st.integers(2, LENGTH - 1), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_any_changed_character_is_a_forgery(index: int, letter: str) -> None:
    code = code_at(NOW_NS)
    altered = code[:index] + letter + code[index + 1 :]
    outcome = check_code(altered, [STORE_KEY], STORE, NOW_NS)
    assert (outcome is CodeFault.FORGED) == (altered != code)


@pytest.mark.parametrize(
    "text",
    ["", "T1", "hello world", "X" * LENGTH, "T1" + "-" * (LENGTH - 2), "T1" + "é" * (LENGTH - 2)],
)
def test_other_writing_is_malformed(text: str) -> None:
    assert check_code(text, [STORE_KEY], STORE, NOW_NS) in {CodeFault.MALFORMED, CodeFault.FORGED}
    assert not isinstance(check_code(text, [STORE_KEY], STORE, NOW_NS), Claim)


def test_while_the_store_changes_its_key_codes_of_both_are_good_and_then_only_the_new() -> None:
    old, new = STORE_KEY, b"another key of the same store..."
    for key in (old, new):
        code = make_code(member_key(key, STORE, MEMBER), STORE, MEMBER, NOW_NS)
        assert isinstance(check_code(code, [new, old], STORE, NOW_NS), Claim)
        later_ns = NOW_NS + 5 * STEP_S * SECOND_NS
        assert check_code(code, [new, old], STORE, later_ns) is CodeFault.EXPIRED
    assert check_code(code_at(NOW_NS), [new], STORE, NOW_NS) is CodeFault.FORGED
