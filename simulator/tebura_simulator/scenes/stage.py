"""The store as a MuJoCo model: built once for a scenario, then moved from moment to moment.

Nothing is simulated: bones, packages and phones are mocap bodies put where the timeline has them.
Bodies are drawn as skins over their bones, one a garment.
"""

from typing import TypeVar

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import CameraId
from tebura_contract.layout import Camera, Layout

from tebura_simulator.scenes.body import Body
from tebura_simulator.scenes.canvas import Canvas
from tebura_simulator.scenes.figures import AWAY_M, Figures
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.look import Look
from tebura_simulator.scenes.posture import Posture
from tebura_simulator.scenes.products import add_package
from tebura_simulator.scenes.room import add_room
from tebura_simulator.scenes.rotation import quaternion
from tebura_simulator.scenes.sensor import Sensor
from tebura_simulator.scenes.shading import Shading
from tebura_simulator.scenes.wardrobe import Wardrobe
from tebura_simulator.story.stocking import frame_of, size_of
from tebura_simulator.story.timeline import ItemPlace, ShopperState, Timeline

Array = NDArray[np.float64]
_GLANCE_S = 0.4
Number = TypeVar("Number", np.int32, np.float32)


class Stage:
    """A scenario's store. `set_time` moves it; then draw cameras, ask for postures or the phone.

    Attributes:
        moves: How often `set_time` has moved it: what was drawn before is out of date.
    """

    def __init__(
        self,
        timeline: Timeline,
        layout: Layout,
        look: Look | None = None,
        wardrobe: Wardrobe | None = None,
    ) -> None:
        self.timeline, self.layout = timeline, layout
        self.look = look or Look.plain(timeline.scenario.seed)
        self.moves = 0
        self._products = layout.products()
        wardrobe = wardrobe or Wardrobe.drawn(self.look.wardrobe_seed)
        self.figures = Figures(timeline.scenario.shopper, wardrobe)
        spec = mujoco.MjSpec()
        _settings(spec)
        add_room(spec, layout, self.look, _ways_m(timeline))
        for camera in layout.camera:
            _add_camera(spec, camera)
        self.figures.add(spec)
        for item in timeline.items(0.0):
            body = spec.worldbody.add_body(name=item.id, mocap=True)
            add_package(spec, body, self._products[item.sku], self.look.art_seed)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._places: dict[str, ItemPlace] = {}

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
            # Most stand where they stood.
            if item.hand is not None or self._places.get(item.id) != item:
                self._put_item(item)
                self._places[item.id] = item
        self.moves += 1
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
            size_m = size_of(self._products[item.sku])
            held = self.figures.held(item.shopper, item.id, item.hand, size_m)
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
        self._looked: tuple[int, NDArray[np.int32], NDArray[np.float32]] | None = None

    def frame(self, t_s: float) -> NDArray[np.uint8]:
        """What the camera delivers for a moment, (H, W, 3) RGB; leaves the stage at that moment."""
        pictures = []
        for at_s in self.sensor.moments(t_s):
            self._stage.set_time(at_s)
            pictures.append(self.picture())
        if at_s != t_s:
            self._stage.set_time(t_s)
        return self.sensor.expose(pictures, t_s)

    def picture(self) -> NDArray[np.uint8]:
        """The picture of the stage as it is, before any sensor, (H, W, 3) RGB."""
        drawn = self._canvas.colours(self._stage.data, self._camera, self._fine.size_px)
        if self._shading is not None:
            drawn = _lit(drawn, self._shading.ambient(self._look()[1]))
        if self._fine_maps is not None:
            drawn = np.asarray(cv2.remap(drawn, *self._fine_maps, cv2.INTER_LINEAR), np.uint8)
        if self._scale > 1:
            size = self.lens.size_px
            drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
        return np.ascontiguousarray(drawn)

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
        if self._looked is None or self._looked[0] != self._stage.moves:
            ids, depth_m = self._canvas.ids_and_depth_m(
                self._stage.data, self._camera, self._plain.size_px
            )
            self._looked = (self._stage.moves, ids, depth_m)
        return self._looked[1:]

    def _bent(self, picture: NDArray[Number]) -> NDArray[Number]:
        if self._plain_maps is None:
            return picture
        return np.asarray(cv2.remap(picture, *self._plain_maps, cv2.INTER_NEAREST))


def _ways_m(timeline: Timeline) -> Array:
    """Where somebody is at some time, (N, 2)."""
    times = np.arange(0.0, timeline.duration_s, _GLANCE_S)
    return np.array([s.xy_m for t_s in times for s in timeline.shoppers(float(t_s))]).reshape(-1, 2)


def _lit(drawn: NDArray[np.uint8], ambient: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture in the light that arrives, which may be known at another size."""
    high, wide, _ = drawn.shape
    light = cv2.resize(ambient, (wide, high), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(drawn, cv2.merge([light] * 3), dtype=cv2.CV_8U), np.uint8)


def _settings(spec: mujoco.MjSpec) -> None:
    spec.visual.quality.shadowsize = 2048
    # Pictures are drawn larger and averaged; samples within a pixel on top cost half the speed.
    spec.visual.quality.offsamples = 0
    # Light is worked out at corners: a floor needs some.
    spec.visual.quality.numquads = 10
    spec.visual.map.znear, spec.visual.map.zfar = 0.008, 8.0
    spec.stat.extent, spec.stat.center = 6.0, [2.0, 0.5, 1.0]
    sky = spec.add_texture(name="sky", width=8, height=8, nchannel=3)
    sky.type, sky.builtin = mujoco.mjtTexture.mjTEXTURE_SKYBOX, mujoco.mjtBuiltin.mjBUILTIN_FLAT
    sky.rgb1 = sky.rgb2 = [0.80, 0.80, 0.78]


def _add_camera(spec: mujoco.MjSpec, camera: Camera) -> None:
    lens = Lens(camera)
    drawn = lens.pinhole(1)
    low, high = np.asarray(drawn.low), np.asarray(drawn.high)
    spec.worldbody.add_camera(
        name=camera.label,
        pos=lens.frame.origin_m,
        # MuJoCo's cameras look along their -z with y up.
        quat=quaternion(lens.frame.rotation @ np.diag([1.0, -1.0, -1.0])),
        resolution=drawn.size_px,
        # A sensor at a depth of 1 before the pinhole.
        sensor_size=high - low,
        focal_length=[1.0, 1.0],
        principal_length=(low + high) / 2,
    )
