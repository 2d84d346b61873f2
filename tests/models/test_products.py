"""Products are told apart by their photographs, and nothing is claimed that was not held out."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_models.discriminant import (
    best_sharpness,
    held_out,
    probabilities,
)
from tebura_models.embedding import Embedder, load_embedder, unit
from tebura_models.evaluate.products import evaluate_products
from tebura_models.loader import ModelError, Provider
from tebura_models.products.index import (
    ELSEWHERE,
    Recogniser,
    enrol,
    load_index,
    prior,
    save_index,
)
from tebura_models.products.photos import PhotoError, central, find_photos
from tebura_models.products.series import folds_of, series_of

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder(providers=[Provider.CPU])


def package(kind: int, rng: np.random.Generator) -> Image:
    """A printed box of one of four kinds before a noisy wall; where, and how lit, differs."""
    picture = rng.integers(60, 200, (96, 96, 3)).astype(np.uint8)
    left, top = (int(v) for v in rng.integers(14, 30, 2))
    box = picture[top : top + 56, left : left + 44]
    colours = [(40, 40, 220), (220, 90, 30), (60, 200, 60), (40, 210, 230)]
    box[:] = colours[kind]
    if kind % 2:
        cv2.circle(box, (22, 26), 14, (255, 255, 255), -1)
    else:
        cv2.rectangle(box, (4, 8), (40, 20), (255, 255, 255), -1)
    light = float(rng.uniform(0.6, 1.2))
    return np.asarray(np.clip(picture * light, 0, 255), np.uint8)


def shop(folder: Path, each: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    for kind, name in enumerate(("tea", "rice", "soap", "milk")):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            cv2.imwrite(str(folder / name / f"{number}.png"), package(kind, rng))
    return folder


def test_what_differs_within_a_product_counts_little() -> None:
    """Light moves pictures more than the print does: nearest means fail, the shape knows."""
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1], 40)
    rows = rng.normal(0, 0.1, (80, 6))
    rows[:, 0] += rng.normal(0, 5, 80)
    rows[:, 1] += classes
    views = rows[:, None].astype(np.float32)
    evidence, asked = held_out(views, classes, np.arange(80) % 4)
    assert (evidence.argmax(1) == classes[asked]).mean() > 0.95
    means = np.stack([rows[classes == n].mean(0) for n in (0, 1)])
    nearest = np.linalg.norm(rows[:, None] - means, axis=2).argmin(1)
    assert (nearest == classes).mean() < 0.8


def test_probabilities_of_what_was_held_out_are_about_as_often_right() -> None:
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 5, 600)
    views = (np.eye(5)[classes] * 1.5 + rng.normal(0, 1, (600, 5)))[:, None].astype(np.float32)
    evidence, asked = held_out(views, classes, np.arange(600) % 4)
    # As evidence counted several times over would be.
    sharpness = best_sharpness(4 * evidence, classes[asked])
    likely = probabilities(4 * sharpness * evidence, np.full(5, 0.2, np.float32))
    is_right = likely.argmax(1) == classes[asked]
    assert likely.max(1).mean() == pytest.approx(is_right.mean(), abs=0.05)


def test_pictures_nearly_the_same_are_one_series_and_never_in_two_folds() -> None:
    rng = np.random.default_rng(3)
    scenes = rng.normal(0, 1, (12, 64))
    rows = np.repeat(scenes, 3, axis=0) + rng.normal(0, 0.05, (36, 64))
    classes = np.repeat(np.arange(3), 12)
    series = series_of(unit(rows.astype(np.float32)), classes)
    assert len(np.unique(series)) == 12
    for seed in range(20):
        folds = folds_of(series, classes, 4, seed)
        assert all(len(np.unique(folds[series == one])) == 1 for one in np.unique(series))
        sizes = [np.bincount(folds[classes == name], minlength=4) for name in range(3)]
        assert all((size == 3).all() for size in sizes)


def test_a_product_known_from_one_series_alone_is_not_asked_about() -> None:
    views = np.random.default_rng(4).normal(0, 1, (6, 1, 4)).astype(np.float32)
    classes = np.array([0, 0, 0, 1, 1, 2])
    _, asked = held_out(views, classes, np.array([0, 1, 0, 1, 0, 1]))
    assert sorted(asked.tolist()) == [0, 1, 2, 3, 4]


def test_a_shop_enrolled_knows_new_pictures_of_its_products(
    tmp_path: Path, embedder: Embedder
) -> None:
    photos = find_photos(shop(tmp_path / "photos", 8, seed=5))
    save_index(enrol(photos, embedder), tmp_path / "products.index")
    recogniser = Recogniser(load_index(tmp_path / "products.index"), embedder)
    assert recogniser.index.names == ("milk", "rice", "soap", "tea")
    assert recogniser.index.photos == (8, 8, 8, 8)
    rng = np.random.default_rng(6)
    kinds = rng.integers(0, 4, 24)
    found = recogniser.recognise([package(int(kind), rng) for kind in kinds])
    names = np.array(["tea", "rice", "soap", "milk"])[kinds]
    told = np.array(recogniser.index.names)[found.argmax(1)]
    assert (told == names).mean() >= 0.9
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    likely = np.array([[0.02, 0.93, 0.03, 0.02], [0.4, 0.3, 0.2, 0.1]], np.float32)
    assert recogniser.named(likely) == ["rice", None]
    assert recogniser.recognise([]).shape == (0, 4)


def test_a_shelf_s_products_are_likelier_and_others_stay_possible() -> None:
    names = ("milk", "rice", "soap", "tea")
    near = prior(names, ["tea", "milk", "sold elsewhere"])
    assert near.sum() == pytest.approx(1)
    assert near[[0, 3]].sum() == pytest.approx(1 - ELSEWHERE)
    assert (near > 0).all()
    flat = [0.25] * 4
    assert prior(names, None).tolist() == flat
    # A shelf whose products nobody photographed says nothing of the others.
    assert prior(names, ["sold elsewhere"]).tolist() == flat


def test_an_index_of_another_network_is_refused(tmp_path: Path, embedder: Embedder) -> None:
    import msgspec

    index = enrol(find_photos(shop(tmp_path, 2, seed=7)), embedder)
    entry = msgspec.structs.replace(embedder.entry, name="newer", sha256="0" * 64)
    other = Embedder(entry, embedder.provider, embedder.session)
    with pytest.raises(ModelError, match=r"made with mobilenetv2-embedding .* not newer"):
        Recogniser(index, other)


@pytest.mark.parametrize("raw", [b"", b"\x93\x01", b"PK\x03\x04"])
def test_a_file_that_is_no_index_is_named(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "products.index").write_bytes(raw)
    with pytest.raises(PhotoError, match=r"products\.index: is no index of products"):
        load_index(tmp_path / "products.index")


def test_photographs_that_cannot_be_used_are_named(tmp_path: Path, embedder: Embedder) -> None:
    with pytest.raises(PhotoError, match="needs folders of two products"):
        find_photos(tmp_path)
    shop(tmp_path, 2, seed=8)
    (tmp_path / "tea" / "0.png").write_bytes(b"torn")
    with pytest.raises(PhotoError, match=r"tea/0\.png: is no picture"):
        enrol(find_photos(tmp_path), embedder)
    (tmp_path / "dry" / "tea").mkdir(parents=True)
    (tmp_path / "dry" / "tea" / "1.png").write_bytes(b"")
    with pytest.raises(PhotoError, match="two folders for one product name"):
        find_photos(tmp_path)


def test_a_central_square_of_an_upright_picture() -> None:
    picture = np.arange(40 * 20 * 3, dtype=np.uint8).reshape(40, 20, 3)
    assert np.array_equal(central(picture, 0.5), picture[15:25, 5:15])


def test_a_product_is_known_in_light_that_no_photograph_has(
    tmp_path: Path, embedder: Embedder
) -> None:
    recogniser = Recogniser(enrol(find_photos(shop(tmp_path, 8, seed=5)), embedder), embedder)
    rng = np.random.default_rng(11)
    kinds = rng.integers(0, 4, 20)
    tinted = [
        np.asarray(np.clip(package(int(kind), rng) * (1.15, 1.0, 0.85), 0, 255), np.uint8)
        for kind in kinds
    ]
    names = np.array(["tea", "rice", "soap", "milk"])[kinds]
    told = np.array(recogniser.index.names)[recogniser.recognise(tinted).argmax(1)]
    assert (told == names).mean() >= 0.9


def test_copies_of_one_picture_prove_nothing(tmp_path: Path, embedder: Embedder) -> None:
    shop(tmp_path, 1, seed=9)
    for file in list(tmp_path.rglob("*.png")):
        for number in range(1, 5):
            (file.parent / f"{number}.png").write_bytes(file.read_bytes())
    report = evaluate_products(embedder, tmp_path)
    assert (report.pictures, report.series) == (20, 4)
    assert report.shown[0].all.of == 0
    assert report.shown[0].all.share is None


class Dreamer:
    """A session whose numbers depend on the picture and mean nothing."""

    def run(self, _names: list[str], given: dict[str, Image]) -> list[NDArray[np.float32]]:
        (pictures,) = given.values()
        seeds = [zlib.crc32(picture.tobytes()) for picture in pictures]
        rows = [np.random.default_rng(seed).normal(0, 1, 1280) for seed in seeds]
        return [np.array(rows, np.float32)]


def test_folders_that_say_nothing_of_what_is_in_them_are_told_by_chance(
    tmp_path: Path, embedder: Embedder
) -> None:
    rng = np.random.default_rng(10)
    for name in "abcd":
        (tmp_path / name).mkdir()
        for number in range(12):
            picture = package(int(rng.integers(4)), rng)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), picture)
    dreamer = Embedder(embedder.entry, embedder.provider, Dreamer())
    shown = evaluate_products(dreamer, tmp_path).shown[0]
    assert shown.all.of == 48
    assert shown.all.share is not None
    # Three standard deviations of 48 throws of a die with four sides.
    assert abs(shown.all.share - 0.25) < 3 * (0.25 * 0.75 / 48) ** 0.5
    # And says so: nothing is told with nine chances in ten.
    assert shown.answered.share is not None
    assert shown.answered.share < 0.1
