"""Who goes with whom: the assignment that is best in sum, for the few people of one picture."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def best_pairs(similarity: Floats, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) whose similarities sum to the most; none below `least`.

    The Hungarian method with potentials (Kuhn 1955; Jonker and Volgenant's shortest augmenting
    paths), O(n^3): exact where taking the best pair first goes wrong, as when people cross.

    >>> best_pairs(np.array([[0.9, 0.8], [0.8, 0.1]]), 0.2)
    [(0, 1), (1, 0)]
    """
    if similarity.size == 0:
        return []
    # A pair below `least` is worth nothing; it may be chosen to fill up, and is dropped then.
    worth = np.where(similarity >= least, similarity, 0.0)
    is_tall = worth.shape[0] > worth.shape[1]
    columns = _assign(-(worth.T if is_tall else worth))
    pairs = [(int(c), r) if is_tall else (r, int(c)) for r, c in enumerate(columns)]
    return sorted(pair for pair in pairs if similarity[pair] >= least)


def _assign(cost: Floats) -> NDArray[np.intp]:
    """The column of each row at least total cost; rows may not outnumber columns."""
    rows, columns = cost.shape
    row_potential, column_potential = np.zeros(rows), np.zeros(columns)
    owner = np.full(columns, rows, np.intp)  # the row of each column; `rows` means free
    for new in range(rows):
        reach = cost[new] - row_potential[new] - column_potential
        came_from = np.full(columns, columns, np.intp)
        is_done = np.zeros(columns, np.bool_)
        while True:
            column = int(np.where(is_done, np.inf, reach).argmin())
            step = reach[column]
            if owner[column] == rows:
                break
            is_done[column] = True
            row = int(owner[column])
            through = step + cost[row] - row_potential[row] - column_potential
            is_better = ~is_done & (through < reach)
            # Through the row's own column the reduced cost is zero, so `through` is exact.
            reach = np.where(is_better, through, reach)
            came_from = np.where(is_better, column, came_from)
        _shift(row_potential, column_potential, owner, new, reach, is_done, step)
        while came_from[column] != columns:
            owner[column] = owner[came_from[column]]
            column = int(came_from[column])
        owner[column] = new
    chosen = np.zeros(rows, np.intp)
    taken = np.flatnonzero(owner < rows)
    chosen[owner[taken]] = taken
    return chosen


def _shift(
    row_potential: Floats,
    column_potential: Floats,
    owner: NDArray[np.intp],
    new: int,
    reach: Floats,
    is_done: NDArray[np.bool_],
    step: float,
) -> None:
    """Keep all reduced costs at or above zero after a search that ended at `step`."""
    row_potential[new] += step
    for column in np.flatnonzero(is_done):
        row_potential[owner[column]] += step - reach[column]
        column_potential[column] -= step - reach[column]
