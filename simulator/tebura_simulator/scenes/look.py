"""Everything about a scene's appearance that its story leaves open, drawn from one seed.

`Look.plain` shows what a story is about and nothing else: even light, a perfect camera.
`Look.drawn` decorates: floors, walls, posters, glass doors, light, a camera that blurs and makes
noise, clothes and prints. The same seed gives the same look; different looks are different shops.
"""

from enum import StrEnum
from typing import Self

import msgspec
import numpy as np


class Floor(StrEnum):
    TILES = "tiles"
    WOOD = "wood"
    TERRAZZO = "terrazzo"
    CONCRETE = "concrete"
    VINYL = "vinyl"


class Wall(StrEnum):
    PLASTER = "plaster"
    BRICK = "brick"
    PANELS = "panels"
    TILES = "tiles"


class Ceiling(StrEnum):
    PANELS = "panels"
    STRIPS = "strips"
    SPOTS = "spots"


class Decor(msgspec.Struct, frozen=True, kw_only=True):
    """What stands and hangs around; colours are sRGB from 0 to 1.

    `floor_shine` is the share of light a floor mirrors; `posters`, `mannequins`, `glass_doors` and
    `coolers` are counted, as many as there is room for. `fixture` is the gondolas' steel.
    """

    floor: Floor = Floor.TILES
    floor_shine: float = 0.0
    wall: Wall = Wall.PLASTER
    wall_colour: tuple[float, float, float] = (0.89, 0.87, 0.84)
    accent: tuple[float, float, float] = (0.84, 0.13, 0.16)
    fixture: tuple[float, float, float] = (0.86, 0.87, 0.88)
    ceiling: Ceiling = Ceiling.PANELS
    posters: int = 0
    mannequins: int = 0
    glass_doors: int = 0
    coolers: int = 1
    baskets: int = 0
    has_exit: bool = False


class Lighting(msgspec.Struct, frozen=True, kw_only=True):
    """The light: its colour temperature, how bright it is (1 usual), how much of it comes aslant.

    `aslant` is light from a window or a row of spots to one side (`from_rad` in the floor's plane);
    it throws the visible shadows. `flicker` is how far the lamps' output swings about its mean,
    `mains_hz` times two a second.
    """

    kelvin: float = 4600.0
    level: float = 1.0
    aslant: float = 0.25
    from_rad: float = 0.9
    flicker: float = 0.0
    mains_hz: float = 50.0


class SensorLook(msgspec.Struct, frozen=True, kw_only=True):
    """How a camera turns light into numbers; the defaults are a perfect one.

    Attributes:
        exposure_s: How long a frame gathers light.
        gain: Brightness relative to a good exposure.
        balance: Gains of red and blue beside green.
        noise: Read noise at black, in steps of 255.
        shot: Noise that grows with the root of brightness, in steps of 255 at white.
        blur_px: Radius (sigma) of the lens's blur at 640 pixels of width.
        sharpening: Strength of the unsharp mask that follows.
        vignette: Light lost in the corners, a share.
        contrast: Slope of the tone curve in the middle.
        saturation: Of colours; 1 leaves them.
        bloom: Share of light that spreads from what is bright.
        quality: Of the JPEG step, 1 to 100; None for none.
    """

    exposure_s: float = 0.0
    gain: float = 1.0
    balance: tuple[float, float] = (1.0, 1.0)
    noise: float = 0.0
    shot: float = 0.0
    blur_px: float = 0.0
    sharpening: float = 0.0
    vignette: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    bloom: float = 0.0
    quality: int | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The appearance of one scene; the seeds draw what has no field here."""

    seed: int = 0
    wardrobe_seed: int = 0
    art_seed: int = 0
    decor: Decor = Decor()
    lighting: Lighting = Lighting()
    sensor: SensorLook = SensorLook()
    has_shading: bool = True

    @classmethod
    def plain(cls, seed: int = 0) -> Self:
        """Even light, bare walls, a perfect camera."""
        return cls(seed=seed, wardrobe_seed=seed)

    @classmethod
    def drawn(cls, seed: int) -> Self:
        """The look of a seed: a shop as others are."""
        rng = np.random.default_rng([seed, 0x100C])
        return cls(
            seed=seed,
            wardrobe_seed=int(rng.integers(2**31)),
            art_seed=int(rng.integers(2**31)),
            decor=_decor(rng),
            lighting=_lighting(rng),
            sensor=_sensor(rng),
        )


_WALL_COLOURS = (
    (0.91, 0.89, 0.85),
    (0.93, 0.93, 0.93),
    (0.82, 0.86, 0.88),
    (0.88, 0.83, 0.74),
    (0.73, 0.78, 0.72),
    (0.55, 0.60, 0.66),
    (0.86, 0.78, 0.76),
)
_FIXTURES = ((0.9, 0.9, 0.9), (0.8, 0.81, 0.83), (0.3, 0.31, 0.33), (0.82, 0.78, 0.7))
_ACCENTS = (
    (0.82, 0.14, 0.17),
    (0.10, 0.42, 0.26),
    (0.11, 0.33, 0.62),
    (0.90, 0.50, 0.10),
    (0.20, 0.21, 0.24),
    (0.42, 0.18, 0.45),
    (0.05, 0.52, 0.56),
)


def _decor(rng: np.random.Generator) -> Decor:
    floor = list(Floor)[int(rng.integers(len(Floor)))]
    shiny = {Floor.CONCRETE: 0.06, Floor.WOOD: 0.06}.get(floor, 0.14)
    return Decor(
        floor=floor,
        floor_shine=round(float(rng.uniform(0.3, 1.0)) * shiny, 3),
        wall=list(Wall)[int(rng.integers(len(Wall)))],
        wall_colour=_WALL_COLOURS[int(rng.integers(len(_WALL_COLOURS)))],
        accent=_ACCENTS[int(rng.integers(len(_ACCENTS)))],
        ceiling=list(Ceiling)[int(rng.integers(len(Ceiling)))],
        posters=int(rng.integers(0, 6)),
        mannequins=int(rng.integers(0, 3)),
        glass_doors=int(rng.integers(0, 2)),
        coolers=int(rng.integers(0, 2)),
        baskets=int(rng.integers(0, 2)),
        fixture=_FIXTURES[int(rng.integers(len(_FIXTURES)))],
        has_exit=bool(rng.random() < 0.6),
    )


def _lighting(rng: np.random.Generator) -> Lighting:
    return Lighting(
        kelvin=float(rng.uniform(2900, 6300)),
        level=float(rng.uniform(0.72, 1.15)),
        aslant=float(rng.uniform(0.12, 0.5)),
        from_rad=float(rng.uniform(-np.pi, np.pi)),
        flicker=float(rng.choice([0.0, 0.0, 0.03, 0.08])),
        mains_hz=float(rng.choice([50.0, 60.0])),
    )


def _sensor(rng: np.random.Generator) -> SensorLook:
    return SensorLook(
        exposure_s=float(rng.uniform(0.004, 0.022)),
        gain=float(rng.uniform(0.88, 1.16)),
        balance=(float(rng.uniform(0.93, 1.07)), float(rng.uniform(0.92, 1.08))),
        noise=float(rng.uniform(0.2, 1.3)),
        shot=float(rng.uniform(0.4, 2.4)),
        blur_px=float(rng.uniform(0.3, 0.6)),
        sharpening=float(rng.uniform(0.5, 2.2)),
        vignette=float(rng.uniform(0.0, 0.2)),
        contrast=float(rng.uniform(1.1, 1.7)),
        saturation=float(rng.uniform(0.95, 1.45)),
        bloom=float(rng.uniform(0.0, 0.04)),
        quality=int(rng.integers(55, 93)),
    )


def quiet(look: Look) -> Look:
    """The look without noise of cameras and flicker of lamps: what stands still stays the same."""
    sensor = msgspec.structs.replace(look.sensor, noise=0.0, shot=0.0, quality=None)
    lighting = msgspec.structs.replace(look.lighting, flicker=0.0)
    return msgspec.structs.replace(look, sensor=sensor, lighting=lighting)
