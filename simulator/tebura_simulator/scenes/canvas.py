"""An offscreen OpenGL picture of a MuJoCo model: colours, or what each pixel shows and how far."""

from collections.abc import Iterator
from contextlib import contextmanager

import mujoco
import numpy as np
from numpy.typing import NDArray

_ROOM_FOR = 400
"""Scene geoms beyond the model's own: skins, and a margin."""
Part = tuple[int, int, int, int]
"""x_min, y_min, x_max, y_max of a part of a picture, pixels."""
_IDS = [mujoco.mjtRndFlag.mjRND_SEGMENT.value, mujoco.mjtRndFlag.mjRND_IDCOLOR.value]


class Canvas:
    """Draws a model in its own OpenGL context. Close it when done.

    Attributes:
        names: Of each number in `ids` the geom's or skin's name, its body's where it has none.
    """

    def __init__(self, model: mujoco.MjModel, size_px: tuple[int, int]) -> None:
        # As large as is asked for: a buffer with room to spare costs memory and time.
        model.vis.global_.offwidth, model.vis.global_.offheight = size_px
        self._model = model
        self._gl = mujoco.GLContext(*size_px)
        self._gl.make_current()
        self._scene = mujoco.MjvScene(model, model.ngeom + model.nskin + _ROOM_FOR)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR.value
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED.value
        geoms = [model.geom(i) for i in range(model.ngeom)]
        skins = (mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_SKIN, i) for i in range(model.nskin))
        self.names: tuple[str, ...] = (
            *(geom.name or model.body(geom.bodyid[0]).name for geom in geoms),
            *skins,
        )
        self._numbers: NDArray[np.int32] = np.zeros(0, np.int32)
        self._shown = b""

    def colours(
        self, data: mujoco.MjData, camera: str, size_px: tuple[int, int], part: Part | None = None
    ) -> NDArray[np.uint8]:
        """The picture, (H, W, 3) RGB, or only a part of it."""
        self._update(data, camera)
        wide, high = size_px
        if part is not None:
            self._narrow(part, size_px)
            wide, high = part[2] - part[0], part[3] - part[1]
        rgb = np.empty((high, wide, 3), np.uint8)
        rect = mujoco.MjrRect(0, 0, wide, high)
        mujoco.mjr_render(rect, self._scene, self._context)
        mujoco.mjr_readPixels(rgb, None, rect, self._context)
        return rgb[::-1]

    def ids_and_depth_m(
        self, data: mujoco.MjData, camera: str, size_px: tuple[int, int]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """What each pixel shows, a place in `names` or -1, and how far along the view, (H, W)."""
        self._update(data, camera)
        wide, high = size_px
        rgb, z = np.empty((high, wide, 3), np.uint8), np.empty((high, wide), np.float32)
        rect = mujoco.MjrRect(0, 0, wide, high)
        with self._ids_drawn():
            mujoco.mjr_render(rect, self._scene, self._context)
            mujoco.mjr_readPixels(rgb, z, rect, self._context)
        drawn = rgb.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
        return self._places()[drawn][::-1], self._metres(z)[::-1]

    def close(self) -> None:
        self._gl.make_current()
        self._context.free()
        self._gl.free()

    def _update(self, data: mujoco.MjData, camera: str) -> None:
        self._gl.make_current()
        self._camera.fixedcamid = self._model.camera(camera).id
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self._model, data, self._option, None, self._camera, everything, self._scene
        )

    def _narrow(self, part: Part, size_px: tuple[int, int]) -> None:
        """Look through a part of the picture only."""
        (x0, y0, x1, y1), (wide, high) = part, size_px
        for eye in self._scene.camera:
            left = eye.frustum_center - eye.frustum_width
            across, up = 2 * eye.frustum_width / wide, (eye.frustum_top - eye.frustum_bottom) / high
            eye.frustum_center = left + across * (x0 + x1) / 2
            eye.frustum_width = across * (x1 - x0) / 2
            top = eye.frustum_top
            eye.frustum_bottom, eye.frustum_top = top - up * y1, top - up * y0

    @contextmanager
    def _ids_drawn(self) -> Iterator[None]:
        flags = self._scene.flags.copy()
        self._scene.flags[_IDS] = 1
        try:
            yield
        finally:
            self._scene.flags[:] = flags

    def _places(self) -> NDArray[np.int32]:
        """Of each drawn number the place in `names`; only skins come and go."""
        count, shown = self._scene.ngeom, self._model.skin_group.tobytes()
        if len(self._numbers) != count + 1 or shown != self._shown:
            self._shown = shown
            self._numbers = np.full(count + 1, -1, np.int32)
            for geom in self._scene.geoms[:count]:
                if geom.segid < 0:
                    continue
                if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                    self._numbers[geom.segid + 1] = geom.objid
                elif geom.objtype == mujoco.mjtObj.mjOBJ_SKIN:
                    self._numbers[geom.segid + 1] = self._model.ngeom + geom.objid
        return self._numbers

    def _metres(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distances from the depth buffer, which holds 1 at the near plane and 0 at the far one."""
        extent, planes = self._model.stat.extent, self._model.vis.map
        near, far = planes.znear * extent, planes.zfar * extent
        return np.asarray(near * far / (near + z * (far - near)), dtype=np.float32)
