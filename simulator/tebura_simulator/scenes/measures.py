"""A tailor's measures of a body at rest: where its arms, legs and trunk run."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tebura_simulator.scenes.body import ARM, Body, Mark
from tebura_simulator.scenes.rotation import unit

Array = NDArray[np.float64]
LEG = ("thigh", "shin", "foot")


@dataclass(frozen=True)
class Measures:
    """Of one body; all in metres of the body's frame."""

    body: Body

    @cached_property
    def on_arm(self) -> Array:
        """How much each vertex belongs to an arm, (V,)."""
        return self.body.share(*ARM)

    @cached_property
    def along_arm_m(self) -> Array:
        """How far down its arm a vertex is from the shoulder's joint, (V,); negative before it."""
        return self._arm[0]

    @cached_property
    def across_arm_m(self) -> Array:
        """How far a vertex is from its arm's line, outwards and up, (V,)."""
        return self._arm[1]

    @cached_property
    def arm_m(self) -> float:
        """From shoulder to wrist."""
        bone = self.body.bone
        upper = float(np.linalg.norm(bone("forearm.l") - bone("upperarm.l")))
        return upper + float(np.linalg.norm(bone("hand.l") - bone("forearm.l")))

    @cached_property
    def scale(self) -> float:
        """How large the body is beside a grown one."""
        return self.body.height_m / 1.7

    @cached_property
    def crotch_m(self) -> float:
        """The height where the legs part."""
        v = self.body.vertices_m
        between = (np.abs(v[:, 0]) < 0.025) & (self.body.share("root", "waist", "thigh") > 0.5)
        return float(v[between, 2].min())

    @cached_property
    def waist_m(self) -> float:
        """The height of a belt."""
        return float(self.body.bone("root")[2]) + 0.085 * self.scale

    @cached_property
    def hip_m(self) -> float:
        return float(self.body.bone("thigh.l")[2])

    @cached_property
    def knee_m(self) -> float:
        return float(self.body.bone("shin.l")[2])

    @cached_property
    def neck_m(self) -> Array:
        """The pit of the neck, where a collar's front is."""
        v = self.body.vertices_m
        neck = self.body.bone("neck")
        front = (np.abs(v[:, 0]) < 0.01) & (np.abs(v[:, 2] - neck[2]) < 0.012) & (v[:, 1] < 0.0)
        return np.array([0.0, float(v[front, 1].min()), float(neck[2])])

    @cached_property
    def eyes_m(self) -> Array:
        """The middles of the left and the right eye's front, (2, 3)."""
        eyes = self.body.vertices_m[self.body.marked(Mark.EYES)]
        return np.stack([eyes[eyes[:, 0] > 0].mean(0), eyes[eyes[:, 0] < 0].mean(0)])

    @cached_property
    def mouth_m(self) -> Array:
        return np.asarray(self.body.vertices_m[self.body.marked(Mark.LIPS)].mean(0))

    @cached_property
    def unrolled_m(self) -> Array:
        """Each vertex on a flat garment, metres to the left and up, (V, 2): sleeves hang down."""
        v, shoulder = self.body.vertices_m, self.body.bone("upperarm.l")
        side = np.sign(v[:, 0])
        hung = np.stack(
            [
                side * (shoulder[0] + 0.13 * self.scale + self.across_arm_m),
                shoulder[2] - self.along_arm_m,
            ],
            axis=1,
        )
        share = np.clip(self.on_arm, 0.0, 1.0)[:, None]
        return np.asarray(v[:, [0, 2]] * (1 - share) + hung * share)

    @cached_property
    def _arm(self) -> tuple[Array, Array]:
        v = self.body.vertices_m * np.where(self.body.vertices_m[:, :1] < 0, [-1, 1, 1], 1.0)
        shoulder, elbow, wrist = (
            self.body.bone(name) for name in ("upperarm.l", "forearm.l", "hand.l")
        )
        upper, lower = unit(elbow - shoulder), unit(wrist - elbow)
        length = float(np.linalg.norm(elbow - shoulder))
        below = (v - elbow) @ lower
        is_below = below > 0
        along = np.where(is_below, length + below, np.minimum((v - shoulder) @ upper, length))

        def across(start: Array, way: Array) -> Array:
            return (v - start) @ unit(np.array([-way[2], 0.0, way[0]]))

        return along, np.where(is_below, across(elbow, lower), across(shoulder, upper))
