"""Flat rectangles with a picture on them: floors, walls, posters, shelf strips, glass."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.rotation import quaternion, unit

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]


def add_pane(
    spec: mujoco.MjSpec,
    name: str,
    corner: Array,
    across: Array,
    up: Array,
    picture: Picture,
    *,
    shine: float = 0.0,
    glow: float = 0.0,
) -> None:
    """A picture on a rectangle from its lower left corner on, seen from the side of across x up.

    Panes of one name share the first one's picture. `shine` is the share of light it mirrors,
    `glow` how bright it is by itself.
    """
    if spec.material(name) is None:
        _add_picture(spec, name, picture, shine, glow)
    x, y = unit(across), unit(up)
    geom = spec.worldbody.add_geom(
        name=name if spec.geom(name) is None else "",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[float(np.linalg.norm(across)) / 2, float(np.linalg.norm(up)) / 2, 1.0],
        pos=corner + (across + up) / 2,
        quat=quaternion(np.stack([x, y, np.cross(x, y)], axis=1)),
        material=name,
    )
    geom.contype = geom.conaffinity = 0


def _add_picture(
    spec: mujoco.MjSpec, name: str, picture: Picture, shine: float, glow: float
) -> None:
    high, wide, _ = picture.shape
    texture = spec.add_texture(name=name, width=wide, height=high, nchannel=3)
    texture.type = mujoco.mjtTexture.mjTEXTURE_2D
    texture.data = np.ascontiguousarray(picture).tobytes()
    material = spec.add_material(name=name)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    material.texuniform = False
    material.specular, material.shininess = (0.25, 0.6) if shine else (0.03, 0.1)
    material.reflectance, material.emission = shine, glow
