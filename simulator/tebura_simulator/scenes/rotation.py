"""Small pieces of 3-D geometry for posing: frames from two directions, axis turns, blends."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

X, Y, Z = np.eye(3)


def cross(a: Array, b: Array) -> Array:
    """The cross product of two vectors, (3,), without numpy's general machinery."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def unit(vector: Array) -> Array:
    return np.asarray(vector / max(1e-9, math.sqrt(float(vector @ vector))))


def turn(axis: Array, angle_rad: float) -> Array:
    """The rotation by an angle about a unit axis."""
    matrix, _ = cv2.Rodrigues(np.asarray(axis, dtype=np.float64) * angle_rad)
    return np.asarray(matrix, dtype=np.float64)


def aligning(first: Array, second: Array, to_first: Array, to_second: Array) -> Array:
    """The rotation that takes one pair of directions to another.

    The first goes exactly; the second as near as the angle between them allows.
    """
    return np.asarray(_basis(to_first, to_second) @ _basis(first, second).T)


def swing(direction: Array, to: Array) -> Array:
    """The smallest rotation that takes one direction to another."""
    a, b = unit(direction), unit(to)
    axis = cross(a, b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return turn(axis / sine, math.atan2(sine, float(a @ b)))


def between(first: Array, second: Array, share: float) -> Array:
    """The rotation a share of the way from one to another, the short way round."""
    step, _ = cv2.Rodrigues(first.T @ second)
    part, _ = cv2.Rodrigues(step * share)
    return np.asarray(first @ part)


def quaternion(rotation: Array) -> Array:
    """A rotation as (w, x, y, z)."""
    vector, _ = cv2.Rodrigues(rotation)
    angle = float(np.linalg.norm(vector))
    if angle < 1e-9:
        return np.array([1.0, 0.0, 0.0, 0.0])
    return np.concatenate([[math.cos(angle / 2)], vector.ravel() / angle * math.sin(angle / 2)])


def two_bones(
    root: Array, target: Array, lengths: tuple[float, float], pole: Array
) -> tuple[Array, Array]:
    """The joint and the end of a limb of two bones that reaches for a target, bending to the pole.

    Out of reach, or too near, the end stays on the line to the target.
    """
    upper, lower = lengths
    way = target - root
    far = float(np.linalg.norm(way))
    ahead = way / max(1e-9, far)
    reach = float(np.clip(far, abs(upper - lower) + 0.02, 0.992 * (upper + lower)))
    along = (upper * upper - lower * lower + reach * reach) / (2 * reach)
    aside = math.sqrt(max(0.0, upper * upper - along * along))
    bend = unit(pole - (pole @ ahead) * ahead)
    return root + along * ahead + aside * bend, root + reach * ahead


def _basis(first: Array, second: Array) -> Array:
    a = unit(first)
    b = unit(second - (second @ a) * a)
    return np.stack([a, b, cross(a, b)], axis=1)
