"""Points of made-up faces: on a head that turns, and on a picture of it that is held askew."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
COUNT = 468


def _shape() -> NDArray[np.float64]:
    """Half a head's curve with a nose on it: x to its left, y down, z out of the face."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, COUNT))
    z = 1.2 * np.sqrt(np.maximum(0.0, 1.4 - x**2 - 0.6 * y**2))
    z += 0.6 * np.exp(-((x**2 + y**2) / 0.06))
    return np.column_stack([x, y, z])


def _seen(
    x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64], far: float
) -> Points:
    return np.asarray(100 * np.column_stack([x, y]) * (far / (far - z))[:, None] + 300, np.float32)


def head(yaw_rad: float = 0.0, pitch_rad: float = 0.0, far: float = 8.0) -> Points:
    """A head as a camera sees it, turned to its left and nodding down."""
    cy, sy, cp, sp = np.cos(yaw_rad), np.sin(yaw_rad), np.cos(pitch_rad), np.sin(pitch_rad)
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    x, y, z = (_shape() @ (yaw @ pitch).T).T
    return _seen(x, y, z, far)


def picture(yaw_rad: float = 0.0, pitch_rad: float = 0.0, far: float = 4.0) -> Points:
    """A flat picture of that head looking straight, held askew before the camera."""
    flat = (head().astype(np.float64) - 300) / 100
    x, y = flat[:, 0] * np.cos(yaw_rad), flat[:, 1] * np.cos(pitch_rad)
    z = flat[:, 0] * np.sin(yaw_rad) + flat[:, 1] * np.sin(pitch_rad)
    return _seen(x, y, z, far)


def posed(aside: float, down: float, *, is_flat: bool = False) -> Points:
    """Points that go with a pose as `Pose` tells it, 0.55 being straight down the face."""
    turn = picture if is_flat else head
    return turn(1.3 * aside, 2.4 * (down - 0.55))
