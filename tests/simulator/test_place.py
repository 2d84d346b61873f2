"""Cameras of a drawn store: what they draw is where their lens projects it."""

import ctypes.util
import os
from pathlib import Path

import cv2
import msgspec
import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.geometry import Intrinsics
from tebura_contract.layout import Camera, Layout, load_layout
from tebura_simulator import demo
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.look import Look
from tebura_simulator.story.scenario import Scenario
from tebura_simulator.story.timeline import Timeline

from tests.conftest import missing

LAYOUT = load_layout(Path(demo.__file__).parent / "layout.toml")
LENSES = {
    "straight": Intrinsics(size_px=(320, 180), focal_px=(220.0, 220.0), center_px=(160.0, 90.0)),
    "off-centre": Intrinsics(size_px=(320, 180), focal_px=(210.0, 235.0), center_px=(139.0, 104.0)),
    "barrel": Intrinsics(
        size_px=(320, 180),
        focal_px=(255.0, 255.0),
        center_px=(160.0, 82.5),
        distortion=(-0.47, 0.2, 0.0, 0.0, 0.0),
    ),
    "wide": Intrinsics(
        size_px=(320, 180),
        focal_px=(175.0, 182.0),
        center_px=(168.0, 95.0),
        distortion=(-0.31, 0.09, 0.002, -0.003, -0.011),
    ),
    "pincushion": Intrinsics(
        size_px=(320, 180),
        focal_px=(260.0, 260.0),
        center_px=(160.0, 90.0),
        distortion=(0.18, 0.03, 0.0, 0.0),
    ),
}


@pytest.fixture(autouse=True)
def _egl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MUJOCO_GL", "egl")


def _needs_egl() -> None:
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")


def _seen_through(name: str) -> tuple[Camera, Layout]:
    camera = msgspec.structs.replace(LAYOUT.camera[0], intrinsics=LENSES[name])
    small = tuple(
        msgspec.structs.replace(product, name_en="Peach", size_m=(0.02, 0.02, 0.02))
        for product in LAYOUT.product
    )
    return camera, msgspec.structs.replace(LAYOUT, camera=(camera,), product=small)


@pytest.mark.parametrize("name", LENSES)
def test_a_lens_projects_as_opencv_does(name: str) -> None:
    camera, _ = _seen_through(name)
    lens, given = Lens(camera), camera.intrinsics
    matrix = np.diag([*given.focal_px, 1.0])
    matrix[:2, 2] = given.center_px
    local = np.random.default_rng(1).uniform([-0.5, -0.3, 1.0], [0.5, 0.3, 1.0], (200, 3))
    points = local @ lens.frame.rotation.T + lens.frame.origin_m
    terms = np.array(given.distortion or (0.0,) * 5)
    wanted, _ = cv2.projectPoints(local, np.zeros(3), np.zeros(3), matrix, terms)
    pixels, depth = lens.project(points)
    assert np.allclose(pixels, wanted[:, 0], atol=1e-6)
    assert np.allclose(depth, 1.0)


@pytest.mark.parametrize("name", LENSES)
def test_every_pixel_of_a_lens_comes_from_a_ray_that_lands_on_it(name: str) -> None:
    lens = Lens(_seen_through(name)[0])
    wide, high = lens.size_px
    x, y = np.arange(0.0, wide, 7.0), np.arange(0.0, high, 7.0)
    pixels = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    given = LENSES[name]
    back = lens.distorted(lens.rays(pixels)) * given.focal_px + given.center_px
    assert np.abs(back - pixels).max() < 1e-3


def test_beyond_where_its_polynomial_turns_back_a_lens_still_looks_outward() -> None:
    """Else somebody behind the edge of a wide lens would be told to stand in its middle."""
    far = np.stack([np.linspace(0.1, 8.0, 200), np.zeros(200)], axis=1)
    for name in LENSES:
        x = Lens(_seen_through(name)[0]).distorted(far)[:, 0]
        assert (np.diff(x) > 0).all(), name


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_distortion_of_another_model_is_refused(count: int) -> None:
    given = msgspec.structs.replace(LENSES["straight"], distortion=(0.1,) * count)
    camera = msgspec.structs.replace(LAYOUT.camera[0], intrinsics=given)
    with pytest.raises(ValueError, match=r"aisle.*k1, k2, p1, p2"):
        Lens(camera)


def _middle(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


@pytest.mark.parametrize("name", LENSES)
def test_packages_are_drawn_where_the_lens_projects_them(name: str) -> None:
    _needs_egl()
    from tebura_simulator.scenes.drawing import Drawing
    from tebura_simulator.scenes.stage import Stage

    camera, layout = _seen_through(name)
    story = Timeline(Scenario(name="still", duration_s=1, shopper=()), layout)
    stage = Stage(story, layout, Look.plain())
    drawing, lens = Drawing(stage, camera.label), Lens(camera)
    stage.set_time(0.0)
    items = [item.id for item in story.items(0.0) if item.sku == "melon-pan"][:4]
    for column in (0.06, 0.3, 0.62, 0.93):
        for item, row in zip(items, (0.1, 0.4, 0.6, 0.9), strict=False):
            pixel = np.array([column, row]) * lens.size_px
            ray = lens.rays(pixel[None])[0]
            far = 0.5 / float(np.hypot(1.0, np.hypot(*ray)))
            at = lens.frame.point((far * ray[0], far * ray[1], far))
            stage.data.mocap_pos[stage.model.body(item).mocapid[0]] = at
        mujoco.mj_kinematics(stage.model, stage.data)
        stage.t_s = column
        segments, names = drawing.segments()
        for item in items:
            mask = np.isin(
                segments, [i for i, n in enumerate(names) if n == item or n.startswith(f"{item}/")]
            )
            at = stage.data.mocap_pos[stage.model.body(item).mocapid[0]]
            assert mask.sum() > 20, (item, column)
            (wanted,), _ = lens.project(np.asarray(at)[None])
            assert np.abs(_middle(mask) - wanted).max() < 0.7
    drawing.close()


def test_a_part_of_a_picture_is_drawn_as_in_the_whole() -> None:
    _needs_egl()
    from tebura_simulator.scenes.canvas import Canvas
    from tebura_simulator.scenes.stage import Stage

    camera, layout = _seen_through("off-centre")
    story = Timeline(Scenario(name="still", duration_s=1, shopper=()), layout)
    stage = Stage(story, layout)
    stage.set_time(0.0)
    canvas = Canvas(stage.model, (320, 180))
    whole = canvas.colours(stage.data, camera.label, (320, 180)).astype(int)
    part = canvas.colours(stage.data, camera.label, (320, 180), (200, 31, 307, 142)).astype(int)
    canvas.close()
    assert part.shape == (111, 107, 3)
    assert whole.std() > 20
    assert np.abs(part - whole[31:142, 200:307]).mean() < 0.5
