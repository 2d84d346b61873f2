"""Whom somebody new in a camera's sight is like, of those it lost."""

import numpy as np
import pytest
from tebura_contract.clock import ns_from_s
from tebura_contract.events import Alike
from tebura_contract.ids import CameraId, TrackId
from tebura_edge.clothes import Worn
from tebura_edge.detections import CLOTHES
from tebura_edge.footing import Footing
from tebura_edge.missing import KEPT_NS, MOST, Missing
from tebura_edge.sightings import Rounds

from tests.edge.test_sightings import KEN, MIKA, VIEW, track_at

RED, BLUE = np.array([53, 80, 67] * 2, np.float32), np.array([32, 79, -108] * 2, np.float32)
NOTHING = np.full(CLOTHES, np.nan, np.float32)
NEW_S, NEW_NS = 20.0, ns_from_s(20.0)


def worn(*samples: np.ndarray) -> Worn:
    return Worn(samples=list(samples))


def like(missing: Missing, *samples: np.ndarray, first_s: float = NEW_S) -> dict[TrackId, float]:
    told = missing.like(worn(*samples), ns_from_s(first_s), ns_from_s(first_s + 2.0))
    return {one.track: one.ratio for one in told}


def lost(at_s: float = 10.0) -> Missing:
    """Mika in red and Ken in blue, out of sight from then on."""
    missing = Missing()
    missing.lose(MIKA, ns_from_s(at_s), worn(RED, RED))
    missing.lose(KEN, ns_from_s(at_s), worn(BLUE))
    return missing


def test_who_comes_into_sight_is_like_whoever_wore_the_same() -> None:
    assert like(lost(), RED) == {MIKA: pytest.approx(3.0), KEN: pytest.approx(0.05)}


def test_it_is_enough_to_have_been_seen_so_from_one_side() -> None:
    missing = lost()
    missing.lose(KEN, ns_from_s(12.0), worn(BLUE, RED))
    assert like(missing, RED) == {MIKA: pytest.approx(3.0), KEN: pytest.approx(3.0)}


@pytest.mark.parametrize(
    "samples", [pytest.param((), id="not-yet"), pytest.param((NOTHING,), id="hidden")]
)
def test_clothes_not_seen_tell_nothing(samples: tuple[np.ndarray, ...]) -> None:
    assert like(lost(), *samples) == {}


def test_who_was_in_sight_already_when_the_other_was_lost_is_not_compared() -> None:
    assert like(lost(at_s=10.0), RED, first_s=9.0) == {}


def test_whoever_was_seen_for_long_was_compared_often_enough() -> None:
    assert like(lost(), RED, RED, RED, RED) != {}
    assert like(lost(), RED, RED, RED, RED, RED) == {}


def test_who_was_lost_long_ago_is_forgotten() -> None:
    assert like(lost(), RED, first_s=10.0 + KEPT_NS / 1e9 + 1.0) == {}


def test_only_the_last_ones_are_kept() -> None:
    missing = lost()
    for n in range(MOST - 1):
        missing.lose(TrackId(f"camera-1-1-{n + 10}"), ns_from_s(11.0), worn(BLUE))
    found = like(missing, RED)
    assert MIKA not in found
    assert len(found) == MOST


def test_a_look_tells_it_of_people_and_of_no_colour() -> None:
    rounds, footing = Rounds(CameraId("aisle")), Footing(VIEW)
    old, new = track_at(8.0, (1.0, 3.0)), track_at(10.0, (1.0, 3.0))
    old.clothes, new.clothes, new.first_ns = worn(RED), worn(RED + 2), ns_from_s(9.0)
    rounds.lose(MIKA, old)
    (told,) = rounds.step(ns_from_s(10.0), [(KEN, new)], footing)
    (seen,) = told.people
    # They differ by the root of 12: e to the power of (7.2 - 3.46) / 4.5.
    assert seen.alike == (Alike(track=MIKA, ratio=2.29),)
