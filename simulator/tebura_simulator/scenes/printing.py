"""Printing for packages: fronts with ground, motif, brand and name; stickers, small print."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Rgb = tuple[int, int, int]

_SANS = cv2.FontFace("sans")
WHITE: Rgb = (250, 249, 245)
_INK: Rgb = (38, 36, 40)


@dataclass(frozen=True)
class Scheme:
    """A product's colours and brand; what else is drawn comes from `rng`."""

    main: Rgb
    second: Rgb
    accent: Rgb
    brand: str
    rng: np.random.Generator


def front_panel(name: str, scheme: Scheme, aspect: float) -> Picture:
    """The front: ground, motif, brand, name, weight; `aspect` is its width by its height."""
    high = 220
    wide = int(np.clip(high * aspect, 70, 420))
    picture = _ground(wide, high, scheme)
    centre = (wide // 2, round(high * float(scheme.rng.uniform(0.62, 0.74))))
    _motif(picture, centre, round(min(wide, 0.6 * high) * 0.36), scheme)
    _brand(picture, scheme)
    _name(picture, name, scheme)
    _text(picture, _amount(name), (0.5, 0.94), (0.42, 0.055), _ink_on(scheme.main))
    return picture


def _ground(wide: int, high: int, scheme: Scheme) -> Picture:
    main, second = (np.array(c, float) for c in (scheme.main, scheme.second))
    x, y = np.meshgrid(np.linspace(0, 1, wide), np.linspace(0, 1, high))
    kind = int(scheme.rng.integers(6))
    if kind == 0:
        share = 0.35 * y
    elif kind == 1:
        share = (y > 0.52 + 0.08 * np.sin(5 * x + 1)).astype(float)
    elif kind == 2:
        share = (((x * wide + y * high) // 22) % 2) * 0.35
    elif kind == 3:
        angle = np.arctan2(y - 0.65, (x - 0.5) * wide / high)
        share = (np.sin(14 * angle) > 0) * 0.3
    elif kind == 4:
        share = (np.hypot((x - 0.5) * wide / high, y - 0.7) < 0.34).astype(float)
    else:
        share = (np.abs(x - 0.5) < 0.36).astype(float) * 0.9
    soft = cv2.GaussianBlur(share, (0, 0), 0.8)[..., None]
    return np.asarray((main + (second - main) * soft).clip(0, 255), np.uint8)


def _motif(picture: Picture, centre: tuple[int, int], radius: int, scheme: Scheme) -> None:
    """Something to eat, more or less: rounds, leaves, chips, a splash, a bowl, a star."""
    rng, (x, y) = scheme.rng, centre
    colours = [scheme.accent, shade(scheme.accent, 0.7), shade(scheme.second, 1.1), WHITE]
    kind = int(rng.integers(5))
    if kind == 4:
        cv2.ellipse(picture, (x, y), (radius, radius // 2), 0, 0, 180, colours[1], -1, cv2.LINE_AA)
        cv2.ellipse(picture, (x, y), (radius, radius // 4), 0, 0, 360, colours[2], -1, cv2.LINE_AA)
    for _ in range(int(rng.integers(4, 10))):
        at = (x + int(rng.normal(0, 0.45 * radius)), y + int(rng.normal(0, 0.35 * radius)))
        size = max(3, int(radius * rng.uniform(0.2, 0.55)))
        colour = colours[int(rng.integers(len(colours)))]
        angle = int(rng.integers(180))
        if kind == 0:
            cv2.circle(picture, at, size, colour, -1, cv2.LINE_AA)
            cv2.circle(picture, at, size, shade(colour, 0.75), 2, cv2.LINE_AA)
        elif kind == 1:
            cv2.ellipse(picture, at, (size, size // 2), angle, 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 2:
            cv2.ellipse(picture, at, (size, size // 3), angle, 0, 200, colour, -1, cv2.LINE_AA)
        else:
            turns = np.deg2rad(angle + np.arange(0, 360, 72))
            star = np.stack([at[0] + size * np.cos(turns), at[1] + size * np.sin(turns)], 1)
            cv2.fillPoly(picture, [star.astype(np.int32)], colour, cv2.LINE_AA)


def _brand(picture: Picture, scheme: Scheme) -> None:
    high, wide, _ = picture.shape
    ground = WHITE if scheme.rng.random() < 0.5 else scheme.accent
    middle, half = (wide // 2, round(high * 0.13)), (round(wide * 0.4), round(high * 0.075))
    if scheme.rng.random() < 0.5:
        cv2.ellipse(picture, middle, half, 0, 0, 360, ground, -1, cv2.LINE_AA)
    else:
        low = (middle[0] - half[0], middle[1] - half[1])
        cv2.rectangle(picture, low, (middle[0] + half[0], middle[1] + half[1]), ground, -1)
    _text(picture, scheme.brand, (0.5, 0.135), (0.62, 0.09), _ink_on(ground))


def _name(picture: Picture, name: str, scheme: Scheme) -> None:
    words = name.split(",")[0].split()[:4]
    half = (len(words) + 1) // 2
    lines = [" ".join(words[:half]), " ".join(words[half:])]
    colour = _ink_on(scheme.main)
    for row, line in enumerate(line for line in lines if line):
        _text(picture, line, (0.5, 0.31 + 0.135 * row), (0.88, 0.125), colour)


def _amount(name: str) -> str:
    words = [word for word in name.split() if word[:1].isdigit()]
    return " ".join([*words, *name.split()[-1:]] if words else ["net 100 g"])


def sticker(name: str, scheme: Scheme, aspect: float) -> Picture:
    """A small sticker with the name."""
    high = 80
    picture = np.full((high, round(high * aspect), 3), WHITE, np.uint8)
    picture[: high // 4] = scheme.main
    _text(picture, name.split(",")[0], (0.5, 0.5), (0.9, 0.28), _INK)
    _text(picture, scheme.brand, (0.5, 0.82), (0.6, 0.2), scheme.main)
    return picture


def side_panel(scheme: Scheme, aspect: float) -> Picture:
    wide = int(np.clip(220 * aspect, 40, 260))
    picture = np.full((220, wide, 3), shade(scheme.main, 0.92), np.uint8)
    print_px = min(150, 2 * wide)
    block = cv2.resize(small_print(scheme, 0.8), (round(0.8 * wide), print_px))
    left = round(0.1 * wide)
    picture[55 : 55 + print_px, left : left + block.shape[1]] = block
    _text(picture, scheme.brand, (0.5, 0.13), (0.8, 0.1), _ink_on(scheme.main))
    return picture


def small_print(scheme: Scheme, aspect: float) -> Picture:
    """A nutrition table, lines of text too small to read and a bar code."""
    high, wide = 200, int(np.clip(200 * aspect, 50, 300))
    picture = np.full((high, wide, 3), WHITE, np.uint8)
    for row in range(14, 92, 11):
        cv2.line(picture, (6, row), (wide - 7, row), (170, 170, 170), 1)
        long = int(scheme.rng.integers(wide // 4, wide // 2))
        cv2.line(picture, (9, row + 5), (9 + long, row + 5), (90, 90, 90), 2)
        cv2.line(picture, (wide - 24, row + 5), (wide - 10, row + 5), (90, 90, 90), 2)
    cv2.rectangle(picture, (5, 8), (wide - 6, 96), (60, 60, 60), 1)
    for row in range(104, 134, 6):
        cv2.line(picture, (6, row), (wide - 8, row), (150, 150, 150), 2)
    x = wide // 6
    while x < wide - wide // 6:
        bar = int(scheme.rng.integers(1, 4))
        picture[140:190, x : x + bar] = 15
        x += bar + int(scheme.rng.integers(1, 4))
    return picture


def _text(
    picture: Picture, text: str, middle: tuple[float, float], room: tuple[float, float], ink: Rgb
) -> None:
    """Write a line as large as its room (shares of the picture's size) allows."""
    high, wide, _ = picture.shape
    size = max(6, round(room[1] * high))
    across = cv2.getTextSize((0, 0), text, (0, 0), _SANS, size, 700)[2]
    if across > room[0] * wide:
        size = max(6, int(size * room[0] * wide / across))
        across = cv2.getTextSize((0, 0), text, (0, 0), _SANS, size, 700)[2]
    at = (round(middle[0] * wide - across / 2), round(middle[1] * high + 0.36 * size))
    cv2.putText(picture, text, at, ink, _SANS, size, 700)


def shade(colour: Rgb, share: float) -> Rgb:
    red, green, blue = (min(255, round(share * value)) for value in colour)
    return red, green, blue


def _ink_on(ground: Rgb) -> Rgb:
    """What can be read on a colour."""
    return _INK if 0.3 * ground[0] + 0.59 * ground[1] + 0.11 * ground[2] > 150 else WHITE
