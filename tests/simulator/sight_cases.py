"""What the tests of evidence share: long scenarios in the demo's shop, and evidence taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import decode
from tebura_contract.envelope import Envelope, identify
from tebura_contract.events import Event, Reach, began_ns
from tebura_contract.ids import EventId, MemberId, NodeId, Sku
from tebura_contract.layout import Layout
from tebura_contract.messages import Watermark
from tebura_simulator.sight.evidence import evidence
from tebura_simulator.sight.told import Told
from tebura_simulator.stores import store
from tebura_simulator.story.scenario import (
    NO_ERRORS,
    Deed,
    FaultScript,
    Hand,
    PlatesScript,
    Scenario,
    ShopperScript,
    SightScript,
    Step,
)
from tebura_simulator.story.timeline import Timeline

T = TypeVar("T")

CALM_PLATES = PlatesScript(harshness=0.3)
SKUS = ("green-tea", "melon-pan", "chocolate-bar", "onigiri-tuna")


def demo_layout() -> Layout:
    layout, _ = store("demo")
    return layout


def touching(who: str, enter_s: float, touches: int, member: bool = True) -> ShopperScript:
    """Somebody who handles one thing after the other and takes nothing."""
    steps = tuple(
        Step(action=Deed.TOUCH, sku=Sku(SKUS[n % len(SKUS)]), duration_s=0.8, hand=Hand.RIGHT)
        for n in range(touches)
    )
    return ShopperScript(
        id=who, member=MemberId(who) if member else None, enter_s=enter_s, do=steps
    )


def scenario(
    *shoppers: ShopperScript,
    sight: SightScript = NO_ERRORS,
    seed: int = 5,
    duration_s: float = 600.0,
    fault: tuple[FaultScript, ...] = (),
) -> Scenario:
    return Scenario(
        name="tried",
        seed=seed,
        duration_s=duration_s,
        shopper=shoppers,
        door_m=(1.45, -1.7),
        plates=CALM_PLATES,
        sight=sight,
        fault=fault,
    )


@dataclass(frozen=True)
class Said:
    """An event of the evidence, with when it was said."""

    said_ns: int
    node: NodeId
    id: EventId
    event: Event
    uncertainty_ns: int


def told_of(played: Scenario, faults: Sequence[FaultScript] = ()) -> list[Told]:
    """The evidence of a scenario."""
    layout = demo_layout()
    return evidence(Timeline(played, layout), layout, tuple(faults))


def said(told: Sequence[Told]) -> list[Said]:
    found = []
    for one in told:
        if isinstance(one.message, Envelope):
            _, event_id = identify(one.message)
            event: Event = decode(bytes(one.message.data), Event)  # type: ignore[arg-type]
            doubt_ns = int(one.message.uncertainty)
            found.append(Said(one.at_ns, event_id.node, event_id, event, doubt_ns))
    return found


def of_kind(found: Sequence[Said], kind: type[T]) -> list[tuple[Said, T]]:
    """Those of one kind, each with its event."""
    return [(one, one.event) for one in found if isinstance(one.event, kind)]


def reaches(told: Sequence[Told]) -> list[Reach]:
    return [one.event for one in said(told) if isinstance(one.event, Reach)]


def broken_promises(told: Sequence[Told]) -> list[tuple[Watermark, Said]]:
    """Watermarks that promise an event which its node had not said by then."""
    events = said(told)
    return [
        (one.message, event)
        for one in told
        if isinstance(one.message, Watermark)
        for event in events
        if one.topic.endswith(f"/{event.node}")
        and event.said_ns > one.at_ns
        and began_ns(event.event) <= one.message.at_ns
    ]


def seconds_of(reach: Reach) -> float:
    return (reach.to_ns - reach.from_ns) / SECOND_NS
