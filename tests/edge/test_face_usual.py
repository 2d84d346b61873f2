"""What a gate's own light is like: who teaches it, and who cannot."""

from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import MILLISECOND_NS
from tebura_contract.entry_code import new_member_id
from tebura_contract.ids import MemberId
from tebura_edge.face_usual import (
    AT_FIRST,
    AT_FIRST_NS,
    KEPT,
    MEMBERS,
    TOLERANCE_NS,
    Came,
    UsualLight,
)

OWN_NS = 120 * MILLISECOND_NS
OWN, FOLLOWED = Came(OWN_NS, 0.1), Came(3 * OWN_NS, 0.1)
own = st.builds(
    Came, st.integers(OWN_NS, OWN_NS + 25 * MILLISECOND_NS), st.floats(-0.2, 0.2, allow_nan=False)
)
later = st.builds(Came, st.integers(OWN_NS + 100 * MILLISECOND_NS, AT_FIRST_NS), st.just(0.0))


def member(n: int) -> MemberId:
    return new_member_id(b"%9d" % n)


def taught(*came: Came) -> UsualLight:
    light = UsualLight()
    for n, one in enumerate(came):
        light.confirmed(member(n), one)
    return light


def test_four_members_teach_nothing_yet() -> None:
    assert taught(*[OWN] * (MEMBERS - 1)).believed == AT_FIRST


def test_one_member_alone_teaches_nothing_however_often() -> None:
    light = UsualLight()
    for _ in range(100):
        light.confirmed(member(1), OWN)
        light.refused(member(1), FOLLOWED)
    assert light.believed == AT_FIRST


@given(st.lists(own, min_size=MEMBERS - 2, max_size=KEPT), st.lists(later, max_size=2), st.data())
def test_attacks_among_the_first_do_not_make_it_later(
    honest: list[Came], films: list[Came], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(honest + films))
    if len(mixed) >= MEMBERS:
        usual = taught(*mixed).believed
        assert OWN_NS <= usual.latest_ns - TOLERANCE_NS <= OWN_NS + 25 * MILLISECOND_NS


@given(st.lists(own, min_size=MEMBERS, max_size=40), st.lists(later, max_size=60))
def test_one_member_who_is_refused_again_and_again_teaches_nothing(
    honest: list[Came], films: list[Came]
) -> None:
    light = taught(*honest)
    before = light.believed
    for film in films:
        light.refused(member(1), film)
    assert light.believed == before


def test_who_is_refused_counts_only_while_nobody_is_confirmed() -> None:
    light = taught(*[OWN] * MEMBERS)
    for n in range(30):
        light.refused(member(n), FOLLOWED)
        if n % (MEMBERS - 1) == 0:
            light.confirmed(member(n), OWN)
    assert light.believed.is_in_time(OWN)
    assert not light.believed.is_in_time(FOLLOWED)


def test_where_everybody_is_refused_the_gate_has_another_light() -> None:
    light = taught(*[OWN] * KEPT)
    for n in range(MEMBERS):
        light.refused(member(n), FOLLOWED)
    assert light.believed.is_in_time(FOLLOWED)
    assert not light.believed.is_in_time(OWN)


def test_light_that_comes_too_early_is_no_more_believed_than_light_that_is_late() -> None:
    usual = taught(*[OWN] * MEMBERS).believed
    away_ns = TOLERANCE_NS + MILLISECOND_NS
    for lag_ns in (OWN_NS - away_ns, OWN_NS + away_ns):
        assert not usual.is_in_time(Came(lag_ns, 0.1))


def test_under_warm_lamps_everybody_s_light_is_bluer_and_only_more_than_that_is_laid_over() -> None:
    warm, brown = Came(OWN_NS, 1.2), 1.3
    laid_over = Came(OWN_NS, 1.2 + brown)
    assert not AT_FIRST.is_shared(warm, brown)
    usual = taught(*[warm] * MEMBERS).believed
    assert usual.is_shared(warm, brown)
    assert not usual.is_shared(laid_over, brown)


@given(st.lists(own, max_size=40))
def test_what_is_known_survives_a_restart(honest: list[Came]) -> None:
    light = taught(*honest)
    assert UsualLight(light.saved()).believed == light.believed
    assert len(light.saved()) <= KEPT
