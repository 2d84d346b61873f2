"""Judges how well products are told apart, on photographs in folders of their own.

Each photograph is asked about by an index that has seen neither it nor its series (pictures nearly
the same as it). What is shown stands for where such a picture comes from: as it was shot, in other
light, cut to what a wrist's crop holds, and that as small as a ceiling camera sees it.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from tebura_models.discriminant import (
    Classes,
    Fold,
    ask_folds,
    best_sharpness,
    fit,
    learn_folds,
    probabilities,
)
from tebura_models.embedding import Embedder
from tebura_models.heads import Floats, Image
from tebura_models.products.features import describe, describe_to_learn, relit
from tebura_models.products.index import FOLDS, SURE
from tebura_models.products.photos import VIEWS, Photos, central, find_photos, read_photo
from tebura_models.products.series import folds_of, series_of

CROPPED = 0.6
SMALL_PX = 48
CANDIDATES = (5, 10)
RESAMPLES = 1000
BINS = np.linspace(0, 1, 11)


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share and its 95 % interval, by drawing series anew; null where nothing was asked."""

    share: float | None
    low: float | None = None
    high: float | None = None
    of: int


class ShownReport(msgspec.Struct, frozen=True, kw_only=True):
    """How photographs shown in one way were told.

    Top-1 among all products; among so many drawn by chance and the right one; and among the right
    one and those that look most like it (what stands beside it on a shelf often does). `answered`
    are those whose best product has a probability of `SURE` or more, `answered_wrong` the share of
    them that is wrong; `unenrolled_answered` is how often a product that no photograph was enrolled
    of was taken surely for another one. `calibration_error` is by how much probabilities are off.
    """

    shown: str
    all: Share
    among_5: Share
    among_10: Share
    alike_5: Share
    alike_10: Share
    answered: Share
    answered_wrong: Share
    unenrolled_answered: Share
    calibration_error: float | None


class ProductsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came out; `series` is how many sets of pictures nearly the same there are."""

    network: str
    products: int
    pictures: int
    series: int
    folds: int
    seed: int
    sharpness: float
    shown: tuple[ShownReport, ...]


def evaluate_products(embedder: Embedder, folder: Path, *, seed: int = 0) -> ProductsReport:
    """Enrol and ask in turns.

    Raises:
        PhotoError: If the folder or one of its pictures cannot be used.
    """
    photos = find_photos(folder)
    products = np.asarray(photos.products)
    taught, shown = _described(photos, embedder)
    as_shot = shown["as shot"]
    series = series_of(as_shot[:, 0, : embedder.entry.dimensions], products)
    folds = folds_of(series, products, FOLDS, seed)
    judge = _Judge(taught, as_shot, products, series, folds, seed)
    return ProductsReport(
        network=embedder.entry.name,
        products=len(photos.names),
        pictures=len(photos.files),
        series=len(np.unique(series)),
        folds=FOLDS,
        seed=seed,
        sharpness=round(judge.sharpness, 4),
        shown=tuple(judge.report(name, seen) for name, seen in shown.items()),
    )


def _described(photos: Photos, embedder: Embedder) -> tuple[Floats, dict[str, Floats]]:
    """Pictures as they are learnt from, and in each way of showing them."""
    taught: list[Floats] = []
    shown: dict[str, list[Floats]] = {
        "as shot": [],
        "other light": [],
        "cropped": [],
        f"cropped, {SMALL_PX} px": [],
    }
    for number, file in enumerate(photos.files):
        image = read_photo(file)
        taught.append(describe_to_learn(embedder, image, number))
        dim = relit(image, np.random.default_rng([number, 1]))
        cut = central(image, CROPPED)
        small = cv2.resize(cut, (SMALL_PX, SMALL_PX), interpolation=cv2.INTER_AREA)
        ways: Sequence[Image] = (dim, cut, np.asarray(small, np.uint8))
        seen = [taught[-1][: len(VIEWS)], *describe(embedder, ways)]
        for rows, one in zip(shown.values(), seen, strict=True):
            rows.append(one)
    return np.stack(taught), {name: np.stack(rows) for name, rows in shown.items()}


class _Judge:
    """One division into folds, learnt once; all ways of showing."""

    def __init__(
        self,
        taught: Floats,
        as_shot: Floats,
        products: Classes,
        series: Classes,
        folds: Classes,
        seed: int,
    ) -> None:
        self.products, self.series, self.seed = products, series, seed
        self.count = int(products.max()) + 1
        self.learnt = learn_folds(taught, products, folds)
        # Products in turns as if no photograph of them had been enrolled.
        group_of = np.random.default_rng(seed).permutation(self.count) % FOLDS
        self.absent = _learn_without(taught, products, group_of)
        self.alike = _alike(taught, products, self.count)
        evidence, asked = ask_folds(self.learnt, as_shot, self.count)
        # The only number that is fitted to these pictures, as an index has it: of those held out.
        self.sharpness = best_sharpness(evidence, products[asked]) if len(asked) else 1.0

    def report(self, name: str, shown: Floats) -> ShownReport:
        evidence, asked = ask_folds(self.learnt, shown, self.count)
        evidence *= self.sharpness
        truth, series = self.products[asked], self.series[asked]
        likely = probabilities(evidence, np.full(self.count, 1 / self.count, np.float32))
        best, sure = likely.argmax(axis=1), likely.max(axis=1)
        is_right = best == truth
        is_answered = sure >= SURE
        unenrolled, strangers = self._never_enrolled(shown)
        return ShownReport(
            shown=name,
            all=self._share(is_right, series),
            among_5=self._share(self._among(evidence, truth, None, 5), series),
            among_10=self._share(self._among(evidence, truth, None, 10), series),
            alike_5=self._share(self._among(evidence, truth, self.alike, 5), series),
            alike_10=self._share(self._among(evidence, truth, self.alike, 10), series),
            answered=self._share(is_answered, series),
            answered_wrong=self._share(~is_right[is_answered], series[is_answered]),
            unenrolled_answered=self._share(unenrolled >= SURE, self.series[strangers]),
            calibration_error=_calibration_error(sure, is_right),
        )

    def _never_enrolled(self, shown: Floats) -> tuple[Floats, Classes]:
        """How sure the best product is where the right one was not enrolled, and of which."""
        sure = []
        for fold in self.absent:
            told = self.sharpness * fold.learnt.evidence(shown[fold.asked])
            flat = np.full(len(fold.known), 1 / len(fold.known), np.float32)
            sure.append(probabilities(told, flat).max(axis=1))
        return np.concatenate(sure), np.concatenate([fold.asked for fold in self.absent])

    def _among(
        self, evidence: Floats, truth: Classes, alike: Classes | None, count: int
    ) -> np.ndarray:
        """Whether the right one is the best of itself and `count` - 1 others."""
        rng = np.random.default_rng([self.seed, count])
        right = []
        for row, product in zip(evidence, truth, strict=True):
            if alike is None:
                others = rng.permutation(np.delete(np.arange(self.count), product))
            else:
                others = alike[product]
            best = row[others[: count - 1]].max(initial=-np.inf)
            right.append(bool(row[product] > best))
        return np.asarray(right, bool)

    def _share(self, held: np.ndarray, series: Classes) -> Share:
        """Series, not pictures, are what was drawn by chance."""
        if not len(held):
            return Share(share=None, of=0)
        _, of = np.unique(series, return_inverse=True)
        hits = np.bincount(of, weights=held)
        sizes = np.bincount(of)
        rng = np.random.default_rng(self.seed)
        drawn = rng.integers(len(sizes), size=(RESAMPLES, len(sizes)))
        low, high = np.quantile(hits[drawn].sum(1) / sizes[drawn].sum(1), [0.025, 0.975])
        return Share(
            share=round(float(held.mean()), 4),
            low=round(float(low), 4),
            high=round(float(high), 4),
            of=len(held),
        )


def _learn_without(taught: Floats, products: Classes, group_of: Classes) -> list[Fold]:
    """For each group of products what the others alone teach."""
    learnt = []
    for group in np.unique(group_of):
        is_absent = group_of[products] == group
        known, columns = np.unique(products[~is_absent], return_inverse=True)
        told = fit(taught[~is_absent], columns, len(known))
        learnt.append(Fold(np.flatnonzero(is_absent), known, told))
    return learnt


def _alike(taught: Floats, products: Classes, count: int) -> Classes:
    """For each product the others, those that look most like it first."""
    means = np.stack([taught[products == n].mean((0, 1)) for n in range(count)])
    distances = np.linalg.norm(means[:, None] - means[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.asarray(distances.argsort(axis=1)[:, :-1])


def _calibration_error(sure: Floats, is_right: np.ndarray) -> float | None:
    """Mean distance of probability and share right, over ten bins of probability."""
    if not len(sure):
        return None
    bins = np.digitize(sure, BINS[1:-1])
    off = [abs(float(sure[bins == b].sum() - is_right[bins == b].sum())) for b in np.unique(bins)]
    return round(sum(off) / len(sure), 4)
