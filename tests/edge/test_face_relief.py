"""Points on a plane never part, however it is held; those of a head that turns do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tebura_edge.face_life import LEAST_PARTED
from tebura_edge.face_relief import parted

from tests.edge.face_points import head, picture

angles = st.floats(-0.7, 0.7)


@given(angles, angles, st.floats(3.0, 20.0))
def test_a_picture_held_anyhow_never_parts(yaw_rad: float, pitch_rad: float, far: float) -> None:
    assert parted(picture(), picture(yaw_rad, pitch_rad, far)) < 0.001


@given(st.integers(0, 2**32 - 1), angles, st.floats(0, 6.3), st.floats(0.3, 3.0))
def test_a_picture_whose_points_tremble_parts_by_no_more_than_they_do(
    seed: int, yaw_rad: float, roll_rad: float, size: float
) -> None:
    rng = np.random.default_rng(seed)
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    turned = size * picture(yaw_rad) @ np.array([[cos, -sin], [sin, cos]], np.float32)
    noisy = (turned + rng.normal(0, size, turned.shape)).astype(np.float32)
    assert parted(picture(), noisy) < LEAST_PARTED / 2


@pytest.mark.parametrize(
    ("yaw_rad", "pitch_rad"), [(0.4, 0.0), (-0.4, 0.0), (0.0, 0.4), (0.0, -0.4)]
)
def test_a_head_that_turns_parts_and_more_the_further_it_turns(
    yaw_rad: float, pitch_rad: float
) -> None:
    steps = [parted(head(), head(s * yaw_rad, s * pitch_rad)) for s in (0.25, 0.5, 0.75, 1.0)]
    assert steps == sorted(steps)
    assert steps[-1] > LEAST_PARTED


def test_how_large_the_face_is_in_the_picture_does_not_matter() -> None:
    near = parted(head(), head(0.3))
    assert parted(head(), (0.4 * head(0.3)).astype(np.float32)) == pytest.approx(near, rel=0.01)


def test_points_that_all_lie_on_one_place_part_by_a_number() -> None:
    same = np.full((468, 2), 5, np.float32)
    assert np.isfinite(parted(same, same))
    assert np.isfinite(parted(head(), same))
