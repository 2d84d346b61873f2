"""A hand is cut out by its arm, and is empty, holding or unknown by what is likely enough."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tebura_contract.events import HandContent
from tebura_models.hands import (
    GREY,
    SIDE_PX,
    Content,
    content_of,
    cut_out,
    hand_cut,
    load_hand_reader,
)
from tebura_models.loader import ModelError
from tebura_models.manifest import HAND_CONTENT, MANIFEST, load_manifest


def body(left_arm: list[tuple[float, float]], score: float = 0.9) -> NDArray[np.float64]:
    """Somebody upright whose torso is 100 px; the left elbow and wrist as given."""
    keypoints = np.zeros((17, 3))
    keypoints[:, 2] = score
    keypoints[[5, 6], :2] = (80, 100), (120, 100)
    keypoints[[11, 12], :2] = (85, 200), (115, 200)
    keypoints[[7, 9], :2] = left_arm
    return keypoints


def test_a_cut_lies_beyond_the_wrist_along_the_forearm() -> None:
    cut = hand_cut(body([(100, 150), (200, 150)]), 0, 0.3)
    assert cut is not None
    assert (cut.x_px, cut.y_px) == pytest.approx((230, 150))
    assert cut.side_px == pytest.approx(160)


def test_an_arm_that_points_at_the_camera_is_measured_by_the_torso() -> None:
    cut = hand_cut(body([(100, 150), (104, 150)]), 0, 0.3)
    assert cut is not None
    assert cut.side_px == pytest.approx(75)


def test_without_a_sure_wrist_there_is_no_cut() -> None:
    keypoints = body([(100, 150), (200, 150)])
    keypoints[9, 2] = 0.2
    assert hand_cut(keypoints, 0, 0.3) is None
    assert hand_cut(keypoints, 1, 0.3) is None or keypoints[10, 2] > 0.3


@given(st.floats(0.2, 4), st.floats(-200, 200), st.floats(-200, 200))
def test_a_person_nearer_or_elsewhere_is_cut_in_the_same_way(
    scale: float, x: float, y: float
) -> None:
    keypoints = body([(100, 150), (160, 180)])
    moved = keypoints.copy()
    moved[:, :2] = keypoints[:, :2] * scale + (x, y)
    one, other = hand_cut(keypoints, 0, 0.3), hand_cut(moved, 0, 0.3)
    assert one is not None
    assert other is not None
    assert other.side_px == pytest.approx(one.side_px * scale)
    assert (other.x_px, other.y_px) == pytest.approx(
        (one.x_px * scale + x, one.y_px * scale + y), abs=1e-6
    )


def test_a_cut_over_the_picture_s_edge_is_grey_beyond_it() -> None:
    picture = np.full((100, 100, 3), 250, np.uint8)
    cut = hand_cut(body([(60, 50), (90, 50)]), 0, 0.3)
    assert cut is not None
    found = cut_out(picture, cut)
    assert found.shape == (SIDE_PX, SIDE_PX, 3)
    assert (found[:, -1] == GREY).all()
    assert (found[SIDE_PX // 2, 2] == 250).all()


@pytest.mark.parametrize(
    ("moments", "content"),
    [
        pytest.param([[0.95, 0.04, 0.01]], HandContent.EMPTY, id="empty"),
        pytest.param([[0.03, 0.96, 0.01]], HandContent.HOLDING, id="holding"),
        pytest.param([[0.5, 0.45, 0.05]], HandContent.UNKNOWN, id="could-be-either"),
        pytest.param([[0.02, 0.02, 0.96]], HandContent.UNKNOWN, id="a-phone-is-no-product"),
        pytest.param([[0.85, 0.14, 0.01]] * 20, HandContent.UNKNOWN, id="twenty-alike-are-one"),
        pytest.param(
            [[0.97, 0.02, 0.01], [0.02, 0.97, 0.01]], HandContent.UNKNOWN, id="they-differ"
        ),
        pytest.param([], HandContent.UNKNOWN, id="never-seen"),
    ],
)
def test_what_is_not_likely_enough_is_unknown(
    moments: list[list[float]], content: HandContent
) -> None:
    told = np.array(moments, np.float32).reshape(-1, len(Content))
    assert content_of(told) is content


def own_copy(folder: Path) -> Path:
    for entry in load_manifest().network:
        if entry.task in ("embedding", "hand-content"):
            shutil.copy(MANIFEST.parent / entry.file, folder / entry.file)
    shutil.copy(MANIFEST, folder / "manifest.toml")
    return folder / "manifest.toml"


def repin(manifest: Path, file: str, raw: bytes) -> None:
    (old,) = [entry.sha256 for entry in load_manifest(manifest).network if entry.file == file]
    (manifest.parent / file).write_bytes(raw)
    manifest.write_text(manifest.read_text().replace(old, hashlib.sha256(raw).hexdigest()))


def test_probabilities_of_hands_are_a_row_each_and_of_none_none() -> None:
    reader = load_hand_reader()
    cuts = [np.full((SIDE_PX, SIDE_PX, 3), level, np.uint8) for level in (0, 128, 255)]
    told = reader.read(cuts)
    assert told.shape == (3, 3)
    assert np.allclose(told.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(reader.read(cuts[1:2]), told[1:2], atol=1e-4)
    assert reader.read([]).shape == (0, 3)


def test_a_head_that_is_torn_is_named(tmp_path: Path) -> None:
    manifest = own_copy(tmp_path)
    repin(manifest, "hand_content.head", b"\x80")
    with pytest.raises(ModelError, match=r"hand_content\.head: tells of no hands"):
        load_hand_reader(HAND_CONTENT, manifest=manifest)


def test_a_head_learnt_on_another_embedding_is_refused(tmp_path: Path) -> None:
    import msgspec

    manifest = own_copy(tmp_path)
    file = tmp_path / "hand_content.head"
    told = msgspec.msgpack.decode(file.read_bytes())
    told["network_sha256"] = "0" * 64
    repin(manifest, file.name, msgspec.msgpack.encode(told))
    with pytest.raises(ModelError, match="was learnt on another mobilenetv2-embedding"):
        load_hand_reader(HAND_CONTENT, manifest=manifest)
