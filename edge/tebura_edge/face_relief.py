"""How far the points of a face part from a plane between two sights of it. Pure, without OpenCV.

The network of `tebura_models.faces.mesh` finds its 468 points anew in each picture, so nothing has
to be followed and nothing is lost in a quick turn. Points of a flat picture, however it is held,
move by one homography; those of a head that turns do not.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]

AT: Final = 0.9
"""The quantile that speaks: nose and cheeks part most, and a tenth of the points may be off."""


def parted(before: Points, after: Points) -> float:
    """What the best homography leaves of the ways of points (N, 2), where most is left.

    In lengths of the face as it is now: the root of its points' mean square about their middle, so
    that it does not matter how near somebody stands.
    """
    a, b = _normal(before), _normal(after)
    x, y = a.T
    u, v = b.T
    one, none = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate(
        [
            np.stack([x, y, one, none, none, none, -u * x, -u * y], axis=1),
            np.stack([none, none, none, x, y, one, -v * x, -v * y], axis=1),
        ]
    )
    found, *_ = np.linalg.lstsq(rows, np.concatenate([u, v]), rcond=None)
    plane = np.append(found, 1.0).reshape(3, 3)
    there = np.column_stack([a, one]) @ plane.T
    # A plane seen from its edge: what lies beyond it is as far off as can be.
    depth = np.where(np.abs(there[:, 2:]) < 1e-6, 1e-6, there[:, 2:])
    missed = np.linalg.norm(there[:, :2] / depth - b, axis=1)
    return float(np.quantile(missed, AT))


def _normal(points: Points) -> NDArray[np.float64]:
    centred = points.astype(np.float64) - points.mean(axis=0)
    scale = float(np.sqrt((centred**2).sum(axis=1).mean()))
    return np.asarray(centred / max(scale, 1e-9))
