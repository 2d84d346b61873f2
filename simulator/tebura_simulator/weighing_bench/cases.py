"""The cases of each suite: those of the bench, and four that ask one thing of the plates each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from tebura_contract.ids import FacingId, PlateId, ShelfId, Sku
from tebura_contract.layout import Layout

from tebura_simulator.bench.suites import DRAWN, Suite, SuiteFault, suite_of
from tebura_simulator.plates.plain_store import SKU, Happenings, store_of
from tebura_simulator.stores import layout_file as store_file
from tebura_simulator.stores import names as store_names
from tebura_simulator.stores import store
from tebura_simulator.story.faults import settled
from tebura_simulator.story.scenario import (
    FaultKind,
    FaultScript,
    Hand,
    PlateKind,
    PlatesScript,
    Scenario,
)
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.story.timetable import Action, ActionKind, Touch, TouchKind
from tebura_simulator.weighing_bench.playing import Case

SPECIAL = ("glitches", "drift", "presses", "light")
NAMES = (*DRAWN, "named", "autocheckout", *SPECIAL)

GLITCH_SAMPLES = 10_000_000
GLITCH_CHUNK_S = 300.0
GLITCH_SHARE = 0.01
DRIFT_G_PER_H = 10.0
PRESS_KG = (2.0, 12.0)
PRESS_EVERY_S = 15.0
PRESS_CHUNK_S = 1200.0
LIGHT_G = 15.0
LIGHT_EVERY_S = 6.0
LIGHT_PLATES = 48
LIGHT_CHUNK_S = 600.0


@dataclass(frozen=True)
class Wanted:
    """What to play: a suite, and what of it is not its own."""

    suite: str
    plates: PlateKind | None = None
    harshness: float | None = None
    store: str | None = None
    layout_file: Path | None = None
    visits: Path | None = None
    hours: float = 24.0
    is_gathered: bool = False


@dataclass(frozen=True)
class CaseName:
    """A case that is not drawn yet."""

    wanted: Wanted
    name: str
    seed: int


def case_names(wanted: Wanted, seeds: range) -> list[CaseName]:
    """The cases of a suite, seed by seed.

    Raises:
        SuiteFault: If there is no such suite, or it lacks what it needs.
    """
    if wanted.store is not None and wanted.store not in store_names():
        raise SuiteFault(f"--store {wanted.store!r}: expected one of {', '.join(store_names())}")
    if wanted.suite == "glitches":
        chunks = _glitch_chunks(wanted)
        return [CaseName(wanted, f"chunk-{i}", seed) for seed in seeds for i in range(chunks)]
    if wanted.suite in SPECIAL:
        return [CaseName(wanted, wanted.suite, seed) for seed in seeds]
    if wanted.suite not in NAMES:
        raise SuiteFault(f"--suite {wanted.suite!r}: expected one of {', '.join(NAMES)}")
    suite = _suite(wanted)
    return [CaseName(wanted, name, seed) for seed in seeds for name in suite.cases()]


def draw(name: CaseName) -> Case:
    """The case itself."""
    wanted = name.wanted
    if wanted.suite in SPECIAL:
        return _SPECIAL[wanted.suite](name)
    drawn = _suite(wanted).draw(name.name, name.seed)
    scenario = msgspec.structs.replace(drawn.scenario, plates=_plates(wanted, drawn.scenario))
    faults = settled(scenario, drawn.layout)
    story = Timeline(scenario, drawn.layout)
    return Case(wanted.suite, name.name, name.seed, story, drawn.layout, faults, wanted.is_gathered)


def _suite(wanted: Wanted) -> Suite:
    file = wanted.layout_file
    if wanted.store is not None:
        file = store_file(wanted.store)
    return suite_of(wanted.suite, file, visits=wanted.visits)


def _plates(wanted: Wanted, scenario: Scenario) -> PlatesScript:
    changes: dict[str, object] = {}
    if wanted.plates is not None:
        changes["kind"] = wanted.plates
    if wanted.harshness is not None:
        changes["harshness"] = wanted.harshness
    return msgspec.structs.replace(scenario.plates, **changes)


@dataclass(frozen=True)
class _Staged:
    """A store as it stands, in which only the given things happen."""

    scenario: Scenario
    actions: tuple[Action, ...]
    touches: tuple[Touch, ...]
    stands: dict[FacingId, tuple[Sku, ...]]

    @property
    def duration_s(self) -> float:
        return self.scenario.duration_s

    def standing(self, _t_s: float) -> dict[FacingId, tuple[Sku, ...]]:
        return self.stands


def _staged(
    name: CaseName, layout: Layout, duration_s: float, touches: tuple[Touch, ...] = ()
) -> _Staged:
    scenario = _scenario(name, duration_s)
    empty = msgspec.structs.replace(scenario, duration_s=60.0)
    return _Staged(scenario, (), touches, Timeline(empty, layout).standing(0.0))


def _scenario(name: CaseName, duration_s: float) -> Scenario:
    wanted = name.wanted
    plates = PlatesScript(
        kind=wanted.plates or PlateKind.STORE60,
        harshness=1.0 if wanted.harshness is None else wanted.harshness,
    )
    return Scenario(
        name=wanted.suite, seed=name.seed, duration_s=duration_s, shopper=(), plates=plates
    )


def _store(wanted: Wanted, else_: str = "corner") -> Layout:
    return store(wanted.store or else_)[0]


def _glitch_chunks(wanted: Wanted) -> int:
    rate_hz = 10.0 if wanted.plates is PlateKind.HX711 else 60.0
    rows = GLITCH_SAMPLES / len(_store(wanted).plates())
    return int(np.ceil(rows / rate_hz / GLITCH_CHUNK_S))


def _glitches(name: CaseName) -> Case:
    """Nobody there; a hundredth of all samples is anything the converter can say."""
    layout = _store(name.wanted)
    chunk = int(name.name.rpartition("-")[2])
    inner = CaseName(name.wanted, name.name, 1000 * name.seed + chunk)
    faults = tuple(
        FaultScript(kind=FaultKind.GLITCHES, at_s=0.0, on=str(shelf), size=GLITCH_SHARE)
        for shelf in layout.shelves()
    )
    story = _staged(inner, layout, GLITCH_CHUNK_S)
    return Case("glitches", name.name, name.seed, story, layout, faults, is_gathered=True)


def _drift(name: CaseName) -> Case:
    """Nobody there; every plate's zero runs away, up or down, on top of its own drift and creep."""
    layout = _store(name.wanted, "kiosk")
    rng = np.random.default_rng([name.seed, 5])
    faults = tuple(
        FaultScript(
            kind=FaultKind.DRIFT,
            at_s=0.0,
            on=str(plate),
            size=DRIFT_G_PER_H * float(rng.choice([-1, 1])),
        )
        for plate in layout.plates()
    )
    story = _staged(name, layout, 3600.0 * name.wanted.hours)
    return Case("drift", name.name, name.seed, story, layout, faults, is_gathered=True)


def _presses(name: CaseName) -> Case:
    """Knocks, presses and leans of 2-12 kg, none of which takes anything."""
    layout = _store(name.wanted)
    rng = np.random.default_rng([name.seed, 6])
    times_s = np.arange(5.0, PRESS_CHUNK_S - 10.0, PRESS_EVERY_S)
    touches = tuple(_touch(layout, float(t_s), rng) for t_s in times_s)
    story = _staged(name, layout, PRESS_CHUNK_S, touches)
    return Case("presses", name.name, name.seed, story, layout)


def _touch(layout: Layout, t_s: float, rng: np.random.Generator) -> Touch:
    kind = list(TouchKind)[int(rng.integers(3))]
    facings = list(layout.facings().items())
    facing, (shelf, one) = facings[int(rng.integers(len(facings)))]
    lasts_s = {TouchKind.KNOCK: 0.3, TouchKind.TOUCH: 0.6, TouchKind.LEAN: 2.0}[kind]
    return Touch(
        from_s=t_s,
        to_s=t_s + lasts_s * float(rng.uniform(0.5, 2.0)),
        kind=kind,
        shopper="a",
        shelf=shelf,
        facing=facing,
        plates=_felt_by(layout, kind, shelf, one.plates),
        force_kg=float(rng.uniform(*PRESS_KG)),
        hand=Hand.RIGHT,
    )


def _felt_by(
    layout: Layout, kind: TouchKind, shelf: ShelfId, own: tuple[str, ...]
) -> tuple[PlateId, ...]:
    if kind is TouchKind.TOUCH and own:
        return tuple(PlateId(f"{shelf}/{plate}") for plate in own)
    gondola = shelf.partition("/")[0]
    return tuple(
        plate
        for plate, (owner, _) in layout.plates().items()
        if owner == shelf or (kind is TouchKind.KNOCK and owner.partition("/")[0] == gondola)
    )


def _light(name: CaseName) -> Case:
    """Shelves of one product of 15 g, now one taken and now one put back."""
    layout = store_of(LIGHT_PLATES)
    (product,) = layout.product
    light = msgspec.structs.replace(product, weight_g=LIGHT_G)
    layout = msgspec.structs.replace(layout, product=(light,))
    facings = list(layout.facings().items())
    rng = np.random.default_rng([name.seed, 7])
    times_s = np.arange(5.0, LIGHT_CHUNK_S - 5.0, LIGHT_EVERY_S)
    actions = []
    for number, t_s in enumerate(times_s):
        facing, (shelf, one) = facings[int(rng.integers(len(facings)))]
        is_take = number % 2 == 0
        actions.append(
            Action(
                t_s=float(t_s),
                kind=ActionKind.TAKE if is_take else ActionKind.PUT_BACK,
                shopper="a",
                member=None,
                sku=SKU,
                quantity=1,
                delta_g=-LIGHT_G if is_take else LIGHT_G,
                facing=facing,
                plates=tuple(PlateId(f"{shelf}/{plate}") for plate in one.plates),
                hand=Hand.RIGHT,
                inside_from_s=float(t_s) - 0.6,
                inside_to_s=float(t_s) + 0.6,
                items=(f"thing/{number}",),
            )
        )
    scenario = _scenario(name, LIGHT_CHUNK_S)
    story = Happenings(scenario=scenario, actions=tuple(actions), stands=tuple(layout.facings()))
    return Case("light", name.name, name.seed, story, layout)


_SPECIAL: dict[str, Callable[[CaseName], Case]] = {
    "glitches": _glitches,
    "drift": _drift,
    "presses": _presses,
    "light": _light,
}
