"""What of a store's layout a recording has sight of."""

from collections.abc import Collection

import msgspec
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.entry_code import time_step
from tebura_contract.events import ShopperEntered
from tebura_contract.ids import EventId, GateId, NodeId
from tebura_contract.layout import Layout
from tebura_contract.recording import EVENTS_TOPIC, WATERMARKS_TOPIC
from tebura_gateway.domain.facts import Fact

from tebura_simulator.accounts import LONE_MEMBER
from tebura_simulator.recordings import first_batches
from tebura_simulator.reels import Reel


def as_recorded(
    layout: Layout,
    sensing: Collection[NodeId],
    gates: Collection[NodeId],
    topics: Collection[str],
) -> Layout:
    """The layout without cameras and gates whose node is not in the recording.

    `sensing` are nodes with roles, `gates` those of them that check codes; others are in it with
    what they said.
    """
    speaking = {node for node in layout.nodes() if WATERMARKS_TOPIC.format(node=node) in topics}
    telling = {gate.node for gate in layout.gate if EVENTS_TOPIC.format(node=gate.node) in topics}
    return msgspec.structs.replace(
        layout,
        camera=tuple(c for c in layout.camera if c.node in {*sensing, *speaking}),
        gate=tuple(g for g in layout.gate if g.node in {*gates, *telling, *speaking}),
    )


def first_sample_ns(reader: Reel) -> int:
    """Store time of the first counts; of the recording's start where there are none."""
    first = [int(batch.at_ns[0]) for batch in first_batches(reader).values()]
    return min(first, default=int(reader.meta().start_ns))


def lone_node(layout: Layout) -> NodeId:
    """Who opens the one visit of a recording without a gate."""
    return min(layout.nodes(), default=NodeId("replay"))


def lone_entry(layout: Layout, at_ns: int) -> Fact:
    """The entry of whoever is in the shop where nobody can be seen to enter."""
    event = ShopperEntered(
        gate=layout.gate[0].id if layout.gate else GateId("replay"),
        member=LONE_MEMBER,
        code_step=time_step(at_ns),
        at_ns=Ns(max(at_ns - SECOND_NS, 0)),
    )
    # Boot 0 is no node's: the number cannot meet one of the replayed events.
    return Fact(EventId(lone_node(layout), 0, 0), event)
