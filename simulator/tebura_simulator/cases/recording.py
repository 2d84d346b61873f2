"""The named cases as recordings: made anew from scenario, store and seed whenever asked."""

from pathlib import Path

from tebura_simulator.cases import Case, named

FOLDER = Path(__file__).parent / "recordings"
"""Where the repository keeps them."""

LEFT_OUT = frozenset({"clock-steps", "gateway-killed", "group-one-payer", "network-cut"})
"""Not kept: the repository holds 20 MB of recordings at most, and faults of clocks, wire and
gateway leave little that the scenario and the bench do not show as well."""


def recorded() -> dict[str, Case]:
    """The cases of which the repository keeps a recording."""
    return {name: case for name, case in named().items() if name not in LEFT_OUT}


def record(case: Case, folder: Path) -> Path:
    """Write the recording of a case; on one machine always the same bytes.

    Raises:
        ConfigError: If the store or the scenario has problems.
        ValueError: If the scenario cannot be played.
    """
    from tebura_simulator.memory_reel import reel_of
    from tebura_simulator.stores import store
    from tebura_simulator.story.scenario import load_scenario

    layout, text = store(case.store)
    path = folder / f"{case.path.stem}.mcap"
    reel_of(load_scenario(case.path, layout), layout, text).write(path)
    return path
