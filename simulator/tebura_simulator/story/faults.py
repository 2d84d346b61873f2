"""What breaks in a scenario: checked against the layout, and with every time and place settled."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
import numpy as np
from tebura_contract.layout import Layout

from tebura_simulator.story.checks import near_match
from tebura_simulator.story.script import FaultKind, FaultScript, Scenario
from tebura_simulator.story.timeline import Timeline

_WHERE_IT_MATTERS = 0.75
"""Share of random places that lie where something happens in the scenario; in a large store the
rest would hardly ever be noticed."""


class Place(StrEnum):
    """What `on` of a fault names."""

    PLATE = "plate"
    SHELF = "shelf"
    NODE = "node"
    CAMERA = "camera"
    NOTHING = "nothing"


_A_WHILE = (3.0, 30.0)
_A_RESTART = (1.0, 8.0)
_AT_ONCE = (0.0, 0.0)


@dataclass(frozen=True)
class Need:
    """Where a fault is, and what `size` means: its default and its unit.

    `lasts_s` is the range a `for_s` of 0 is drawn from; None: to the scenario's end.
    """

    place: Place
    size: float | None = None
    unit: str = ""
    lasts_s: tuple[float, float] | None = None


NEEDS: Mapping[FaultKind, Need] = {
    FaultKind.GLITCHES: Need(Place.SHELF, 0.001, "share of samples, up to full scale"),
    FaultKind.CELL_STUCK: Need(Place.PLATE),
    FaultKind.CELL_DYING: Need(Place.PLATE, 200.0, "g of noise at the end"),
    FaultKind.DRIFT: Need(Place.PLATE, 10.0, "g an hour"),
    FaultKind.WARMING: Need(Place.SHELF, 15.0, "kelvin an hour"),
    FaultKind.SCALE_SILENT: Need(Place.SHELF, lasts_s=_A_WHILE),
    FaultKind.SAMPLES_DROPPED: Need(Place.SHELF, 0.2, "share", _A_WHILE),
    FaultKind.SAMPLES_LATE: Need(Place.SHELF, 1.0, "seconds", _A_WHILE),
    FaultKind.SAMPLES_REPEATED: Need(Place.SHELF, 0.2, "share", _A_WHILE),
    FaultKind.SCALE_CLOCK_STEP: Need(Place.SHELF, -2.0, "seconds", _AT_ONCE),
    FaultKind.CAMERA_BLIND: Need(Place.CAMERA, lasts_s=_A_WHILE),
    FaultKind.NETWORK_CUT: Need(Place.NODE, lasts_s=_A_WHILE),
    FaultKind.MESSAGES_REPEATED: Need(Place.NODE, 3.0, "times each", _A_WHILE),
    FaultKind.NODE_CLOCK_STEP: Need(Place.NODE, 0.5, "seconds", _AT_ONCE),
    FaultKind.NODE_OFF: Need(Place.NODE, lasts_s=_A_RESTART),
    FaultKind.BROKER_KILLED: Need(Place.NOTHING, lasts_s=_A_RESTART),
    FaultKind.GATEWAY_KILLED: Need(Place.NOTHING, lasts_s=_A_RESTART),
}


def fault_problems(scenario: Scenario, layout: Layout) -> list[str]:
    """What is wrong with the faults of a scenario, each naming its place."""
    places = _places(layout)
    problems = []
    for number, fault in enumerate(scenario.fault):
        at, need = f"fault[{number}]", NEEDS[fault.kind]
        if fault.at_s is not None and fault.at_s >= scenario.duration_s:
            problems.append(f"{at}.at_s: after the end ({scenario.duration_s} s)")
        problems += [f"{at}.on: {problem}" for problem in _on_problems(fault, need, places)]
        if fault.size is not None and need.size is None:
            problems.append(f"{at}.size: means nothing for {fault.kind}")
        elif need.unit.startswith("share") and not 0.0 <= (fault.size or 0.0) <= 1.0:
            problems.append(f"{at}.size: a share lies between 0 and 1, got {fault.size}")
    return problems


def settled(scenario: Scenario, layout: Layout) -> tuple[FaultScript, ...]:
    """The faults of a scenario with every `at_s`, `for_s`, `on` and `size` filled.

    What is not given follows from the scenario's seed: a moment while somebody shops, mostly at a
    place where something happens. `size` stays None where a fault has none, and `on` where it is
    at no place.

    Raises:
        ValueError: If a fault cannot be, or the scenario cannot be played.
    """
    problems = fault_problems(scenario, layout)
    if problems:
        raise ValueError(f"scenario {scenario.name!r}: " + "; ".join(problems))
    if not scenario.fault:
        return ()
    timeline = Timeline(scenario, layout)
    everywhere, used = _places(layout), _used(timeline, layout)
    found = []
    for number, fault in enumerate(scenario.fault):
        rng = np.random.default_rng([scenario.seed, zlib.crc32(b"faults"), number])
        need = NEEDS[fault.kind]
        # All is drawn, needed or not, so that giving one thing does not move the others.
        at_s, lasts_s = _while_someone_shops(timeline, rng), rng.uniform(*(need.lasts_s or (0, 0)))
        on = _somewhere(everywhere[need.place], used[need.place], rng)
        at_s = at_s if fault.at_s is None else fault.at_s
        if need.lasts_s is None:
            lasts_s = scenario.duration_s - at_s
        found.append(
            msgspec.structs.replace(
                fault,
                at_s=at_s,
                for_s=fault.for_s or round(lasts_s, 3),
                on=fault.on or on,
                size=need.size if fault.size is None else fault.size,
            )
        )
    return tuple(found)


def _on_problems(
    fault: FaultScript, need: Need, places: Mapping[Place, Sequence[str]]
) -> list[str]:
    if need.place is Place.NOTHING:
        return [f"{fault.kind} is at no place"] if fault.on is not None else []
    there = places[need.place]
    if not there:
        return [f"{fault.kind} needs a {need.place}, the layout has none"]
    if fault.on is None or fault.on in there:
        return []
    for place, names in places.items():
        if fault.on in names:
            return [f"{fault.on!r} is a {place}, {fault.kind} needs a {need.place}"]
    return [f"no {need.place} {fault.on!r}{near_match(fault.on, there)}"]


def _places(layout: Layout) -> dict[Place, tuple[str, ...]]:
    """What there is of each; a shelf without plates has no scale that could break."""
    return {
        Place.PLATE: tuple(layout.plates()),
        Place.SHELF: tuple(name for name, (_, shelf) in layout.shelves().items() if shelf.plate),
        Place.NODE: tuple(sorted(layout.nodes())),
        Place.CAMERA: tuple(camera.label for camera in layout.camera),
        Place.NOTHING: (),
    }


def _used(timeline: Timeline, layout: Layout) -> dict[Place, tuple[str, ...]]:
    """The places where somebody does something, in a fixed order."""
    facings = layout.facings()
    plates = {p for action in timeline.actions for p in action.plates}
    plates |= {p for touch in timeline.touches for p in touch.plates}
    shelves = {facings[action.facing][0] for action in timeline.actions}
    shelves |= {touch.shelf for touch in timeline.touches}
    nodes = {node for shelf in shelves for node in layout.nodes_of_shelf(shelf)}
    cameras = {c.label for c in layout.camera if shelves.intersection(c.watches)}
    names: dict[Place, set[str]] = {
        Place.PLATE: set(plates),
        Place.SHELF: set(shelves),
        Place.NODE: set(nodes),
        Place.CAMERA: set(cameras),
        Place.NOTHING: set(),
    }
    everywhere = _places(layout)
    return {place: tuple(n for n in everywhere[place] if n in names[place]) for place in Place}


def _while_someone_shops(timeline: Timeline, rng: np.random.Generator) -> float:
    """A moment somebody is in the shop, each second of everybody's as likely as any other."""
    spans = np.asarray([(p.enter_s, p.leave_s) for p in timeline.passages] or [(0.0, 0.0)])
    length_s = spans[:, 1] - spans[:, 0]
    ends_s = np.cumsum(length_s)
    into_s = rng.uniform(0.0, max(1e-9, float(ends_s[-1])))
    index = min(int(np.searchsorted(ends_s, into_s, side="right")), len(spans) - 1)
    at_s = float(spans[index, 1] - (ends_s[index] - into_s))
    return round(min(max(at_s, 0.0), timeline.duration_s), 3)


def _somewhere(
    everywhere: Sequence[str], used: Sequence[str], rng: np.random.Generator
) -> str | None:
    is_used, share = rng.random() < _WHERE_IT_MATTERS, rng.random()
    names = used if used and is_used else everywhere
    return names[int(share * len(names))] if names else None
