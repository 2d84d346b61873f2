"""A store of many plates in which something or nothing happens, to measure plates by themselves."""

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from tebura_contract.geometry import Pose
from tebura_contract.ids import FacingId, NodeId, PlateId, Sku, StoreId
from tebura_contract.layout import Facing, Gondola, Layout, Plate, Product, Shelf, StoreInfo

from tebura_simulator.story.scenario import Hand, PlateKind, PlatesScript, Scenario
from tebura_simulator.story.timetable import Action, ActionKind, Touch

PLATES_A_SHELF = 12
PLATE_M = (0.102, 0.406)
SKU = Sku("thing")
WEIGHT_G = 300.0
STANDING = 6


@dataclass(frozen=True)
class Happenings:
    """A story without people: what plates feel and nothing else."""

    scenario: Scenario
    actions: tuple[Action, ...] = ()
    touches: tuple[Touch, ...] = ()
    stands: tuple[FacingId, ...] = ()

    @property
    def duration_s(self) -> float:
        return self.scenario.duration_s

    def standing(self, _t_s: float) -> dict[FacingId, tuple[Sku, ...]]:
        return dict.fromkeys(self.stands, (SKU,) * STANDING)


def store_of(plates: int) -> Layout:
    """A layout of so many plates, each under a facing of its own."""
    no_turn = Pose(rotation_rad=(0.0, 0.0, 0.0), translation_m=(0.0, 0.0, 0.0))
    shelves = []
    for number in range(math.ceil(plates / PLATES_A_SHELF)):
        count = min(PLATES_A_SHELF, plates - number * PLATES_A_SHELF)
        width = PLATE_M[0]
        shelves.append(
            Shelf(
                id=str(number + 1),
                gondola_from_shelf=no_turn,
                size_m=(width * PLATES_A_SHELF, PLATE_M[1], 0.3),
                reports_picks=NodeId("plates-1"),
                plate=tuple(
                    Plate(id=str(i + 1), xy_m=(i * width, 0.0), size_m=PLATE_M)
                    for i in range(count)
                ),
                facing=tuple(
                    Facing(
                        id=str(i + 1),
                        sku=SKU,
                        x_m=(i * width, (i + 1) * width),
                        plates=(str(i + 1),),
                        depth=STANDING,
                    )
                    for i in range(count)
                ),
            )
        )
    gondola = Gondola(
        id="1", store_from_gondola=no_turn, size_m=(2.0, 0.5, 2.0), shelf=tuple(shelves)
    )
    product = Product(sku=SKU, name="thing", price_minor=100, weight_g=WEIGHT_G)
    store = StoreInfo(id=StoreId("bench"), name="bench")
    return Layout(store=store, product=(product,), gondola=(gondola,))


def story_of(
    layout: Layout, kind: PlateKind, duration_s: float, seed: int, every_s: float | None = None
) -> Happenings:
    """Nothing, or (with `every_s`) now a thing taken and now one put back somewhere."""
    scenario = Scenario(
        name="bench", seed=seed, duration_s=duration_s, shopper=(), plates=PlatesScript(kind=kind)
    )
    facings = tuple(layout.facings())
    times_s = np.arange(every_s, duration_s - 2.0, every_s) if every_s else np.zeros(0)
    rng = np.random.default_rng([seed, 1])
    actions = tuple(
        _action(float(t_s), facings[int(rng.integers(len(facings)))], layout, number % 2 == 0)
        for number, t_s in enumerate(times_s)
    )
    return Happenings(scenario=scenario, actions=actions, stands=facings)


def handled_story(layout: Layout, kind: PlateKind, duration_s: float, seed: int) -> Happenings:
    """A hand goes into every facing once and takes nothing."""
    rng = np.random.default_rng([seed, 2])
    facings = tuple(layout.facings())
    times_s = rng.uniform(2.0, duration_s - 2.0, len(facings))
    empty = [
        msgspec.structs.replace(
            _action(float(t_s), facing, layout, False), kind=ActionKind.LAY, delta_g=0.0, items=()
        )
        for t_s, facing in zip(times_s, facings, strict=True)
    ]
    still = story_of(layout, kind, duration_s, seed)
    return replace(still, actions=tuple(empty))


def _action(t_s: float, facing: FacingId, layout: Layout, is_take: bool) -> Action:
    shelf, slot = layout.facings()[facing]
    return Action(
        t_s=t_s,
        kind=ActionKind.TAKE if is_take else ActionKind.PUT_BACK,
        shopper="a",
        member=None,
        sku=SKU,
        quantity=1,
        delta_g=-WEIGHT_G if is_take else WEIGHT_G,
        facing=facing,
        plates=tuple(PlateId(f"{shelf}/{plate}") for plate in slot.plates),
        hand=Hand.RIGHT,
        inside_from_s=t_s - 0.6,
        inside_to_s=t_s + 0.6,
        items=(f"thing/{t_s:.2f}",),
    )
