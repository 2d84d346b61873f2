"""The store as a MuJoCo model: built once for a scenario, then moved from moment to moment.

Nothing is simulated: bones, packages and phones are mocap bodies put where the timeline has them,
people a little aside where they would walk through each other (`Passing`).
Bodies are drawn as skins over their bones, one a garment.
"""

import mujoco
import numpy as np
from numpy.typing import NDArray
from tebura_contract.layout import Camera, Layout

from tebura_simulator.scenes.body import Body
from tebura_simulator.scenes.figures import AWAY_M, Figures
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.look import Look
from tebura_simulator.scenes.posture import Posture
from tebura_simulator.scenes.products import add_package
from tebura_simulator.scenes.room import add_room
from tebura_simulator.scenes.rotation import quaternion
from tebura_simulator.scenes.wardrobe import Wardrobe
from tebura_simulator.story.passing import Passing
from tebura_simulator.story.stocking import frame_of, shelf_frame, size_of
from tebura_simulator.story.timeline import ItemPlace, ShopperState, Timeline

Array = NDArray[np.float64]
_GLANCE_S = 0.4
_LOST_BEHIND = 0.42
"""Share of the light that does not get to the back of a board."""


class Stage:
    """A scenario's store. `set_time` moves it; then draw cameras, ask for postures or the phone.

    Attributes:
        t_s: The moment it shows, None before the first.
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
        self.t_s: float | None = None
        self._products = layout.products()
        wardrobe = wardrobe or Wardrobe.drawn(self.look.wardrobe_seed)
        self.figures = Figures(timeline.scenario.shopper, wardrobe)
        spec = mujoco.MjSpec()
        _settings(spec)
        self._passing = Passing(timeline, layout)
        add_room(spec, layout, self.look, _ways_m(self._passing, timeline.duration_s))
        for camera in layout.camera:
            _add_camera(spec, camera)
        self.figures.add(spec)
        for item in timeline.items(0.0):
            body = spec.worldbody.add_body(name=item.id, mocap=True)
            add_package(spec, body, self._products[item.sku], self.look.art_seed)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        shelves = layout.shelves()
        self._boards = {
            name: (shelf_frame(*shelves[shelf]), shelves[shelf][1].size_m[1])
            for name, (shelf, _) in layout.facings().items()
        }
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
        self.figures.put(self.data, self._passing.shoppers(t_s), t_s)
        for item in self.timeline.items(t_s):
            # Most stand where they stood.
            if item.hand is not None or self._places.get(item.id) != item:
                self._put_item(item)
                self._places[item.id] = item
        self.t_s = t_s
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def code_corners_m(self) -> Array | None:
        """The code square of the phone that is held out, (4, 3): top left and on clockwise."""
        return self.figures.code_corners_m()

    def _put_item(self, item: ItemPlace) -> None:
        self._shade(item)
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

    def _shade(self, item: ItemPlace) -> None:
        """Further back on a board there is less light."""
        share = 1.0
        if item.facing is not None and item.center_m is not None:
            frame, deep_m = self._boards[item.facing]
            back_m = float((np.asarray(item.center_m) - frame.origin_m) @ frame.rotation[:, 1])
            share -= _LOST_BEHIND * min(1.0, max(0.0, back_m / deep_m))
        self.model.geom_rgba[self.model.geom(f"{item.id}/package").id, :3] = share

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


def _ways_m(passing: Passing, until_s: float) -> Array:
    """Where somebody is at some time, (N, 2)."""
    times = np.arange(0.0, until_s, _GLANCE_S)
    return np.array([s.xy_m for t_s in times for s in passing.shoppers(float(t_s))]).reshape(-1, 2)


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
