"""The weighing roles of a replay: one a node that a recording holds scales of."""

from collections.abc import Mapping

from tebura_contract.calibration import Calibration
from tebura_contract.ids import NodeId, PlateId
from tebura_contract.layout import Layout
from tebura_edge.plate_role import PlateRole, PlateSettings, PlateSetupError
from tebura_edge.recorder import RecordingError

from tebura_simulator.recordings import first_batches
from tebura_simulator.reels import Reel
from tebura_simulator.replay_node import RoleMaker


def plate_roles(
    reader: Reel, layout: Layout, calibrations: Mapping[NodeId, Calibration]
) -> dict[NodeId, tuple[RoleMaker, tuple[str, ...]]]:
    """By node what makes its plate role, and the labels of its scales.

    Raises:
        RecordingError: If a scale's plates are not in the layout or not calibrated.
    """
    scales: dict[NodeId, dict[str, tuple[PlateId, ...]]] = {}
    for label, plates in scales_of(reader).items():
        scales.setdefault(_node_of(reader, label, plates, layout), {})[label] = plates
    roles: dict[NodeId, tuple[RoleMaker, tuple[str, ...]]] = {}
    for node, mine in scales.items():
        if node not in calibrations:
            raise RecordingError(f"{reader.path}: holds no calibration of node {node}")
        make = _maker(layout, calibrations[node], node, PlateSettings(scales=mine))
        try:
            make(1, b"")
        except PlateSetupError as error:
            raise RecordingError(f"{reader.path}: {error}") from error
        roles[node] = (make, tuple(mine))
    return roles


def scales_of(reader: Reel) -> dict[str, tuple[PlateId, ...]]:
    """The plates of each scale, as its first batch names them."""
    return {batch.scale: batch.plates for batch in first_batches(reader).values()}


def _maker(
    layout: Layout, calibration: Calibration, node: NodeId, settings: PlateSettings
) -> RoleMaker:
    return lambda _, saved: PlateRole(layout, calibration, node, settings, saved)


def _node_of(reader: Reel, label: str, plates: tuple[PlateId, ...], layout: Layout) -> NodeId:
    known, shelves = layout.plates(), layout.shelves()
    lacking = [plate for plate in plates if plate not in known]
    if lacking:
        raise RecordingError(
            f"{reader.path}: scale {label}: the layout has no plate {', '.join(lacking)}"
        )
    nodes = {shelves[known[plate][0]][1].reports_picks for plate in plates}
    if len(nodes) != 1:
        raise RecordingError(f"{reader.path}: scale {label}: its plates have {len(nodes)} nodes")
    return nodes.pop()
