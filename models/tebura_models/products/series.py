"""Photographs that are nearly the same belong together.

To be asked about one, knowing the other, proves nothing.
"""

import numpy as np

from tebura_models.discriminant import Classes
from tebura_models.heads import Floats

ALIKE = 0.9
"""Cosine of two whole pictures of one product from which on they are one series."""


def series_of(whole: Floats, classes: Classes) -> Classes:
    """A number for each picture, the same for those of one series; `whole` has rows of length 1."""
    series = np.arange(len(classes))
    for name in np.unique(classes):
        members = np.flatnonzero(classes == name)
        alike = whole[members] @ whole[members].T >= ALIKE
        for row, column in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
            one, other = series[members[row]], series[members[column]]
            series[(series == other) & (classes == name)] = one
    return series


def folds_of(series: Classes, classes: Classes, count: int, seed: int) -> Classes:
    """Spread each product's series over `count` folds, evenly; a series stays in one."""
    rng = np.random.default_rng(seed)
    folds = np.empty(len(series), np.int64)
    for name in np.unique(classes):
        is_its = classes == name
        numbers, sizes = np.unique(series[is_its], return_counts=True)
        filled = rng.permutation(count) / (count * 2)
        for row in np.lexsort((rng.random(len(numbers)), -sizes)):
            fold = int(filled.argmin())
            folds[is_its & (series == numbers[row])] = fold
            filled[fold] += sizes[row]
    return folds
