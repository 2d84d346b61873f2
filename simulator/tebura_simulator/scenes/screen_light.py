"""The light of a gate's own screen, and what faces, prints and tablets give back of it.

All in light, not in pixel values, and in shares of what a white wall gives back of the shop's own
light: 1 is a pixel value of 255 before a camera's exposure.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Light = NDArray[np.float32]

GAMMA: Final = 2.2
MIXES: Final = np.array([[0.92, 0.07, 0.01], [0.08, 0.82, 0.10], [0.02, 0.12, 0.86]])
"""What red, green and blue of a camera see of a screen's three lights: their filters overlap."""
GLASS: Final = 0.04
"""What plain glass mirrors, straight on; a good tablet's coating leaves half of it."""
HAZE: Final = 0.01
"""What a dark tablet scatters."""


@dataclass(frozen=True, slots=True)
class GateScreen:
    """A screen below a gate's camera, in a shop.

    `lux` is what the shop's own lamps give to a face that looks at the camera.
    """

    candela_m2: float = 300.0
    size_m: tuple[float, float] = (0.345, 0.194)
    lux: float = 500.0

    @property
    def below_m(self) -> float:
        """Its middle below the camera, which sits on its frame."""
        return self.size_m[1] / 2 + 0.03

    def share(self, away_m: float) -> float:
        """What it adds, all white, to the shop's light on what faces it at that distance."""
        square = away_m**2 + self.below_m**2
        area = self.size_m[0] * self.size_m[1]
        lux = self.candela_m2 * area * away_m**2 / square**2
        return lux / self.lux

    def mirrored(self) -> float:
        """What its own image in plain glass is as bright as."""
        return GLASS * self.candela_m2 * math.pi / self.lux


@dataclass(frozen=True, slots=True)
class Shining:
    """A gate's screen at a moment: red, green and blue as a camera sees them, 0 to 1."""

    screen: GateScreen
    rgb: tuple[float, float, float]

    def bgr(self, share: float) -> Light:
        """So much of it, for pictures."""
        return np.asarray(share * (MIXES @ np.array(self.rgb))[::-1], np.float32)


def light_of(picture: Image) -> Light:
    """The light that a picture stands for."""
    return _TABLE[picture]


def picture_of(light: Light) -> Image:
    """What a display's coding makes of it."""
    coded = 255.0 * np.maximum(light, 0) ** (1 / GAMMA)
    return np.asarray((coded + 0.5).clip(0, 255), np.uint8)


_TABLE: Final = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)
