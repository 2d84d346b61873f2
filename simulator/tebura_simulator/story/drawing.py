"""Scenarios drawn from a seed: who comes when, what each does, what breaks, how hard it all is.

Whatever is drawn can be played, by construction: see `supply` and `coupling`. The same seed,
difficulty and layout give the same scenario, to the byte; each kind of chance has a stream of its
own, so that one more question does not shuffle the rest.
"""

import math
from collections.abc import Sequence

import msgspec
from tebura_contract.geometry import Xy
from tebura_contract.ids import FacingId, MemberId
from tebura_contract.layout import Layout

from tebura_simulator.story.agenda import Person
from tebura_simulator.story.chance import Chance
from tebura_simulator.story.coupling import Coupling
from tebura_simulator.story.course import courses_of
from tebura_simulator.story.difficulty import TABLE, Difficulty, Knobs
from tebura_simulator.story.errands import Errands
from tebura_simulator.story.faults import NEEDS, Place
from tebura_simulator.story.script import (
    BodyScript,
    FaultScript,
    Mirror,
    Part,
    PlateKind,
    PlatesScript,
    Scenario,
    ShopperScript,
    SightScript,
    View,
)
from tebura_simulator.story.supply import Supply
from tebura_simulator.story.timeline import Timeline

__all__ = ["Difficulty", "draw"]

_LONGEST_S = 3600.0
_AFTER_S = 6.0
"""From the last one's leaving to the end."""
_READER_S = 6.0
"""How long somebody stands before the code reader."""
_GUEST_S = 7.0
"""Between two of one party: a gate takes their phone as held out once more after three seconds
without it."""
_STAY_S = 14.0
_EVENT_S = 7.0
"""A visit's length, about: `_STAY_S` and `_EVENT_S` for each pick or put-back."""
_EMPTIER = 0.2
"""Share of facings that are not full."""
_CHILD_M, _CHILD_MPS = (0.85, 1.25), (0.6, 1.2)
_NAMES = (
    *("hana", "ken", "yuki", "taro", "mei", "sora", "rin", "jun", "aoi", "riku", "nao", "emi"),
    *("kei", "mio", "shin", "yui", "dan", "kana", "goro", "sae", "toma", "rei", "umi", "haru"),
)


def draw(layout: Layout, difficulty: Difficulty, seed: int) -> Scenario:
    """Draw a scenario for a layout.

    Raises:
        ValueError: If the layout has no facing on plates.
    """
    knobs = TABLE[difficulty]
    chance = Chance(seed, difficulty.value, layout.store.id)
    supply = Supply(layout)
    if not supply.facings:
        raise ValueError(f"store {layout.store.id!r}: no facing stands on a plate")
    people = _Cast(knobs, chance, Errands(supply, knobs, chance)).people()
    frame = Scenario(
        name=f"{difficulty.value}-{seed}",
        title=f"Drawn: {difficulty.value}, seed {seed}",
        seed=seed,
        duration_s=_LONGEST_S,
        shopper=(),
        plates=_plates(knobs, chance),
        sight=_sight(knobs, chance),
        fault=_faults(knobs, chance, layout),
        mirror=_mirror(knobs, chance, layout),
    )
    lucks = chance.stream("emptier").random(len(supply.facings))
    emptier = [name for name, luck in zip(supply.facings, lucks, strict=True) if luck < _EMPTIER]
    alone = Timeline(_filled(frame, people, supply, emptier), layout)
    Coupling(courses_of(people, alone), supply, knobs, chance).couple()
    scenario = _filled(frame, people, supply, emptier)
    ends_s = max(passage.leave_s for passage in Timeline(scenario, layout).passages)
    return msgspec.structs.replace(scenario, duration_s=float(math.ceil(ends_s + _AFTER_S)))


def _filled(
    frame: Scenario, people: Sequence[Person], supply: Supply, emptier: Sequence[FacingId]
) -> Scenario:
    return msgspec.structs.replace(
        frame,
        shopper=tuple(person.written() for person in people),
        stock=supply.stock(emptier),
    )


class _Cast:
    """Draws who comes, when, and what each is there for."""

    def __init__(self, knobs: Knobs, chance: Chance, errands: Errands) -> None:
        self._knobs = knobs
        self._chance = chance
        self._errands = errands
        self._people: list[Person] = []

    def people(self) -> list[Person]:
        """Everybody in order of coming in, staff first."""
        knobs, chance = self._knobs, self._chance
        if chance.happens("staff", knobs.staff):
            script = ShopperScript(
                id="staff",
                part=Part.STAFF,
                enter_s=chance.seconds("staff_s", (0.5, 20.0)),
                body=BodyScript(shirt="#1f6f54", trousers="#232323"),
            )
            self._people.append(Person(script, self._errands.of_staff(chance.of("staff"))))
        stay_s = _STAY_S + _EVENT_S * sum(knobs.events) / 2
        at_s = chance.seconds("first", (0.5, 2.0))
        for _ in range(chance.whole("parties", knobs.parties)):
            size = self._party(at_s)
            gap_s = size * stay_s / knobs.at_once * float(chance.stream("gap").uniform(0.5, 1.5))
            most_s = _READER_S + (size - 1) * _GUEST_S
            at_s = round(at_s + max(gap_s, most_s), 1)
        return self._people

    def _party(self, at_s: float) -> int:
        """Who pays, and the guests; how many they are."""
        knobs, chance = self._knobs, self._chance
        guests = chance.whole("guests", (1, 2)) if chance.happens("group", knobs.group) else 0
        host = self._shopper(at_s, None, is_stranger=chance.happens("stranger", knobs.stranger))
        if host.member is None:
            return 1
        for number in range(guests):
            self._shopper(round(at_s + (number + 1) * _GUEST_S, 1), host.id, is_stranger=True)
        return 1 + guests

    def _shopper(self, at_s: float, guest_of: str | None, *, is_stranger: bool) -> ShopperScript:
        number = sum(person.script.part is Part.SHOPPER for person in self._people)
        rounds, index = divmod(number, len(_NAMES))
        name = _NAMES[index] + (str(rounds + 1) if rounds else "")
        own = self._chance.of(f"shopper {number}")
        is_child = guest_of is not None and own.happens("child", self._knobs.child)
        script = ShopperScript(
            id=name,
            member=None if is_stranger else MemberId(name),
            guest_of=guest_of,
            enter_s=at_s,
            walk_mps=own.between("walk", _CHILD_MPS if is_child else self._knobs.walk_mps),
            height_m=own.between("height", _CHILD_M) if is_child else None,
        )
        self._people.append(Person(script, self._errands.of_shopper(own)))
        return script


def _plates(knobs: Knobs, chance: Chance) -> PlatesScript:
    kind = PlateKind.STORE60 if chance.happens("plates", 0.5) else PlateKind.HX711
    return PlatesScript(kind=kind, harshness=chance.between("harshness", knobs.harshness))


def _sight(knobs: Knobs, chance: Chance) -> SightScript:
    view = View.CAMERAS if chance.happens("apart", knobs.apart) else View.JOINED
    return msgspec.structs.replace(knobs.sight, view=view)


def _faults(knobs: Knobs, chance: Chance, layout: Layout) -> tuple[FaultScript, ...]:
    """What breaks; where and when is left to the scenario's own seed (`faults.settled`)."""
    kinds = [
        kind for kind in knobs.fault_kinds if NEEDS[kind].place is not Place.CAMERA or layout.camera
    ]
    count = min(len(kinds), chance.whole("faults", knobs.faults))
    order = chance.stream("fault_kinds").permutation(len(kinds))
    return tuple(FaultScript(kind=kinds[index]) for index in order[:count])


def _mirror(knobs: Knobs, chance: Chance, layout: Layout) -> tuple[Mirror, ...]:
    """A pane in the middle half of a wall."""
    corners = layout.store.floor_m
    is_there = chance.happens("mirror", knobs.mirror)
    luck = chance.index("wall", max(1, len(corners)))
    if not is_there or len(corners) < 3:
        return ()
    (x0, y0), (x1, y1) = corners[luck], corners[(luck + 1) % len(corners)]

    def at(share: float) -> Xy:
        return (round(x0 + share * (x1 - x0), 2), round(y0 + share * (y1 - y0), 2))

    return (Mirror(from_m=at(0.25), to_m=at(0.75)),)
