"""Tells classes apart by rows of numbers: one Gaussian a class, all of one shape.

The shape is learnt from how photographs of the same product differ: what changes with light,
angle and background counts little, what does not change counts much. It needs no more than a few
photographs a product, is solved in one go, and a product's share never depends on the others that
are asked about.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tebura_models.heads import Floats

Classes = NDArray[np.int64]

SHRINKAGE = 0.2
"""How far the shape is drawn towards a ball: few photographs know little of 1,280 dimensions."""
SHARPNESSES = np.geomspace(0.01, 4, 80)


@dataclass(frozen=True, eq=False, slots=True)
class Discriminant:
    """`weights` (dimensions, classes) and `bias` (classes,); `sharpness` makes evidence honest."""

    weights: Floats
    bias: Floats
    sharpness: float = 1.0

    def evidence(self, views: Floats) -> Floats:
        """Log-likelihoods (N, classes) up to a constant a row, of pictures (N, views, dims)."""
        told = (views @ self.weights).mean(axis=1) + self.bias
        return np.asarray(self.sharpness * told, np.float32)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A discriminant as files hold it."""

    dimensions: int
    classes: int
    weights: bytes
    bias: bytes
    sharpness: float


def store(discriminant: Discriminant) -> Stored:
    """For a file."""
    dimensions, classes = discriminant.weights.shape
    return Stored(
        dimensions=dimensions,
        classes=classes,
        weights=discriminant.weights.astype("<f4").tobytes(),
        bias=discriminant.bias.astype("<f4").tobytes(),
        sharpness=discriminant.sharpness,
    )


def restore(stored: Stored) -> Discriminant:
    """From a file.

    Raises:
        ValueError: If there are more or fewer numbers than it says.
    """
    weights = np.frombuffer(stored.weights, "<f4").reshape(stored.dimensions, stored.classes)
    bias = np.frombuffer(stored.bias, "<f4").reshape(stored.classes)
    return Discriminant(weights, bias, stored.sharpness)


def fit(views: Floats, classes: Classes, count: int, shrinkage: float = SHRINKAGE) -> Discriminant:
    """From pictures (N, views, dims) of classes 0..count-1, each of which has one at least."""
    rows = views.reshape(-1, views.shape[-1]).astype(np.float64)
    each = np.repeat(classes, views.shape[1])
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, each, rows)
    means = sums / np.bincount(each, minlength=count)[:, None]
    off = rows - means[each]
    shape = off.T @ off / len(off)
    ball = np.trace(shape) / len(shape)
    shape *= 1 - shrinkage
    shape[np.diag_indices_from(shape)] += shrinkage * ball + 1e-9
    weights = np.linalg.solve(shape, means.T)
    bias = -0.5 * (means.T * weights).sum(axis=0)
    return Discriminant(weights.astype(np.float32), bias.astype(np.float32))


def probabilities(evidence: Floats, prior: Floats) -> Floats:
    """Posterior (N, classes) of evidence (log-likelihoods) and a prior (classes,)."""
    with np.errstate(divide="ignore"):
        told = evidence + np.log(prior)
    told = np.exp(told - told.max(axis=1, keepdims=True))
    return np.asarray(told / told.sum(axis=1, keepdims=True), np.float32)


def best_sharpness(evidence: Floats, classes: Classes) -> float:
    """What evidence of pictures that were held out is to be multiplied by: maximum likelihood.

    The prior is how often each class is among them.
    """
    at = np.arange(len(classes))
    often = np.bincount(classes, minlength=evidence.shape[1]) / len(classes)
    with np.errstate(divide="ignore"):
        usual = np.log(often)

    def loss(sharpness: float) -> float:
        told = sharpness * evidence.astype(np.float64) + usual
        told -= told.max(axis=1, keepdims=True)
        return float((np.log(np.exp(told).sum(axis=1)) - told[at, classes]).mean())

    return float(min(SHARPNESSES, key=loss))


@dataclass(frozen=True, eq=False, slots=True)
class Fold:
    """What was learnt without some pictures: `asked` are those, `known` the classes it knows.

    Pictures whose class is in their fold alone are not asked about: nobody could know them.
    """

    asked: Classes
    known: Classes
    learnt: Discriminant


def learn_folds(
    views: Floats, classes: Classes, folds: Classes, shrinkage: float = SHRINKAGE
) -> list[Fold]:
    """One for each fold, learnt from all pictures outside it."""
    learnt = []
    for fold in np.unique(folds):
        others = folds != fold
        known, columns = np.unique(classes[others], return_inverse=True)
        asked = np.flatnonzero(~others & np.isin(classes, known))
        if len(asked):
            told = fit(views[others], columns, len(known), shrinkage)
            learnt.append(Fold(asked, known, told))
    return learnt


def ask_folds(learnt: list[Fold], shown: Floats, count: int) -> tuple[Floats, Classes]:
    """Evidence (pictures, `count` classes) of each picture held out, and which pictures."""
    told = [np.zeros((0, count), np.float32)]
    for fold in learnt:
        evidence = np.full((len(fold.asked), count), -np.inf, np.float32)
        evidence[:, fold.known] = fold.learnt.evidence(shown[fold.asked])
        told.append(evidence)
    asked = [np.zeros(0, np.int64), *(fold.asked for fold in learnt)]
    return np.concatenate(told), np.concatenate(asked)


def held_out(
    views: Floats,
    classes: Classes,
    folds: Classes,
    shown: Floats | None = None,
    shrinkage: float = SHRINKAGE,
) -> tuple[Floats, Classes]:
    """Evidence of each picture by all others outside its fold, and which pictures that is of.

    `shown` are the pictures as they are asked about, where that is not as they were learnt.
    """
    learnt = learn_folds(views, classes, folds, shrinkage)
    return ask_folds(learnt, views if shown is None else shown, int(classes.max()) + 1)
