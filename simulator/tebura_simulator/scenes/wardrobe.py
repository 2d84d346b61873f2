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

from tebura_simulator.scenes.assortment import (
    BAGS,
    BAGS_SMALL,
    BOTTOMS_F,
    BOTTOMS_M,
    CHILDREN,
    CLOTH,
    EYES,
    FEMALE,
    GREY,
    HAIR,
    LEGS,
    MEN,
    OLD,
    OVERS,
    PATTERNS,
    SHOES,
    SKINS,
    SMALL,
    STYLES_F,
    STYLES_M,
    TEST_SHAPES,
    TOPS_F,
    TOPS_M,
    WARM,
    WOMEN,
)
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


class _Drawer:
    """Draws one person: a stream for each question, so that one more question changes no other."""

    def __init__(self, wardrobe: Wardrobe, script: ShopperScript) -> None:
        self._wardrobe, self._script = wardrobe, script

    def outfit(self) -> Outfit:
        body, is_staff = self._script.body, self._script.part is Part.STAFF
        shape = body.shape or self.shape()
        female, old, child = shape in FEMALE, shape in OLD, shape in CHILDREN
        styles: Sequence[HairStyle] = STYLES_F if female else STYLES_M
        if child:
            styles = [style for style in styles if style is not HairStyle.BALD]
        style = body.hair_style or self._one("style", styles)
        over = body.over or (Over.APRON if is_staff else self._one("over", OVERS))
        top = body.top or self._top(female, over)
        bottom = body.bottom or self._bottom(female, old, over)
        skin = body.skin or self._half("skin", SKINS)
        dark = int(skin[1:3], 16) < 0xC0
        return Outfit(
            shape=shape,
            skin=skin,
            hair=body.hair or self._half("hair", GREY if old else HAIR[: 4 if dark else None]),
            eyes=self._one("eyes", EYES[: 2 if dark else None]),
            hair_style=style,
            hat=body.hat or self._hat(style),
            hat_colour=self._half("hat colour", CLOTH),
            glasses=self._or(body.glasses, "glasses", 0.6 if old else 0.2),
            beard=0.0 if female or child else max(0.0, self._value("beard") * 2.2 - 1.2),
            top=top,
            shirt=body.shirt or self._half("shirt", CLOTH),
            second=self._half("second", CLOTH[::-1]),
            pattern=Pattern.PLAIN if body.shirt and not body.top else self._pattern(top),
            long_sleeves=self._sleeves(top, over),
            over=over,
            over_colour=self._half("over colour", LEGS if over is not Over.APRON else CLOTH),
            over_pattern=Pattern.KNIT if over is Over.CARDIGAN else Pattern.PLAIN,
            is_open=self._value("open") < 0.65,
            bottom=bottom,
            trousers=body.trousers or self._half("trousers", LEGS),
            shoes=body.shoes or self._half("shoes", SHOES),
            soles=self._one("soles", ("#efeeea", "#2a2a2c", "#c9b48d")),
            bag=body.bag or (Bag.NONE if is_staff else self._bag(shape)),
            bag_colour=self._half("bag colour", (*LEGS, *CLOTH)),
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
                return [shape for shape in every if shape not in TEST_SHAPES]
            case Split.TEST:
                return [shape for shape in every if shape in TEST_SHAPES]

    def _top(self, female: bool, over: Over) -> Top:
        tops: Sequence[Top] = TOPS_F if female else TOPS_M
        if self._script.body.long_sleeves:
            tops = (Top.SHIRT, Top.PULLOVER)
        elif over is not Over.NONE:
            tops = (Top.T_SHIRT, Top.SHIRT)
        return self._one("top", tops)

    def _bottom(self, female: bool, old: bool, over: Over) -> Bottom:
        bottoms: Sequence[Bottom] = BOTTOMS_F if female else BOTTOMS_M
        if old or over in WARM:
            bottoms = [b for b in bottoms if b not in (Bottom.SHORTS, Bottom.LEGGINGS)]
        if over is not Over.NONE:
            # A skirt stands off further than what would hang over it.
            bottoms = [b for b in bottoms if b not in (Bottom.SKIRT, Bottom.LONG_SKIRT)]
        return self._one("bottom", bottoms)

    def _bag(self, shape: str) -> Bag:
        """A basket only for whoever has the left hand free for it all along."""
        if shape in SMALL:
            return self._one("bag", BAGS_SMALL)
        needs_both = any(
            step.hand is Hand.LEFT
            or step.other_hand is not None
            or step.action in (Deed.HAND_OVER, Deed.PICK_UP)
            for step in self._script.do
        )
        return self._one("bag", BAGS[:-1] if needs_both else BAGS)

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
        return self._half("pattern", PATTERNS)

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
