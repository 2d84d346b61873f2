"""A film that is drawn in seconds: one visit, a picture a second, from small cameras."""

import ctypes.util
from pathlib import Path

import msgspec
from tebura_contract.layout import Camera, Layout, load_layout
from tebura_simulator import demo
from tebura_simulator.scenes.look import Look
from tebura_simulator.story.scenario import Scenario, load_scenario

from tests.conftest import missing

DEMO = Path(demo.__file__).parent
SIZE_PX = (160, 90)
FPS = 1.0


def drawing_or_skip() -> None:
    """Skip where nothing can be drawn."""
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")


def small(camera: Camera) -> Camera:
    lens = camera.intrinsics
    scale = SIZE_PX[0] / lens.size_px[0]
    (fx, fy), (cx, cy) = lens.focal_px, lens.center_px
    new = msgspec.structs.replace(
        lens, size_px=SIZE_PX, focal_px=(fx * scale, fy * scale), center_px=(cx * scale, cy * scale)
    )
    return msgspec.structs.replace(camera, intrinsics=new)


def small_store() -> Layout:
    """The demo's shop with small pictures."""
    layout = load_layout(DEMO / "layout.toml")
    return msgspec.structs.replace(layout, camera=tuple(map(small, layout.camera)))


def story(layout: Layout) -> Scenario:
    """Somebody takes two things and puts one back."""
    return load_scenario(DEMO / "scenarios" / "take-two-put-one-back.toml", layout)


LOOK = Look.plain()
