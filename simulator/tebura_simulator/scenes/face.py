"""Skin: what of the body is not covered, and the picture of a face that is printed on it.

The head is printed as rolled out: u once around it, the face in the middle; v from the neck up. The
lowest tenth of the picture is plain and serves the rest of the body.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BONES, Mark
from tebura_simulator.scenes.fabric import Picture, rgb
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.surface import Surface, clipped, surface

Array = NDArray[np.float64]
_SIZE = 512
_PLAIN = 0.1
IRIS_M = 0.0062


@dataclass(frozen=True)
class Features:
    """Of a face: colours as ``#rrggbb``; `beard` and `brow` are how thick, 0 to 1; `years` old."""

    skin: str
    hair: str
    lips: float = 0.5
    beard: float = 0.0
    brow: float = 0.6
    years: float = 30.0
    stubble: bool = False


def skin(m: Measures, bare: Array) -> Surface:
    """The skin where `bare` (V,) is positive, without the eyes."""
    body = m.body
    eyes = body.marked(Mark.EYES)
    whole = surface(body.vertices_m, body.faces, body.weights)
    whole = whole.printed(_rolled(m, body.vertices_m, body.share("head") > 0.3))
    whole = whole.faced(~np.asarray(eyes[body.faces].all(1)))
    kept = np.unique(body.faces[~eyes[body.faces].all(1)])
    return _parted(clipped(whole, bare[kept]))


def eyes(m: Measures) -> Surface:
    """Both eyes' fronts, printed straight from ahead."""
    body = m.body
    marked = body.marked(Mark.EYES)
    whole = surface(body.vertices_m, body.faces, body.weights)
    v = body.vertices_m
    middle = np.where(v[:, :1] > 0, m.eyes_m[:1], m.eyes_m[1:])
    uv = 0.5 + (v - middle)[:, [0, 2]] / (0.05 * m.scale**0.5)
    return whole.printed(uv).faced(np.asarray(marked[body.faces].all(1)))


def mouth(m: Measures) -> Surface:
    """What is seen between the lips: a small dark wall behind them."""
    s = m.scale**0.5
    corners = np.array([[0.024, -0.010], [-0.024, -0.010], [-0.024, 0.010], [0.024, 0.010]]) * s
    vertices = np.c_[corners[:, 0], np.full(4, 0.010 * s), corners[:, 1]] + m.mouth_m
    faces = np.array([[0, 2, 1], [0, 3, 2], [0, 1, 2], [0, 2, 3]], dtype=np.int32)
    weights = np.zeros((4, len(BONES)))
    weights[:, BONES.index("head")] = 1.0
    return surface(vertices, faces, weights)


def eye_picture(colour: str) -> Picture:
    """White, iris, pupil, a glint."""
    size = 64
    picture = np.full((size, size, 3), (226.0, 220.0, 214.0))
    middle, radius = size // 2, round(IRIS_M / 0.05 * size)
    cv2.circle(picture, (middle, middle), radius, tuple(map(float, 0.55 * rgb(colour))), -1)
    cv2.circle(picture, (middle, middle), radius - 2, tuple(map(float, rgb(colour))), -1)
    cv2.circle(picture, (middle, middle), max(2, radius // 2), (12.0, 10.0, 10.0), -1)
    cv2.circle(picture, (middle + 2, middle - 3), 1, (255.0, 255.0, 255.0), -1)
    return picture.astype(np.uint8)


def face_picture(m: Measures, features: Features, rng: Generator) -> Picture:
    """The picture for `skin`."""
    painter = _Painter(m, features, rng)
    return painter.paint()


def _rolled(m: Measures, v: Array, on_head: NDArray[np.bool_]) -> Array:
    """Where on the picture points of the head are, (N, 2); the rest on its plain part."""
    low, high, axis = _extent(m)
    around = np.arctan2(v[:, 0], -(v[:, 1] - axis))
    u = 0.5 + around / (2 * np.pi)
    up = np.clip((v[:, 2] - low) / (high - low), 0.0, 1.0)
    is_face = on_head & (v[:, 2] > low)
    return np.stack([u, np.where(is_face, _PLAIN + (1 - _PLAIN) * up, 0.5 * _PLAIN)], axis=1)


def _extent(m: Measures) -> tuple[float, float, float]:
    """Lowest and highest point of the face's picture, and where the head's axis lies."""
    v = m.body.vertices_m
    head = v[m.body.share("head") > 0.6]
    low = float(m.mouth_m[2] - 0.075 * m.scale**0.5)
    return low, m.body.height_m + 0.001, float(head[:, 1].mean())


def _parted(part: Surface) -> Surface:
    """Doubled behind the head, where the picture's ends meet."""
    u = part.uv[part.faces][:, :, 0]
    crossing = (u.max(1) - u.min(1)) > 0.5
    high = crossing[:, None] & (u < 0.5)
    keys = part.faces * 2 + high
    unique, faces = np.unique(keys, return_inverse=True)
    old, more = unique // 2, unique % 2
    uv = part.uv[old] + np.stack([more, np.zeros(len(more))], axis=1)
    return Surface(
        part.vertices_m[old],
        faces.reshape(-1, 3).astype(np.int64),
        part.weights[old],
        uv,
        part.base_m[old],
        part.out[old],
    )


class _Painter:
    """Paints in pixels: x once around the head, y downwards from its top."""

    def __init__(self, m: Measures, features: Features, rng: Generator) -> None:
        self.m, self.features, self.rng = m, features, rng
        self.s = m.scale**0.5
        self.skin = rgb(features.skin)
        self.picture = np.broadcast_to(self.skin, (_SIZE, _SIZE, 3)).copy()
        low, high, axis = _extent(m)
        # The head's outline at each height, so that metres on the face become pixels.
        y, x = np.mgrid[0:_SIZE, 0:_SIZE]
        self.around = (x / _SIZE - 0.5) * 2 * np.pi
        share = (1 - (y + 0.5) / _SIZE - _PLAIN) / (1 - _PLAIN)
        self.z = low + share * (high - low)
        self.on_face = share > 0
        left = m.eyes_m[0]
        self.radius = float(np.hypot(left[0], left[1] - axis))
        self.eye_u = float(np.arctan2(left[0], -(left[1] - axis)))
        self.eye_z = float(left[2])
        self.mouth_z = float(m.mouth_m[2])

    def paint(self) -> Picture:
        self._tone()
        self._scalp()
        self._cheeks()
        self._sockets()
        self._beard()
        self._mouth()
        self._brows()
        return self.picture.clip(0, 255).astype(np.uint8)

    def _mix(self, share: Array, colour: Array) -> None:
        share = (np.clip(share, 0.0, 1.0) * self.on_face)[:, :, None]
        self.picture += share * (colour - self.picture)

    def _spot(self, u: float, z: float, wide_m: float, high_m: float) -> Array:
        """1 in a soft spot, 0 outside; both sides of the face."""
        across = (np.abs(self.around) - u) * self.radius / (wide_m * self.s)
        return np.asarray(np.exp(-(across**2) - ((self.z - z) / (high_m * self.s)) ** 2))

    def _tone(self) -> None:
        blots = cv2.GaussianBlur(self.rng.normal(0.0, 1.0, (64, 64)), (0, 0), 1.5)
        blots = cv2.resize(blots / blots.std(), (_SIZE, _SIZE))
        self.picture *= (1.0 + 0.02 * blots)[:, :, None]

    def _scalp(self) -> None:
        """A shadow of hair on the skull, below hair that is thin or shaved."""
        line = self.eye_z + (0.070 - 0.045 * np.abs(self.around)) * self.s
        share = np.clip((self.z - line) / 0.02, 0.0, 1.0)
        share = np.where(
            np.abs(self.around) > 2.0, np.clip((self.z - self.mouth_z) / 0.02, 0, 1), share
        )
        if self.features.stubble:
            self._mix(0.55 * share, rgb(self.features.hair))

    def _cheeks(self) -> None:
        flush = self.skin * [1.06, 0.80, 0.76]
        self._mix(0.35 * self._spot(0.62, 0.5 * (self.eye_z + self.mouth_z), 0.022, 0.017), flush)
        self._mix(
            0.30 * self._spot(0.0, 0.55 * self.eye_z + 0.45 * self.mouth_z, 0.012, 0.010), flush
        )
        ears = np.abs(np.abs(self.around) - 1.65) < 0.35
        self._mix(0.25 * ears * (np.abs(self.z - self.eye_z + 0.02) < 0.05), flush)
        if self.features.years > 55:
            dark = self.skin * 0.78
            fold = np.abs(np.abs(self.around) - 0.36 - 1.2 * (self.eye_z - 0.03 - self.z)) < 0.03
            self._mix(0.35 * fold * (self.z < self.eye_z - 0.028) * (self.z > self.mouth_z), dark)
            for row in (0.05, 0.06):
                line = np.abs(self.z - self.eye_z - row * self.s) < 0.0012
                self._mix(0.3 * line * (np.abs(self.around) < 0.5), dark)

    def _sockets(self) -> None:
        dark = self.skin * [0.80, 0.72, 0.70]
        self._mix(0.45 * self._spot(self.eye_u, self.eye_z + 0.006, 0.022, 0.010), dark)
        self._mix(0.30 * self._spot(self.eye_u, self.eye_z - 0.014, 0.016, 0.006), dark)
        # The lashes: a dark line round the upper lid.
        across = (np.abs(self.around) - self.eye_u) * self.radius / (0.0165 * self.s)
        lid = self.eye_z + 0.0075 * self.s * np.sqrt(np.clip(1 - across**2, 0.0, 1.0)) - 0.0005
        near = np.abs(self.z - lid) < 0.0022 * self.s
        self._mix(0.75 * near * (np.abs(across) < 1.05), np.array([28.0, 20.0, 18.0]))
        # Shade beside and below the nose.
        nose = 0.62 * self.mouth_z + 0.38 * self.eye_z
        self._mix(0.45 * self._spot(0.12, nose, 0.006, 0.004), self.skin * 0.45)

    def _beard(self) -> None:
        beard = self.features.beard
        if beard <= 0:
            return
        jaw = self.mouth_z + (0.018 + 0.030 * np.abs(self.around)) * self.s
        share = np.clip((jaw - self.z) / 0.012, 0.0, 1.0)
        share *= np.clip((1.75 - np.abs(self.around)) / 0.2, 0.0, 1.0)
        lip = self._spot(0.0, self.mouth_z, 0.026, 0.009)
        share *= 1.0 - np.clip(1.6 * lip, 0.0, 1.0)
        hairs = np.clip(self.rng.normal(0.85, 0.25, (_SIZE, _SIZE)), 0.2, 1.0)
        colour = rgb(self.features.hair) * 0.9 + 0.1 * self.skin
        self._mix(beard * share * hairs, colour)

    def _mouth(self) -> None:
        body = self.m.body
        uv = _rolled(self.m, body.vertices_m, np.ones(len(body.vertices_m), dtype=bool))
        at = np.stack([uv[:, 0] * _SIZE, (1 - uv[:, 1]) * _SIZE], axis=1)
        colour = self.skin * [0.92, 0.62, 0.60] * (1 - self.features.lips)
        colour = colour + np.array([172.0, 62.0, 66.0]) * self.features.lips
        for mark, share, tone in (
            (Mark.LIPS, 0.8, colour),
            (Mark.MOUTH, 0.85, self.skin * [0.40, 0.25, 0.25]),
        ):
            faces = body.faces[body.marked(mark)[body.faces].all(1)]
            mask = np.zeros((_SIZE, _SIZE), np.uint8)
            for corners in at[faces]:
                cv2.fillConvexPoly(mask, np.round(corners * 8).astype(np.int32), 255, shift=3)
            soft = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 1.2) / 255
            self._mix(share * soft, tone)
        line = np.abs(self.z - self.mouth_z - 0.0012) < 0.0011 * self.s
        self._mix(
            0.7 * line * (np.abs(self.around) * self.radius < 0.022 * self.s), self.skin * 0.35
        )

    def _brows(self) -> None:
        across = (np.abs(self.around) - self.eye_u) * self.radius / self.s
        outer, inner = np.maximum(across - 0.002, 0.0), np.minimum(across - 0.002, 0.0)
        arch = self.eye_z + (0.0205 - 10.0 * outer**2 - 2.5 * inner**2) * self.s
        thick = 0.0028 * (0.6 + 0.8 * self.features.brow) * (1.2 - 14.0 * across)
        share = np.clip(1.5 - np.abs(self.z - arch) / (thick * self.s), 0.0, 1.0)
        share *= (across > -0.020) & (across < 0.026)
        hairs = np.clip(self.rng.normal(0.9, 0.15, (_SIZE, _SIZE)), 0.3, 1.0)
        self._mix(0.9 * share * hairs, rgb(self.features.hair) * 0.8)
