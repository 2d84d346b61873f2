"""Labelled visits of a real store as scenarios for the simulated one.

`labels` reads them, `cleaning` and `placing` put right what is raw in them, `furnishing` adds what
the store's layout lacks, `acting` makes scripts. Nothing is changed in silence: see `Cleaned`.
"""

import math
from collections.abc import Sequence
from functools import partial
from zlib import crc32

import msgspec
import numpy as np
from tebura_contract.ids import sku_from_name
from tebura_contract.layout import Layout

from tebura_simulator.story.acting import Ground, Role, roles
from tebura_simulator.story.catalogue import Catalogue
from tebura_simulator.story.cleaned import Change, Cleaned
from tebura_simulator.story.cleaning import happenings
from tebura_simulator.story.fittings import Fittings, PlaceError
from tebura_simulator.story.furnishing import furnished
from tebura_simulator.story.labels import LabelError, LabelledVisit, read_visits
from tebura_simulator.story.placing import Placed, Placing
from tebura_simulator.story.premises import center_of
from tebura_simulator.story.provisions import deepen, stock
from tebura_simulator.story.routes import Aisles
from tebura_simulator.story.scenario import Deed, PlateKind, PlatesScript, Scenario
from tebura_simulator.story.stocking import stocked_facings
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.walker import STAND_OFF_M

__all__ = ["Change", "Cleaned", "LabelError", "scenarios_of"]

LONGEST_S = 3600.0
_AFTERWARDS_S = 8.0
"""How long the scenario goes on after the last one is out."""
_LATER_S = 0.5
"""An event this much after its labelled second is told of."""


def scenarios_of(
    visits_json: bytes, layout: Layout, seed: int
) -> tuple[Layout, dict[str, Scenario], tuple[Cleaned, ...]]:
    """Scenarios of labelled visits, by name, in the order of the file.

    The seed decides what labels leave open (moments within a second, speeds, hands, entries), never
    what happens.

    Returns:
        The layout with the products, facings, gate, floor and cameras that it lacked; a scenario a
        visit; every change that was made, in order.

    Raises:
        LabelError: With every problem, each naming its visit and event.
        ValueError: If the store has no place for a gate.
    """
    visits = read_visits(visits_json)
    cleaned: list[Cleaned] = []
    catalogue, fittings = Catalogue(layout, visits), Fittings(layout)
    names = _names(visits)
    placed = _placed(visits, names, catalogue, fittings, cleaned)
    shop = fittings.result(catalogue.products)
    deepen(placed, fittings, shop, cleaned)
    shop = furnished(
        fittings.result(catalogue.products),
        lambda why: cleaned.append(Cleaned(visit="", event=None, what=Change.STORE, why=why)),
    )
    ground = _ground(shop)
    scenarios: dict[str, Scenario] = {}
    for name, mine in placed.items():
        random = np.random.default_rng([seed, crc32(name.encode())])
        people = roles(mine, ground, random)
        scenario = Scenario(
            name=name,
            title=_title(mine, people),
            seed=int(random.integers(2**31)),
            duration_s=LONGEST_S,
            shopper=tuple(person.script for person in people),
            stock=stock(mine, shop, fittings),
            plates=PlatesScript(kind=PlateKind.STORE60),
        )
        scenarios[name] = _in_time(scenario, people, shop, cleaned)
    return shop, scenarios, _in_order(cleaned, names)


def _title(mine: Sequence[Placed], people: Sequence[Role]) -> str:
    events = len({one.index for one in mine if one.index is not None})
    shoppers = "1 shopper" if len(people) == 1 else f"{len(people)} shoppers"
    return f"Labelled visit: {events} events, {shoppers}"


def _in_order(cleaned: Sequence[Cleaned], names: Sequence[str]) -> tuple[Cleaned, ...]:
    """Each once: the store's first, then by visit and event."""
    place = {name: number for number, name in enumerate(["", *names])}
    order = sorted(
        dict.fromkeys(cleaned),
        key=lambda one: (place[one.visit], one.event is None, one.event or 0),
    )
    return tuple(order)


def _names(visits: Sequence[LabelledVisit]) -> list[str]:
    """A name for each visit that may be a file's: plain letters, each once."""
    names: list[str] = []
    for number, visit in enumerate(visits, start=1):
        name = str(sku_from_name(visit.dataset))[:50] or f"visit-{number}"
        names.append(name if name not in names else f"{name}-{number}")
    return names


def _placed(
    visits: Sequence[LabelledVisit],
    names: Sequence[str],
    catalogue: Catalogue,
    fittings: Fittings,
    cleaned: list[Cleaned],
) -> dict[str, tuple[Placed, ...]]:
    problems: list[str] = []
    found: dict[str, tuple[Placed, ...]] = {}
    for visit, name in zip(visits, names, strict=True):

        def tell(event: int | None, what: Change, why: str, name: str = name) -> None:
            cleaned.append(Cleaned(visit=name, event=event, what=what, why=why))

        placing, mine = Placing(fittings), list[Placed]()
        for happening in happenings(visit, catalogue, tell):
            place = f"visit {visit.dataset!r}, event {happening.index}"
            if happening.at_s > LONGEST_S / 2:
                late = f"is {happening.at_s:.0f} s after the first; no visit takes that long"
                problems.append(f"{place}: {late}")
                break
            try:
                mine += placing.place(happening, partial(tell, happening.index))
            except PlaceError as error:
                problems.append(f"{place}: {error}")
        found[name] = tuple(sorted(mine, key=lambda one: one.at_s))
    if problems:
        raise LabelError(problems)
    return found


def _ground(shop: Layout) -> Ground:
    stands = {}
    for name, facing in stocked_facings(shop).items():
        x, y = np.asarray(facing.front_m[:2]) - STAND_OFF_M * np.asarray(facing.inward[:2])
        stands[name] = (float(x), float(y))
    gate = shop.gate[0].zone_m
    return Ground(center_of(gate) if gate else (0.0, 0.0), stands, Aisles(shop))


def _in_time(
    scenario: Scenario, people: Sequence[Role], shop: Layout, cleaned: list[Cleaned]
) -> Scenario:
    """The scenario with every event when it can be, and its end after the last one is out."""
    timeline = Timeline(scenario, shop)
    shoppers = []
    for person in people:
        done = [action for action in timeline.actions if action.shopper == person.script.id]
        steps, late_s = [], dict[int, float]()
        for step, event in zip(person.script.do, person.events, strict=True):
            if step.action is Deed.HAND_OVER:
                steps.append(step)
                continue
            hands = 1 if step.other_hand is None else 2
            at_s = next(action.t_s for action in done[:hands] if action.hand is step.hand)
            done = done[hands:]
            if event is not None and step.at_s is not None:
                late_s.setdefault(event, at_s - step.at_s)
            steps.append(msgspec.structs.replace(step, at_s=math.ceil(100 * at_s) / 100))
        cleaned += [
            Cleaned(visit=scenario.name, event=event, what=Change.PACE, why=_later(late, person))
            for event, late in late_s.items()
            if late > _LATER_S
        ]
        shoppers.append(msgspec.structs.replace(person.script, do=tuple(steps)))
    end_s = max(passage.leave_s for passage in timeline.passages) + _AFTERWARDS_S
    return msgspec.structs.replace(
        scenario, shopper=tuple(shoppers), duration_s=float(math.ceil(end_s))
    )


def _later(late_s: float, person: Role) -> str:
    return (
        f"{late_s:.1f} s later than labelled: {person.script.id} walks {person.script.walk_mps} "
        "m/s at most and hands take their time"
    )
