"""A drawn shop: what stands around, its light, the same look twice."""

import ctypes.util
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tebura_contract.layout import Layout, load_layout
from tebura_simulator import demo, stores
from tebura_simulator.scenes.light import hall_of, light_map
from tebura_simulator.scenes.look import Decor, Look
from tebura_simulator.story.scenario import Scenario, load_scenario
from tebura_simulator.story.stocking import frame_of
from tebura_simulator.story.timeline import Timeline

from tests.conftest import missing

DEMO = Path(demo.__file__).parent
LAYOUT = load_layout(DEMO / "layout.toml")
NAMES = stores.names()


@pytest.fixture(autouse=True)
def _egl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MUJOCO_GL", "egl")
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")


def _empty(layout: Layout) -> Timeline:
    return Timeline(Scenario(name="empty", duration_s=1, shopper=()), layout)


def _without_floor(layout: Layout) -> Layout:
    return msgspec.structs.replace(
        layout, store=msgspec.structs.replace(layout.store, floor_m=()), gate=()
    )


@pytest.mark.parametrize("name", NAMES)
def test_cameras_and_gondolas_stand_inside_the_room_whatever_the_layout_says(name: str) -> None:
    given = stores.store(name)[0]
    for layout in (given, _without_floor(given)):
        hall = hall_of(layout)
        for camera in layout.camera:
            x, y, z = frame_of(camera.store_from_camera).origin_m
            assert hall.low_m[0] < x < hall.high_m[0]
            assert hall.low_m[1] < y < hall.high_m[1]
            assert z < hall.height_m
        for gondola in layout.gondola:
            at = frame_of(gondola.store_from_gondola).point((0.0, 0.0, 0.0))[:2]
            assert (hall.low_m <= at).all()
            assert (hall.high_m >= at).all()


def test_a_gondola_shades_the_floor_behind_it_from_a_lamp_before_it() -> None:
    hall = hall_of(LAYOUT)
    low = np.array([*hall.low_m, 0.0])
    wide, deep = 2 * hall.half_m
    lamp = np.array([[1.9, 1.0, 2.5]])
    x, y = np.array([wide, 0.0, 0.0]), np.array([0.0, deep, 0.0])
    shaded = light_map(low, x, y, lamp, LAYOUT.gondola)
    free = light_map(low, x, y, lamp, ())
    rows, columns = shaded.shape
    column = int((1.9 - low[0]) / wide * columns)
    behind = int((2.93 - low[1]) / deep * rows)
    before = int((1.2 - low[1]) / deep * rows)
    assert shaded[behind, column] < 0.8 * free[behind, column]
    assert shaded[before, column] == pytest.approx(free[before, column], rel=0.15)


@pytest.mark.parametrize("seed", range(4))
def test_a_look_is_drawn_from_its_seed_alone(seed: int) -> None:
    assert Look.drawn(seed) == Look.drawn(seed)
    assert Look.drawn(seed) != Look.drawn(seed + 1)
    assert len({Look.drawn(s).art_seed for s in range(20)}) == 20


def test_the_same_scene_gives_the_same_pixels() -> None:
    from tebura_simulator.scenes.drawing import Drawing
    from tebura_simulator.scenes.stage import Stage

    small = msgspec.structs.replace(
        LAYOUT.camera[0].intrinsics, size_px=(160, 90), focal_px=(110, 110), center_px=(80, 45)
    )
    camera = msgspec.structs.replace(LAYOUT.camera[0], intrinsics=small)
    layout = msgspec.structs.replace(LAYOUT, camera=(camera,))
    story = Timeline(load_scenario(DEMO / "scenarios" / "just-looking.toml", layout), layout)
    frames = []
    for _ in range(2):
        drawing = Drawing(Stage(story, layout, Look.drawn(7)), camera.label)
        # Another moment in between: what was drawn before leaves no trace.
        frames += [drawing.frame(9.0), drawing.frame(4.0), drawing.frame(9.0)]
        drawing.close()
    assert frames[0].std() > 20
    assert np.array_equal(frames[0], frames[2])
    assert np.array_equal(frames[0], frames[3])
    assert not np.array_equal(frames[0], frames[1])


def test_nothing_of_the_decor_stands_where_somebody_walks() -> None:
    from tebura_simulator.scenes.stage import Stage

    story = Timeline(load_scenario(DEMO / "scenarios" / "two-in-turn.toml", LAYOUT), LAYOUT)
    ways = [s.xy_m for t in np.arange(0, story.duration_s, 0.25) for s in story.shoppers(float(t))]
    crowded = Decor(mannequins=3, coolers=2, baskets=1)
    found = 0
    for seed in range(2):
        look = msgspec.structs.replace(Look.drawn(seed), decor=crowded)
        model = Stage(story, LAYOUT, look).model
        for index in range(model.nbody):
            body = model.body(index)
            if body.name.startswith("decor/mannequin"):
                found += 1
                assert np.linalg.norm(np.asarray(ways) - body.pos[:2], axis=1).min() > 0.35
    assert found >= 2


def test_what_only_looks_like_people_is_told_apart_by_its_name() -> None:
    from tebura_simulator.scenes.canvas import Canvas
    from tebura_simulator.scenes.stage import Stage

    decor = Decor(mannequins=1, posters=1, glass_doors=1)
    look = msgspec.structs.replace(Look.plain(2), decor=decor)
    stage = Stage(_empty(LAYOUT), LAYOUT, look)
    names = Canvas(stage.model, (64, 36)).names
    kinds = {name.split("/")[1].split("-")[0] for name in names if name.startswith("decor/")}
    assert {"mannequin", "poster", "glass"} <= kinds


def test_packages_at_the_back_of_a_board_are_darker() -> None:
    from tebura_simulator.scenes.stage import Stage

    story = _empty(LAYOUT)
    stage = Stage(story, LAYOUT)
    stage.set_time(0.0)
    items = [i for i in story.items(0.0) if i.facing == "g1/s1/f1" and i.center_m is not None]
    items.sort(key=lambda item: item.center_m[1] if item.center_m else 0.0)
    light = [stage.model.geom(f"{item.id}/package").rgba[0] for item in items]
    assert light == sorted(light, reverse=True)
    assert light[0] > light[-1] + 0.1
