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
from tebura_contract.geometry import Xyz

from tebura_simulator.scenes.bags import add_bag
from tebura_simulator.scenes.body import BONES, Body, load_body
from tebura_simulator.scenes.hands import GRIP_RADIUS_M
from tebura_simulator.scenes.manner import Manner
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.posture import Posture, posture_of
from tebura_simulator.scenes.rotation import Z, quaternion, turn
from tebura_simulator.scenes.tailor import Worn, dressed
from tebura_simulator.scenes.things import add_glasses, add_phone
from tebura_simulator.scenes.truth import Thing
from tebura_simulator.scenes.wardrobe import Outfit, Wardrobe
from tebura_simulator.story.attire import Bag, Over
from tebura_simulator.story.script import ShopperScript
from tebura_simulator.story.timeline import Hand, ShopperState

Array = NDArray[np.float64]

CODE_M = 0.062
"""Side of the square on the phone's screen that holds the code."""
PHONE_OUT_M = 0.056
"""The phone's middle before the middle of the grip, so that it lies on the fingers."""
AWAY_M = np.array([0.0, 0.0, -40.0])
"""Where is put what nobody sees."""
_DRAWN, _LEFT_OUT = 0, 5
"""Groups of skins; the second is not drawn. Most of a picture's time is people, seen or not."""


@dataclass(frozen=True)
class Placed:
    """Where something is and how it is turned, in the store."""

    at_m: Array
    rotation: Array


class Figures:
    """The people of `scripts`. After `put`, `states` and `postures` hold those in the shop."""

    def __init__(self, scripts: Sequence[ShopperScript], wardrobe: Wardrobe | None = None) -> None:
        wardrobe = wardrobe or Wardrobe()
        self.outfits: dict[str, Outfit] = {s.id: wardrobe.outfit(s) for s in scripts}
        self.bodies: dict[str, Body] = {
            s.id: load_body(self.outfits[s.id].shape, s.height_m) for s in scripts
        }
        self._manners = {name: _manner(outfit) for name, outfit in self.outfits.items()}
        self.states: dict[str, ShopperState] = {}
        self.postures: dict[str, Posture] = {}
        self._skins: dict[str, list[int]] = {}

    def add(self, spec: mujoco.MjSpec) -> None:
        """Give the model everybody's bones, skins and things."""
        for name, body in self.bodies.items():
            outfit, measures = self.outfits[name], Measures(body)
            for bone in BONES:
                spec.worldbody.add_body(name=f"{name}/{bone}", mocap=True)
            for worn in dressed(body, outfit):
                _add_skin(spec, name, worn, body)
            add_phone(spec, name)
            thick_m = 0.018 if outfit.over is Over.NONE else 0.038
            add_bag(spec, name, outfit.bag, outfit.bag_colour, measures, thick_m)
            if outfit.glasses:
                add_glasses(spec, name, measures)

    def put(self, data: mujoco.MjData, states: Iterable[ShopperState], t_s: float) -> None:
        """Put everybody where it is at a moment; who is not in the shop is put away."""
        self.states = {state.script.id: state for state in states}
        self.postures = {name: self.posture(state, t_s) for name, state in self.states.items()}
        self._leave_out_absent(data.model)
        for name in self.bodies:
            for part, placed in self._placed(name).items():
                mocap = data.model.body(f"{name}/{part}").mocapid[0]
                data.mocap_pos[mocap] = placed.at_m
                data.mocap_quat[mocap] = quaternion(placed.rotation)

    def _leave_out_absent(self, model: mujoco.MjModel) -> None:
        """Whoever is not in the shop is not drawn, nor its shadow."""
        if not self._skins:
            for row in range(model.nskin):
                label = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_SKIN, row)
                self._skins.setdefault(label.split("/", 1)[0], []).append(row)
        for name, rows in self._skins.items():
            model.skin_group[rows] = _DRAWN if name in self.states else _LEFT_OUT

    def posture(self, state: ShopperState, t_s: float) -> Posture:
        """How somebody stands in a state at a moment."""
        name = state.script.id
        return posture_of(state, self.bodies[name], t_s, self._manners[name])

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

    def held(self, shopper: str, item: str, hand: Hand, size_m: Xyz) -> Placed | None:
        """Where an item of that size is in a hand; None when the shopper is not in the shop."""
        if shopper not in self.states:
            return None
        state, posture = self.states[shopper], self.postures[shopper]
        items = state.held[hand]
        # Several lie side by side along the fingers.
        place = (items.index(item) - (len(items) - 1) / 2) * (size_m[1] + 0.004)
        fingers, palm, _ = posture.palms[hand].T
        # What is thick lies before the palm, not in it; on the shelf the hand goes round it.
        reach = next(
            (r for r in (state.reach, state.other_reach) if r is not None and r.hand is hand), None
        )
        away = 1.0 if reach is None else 1.0 - reach.progress
        out_m = away * max(0.0, min(size_m[0], size_m[1]) / 2 - GRIP_RADIUS_M + 0.008)
        at_m = posture.grips_m[hand] + place * fingers + out_m * palm
        return Placed(at_m, _upright(state.yaw_rad))

    def things(self, name: str) -> dict[Hand, Thing]:
        """What of its own somebody in the shop has in its hands."""
        found = {Hand.LEFT: Thing.BASKET} if self.outfits[name].bag is Bag.BASKET else {}
        hand = _phone_hand(self.states[name], self.postures[name])
        return found if hand is None else {**found, hand: Thing.PHONE}

    def _placed(self, name: str) -> dict[str, Placed]:
        posture, state = self.postures.get(name), self.states.get(name)
        if posture is None or state is None:
            return dict.fromkeys((*BONES, "phone", "bag"), Placed(AWAY_M, np.eye(3)))
        placed = {
            bone: Placed(posture.heads_m[index], posture.rotations[index])
            for index, bone in enumerate(BONES)
        }
        placed["bag"] = self._bag_place(name, state, posture)
        placed["phone"] = _phone_place(state, posture)
        return placed

    def _bag_place(self, name: str, state: ShopperState, posture: Posture) -> Placed:
        upright = turn(Z, state.yaw_rad + math.pi / 2)
        match self.outfits[name].bag:
            case Bag.BACKPACK:
                chest = BONES.index("chest")
                return Placed(posture.heads_m[chest], posture.rotations[chest])
            case Bag.BASKET:
                return Placed(posture.grips_m[Hand.LEFT], upright)
            case _:
                # It hangs straight down from the shoulder, however the shopper bends.
                return Placed(posture.heads_m[BONES.index("upperarm.l")], upright)


def _phone_hand(state: ShopperState, posture: Posture) -> Hand | None:
    """The hand with the phone: shown to the gate, or looked at."""
    if state.phone > 0.05 and state.reach is not None:
        return state.reach.hand
    return Hand.RIGHT if posture.reading > 0.15 else None


def _phone_place(state: ShopperState, posture: Posture) -> Placed:
    hand = _phone_hand(state, posture)
    if hand is None:
        return Placed(AWAY_M, np.eye(3))
    is_shown = state.phone > 0.05 and state.reach is not None
    out_m = PHONE_OUT_M if is_shown else 0.012 - GRIP_RADIUS_M
    palm = posture.palms[hand]
    # The phone's own axes: x across, y out of its back, z up.
    turned = np.stack([palm[:, 2], -palm[:, 1], palm[:, 0]], axis=1)
    return Placed(posture.grips_m[hand] + out_m * palm[:, 1], turned)


def _manner(outfit: Outfit) -> Manner:
    """How the person of an outfit moves: the old bent, everybody a little differently."""
    swing, phase, reads = np.random.default_rng(outfit.seed).random(3)
    is_old = outfit.shape.startswith("old")
    return Manner(
        swing=(0.5 if is_old else 0.8) + 0.5 * float(swing),
        bend_rad=0.16 if is_old else 0.05 * float(phase),
        phase=2 * math.pi * float(phase),
        reads=float(reads) < 0.6,
        carries=outfit.bag is Bag.BASKET,
        shoulders=outfit.bag in (Bag.TOTE, Bag.SHOULDER),
    )


def _add_skin(spec: mujoco.MjSpec, name: str, worn: Worn, body: Body) -> None:
    label, piece = f"{name}/{worn.name}", worn.surface
    weights = piece.weights
    bones = [bone for bone in range(len(BONES)) if (weights[:, bone] > 1e-3).any()]
    high, wide, _ = worn.picture.shape
    texture = spec.add_texture(name=label, width=wide, height=high, nchannel=3)
    texture.type = mujoco.mjtTexture.mjTEXTURE_2D
    # Pictures have their top row first, textures their lowest.
    texture.data = worn.picture[::-1].tobytes()
    material = spec.add_material(name=label)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = label
    material.specular = material.shininess = worn.shine
    skin = spec.add_skin(name=label)
    skin.material = label
    skin.vert = piece.vertices_m.ravel()
    skin.face = piece.faces.ravel()
    skin.texcoord = piece.uv.ravel()
    skin.bodyname = [f"{name}/{BONES[bone]}" for bone in bones]
    skin.bindpos = body.bones_m[bones].ravel()
    skin.bindquat = np.tile([1.0, 0.0, 0.0, 0.0], len(bones))
    ids = [np.flatnonzero(weights[:, bone] > 1e-3) for bone in bones]
    skin.vertid = [i.tolist() for i in ids]
    skin.vertweight = [weights[i, bone].tolist() for i, bone in zip(ids, bones, strict=True)]


def _upright(yaw_rad: float) -> Array:
    """An item held upright, its front to the shopper who looks along `yaw_rad`."""
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[s, c, 0.0], [-c, s, 0.0], [0.0, 0.0, 1.0]])
