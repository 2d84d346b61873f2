"""A case as its cameras filmed it: recorded with its footage, read as any recording."""

import ctypes.util
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tebura_contract.layout import Layout
from tebura_edge.recorder import RecordingReader

from tebura_simulator.bench.suites import Drawn, SuiteFault
from tebura_simulator.reels import Reel
from tebura_simulator.story.scenario import Scenario, dump_scenario


@contextmanager
def filmed(drawn: Drawn) -> Iterator[Reel]:
    """The reel of a scenario with its films, which are drawn (once, see `filmcache`) if need be.

    Raises:
        SuiteFault: If there are none, and none can be drawn here.
    """
    import msgspec

    from tebura_simulator.recording_scenario import record_scenario

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        footage = drawn.footage if has_films(drawn) else None
        if footage is None:
            if not can_draw():
                raise SuiteFault(no_films(drawn))
            footage = folder / "films"
            draw_films(drawn.scenario, drawn.layout, footage)
        scenario, layout = folder / "scenario.toml", folder / "layout.toml"
        scenario.write_text(dump_scenario(drawn.scenario), "utf-8")
        layout.write_bytes(drawn.layout_toml or msgspec.toml.encode(drawn.layout))
        out = folder / "visit.mcap"
        record_scenario(scenario, layout, out, footage, has_people=True)
        with RecordingReader(out) as reader:
            yield reader


def draw_films(
    scenario: Scenario,
    layout: Layout,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Film a scenario as `render` does by default, or take its films from the cache.

    Raises:
        ValueError: If it cannot be drawn here, or not played in the layout.
    """
    if not can_draw():
        raise ValueError(
            "drawing needs the scenes extra and EGL (libegl1, libegl-mesa0, libgl1-mesa-dri); "
            "give --footage, --evidence or --plates-only"
        )
    from tebura_simulator.scenes.filmcache import default_cache
    from tebura_simulator.scenes.filming import Scene
    from tebura_simulator.scenes.films import film
    from tebura_simulator.scenes.look import Look
    from tebura_simulator.scenes.truth import FPS

    scene = Scene(scenario, layout, Look.plain(), FPS)
    film(scene, out, cache=default_cache(), progress=progress)


def can_draw() -> bool:
    """Whether scenes can be drawn on this machine."""
    has_mujoco = importlib.util.find_spec("mujoco") is not None
    return has_mujoco and ctypes.util.find_library("EGL") is not None


def has_films(drawn: Drawn) -> bool:
    """Whether films lie beside a scenario."""
    return drawn.footage is not None and (drawn.footage / "timeline.json").exists()


def no_films(drawn: Drawn) -> str:
    """Why there are no pixels to see."""
    return (
        f"--pixels: no films of scenario {drawn.scenario.name!r}, and none can be drawn here: that "
        "needs the scenes extra and EGL"
    )
