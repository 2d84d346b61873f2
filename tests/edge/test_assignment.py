import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tebura_edge.assignment import best_pairs

sizes = st.tuples(st.integers(1, 5), st.integers(1, 5))


@given(sizes, st.integers(0, 2**32 - 1), st.booleans())
def test_the_sum_is_as_good_as_trying_everything(
    size: tuple[int, int], seed: int, has_ties: bool
) -> None:
    similarity = np.random.default_rng(seed).random(size)
    if has_ties:
        similarity = similarity.round(1)
    pairs = best_pairs(similarity, 0.0)
    got = sum(similarity[pair] for pair in pairs)
    rows, columns = size
    few, many = sorted((rows, columns))
    table = similarity if rows <= columns else similarity.T
    best = max(
        sum(table[row, column] for row, column in enumerate(chosen))
        for chosen in itertools.permutations(range(many), few)
    )
    np.testing.assert_allclose(got, best, atol=1e-9)
    assert len({row for row, _ in pairs}) == len(pairs) == len({c for _, c in pairs})


def test_pairs_below_the_least_are_left_alone() -> None:
    assert best_pairs(np.array([[0.9, 0.1], [0.1, 0.2]]), 0.25) == [(0, 0)]
    assert best_pairs(np.zeros((0, 3)), 0.1) == []
    assert best_pairs(np.zeros((3, 0)), 0.1) == []
