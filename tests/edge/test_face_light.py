"""The light of a gate's screen on a face: skin gives it back, a tablet and its glass do not."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import MILLISECOND_NS
from tebura_edge.face_light import (
    ENOUGH_SLOTS,
    MOST_SLOTS,
    SLOT_NS,
    LightTest,
    Response,
    Tint,
    response,
    tints_from,
)
from tebura_edge.face_seen import FaceSeen

from tests.edge.face_points import head
from tests.edge.lit_faces import FRAME_NS, Shown

BEGAN_NS = 7_000 * SLOT_NS
OTHERS = 40


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


def judged(shown: Shown, tints: list[Tint], for_ns: int) -> LightTest:
    test = LightTest(tints, BEGAN_NS)
    for at_ns in range(BEGAN_NS, BEGAN_NS + for_ns, FRAME_NS):
        test.see(sight(shown, at_ns))
    return test


@pytest.mark.parametrize("lag_ms", [40, 150, 400])
@pytest.mark.parametrize("share", [0.04, 0.12])
def test_skin_that_gives_the_screen_s_light_back_is_alive(share: float, lag_ms: int) -> None:
    tints = colours(1)
    shown = Shown(tints, BEGAN_NS, skin=share, lag_ns=lag_ms * MILLISECOND_NS)
    assert judged(shown, tints, (ENOUGH_SLOTS + 2) * SLOT_NS).is_live


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


@pytest.mark.parametrize(("laid", "is_of_skin"), [(0.0, True), (0.3, True), (0.9, False)])
def test_where_a_face_is_dark_its_colours_tell_what_is_laid_over_it(
    laid: float, *, is_of_skin: bool
) -> None:
    told = Response(
        lag_ns=0,
        explained=0.95,
        gain=(0.06, 0.08, 0.1),
        least_part=0.7,
        sharing=0.2,
        level=0.03,
        laid=laid,
    )
    assert told.is_of_skin is is_of_skin
    assert replace(told, level=0.3).is_of_skin


@pytest.mark.parametrize(("mirrored", "laid"), [(0.0, 0.0), (0.02, 1.0)])
def test_light_on_skin_adds_to_all_its_colours_alike_and_light_over_it_does_not(
    mirrored: float, laid: float
) -> None:
    tints = colours(1)
    shown = Shown(tints, BEGAN_NS, skin=0.0 if mirrored else 0.1, mirrored=mirrored)
    sights = [sight(shown, at_ns) for at_ns in range(BEGAN_NS, BEGAN_NS + 24 * FRAME_NS, FRAME_NS)]
    assert response(sights, tints, BEGAN_NS).laid == pytest.approx(laid, abs=0.2)


def test_a_film_of_an_earlier_entry_has_other_colours() -> None:
    passes = sum(
        judged(
            Shown(colours(n), BEGAN_NS, film=colours(10_000 + n), skin=0.1, seed=n),
            colours(n),
            (MOST_SLOTS + 2) * SLOT_NS,
        ).is_live
        for n in range(OTHERS)
    )
    assert passes <= OTHERS // 20


def test_nothing_is_told_before_enough_was_seen() -> None:
    tints = colours(1)
    test = judged(Shown(tints, BEGAN_NS, skin=0.12), tints, (ENOUGH_SLOTS - 1) * SLOT_NS)
    assert not test.is_live
    assert not test.is_dark


@pytest.mark.parametrize("glow", [None, np.zeros((468, 3), np.float32)], ids=["none", "black"])
def test_a_face_that_cannot_be_measured_is_not_alive(glow: NDArray[np.float32] | None) -> None:
    test = LightTest(colours(1), BEGAN_NS)
    for at_ns in range(BEGAN_NS, BEGAN_NS + (MOST_SLOTS + 2) * SLOT_NS, FRAME_NS):
        test.see(replace(sight(Shown(colours(1), BEGAN_NS), at_ns), glow=glow))
    assert not test.is_live


def test_colours_differ_from_one_to_the_next_and_with_the_secret() -> None:
    for seed in range(50):
        tints = colours(seed)
        assert all(one is not two for one, two in itertools.pairwise(tints))
    assert len({tuple(colours(seed)[:ENOUGH_SLOTS]) for seed in range(100)}) > 60
