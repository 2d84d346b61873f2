"""What is printed on packages: brand, name, colours, a motif, bar code, nutrition table.

All of it is made up from the product's name and the art seed; no real brand is shown. A product
looks the same all over a store, and another in a store with another art seed.
"""

import colorsys
import zlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from tebura_simulator.scenes.forms import TOP, Form
from tebura_simulator.scenes.printing import (
    WHITE,
    Picture,
    Rgb,
    Scheme,
    front_panel,
    shade,
    side_panel,
    small_print,
    sticker,
)

SHEET_PX = (512, 256)
_HUES: tuple[tuple[str, float, float, float], ...] = (
    # A word of the name; hue (0 to 1), saturation, brightness of the colour that goes with it.
    ("green tea|matcha|salad|pea|lime|cucumber|aloe", 0.33, 0.75, 0.48),
    ("water|aqua|milk|yogurt|salted|sea|original", 0.58, 0.70, 0.80),
    ("mint|soap|toothbrush|mask", 0.47, 0.65, 0.72),
    ("lemon|corn|butter|custard|banana|egg|cheese|mango", 0.14, 0.85, 0.96),
    ("orange|curry|salmon|carrot|apricot|energy", 0.07, 0.88, 0.94),
    ("cola|tomato|strawberry|hot|chili|shrimp|red|kimchi", 0.99, 0.86, 0.82),
    ("grape|plum|berry|sweet bean", 0.80, 0.55, 0.52),
    ("chocolate|coffee|cocoa|caramel|almond|nut|barley", 0.06, 0.72, 0.36),
    ("black|dark|seaweed|kelp|nori", 0.62, 0.25, 0.20),
    ("rice|tofu|natto|bread|noodle|cracker", 0.09, 0.45, 0.90),
)
_START, _END = (
    ("Ka", "Mo", "Su", "Ri", "Ta", "No", "Hi", "Ve", "Lu", "Bo", "Sa", "Pi"),
    (
        "ruma",
        "nela",
        "kko",
        "zen",
        "dori",
        "via",
        "mi",
        "sta",
        "pop",
        "lio",
        "haru",
        "tto",
    ),
)


@dataclass(frozen=True)
class Print:
    """What a product's sheet is drawn from."""

    name: str
    key: str
    form: Form
    width_m: float
    depth_m: float
    height_m: float


@lru_cache(maxsize=128)
def sheet(given: Print, art_seed: int) -> Picture:
    """The printed sheet that goes around a package, (H, W, 3) RGB; see `forms` for its places."""
    scheme = _scheme(given, art_seed)
    return _BODIES.get(given.form, _printed)(given, scheme)


def _scheme(given: Print, art_seed: int) -> Scheme:
    rng = np.random.default_rng([zlib.crc32(given.key.encode()), art_seed])
    lower = given.name.lower()
    hue, saturation, value = (float(v) for v in rng.uniform((0, 0.45, 0.4), (1, 0.9, 0.95)))
    for words, *known in _HUES:
        if any(word in lower for word in words.split("|")) and rng.random() < 0.75:
            hue, saturation, value = known
            hue += float(rng.normal(0.0, 0.02))
    brand = _START[int(rng.integers(len(_START)))] + _END[int(rng.integers(len(_END)))]
    other = hue + float(rng.choice([0.08, -0.1, 0.42, 0.5]))
    light = rng.random() < 0.4
    return Scheme(
        main=_rgb(hue, saturation, value),
        second=_rgb(hue, 0.14, 0.96) if light else _rgb(other, 0.75, 0.72),
        accent=_rgb(other, 0.72, 0.84),
        brand=brand.upper() if rng.random() < 0.5 else brand,
        rng=rng,
    )


def _rgb(hue: float, saturation: float, value: float) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _plain(colour: Rgb) -> Picture:
    wide, high = SHEET_PX
    return np.full((high, wide, 3), colour, np.uint8)


def _rows(picture: Picture, low: float, high: float, colour: Rgb) -> None:
    """Colour a band of the wall of a package, from 0 at its top to 1."""
    tall = len(picture)
    first, last = (round(tall * (TOP + (1 - TOP) * share)) for share in (low, high))
    picture[first:last] = colour


def _place(
    picture: Picture, panel: Picture, u: tuple[float, float], v: tuple[float, float]
) -> None:
    """Put a panel into the wall of a sheet: `u` of its width, `v` from 0 at the wall's top to 1."""
    high, wide, _ = picture.shape
    x0, x1 = (round(wide * share) for share in u)
    y0, y1 = (round(high * (TOP + (1 - TOP) * share)) for share in v)
    picture[y0:y1, x0:x1] = cv2.resize(panel, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)


def _faces(given: Print) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    """Where front, left and right side are along the sheet, by the package's outline."""
    if given.form in (Form.BOX, Form.BAR, Form.BOOK, Form.CARD):
        return (0.375, 0.625), (0.125, 0.375), (0.625, 0.875)
    front = given.width_m / (given.width_m + given.depth_m) / 2
    if given.form in (Form.BAG, Form.POUCH, Form.TUBE):
        front = 0.5
    low, high = 0.5 - front / 2, 0.5 + front / 2
    return (low, high), (max(0.0, low - 0.5 + front), low), (high, min(1.0, high + 0.5 - front))


def _printed(given: Print, scheme: Scheme) -> Picture:
    """Print all over: boxes, bags, cartons."""
    picture = _plain(scheme.main)
    front, left, right = _faces(given)
    _place(
        picture, front_panel(given.name, scheme, given.width_m / given.height_m), front, (0.0, 1.0)
    )
    back = small_print(scheme, given.width_m / given.height_m)
    _place(
        picture, back, (0.0, front[0] if given.form is Form.BAG else left[0] or 0.1), (0.05, 0.9)
    )
    for side in (left, right):
        if side[1] - side[0] > 0.06 and given.form is not Form.BAG:
            panel = side_panel(scheme, given.depth_m / given.height_m)
            _place(picture, panel, side, (0.0, 1.0))
    if given.form in (Form.BAG, Form.POUCH):
        _rows(picture, 0.0, 0.05, shade(scheme.main, 0.85))
        _rows(picture, 0.95, 1.0, shade(scheme.main, 0.85))
    wide, high = SHEET_PX
    top = cv2.resize(sticker(given.name, scheme, 4.0), (wide // 2, round(high * TOP)))
    picture[: len(top), wide // 4 : wide // 4 + wide // 2] = top
    return picture


def _labelled(given: Print, scheme: Scheme) -> Picture:
    """A liquid in clear plastic or glass with a label around it and a cap."""
    lower = given.name.lower()
    liquid = scheme.main
    for words, colour in (
        ("water|aqua|spring", (196, 216, 226)),
        ("green tea|matcha", (122, 138, 48)),
        ("tea|barley", (140, 84, 34)),
        ("cola|coffee|soy sauce", (46, 26, 20)),
        ("lemon|sports|sour", (226, 224, 190)),
    ):
        if any(word in lower for word in words.split("|")):
            liquid = colour
            break
    picture = _plain(liquid)
    _rows(picture, 0.0, 0.1, WHITE if scheme.rng.random() < 0.5 else scheme.accent)
    low, high = (0.34, 0.78) if given.form is not Form.JAR else (0.3, 0.86)
    if given.form is Form.JAR:
        _rows(picture, 0.0, 0.17, scheme.accent)
    picture[: round(SHEET_PX[1] * TOP)] = scheme.accent
    _rows(picture, low, high, scheme.main)
    aspect = 1.2 * given.width_m / (given.height_m * (high - low))
    panel = front_panel(given.name, scheme, aspect)
    _place(picture, panel, (0.31, 0.69), (low, high))
    _place(picture, small_print(scheme, 0.5 * aspect), (0.0, 0.15), (low + 0.02, high - 0.02))
    _rows(picture, low, low + 0.012, scheme.accent)
    _rows(picture, high - 0.012, high, scheme.accent)
    return picture


def _canned(given: Print, scheme: Scheme) -> Picture:
    picture = _plain(scheme.main)
    panel = front_panel(given.name, scheme, 1.5 * given.width_m / given.height_m)
    _place(picture, panel, (0.27, 0.73), (0.08, 0.96))
    _place(picture, panel, (0.0, 0.2), (0.08, 0.96))
    metal = (186, 188, 192)
    _rows(picture, 0.0, 0.055, metal)
    _rows(picture, 0.965, 1.0, metal)
    picture[: round(SHEET_PX[1] * TOP)] = metal
    return picture


def _lidded(given: Print, scheme: Scheme) -> Picture:
    """Cups and bowls: a printed wall, a lid with the name."""
    picture = _canned(given, scheme)
    _rows(picture, 0.0, 0.06, WHITE)
    _rows(picture, 0.965, 1.0, WHITE)
    wide, high = SHEET_PX
    lid = cv2.resize(sticker(given.name, scheme, 1.6), (wide // 2, round(high * TOP)))
    picture[: len(lid), wide // 4 : wide // 4 + wide // 2] = lid
    return picture


def _tray(given: Print, scheme: Scheme) -> Picture:
    """A black tray with food under a clear lid and a paper band."""
    picture = _plain((30, 29, 31))
    wide, high = SHEET_PX
    food = np.full((48, 96, 3), (222, 214, 196), np.uint8)
    colours = [scheme.main, (196, 96, 48), (84, 128, 52), (228, 190, 70), (150, 60, 50)]
    for _ in range(60):
        x, y = (int(scheme.rng.integers(n)) for n in (96, 48))
        radius = int(scheme.rng.integers(3, 8))
        colour = colours[int(scheme.rng.integers(len(colours)))]
        cv2.ellipse(food, (x, y), (radius, radius // 2 + 1), 30, 0, 360, colour, -1, cv2.LINE_AA)
    top = cv2.resize(food, (wide // 2, round(high * TOP)))
    picture[: len(top), wide // 4 : wide // 4 + wide // 2] = top
    _place(picture, food, (0.3, 0.7), (0.0, 0.45))
    _place(picture, sticker(given.name, scheme, 4.0), (0.4, 0.6), (0.0, 0.7))
    return picture


def _onigiri(given: Print, scheme: Scheme) -> Picture:
    """A film of the filling's colour over rice and nori."""
    picture = _plain((236, 234, 228))
    dark = np.full((120, 120, 3), (24, 30, 26), np.uint8)
    _place(picture, dark, (0.36, 0.64), (0.42, 1.0))
    _place(picture, sticker(given.name, scheme, 1.7), (0.38, 0.62), (0.5, 0.82))
    band = np.full((20, 20, 3), scheme.main, np.uint8)
    _place(picture, band, (0.46, 0.54), (0.0, 0.45))
    _rows(picture[:, : SHEET_PX[0] // 8], 0.72, 1.0, (24, 30, 26))
    return picture


def _sandwich(given: Print, scheme: Scheme) -> Picture:
    picture = _plain((238, 222, 188))
    fill: dict[str, Rgb] = {"egg": (244, 204, 80), "ham": (226, 140, 132), "tuna": (206, 186, 160)}
    inside = next((c for word, c in fill.items() if word in given.name.lower()), scheme.main)
    high, wide = 200, 160
    cut = np.full((high, wide, 3), (246, 236, 214), np.uint8)
    for x, colour in ((42, inside), (54, (112, 160, 62)), (62, inside), (106, inside)):
        for y in range(0, high, 4):
            off = int(scheme.rng.integers(-3, 4))
            cut[y : y + 4, x + off : x + off + 20] = colour
    _place(picture, cut, (0.25, 0.75), (0.0, 1.0))
    _place(picture, sticker(given.name, scheme, 1.5), (0.32, 0.68), (0.62, 0.94))
    return picture


def _baked(given: Print, scheme: Scheme) -> Picture:
    """Bread in clear film with a sticker; crust darker towards the top."""
    crust = np.array((206, 150, 84), float) * float(scheme.rng.uniform(0.85, 1.12))
    rows = np.linspace(1.0, 0.0, SHEET_PX[1])[:, None, None]
    shades = (crust * (1.08 - 0.22 * rows) + 60 * (1 - rows) ** 3).repeat(SHEET_PX[0], 1)
    picture: Picture = np.asarray(shades.clip(0, 255), np.uint8)
    if "melon" in given.name.lower():
        for k in range(0, SHEET_PX[0], 26):
            cv2.line(picture, (k, 0), (k + 110, 256), (176, 136, 64), 3, cv2.LINE_AA)
            cv2.line(picture, (k, 0), (k - 110, 256), (176, 136, 64), 3, cv2.LINE_AA)
    spots = scheme.rng.integers(0, (SHEET_PX[0], SHEET_PX[1] // 2), (60, 2))
    for x, y in spots:
        cv2.circle(picture, (int(x), int(y)), 2, (236, 206, 150), -1, cv2.LINE_AA)
    _place(picture, sticker(given.name, scheme, 1.8), (0.4, 0.6), (0.3, 0.72))
    return picture


def _fruit(_given: Print, scheme: Scheme) -> Picture:
    picture = _plain(scheme.main).astype(float)
    noise = cv2.resize(scheme.rng.normal(0, 14, (32, 64, 1)), SHEET_PX)[..., None]
    return np.asarray((picture + noise).clip(0, 255), np.uint8)


def _paper(given: Print, scheme: Scheme) -> Picture:
    picture = _plain((240, 240, 238))
    _place(picture, front_panel(given.name, scheme, 1.4), (0.25, 0.75), (0.15, 0.85))
    return picture


_BODIES = {
    Form.BOTTLE: _labelled,
    Form.JUG: _labelled,
    Form.JAR: _labelled,
    Form.CAN: _canned,
    Form.PACK: _canned,
    Form.CUP: _lidded,
    Form.BOWL: _lidded,
    Form.TRAY: _tray,
    Form.ONIGIRI: _onigiri,
    Form.SANDWICH: _sandwich,
    Form.BUN: _baked,
    Form.ROUND: _fruit,
    Form.ROLL: _paper,
}
