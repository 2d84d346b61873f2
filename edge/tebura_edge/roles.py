"""The roles a node's configuration asks for."""

from dataclasses import replace

from tebura_contract.codec import DecodeError

from tebura_edge.config import LooksFor, Setup
from tebura_edge.counter_role import CounterRole
from tebura_edge.face_gate import FacePolicy
from tebura_edge.gate_role import GateRole
from tebura_edge.outbox import Outbox
from tebura_edge.plate_role import PlateRole, PlateSettings
from tebura_edge.role import Role

PLATES, CAMERAS, GATES, COUNTERS = "plates", "cameras", "gates", "counters"


class NodeError(RuntimeError):
    """The node cannot begin; the text says why and what to do."""


def face_policy(setup: Setup) -> FacePolicy | None:
    """How the gates of a node use faces; None where they do not."""
    face = setup.config.face
    if face is None or setup.face_threshold is None:
        return None
    return FacePolicy(
        setup.face_threshold,
        face.moves,
        light=bool(setup.config.screen.port) if face.light is None else face.light,
        without_gateway=face.without_gateway == "code",
    )


def _counter_policy(setup: Setup) -> FacePolicy | None:
    """One move at a counter: whoever stands there came through a gate, and a thumb follows."""
    policy = face_policy(setup)
    return None if policy is None else replace(policy, moves=1, light=False, without_gateway=False)


def roles_of(setup: Setup, outbox: Outbox) -> dict[str, Role]:
    """By the name each role's state is saved under.

    Raises:
        NodeError: If a saved state cannot be read.
    """
    found: dict[str, Role] = {}
    config = setup.config
    try:
        if config.scale:
            found[PLATES] = PlateRole(
                setup.layout,
                setup.calibration,
                setup.node,
                PlateSettings(scales={scale.label: scale.plates for scale in config.scale}),
                outbox.saved(PLATES),
            )
        if config.gate:
            found[GATES] = GateRole(
                setup.layout,
                setup.node,
                setup.entry_keys,
                outbox.saved(GATES),
                {gate.id: gate.reader for gate in config.gate},
                faces=face_policy(setup),
                face_cameras={gate.id: gate.face for gate in config.gate if gate.face},
            )
        if config.counter:
            found[COUNTERS] = CounterRole(
                setup.layout,
                setup.node,
                setup.key,
                outbox.saved(COUNTERS),
                faces=_counter_policy(setup),
                cameras={one.shelf: one.face for one in config.counter if one.face},
            )
    except DecodeError as error:
        raise NodeError(f"{outbox.path}: the saved state of a role is unreadable: {error}") from (
            error
        )
    watchers = tuple(c.label for c in config.camera if c.looks_for is LooksFor.PEOPLE)
    if watchers:
        # Brings OpenCV along, which a node without cameras does without.
        from tebura_edge.camera_role import CameraRole, CameraRoleSettings

        found[CAMERAS] = CameraRole(
            setup.layout,
            setup.calibration,
            setup.node,
            outbox.boot,
            CameraRoleSettings(cameras=watchers),
        )
    return found
