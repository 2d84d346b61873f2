"""One made-up person before a gate's camera: a head that turns, nods and sways.

The body is at rest, a little before the camera; only neck and head move, as a person's do: half the
way each; and the right arm, where a hand is held up.
"""

import math
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import cv2
import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import BONES, PARENTS, Mark
from tebura_simulator.scenes.figures import AWAY_M, Figures
from tebura_simulator.scenes.gestures import HeldUp, hold_up
from tebura_simulator.scenes.rotation import X, Y, Z, quaternion, turn
from tebura_simulator.scenes.screen_light import Shining, light_of, picture_of
from tebura_simulator.scenes.skeleton import SUFFIX, Skeleton
from tebura_simulator.scenes.wardrobe import Wardrobe
from tebura_simulator.story.attire import Hat
from tebura_simulator.story.script import BodyScript, ShopperScript
from tebura_simulator.story.timeline import Hand

Image = NDArray[np.uint8]
SIZE_PX: Final = (640, 480)
LUMA: Final = np.array([0.0722, 0.7152, 0.2126], np.float32)
"""What blue, green and red of a screen add to its brightness (BT.709)."""
UPRIGHT_DEG: Final = 42.0
"""How much of the world a gate's camera sees from top to bottom."""
_NAME, _CAMERA, _SCREEN = "shown", "gate", "screen"
_FACE: Final = (slice(200, 280), slice(280, 360))
"""Where the face of somebody who stands straight is."""


@dataclass(frozen=True, slots=True)
class Stance:
    """Where a head is and how it is turned; radians and metres.

    `aside_rad` turns it to its left, `down_rad` lowers the chin, `tilt_rad` brings the left ear
    down. `shift_m` is where the whole person is beside its place: to its left, back, up.
    """

    aside_rad: float = 0.0
    down_rad: float = 0.0
    tilt_rad: float = 0.0
    shift_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    hand: HeldUp | None = None


class Portrait:
    """A person of a shape, dressed from a seed, `away_m` before the camera.

    `warmth` makes the shop's first lamp redder and its second bluer by that share; `lamps` is what
    there is in all of red, green and blue, over a screen's white and 1 at most. The same
    arguments give the same pixels on one machine. Close it when done.
    """

    def __init__(
        self,
        shape: str,
        seed: int,
        away_m: float = 0.6,
        level: float = 1.0,
        warmth: float = 0.0,
        lamps: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        script = ShopperScript(
            id=_NAME, enter_s=0.0, body=BodyScript(shape=shape, hat=Hat.NONE, glasses=False)
        )
        self._figures = Figures([script], Wardrobe.drawn(seed))
        self._body = self._figures.bodies[_NAME]
        eyes = self._body.vertices_m[self._body.marked(Mark.EYES)].mean(axis=0)
        self._eyes_m = eyes
        spec = mujoco.MjSpec()
        spec.visual.quality.offsamples = 4
        spec.visual.map.znear, spec.visual.map.zfar = 0.02, 12.0
        spec.stat.extent, spec.stat.center = 3.0, eyes
        _light(spec, eyes, level, warmth)
        _screen(spec, eyes, away_m)
        _wall(spec, eyes, seed)
        self._figures.add(spec)
        spec.worldbody.add_camera(
            name=_CAMERA,
            pos=eyes + np.array([0.0, -away_m - 0.05, -0.03]),
            # It looks along the store's +y, up is up.
            quat=quaternion(np.stack([X, Z, -Y], axis=1)),
            fovy=UPRIGHT_DEG,
        )
        spec.visual.global_.offwidth, spec.visual.global_.offheight = SIZE_PX
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, SIZE_PX[1], SIZE_PX[0])
        self._away_m = away_m
        self._lamps_bgr = np.array(lamps[::-1], np.float32)
        self._screen_scale: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._renderer.close()

    def frame(self, stance: Stance, shining: Shining | None = None) -> Image:
        """The picture (480, 640, 3), BGR, without any noise of a sensor; with a screen's light."""
        self._stand(stance)
        picture = self._drawn()
        is_white = (self._lamps_bgr == 1).all()
        if shining is None and is_white:
            return picture
        light = light_of(picture) * self._lamps_bgr
        if shining is not None:
            # The shop's lux, by which the share is told, are mostly green.
            share = shining.bgr(shining.screen.share(self._away_m) * float(LUMA @ self._lamps_bgr))
            light += self._scale() * share * self._by_screen()
        return picture_of(light)

    def _stand(self, stance: Stance) -> None:
        skeleton = Skeleton(self._body)
        neck, head = BONES.index("neck"), BONES.index("head")
        part = (
            turn(Z, stance.aside_rad / 2)
            @ turn(X, stance.down_rad / 2)
            @ turn(Y, stance.tilt_rad / 2)
        )
        shift = np.array(stance.shift_m)
        if stance.hand is not None:
            hold_up(skeleton, self._eyes_m, stance.hand)
        below = _below(head) - {head}
        for bone, name in enumerate(BONES):
            if bone in below or (stance.hand is not None and bone in _RIGHT_ARM):
                continue
            rotation = np.eye(3)
            if bone == neck:
                rotation = part
            elif bone == head:
                rotation = part @ part
                skeleton.hang(name)
            skeleton.place(name, rotation)
        for bone in sorted(below):
            skeleton.place(BONES[bone], part @ part)
            skeleton.hang(BONES[bone])
        for bone, name in enumerate(BONES):
            self._put(name, skeleton.heads_m[bone] + shift, skeleton.rotations[bone])
        for thing in ("phone", "bag"):
            self._put(thing, AWAY_M, np.eye(3))
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def _drawn(self) -> Image:
        self._renderer.update_scene(self._data, _CAMERA)
        return np.asarray(self._renderer.render()[:, :, ::-1]).copy()

    def _by_screen(self) -> NDArray[np.float32]:
        """What comes of the screen alone, all white; how bright in all is `_scale`'s matter."""
        model = self._model
        lamps, emission = model.light_active.copy(), model.mat_emission.copy()
        model.light_active[:] = 0
        model.light_active[model.light(_SCREEN).id] = 1
        model.mat_emission[:] = 0.0
        model.vis.headlight.active = 0
        try:
            return light_of(self._drawn())
        finally:
            model.light_active[:], model.mat_emission[:] = lamps, emission
            model.vis.headlight.active = 1

    def _scale(self) -> float:
        """So that a face that looks straight gets from a screen of share 1 what the shop gives."""
        if self._screen_scale is None:
            placed = self._data.mocap_pos.copy(), self._data.mocap_quat.copy()
            self._stand(Stance())
            shop, screen = light_of(self._drawn())[_FACE].mean(), self._by_screen()[_FACE].mean()
            self._screen_scale = float(shop / screen)
            self._data.mocap_pos[:], self._data.mocap_quat[:] = placed
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_camlight(self._model, self._data)
        return self._screen_scale

    def _put(self, part: str, at_m: NDArray[np.float64], rotation: NDArray[np.float64]) -> None:
        mocap = self._model.body(f"{_NAME}/{part}").mocapid[0]
        self._data.mocap_pos[mocap] = at_m
        self._data.mocap_quat[mocap] = quaternion(rotation)


def _below(bone: int) -> set[int]:
    """The bone and all that hang on it."""
    found = {bone}
    for index, parent in enumerate(PARENTS):
        if parent in found:
            found.add(index)
    return found


_RIGHT_ARM: Final = _below(BONES.index(f"upperarm.{SUFFIX[Hand.RIGHT]}"))


def _light(spec: mujoco.MjSpec, eyes: NDArray[np.float64], level: float, warmth: float) -> None:
    """Much from all sides, some from above before the face, a little from one side."""
    spec.visual.headlight.ambient = [0.42 * level] * 3
    spec.visual.headlight.diffuse = [0.10 * level] * 3
    spec.visual.headlight.specular = [0.0, 0.0, 0.0]
    lamps = (((0.3, -1.2, 1.1), 0.42, warmth), ((-1.4, -0.6, 0.5), 0.18, -warmth))
    for place, share, redder in lamps:
        lamp = spec.worldbody.add_light(pos=eyes + np.array(place))
        lamp.dir = -np.array(place) / math.hypot(*place)
        lamp.diffuse = [share * level * tint for tint in (1 + redder, 1.0, 1 - redder)]
        # Shadows take seven times as long as all the rest.
        lamp.castshadow = False
        lamp.ambient = lamp.specular = [0.0, 0.0, 0.0]


def _screen(spec: mujoco.MjSpec, eyes: NDArray[np.float64], away_m: float) -> None:
    """A gate's screen below its camera, as one lamp; dark until its light is asked for."""
    place = np.array([0.0, -away_m - 0.05, -0.15])
    lamp = spec.worldbody.add_light(name=_SCREEN, pos=eyes + place, active=0)
    lamp.dir = -place / float(np.linalg.norm(place))
    lamp.diffuse, lamp.ambient, lamp.specular = [1.0] * 3, [0.0] * 3, [0.0] * 3
    lamp.cutoff, lamp.exponent = 90.0, 0.0
    lamp.attenuation = [0.0, 0.0, 1 / away_m**2]
    lamp.castshadow = False


def _wall(spec: mujoco.MjSpec, eyes: NDArray[np.float64], seed: int) -> None:
    """Something of a shop far behind: soft blocks of colour."""
    rng = np.random.default_rng(seed)
    blocks = rng.uniform(70, 200, (9, 12, 1)) + rng.uniform(-25, 25, (9, 12, 3))
    wide = cv2.resize(blocks.astype(np.float32), (512, 384), interpolation=cv2.INTER_NEAREST)
    picture = cv2.GaussianBlur(wide, (0, 0), 2.0).clip(0, 255).astype(np.uint8)
    texture = spec.add_texture(name="wall", width=512, height=384, nchannel=3)
    texture.type, texture.data = mujoco.mjtTexture.mjTEXTURE_2D, picture.tobytes()
    material = spec.add_material(name="wall")
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "wall"
    material.emission = 0.4
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[3.0, 2.4, 0.1],
        pos=eyes + np.array([0.0, 2.5, 0.0]),
        quat=quaternion(np.stack([X, Z, -Y], axis=1)),
        material="wall",
    )
