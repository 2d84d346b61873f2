"""Masks of one instance: as text (COCO's run lengths), their extent, and silhouettes of meshes."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = tuple[float, float, float, float]

SILHOUETTE_PX = 128
"""The longer side of the raster in which a silhouette is measured: a body is 40 by 128 of these."""
_MOST_PICTURES = 3.0
"""Points further off than so many pictures are left out: the lens's model means nothing there."""


def extent(mask: Mask) -> Box | None:
    """The box around a mask as x_min, y_min, x_max, y_max, the last ones one past it."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def encode_mask(mask: Mask) -> str:
    """A mask (H, W) as COCO's compressed run lengths, column by column, the first of zeros.

    >>> encode_mask(np.array([[False, True], [False, True]]))
    '22'
    """
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    bounds = np.concatenate([[0], changes, [flat.size]])
    runs: list[int] = np.diff(bounds).tolist()
    if flat.size and flat[0]:
        runs.insert(0, 0)
    return "".join(
        _varint(run - runs[index - 2] if index > 2 else run) for index, run in enumerate(runs)
    )


def decode_mask(text: str, size_px: tuple[int, int]) -> Mask:
    """The mask (H, W) of `encode_mask`; `size_px` is width, height.

    Raises:
        ValueError: If the runs do not fill the picture.
    """
    wide, high = size_px
    runs: list[int] = []
    for value in _varints(text):
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    if sum(runs) != wide * high:
        raise ValueError(f"a mask of {sum(runs)} pixels, not {wide} x {high}")
    bits = np.arange(len(runs)) % 2 == 1
    return np.repeat(bits, runs).reshape((high, wide), order="F")


def _varint(value: int) -> str:
    """Five bits a character from 48 on, the sixth says that more follow; signed."""
    text = ""
    while True:
        bits, value = value & 0x1F, value >> 5
        more = value != (-1 if bits & 0x10 else 0)
        text += chr((bits | (0x20 if more else 0)) + 48)
        if not more:
            return text


def _varints(text: str) -> list[int]:
    values, value, shift = [], 0, 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            values.append(value - (1 << shift) if bits & 0x10 else value)
            value, shift = 0, 0
    return values


def seen_share(points_px: NDArray[np.float64], mask: Mask) -> float:
    """How much of a dense mesh's silhouette, also beyond the picture's edge, a mask covers.

    `points_px` (N, 2) are the mesh's vertices in the picture, NaN behind the lens.
    """
    high, wide = mask.shape
    far = _MOST_PICTURES * max(wide, high)
    points = points_px[np.isfinite(points_px).all(axis=1) & (np.abs(points_px) < far).all(axis=1)]
    if not len(points):
        return 0.0
    low = points.min(axis=0)
    scale = (SILHOUETTE_PX - 1) / max(1.0, float((points.max(axis=0) - low).max()))
    cells = np.floor((points - low) * min(1.0, scale)).astype(int)
    raster = np.zeros(cells.max(axis=0)[::-1] + 1, np.uint8)
    raster[cells[:, 1], cells[:, 0]] = 1
    # Between vertices there are gaps of a cell.
    raster = np.asarray(cv2.morphologyEx(raster, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)))
    rows, columns = np.nonzero(raster)
    x, y = (np.stack([columns, rows]) + 0.5) / min(1.0, scale) + low[:, None]
    inside = (x >= 0) & (x < wide) & (y >= 0) & (y < high)
    hit = mask[y[inside].astype(int), x[inside].astype(int)]
    return float(hit.sum()) / len(rows)
