"""What people have on them that keeps its shape: glasses, a phone."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.products import add_geom
from tebura_simulator.scenes.solids import add_tubes

Array = NDArray[np.float64]
PHONE_M = (0.074, 0.009, 0.152)


def add_phone(spec: mujoco.MjSpec, name: str) -> None:
    """A phone; its screen looks along -y."""
    body = spec.worldbody.add_body(name=f"{name}/phone", mocap=True)
    box = mujoco.mjtGeom.mjGEOM_BOX
    x, y, z = (side / 2 for side in PHONE_M)
    if spec.material("screen") is None:
        spec.add_material(name="screen", rgba=[0.97, 0.97, 0.97, 1.0], emission=0.75)
    add_geom(body, box, [x, y, z], (0.08, 0.08, 0.09), name=f"{name}/phone")
    add_geom(
        body,
        box,
        [x - 0.004, 0.001, z - 0.006],
        (0.97, 0.97, 0.97),
        (0, -y, 0),
        material="screen",
        name=f"{name}/phone-screen",
    )


def add_glasses(spec: mujoco.MjSpec, name: str, m: Measures) -> None:
    """Two rims, a bridge and the sides, on the head."""
    s = m.scale**0.5
    head = m.body.bone("head")
    paths: list[Array] = []
    turn = np.linspace(0.0, 2 * np.pi, 17)
    for eye in m.eyes_m:
        ahead = eye - head + [0.0, -0.014 * s, 0.0]
        rim = np.c_[
            0.024 * s * np.cos(turn), 0.004 * np.abs(np.cos(turn)), 0.018 * s * np.sin(turn)
        ]
        paths.append(ahead + rim)
        outer = np.sign(eye[0]) * 0.024 * s
        ear = np.array([np.sign(eye[0]) * 0.074 * s, head[1] + 0.02 * s, eye[2]]) - head
        paths.append(
            np.stack(
                [
                    ahead + np.array([outer, 0.004, 0.004]),
                    ear + np.array([0, -0.07 * s, 0.004]),
                    ear,
                ]
            )
        )
    left, right = (eye - head + [0.0, -0.016 * s, 0.004] for eye in m.eyes_m)
    inner = np.array([0.022 * s, 0.0, 0.0])
    paths.append(np.stack([left - inner, right + inner]))
    add_tubes(spec, spec.body(f"{name}/head"), f"{name}/glasses", paths, 0.0018, (0.06, 0.06, 0.07))
