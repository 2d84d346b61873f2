"""Faces under a gate's screen, made up: what a camera sees of them at each of their points."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import MILLISECOND_NS
from tebura_edge.face_light import LIGHTS, SLOT_NS, Tint

from tests.edge.face_points import COUNT, head

Glow = NDArray[np.float32]
FRAME_NS = 100 * MILLISECOND_NS
EXPOSED_NS = [n * 10 * MILLISECOND_NS for n in range(5)]
SKIN = np.array([0.38, 0.24, 0.17])


def light_at(tints: Sequence[Tint], since_ns: int) -> NDArray[np.float64]:
    """Red, green and blue of the screen so long after it began; dark before and afterwards."""
    slot = since_ns // SLOT_NS
    return np.array(LIGHTS[tints[slot]] if 0 <= slot < len(tints) else (0, 0, 0), np.float64)


class Shown:
    """A face before a camera that is a little off: noise, and a balance that wanders.

    `skin` is what the screen adds to the shop's light on it; `mirrored` what lies over it evenly,
    in shares of a white wall, all over or `below` the eyes. `film` is the light that lay on it
    when it was filmed. A picture is exposed for 40 ms and has the time of its end.
    """

    def __init__(
        self,
        tints: Sequence[Tint],
        began_ns: int,
        *,
        skin: float = 0.0,
        mirrored: float = 0.0,
        below: float = 0.0,
        film: Sequence[Tint] | None = None,
        lag_ns: int = 150 * MILLISECOND_NS,
        seed: int = 0,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        x, y = (head().astype(np.float64) - 300).T / 100
        brows = ((np.abs(y + 0.4) < 0.12) & (np.abs(x) > 0.15)) | (np.hypot(x, y - 0.6) < 0.2)
        self._albedo = np.where(brows[:, None], 0.45, 1.0) * SKIN
        self._albedo = self._albedo * (1 + 0.2 * x[:, None])
        self._tints, self._film, self._began_ns = tints, film, began_ns
        self._skin, self._lag_ns = skin, lag_ns
        self._begins_ns = int(self._rng.integers(SLOT_NS))
        self._mirrored = mirrored + below * (y > 0)[:, None]

    def __call__(self, at_ns: int) -> Glow:
        since_ns = at_ns - self._began_ns
        light = self._exposed(self._tints, since_ns - self._lag_ns)
        lay = self._exposed(self._film, since_ns - self._begins_ns) if self._film else light
        seen = self._albedo * (1 + self._skin * lay) + self._mirrored * light
        seconds = since_ns / 1e9
        seen = seen * np.array([1 + 0.02 * seconds, 1.0, 1 - 0.01 * seconds])
        noise = self._rng.normal(1, 0.01, (COUNT, 3)) * self._rng.normal(1, 0.01)
        return np.asarray(seen * noise, np.float32)

    @staticmethod
    def _exposed(tints: Sequence[Tint], since_ns: int) -> NDArray[np.float64]:
        lights = [light_at(tints, since_ns - back_ns) for back_ns in EXPOSED_NS]
        return np.asarray(np.mean(lights, axis=0), np.float64)
