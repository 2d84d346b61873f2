"""Scripts for the simulated store: who comes in when, and what each shopper does there.

A scenario is a TOML file beside a layout. It says what happens, not how: where to stand, how the
hand travels and when the item leaves its plate follow from the layout (see `timeline`).
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from tebura_contract.config import ConfigError, load_toml
from tebura_contract.geometry import Xy
from tebura_contract.ids import NAME_PATTERN, FacingId, MemberId, Sku
from tebura_contract.layout import Layout

_COLOUR = r"^#[0-9a-f]{6}$"
Colour = Annotated[str, msgspec.Meta(pattern=_COLOUR)]


class Script(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A table of the scenario file."""


class Hand(StrEnum):
    LEFT = "left"
    RIGHT = "right"


class Deed(StrEnum):
    """What a shopper can be told to do in front of the shelves."""

    TAKE = "take"
    PUT_BACK = "put_back"
    LOOK = "look"
    WAIT = "wait"


class Step(Script, frozen=True, kw_only=True):
    """One thing a shopper does.

    `take` and `put_back` need a `sku`; `facing` (full name, ``gondola/shelf/facing``) says where
    when it is not the product's own place, so that an item can be put back wrongly. `look` walks
    up to the product and looks at it; `wait` stands still for `duration_s`. `pace` scales the
    speed of the reach: 2 is twice as fast.
    """

    action: Deed
    sku: Sku | None = None
    quantity: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    hand: Hand = Hand.RIGHT
    facing: FacingId | None = None
    pace: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] = 1.0
    duration_s: Annotated[float, msgspec.Meta(gt=0.0, le=600.0)] = 1.5


class BodyScript(Script, frozen=True, kw_only=True):
    """What a shopper looks like: the name of a baked shape, and colours as ``#rrggbb``."""

    shape: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)] = "woman"
    shirt: Colour = "#8a2b3a"
    long_sleeves: bool = False
    trousers: Colour = "#2b3350"
    shoes: Colour = "#e6e3dc"
    hair: Colour = "#1d1512"
    skin: Colour = "#d9aa8c"


class ShopperScript(Script, frozen=True, kw_only=True):
    """A shopper: the account it enters with, when it comes to the door, what it does inside.

    A shopper without `member` shows no code: it walks past the reader.
    """

    id: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    member: MemberId | None = None
    enter_s: Annotated[float, msgspec.Meta(ge=0.0)]
    walk_mps: Annotated[float, msgspec.Meta(ge=0.3, le=2.5)] = 1.0
    body: BodyScript = BodyScript()
    do: tuple[Step, ...] = ()


class Scenario(Script, frozen=True, kw_only=True):
    """The whole file.

    `door_m` is the floor point shoppers come from and go to, best out of every camera's sight;
    by default the point of the floor's outline nearest to the gate. `stock` says how many stand in
    a facing where it is not full.
    """

    name: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    title: str = ""
    seed: int = 0
    duration_s: Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)]
    shopper: tuple[ShopperScript, ...]
    door_m: Xy | None = None
    stock: dict[FacingId, Annotated[int, msgspec.Meta(ge=0)]] = {}


def load_scenario(path: Path, layout: Layout) -> Scenario:
    """Read and check a scenario for a layout.

    Raises:
        ConfigError: With all problems, each naming its place.
    """
    scenario = load_toml(path, Scenario)
    problems = scenario_problems(scenario, layout)
    if problems:
        raise ConfigError(path, problems)
    return scenario


def scenario_problems(scenario: Scenario, layout: Layout) -> list[str]:
    """What a well-formed scenario asks of this layout that it cannot give."""
    ids = [shopper.id for shopper in scenario.shopper]
    problems = [
        f"shopper {name!r} is named twice" for name in sorted(set(ids)) if ids.count(name) > 1
    ]
    facings = layout.facings()
    problems += [f"stock: no facing {name!r}" for name in scenario.stock if name not in facings]
    for number, shopper in enumerate(scenario.shopper):
        place = f"shopper[{number}]"
        if shopper.enter_s >= scenario.duration_s:
            problems.append(f"{place}.enter_s: comes in after the end ({scenario.duration_s} s)")
        for index, step in enumerate(shopper.do):
            problems += [f"{place}.do[{index}]{p}" for p in _step_problems(step, layout)]
        problems += [f"{place}{p}" for p in _possession_problems(shopper)]
    return problems


def facing_of(step: Step, layout: Layout) -> FacingId | None:
    """The facing a step is about: the named one, else the first that holds its product."""
    if step.facing is not None or step.sku is None:
        return step.facing
    return next((name for name, (_, f) in layout.facings().items() if f.sku == step.sku), None)


def _step_problems(step: Step, layout: Layout) -> list[str]:
    problems = []
    if step.action is not Deed.WAIT and step.sku is None:
        problems.append(f".sku: missing, {step.action} needs a product")
    if step.sku is not None and step.sku not in layout.products():
        problems.append(f".sku: product {step.sku!r} is not in the layout")
    elif step.sku is not None and facing_of(step, layout) is None:
        problems.append(f".sku: no facing holds {step.sku!r}")
    if step.facing is not None and step.facing not in layout.facings():
        problems.append(f".facing: no facing {step.facing!r}")
    return problems


def _possession_problems(shopper: ShopperScript) -> list[str]:
    """Putting back what was never taken."""
    problems = []
    has: dict[Sku, int] = {}
    for index, step in enumerate(shopper.do):
        if step.sku is None:
            continue
        if step.action is Deed.TAKE:
            has[step.sku] = has.get(step.sku, 0) + step.quantity
        elif step.action is Deed.PUT_BACK:
            has[step.sku] = has.get(step.sku, 0) - step.quantity
            if has[step.sku] < 0:
                problems.append(f".do[{index}].quantity: puts back more {step.sku!r} than it has")
    return problems
