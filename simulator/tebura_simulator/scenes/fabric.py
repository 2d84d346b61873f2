"""Pictures printed on garments, hair, shoes: weave, folds, patterns, seams, buttons.

A garment's picture has its front panel on the left half and its back on the right, the hem below.
"""

from enum import StrEnum

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
HIGH, WIDE = 384, 768
_DARKEST = 26.0
"""Black cloth gives back a little of the light, or nothing of its folds would be seen."""
_STREAKS = 0.08
"""From above deeper ones run into the crown like a pumpkin's."""


class Pattern(StrEnum):
    PLAIN = "plain"
    STRIPES = "stripes"
    PINSTRIPES = "pinstripes"
    CHECKS = "checks"
    DOTS = "dots"
    PRINT = "print"
    BLOCKS = "blocks"
    KNIT = "knit"
    MOTTLED = "mottled"


class Detail(StrEnum):
    """What is sewn onto it."""

    NONE = "none"
    BUTTONS = "buttons"
    ZIP = "zip"
    POCKETS = "pockets"
    JEANS = "jeans"
    CREASE = "crease"


def rgb(colour: str) -> Array:
    """``#rrggbb`` as three numbers 0 to 255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)


def cloth(colour: str, second: str, pattern: Pattern, detail: Detail, rng: Generator) -> Picture:
    """The picture of a garment."""
    base, other = (_DARKEST + (1 - _DARKEST / 255) * rgb(one) for one in (colour, second))
    picture = np.broadcast_to(base, (HIGH, WIDE, 3)).copy()
    _PATTERNS[pattern](picture, base, other, rng)
    _details(picture, base, detail)
    shade = _folds(rng)
    if detail is Detail.JEANS:
        shade *= _faded()
    picture *= shade[:, :, None]
    picture *= rng.normal(1.0, 0.025, (HIGH, WIDE, 1))
    return np.asarray(picture.clip(0, 255), dtype=np.uint8)


def strands(colour: str, rng: Generator) -> Picture:
    """Hair: streaks from crown to ends with a sheen across."""
    high, wide = 128, 512
    streak = cv2.GaussianBlur(rng.normal(0.0, 1.0, (1, wide)), (0, 0), 0.8)
    broad = cv2.GaussianBlur(rng.normal(0.0, 1.0, (1, wide)), (0, 0), 6.0) * 2.5
    fine = cv2.GaussianBlur(rng.normal(0.0, 1.0, (high, wide)), (5, 41), 0.7, None, 12.0) * 2.0
    down = np.linspace(0.0, 1.0, high)[:, None]
    sheen = 0.30 * np.exp(-(((down - 0.42) / 0.10) ** 2))
    deep = _STREAKS * _between_hairs(colour)
    shade = 1.0 + deep * (streak + broad + fine) + sheen - 0.20 * down
    picture = rgb(colour) * np.clip(shade, 0.35, 1.7)[:, :, None] + 22.0 * sheen[:, :, None]
    return np.asarray(picture.clip(0, 255), dtype=np.uint8)


def curls(colour: str, rng: Generator) -> Picture:
    """Curly hair: small round lights and darks."""
    high, wide = 192, 384
    fine = cv2.GaussianBlur(rng.normal(0.0, 1.0, (high, wide)), (0, 0), 1.6)
    broad = cv2.GaussianBlur(rng.normal(0.0, 1.0, (high, wide)), (0, 0), 4.0)
    deep = _between_hairs(colour)
    shade = 1.0 + deep * (0.24 * fine / fine.std() + 0.12 * broad / broad.std())
    picture = rgb(colour) * np.clip(shade, 0.35, 1.8)[:, :, None]
    return np.asarray(picture.clip(0, 255), dtype=np.uint8)


def _between_hairs(colour: str) -> float:
    """How deep the shade between hairs is: light ones shine into each other's."""
    return 1.0 - 0.65 * float(rgb(colour).mean()) / 255


def leather(colour: str, sole: str, rng: Generator) -> Picture:
    """Shoes: u from toe to heel, v from the floor up; the sole below, laces on the front."""
    high, wide = 64, 128
    picture = np.broadcast_to(rgb(colour), (high, wide, 3)).copy()
    picture[int(0.72 * high) :] = rgb(sole)
    picture[int(0.72 * high) : int(0.72 * high) + 2] *= 0.6
    for column in range(24, 60, 9):
        picture[: int(0.45 * high), column : column + 3] = rgb(sole) * 0.9
    picture[: int(0.12 * high)] *= 0.7
    picture *= rng.normal(1.0, 0.03, (high, wide, 1))
    return picture.clip(0, 255).astype(np.uint8)


def _folds(rng: Generator) -> Array:
    """Light and dark of worn cloth: folds that hang, and creases across, where bodies bend it."""
    high, wide = HIGH // 4, WIDE // 4

    def soft(across: float, down: float) -> Array:
        field = cv2.GaussianBlur(rng.normal(0.0, 1.0, (high, wide)), (0, 0), across, None, down)
        return np.asarray(field / np.std(field))

    def slanted(field: Array, right: float, down: float) -> Array:
        shear = np.array([[1.0, right, 0.0], [down, 1.0, -down * wide / 4]])
        return np.asarray(cv2.warpAffine(field, shear, (wide, high), borderMode=cv2.BORDER_WRAP))

    hanging = soft(2.3, 8.5) + slanted(soft(2.3, 8.5), 0.35, 0.0)
    creases = slanted(soft(6.0, 1.0), 0.0, 0.3) + slanted(soft(6.0, 1.0), 0.0, -0.3)
    shade = 1.0 + 0.07 * hanging + 0.075 * creases
    return np.asarray(cv2.resize(np.clip(shade, 0.62, 1.25), (WIDE, HIGH)))


def _faded() -> Array:
    """Jeans are lighter on the thighs, darker along their seams."""
    y, x = np.mgrid[0:HIGH, 0:WIDE]
    u, v = (x % (WIDE // 2)) / (WIDE // 2), 1.0 - y / HIGH
    thighs = np.exp(-(((np.abs(u - 0.5) - 0.19) / 0.10) ** 2) - ((v - 0.62) / 0.22) ** 2)
    seam = np.exp(-((np.abs(np.abs(u - 0.5) - 0.36) / 0.012) ** 2))
    return np.asarray(1.0 + 0.35 * thighs - 0.20 * seam)


def _plain(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    del picture, base, other, rng


def _stripes(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    del base
    every = int(rng.integers(20, 44))
    broad = int(every * rng.uniform(0.3, 0.55))
    for row in range(0, HIGH, every):
        picture[row : row + broad] = other


def _pinstripes(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    every = int(rng.integers(14, 24))
    for column in range(0, WIDE, every):
        picture[:, column : column + 3] = 0.35 * base + 0.65 * other


def _checks(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    every = int(rng.integers(26, 46))
    across = (np.arange(WIDE) % every < every // 2)[None, :, None]
    down = (np.arange(HIGH) % every < every // 2)[:, None, None]
    share = 0.5 * across + 0.5 * down
    picture[:] = base * (1 - share) + other * share
    thin = (np.arange(WIDE) % every == every // 4)[None, :] | (
        np.arange(HIGH) % every == every // 4
    )[:, None]
    picture[thin] = 0.5 * picture[thin] + 0.5 * (255 - base)


def _dots(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    del base
    every = int(rng.integers(16, 30))
    for row, y in enumerate(range(0, HIGH, every)):
        for x in range((row % 2) * every // 2, WIDE, every):
            cv2.circle(picture, (x, y), max(2, every // 6), tuple(map(float, other)), -1)


def _print(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    """Something on the chest: a disc, bars or a few letters."""
    del base
    x, y = WIDE // 4, int(0.34 * HIGH)
    colour = tuple(map(float, other))
    match int(rng.integers(3)):
        case 0:
            cv2.circle(picture, (x, y), 34, colour, -1)
            cv2.circle(picture, (x, y), 22, tuple(map(float, 255 - other)), 5)
        case 1:
            for row in range(3):
                cv2.rectangle(
                    picture, (x - 44, y - 26 + 20 * row), (x + 44, y - 16 + 20 * row), colour, -1
                )
        case _:
            word = ("NOVA", "TIDE", "KUMO", "1984", "ORBIT")[int(rng.integers(5))]
            ink = np.zeros((HIGH, WIDE), np.uint8)
            at = (x - 16 * len(word), y + 12)
            cv2.putText(ink, word, at, cv2.FONT_HERSHEY_DUPLEX, 1.5, 255, 5)
            picture[ink > 127] = other


def _blocks(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    """Another colour over the shoulders, or below the chest."""
    del base
    row = int(HIGH * rng.uniform(0.28, 0.40))
    if rng.random() < 0.5:
        picture[:row] = other
    else:
        picture[row : row + 60] = other


def _knit(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    del other
    every = int(rng.integers(7, 12))
    rib = 1.0 + 0.13 * np.sin(2 * np.pi * np.arange(WIDE) / every)
    picture[:] = base * rib[None, :, None]
    picture[int(0.95 * HIGH) :] *= 0.88


def _mottled(picture: Array, base: Array, other: Array, rng: Generator) -> None:
    """Blots of the second colour, as camouflage or flowers from afar."""
    blots = cv2.GaussianBlur(rng.normal(0.0, 1.0, (HIGH, WIDE)), (0, 0), 8.0)
    field = np.asarray(blots) / blots.std()
    picture[field > 0.6] = other
    picture[field < -0.9] = 0.55 * base + 0.45 * (255 - other) * 0.6


_PATTERNS = {
    Pattern.PLAIN: _plain,
    Pattern.STRIPES: _stripes,
    Pattern.PINSTRIPES: _pinstripes,
    Pattern.CHECKS: _checks,
    Pattern.DOTS: _dots,
    Pattern.PRINT: _print,
    Pattern.BLOCKS: _blocks,
    Pattern.KNIT: _knit,
    Pattern.MOTTLED: _mottled,
}


def _details(picture: Array, base: Array, detail: Detail) -> None:
    middle, half = WIDE // 4, WIDE // 2
    dark, light = 0.62 * base, np.minimum(base * 1.25 + 30, 255)
    match detail:
        case Detail.BUTTONS:
            _back_seams(picture, dark)
            picture[:, middle - 7 : middle + 7] *= 0.94
            picture[:, middle + 6 : middle + 8] = dark
            for y in range(int(0.08 * HIGH), HIGH, 44):
                cv2.circle(picture, (middle, y), 4, tuple(map(float, light)), -1)
                cv2.circle(picture, (middle, y), 4, tuple(map(float, dark)), 1)
            cv2.rectangle(
                picture,
                (middle + 26, int(0.30 * HIGH)),
                (middle + 66, int(0.42 * HIGH)),
                tuple(map(float, dark)),
                2,
            )
        case Detail.ZIP:
            _back_seams(picture, dark)
            picture[:, middle - 3 : middle + 3] = (150, 152, 156)
            picture[:, middle - 4] = picture[:, middle + 3] = dark
        case Detail.POCKETS:
            _back_seams(picture, dark)
            for side in (-1, 1):
                x = middle + side * 52
                cv2.line(
                    picture,
                    (x, int(0.80 * HIGH)),
                    (x + side * 26, int(0.68 * HIGH)),
                    tuple(map(float, dark)),
                    4,
                )
        case Detail.JEANS | Detail.CREASE:
            belt = (60.0, 42.0, 28.0) if detail is Detail.CREASE else tuple(map(float, dark))
            picture[:14] = belt
            for side in (-1, 1):
                x = middle + side * 84
                cv2.ellipse(picture, (x, 14), (52, 40), 0, 0, 180, tuple(map(float, dark)), 3)
                x = half + middle + side * 66
                cv2.rectangle(picture, (x - 34, 44), (x + 34, 100), tuple(map(float, dark)), 3)
                if detail is Detail.CREASE:
                    x = middle + side * 96
                    picture[40:, x - 2 : x + 2] *= 0.86
            picture[14:90, middle - 2 : middle + 2] = dark
        case Detail.NONE:
            pass
    # A hem is folded over, two layers and the line of its stitches, and a neck is ribbed.
    picture[:10] *= 0.86
    picture[-14:] *= 0.93
    picture[-15:-13] *= 0.7


def _back_seams(picture: Array, dark: Array) -> None:
    """A yoke over the shoulder blades and a seam down from it, on the back panel."""
    row, column = int(0.30 * HIGH), 3 * WIDE // 4
    picture[row : row + 3, WIDE // 2 + 40 : WIDE - 40] = dark
    picture[row:, column - 1 : column + 2] = dark
