"""A case as its cameras filmed it: recorded with its footage, read as any recording."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tebura_edge.recorder import RecordingReader

from tebura_simulator.bench.suites import Drawn, SuiteFault
from tebura_simulator.reels import Reel
from tebura_simulator.story.scenario import dump_scenario


@contextmanager
def filmed(drawn: Drawn) -> Iterator[Reel]:
    """The reel of a scenario that has films.

    Raises:
        SuiteFault: If it has none.
    """
    from tebura_simulator.recording_scenario import record_scenario

    if not has_films(drawn) or drawn.footage is None or drawn.layout_toml is None:
        raise SuiteFault(no_films(drawn))
    with tempfile.TemporaryDirectory() as folder:
        scenario, layout = Path(folder) / "scenario.toml", Path(folder) / "layout.toml"
        scenario.write_text(dump_scenario(drawn.scenario))
        layout.write_bytes(drawn.layout_toml)
        out = Path(folder) / "visit.mcap"
        record_scenario(scenario, layout, out, drawn.footage)
        with RecordingReader(out) as reader:
            yield reader


def has_films(drawn: Drawn) -> bool:
    return drawn.footage is not None and (drawn.footage / "timeline.json").exists()


def no_films(drawn: Drawn) -> str:
    """Why there are no pixels to see."""
    return (
        f"--pixels: no films of scenario {drawn.scenario.name!r} yet; "
        "scenes are drawn for the demo's only"
    )
