"""Makes garments of pieces of a body's mesh: straight hems, shoes without toes."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_HEM_ROUNDS = 12
_SHOE_ROUNDS = 10


def hemmed(vertices_m: Array, faces: NDArray[np.int_]) -> Array:
    """The mesh with its open edges straightened: each edge vertex drawn to its neighbours."""
    edges, count = np.unique(_edges(faces), axis=0, return_counts=True)
    return _drawn_together(vertices_m, edges[count == 1], _HEM_ROUNDS)


def smoothed(vertices_m: Array, faces: NDArray[np.int_]) -> Array:
    """The mesh without its small shapes."""
    return _drawn_together(vertices_m, np.unique(_edges(faces), axis=0), _SHOE_ROUNDS)


def _edges(faces: NDArray[np.int_]) -> NDArray[np.int_]:
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.sort(pairs, axis=1)


def _drawn_together(vertices_m: Array, edges: NDArray[np.int_], rounds: int) -> Array:
    """Each vertex of the edges moved half way to the mean of its neighbours, some times over."""
    moved = vertices_m.copy()
    degree = np.bincount(edges.ravel(), minlength=len(moved))
    on = degree > 0
    for _ in range(rounds):
        total = np.zeros_like(moved)
        np.add.at(total, edges[:, 0], moved[edges[:, 1]])
        np.add.at(total, edges[:, 1], moved[edges[:, 0]])
        moved[on] += 0.5 * (total[on] / degree[on, None] - moved[on])
    return moved
