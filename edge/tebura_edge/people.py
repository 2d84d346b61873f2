"""Finds people in one camera's frames: with the network where it must, else with what it knows."""

import os
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from tebura_contract.clock import ns_from_s
from tebura_models.heads import People, find_in_all
from tebura_models.loader import BEST_FIRST, Network, Provider, load_network

from tebura_edge.background import Background
from tebura_edge.closer import MOST_PEOPLE, can_look_closer, look_closer, who_to_look_at
from tebura_edge.clothes import with_clothes
from tebura_edge.detections import Detections
from tebura_edge.follow import Follower
from tebura_edge.frames import Frame
from tebura_edge.geometry import Floats
from tebura_edge.motion import MotionGate

SPARE_CORES_FROM = 3
"""From so many cores on the network leaves one to decoding and the rest of the node."""


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[people]`` table of a node's configuration.

    `size_px` (width, height) bounds the network's input: twice the pixels, twice the time. Without
    `threads` the board's cores are used, less one from three on. `look_hz` bounds how often the
    network sees one camera; between looks people are followed. `skip_still` leaves the network out
    while nothing moves. Below `sure_score` a detection must show something that is not always
    there. With `closer` whoever is near a shelf is looked at once more from nearer, in spare time,
    with the network `arms_model`.
    """

    model: str = "movenet-shop"
    size_px: tuple[int, int] = (384, 256)
    threads: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    providers: tuple[Provider, ...] = BEST_FIRST
    look_hz: Annotated[float, msgspec.Meta(ge=1, le=60)] = 10.0
    skip_still: bool = True
    sure_score: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.3
    closer: bool = True
    arms_model: str = "movenet-arms"


def open_people(settings: PeopleSettings) -> Network:
    """Open the network that finds people.

    Raises:
        ModelError: If its file is not the pinned one or no provider takes it.
    """
    return _open(settings.model, settings)


def open_arms(settings: PeopleSettings, people: Network) -> Network:
    """Open the network that looks at arms from nearer; `people` where that is the one, or none is.

    Raises:
        ModelError: If its file is not the pinned one or no provider takes it.
    """
    is_one = settings.arms_model == settings.model
    if is_one or not settings.closer or not can_look_closer(people):
        return people
    return _open(settings.arms_model, settings)


def _open(name: str, settings: PeopleSettings) -> Network:
    cores = os.cpu_count() or 1
    threads = settings.threads or (cores - 1 if cores >= SPARE_CORES_FROM else cores)
    return load_network(name, threads=threads, providers=settings.providers)


def detect_people(network: Network, frame: Frame, size_px: tuple[int, int]) -> Detections:
    """People of one frame, in its pixels, weak ones (0.05 and up) included."""
    return detect_in_all(network, [frame], size_px)[0]


def detect_in_all(
    network: Network, frames: Sequence[Frame], size_px: tuple[int, int]
) -> list[Detections]:
    """People of frames of one size, looked at together."""
    found = find_in_all(network, [frame.image_bgr for frame in frames], size_px)
    return [_detections(frame, people) for frame, people in zip(frames, found, strict=True)]


def _detections(frame: Frame, people: People) -> Detections:
    return Detections(
        camera=frame.camera,
        captured_ns=frame.captured_ns,
        boxes_xyxy_px=people.boxes_xyxy_px,
        scores=people.scores,
        keypoints_px=people.keypoints_px,
        picture_px=(frame.image_bgr.shape[1], frame.image_bgr.shape[0]),
    )


class PeopleLook:
    """Finds people in one camera's frames; while nothing moves they are where they were.

    Called with a frame it looks at once if it must. Who has several cameras asks `must_look` first
    and hands what the network saw to `looked`, or has the frame `followed`.
    """

    def __init__(
        self,
        network: Network,
        settings: PeopleSettings,
        fronts: Floats | None = None,
        *,
        arms: Network | None = None,
    ) -> None:
        """Begin with nobody.

        Args:
            network: What finds people.
            settings: How often it looks, and at what.
            fronts: Where shelves are, as `closer.front_boxes` has them.
            arms: What looks at arms from nearer; without it `network` does.
        """
        self.network, self._arms = network, arms or network
        looks_closer = fronts is not None and settings.closer and can_look_closer(self._arms)
        self._fronts = fronts if fronts is not None and looks_closer else np.zeros((0, 4))
        self.size_px = settings.size_px
        self._sure_score = settings.sure_score
        self._skips_still = settings.skip_still
        self._gate = MotionGate()
        self._period_ns = ns_from_s(1 / settings.look_hz)
        self._background = Background()
        self._follower = Follower()
        self._is_moving = False
        self._is_empty = False
        self.looked_ns: int | None = None
        self.looked_count = 0

    def __call__(self, frame: Frame) -> list[Detections]:
        if not self.must_look(frame):
            return [self.followed(frame)]
        return [self.looked(frame, detect_people(self.network, frame, self.size_px))]

    def must_look(self, frame: Frame) -> bool:
        """Whether the network should see this frame: something moved and it is time again."""
        moves = self._gate.must_look(frame.glance, frame.captured_ns) or not self._skips_still
        self._is_moving = moves
        return moves and self._is_time(frame.captured_ns)

    def looked(self, frame: Frame, found: Detections, *, has_time: bool = True) -> Detections:
        """Take what the network found in this frame; what is sure of it comes back.

        Who is near a shelf is looked at from nearer if there is time.
        """
        self.looked_ns = frame.captured_ns
        self.looked_count += 1
        sure = self._background.keep_sure(frame, found, self._sure_score)
        if has_time and len(self._fronts):
            sure = self._closer(frame, sure)
        sure = with_clothes(sure, frame.image_bgr)
        self._is_empty = not len(sure)
        self._gate.looked(frame.glance, frame.captured_ns, is_empty=self._is_empty)
        self._follower.saw(frame.glance, sure)
        return sure

    def _closer(self, frame: Frame, found: Detections) -> Detections:
        picture_px = (frame.image_bgr.shape[1], frame.image_bgr.shape[0])
        rows = who_to_look_at(found, self._fronts, picture_px, self.size_px)
        first = self.looked_count * MOST_PEOPLE % len(rows) if len(rows) > MOST_PEOPLE else 0
        turn = [*rows[first:], *rows[:first]][:MOST_PEOPLE]
        return look_closer(self._arms, frame, found, turn, self.size_px) if turn else found

    @property
    def is_idle(self) -> bool:
        """Nobody was there when the network last looked, and in the last frame nothing moved."""
        return self._is_empty and not self._is_moving

    def followed(self, frame: Frame) -> Detections:
        """People of a frame that the network does not see."""
        return self._follower.follow(frame) if self._is_moving else self._follower.stay(frame)

    def _is_time(self, captured_ns: int) -> bool:
        """A quarter period early is in time: cameras are not that regular."""
        if self.looked_ns is None:
            return True
        return not 0 <= captured_ns - self.looked_ns < self._period_ns * 3 // 4
