"""Reflections: whoever stands before a pane is seen behind it once more."""

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.sight.motion import Walker
from tebura_simulator.story.scenario import Mirror

Floats = NDArray[np.float64]


def reflection_of(walker: Walker, mirror: Mirror) -> tuple[Walker, NDArray[np.bool_]] | None:
    """A walker's mirror image and at which steps it shows; None if it never does."""
    start, end = np.asarray(mirror.from_m, float), np.asarray(mirror.to_m, float)
    along = (end - start) / max(1e-9, float(np.linalg.norm(end - start)))
    across = np.array([-along[1], along[0]])
    offset: Floats = walker.xy_m - start
    distance_m, place_m = offset @ across, offset @ along
    shows = np.abs(distance_m) <= mirror.reach_m
    shows &= (place_m >= 0.0) & (place_m <= float(np.linalg.norm(end - start)))
    if not shows.any():
        return None
    behind = walker.xy_m - 2.0 * distance_m[:, None] * across
    script = type(walker.script)(
        id=walker.script.id,
        enter_s=walker.script.enter_s,
        height_m=walker.script.height_m,
        part=walker.script.part,
    )
    return _Image(script, walker.first, behind, walker.inside), shows


class _Image(Walker):
    """Named after whom it shows, so that nobody takes it for a person of the scenario."""

    @property
    def id(self) -> str:
        return self.script.id + "'"
