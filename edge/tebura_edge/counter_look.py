"""Looks for a face, and for a thumb beside it, in a counter camera's frames."""

from typing import Final

import numpy as np
from tebura_models.gestures.hands import HandFinder, HandSight
from tebura_models.gestures.sign import Sign, palm_px, sign_of

from tebura_edge.face_look import Attention, FaceLook, working
from tebura_edge.face_seen import FaceSeen
from tebura_edge.frames import Frame
from tebura_edge.role import HandSeen

LEAST_PALM, MOST_PALM = 0.7, 4.0
"""A palm beside the distance of the eyes: 1.5 as far away as the face, more when held out."""
REACH: Final = 7.0
"""How far from the face one's own hand is held up at most, in distances of the eyes."""


class CounterLook:
    """One counter camera's eye; call it with each frame.

    Hands are looked for only while a thumb is waited for, and count only beside the face.
    """

    def __init__(self, faces: FaceLook, hands: HandFinder, attention: Attention) -> None:
        self._faces, self._hands, self._attention = faces, hands, attention

    def __call__(self, frame: Frame) -> list[FaceSeen | HandSeen]:
        found: list[FaceSeen | HandSeen] = [*self._faces(frame)]
        if not found or not self._attention.is_thumb_wanted(frame.captured_ns):
            return found
        hands = self._hands.hands(working(frame.image_bgr))
        is_up = any(sign_of(hand) is Sign.THUMB_UP and self._is_theirs(hand) for hand in hands)
        return [*found, HandSeen(frame.camera, is_up, frame.captured_ns)]

    def _is_theirs(self, hand: HandSight) -> bool:
        middle, eyes_px = self._faces.middle_px, self._faces.eyes_px
        if middle is None:
            return False
        way = float(np.linalg.norm(hand.points_px.mean(axis=0) - np.array(middle)))
        return LEAST_PALM <= palm_px(hand) / eyes_px <= MOST_PALM and way <= REACH * eyes_px
