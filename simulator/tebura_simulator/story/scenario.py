"""Scenario files: read, checked against a layout, written. Their tables are in `script`."""

from pathlib import Path

import msgspec
from tebura_contract.config import ConfigError, load_toml
from tebura_contract.layout import Layout

from tebura_simulator.story.checks import shopper_problems
from tebura_simulator.story.faults import fault_problems
from tebura_simulator.story.script import (
    NO_ERRORS,
    BodyScript,
    Deed,
    FaultKind,
    FaultScript,
    Hand,
    Mirror,
    OtherHand,
    Part,
    PlateKind,
    PlatesScript,
    Scenario,
    Script,
    ShopperScript,
    SightScript,
    Step,
    View,
)

__all__ = [
    "NO_ERRORS",
    "BodyScript",
    "Deed",
    "FaultKind",
    "FaultScript",
    "Hand",
    "Mirror",
    "OtherHand",
    "Part",
    "PlateKind",
    "PlatesScript",
    "Scenario",
    "Script",
    "ShopperScript",
    "SightScript",
    "Step",
    "View",
    "dump_scenario",
    "load_scenario",
    "scenario_problems",
]


def dump_scenario(scenario: Scenario) -> str:
    """The scenario as the text of its file; what has its default value is left out."""
    return msgspec.toml.encode(scenario).decode()


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
    """What a well-formed scenario asks of this layout that it cannot give.

    What only its course shows (a facing found empty, two who wait for each other) is left to
    `timeline.Timeline`, which raises a ValueError that names the step.
    """
    problems = []
    if scenario.seed < 0:
        problems.append(f"seed: must not be negative, is {scenario.seed}")
    facings = layout.facings()
    problems += [f"stock: no facing {name!r}" for name in scenario.stock if name not in facings]
    problems += shopper_problems(scenario, layout)
    problems += fault_problems(scenario, layout)
    return problems
