"""The picture of a step: what is where, whatever a node said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.events import Trace
from tebura_contract.ids import PlateId, ShelfId, TrackId, VisitId
from tebura_gateway.service.views import ReviewHand, ReviewStep, Spell
from tebura_gateway.web.trace_chart import BOTTOM, LANES, LEFT, RIGHT, TOP, trace_chart

SHELF = ShelfId("g1/s2")
ONE, TWO = PlateId("g1/s2/p1"), PlateId("g1/s2/p2")


def step(
    grams: dict[PlateId, tuple[float, ...]] | None = None,
    hands: tuple[ReviewHand, ...] = (),
    spells: tuple[Spell, ...] = (),
    delta_g: float = -100.0,
) -> ReviewStep:
    """A step from 1 s to 2 s; a trace has a value a second, from 0 s on."""
    return ReviewStep(
        shelf=SHELF,
        plates=(ONE, TWO),
        facing=None,
        delta_g=delta_g,
        from_ns=SECOND_NS,
        to_ns=2 * SECOND_NS,
        blind="",
        trace=None if grams is None else Trace(from_ns=Ns(0), every_ns=SECOND_NS, grams=grams),
        hands=hands,
        spells=spells,
    )


def hand(visit: VisitId | None, from_s: float = 0.5) -> ReviewHand:
    at_ns = int(from_s * SECOND_NS)
    return ReviewHand(
        visit=visit,
        track=TrackId("camera-1-1-1"),
        x_m=0.1,
        from_ns=at_ns,
        to_ns=at_ns + SECOND_NS,
        confidence=0.9,
    )


def test_lines_start_at_zero_and_end_at_the_level_after() -> None:
    chart = trace_chart(
        step({ONE: (500.0, 480.0, 440.0, 440.0), TWO: (300.0, 280.0, 260.0, 260.0)}), []
    )
    assert [(one.before_g, one.after_g) for one in chart.levels] == [(500.0, 440.0), (300.0, 260.0)]
    *plates, total = chart.lines
    assert [one.plate for one in plates] == [ONE, TWO]
    assert total.plate == ""
    first, *_, last = [tuple(map(float, p.split(","))) for p in total.points.split()]
    assert first == pytest.approx((LEFT, chart.zero_y), abs=0.1)
    # 60 g and 40 g are the 100 g of the step.
    assert last == pytest.approx((RIGHT, chart.after_y), abs=0.1)


def test_candidates_are_marked_where_the_trace_would_have_ended() -> None:
    chart = trace_chart(step({ONE: (500.0, 450.0, 400.0)}), [-100.0, None, -110.0, -5000.0])
    assert [mark.number for mark in chart.marks] == [1, 3], "unknown or far off: no mark"
    assert chart.marks[0].y == pytest.approx(chart.after_y)
    assert chart.marks[1].label_y - chart.marks[0].label_y >= 16.0


def test_a_knock_does_not_flatten_the_step() -> None:
    chart = trace_chart(step({ONE: (500.0, 9500.0, 400.0, 400.0)}), [])
    assert chart.after_y - chart.zero_y > 0.3 * (BOTTOM - TOP)


def test_each_person_has_a_lane_and_what_was_blind_the_last() -> None:
    visits = [VisitId(f"gate-1-1-{n}") for n in range(8)]
    spell = Spell(reason="black", from_ns=0, to_ns=2**62, weighs=False)
    hands = tuple(hand(visit) for visit in visits)
    chart = trace_chart(step(hands=(*hands, hand(visits[0], 1.5)), spells=(spell,)), [])
    *people, blind = chart.lanes
    assert len(people) <= LANES + 1
    assert len(people[0].bars) == 2
    assert sum(len(lane.bars) for lane in people) == 9, "nobody's hand is left out"
    assert (blind.is_blind, blind.bars[0].note) == (True, "black")
    assert blind.bars[0].x + blind.bars[0].width <= RIGHT + 0.1


finite = st.floats(-1e6, 1e6)


@given(
    st.dictionaries(st.sampled_from([ONE, TWO, PlateId("g1/s2/p9")]), st.lists(finite, max_size=9)),
    st.lists(st.none() | finite, max_size=9),
    finite,
)
def test_whatever_plates_said_the_picture_stays_in_its_frame(
    grams: dict[PlateId, list[float]], expected_g: list[float | None], delta_g: float
) -> None:
    said = {plate: tuple(values) for plate, values in grams.items()}
    chart = trace_chart(step(said if any(said.values()) else None, delta_g=delta_g), expected_g)
    assert TOP <= chart.zero_y <= BOTTOM
    assert TOP <= chart.after_y <= BOTTOM
    for mark in chart.marks:
        assert TOP <= mark.y <= BOTTOM
    assert 0 < len(chart.grams) <= 6
    assert all(LEFT <= tick.at <= RIGHT for tick in chart.seconds)
