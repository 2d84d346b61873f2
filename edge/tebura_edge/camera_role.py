"""The camera role: detections in, who came, who went, and whose hand was in which shelf out.

Pure: frames' own times are all it knows. Tracks live in memory only, on purpose: after a restart
people are new tracks, and the gateway relinks them or asks.
"""

from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from tebura_contract.calibration import Calibration
from tebura_contract.clock import Ns
from tebura_contract.events import (
    Event,
    Reach,
    SensorKind,
    SensorState,
    TrackAtGate,
    TrackEnded,
    TrackStarted,
)
from tebura_contract.geometry import Xy
from tebura_contract.ids import CameraId, GateId, NodeId, TrackId, track_id
from tebura_contract.layout import Gate, Layout
from tebura_contract.messages import Position

from tebura_edge.detections import Detections
from tebura_edge.footing import Footing
from tebura_edge.geometry import (
    CameraView,
    Floats,
    Front,
    camera_view,
    gondola_blocks,
    is_inside,
    shelf_fronts,
)
from tebura_edge.reaches import Reached, ReachFinder, ReachSettings, hands_in_shelves
from tebura_edge.role import Input, SensorStatus
from tebura_edge.sightings import Rounds
from tebura_edge.tracker import Track, Tracker, TrackerSettings


class CameraRoleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the role needs beyond layout and calibration.

    `cameras` are those that look for people; none named means all of the node's.
    `floor_margin_m` is how far outside the store's outline a foot still counts as on its floor;
    `leave_margin_m` keeps a foot on the edge of a gate's zone from going in and out;
    `exit_margin_m` is how far beyond a gate's zone someone who left may be last seen, at
    `walking_mps` or more.
    """

    cameras: tuple[CameraId, ...] = ()
    tracker: TrackerSettings = TrackerSettings()
    reach: ReachSettings = ReachSettings()
    floor_margin_m: float = 0.3
    leave_margin_m: float = 0.15
    exit_margin_m: float = 0.5
    walking_mps: float = 0.3


@dataclass(slots=True)
class _Shopper:
    """A confirmed track that stood on the store's floor, and the gates it stands in."""

    id: TrackId
    gates: set[GateId] = field(default_factory=set)


class _Eye:
    """One camera: its geometry, its tracker, its reaches."""

    def __init__(
        self,
        label: CameraId,
        footing: Footing,
        fronts: list[Front],
        gates: tuple[Gate, ...],
        settings: CameraRoleSettings,
    ) -> None:
        self.label = label
        self.footing = footing
        self.fronts = fronts
        self._gates, self._settings = gates, settings
        self.tracker = Tracker(
            settings.tracker,
            picture_px=self.view.intrinsics.size_px,
            foot_of=lambda box, keypoints: self.footing.xy_m(box, keypoints),
            is_leaving=lambda *last: self.left_by(*last) is not None,
        )
        self.reaches = ReachFinder(settings.reach)
        self.shoppers: dict[int, _Shopper] = {}
        self.rounds = Rounds(label)
        self.seen_ns: int | None = None
        self.is_blind = False

    @property
    def view(self) -> CameraView:
        return self.footing.view

    def fit(self, picture_px: tuple[int, int] | None) -> None:
        """A camera may send another size than it was calibrated at; the geometry follows."""
        if picture_px is not None and picture_px != self.view.intrinsics.size_px:
            self.footing = replace(self.footing, view=self.view.scaled(picture_px))
            self.tracker.picture_px = picture_px

    def left_by(self, foot_m: Floats, velocity_mps: Floats) -> GateId | None:
        """The gate by which whoever was last seen so left: in its zone, or walking just beside it.

        Who stands beside it, and squats before a shelf there, say, is only hidden.
        """
        is_walking = float(np.hypot(*velocity_mps)) >= self._settings.walking_mps
        margin_m = self._settings.exit_margin_m if is_walking else self._settings.leave_margin_m
        near = (gate.id for gate in self._gates if is_inside(gate.zone_m, foot_m, margin_m))
        return next(near, None)

    def watermark_ns(self) -> int | None:
        """Everything that began up to here was returned; see `CameraRole.watermark_ns`."""
        if self.seen_ns is None:
            return None
        waits = [self.seen_ns, self.reaches.open_since_ns()]
        for track in self.tracker.tracks:
            if track.number is None:
                waits.append(track.first_ns)
            elif track.number in self.shoppers:
                waits.append(track.last_ns)
        return min(at_ns for at_ns in waits if at_ns is not None) - 1


class CameraRole:
    """All people cameras of one node."""

    def __init__(
        self,
        layout: Layout,
        calibration: Calibration | None,
        node: NodeId,
        boot: int,
        settings: CameraRoleSettings | None = None,
    ) -> None:
        """Begin with nobody in sight; what was calibrated wins over what the layout says."""
        self._node, self._boot = node, boot
        self._settings = settings or CameraRoleSettings()
        self._floor_m = layout.store.floor_m
        self._gates: tuple[Gate, ...] = layout.gate
        self._numbers = 0
        self._now_ns: int | None = None
        measured = calibration.cameras if calibration else {}
        fronts = shelf_fronts(layout, calibration.shelf_fronts if calibration else None)
        blocks = gondola_blocks(layout)
        self._eyes: dict[CameraId, _Eye] = {}
        for camera in layout.camera:
            wanted = self._settings.cameras
            if camera.node != node or (wanted and camera.label not in wanted):
                continue
            view = camera_view(camera.intrinsics, camera.store_from_camera)
            if camera.label in measured:
                found = measured[camera.label]
                view = camera_view(found.intrinsics, found.store_from_camera)
            watched = [fronts[shelf] for shelf in camera.watches]
            self._eyes[camera.label] = _Eye(
                camera.label, Footing(view, blocks), watched, layout.gate, self._settings
            )

    def step(self, item: Input) -> list[Event]:
        """Take a frame's detections, or that a camera went blind; the rest is others' business."""
        match item:
            case Detections() if item.camera in self._eyes:
                return self._look(self._eyes[item.camera], item)
            case SensorStatus(kind=SensorKind.CAMERA) if item.sensor in self._eyes:
                return self._status(self._eyes[CameraId(item.sensor)], item)
            case _:
                return []

    def tick(self, now_ns: int) -> list[Event]:
        """Time passes for cameras that are blind; a seeing one's time is that of its frames."""
        self._now_ns = now_ns
        for eye in self._eyes.values():
            if eye.is_blind:
                eye.seen_ns = max(eye.seen_ns or 0, now_ns)
        return []

    def watermark_ns(self) -> int | None:
        """Every event that began up to here has been returned; None until all cameras were heard.

        A person not yet confirmed, one out of sight, and a reach still going on hold it back.
        """
        marks = [eye.watermark_ns() for eye in self._eyes.values()]
        known = [mark for mark in marks if mark is not None]
        return min(known) if known and len(known) == len(marks) else None

    def save(self) -> bytes:
        """Tracks are memory only."""
        return b""

    def positions(self) -> list[Position]:
        """Where each shopper in sight stood in the newest frame of each camera."""
        return [
            Position(
                track=eye.shoppers[track.number].id, at_ns=Ns(track.last_ns), foot_xy_m=_xy(track)
            )
            for eye in self._eyes.values()
            for track in eye.tracker.tracks
            if track.number in eye.shoppers and track.last_ns == eye.seen_ns
        ]

    def _look(self, eye: _Eye, found: Detections) -> list[Event]:
        if eye.seen_ns is not None and found.captured_ns <= eye.seen_ns:
            return []  # its clock was corrected backwards: these moments were already told
        eye.seen_ns = found.captured_ns
        eye.is_blind = False
        eye.fit(found.picture_px)
        tracked = eye.tracker.step(found)
        events = self._end(eye, tracked.ended, found.captured_ns)
        for track in tracked.seen:
            if track.number is None or track.foot_m is None:
                continue
            if track.number not in eye.shoppers:
                events += self._start(eye, track, is_new=track in tracked.confirmed)
            if track.number in eye.shoppers:
                events += self._at_gates(eye.shoppers[track.number], track)
                hands = hands_in_shelves(
                    eye.view, eye.fronts, track.foot_m, track.keypoints, self._settings.reach
                )
                eye.reaches.step(track.number, found.captured_ns, hands)
                eye.rounds.reach(found.captured_ns, eye.shoppers[track.number].id, hands)
        finished = eye.reaches.finish(found.captured_ns)
        events += [self._reach(eye, reached) for reached in finished]
        people = [
            (eye.shoppers[track.number].id, track)
            for track in tracked.seen
            if track.number in eye.shoppers
        ]
        exchanged = [
            (eye.shoppers[one.number].id, eye.shoppers[other.number].id)
            for one, other in tracked.exchanged
            if one.number in eye.shoppers and other.number in eye.shoppers
        ]
        return [*events, *eye.rounds.step(found.captured_ns, people, eye.footing, exchanged)]

    def _status(self, eye: _Eye, status: SensorStatus) -> list[Event]:
        if status.state is SensorState.OK:
            eye.is_blind = False
            return []
        # What a blind camera does not see may be anything: nobody is waited for.
        eye.is_blind = True
        return self._end(eye, eye.tracker.end_all(), status.at_ns)

    def _start(self, eye: _Eye, track: Track, *, is_new: bool) -> list[Event]:
        """Who never stands on the store's floor is a reflection or somebody beyond the glass."""
        assert track.number is not None
        is_on_floor = not self._floor_m or is_inside(
            self._floor_m, _xy(track), self._settings.floor_margin_m
        )
        if not is_on_floor:
            return []
        self._numbers += 1
        shopper = _Shopper(track_id(self._node, self._boot, self._numbers))
        eye.shoppers[track.number] = shopper
        # Confirmed in this very frame: here since first seen. Later: only now on the floor.
        at_ns = track.first_ns if is_new else track.last_ns
        return [
            TrackStarted(track=shopper.id, camera=eye.label, at_ns=Ns(at_ns), foot_xy_m=_xy(track))
        ]

    def _at_gates(self, shopper: _Shopper, track: Track) -> list[Event]:
        events: list[Event] = []
        for gate in self._gates:
            was_inside = gate.id in shopper.gates
            margin_m = self._settings.leave_margin_m if was_inside else 0.0
            inside = is_inside(gate.zone_m, _xy(track), margin_m)
            if inside == was_inside:
                continue
            (shopper.gates.add if inside else shopper.gates.discard)(gate.id)
            events.append(
                TrackAtGate(
                    track=shopper.id, gate=gate.id, at_ns=Ns(track.last_ns), is_inside=inside
                )
            )
        return events

    def _end(self, eye: _Eye, ended: tuple[Track, ...], now_ns: int) -> list[Event]:
        events: list[Event] = [
            self._reach(eye, reached)
            for reached in eye.reaches.finish(now_ns, [t.number for t in ended if t.number])
        ]
        for track in ended:
            shopper = eye.shoppers.pop(track.number or 0, None)
            if shopper is not None:
                eye.rounds.lose(shopper.id, track)
                events.append(
                    TrackEnded(
                        track=shopper.id,
                        at_ns=Ns(track.last_ns),
                        foot_xy_m=_xy(track),
                        gate=_left_by(eye, track),
                    )
                )
        return events

    def _reach(self, eye: _Eye, reached: Reached) -> Reach:
        return Reach(
            track=eye.shoppers[reached.number].id,
            camera=eye.label,
            shelf=reached.shelf,
            x_m=round(reached.x_m, 3),
            from_ns=Ns(reached.from_ns),
            to_ns=Ns(reached.to_ns),
            confidence=round(reached.confidence, 3),
        )


def _left_by(eye: _Eye, track: Track) -> GateId | None:
    assert track.foot_m is not None
    return eye.left_by(track.foot_m, track.foot_velocity)


def _xy(track: Track) -> Xy:
    assert track.foot_m is not None
    return (round(float(track.foot_m[0]), 3), round(float(track.foot_m[1]), 3))
