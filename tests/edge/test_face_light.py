"""The light of a gate's screen on a face: skin gives it back, a tablet and its glass do not."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import MILLISECOND_NS, SECOND_NS
from tebura_edge.face_light import (
    ENOUGH_SLOTS,
    LIGHTS,
    MOST_SLOTS,
    SLOT_NS,
    LightTest,
    Response,
    Tint,
    response,
    tints_from,
)
from tebura_edge.face_seen import FaceSeen
from tebura_edge.face_usual import AT_FIRST, Came, Usual, UsualLight

from tests.edge.face_points import head
from tests.edge.lit_faces import FRAME_NS, Shown

BEGAN_NS = 7_000 * SLOT_NS
OTHERS = 40
LAG_NS = 150 * MILLISECOND_NS
LEARNED = UsualLight([Came(LAG_NS, 0.0)]).believed


def colours(seed: int) -> list[Tint]:
    return tints_from(np.random.default_rng(seed).bytes(128), 60)


def sight(shown: Shown, at_ns: int) -> FaceSeen:
    return FaceSeen(
        camera="eye",
        at_ns=at_ns,
        track=1,
        aside=0.1 * float(np.sin(at_ns / 1e9)),
        down=0.55,
        fault="",
        others=0,
        motion=None,
        vector=None,
        points=head(),
        glow=shown(at_ns),
    )


def judged(shown: Shown, tints: list[Tint], for_ns: int, believed: Usual = AT_FIRST) -> LightTest:
    test = LightTest(tints, believed)
    test.began_ns = BEGAN_NS
    for at_ns in range(BEGAN_NS, BEGAN_NS + for_ns, FRAME_NS):
        test.see(sight(shown, at_ns))
    return test


@pytest.mark.parametrize("lag_ms", [40, 150, 400])
@pytest.mark.parametrize("share", [0.04, 0.12])
def test_skin_that_gives_the_screen_s_light_back_is_alive(share: float, lag_ms: int) -> None:
    tints = colours(1)
    shown = Shown(tints, BEGAN_NS, skin=share, lag_ns=lag_ms * MILLISECOND_NS)
    assert judged(shown, tints, (ENOUGH_SLOTS + 2) * SLOT_NS).is_live


@pytest.mark.parametrize("lag_ms", [60, 110, 155, 205])
def test_light_is_found_when_it_came_and_refused_from_a_hundred_milliseconds_late_on(
    lag_ms: int,
) -> None:
    lag_ns = lag_ms * MILLISECOND_NS
    usual = UsualLight([Came(lag_ns, 0.0)])
    for seed in range(5):
        tints = colours(seed)
        shown = Shown(tints, BEGAN_NS, skin=0.08, lag_ns=lag_ns, seed=seed)
        own = judged(shown, tints, (ENOUGH_SLOTS + 2) * SLOT_NS)
        assert own.is_live
        assert own.came is not None
        assert own.came.lag_ns == pytest.approx(lag_ns, abs=30 * MILLISECOND_NS)
        for after_ms in (100, 200):
            followed_ns = lag_ns + after_ms * MILLISECOND_NS
            film = Shown(tints, BEGAN_NS, skin=0.08, lag_ns=followed_ns, seed=seed)
            late = judged(film, tints, (MOST_SLOTS + 2) * SLOT_NS, usual.believed)
            assert late.is_dark
            assert late.came is not None


def test_nothing_is_judged_before_the_screen_says_when_it_began() -> None:
    tints = colours(1)
    test = LightTest(tints, AT_FIRST)
    shown = Shown(tints, BEGAN_NS, skin=0.1)
    for at_ns in range(BEGAN_NS, BEGAN_NS + (MOST_SLOTS + 2) * SLOT_NS, FRAME_NS):
        test.see(sight(shown, at_ns))
    assert not test.is_live
    test.began_ns = BEGAN_NS
    test.see(sight(shown, BEGAN_NS + (MOST_SLOTS + 2) * SLOT_NS))
    assert test.is_live


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(Shown(colours(1), BEGAN_NS), id="shines-by-itself"),
        pytest.param(Shown(colours(1), BEGAN_NS, mirrored=0.075), id="glass-mirrors-the-screen"),
        pytest.param(Shown(colours(1), BEGAN_NS, below=0.075), id="mirrors-it-below-the-eyes"),
        pytest.param(
            Shown(colours(1), BEGAN_NS, mirrored=0.075, film=colours(2), skin=0.1),
            id="mirrors-over-an-earlier-entry",
        ),
    ],
)
def test_a_tablet_is_dark_however_long_it_is_looked_at(shown: Shown) -> None:
    test = judged(shown, colours(1), (MOST_SLOTS + 2) * SLOT_NS)
    assert not test.is_live
    assert test.is_dark


@pytest.mark.parametrize(("bluer", "is_usual"), [(0.0, True), (0.3, True), (1.2, False)])
def test_where_a_face_is_dark_its_colours_tell_what_is_laid_over_it(
    bluer: float, *, is_usual: bool
) -> None:
    told = Response(
        lag_ns=LAG_NS,
        explained=0.95,
        gain=(0.06, 0.08, 0.06 * math.exp(bluer)),
        least_part=0.7,
        sharing=0.2,
        level=0.03,
        brown=1.3,
    )
    assert told.is_usual(AT_FIRST) is is_usual
    assert told.is_usual(LEARNED) is is_usual
    assert replace(told, level=0.3).is_usual(LEARNED)


@pytest.mark.parametrize(("mirrored", "laid"), [(0.0, 0.0), (0.02, 1.0)])
def test_light_on_skin_adds_to_all_its_colours_alike_and_light_over_it_does_not(
    mirrored: float, laid: float
) -> None:
    tints = colours(1)
    shown = Shown(tints, BEGAN_NS, skin=0.0 if mirrored else 0.1, mirrored=mirrored)
    sights = [sight(shown, at_ns) for at_ns in range(BEGAN_NS, BEGAN_NS + 24 * FRAME_NS, FRAME_NS)]
    told = response(sights, tints, BEGAN_NS)
    assert told.came.bluer / told.brown == pytest.approx(laid, abs=0.2)


@pytest.mark.parametrize(("believed", "most"), [(AT_FIRST, 0.1), (LEARNED, 0.05)])
def test_a_film_of_an_earlier_entry_has_other_colours(believed: Usual, most: float) -> None:
    passes = sum(
        judged(
            Shown(colours(n), BEGAN_NS, film=colours(10_000 + n), skin=0.1, seed=n),
            colours(n),
            (MOST_SLOTS + 2) * SLOT_NS,
            believed,
        ).is_live
        for n in range(OTHERS)
    )
    assert passes <= most * OTHERS


def test_nothing_is_told_before_enough_was_seen() -> None:
    tints = colours(1)
    test = judged(Shown(tints, BEGAN_NS, skin=0.12), tints, (ENOUGH_SLOTS - 1) * SLOT_NS)
    assert not test.is_live
    assert not test.is_dark


@pytest.mark.parametrize("glow", [None, np.zeros((468, 3), np.float32)], ids=["none", "black"])
def test_a_face_that_cannot_be_measured_is_not_alive(glow: NDArray[np.float32] | None) -> None:
    test = LightTest(colours(1), AT_FIRST)
    test.began_ns = BEGAN_NS
    for at_ns in range(BEGAN_NS, BEGAN_NS + (MOST_SLOTS + 2) * SLOT_NS, FRAME_NS):
        test.see(replace(sight(Shown(colours(1), BEGAN_NS), at_ns), glow=glow))
    assert not test.is_live


def test_the_colours_are_no_flashes_that_could_trouble_somebody() -> None:
    """WCAG 2.3.1: three pairs of changes in any second at most, and none to a saturated red."""
    most_changes = SECOND_NS // SLOT_NS + 1
    assert most_changes // 2 <= 3
    assert all(red / (red + green + blue) < 0.8 for red, green, blue in LIGHTS.values())


def test_colours_differ_from_one_to_the_next_and_with_the_secret() -> None:
    for seed in range(50):
        tints = colours(seed)
        assert all(one is not two for one, two in itertools.pairwise(tints))
    assert len({tuple(colours(seed)[:ENOUGH_SLOTS]) for seed in range(100)}) > 60
