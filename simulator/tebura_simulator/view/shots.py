"""The pictures of a recording's cameras, in order of time, with what was found drawn into them."""

from collections.abc import Iterator
from dataclasses import dataclass

from tebura_contract.ids import CameraId, ShelfId
from tebura_contract.layout import Layout
from tebura_contract.recording import CompressedImage, CompressedVideo

from tebura_simulator.reels import Reel
from tebura_simulator.replay_cameras import Pictures
from tebura_simulator.view.findings import Findings
from tebura_simulator.view.overlay import Overlay, Picture
from tebura_simulator.view.scene import Hand

VIDEO = "/video/"


@dataclass(frozen=True, eq=False)
class Shot:
    """One frame of one camera, drawn over."""

    at_ns: int
    camera: CameraId
    picture: Picture


def filmed(reel: Reel) -> tuple[CameraId, ...]:
    """The cameras of a recording that have pictures."""
    return tuple(
        CameraId(topic.removeprefix(VIDEO)) for topic in reel.topics() if topic.startswith(VIDEO)
    )


def shots(
    reel: Reel, layout: Layout, findings: Findings, hands: tuple[Hand, ...], start_ns: int
) -> Iterator[Shot]:
    """Every frame of every camera; the same whenever it is asked for."""
    cameras = filmed(reel)
    overlays = {camera: Overlay(layout, camera) for camera in cameras}
    decoders = {camera: Pictures() for camera in cameras}
    for recorded in reel.messages([VIDEO + camera for camera in cameras]):
        match recorded.message:
            case CompressedVideo(frame_id=n, data=data) | CompressedImage(frame_id=n, data=data):
                camera, at_ns = CameraId(n), int(recorded.at_ns)
                picture = decoders[camera](data)
                if picture is not None:
                    found = findings.of.get(camera, {}).get(at_ns)
                    reached = _reached(hands, (at_ns - start_ns) / 1e9)
                    yield Shot(at_ns, camera, overlays[camera].draw(picture, found, reached))
            case _:
                pass


def _reached(hands: tuple[Hand, ...], at_s: float) -> set[ShelfId]:
    return {ShelfId(hand.shelf) for hand in hands if hand.from_s <= at_s <= hand.to_s}
