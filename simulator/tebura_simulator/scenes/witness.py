"""What is exactly so of a person in a picture, from its bones and from what the picture is made of.

Where a thing is comes from the story and the body; whether it is seen, from depth and segments.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from tebura_contract.ids import Sku

from tebura_simulator.scenes.body import BONES, PARENTS, Body, keypoints_of, skinned
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.masks import Mask, encode_mask, extent, seen_share
from tebura_simulator.scenes.posture import Posture
from tebura_simulator.scenes.sight import Sight
from tebura_simulator.scenes.truth import Box, HandTruth, PersonTruth, Thing
from tebura_simulator.story.script import Hand
from tebura_simulator.story.timeline import ShopperState

Array = NDArray[np.float64]

_BODY_DEPTH_M = 0.14
"""A joint lies this deep under the skin at most; what is nearer than that hides it."""
_HAND_DEPTH_M = 0.09
"""As thick as a hand with closed fingers: nothing nearer than that is the hand itself."""
_NEAR_PX = 2
"""A joint this near to its own body's outline still lies on it."""


class Witness:
    """Tells what is so of one person in one picture.

    Args:
        state: Where the person is and what it does.
        body: Its body.
        posture: That body's bones at the moment.
        lens: The camera.
        sight: What the picture is made of.
        things: What of its own it has in its hands.
    """

    def __init__(
        self,
        state: ShopperState,
        body: Body,
        posture: Posture,
        lens: Lens,
        sight: Sight,
        things: Mapping[Hand, Thing],
    ) -> None:
        self._state, self._body, self._posture = state, body, posture
        self._things = things
        self._lens, self._sight = lens, sight
        self._mesh_m = skinned(body, posture.rotations, posture.heads_m)
        self._mesh_px, self._far_m = lens.project(self._mesh_m)
        self._mask: Mask = sight.body(state.script.id)
        self._own: Mask = sight.own(state.script.id, [i for hand in Hand for i in state.held[hand]])

    def person(self, sku_of: Mapping[str, Sku], *, has_mask: bool = True) -> PersonTruth | None:
        """The person's truth; None when no part of it is inside the picture.

        `sku_of` says what each package is.
        """
        in_front = np.isfinite(self._mesh_px[:, 0])
        if not self._lens.sees(self._mesh_px[in_front]).any():
            return None
        x, y = self._state.xy_m
        visible = extent(self._mask)
        return PersonTruth(
            shopper=self._state.script.id,
            box_px=_cut(_joined(_around(self._mesh_px[in_front]), visible), self._lens.size_px),
            keypoints_px=tuple(self._keypoints()),
            foot_m=(round(x, 4), round(y, 4)),
            visible_px=visible,
            seen_share=round(seen_share(self._mesh_px, self._own), 3),
            hands=tuple(self._hands(sku_of)),
            mask=encode_mask(self._mask) if has_mask and visible is not None else "",
        )

    def _keypoints(self) -> Iterator[tuple[float, float, int]]:
        posture = self._posture
        points_m = keypoints_of(self._body, posture.rotations, posture.heads_m)
        pixels, far_m = self._lens.project(points_m)
        inside = self._lens.sees(pixels)
        for point, far, is_inside in zip(pixels, far_m, inside, strict=True):
            if not is_inside:
                yield 0.0, 0.0, 0
                continue
            column, row = int(point[0]), int(point[1])
            is_seen = self._sight.depth_m[row, column] >= far - _BODY_DEPTH_M
            yield _px(point[0]), _px(point[1]), 2 if is_seen and self._is_mine(row, column) else 1

    def _is_mine(self, row: int, column: int) -> bool:
        top, left = max(0, row - _NEAR_PX), max(0, column - _NEAR_PX)
        return bool(self._mask[top : row + _NEAR_PX + 1, left : column + _NEAR_PX + 1].any())

    def _hands(self, sku_of: Mapping[str, Sku]) -> Iterator[HandTruth]:
        state = self._state
        for hand in Hand:
            rows = _hand_rows(self._body, hand)
            points, far_m = self._mesh_px[rows], self._far_m[rows]
            inside = np.isfinite(points[:, 0]) & self._lens.sees(points)
            if not inside.any():
                continue
            items = state.held[hand]
            held = self._sight.things(items) if items else None
            x, y = points[inside].astype(int).T
            is_seen = self._sight.depth_m[y, x] >= far_m[inside] - _HAND_DEPTH_M
            if held is not None:
                is_seen |= held[y, x]
            around = _around(points[np.isfinite(points[:, 0])])
            yield HandTruth(
                hand=hand,
                box_px=_cut(
                    _joined(around, None if held is None else extent(held)), self._lens.size_px
                ),
                seen_share=round(float(is_seen.sum()) / len(rows), 3),
                skus=tuple(sku_of[item] for item in items),
                thing=self._things.get(hand),
            )


def _hand_rows(body: Body, hand: Hand) -> NDArray[np.intp]:
    """The vertices of a body that hang on a hand or its fingers more than on any other bone."""
    root = BONES.index(f"hand.{hand.value[0]}")
    of_hand = [bone for bone in range(len(BONES)) if _hangs_on(bone, root)]
    return np.flatnonzero(np.isin(body.weights.argmax(axis=1), of_hand))


def _hangs_on(bone: int | None, root: int) -> bool:
    return bone is not None and (bone == root or _hangs_on(PARENTS[bone], root))


def _around(points_px: Array) -> Box:
    (left, top), (right, bottom) = points_px.min(axis=0), points_px.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _joined(box: Box, other: Box | None) -> Box:
    if other is None:
        return box
    left, top, right, bottom = zip(box, other, strict=True)
    return min(left), min(top), max(right), max(bottom)


def _cut(box: Box, size_px: tuple[int, int]) -> Box:
    wide, high = size_px
    left, top, right, bottom = box
    return _px(max(0.0, left)), _px(max(0.0, top)), _px(min(wide, right)), _px(min(high, bottom))


def _px(value: float) -> float:
    return round(float(value), 1)
