"""The store as a MuJoCo model: built once for a scenario, then moved from moment to moment.

Nothing is simulated: bones, packages and phones are mocap bodies put where the timeline has them.
Bodies are drawn as skins over their bones, one a garment.
"""

import math

import mujoco
import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId
from tebura_contract.layout import Camera, Layout

from tebura_simulator.scenes.body import Body
from tebura_simulator.scenes.figures import AWAY_M, Figures
from tebura_simulator.scenes.posture import Posture
from tebura_simulator.scenes.products import add_package
from tebura_simulator.scenes.room import add_room
from tebura_simulator.scenes.rotation import quaternion
from tebura_simulator.story.stocking import frame_of, size_of
from tebura_simulator.story.timeline import ItemPlace, ShopperState, Timeline

Array = NDArray[np.float64]


class Stage:
    """A scenario's store. `set_time` moves it; then draw cameras, ask for postures or the phone."""

    def __init__(self, timeline: Timeline, layout: Layout) -> None:
        self.timeline, self.layout = timeline, layout
        self._products = layout.products()
        self.figures = Figures(timeline.scenario.shopper)
        spec = mujoco.MjSpec()
        _settings(spec)
        add_room(spec, layout, timeline.scenario.seed)
        for camera in layout.camera:
            _add_camera(spec, camera)
        self.figures.add(spec)
        for item in timeline.items(0.0):
            body = spec.worldbody.add_body(name=item.id, mocap=True)
            add_package(spec, body, item.sku, size_of(self._products[item.sku]))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)

    @property
    def bodies(self) -> dict[str, Body]:
        return self.figures.bodies

    @property
    def postures(self) -> dict[str, Posture]:
        return self.figures.postures

    @property
    def states(self) -> dict[str, ShopperState]:
        return self.figures.states

    def set_time(self, t_s: float) -> None:
        """Put everything where it is at a moment."""
        self.figures.put(self.data, self.timeline.shoppers(t_s), t_s)
        for item in self.timeline.items(t_s):
            self._put_item(item)
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def code_corners_m(self) -> Array | None:
        """The code square of the phone that is held out, (4, 3): top left and on clockwise."""
        return self.figures.code_corners_m()

    def _put_item(self, item: ItemPlace) -> None:
        if item.center_m is not None:
            self._put(item.id, np.asarray(item.center_m), self._shelf_rotation(item))
            return
        held = None
        if item.shopper is not None and item.hand is not None:
            # Side by side with a little room between.
            wide_m = size_of(self._products[item.sku])[1] + 0.004
            held = self.figures.held(item.shopper, item.id, item.hand, wide_m)
        if held is None:
            self._put(item.id, AWAY_M, np.eye(3))
        else:
            self._put(item.id, held.at_m, held.rotation)

    def _shelf_rotation(self, item: ItemPlace) -> Array:
        if item.facing is None:
            # On the floor it stands as it fell: nothing here says how.
            return np.eye(3)
        gondola_name = item.facing.split("/", 1)[0]
        gondola = next(g for g in self.layout.gondola if g.id == gondola_name)
        return frame_of(gondola.store_from_gondola).rotation

    def _put(self, name: str, at_m: Array, rotation: Array) -> None:
        mocap = self.model.body(name).mocapid[0]
        self.data.mocap_pos[mocap] = at_m
        self.data.mocap_quat[mocap] = quaternion(rotation)


class Drawing:
    """Draws a stage through one of the layout's cameras."""

    def __init__(self, stage: Stage, camera: CameraId, supersample: int = 2) -> None:
        size = next(c for c in stage.layout.camera if c.label == camera).intrinsics.size_px
        self._stage, self._camera = stage, str(camera)
        self._scale = supersample
        wide, high = size[0] * supersample, size[1] * supersample
        self._renderer = mujoco.Renderer(stage.model, high, wide, max_geom=3000)

    def picture(self) -> NDArray[np.uint8]:
        """The picture, (H, W, 3) RGB."""
        self._renderer.update_scene(self._stage.data, self._camera)
        drawn = self._renderer.render()
        if self._scale == 1:
            return np.asarray(drawn)
        high, wide, _ = drawn.shape
        s = self._scale
        blocks = drawn.reshape(high // s, s, wide // s, s, 3).astype(np.uint16)
        return np.asarray((blocks.sum((1, 3)) + s * s // 2) // (s * s), dtype=np.uint8)

    def depth_m(self) -> Array:
        """Distance along the view of what is seen, (H, W)."""
        self._renderer.enable_depth_rendering()
        try:
            self._renderer.update_scene(self._stage.data, self._camera)
            depth = self._renderer.render()[:: self._scale, :: self._scale]
        finally:
            self._renderer.disable_depth_rendering()
        return np.asarray(depth, dtype=np.float64)

    def close(self) -> None:
        self._renderer.close()


def _settings(spec: mujoco.MjSpec) -> None:
    spec.visual.headlight.ambient = [0.42, 0.42, 0.42]
    spec.visual.headlight.diffuse = [0.12, 0.12, 0.12]
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]
    spec.visual.quality.shadowsize = 4096
    # Pictures are drawn larger and averaged; samples within a pixel on top cost half the speed.
    spec.visual.quality.offsamples = 0
    spec.visual.map.znear, spec.visual.map.zfar = 0.008, 8.0
    offscreen = spec.visual.global_
    offscreen.offwidth, offscreen.offheight = 2560, 1440
    spec.stat.extent, spec.stat.center = 6.0, [2.0, 0.5, 1.0]
    sky = spec.add_texture(name="sky", width=8, height=8, nchannel=3)
    sky.type, sky.builtin = mujoco.mjtTexture.mjTEXTURE_SKYBOX, mujoco.mjtBuiltin.mjBUILTIN_FLAT
    sky.rgb1 = sky.rgb2 = [0.80, 0.80, 0.78]


def _add_camera(spec: mujoco.MjSpec, camera: Camera) -> None:
    frame = frame_of(camera.store_from_camera)
    wide, high = camera.intrinsics.size_px
    cx, cy = camera.intrinsics.center_px
    if abs(cx - wide / 2) > 0.51 or abs(cy - high / 2) > 0.51:
        raise ValueError(f"camera {camera.label!r}: drawn only with the center in the middle")
    spec.worldbody.add_camera(
        name=camera.label,
        pos=frame.origin_m,
        # MuJoCo's cameras look along their -z with y up.
        quat=quaternion(frame.rotation @ np.diag([1.0, -1.0, -1.0])),
        fovy=math.degrees(2 * math.atan(high / 2 / camera.intrinsics.focal_px[1])),
    )
