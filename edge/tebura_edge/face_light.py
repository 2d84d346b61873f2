"""Whether the light of a gate's screen lies on a face: pure.

The screen changes its colour as nobody could foresee. Skin gives some of it back, at once and in
the same order; a tablet shines by itself and shows whatever light there was when its film was made.
Its glass may mirror the gate's screen, and a film may be thrown on paper: then light is added that
does not know what it falls on, or falls on a part, while a face gives it back all over, and its
dark places less than its bright ones. So three things are asked: how much of the change of colour
follows from the screen's, whether every part of the face takes part in it, and whether what is
added is better told as a share of what was there or as something laid over it. And it must come
back when, and on dark faces in what colour, this gate's light does (`face_usual`).

Where it cannot be told, it is not a living face. After the idea of Tang et al., "Face Flashing: a
Secure Liveness Detection Protocol based on Light Reflections" (2018). Measured by
`benchmarks/faces.py --light`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import MILLISECOND_NS

from tebura_edge.face_seen import FaceSeen
from tebura_edge.face_usual import Came, Usual

Floats = NDArray[np.float64]


class Tint(StrEnum):
    """Colours of the screen: two of its three lights are on, so that words on it can be read."""

    YELLOW = "yellow"
    MAGENTA = "magenta"
    CYAN = "cyan"


LIGHTS: Final = {Tint.YELLOW: (1, 1, 0), Tint.MAGENTA: (1, 0, 1), Tint.CYAN: (0, 1, 1)}
"""Red, green and blue of each."""
SLOT_NS: Final = 250 * MILLISECOND_NS
"""Two or three pictures at ten a second. There and back takes two of these: two flashes a second,
where up to three trouble nobody."""
ENOUGH_SLOTS: Final = 7
AGAIN_SLOTS: Final = 4
MOST_SLOTS: Final = 20
"""Judged after so many colours, then again with so many more, up to the last: every look more is
one more chance for a film of other colours."""
LEAST_SIGHTS: Final = 16
SEARCHED_NS: Final = 800 * MILLISECOND_NS
"""So late a response is looked for, on its way from the page over the screen into a picture."""
LAG_STEP_NS: Final = 10 * MILLISECOND_NS
EXPOSED_NS: Final = 50 * MILLISECOND_NS
"""A picture's exposure and a screen's fading, together."""
DARKEST: Final = 1e-3
CODED: Final = 2.2
"""The least light that counts, and the power that makes light of a pixel's value."""
INNER: Final = 0.85
"""So many of the points, from the middle on, tell the colour: a head that turns hides its rim."""
LEAST_EXPLAINED: Final = 0.8
LEAST_GAIN: Final = 0.02
"""A screen of 10 inches gives 0.025 at 500 lux; a dark tablet, a hundredth of a white wall's."""
LEAST_PART: Final = 0.3
LEAST_SHARING: Final = -0.15
"""Nine looks at five drawn people explain 0.9 and more after two seconds, their thirds are above
0.5, their sharing above -0.05. Where glass mirrors the screen below the eyes thirds are below 0.1;
where it mirrors it all over sharing is below -0.4. Of 300 made-up films under other colours one
passes."""
DARK: Final = 0.2
LEAST_BROWN: Final = 0.1
"""A face with less red than that (123 of 255) gives back little more than a tablet's dark glass
scatters, and sharing cannot be told. There the gains must tell: light that is laid over brown skin
adds more to its little blue than to its red."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came back of the screen's light.

    `explained` is the share of the change of colour that follows from the screen's, `gain` what
    the screen adds to the light of the shop (red, green, blue). `least_part` is what the third of
    the face that gives back least does, over what the one does that gives back most. `sharing` is
    above 0 where what is added is a share of what was there, below where it is laid over it; 1 and
    -1 at most. `level` is how much red there was, `brown` the logarithm of red over blue.
    """

    lag_ns: int
    explained: float
    gain: tuple[float, float, float]
    least_part: float
    sharing: float
    level: float
    brown: float

    @property
    def came(self) -> Came:
        red, _, blue = (max(one, 1e-6) for one in self.gain)
        return Came(self.lag_ns, math.log(blue / red))

    @property
    def is_of_skin(self) -> bool:
        """As far as one face tells; where it is dark, the gate's usual light has to tell, too."""
        return (
            self.explained >= LEAST_EXPLAINED
            and min(self.gain) >= LEAST_GAIN
            and self.least_part >= LEAST_PART
            and self.sharing >= LEAST_SHARING
        )

    def is_usual(self, usual: Usual) -> bool:
        is_shared = self.level >= DARK or usual.is_shared(self.came, max(self.brown, LEAST_BROWN))
        return is_shared and usual.is_in_time(self.came)


class LightTest:
    """One face under the screen's colours; feed it every sight of one track, in order.

    It ends with `is_live`, or with `is_dark` where the light did not lie on it or was not the
    `usual`. `came` is how it came, None while none of skin did. `began_ns` is when the screen
    began; before that is known nothing is judged.
    """

    def __init__(self, tints: Sequence[Tint], usual: Usual) -> None:
        self._tints, self._usual = tints, usual
        self._seen: list[FaceSeen] = []
        self._wanted = ENOUGH_SLOTS
        self.began_ns: int | None = None
        self.came: Came | None = None
        self.is_live = False
        self.is_dark = False

    def see(self, seen: FaceSeen) -> None:
        """Take one sight, and judge where there are enough."""
        if self.is_live or self.is_dark or seen.glow is None:
            return
        self._seen.append(seen)
        slots = (seen.at_ns - self._seen[0].at_ns) // SLOT_NS
        if self.began_ns is None or slots < self._wanted or len(self._seen) < LEAST_SIGHTS:
            return
        self._wanted = slots + AGAIN_SLOTS
        told = response(self._seen, self._tints, self.began_ns)
        self.came = told.came if told.is_of_skin else None
        self.is_live = told.is_of_skin and told.is_usual(self._usual)
        self.is_dark = not self.is_live and self._wanted > MOST_SLOTS


def response(sights: Sequence[FaceSeen], tints: Sequence[Tint], began_ns: int) -> Response:
    """What the light did that began then, at whatever lag explains most of it."""
    glow = np.stack([np.maximum(seen.glow, DARKEST) for seen in sights if seen.glow is not None])
    at_ns = np.array([seen.at_ns for seen in sights], np.int64)
    poses = np.array([(seen.aside, seen.down) for seen in sights])
    # What else changes colours, slowly: the camera's own balance, and how the head is turned.
    slow = np.column_stack([np.ones(len(at_ns)), (at_ns - at_ns[0]) / 1e9, poses])
    slow, _ = np.linalg.qr(slow)
    points = _inner(np.asarray(sights[0].points))
    glow, place = glow[:, points], np.asarray(sights[0].points)[points]
    # The mean of logarithms: a bright wall beside a dark face's rim must not speak for it.
    logs = np.log(glow).mean(axis=1, dtype=np.float64)
    chroma = _without(slow, _chroma(logs))
    level = logs.mean(axis=0)
    clear = _clear(level)
    lags = range(0, SEARCHED_NS + 1, LAG_STEP_NS)
    lights = [_without(slow, shown(tints, at_ns - began_ns - lag_ns)) for lag_ns in lags]
    fits = [_fit(chroma, light, clear) for light in lights]
    best = max(range(len(fits)), key=lambda n: fits[n][0])
    explained, gain = fits[best]
    red, green, blue = (float(one) for one in gain)
    was, added = glow.mean(axis=0, dtype=np.float64), _added(glow, lights[best])
    return Response(
        lags[best],
        explained,
        (red, green, blue),
        _least_part(was, added, place),
        _sharing(was, added, place),
        float(np.exp(level[0])),
        float(level[0] - level[2]),
    )


def shown(tints: Sequence[Tint], since_ns: NDArray[np.int64]) -> Floats:
    """Red, green and blue of the screen in pictures taken so long after it began, (N, 3)."""
    table = np.array([(0, 0, 0), *(LIGHTS[tint] for tint in tints), (0, 0, 0)], np.float64)
    parts = [
        table[np.clip((since_ns - round(share * EXPOSED_NS)) // SLOT_NS + 1, 0, len(tints) + 1)]
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    return np.asarray(np.mean(parts, axis=0), np.float64)


def _inner(points: NDArray[np.float32]) -> NDArray[np.intp]:
    way = np.linalg.norm(points - points.mean(axis=0), axis=1)
    return np.flatnonzero(way <= np.quantile(way, INNER))


def _chroma(logs: Floats) -> Floats:
    """Red and blue over green, (N, 2): exposure and flicker change neither."""
    return np.stack([logs[:, 0] - logs[:, 1], logs[:, 2] - logs[:, 1]], axis=1)


def _clear(logs: Floats) -> Floats:
    """How much less red and blue over green suffer from a camera's noise than each other, (2,)."""
    # Noise is about the same in all pixel values, which are a root of the light.
    coarse = np.exp(-2 * logs / CODED)
    clear = 1 / np.sqrt(coarse[[0, 2]] + coarse[1])
    return np.asarray(clear / clear.max(), np.float64)


def _fit(chroma: Floats, lights: Floats, clear: Floats) -> tuple[float, Floats]:
    """The share of the change that is the lights', and how much each of them adds."""
    said, (red, green, blue) = (chroma * clear).T.ravel(), lights.T
    of_red, of_blue = clear
    none = np.zeros_like(red)
    rows = np.column_stack(
        [
            np.append(of_red * red, none),
            np.append(-of_red * green, -of_blue * green),
            np.append(none, of_blue * blue),
        ]
    )
    gain, *_ = np.linalg.lstsq(rows, said, rcond=None)
    rest = said - rows @ gain
    return 1.0 - float(rest @ rest) / max(float(said @ said), 1e-12), gain


def _without(slow: Floats, values: Floats) -> Floats:
    """What is left of columns once what changes slowly (an orthonormal basis) is taken out."""
    return np.asarray(values - slow @ (slow.T @ values), np.float64)


def _added(glow: NDArray[np.float32], lights: Floats) -> Floats:
    """What the screen's lights add at each point, (P, 3), each to its own colour."""
    # Lights are free of what changes slowly, so that need not be taken out of the picture's.
    columns = [
        light @ glow[:, :, n] / max(float(light @ light), 1e-12) for n, light in enumerate(lights.T)
    ]
    return np.stack(columns, axis=1)


def _least_part(was: Floats, added: Floats, place: NDArray[np.float32]) -> float:
    """Of the face's thirds, across and down, the one that takes least part over the most."""
    level = was.mean(axis=0)
    part = (added / level).sum(axis=1) / (was / level).sum(axis=1)
    thirds = [third for way in place.T for third in np.array_split(np.argsort(way), 3)]
    parts = [float(np.median(part[third])) for third in thirds]
    return min(parts) / max(parts) if max(parts) > 0 else 0.0


def _sharing(was: Floats, added: Floats, place: NDArray[np.float32]) -> float:
    """Which tells better what was added: a smooth share of what was there, or a smooth light."""
    x, y = ((place - place.mean(axis=0)) / max(float(place.std()), 1e-6)).astype(np.float64).T
    smooth = np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    shared = laid = 0.0
    for light, level in zip(added.T, was.T, strict=True):
        scaled, share = light / level.mean(), level / level.mean()
        shared += _missed(smooth * share[:, None], scaled)
        laid += _missed(smooth, scaled)
    return (laid - shared) / max(laid + shared, 1e-12)


def _missed(columns: Floats, values: Floats) -> float:
    found, *_ = np.linalg.lstsq(columns, values, rcond=None)
    rest = values - columns @ found
    return float(rest @ rest)


def tints_from(secret: bytes, count: int) -> list[Tint]:
    """So many colours, none twice in a row; nobody foresees them who does not know the secret."""
    tints: list[Tint] = []
    for byte in secret:
        free = [tint for tint in Tint if not tints or tint is not tints[-1]]
        # 252 is a multiple of 2 and 3: what is above would favour some.
        if byte < 252:
            tints.append(free[byte % len(free)])
        if len(tints) == count:
            return tints
    raise ValueError(f"{len(secret)} bytes are too few for {count} colours")
