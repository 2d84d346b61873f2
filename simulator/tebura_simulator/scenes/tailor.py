"""Dresses a body: every surface of a person with the picture printed on it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tebura_simulator.scenes.body import Body
from tebura_simulator.scenes.cloth import Cut, collar, covers, top, trousers
from tebura_simulator.scenes.fabric import (
    Detail,
    Pattern,
    Picture,
    cloth,
    curls,
    leather,
    strands,
)
from tebura_simulator.scenes.face import Features, eye_picture, eyes, face_picture, mouth, skin
from tebura_simulator.scenes.hair import hair, hat
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.rings import shoes, skirt
from tebura_simulator.scenes.surface import Surface
from tebura_simulator.scenes.wardrobe import Outfit
from tebura_simulator.story.attire import Bottom, HairStyle, Over, Top

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Worn:
    """A surface with its picture; `shine` 0 (cloth) to 1."""

    name: str
    surface: Surface
    picture: Picture
    shine: float = 0.05


_TOPS = {
    Top.T_SHIRT: Cut(hem_m=0.09, sleeve=0.33, neck_m=0.018, ease_m=0.014, loose=0.9),
    Top.POLO: Cut(hem_m=0.08, sleeve=0.34, neck_m=0.0, vee_m=0.05, ease_m=0.013, loose=0.85),
    Top.SHIRT: Cut(hem_m=0.10, sleeve=0.34, neck_m=-0.004, vee_m=0.04, ease_m=0.014, loose=0.9),
    Top.PULLOVER: Cut(hem_m=0.06, sleeve=0.98, neck_m=0.0, ease_m=0.018, loose=0.95),
    Top.BLOUSE: Cut(hem_m=0.07, sleeve=0.45, neck_m=0.012, vee_m=0.09, ease_m=0.013, loose=0.9),
    Top.TANK: Cut(hem_m=0.07, sleeve=0.03, neck_m=0.045, ease_m=0.010, loose=0.5),
}
_OVERS = {
    Over.JACKET: Cut(hem_m=0.09, sleeve=1.0, neck_m=-0.006, ease_m=0.030, loose=1.0, open_m=0.035),
    Over.BLAZER: Cut(
        hem_m=0.17, sleeve=0.98, neck_m=0.0, vee_m=0.20, ease_m=0.026, loose=1.0, open_m=0.016
    ),
    Over.CARDIGAN: Cut(
        hem_m=0.13, sleeve=0.96, neck_m=0.022, vee_m=0.14, ease_m=0.024, loose=1.0, open_m=0.05
    ),
    Over.COAT: Cut(
        hem_m=0.10, sleeve=1.0, neck_m=-0.004, vee_m=0.06, ease_m=0.034, loose=1.0, open_m=0.02
    ),
    Over.APRON: Cut(hem_m=0.06, sleeve=0.02, neck_m=0.05, vee_m=0.04, ease_m=0.024, loose=0.7),
}
_LEG_WIDTH_M = {Bottom.JEANS: 0.074, Bottom.TROUSERS: 0.082, Bottom.WIDE: 0.115}


def dressed(body: Body, outfit: Outfit) -> list[Worn]:
    """All surfaces of a person, from the skin outwards."""
    m, rng = Measures(body), np.random.default_rng(outfit.seed)
    upper = _upper(outfit)
    shirt = top(m, upper)
    worn = [
        Worn("top", shirt, _top_picture(outfit, rng)),
        *_lower(m, outfit, rng),
        *_over(m, outfit, shirt, rng),
        Worn("shoes", shoes(m), leather(outfit.shoes, outfit.soles, rng), 0.25),
    ]
    if outfit.top in (Top.POLO, Top.SHIRT) and outfit.over is not Over.APRON:
        plain = cloth(outfit.shirt, outfit.second, Pattern.PLAIN, Detail.NONE, rng)
        worn.append(Worn("collar", collar(m, upper, 0.030), plain))
    bare = np.minimum(0.06 - covers(m, upper), _bare_legs(m, outfit))
    style = outfit.hair_style
    features = Features(
        skin=outfit.skin,
        hair=outfit.hair,
        lips=0.30 if style in _LIPSTICK else 0.08,
        beard=outfit.beard,
        brow=0.35 if style in _LIPSTICK else 0.8,
        years=70.0 if outfit.shape.startswith("old") else 30.0,
        stubble=style in (HairStyle.BALD, HairStyle.CROPPED),
    )
    worn.append(Worn("skin", skin(m, bare), face_picture(m, features, rng), 0.12))
    worn.append(Worn("mouth", mouth(m), np.full((4, 4, 3), (58, 22, 22), dtype=np.uint8)))
    worn.append(Worn("eyes", eyes(m), eye_picture(outfit.eyes), 0.6))
    grown = hair(m, style, outfit.hat, rng)
    if grown is not None:
        growth = curls if style is HairStyle.CURLY else strands
        worn.append(Worn("hair", grown, growth(outfit.hair, rng), 0.15))
    hatted = hat(m, outfit.hat, rng)
    if hatted is not None:
        picture = cloth(outfit.hat_colour, outfit.second, Pattern.KNIT, Detail.NONE, rng)
        worn.append(Worn("hat", hatted, picture))
    return worn


_LIPSTICK = {HairStyle.BOB, HairStyle.LONG, HairStyle.PONYTAIL, HairStyle.BUN, HairStyle.FRINGE}


def _upper(outfit: Outfit) -> Cut:
    cut = _TOPS[outfit.top]
    if outfit.long_sleeves and outfit.top is not Top.TANK:
        cut = replace(cut, sleeve=0.97)
    if outfit.bottom in (Bottom.SKIRT, Bottom.LONG_SKIRT):
        # Tucked in.
        cut = replace(cut, hem_m=0.0, loose=0.4)
    return cut


def _top_picture(outfit: Outfit, rng: Generator) -> Picture:
    detail = {Top.SHIRT: Detail.BUTTONS, Top.POLO: Detail.NONE}.get(outfit.top, Detail.NONE)
    return cloth(outfit.shirt, outfit.second, outfit.pattern, detail, rng)


def _lower(m: Measures, outfit: Outfit, rng: Generator) -> list[Worn]:
    colour, second = outfit.trousers, outfit.second
    match outfit.bottom:
        case Bottom.SKIRT | Bottom.LONG_SKIRT:
            is_long = outfit.bottom is Bottom.LONG_SKIRT
            hem = m.knee_m - 0.20 * m.scale if is_long else m.knee_m + 0.04 * m.scale
            piece = skirt(m, hem, 0.05, 0.018, m.waist_m + 0.03 * m.scale)
            pattern = outfit.pattern if is_long else Pattern.PLAIN
            return [Worn("skirt", piece, cloth(colour, second, pattern, Detail.NONE, rng))]
        case Bottom.SHORTS:
            piece = trousers(m, m.knee_m + 0.05 * m.scale, 0.105, 0.010)
            return [Worn("shorts", piece, cloth(colour, second, Pattern.PLAIN, Detail.NONE, rng))]
        case Bottom.LEGGINGS:
            piece = trousers(m, 0.075 * m.scale, 0.04, 0.004)
            return [Worn("leggings", piece, cloth(colour, second, Pattern.PLAIN, Detail.NONE, rng))]
        case _:
            piece = trousers(m, 0.035 * m.scale, _LEG_WIDTH_M[outfit.bottom])
            detail = Detail.JEANS if outfit.bottom is Bottom.JEANS else Detail.CREASE
            return [Worn("trousers", piece, cloth(colour, second, Pattern.PLAIN, detail, rng))]


def _bare_legs(m: Measures, outfit: Outfit) -> Array:
    """Positive where no trousers, skirt or shoe covers the skin."""
    z = m.body.vertices_m[:, 2]
    legs = m.on_arm < 0.3
    end_m = {
        Bottom.SKIRT: m.knee_m + 0.14 * m.scale,
        Bottom.LONG_SKIRT: m.knee_m,
        Bottom.SHORTS: m.knee_m + 0.10 * m.scale,
        Bottom.LEGGINGS: 0.11 * m.scale,
    }.get(outfit.bottom, 0.10 * m.scale)
    above_shoe = z - 0.06 * m.scale
    shin = np.minimum(end_m - z, above_shoe)
    return np.where(legs & (z < m.waist_m), shin, 1.0)


def _over(m: Measures, outfit: Outfit, under: Surface, rng: Generator) -> list[Worn]:
    if outfit.over is Over.NONE:
        return []
    cut = _OVERS[outfit.over]
    closed = outfit.over in (Over.JACKET, Over.COAT) and not outfit.is_open
    if closed:
        cut = replace(cut, open_m=None)
    detail = {Over.JACKET: Detail.ZIP if closed else Detail.POCKETS, Over.COAT: Detail.BUTTONS}
    picture = cloth(
        outfit.over_colour,
        outfit.second,
        outfit.over_pattern,
        detail.get(outfit.over, Detail.POCKETS),
        rng,
    )
    worn = [Worn("over", top(m, cut, under), picture)]
    plain = cloth(outfit.over_colour, outfit.second, Pattern.PLAIN, Detail.NONE, rng)
    if outfit.over in (Over.JACKET, Over.COAT, Over.BLAZER):
        worn.append(Worn("lapel", collar(m, cut, 0.040), plain))
    if outfit.over is Over.COAT:
        piece = skirt(m, m.knee_m + 0.02, 0.05, 0.002, m.waist_m, worn[0].surface)
        worn.append(Worn("coat", piece, plain))
    if outfit.over is Over.APRON:
        piece = skirt(m, m.knee_m + 0.06, 0.01, 0.024, m.waist_m)
        worn.append(Worn("apron", piece.faced(_in_front(piece)), plain))
    return worn


def _in_front(piece: Surface) -> NDArray[np.bool_]:
    return np.asarray(piece.vertices_m[piece.faces][:, :, 1].mean(1) < 0.02)
