"""Which sights are two people at once."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_edge.blends import blends

BEHIND, IN_FRONT = (270.0, 50.0, 330.0, 230.0), (302.0, 130.0, 362.0, 310.0)
BOTH = (270.0, 50.0, 362.0, 310.0)
FAR = (500.0, 50.0, 560.0, 230.0)
Box = tuple[float, float, float, float]


def told(
    expected: list[Box], seen: list[Box], was_blended: tuple[int, ...] = ()
) -> dict[int, tuple[int, int]]:
    before: NDArray[np.bool_] = np.isin(np.arange(len(expected)), was_blended)
    return dict(blends(_boxes(expected), _boxes(seen), before))


def _boxes(boxes: list[Box]) -> NDArray[np.float32]:
    return np.array(boxes, np.float32).reshape(-1, 4)


def test_what_fills_two_and_neither_is_both() -> None:
    assert told([BEHIND, FAR, IN_FRONT], [FAR, BOTH]) == {1: (0, 2)}


@pytest.mark.parametrize(
    ("expected", "seen"),
    [
        pytest.param([BEHIND, IN_FRONT], [BEHIND], id="it-is-one-of-them"),
        pytest.param([BEHIND, IN_FRONT], [BOTH, IN_FRONT], id="the-other-is-seen-too"),
        pytest.param([BEHIND, FAR], [(270.0, 50.0, 560.0, 230.0)], id="they-are-apart"),
        pytest.param([BOTH, BEHIND], [BOTH], id="one-is-as-large"),
        pytest.param([BEHIND], [BOTH], id="there-is-nobody-else"),
        pytest.param([], [BOTH], id="there-is-nobody"),
        pytest.param([BEHIND, IN_FRONT], [], id="nothing-is-seen"),
    ],
)
def test_what_is_not_both(expected: list[Box], seen: list[Box]) -> None:
    assert told(expected, seen) == {}


def test_a_blend_goes_on_until_one_is_seen_alone() -> None:
    mostly_behind = (270.0, 50.0, 336.0, 280.0)
    assert told([BEHIND, IN_FRONT], [mostly_behind]) == {}
    assert told([BEHIND, IN_FRONT], [mostly_behind], (0, 1)) == {0: (0, 1)}
    assert told([BEHIND, IN_FRONT], [mostly_behind], (0,)) == {}
    assert told([BEHIND, IN_FRONT], [IN_FRONT], (0, 1)) == {}
