"""From what a shopper does to where its bones are: a lean, legs on their feet, arms that reach.

Worked out in the shopper's own frame (x to its left, y to its back, z up, origin on the floor
between the feet) and handed out in the store's.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tebura_contract.geometry import Xyz

from tebura_simulator.scenes.body import Body
from tebura_simulator.scenes.hands import bend_fingers, curl, grip, palm_of, pose_arm
from tebura_simulator.scenes.manner import Manner
from tebura_simulator.scenes.rotation import (
    X,
    Y,
    Z,
    aligning,
    between,
    turn,
    two_bones,
    unit,
)
from tebura_simulator.scenes.skeleton import SIDE, SUFFIX, Skeleton
from tebura_simulator.story.timeline import GestureKind, Hand, Reach, ShopperState
from tebura_simulator.story.walking import Foot, smooth

Array = NDArray[np.float64]

_STRETCH = 0.93
"""The trunk leans until the arm need not be straighter than this."""
_MAX_LEAN_RAD = math.radians(72)
_LOW = 0.52
"""Below this share of its shoulders' height a shopper bends its knees to reach."""
_DEEPEST = 0.72
"""Of a leg's length, how far the pelvis comes down at most."""


@dataclass(frozen=True)
class Posture:
    """Bones of a body in the store: `rotations` (B, 3, 3), `heads_m` (B, 3).

    What a hand grips is at `grips_m`; the columns of `palms` are where the fingers point, where the
    palm looks, and their cross product. `reading` is how far a phone is up before the eyes.
    """

    rotations: Array
    heads_m: Array
    grips_m: dict[Hand, Array]
    palms: dict[Hand, Array]
    reading: float = 0.0


def posture_of(
    state: ShopperState, body: Body, t_s: float = 0.0, manner: Manner | None = None
) -> Posture:
    """The posture of a shopper; `t_s` moves what is never quite still."""
    return _Poser(state, body, t_s, manner or Manner()).solve()


class _Poser:
    def __init__(self, state: ShopperState, body: Body, t_s: float, manner: Manner) -> None:
        self.state, self.body, self.manner = state, body, manner
        self.scale = body.height_m / 1.7
        self.yaw = turn(Z, state.yaw_rad + math.pi / 2)
        self.origin = np.array([*state.xy_m, 0.0])
        self.slow_rad = 0.7 * t_s + manner.phase
        self.breath = math.sin(1.6 * t_s + 3.0 * manner.phase)
        self.stoop_m = 0.0
        # How much it stands, 1, rather than walks, 0.
        self.still = 1.0 - min(1.0, state.speed_mps / 0.35)
        self.reading = self._reading()
        self.bones = Skeleton(body)
        self.feet = {Hand.LEFT: state.left_foot, Hand.RIGHT: state.right_foot}
        self.stride_m = float(
            self._local((*state.right_foot.xy_m, 0.0))[1]
            - self._local((*state.left_foot.xy_m, 0.0))[1]
        )

    def solve(self) -> Posture:
        reach = self.state.reach
        moved = {
            r.hand: r
            for r in (reach, self.state.other_reach)
            if r is not None and r.kind is not GestureKind.LOOK
        }
        lean, twist = self._lean([r for r in moved.values() if r.target_m is not None])
        self._trunk(lean, twist)
        self._gaze(reach)
        for hand in Hand:
            self._leg(hand)
        grips = {hand: self._arm(hand, moved.get(hand)) for hand in Hand}
        return Posture(
            rotations=self.yaw @ self.bones.rotations,
            heads_m=self.bones.heads_m @ self.yaw.T + self.origin,
            grips_m={hand: self.yaw @ grip + self.origin for hand, (grip, _) in grips.items()},
            palms={hand: self.yaw @ palm for hand, (_, palm) in grips.items()},
            reading=self.reading,
        )

    def _reading(self) -> float:
        """How far the phone is up before the eyes, 0 to 1, while there is nothing else to do."""
        is_free = not self.state.held[Hand.RIGHT] and self.state.reach is None
        if not self.manner.reads or not is_free:
            return 0.0
        return smooth(min(self.state.rest_s) / 0.9 - 0.4)

    # The trunk

    def _lean(self, reaches: list[Reach]) -> tuple[float, float]:
        """How far to bend and turn so that the hands get there; grows with their progress."""
        walking = 0.02 + 0.08 * min(1.0, self.state.speed_mps) + self.manner.bend_rad
        sway = -0.10 * self.stride_m
        if not reaches:
            return walking, sway
        progress = max(reach.progress for reach in reaches)
        lowest = min(reach.target_m[2] for reach in reaches if reach.target_m is not None)
        shoulder = float(self.body.bone("upperarm.l")[2])
        deepest = _DEEPEST * sum(self.bones.leg_lengths(Hand.LEFT))
        self.stoop_m = min(deepest, 1.4 * max(0.0, _LOW * shoulder - lowest))
        # Hands that both reach leave the trunk straight.
        twist = -sum(
            SIDE[reach.hand] * (0.1 if reach.kind is GestureKind.PHONE else 0.4)
            for reach in reaches
        )
        lean = self._lean_there(reaches, twist)
        self.stoop_m *= progress
        return walking + (lean - walking) * progress, sway + twist * progress

    def _lean_there(self, reaches: list[Reach], twist: float) -> float:
        """The least lean that brings the hands there; where none does, that which leaves least."""

        def stretch(lean: float) -> float:
            self._trunk(lean, twist)
            return max(self._stretch(reach) for reach in reaches)

        low, high = 0.0, _MAX_LEAN_RAD
        if stretch(high) > _STRETCH:
            # What is above the head goes farther away by leaning.
            high = float(min(np.linspace(low, high, 13), key=stretch))
        for _ in range(10):
            middle = (low + high) / 2
            if stretch(middle) > _STRETCH:
                low = middle
            else:
                high = middle
        return high

    def _stretch(self, reach: Reach) -> float:
        """How far the arm must straighten, 1 being a straight one."""
        assert reach.target_m is not None
        target = self._local(reach.target_m)
        upper, lower = self.bones.arm_lengths(reach.hand)
        is_phone = reach.kind is GestureKind.PHONE
        wrist = target + np.array([0.0, 0.035, -0.08] if is_phone else [0.0, 0.07, 0.0])
        far = float(np.linalg.norm(wrist - self.bones.posed(f"upperarm.{SUFFIX[reach.hand]}")))
        return far / (upper + lower)

    def _trunk(self, lean: float, twist: float) -> None:
        """Pelvis over the feet, then the spine bone by bone."""
        # Standing, the weight goes from one leg to the other, and the free one's hip comes down.
        loaded = self.still * math.tanh(2.0 * math.sin(0.9 * self.slow_rad))
        hips = turn(Y, 0.035 * loaded - 0.10 * self.stride_m * (1 - self.still))
        pelvis = turn(Z, 0.25 * twist - 0.06 * self.stride_m) @ turn(X, 0.35 * lean) @ hips
        self.bones.place("root", pelvis)
        back = 0.16 * math.sin(lean) * self.scale + 0.09 * self.stoop_m
        sway = 0.022 * self.scale * loaded
        high = self._pelvis_height(pelvis, np.array([sway, back])) - self.stoop_m
        self.bones.heads_m[0] = np.array([sway, back, high])
        bent = pelvis
        for name, share in (("waist", 0.25), ("belly", 0.25), ("chest", 0.15)):
            breath = 0.006 * self.breath if name == "chest" else 0.0
            upright = turn(Y, -0.012 * loaded)
            bent = turn(Z, 0.25 * twist) @ bent @ upright @ turn(X, share * lean - breath)
            self.bones.place(name, bent)
            self.bones.hang(name)
        for side in "lr":
            self.bones.place(f"shoulder.{side}", bent)
            self.bones.hang(f"shoulder.{side}")
            self.bones.hang(f"upperarm.{side}")

    def _pelvis_height(self, pelvis: Array, over: Array) -> float:
        """As high as both legs allow."""
        heights = [float(self.body.bones_m[0, 2]) - 0.006]
        for hand, foot in self.feet.items():
            thigh, shin = self.bones.leg_lengths(hand)
            ankle, _ = self._ankle(hand, foot)
            hip = pelvis @ (self.body.bone(f"thigh.{SUFFIX[hand]}") - self.body.bones_m[0])
            level = float(np.linalg.norm((hip[:2] + over) - ankle[:2]))
            reach = 0.99 * (thigh + shin)
            heights.append(
                float(ankle[2]) + math.sqrt(max(0.01, reach**2 - level**2)) - float(hip[2])
            )
        return min(heights)

    def _gaze(self, reach: Reach | None) -> None:
        self.bones.hang("neck")
        # With nothing to look at, the eyes wander.
        yaw = 0.28 * self.still * math.sin(0.8 * self.slow_rad) * math.sin(0.37 * self.slow_rad)
        pitch = 0.08 + 0.5 * self.manner.bend_rad
        looks: list[tuple[Array, float]] = []
        if self.reading > 0:
            looks.append((self._page(), self.reading))
        if reach is not None and reach.target_m is not None:
            looks.append((self._local(reach.target_m), min(1.0, 1.5 * reach.progress)))
        for point, share in looks:
            way = point - (self.bones.posed("neck") + np.array([0.0, 0.0, 0.15 * self.scale]))
            seen_yaw = float(np.clip(math.atan2(way[0], -way[1]), -0.9, 0.9))
            far = float(np.hypot(way[0], way[1]))
            seen_pitch = float(np.clip(math.atan2(-way[2], far), -0.4, 0.6))
            yaw += (seen_yaw - yaw) * share
            pitch += (seen_pitch - pitch) * share
        head = turn(Z, yaw) @ turn(X, pitch)
        self.bones.place("neck", between(self.bones.turned("chest"), head, 0.5))
        self.bones.hang("head")
        self.bones.place("head", head)

    def _page(self) -> Array:
        """Where a phone is held to be read."""
        chest = self.bones.posed("chest")
        return np.asarray(chest + self.scale * np.array([-0.05, -0.31, 0.11]))

    # The legs

    def _leg(self, hand: Hand) -> None:
        side = SUFFIX[hand]
        self.bones.hang(f"thigh.{side}")
        hip = self.bones.posed(f"thigh.{side}")
        ankle, foot = self._ankle(hand, self.feet[hand])
        pole = foot @ -Y + 0.12 * SIDE[hand] * X
        knee, ankle = two_bones(hip, ankle, self.bones.leg_lengths(hand), pole)
        for bone, low, start, end in (
            (f"thigh.{side}", f"shin.{side}", hip, knee),
            (f"shin.{side}", f"foot.{side}", knee, ankle),
        ):
            rest = self.body.bone(low) - self.body.bone(bone)
            self.bones.place(bone, aligning(rest, -Y, end - start, pole), start)
        self.bones.place(f"foot.{side}", foot, ankle)

    def _ankle(self, hand: Hand, foot: Foot) -> tuple[Array, Array]:
        """Where a foot's ankle is, and how the foot is turned: rolling from heel to toes."""
        spot = self._local((*foot.xy_m, 0.0))
        behind = float(spot[1])
        far = behind / self.scale
        roll = math.radians(48) * float(np.clip((far - 0.1) / 0.3, 0.0, 1.0))
        roll -= math.radians(16) * float(np.clip((-far - 0.14) / 0.2, 0.0, 1.0))
        yaw = turn(Z, foot.yaw_rad - self.state.yaw_rad)
        high = float(self.body.bone(f"foot.{SUFFIX[hand]}")[2])
        pivot = np.array([0.0, (-0.18 if roll > 0 else 0.05) * self.scale, -high])
        # The foot rolls about its toes, or about its heel, which stay on the floor.
        ankle = spot + np.array([0.0, 0.0, high + foot.lift_m])
        turned = yaw @ turn(X, roll)
        return ankle + yaw @ pivot - turned @ pivot, turned

    # The arms

    def _arm(self, hand: Hand, mine: Reach | None) -> tuple[Array, Array]:
        """Pose one arm; what it grips (point) and the hand's directions (columns)."""
        side, sign = SUFFIX[hand], SIDE[hand]
        shoulder = self.bones.posed(f"upperarm.{side}")
        home, palm = self._resting(hand, shoulder)
        goal = home
        if mine is not None:
            goal, wanted = self._reaching(mine, home)
            palm = between(palm, wanted, mine.progress)
        pole = np.array([0.45 * sign, 0.5, -0.75])
        if mine is not None and mine.kind is GestureKind.PHONE:
            pole = np.array([0.35 * sign, 0.1, -0.9])
        off = grip(self.body, hand)
        wrist = goal - palm @ off
        elbow, wrist = two_bones(shoulder, wrist, self.bones.arm_lengths(hand), pole)
        pose_arm(self.bones, hand, elbow, wrist, palm)
        bend_fingers(self.bones, hand, curl(self.state, self.manner, hand, self.reading))
        return wrist + palm @ off, palm

    def _resting(self, hand: Hand, shoulder: Array) -> tuple[Array, Array]:
        """Where the grip is while the hand has nothing to do: hanging, carrying, or reading."""
        sign = SIDE[hand]
        swing_rad = -0.75 * sign * self.stride_m / self.scale * self.manner.swing
        length = sum(self.bones.arm_lengths(hand))
        if self.state.held[hand]:
            ahead = unit(np.array([-0.6 * sign, -0.8, 0.25]))
            # Close to the body, so that carrying does not look like reaching.
            front = self.body.belly_m + 0.015
            way = np.array([-0.08 * sign, -max(0.30 * length, front), -0.52 * length])
            way[1] -= 0.04 * swing_rad * length
            palm = palm_of(ahead, -sign * X + 0.5 * Z)
        else:
            # Beside the hips, never through them.
            aside = self.body.hips_m + 0.055 - abs(float(shoulder[0]))
            aside = max(0.13, aside / length)
            if self.manner.carries and hand is Hand.LEFT:
                aside += 0.22
            is_laden = (self.manner.carries or self.manner.shoulders) and hand is Hand.LEFT
            swing_rad *= 0.35 if is_laden else 1.0
            bend = 0.08 + 0.05 * max(0.0, swing_rad)
            if self.manner.shoulders and hand is Hand.LEFT:
                # The hand is before the bag, not in it.
                bend += 0.34
            down = np.array([aside * sign, -math.sin(swing_rad) - bend, -math.cos(swing_rad)])
            way = unit(down) * 0.955 * length
            palm = palm_of(unit(way - 0.12 * Y), -sign * X + 0.25 * Y)
        at = shoulder + way + palm @ grip(self.body, hand)
        if self.stoop_m > 0 and not self.state.held[hand]:
            # Who squats rests the free hand on a knee.
            share = min(1.0, self.stoop_m / (0.25 * self.scale))
            side = SUFFIX[hand]
            knee = (
                self.bones.posed(f"shin.{side}") + np.array([0.01 * sign, -0.05, 0.07]) * self.scale
            )
            at = at + (knee - at) * share
            palm = between(palm, palm_of(unit(-Y - 0.4 * Z), -Z), share)
        if hand is Hand.RIGHT and self.reading > 0:
            reading = palm_of(unit(Z - 0.55 * Y + 0.25 * X), Y + 0.5 * Z)
            at = at + (self._page() - at) * self.reading
            palm = between(palm, reading, self.reading)
        return at, palm

    def _reaching(self, reach: Reach, home: Array) -> tuple[Array, Array]:
        """The grip's place on its way to the target, and the palm's directions once there."""
        sign, p = SIDE[reach.hand], reach.progress
        if reach.target_m is None:
            # The bag's mouth before the hip, got at around the belly.
            front = self.bones.posed("upperarm.l")[1] - self.body.belly_m - 0.09
            hip = self.bones.posed("root") + np.array([-0.05 * sign, 0.0, 0.10 * self.scale])
            hip[1] = min(hip[1] - 0.17 * self.scale, float(front))
            bend = (home + hip) / 2 + np.array([0.04 * sign, -0.16, 0.0])
            path = (1 - p) ** 2 * home + 2 * p * (1 - p) * bend + p * p * hip
            return path, palm_of(unit(np.array([-sign, -0.5, -0.5])), Y)
        target = self._local(reach.target_m)
        if reach.kind is GestureKind.PHONE:
            return home + (target - home) * p, palm_of(unit(Z - 0.15 * Y), -Y)
        via = self._local(reach.via_m or reach.target_m)
        bend = via + 0.5 * (via - target)
        path = (1 - p) ** 2 * home + 2 * p * (1 - p) * bend + p * p * target
        ahead = unit(np.array([target[0] - via[0], target[1] - via[1], -0.12]))
        return path, palm_of(ahead, -sign * X)

    def _local(self, point_m: Xyz) -> Array:
        return np.asarray(self.yaw.T @ (np.asarray(point_m) - self.origin))
