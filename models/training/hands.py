"""Learns what hands hold from the drawn hands of a set; no torch, a few minutes of one core.

``.venv/bin/python models/training/hands.py SET -o HEAD``

Cuts follow the labelled arm, as they follow a network's keypoints at work, and are shaken about as
those err. Worlds of the set's `test` half judge: other shops, products, clothes and cameras.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_models.discriminant import (
    Classes,
    Discriminant,
    best_sharpness,
    fit,
    held_out,
)
from tebura_models.embedding import Embedder, load_embedder
from tebura_models.hands import (
    SURE,
    Content,
    HandReader,
    cut_out,
    encode_head,
    hand_cut,
)
from tebura_models.heads import Floats, Image
from tebura_models.products.photos import embed_views

OWN = frozenset({"phone", "basket"})
SHAKEN = 2
"""So many more cuts of each hand, by keypoints that err."""
ERROR = 0.05
"""How far keypoints err, in sides of the cut."""
SHRINKAGE, FOLDS = 0.5, 5
EXACT = 2.0
"""The score of labelled keypoints that are seen; hidden ones have 1 and are no worse to cut by."""


@dataclass(frozen=True, eq=False)
class Hands:
    """Views of hands as labelled (N, views, dims) and shaken (N, SHAKEN, views, dims)."""

    exact: Floats
    shaken: Floats
    contents: Classes
    worlds: Classes


def rows_of(folder: Path, half: str) -> Iterator[tuple[int, dict[str, str], list[float]]]:
    """A number for the world, and a hand's row of the index, box apart."""
    worlds: dict[str, int] = {}
    for line in (folder / "hands" / "index.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == half:
            world = worlds.setdefault(Path(row["image"]).name[:6], len(worlds))
            yield world, row, row["box_px"]


def arm_of(
    folder: Path, row: dict[str, str], box: list[float], size_px: tuple[int, int]
) -> NDArray[np.float64] | None:
    """Keypoints (17, 3), in pixels, of the person whose wrist is nearest to the hand."""
    image = folder / row["image"]
    label = folder / "labels" / image.parent.name / f"{image.stem}.txt"
    values = np.array([line.split()[5:] for line in label.read_text().splitlines()], float)
    if not len(values):
        return None
    points = values.reshape(-1, 17, 3)
    wrist = 9 if row["hand"] == "left" else 10
    points[:, :, :2] *= size_px
    middle = (np.array(box[:2]) + np.array(box[2:])) / 2
    away = np.hypot(*(points[:, wrist, :2] - middle).T)
    away[points[:, wrist, 2] == 0] = np.inf
    nearest = int(away.argmin())
    return points[nearest] if away[nearest] < box[2] - box[0] else None


def cuts_of(image: Image, keypoints: NDArray[np.float64], arm: int, seed: int) -> list[Image]:
    """The hand as labelled, and shaken; none where no arm is labelled."""
    exact = hand_cut(keypoints, arm, 1)
    if exact is None:
        return []
    rng = np.random.default_rng(seed)
    cuts = [cut_out(image, exact)]
    for _ in range(SHAKEN):
        shaken = keypoints.copy()
        shaken[:, :2] += rng.normal(0, ERROR * exact.side_px, (17, 2))
        cut = hand_cut(shaken, arm, 1) or exact
        cuts.append(_relit(cut_out(image, cut), rng))
    return cuts


def _relit(cut: Image, rng: np.random.Generator) -> Image:
    light = (cut / 255) ** float(np.exp(rng.normal(0, 0.2))) * rng.uniform(0.85, 1.15, 3)
    return np.asarray(np.clip(light * 255, 0, 255), np.uint8)


def read_hands(folder: Path, half: str, embedder: Embedder) -> Hands:
    """All hands of a half."""
    views, contents, worlds = [], [], []
    for number, (world, row, box) in enumerate(rows_of(folder, half)):
        image = np.asarray(cv2.imread(str(folder / row["image"])), np.uint8)
        keypoints = arm_of(folder, row, box, (image.shape[1], image.shape[0]))
        if keypoints is None:
            continue
        cuts = cuts_of(image, keypoints, 0 if row["hand"] == "left" else 1, number)
        if not cuts:
            continue
        views.append(embed_views(embedder, cuts))
        own = Content.OWN if row["content"] in OWN else Content.PRODUCT
        contents.append(Content.EMPTY if row["content"] == "empty" else own)
        worlds.append(world)
    told = np.stack(views)
    return Hands(told[:, 0], told[:, 1:], np.array(contents), np.array(worlds))


def learn(hands: Hands) -> Discriminant:
    """From hands as labelled and as shaken; how sure it may be is found on worlds held out."""
    views = np.concatenate([hands.exact, *np.moveaxis(hands.shaken, 1, 0)])
    contents = np.tile(hands.contents, 1 + SHAKEN)
    folds = np.tile(hands.worlds % FOLDS, 1 + SHAKEN)
    evidence, asked = held_out(views, contents, folds, shrinkage=SHRINKAGE)
    learnt = fit(views, contents, len(Content), SHRINKAGE)
    return Discriminant(learnt.weights, learnt.bias, best_sharpness(evidence, contents[asked]))


def judge(reader: HandReader, views: Floats, contents: Classes) -> dict[str, float | int]:
    """How right it is: the likeliest of empty and product, and what it is sure of."""
    likely = reader.tell(views)
    best, sure = likely.argmax(axis=1), likely.max(axis=1) >= SURE
    is_right = best == contents
    report: dict[str, float | int] = {
        "hands": len(contents),
        "right": round(float(is_right.mean()), 3),
        "sure": round(float(sure.mean()), 3),
        "sure_wrong": round(float((~is_right[sure]).mean()), 3) if sure.any() else 0.0,
    }
    for content in Content:
        is_its = contents == content
        name = content.name.lower()
        report[f"{name}_hands"] = int(is_its.sum())
        if is_its.any():
            report[f"{name}_right"] = round(float(is_right[is_its].mean()), 3)
    return report


def main() -> int:
    """Read the command line, learn, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("set", type=Path, help="as `tebura-simulate dataset` draws it")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the head to write")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    embedder = load_embedder()
    taught = read_hands(options.set, "train", embedder)
    reader = HandReader(embedder, learn(taught))
    options.out.write_bytes(encode_head(embedder, reader.discriminant))
    print(json.dumps({"taught": len(taught.contents), "sharpness": reader.discriminant.sharpness}))
    asked = read_hands(options.set, "test", embedder)
    for name, views in (("as labelled", asked.exact), ("shaken", asked.shaken[:, 0])):
        print(json.dumps({"cut": name, **judge(reader, views, asked.contents)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
