"""Draws a stage through one of the layout's cameras, its lens and sensor included."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId

from tebura_simulator.scenes.canvas import Canvas, Part
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.sensor import GAMMA, Sensor
from tebura_simulator.scenes.shading import Shading
from tebura_simulator.scenes.stage import Stage

Array = NDArray[np.float64]
Number = TypeVar("Number", np.int32, np.float32)
_BLUR_PX = 1.2
"""Of the fine picture: who moves less while a frame is exposed is as sharp as who stands."""
_FLESH_M = 0.24
"""Flesh, clothes and what hands hold are within this of a bone's end."""


class Drawing:
    """Draws a stage through one of the layout's cameras, its lens included.

    The pinhole picture is drawn `supersample` times as fine, bent as the lens bends and averaged.
    """

    def __init__(self, stage: Stage, camera: CameraId, supersample: int = 2) -> None:
        found = next(c for c in stage.layout.camera if c.label == camera)
        self._stage, self._camera, self._scale = stage, str(camera), supersample
        self.lens = Lens(found)
        self._fine, self._plain = self.lens.pinhole(supersample), self.lens.pinhole(1)
        self._canvas = Canvas(stage.model, self._fine.size_px)
        self._shading = Shading(self._plain) if stage.look.has_shading else None
        self._fine_maps = self._plain_maps = None
        if self.lens.is_distorted:
            self._fine_maps = self.lens.maps(self._fine, supersample)
            self._plain_maps = self.lens.maps(self._plain, 1)
        self.sensor = Sensor(stage.look, camera, self.lens.size_px)
        self._looked: tuple[float | None, NDArray[np.int32], NDArray[np.float32]] | None = None

    def frame(self, t_s: float) -> NDArray[np.uint8]:
        """What the camera delivers for a moment, (H, W, 3) RGB; leaves the stage at that moment."""
        self._stage.set_time(t_s)
        moments = self.sensor.moments(t_s)
        if len(moments) == 1:
            return self.sensor.expose([self.picture()], t_s)
        self._look()
        drawn: list[NDArray[np.uint8]] = []
        before: list[Array] = []
        for at_s in moments:
            self._stage.set_time(at_s)
            now = [posture.heads_m for posture in self._stage.postures.values()]
            if not drawn:
                drawn.append(self._colours())
            elif (part := self._blurred(before, now)) is not None:
                drawn.append(self._colours(part, drawn[0]))
            before = now
        self._stage.set_time(t_s)
        ambient = self._ambient()
        return self.sensor.expose([self._seen(picture, ambient) for picture in drawn], t_s)

    def picture(self) -> NDArray[np.uint8]:
        """The picture of the stage as it is, before any sensor, (H, W, 3) RGB."""
        return self._seen(self._colours(), self._ambient())

    def _colours(
        self, part: Part | None = None, around: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """The fine pinhole picture; with a `part` only that is drawn, the rest is `around`."""
        drawn = self._canvas.colours(self._stage.data, self._camera, self._fine.size_px, part)
        if part is None or around is None:
            return drawn
        x0, y0, x1, y1 = part
        whole = around.copy()
        whole[y0:y1, x0:x1] = drawn
        return whole

    def _ambient(self) -> NDArray[np.float32] | None:
        return None if self._shading is None else self._shading.ambient(self._look()[1])

    def _seen(
        self, drawn: NDArray[np.uint8], ambient: NDArray[np.float32] | None
    ) -> NDArray[np.uint8]:
        """A fine pinhole picture in its light, through the lens, at the picture's size."""
        if ambient is not None:
            drawn = _lit(drawn, ambient)
        if self._fine_maps is not None:
            drawn = np.asarray(cv2.remap(drawn, *self._fine_maps, cv2.INTER_LINEAR), np.uint8)
        if self._scale > 1:
            size = self.lens.size_px
            drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(drawn)

    def _blurred(self, before: list[Array], now: list[Array]) -> Part | None:
        """The part of the fine picture in which somebody moves enough to be seen blurred."""
        if len(before) != len(now):
            return (0, 0, *self._fine.size_px)
        if not now:
            return None
        old, new = (self._fine.pixels(self.lens.rays_to(np.vstack(b))) for b in (before, now))
        if np.nanmax(np.abs(new - old), initial=0.0) < _BLUR_PX:
            return None
        corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        around = (np.vstack(now)[:, None] + _FLESH_M * corners).reshape(-1, 3)
        at = self._fine.pixels(self.lens.rays_to(around))
        if np.isnan(at).any():
            return (0, 0, *self._fine.size_px)
        limit = np.array(self._fine.size_px)
        low, high = (np.clip(edge, 0, limit).astype(int) for edge in (at.min(0), at.max(0) + 1))
        if (high <= low).any():
            return None
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def depth_m(self) -> Array:
        """Distance along the view of what is seen, (H, W)."""
        return self._bent(self._look()[1]).astype(np.float64)

    def segments(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """What each pixel shows, (H, W): places in the names that follow, -1 for nothing.

        A person's parts are ``{shopper}/...``, a package ``{item}`` or ``{item}/...``, what only
        looks like people ``decor/...``.
        """
        return self._bent(self._look()[0]), self._canvas.names

    def close(self) -> None:
        self._canvas.close()

    def _look(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Segments and depth of the pinhole picture, drawn once a moment."""
        if self._looked is None or self._looked[0] != self._stage.t_s:
            ids, depth_m = self._canvas.ids_and_depth_m(
                self._stage.data, self._camera, self._plain.size_px
            )
            self._looked = (self._stage.t_s, ids, depth_m)
        return self._looked[1:]

    def _bent(self, picture: NDArray[Number]) -> NDArray[Number]:
        if self._plain_maps is None:
            return picture
        return np.asarray(cv2.remap(picture, *self._plain_maps, cv2.INTER_NEAREST))


def _lit(drawn: NDArray[np.uint8], ambient: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture in the light that arrives, which may be known at another size.

    Half the light is not half the number that is shown: pictures are in display's numbers.
    """
    high, wide, _ = drawn.shape
    light = cv2.resize(ambient ** np.float32(1 / GAMMA), (wide, high))
    return np.asarray(cv2.multiply(drawn, cv2.merge([light] * 3), dtype=cv2.CV_8U), np.uint8)
