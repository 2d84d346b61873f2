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

from tebura_simulator.scenes.body import BONES, Body, Region, load_body
from tebura_simulator.scenes.cloth import hemmed, shoe
from tebura_simulator.scenes.posture import Posture, posture_of
from tebura_simulator.scenes.products import add_geom, add_package
from tebura_simulator.scenes.room import add_room
from tebura_simulator.scenes.rotation import Z, quaternion, turn
from tebura_simulator.story.scenario import BodyScript
from tebura_simulator.story.stocking import frame_of, size_of
from tebura_simulator.story.timeline import ItemPlace, ShopperState, Timeline

Array = NDArray[np.float64]

PHONE_M = (0.074, 0.009, 0.152)
CODE_M = 0.062
"""Side of the square on the phone's screen that holds the code."""
PHONE_OUT_M = 0.056
"""The phone's middle before the middle of the grip, so that it lies on the fingers."""
_AWAY_M = np.array([0.0, 0.0, -40.0])
_INFLATE_M = {
    Region.SKIN: 0.0,
    Region.SHIRT: 0.016,
    Region.SLEEVE: 0.011,
    Region.TROUSERS: 0.010,
    Region.SHOES: 0.0,
    Region.HAIR: 0.012,
    Region.EYES: 0.0005,
}


class Stage:
    """A scenario's store. `set_time` moves it; then draw cameras, ask for postures or the phone."""

    def __init__(self, timeline: Timeline, layout: Layout) -> None:
        self.timeline, self.layout = timeline, layout
        self._products = layout.products()
        self.bodies: dict[str, Body] = {}
        spec = mujoco.MjSpec()
        _settings(spec)
        add_room(spec, layout, timeline.scenario.seed)
        for camera in layout.camera:
            _add_camera(spec, camera)
        for script in timeline.scenario.shopper:
            self.bodies[script.id] = load_body(script.body.shape)
            _add_person(spec, script.id, script.body, self.bodies[script.id])
            _add_phone(spec, script.id)
            _add_bag(spec, script.id)
        for item in timeline.items(0.0):
            body = spec.worldbody.add_body(name=item.id, mocap=True)
            add_package(spec, body, item.sku, size_of(self._products[item.sku]))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.postures: dict[str, Posture] = {}
        self.states: dict[str, ShopperState] = {}

    def set_time(self, t_s: float) -> None:
        """Put everything where it is at a moment."""
        self.states = {state.script.id: state for state in self.timeline.shoppers(t_s)}
        self.postures = {
            name: posture_of(state, self.bodies[name], 2.0 * t_s + index)
            for index, (name, state) in enumerate(self.states.items())
        }
        for name in self.bodies:
            self._put_person(name)
        for item in self.timeline.items(t_s):
            self._put_item(item)
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def code_corners_m(self) -> Array | None:
        """The code square of the phone that is held out, (4, 3): top left and on clockwise."""
        for name, state in self.states.items():
            if state.phone > 0.5 and state.reach is not None:
                posture = self.postures[name]
                up, out, right = posture.palms[state.reach.hand].T
                middle = posture.grips_m[state.reach.hand] + (PHONE_OUT_M + 0.006) * out
                half = CODE_M / 2
                corners = [(-1, 1), (1, 1), (1, -1), (-1, -1)]
                return np.array([middle + half * (x * right + y * up) for x, y in corners])
        return None

    def _put_person(self, name: str) -> None:
        posture, state = self.postures.get(name), self.states.get(name)
        for index, bone in enumerate(BONES):
            if posture is None:
                self._put(f"{name}/{bone}", _AWAY_M, np.eye(3))
            else:
                self._put(f"{name}/{bone}", posture.heads_m[index], posture.rotations[index])
        if posture is not None and state is not None and state.phone > 0.05 and state.reach:
            palm = posture.palms[state.reach.hand]
            # The phone's own axes: x across, y out of its back, z up.
            turned = np.stack([palm[:, 2], -palm[:, 1], palm[:, 0]], axis=1)
            at = posture.grips_m[state.reach.hand] + PHONE_OUT_M * palm[:, 1]
            self._put(f"{name}/phone", at, turned)
        else:
            self._put(f"{name}/phone", _AWAY_M, np.eye(3))
        if posture is None or state is None:
            self._put(f"{name}/bag", _AWAY_M, np.eye(3))
        else:
            # It hangs straight down from the shoulder, however the shopper bends.
            shoulder = posture.heads_m[BONES.index("upperarm.l")]
            self._put(f"{name}/bag", shoulder, turn(Z, state.yaw_rad + math.pi / 2))

    def _put_item(self, item: ItemPlace) -> None:
        if item.center_m is not None:
            self._put(item.id, np.asarray(item.center_m), self._shelf_rotation(item))
            return
        if item.hand is None or item.shopper not in self.states:
            self._put(item.id, _AWAY_M, np.eye(3))
            return
        state, posture = self.states[item.shopper], self.postures[item.shopper]
        held = state.held[item.hand]
        turned = _upright(state.yaw_rad)
        # Several lie side by side along the fingers.
        wide = size_of(self._products[item.sku])[1] + 0.004
        place = (held.index(item.id) - (len(held) - 1) / 2) * wide
        fingers = posture.palms[item.hand][:, 0]
        self._put(item.id, posture.grips_m[item.hand] + place * fingers, turned)

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


def _add_person(spec: mujoco.MjSpec, name: str, look: BodyScript, body: Body) -> None:
    for bone in BONES:
        spec.worldbody.add_body(name=f"{name}/{bone}", mocap=True)
    colours = {
        Region.SKIN: look.skin,
        Region.SHIRT: look.shirt,
        Region.SLEEVE: look.shirt,
        Region.TROUSERS: look.trousers,
        Region.SHOES: look.shoes,
        Region.HAIR: look.hair,
        Region.EYES: "#20181a",
    }
    for region in Region:
        if region is Region.SLEEVE and not look.long_sleeves:
            continue
        _add_skin(spec, name, region, colours[region], body)


def _shoes(body: Body) -> tuple[Array, NDArray[np.int_], Array]:
    """Both shoes: vertices, faces, and weights, each wholly its foot's."""
    used = body.vertices_m[np.unique(body.faces_of(Region.SHOES))]
    meshes = [shoe(used[used[:, 0] * sign > 0]) for sign in (1.0, -1.0)]
    count = len(meshes[0][0])
    weights = np.zeros((2 * count, len(BONES)))
    weights[:count, BONES.index("foot.l")] = weights[count:, BONES.index("foot.r")] = 1.0
    vertices = np.concatenate([mesh for mesh, _ in meshes])
    return vertices, np.concatenate([meshes[0][1], meshes[1][1] + count]), weights


def _garment(region: Region, body: Body) -> tuple[Array, NDArray[np.int_], Array]:
    """The mesh of a region and its weights on the bones."""
    if region is Region.SHOES:
        return _shoes(body)
    used, faces = np.unique(body.faces_of(region), return_inverse=True)
    faces = faces.reshape(-1, 3)
    vertices = body.vertices_m[used]
    if region in (Region.SHIRT, Region.SLEEVE, Region.TROUSERS, Region.HAIR):
        vertices = hemmed(vertices, faces)
    return vertices, faces, body.weights[used]


def _add_skin(spec: mujoco.MjSpec, name: str, region: Region, colour: str, body: Body) -> None:
    vertices, faces, weights = _garment(region, body)
    bones = [bone for bone in range(len(BONES)) if (weights[:, bone] > 1e-4).any()]
    material = f"{name}/{region.name.lower()}"
    cloth = spec.add_material(name=material, rgba=[*_rgb(colour), 1.0])
    cloth.specular, cloth.shininess = (0.1, 0.1) if region is not Region.SHOES else (0.3, 0.3)
    skin = spec.add_skin(name=f"{name}/{region.name}", inflate=_INFLATE_M[region])
    skin.material = material
    skin.vert = vertices.ravel()
    skin.face = faces.ravel()
    skin.bodyname = [f"{name}/{BONES[bone]}" for bone in bones]
    skin.bindpos = body.bones_m[bones].ravel()
    skin.bindquat = np.tile([1.0, 0.0, 0.0, 0.0], len(bones))
    ids = [np.flatnonzero(weights[:, bone] > 1e-4) for bone in bones]
    skin.vertid = [i.tolist() for i in ids]
    skin.vertweight = [weights[i, bone].tolist() for i, bone in zip(ids, bones, strict=True)]


def _add_phone(spec: mujoco.MjSpec, name: str) -> None:
    body = spec.worldbody.add_body(name=f"{name}/phone", mocap=True)
    box = mujoco.mjtGeom.mjGEOM_BOX
    x, y, z = (side / 2 for side in PHONE_M)
    if spec.material("screen") is None:
        spec.add_material(name="screen", rgba=[0.97, 0.97, 0.97, 1.0], emission=0.75)
    add_geom(body, box, [x, y, z], (0.08, 0.08, 0.09))
    add_geom(
        body, box, [x - 0.004, 0.001, z - 0.006], (0.97, 0.97, 0.97), (0, -y, 0), material="screen"
    )


def _add_bag(spec: mujoco.MjSpec, name: str) -> None:
    """A tote bag that hangs from the left shoulder, its origin."""
    body = spec.worldbody.add_body(name=f"{name}/bag", mocap=True)
    cloth = (0.78, 0.70, 0.56)
    add_geom(body, mujoco.mjtGeom.mjGEOM_BOX, [0.04, 0.15, 0.15], cloth, (0.045, 0.03, -0.55))
    for y in (-0.05, 0.11):
        strap = [-0.05, 0.03, 0.055, 0.04, y, -0.41]
        add_geom(body, mujoco.mjtGeom.mjGEOM_CAPSULE, [0.007], cloth, fromto=strap)


def _upright(yaw_rad: float) -> Array:
    """An item held upright, its front to the shopper who looks along `yaw_rad`."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[s, c, 0.0], [-c, s, 0.0], [0.0, 0.0, 1.0]])


def _rgb(colour: str) -> tuple[float, float, float]:
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return r, g, b
