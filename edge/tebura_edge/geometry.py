"""Where things are: poses, pinhole cameras with distortion, and the fronts of shelves.

NumPy alone, all in store metres with z up (see `tebura_contract.geometry`). A map is named
``a_from_b``; a camera looks along its own z. Points are arrays whose last axis holds coordinates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tebura_contract.calibration import ShelfFront
from tebura_contract.geometry import Intrinsics, Pose, Xy
from tebura_contract.ids import ShelfId
from tebura_contract.layout import Layout

Floats = NDArray[np.float64]

UNDISTORT_ROUNDS = 40
"""Fixed-point rounds. The store lenses of the AutoCheckout data (k1 about -0.5) need about 15."""
_GRAZES_M = 0.05
"""A view that goes through so little of a gondola is let pass: cameras are measured no better."""
UNDISTORT_RESIDUAL = 1e-4
"""In normalised units, about 0.05 px: a point that does not come back that well is outside what
the distortion polynomial can invert and becomes NaN instead of a wrong ray."""


@dataclass(frozen=True, eq=False, slots=True)
class Rigid:
    """A rotation (3, 3) and a translation (3,) in metres: a map between coordinate systems."""

    rotation: Floats
    translation_m: Floats

    @classmethod
    def from_pose(cls, pose: Pose) -> Self:
        return cls(rotation_matrix(pose.rotation_rad), np.asarray(pose.translation_m, float))

    def apply(self, points_m: ArrayLike) -> Floats:
        """Map points (..., 3)."""
        moved: Floats = np.asarray(points_m, float) @ self.rotation.T + self.translation_m
        return moved

    def inverse(self) -> Self:
        back = self.rotation.T
        return type(self)(back, -back @ self.translation_m)

    def __matmul__(self, other: Self) -> Self:
        """``a_from_b @ b_from_c`` is ``a_from_c``."""
        return type(self)(self.rotation @ other.rotation, self.apply(other.translation_m))

    def pose(self) -> Pose:
        """As written in layout and calibration files."""
        shift, turn = self.translation_m, rotation_vector(self.rotation)
        return Pose(
            translation_m=(float(shift[0]), float(shift[1]), float(shift[2])),
            rotation_rad=(float(turn[0]), float(turn[1]), float(turn[2])),
        )


def rotation_matrix(rotation_rad: ArrayLike) -> Floats:
    """Rodrigues' formula: axis times angle to a matrix (3, 3)."""
    vector = np.asarray(rotation_rad, float)
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return turned


def rotation_vector(rotation: Floats) -> Floats:
    """The inverse of `rotation_matrix`, with an angle of at most pi."""
    angle = float(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))
    if angle < 1e-9:
        return np.zeros(3)
    if np.pi - angle < 1e-6:
        # The skew part vanishes at half a turn: the axis is the eigenvector that stays.
        symmetric = (rotation + np.eye(3)) / 2
        column = symmetric[:, int(np.argmax(np.diag(symmetric)))]
        return np.asarray(column / np.linalg.norm(column) * angle)
    skew = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    return np.asarray(skew * (angle / (2 * np.sin(angle))))


@dataclass(frozen=True, eq=False, slots=True)
class CameraView:
    """One camera in the store: maps between its pixels and store metres."""

    intrinsics: Intrinsics
    store_from_camera: Rigid

    def scaled(self, size_px: tuple[int, int]) -> Self:
        """The same camera read out at another size (width, height)."""
        kx = size_px[0] / self.intrinsics.size_px[0]
        ky = size_px[1] / self.intrinsics.size_px[1]
        fx, fy = self.intrinsics.focal_px
        cx, cy = self.intrinsics.center_px
        intrinsics = Intrinsics(
            size_px=size_px,
            focal_px=(fx * kx, fy * ky),
            center_px=(cx * kx, cy * ky),
            distortion=self.intrinsics.distortion,
        )
        return type(self)(intrinsics, self.store_from_camera)

    @property
    def position_m(self) -> Floats:
        return self.store_from_camera.translation_m

    def image_from_store(self, points_m: ArrayLike) -> Floats:
        """Pixels (..., 2) of store points (..., 3); NaN behind the camera."""
        points = self.store_from_camera.inverse().apply(points_m)
        depth = points[..., 2:3]
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = np.where(depth > 1e-6, points[..., :2] / depth, np.nan)
        pixels: Floats = distort(flat, self.intrinsics.distortion) * np.asarray(
            self.intrinsics.focal_px
        ) + np.asarray(self.intrinsics.center_px)
        return pixels

    def rays_from_image(self, points_px: ArrayLike) -> Floats:
        """Unit directions (..., 3) in the store of pixels (..., 2), from `position_m` outward.

        NaN where the lens model cannot be inverted.
        """
        points = np.asarray(points_px, float)
        flat = (points - np.asarray(self.intrinsics.center_px)) / np.asarray(
            self.intrinsics.focal_px
        )
        flat = undistort(flat, self.intrinsics.distortion)
        along = np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)
        along /= np.linalg.norm(along, axis=-1, keepdims=True)
        rays: Floats = along @ self.store_from_camera.rotation.T
        return rays

    def floor_from_image(self, points_px: ArrayLike, height_m: float = 0.0) -> Floats:
        """Where the view through pixels (..., 2) meets the plane z = `height_m`: (..., 2) metres.

        NaN where it never does (at or above the horizon).
        """
        rays = self.rays_from_image(points_px)
        fall = rays[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (height_m - self.position_m[2]) / fall
            distance = np.where(distance > 0, distance, np.nan)
        met: Floats = self.position_m[:2] + rays[..., :2] * distance[..., None]
        return met


def distort(flat: Floats, coefficients: tuple[float, ...]) -> Floats:
    """OpenCV's lens model on normalised image points (..., 2)."""
    if not any(coefficients):
        return flat
    k1, k2, p1, p2, k3 = (*coefficients, 0.0, 0.0, 0.0, 0.0, 0.0)[:5]
    x, y = flat[..., 0], flat[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=-1,
    )


def undistort(flat: Floats, coefficients: tuple[float, ...]) -> Floats:
    """The inverse of `distort` by fixed-point iteration; NaN where it does not converge."""
    if not any(coefficients):
        return flat
    guess = flat.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(UNDISTORT_ROUNDS):
            guess = guess + (flat - distort(guess, coefficients))
        error = np.abs(distort(guess, coefficients) - flat).max(axis=-1, keepdims=True)
        return np.where(error < UNDISTORT_RESIDUAL, guess, np.nan)


def camera_view(intrinsics: Intrinsics, store_from_camera: Pose) -> CameraView:
    return CameraView(intrinsics, Rigid.from_pose(store_from_camera))


@dataclass(frozen=True, eq=False, slots=True)
class Front:
    """The opening of a shelf a hand goes through, with its own coordinates.

    In `store_from_front` x runs along the front edge from the left, y into the shelf, z up; the
    opening is 0 <= x <= `width_m`, 0 <= z <= `height_m` at y = 0, the board `depth_m` deep.
    """

    shelf: ShelfId
    store_from_front: Rigid
    width_m: float
    height_m: float
    depth_m: float

    def corners_m(self, y_m: float = 0.0) -> Floats:
        """Corners (4, 3) in the store at a depth, clockwise from top left for a shopper."""
        w, h = self.width_m, self.height_m
        return self.store_from_front.apply([[0, y_m, h], [w, y_m, h], [w, y_m, 0], [0, y_m, 0]])


def shelf_fronts(
    layout: Layout, measured: Mapping[ShelfId, ShelfFront] | None = None
) -> dict[ShelfId, Front]:
    """The fronts of all shelves: as measured where they were, else as the layout says."""
    fronts = {}
    for name, (gondola, shelf) in layout.shelves().items():
        store_from_shelf = Rigid.from_pose(gondola.store_from_gondola) @ Rigid.from_pose(
            shelf.gondola_from_shelf
        )
        width_m, depth_m, height_m = shelf.size_m
        fronts[name] = Front(name, store_from_shelf, width_m, height_m, depth_m)
        if measured and name in measured:
            fronts[name] = front_from_corners(name, measured[name], depth_m)
    return fronts


def front_from_corners(shelf: ShelfId, front: ShelfFront, depth_m: float) -> Front:
    """A front from four measured corners (clockwise from top left, as a shopper sees them)."""
    top_left, top_right, bottom_right, bottom_left = np.asarray(front.corners_m, float)
    along = (top_right - top_left + bottom_right - bottom_left) / 2
    up = (top_left - bottom_left + top_right - bottom_right) / 2
    x = along / np.linalg.norm(along)
    y = np.cross(up, x)
    y /= np.linalg.norm(y)
    rotation = np.stack([x, y, np.cross(x, y)], axis=1)
    return Front(
        shelf,
        Rigid(rotation, bottom_left),
        float(np.linalg.norm(along)),
        float(np.linalg.norm(up)),
        depth_m,
    )


@dataclass(frozen=True, eq=False, slots=True)
class Blocks:
    """Boxes that nobody sees through.

    Rotations (n, 3, 3) and translations (n, 3) go from the store to each box, which reaches from
    its own origin to its `sides_m` (n, 3).
    """

    rotations: Floats
    translations_m: Floats
    sides_m: Floats

    def hide(self, eye_m: Floats, points_m: ArrayLike) -> NDArray[np.bool_]:
        """Which points (k, 3) cannot be seen from a place (3,)."""
        points = np.asarray(points_m, float)
        if not len(self.sides_m):
            return np.zeros(len(points), np.bool_)
        eyes = self.rotations @ eye_m + self.translations_m
        ends = points @ self.rotations.transpose(0, 2, 1) + self.translations_m[:, None]
        ways = ends - eyes[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            low = -eyes[:, None] / ways
            high = (self.sides_m - eyes)[:, None] / ways
        into = np.fmin(low, high).max(axis=2).clip(0.0, 1.0)
        out = np.fmax(low, high).min(axis=2).clip(0.0, 1.0)
        through_m = (out - into) * np.linalg.norm(ways, axis=2)
        hidden: NDArray[np.bool_] = (through_m > _GRAZES_M).any(axis=0)
        return hidden


def gondola_blocks(layout: Layout) -> Blocks:
    """The gondolas, each up to its highest board: what is above may be a rail or a sign."""
    sides, maps = [], []
    for gondola in layout.gondola:
        boards_m = [shelf.gondola_from_shelf.translation_m[2] for shelf in gondola.shelf]
        width_m, depth_m, height_m = gondola.size_m
        sides.append((width_m, depth_m, max(boards_m, default=height_m)))
        maps.append(Rigid.from_pose(gondola.store_from_gondola).inverse())
    return Blocks(
        np.array([one.rotation for one in maps]).reshape(-1, 3, 3),
        np.array([one.translation_m for one in maps]).reshape(-1, 3),
        np.array(sides, float).reshape(-1, 3),
    )


def is_inside(outline_m: tuple[Xy, ...], point_m: ArrayLike, margin_m: float = 0.0) -> bool:
    """Whether a floor point lies in a polygon, or within `margin_m` of its edge.

    >>> is_inside(((0, 0), (2, 0), (2, 2), (0, 2)), (1, 1))
    True
    >>> is_inside(((0, 0), (2, 0), (2, 2), (0, 2)), (2.2, 1), margin_m=0.3)
    True
    """
    if len(outline_m) < 3:
        return False
    x, y = np.asarray(point_m, float)
    corners = np.asarray(outline_m, float)
    following = np.roll(corners, -1, axis=0)
    crosses = (corners[:, 1] > y) != (following[:, 1] > y)
    rise = np.where(crosses, following[:, 1] - corners[:, 1], 1.0)
    at_x = corners[:, 0] + (y - corners[:, 1]) / rise * (following[:, 0] - corners[:, 0])
    if np.count_nonzero(crosses & (x < at_x)) % 2 == 1:
        return True
    return margin_m > 0 and _edge_distance_m(corners, following, np.array([x, y])) <= margin_m


def _edge_distance_m(starts: Floats, ends: Floats, point: Floats) -> float:
    along = ends - starts
    length2 = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip(((point - starts) * along).sum(axis=1) / length2, 0, 1)
    nearest = starts + share[:, None] * along
    return float(np.linalg.norm(nearest - point, axis=1).min())
