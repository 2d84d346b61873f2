"""What people look like where their script does not say: drawn from a seed, person by person.

The wardrobe has two halves that share no shape, hair style of a colour, fabric or colour of cloth,
so that a network can be tried on people it was not trained with.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self, TypeVar

import numpy as np
from numpy.random import Generator

from tebura_simulator.scenes.body import BODIES, load_body
from tebura_simulator.scenes.fabric import Pattern
from tebura_simulator.scenes.split import Split
from tebura_simulator.story.attire import Bag, Bottom, HairStyle, Hat, Over, Top
from tebura_simulator.story.script import Deed, Hand, Part, ShopperScript

T = TypeVar("T")


@dataclass(frozen=True)
class Outfit:
    """All that is seen of a person besides its posture; colours as ``#rrggbb``."""

    shape: str
    skin: str
    hair: str
    eyes: str
    hair_style: HairStyle
    hat: Hat
    hat_colour: str
    glasses: bool
    beard: float
    top: Top
    shirt: str
    second: str
    pattern: Pattern
    long_sleeves: bool
    over: Over
    over_colour: str
    over_pattern: Pattern
    is_open: bool
    bottom: Bottom
    trousers: str
    shoes: str
    soles: str
    bag: Bag
    bag_colour: str
    seed: int


@dataclass(frozen=True)
class Wardrobe:
    """Gives each person of a scene its outfit, always the same for the same seed and name."""

    seed: int = 0
    split: Split | None = None

    @classmethod
    def drawn(cls, seed: int, split: Split | None = None) -> Self:
        """The wardrobe of a seed: one half of all there is, or (None) all of it."""
        return cls(seed, split)

    def outfit(self, script: ShopperScript) -> Outfit:
        """The person's look: what its script says, the rest from this wardrobe."""
        return _Drawer(self, script).outfit()

    def shape(self, script: ShopperScript) -> str:
        """The baked shape of a person: its script's, or one of about its height."""
        return script.body.shape or _Drawer(self, script).shape()


WOMEN = ("woman", "small-woman", "tall-woman", "slim-woman", "heavy-woman", "old-woman")
MEN = ("man", "tall-man", "slim-man", "stocky-man", "heavy-man", "old-man")
CHILDREN = ("boy", "girl", "teen-boy", "teen-girl")
_FEMALE = {*WOMEN, "girl", "teen-girl"}
_OLD = {"old-woman", "old-man"}
_TEST_SHAPES = {"small-woman", "heavy-woman", "slim-man", "tall-man", "teen-boy", "girl"}
_SKINS = (
    "#f0cbb2",
    "#e6b898",
    "#d9a582",
    "#c98f68",
    "#b57a54",
    "#96603f",
    "#74472e",
    "#5a3724",
    "#e3b48d",
    "#f3d3c0",
    "#a9714c",
    "#43291c",
)
_HAIR = ("#17110f", "#241813", "#3a2519", "#5a3a22", "#7d5530", "#a67c46", "#c9a35f", "#6e2f1c")
_GREY = ("#8d8b88", "#b9b6b1", "#d6d3cd", "#6f6c69")
_EYES = ("#4a2f1d", "#2f2018", "#5b7d93", "#59704a", "#6b4a2b", "#3d5a78")
_CLOTH = (
    "#c8102e",
    "#1d3f8a",
    "#f2f0ea",
    "#202226",
    "#2f6b4f",
    "#d98c1f",
    "#7a2f5d",
    "#8fa7b8",
    "#e8d9b5",
    "#5b6b3a",
    "#b8482e",
    "#3aa0a6",
    "#d8748f",
    "#6d4fa3",
    "#f1c232",
    "#7c7f86",
    "#243b53",
    "#a83246",
    "#e4e1da",
    "#4a7c59",
    "#bf6f3f",
    "#20707a",
    "#e9a3a0",
    "#46356b",
)
_LEGS = (
    "#27304a",
    "#2b2b2e",
    "#5a5145",
    "#3f5876",
    "#8d7b62",
    "#1d2a3f",
    "#6d7076",
    "#473a31",
    "#7f93a8",
    "#31402f",
    "#b3a58c",
    "#191a1d",
)
_SHOES = (
    "#e9e7e2",
    "#1b1b1d",
    "#5a3a24",
    "#b43a36",
    "#2f4b7c",
    "#8b8f95",
    "#d7c7a3",
    "#3b4a3a",
)
_PATTERNS = tuple(Pattern)
_TOPS_F = (Top.T_SHIRT, Top.BLOUSE, Top.PULLOVER, Top.SHIRT, Top.TANK, Top.T_SHIRT)
_TOPS_M = (Top.T_SHIRT, Top.SHIRT, Top.POLO, Top.PULLOVER, Top.T_SHIRT)
_STYLES_F = (
    HairStyle.LONG,
    HairStyle.BOB,
    HairStyle.PONYTAIL,
    HairStyle.FRINGE,
    HairStyle.BUN,
    HairStyle.CURLY,
    HairStyle.LONG,
    HairStyle.PARTED,
)
_STYLES_M = (
    HairStyle.SHORT,
    HairStyle.CROPPED,
    HairStyle.PARTED,
    HairStyle.CURLY,
    HairStyle.BALD,
    HairStyle.SHORT,
)
_BOTTOMS_F = (
    Bottom.JEANS,
    Bottom.SKIRT,
    Bottom.TROUSERS,
    Bottom.WIDE,
    Bottom.LEGGINGS,
    Bottom.LONG_SKIRT,
    Bottom.JEANS,
    Bottom.SHORTS,
)
_BOTTOMS_M = (Bottom.JEANS, Bottom.TROUSERS, Bottom.JEANS, Bottom.SHORTS, Bottom.WIDE)
_OVERS = (
    Over.NONE,
    Over.NONE,
    Over.NONE,
    Over.JACKET,
    Over.BLAZER,
    Over.CARDIGAN,
    Over.COAT,
)
_WARM = {Over.JACKET, Over.BLAZER, Over.COAT}
_BAGS = (Bag.TOTE, Bag.TOTE, Bag.SHOULDER, Bag.BACKPACK, Bag.NONE, Bag.BASKET)


class _Drawer:
    """Draws one person: a stream for each question, so that one more question changes no other."""

    def __init__(self, wardrobe: Wardrobe, script: ShopperScript) -> None:
        self._wardrobe, self._script = wardrobe, script

    def outfit(self) -> Outfit:
        body, is_staff = self._script.body, self._script.part is Part.STAFF
        shape = body.shape or self.shape()
        female, old, child = shape in _FEMALE, shape in _OLD, shape in CHILDREN
        styles: Sequence[HairStyle] = _STYLES_F if female else _STYLES_M
        if child:
            styles = [style for style in styles if style is not HairStyle.BALD]
        style = body.hair_style or self._one("style", styles)
        over = body.over or (Over.APRON if is_staff else self._one("over", _OVERS))
        top = body.top or self._top(female, over)
        bottom = body.bottom or self._bottom(female, old, over)
        skin = body.skin or self._half("skin", _SKINS)
        dark = int(skin[1:3], 16) < 0xC0
        return Outfit(
            shape=shape,
            skin=skin,
            hair=body.hair or self._half("hair", _GREY if old else _HAIR[: 4 if dark else None]),
            eyes=self._one("eyes", _EYES[: 2 if dark else None]),
            hair_style=style,
            hat=body.hat or self._hat(style),
            hat_colour=self._half("hat colour", _CLOTH),
            glasses=self._or(body.glasses, "glasses", 0.6 if old else 0.2),
            beard=0.0 if female or child else max(0.0, self._value("beard") * 2.2 - 1.2),
            top=top,
            shirt=body.shirt or self._half("shirt", _CLOTH),
            second=self._half("second", _CLOTH[::-1]),
            pattern=Pattern.PLAIN if body.shirt and not body.top else self._pattern(top),
            long_sleeves=self._sleeves(top, over),
            over=over,
            over_colour=self._half("over colour", _LEGS if over is not Over.APRON else _CLOTH),
            over_pattern=Pattern.KNIT if over is Over.CARDIGAN else Pattern.PLAIN,
            is_open=self._value("open") < 0.65,
            bottom=bottom,
            trousers=body.trousers or self._half("trousers", _LEGS),
            shoes=body.shoes or self._half("shoes", _SHOES),
            soles=self._one("soles", ("#efeeea", "#2a2a2c", "#c9b48d")),
            bag=body.bag or (Bag.NONE if is_staff else self._bag()),
            bag_colour=self._half("bag colour", (*_LEGS, *_CLOTH)),
            seed=int(self._stream("seed").integers(2**31)),
        )

    def shape(self) -> str:
        """A shape of this half, of about the height that is asked for."""
        height_m = self._script.height_m
        known = self._shapes()
        if height_m is None:
            return self._one("shape", [s for s in known if s not in CHILDREN])
        return min(known, key=lambda shape: abs(_height_m(shape) - height_m))

    def _shapes(self) -> list[str]:
        every = (*WOMEN, *MEN, *CHILDREN)
        match self._wardrobe.split:
            case None:
                return list(every)
            case Split.TRAIN:
                return [shape for shape in every if shape not in _TEST_SHAPES]
            case Split.TEST:
                return [shape for shape in every if shape in _TEST_SHAPES]

    def _top(self, female: bool, over: Over) -> Top:
        tops: Sequence[Top] = _TOPS_F if female else _TOPS_M
        if self._script.body.long_sleeves:
            tops = (Top.SHIRT, Top.PULLOVER)
        elif over is not Over.NONE:
            tops = (Top.T_SHIRT, Top.SHIRT)
        return self._one("top", tops)

    def _bottom(self, female: bool, old: bool, over: Over) -> Bottom:
        bottoms: Sequence[Bottom] = _BOTTOMS_F if female else _BOTTOMS_M
        if old or over in _WARM:
            bottoms = [b for b in bottoms if b not in (Bottom.SHORTS, Bottom.LEGGINGS)]
        if over is not Over.NONE:
            # A skirt stands off further than what would hang over it.
            bottoms = [b for b in bottoms if b not in (Bottom.SKIRT, Bottom.LONG_SKIRT)]
        return self._one("bottom", bottoms)

    def _bag(self) -> Bag:
        """A basket only for whoever has the left hand free for it all along."""
        needs_both = any(
            step.hand is Hand.LEFT
            or step.other_hand is not None
            or step.action in (Deed.HAND_OVER, Deed.PICK_UP)
            for step in self._script.do
        )
        return self._one("bag", _BAGS[:-1] if needs_both else _BAGS)

    def _sleeves(self, top: Top, over: Over) -> bool:
        asked = self._script.body.long_sleeves
        if asked is not None:
            return asked
        return top is Top.PULLOVER or over is Over.BLAZER or self._value("sleeves") < 0.4

    def _hat(self, style: HairStyle) -> Hat:
        if style in (HairStyle.CURLY, HairStyle.BUN, HairStyle.PONYTAIL):
            return Hat.NONE
        value = self._value("hat")
        return Hat.CAP if value < 0.10 else Hat.BEANIE if value < 0.16 else Hat.NONE

    def _pattern(self, top: Top) -> Pattern:
        if top is Top.PULLOVER and self._value("knit") < 0.5:
            return Pattern.KNIT
        if self._value("plain") < 0.4:
            return Pattern.PLAIN
        return self._half("pattern", _PATTERNS)

    def _or(self, said: bool | None, name: str, share: float) -> bool:
        return self._value(name) < share if said is None else said

    def _half(self, name: str, options: Sequence[T]) -> T:
        """One of the options of this half: even ones train, odd ones test."""
        match self._wardrobe.split:
            case Split.TRAIN:
                options = options[0::2]
            case Split.TEST:
                options = options[1::2]
            case None:
                pass
        return self._one(name, options)

    def _one(self, name: str, options: Sequence[T]) -> T:
        return options[int(self._value(name) * len(options))]

    def _value(self, name: str) -> float:
        return float(self._stream(name).random())

    def _stream(self, name: str) -> Generator:
        words = [zlib.crc32(part.encode()) for part in (self._script.id, name)]
        return np.random.default_rng([self._wardrobe.seed, *words])


@cache
def _height_m(shape: str) -> float:
    return load_body(shape).height_m


def shapes() -> tuple[str, ...]:
    """All baked shapes."""
    return tuple(sorted(path.stem for path in BODIES.glob("*.npz")))
