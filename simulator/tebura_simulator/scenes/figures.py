"""The people of a scenario in the MuJoCo model: skins over mocap bones, a phone, a bag.

`add` builds them into a model's description, `put` moves them to a moment. Every geom and skin of a
person is named after it (``{shopper}/...``), so that a picture of segments tells whose a pixel is.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BONES, Body, Region, load_body
from tebura_simulator.scenes.cloth import hemmed, shoe
from tebura_simulator.scenes.posture import Posture, posture_of
from tebura_simulator.scenes.products import add_geom
from tebura_simulator.scenes.rotation import Z, quaternion, turn
from tebura_simulator.story.scenario import BodyScript, ShopperScript
from tebura_simulator.story.timeline import Hand, ShopperState

Array = NDArray[np.float64]

PHONE_M = (0.074, 0.009, 0.152)
CODE_M = 0.062
"""Side of the square on the phone's screen that holds the code."""
PHONE_OUT_M = 0.056
"""The phone's middle before the middle of the grip, so that it lies on the fingers."""
AWAY_M = np.array([0.0, 0.0, -40.0])
"""Where is put what nobody sees."""
_INFLATE_M = {
    Region.SKIN: 0.0,
    Region.SHIRT: 0.016,
    Region.SLEEVE: 0.011,
    Region.TROUSERS: 0.010,
    Region.SHOES: 0.0,
    Region.HAIR: 0.012,
    Region.EYES: 0.0005,
}


@dataclass(frozen=True)
class Placed:
    """Where something is and how it is turned, in the store."""

    at_m: Array
    rotation: Array


class Figures:
    """The people of `scripts`. After `put`, `states` and `postures` hold those in the shop."""

    def __init__(self, scripts: Sequence[ShopperScript]) -> None:
        self._scripts = tuple(scripts)
        self.bodies: dict[str, Body] = {s.id: load_body(s.body.shape) for s in scripts}
        self.states: dict[str, ShopperState] = {}
        self.postures: dict[str, Posture] = {}

    def add(self, spec: mujoco.MjSpec) -> None:
        """Give the model everybody's bones, skins and things."""
        for script in self._scripts:
            _add_person(spec, script.id, script.body, self.bodies[script.id])
            _add_phone(spec, script.id)
            _add_bag(spec, script.id)

    def put(self, data: mujoco.MjData, states: Iterable[ShopperState], t_s: float) -> None:
        """Put everybody where it is at a moment; who is not in the shop is put away."""
        self.states = {state.script.id: state for state in states}
        self.postures = {
            name: posture_of(state, self.bodies[name], 2.0 * t_s + index)
            for index, (name, state) in enumerate(self.states.items())
        }
        for name in self.bodies:
            for part, placed in self._placed(name).items():
                mocap = data.model.body(f"{name}/{part}").mocapid[0]
                data.mocap_pos[mocap] = placed.at_m
                data.mocap_quat[mocap] = quaternion(placed.rotation)

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

    def held(self, shopper: str, item: str, hand: Hand, wide_m: float) -> Placed | None:
        """Where an item of that width is in a hand; None when the shopper is not in the shop."""
        if shopper not in self.states:
            return None
        state, posture = self.states[shopper], self.postures[shopper]
        items = state.held[hand]
        # Several lie side by side along the fingers.
        place = (items.index(item) - (len(items) - 1) / 2) * wide_m
        fingers = posture.palms[hand][:, 0]
        return Placed(posture.grips_m[hand] + place * fingers, _upright(state.yaw_rad))

    def _placed(self, name: str) -> dict[str, Placed]:
        posture, state = self.postures.get(name), self.states.get(name)
        if posture is None or state is None:
            return dict.fromkeys((*BONES, "phone", "bag"), Placed(AWAY_M, np.eye(3)))
        placed = {
            bone: Placed(posture.heads_m[index], posture.rotations[index])
            for index, bone in enumerate(BONES)
        }
        # It hangs straight down from the shoulder, however the shopper bends.
        shoulder = posture.heads_m[BONES.index("upperarm.l")]
        placed["bag"] = Placed(shoulder, turn(Z, state.yaw_rad + math.pi / 2))
        placed["phone"] = _phone_place(state, posture)
        return placed


def _phone_place(state: ShopperState, posture: Posture) -> Placed:
    if state.phone <= 0.05 or state.reach is None:
        return Placed(AWAY_M, np.eye(3))
    palm = posture.palms[state.reach.hand]
    # The phone's own axes: x across, y out of its back, z up.
    turned = np.stack([palm[:, 2], -palm[:, 1], palm[:, 0]], axis=1)
    return Placed(posture.grips_m[state.reach.hand] + PHONE_OUT_M * palm[:, 1], turned)


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
