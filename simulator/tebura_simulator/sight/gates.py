"""Who showed a code at which gate."""

from collections.abc import Sequence

from tebura_contract.entry_code import time_step
from tebura_contract.events import ShopperEntered, ShopperLeft
from tebura_contract.ids import GateId, MemberId, NodeId
from tebura_contract.layout import Gate, Layout
from tebura_edge.gate_role import GROUP_NS

from tebura_simulator.accounts import member_of
from tebura_simulator.epoch import store_ns
from tebura_simulator.sight.chance import stream
from tebura_simulator.sight.eyes import people_cameras
from tebura_simulator.sight.motion import STEP_S, Walker
from tebura_simulator.sight.told import Found
from tebura_simulator.sight.zones import is_in_zone
from tebura_simulator.story.timeline import Passage, Timeline

READ_S = (0.1, 0.6)
"""From a phone held still until its code is read."""
SAID_S = 0.1


def gate_evidence(
    timeline: Timeline, layout: Layout, walkers: Sequence[Walker]
) -> dict[NodeId, list[Found]]:
    """What the gates' nodes say of members and the guests they bring, by node."""
    if not layout.gate:
        return {}
    by_id = {walker.id: walker for walker in walkers}
    rng = stream(timeline.scenario.seed, "gates")
    shown = []
    for passage in timeline.passages:
        read_s = rng.uniform(*READ_S)
        if passage.member is None or passage.is_staff:
            continue
        gate = next((g for g in layout.gate if g.id == passage.gate), layout.gate[0])
        at_s = _shown_s(passage, gate, by_id[passage.shopper]) + read_s
        shown.append((at_s, gate, passage))
    shown.sort(key=lambda item: (item[0], item[2].shopper))
    found = _entries(shown)
    if not people_cameras(layout):
        _departures(shown, found)
    return found


def _entries(shown: Sequence[tuple[float, Gate, Passage]]) -> dict[NodeId, list[Found]]:
    """As the gate role has it: the same member's next within two minutes is a guest."""
    found: dict[NodeId, list[Found]] = {gate.node: [] for _, gate, _ in shown}
    last: dict[tuple[NodeId, str], tuple[int, str]] = {}
    for at_s, gate, passage in shown:
        assert passage.member is not None
        at_ns = store_ns(at_s)
        before_ns, before = last.get((gate.node, passage.member), (None, ""))
        is_guest = before_ns is not None and at_ns - before_ns <= GROUP_NS
        joins = before if is_guest else ""
        entry = joins or passage.shopper
        last[gate.node, passage.member] = (int(at_ns), entry)
        event = ShopperEntered(
            gate=GateId(gate.id),
            member=MemberId(member_of(passage.member)),
            code_step=time_step(at_ns),
            at_ns=at_ns,
        )
        found[gate.node].append(Found(at_s + SAID_S, event, entry=entry, joins=joins))
    return found


def _departures(
    shown: Sequence[tuple[float, Gate, Passage]], found: dict[NodeId, list[Found]]
) -> None:
    """Where no camera sees people go, a barrier counts them out."""
    for _, gate, passage in shown:
        assert passage.member is not None
        member = MemberId(member_of(passage.member))
        event = ShopperLeft(gate=gate.id, member=member, at_ns=store_ns(passage.leave_s))
        found[gate.node].append(Found(passage.leave_s + SAID_S, event))


def _shown_s(passage: Passage, gate: Gate, walker: Walker) -> float:
    """When the code is held still; without a reader in sight: in the middle of the zone."""
    if passage.code_from_s is not None:
        return passage.code_from_s
    stay = []
    for index, (x_m, y_m) in enumerate(walker.xy_m.tolist()):
        if is_in_zone(gate.zone_m, (x_m, y_m)):
            stay.append(index)
        elif stay:
            break
    middle = stay[len(stay) // 2] if stay else 0
    return (walker.first + middle) * STEP_S
