"""What went on at a time, found without looking at everything."""

from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from tebura_gateway.domain.judgement import judge
from tebura_gateway.domain.spans import LONG_SLOTS, SLOT_NS, Spans

from tests.gateway.paying import VISIT_S, shopping
from tests.gateway.shop import NODES, Script, layout, ns

AT_NS = st.integers(-3 * SLOT_NS, 2 * LONG_SLOTS * SLOT_NS)
SPAN = st.tuples(AT_NS, st.none() | st.integers(0, 2 * LONG_SLOTS * SLOT_NS))


@given(st.lists(SPAN, max_size=20), AT_NS, st.integers(0, 3 * SLOT_NS))
def test_it_finds_what_overlaps_and_nothing_else_in_the_order_given(
    spans: list[tuple[int, int | None]], from_ns: int, lasts_ns: int
) -> None:
    told = [
        (began_ns, None if took_ns is None else began_ns + took_ns, number)
        for number, (began_ns, took_ns) in enumerate(spans)
    ]
    to_ns = from_ns + lasts_ns
    assert Spans(told).during(from_ns, to_ns) == [
        number
        for began_ns, ended_ns, number in told
        if began_ns <= to_ns and (ended_ns is None or ended_ns >= from_ns)
    ]


def judged_s(visits: int) -> float:
    script = Script()
    for number in range(visits):
        shopping(script, VISIT_S * number, number + 1)
    through_ns = dict.fromkeys(NODES, ns(VISIT_S * visits + 10.0))
    took_s = []
    for _ in range(3):
        began_s = process_time()
        judge(script.facts, layout(), through_ns)
        took_s.append(process_time() - began_s)
    return min(took_s)


def test_a_day_of_visits_is_judged_in_a_time_that_grows_as_they_do() -> None:
    # Each of them looking at all others would make it sixteen times as long.
    assert judged_s(1_600) < 8.0 * judged_s(400)
