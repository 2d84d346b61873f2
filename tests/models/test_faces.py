"""Faces: alignment, pose, pairs and thresholds. No photographs: points and pictures made here."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_contract.binomial import clopper_pearson
from tebura_contract.face_threshold import (
    ErrorRate,
    FaceOrigin,
    FaceThreshold,
    FaceThresholdError,
    dump_face_threshold,
    load_face_threshold,
)
from tebura_models.faces.alignment import FIVE, aligned, similarity
from tebura_models.faces.mesh import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, FaceMesh
from tebura_models.faces.pairs import (
    Compared,
    PairsError,
    choose_distance,
    compare_pairs,
    read_pairs,
)
from tebura_models.faces.quality import FaceFault, quality_of
from tebura_models.faces.reader import FaceReader, load_face_reader
from tebura_models.manifest import FACE_THRESHOLD


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    return load_face_reader()


def _mesh(nose_xy: tuple[float, float] = (0.0, 0.55)) -> FaceMesh:
    """Eyes one apart, the mouth one below them."""
    points = np.zeros((468, 2), np.float32)
    for eye, x in ((RIGHT_EYE, -0.5), (LEFT_EYE, 0.5)):
        outward = math.copysign(0.2, x)
        for index, at in zip(
            eye, [(x + outward, 0), (x - outward, 0), (x, -0.06), (x, 0.06)], strict=True
        ):
            points[index] = at
    points[NOSE] = nose_xy
    points[MOUTH[0]], points[MOUTH[1]] = (-0.4, 1.0), (0.4, 1.0)
    return FaceMesh(points)


def _origin() -> FaceOrigin:
    return FaceOrigin(
        data="made up",
        sha256="0" * 64,
        measured_on="2026-11-22",
        people=2,
        pictures=4,
        not_detected=0,
        nearest_different=0.6,
        furthest_same=0.2,
    )


def _threshold(false: tuple[int, int], people: tuple[int, int]) -> FaceThreshold:
    def rate(count: int, of: int) -> ErrorRate:
        low, high = clopper_pearson(count, of)
        return ErrorRate(count=count, of=of, low=low, high=high)

    return FaceThreshold(
        id="test.1",
        network="mobilefacenet",
        distance=0.4,
        spread=0.05,
        false_match=rate(*false),
        people_matched=rate(*people),
        false_non_match=rate(0, 10),
        origin=_origin(),
    )


@given(
    turn=st.floats(-3, 3),
    scale=st.floats(0.1, 10),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_similarity_finds_the_shift_turn_and_scale_that_was_applied(
    turn: float, scale: float, x: float, y: float
) -> None:
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    applied = np.array([[cos, -sin, x], [sin, cos, y]])
    moved = FIVE @ applied[:, :2].T + applied[:, 2]
    assert similarity(FIVE, moved) == pytest.approx(applied, abs=1e-6)


def test_similarity_never_mirrors() -> None:
    mirrored = FIVE * [-1, 1]
    found = similarity(FIVE, mirrored)
    assert np.linalg.det(found[:, :2]) >= 0


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0, 8.0])
def test_aligned_brings_points_where_networks_want_them(scale: float) -> None:
    picture = np.zeros((1200, 1200, 3), np.uint8)
    at = FIVE * scale + 20
    for x, y in at:
        cv2.circle(picture, (round(x), round(y)), max(1, round(2 * scale)), (255, 255, 255), -1)
    grey = aligned(picture, at)[:, :, 0]
    for x, y in FIVE:
        assert grey[round(y), round(x)] > 100
    assert grey[5:40, 5:30].max() == 0


@given(
    st.tuples(*[st.floats(-2, 2)] * 4).filter(lambda m: abs(m[0] * m[3] - m[1] * m[2]) > 0.2),
    st.floats(-0.4, 0.4),
)
def test_no_movement_of_a_flat_picture_turns_the_face_on_it(
    map_: tuple[float, float, float, float], nose_x: float
) -> None:
    flat = _mesh((nose_x, 0.5))
    moved = FaceMesh((flat.points_px @ np.array(map_).reshape(2, 2) * 90 + 200).astype(np.float32))
    assert moved.pose().aside == pytest.approx(flat.pose().aside, abs=2e-3)
    assert moved.pose().down == pytest.approx(flat.pose().down, abs=2e-3)


def test_a_nose_that_points_to_the_left_is_told_as_such() -> None:
    assert _mesh((0.3, 0.55)).pose().aside == pytest.approx(0.3, abs=1e-6)


def test_a_grey_picture_has_no_face(reader: FaceReader) -> None:
    assert reader.largest(np.full((480, 640, 3), 128, np.uint8)) is None


def test_noise_has_no_face(reader: FaceReader) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    assert reader.largest(noise) is None


@pytest.mark.parametrize(
    ("picture", "fault"),
    [
        pytest.param(np.full((112, 112, 3), 12, np.uint8), FaceFault.TOO_DARK, id="dark"),
        pytest.param(
            np.dstack([np.tile(np.linspace(60, 200, 112), (112, 1))] * 3).astype(np.uint8),
            FaceFault.BLURRED,
            id="nothing-but-a-slope",
        ),
    ],
)
def test_quality_names_what_is_wrong(picture: np.ndarray, fault: FaceFault) -> None:
    assert quality_of(picture, 60.0).fault(_mesh().pose()) is fault


def test_a_face_that_looks_away_is_not_compared() -> None:
    noisy = np.random.default_rng(2).integers(0, 255, (112, 112, 3), np.uint8)
    assert quality_of(noisy, 60.0).fault(_mesh((0.4, 0.55)).pose()) is FaceFault.TURNED_AWAY


def _list(folder: Path, *lines: str) -> Path:
    path = folder / "PAIRS.csv"
    path.write_text("\n".join(["file_a,file_b,same", *lines]) + "\n", encoding="utf-8")
    return path


def test_a_list_that_contradicts_itself_is_refused_naming_the_line(tmp_path: Path) -> None:
    path = _list(tmp_path, "a.png,b.png,1", "b.png,c.png,1", "a.png,c.png,0")
    with pytest.raises(PairsError, match=r"line 4: a\.png and c\.png"):
        read_pairs(path)


@pytest.mark.parametrize("line", ["a.png,b.png", "a.png,b.png,yes", ",b.png,1", "a,b,1,9"])
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(PairsError, match="line 3"):
        read_pairs(_list(tmp_path, "a.png,c.png,0", line))


def test_pictures_without_a_face_are_counted_and_not_compared(
    tmp_path: Path, reader: FaceReader
) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((64, 64, 3), 90, np.uint8))
    compared = compare_pairs(reader, read_pairs(_list(tmp_path, "a.png,b.png,0")))
    report = compared.report(0.4)
    assert (report.pairs, report.not_detected, report.tar, report.far) == (0, 2, None, None)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path, reader: FaceReader) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(PairsError, match=r"a\.png"):
        compare_pairs(reader, read_pairs(_list(tmp_path, "a.png,b.png,0")))


def _compared(same: list[float], different: list[float]) -> Compared:
    return Compared(tuple(same), tuple((far, (0, n)) for n, far in enumerate(different)), 9, 9, 0)


def test_the_distance_is_halfway_where_nothing_overlaps() -> None:
    assert choose_distance(_compared([0.1, 0.3], [0.5, 0.9]), 0.01) == pytest.approx(0.4)


@given(
    st.lists(st.floats(0.01, 1.9), min_size=1, max_size=40),
    st.lists(st.floats(0.01, 1.9), min_size=1, max_size=200),
    st.floats(0.001, 0.2),
)
def test_no_more_strangers_match_than_were_allowed(
    same: list[float], different: list[float], most: float
) -> None:
    compared = _compared(same, different)
    at = choose_distance(compared, most)
    assert compared.false_matches(at) <= most * len(different)


def test_one_look_alike_counts_once_among_people() -> None:
    compared = Compared((0.1,), ((0.2, (0, 1)), (0.3, (0, 1)), (0.9, (0, 2))), 5, 3, 0)
    assert (compared.false_matches(0.4), compared.people_matched(0.4)) == (2, 1)


def test_too_little_data_allows_nobody_without_a_claim() -> None:
    assert _threshold((0, 1725), (0, 873)).most_enrolled == 0


@pytest.mark.parametrize("of", [4_000, 40_000, 400_000])
def test_so_many_may_be_enrolled_that_a_stranger_matches_one_in_a_thousand(of: int) -> None:
    threshold = _threshold((0, of), (0, of))
    rate = threshold.false_match.high
    most = threshold.most_enrolled
    assert 1 - (1 - rate) ** most <= 0.001
    assert 1 - (1 - rate) ** (most + 1) > 0.001


def test_look_alikes_among_people_bound_how_many_may_be_enrolled() -> None:
    by_comparison, by_people = (
        _threshold((3, 400_000), (0, 400_000)),
        _threshold((3, 400_000), (3, 900)),
    )
    assert by_people.most_enrolled == 0 < by_comparison.most_enrolled


def test_a_threshold_comes_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "threshold.json"
    threshold = _threshold((1, 900), (1, 300))
    path.write_bytes(dump_face_threshold(threshold))
    assert load_face_threshold(path) == threshold


def test_a_threshold_of_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "threshold.json"
    path.write_bytes(dump_face_threshold(_threshold((0, 9), (0, 9))).replace(b"/1", b"/2"))
    with pytest.raises(FaceThresholdError, match="schema"):
        load_face_threshold(path)


def test_the_shipped_threshold_says_what_it_rests_on() -> None:
    shipped = load_face_threshold(FACE_THRESHOLD)
    origin = shipped.origin
    assert origin.nearest_different is not None
    assert origin.furthest_same is not None
    assert origin.furthest_same < shipped.distance < origin.nearest_different
    assert shipped.most_enrolled == 0
