"""The suites: which cases there are for a seed, and the scenario of each.

A case is drawn where it runs, so a suite is small and goes from process to process.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec
from tebura_contract.config import ConfigError
from tebura_contract.layout import Layout, load_layout

from tebura_simulator.story.scenario import NO_ERRORS, Scenario, load_scenario

DRAWN = ("calm", "busy", "crowded", "adversarial")
NAMES = (*DRAWN, "named", "autocheckout")
STORE = "corner"
"""Where drawn scenarios play unless a layout is given."""


class SuiteFault(ValueError):
    """A suite cannot be played; the text says what it lacks."""


@dataclass(frozen=True)
class Drawn:
    """A scenario and the store it plays in; `footage` is where its films would lie."""

    scenario: Scenario
    layout: Layout
    layout_toml: bytes | None = None
    footage: Path | None = None


class Suite(Protocol):
    """Cases by name. The same name and seed give the same scenario."""

    @property
    def name(self) -> str: ...

    def cases(self) -> Sequence[str]: ...

    def draw(self, case: str, seed: int) -> Drawn: ...


@dataclass(frozen=True)
class DrawnSuite:
    """One scenario a seed, drawn with a difficulty."""

    name: str
    layout_file: Path | None = None

    def cases(self) -> Sequence[str]:
        return (self.name,)

    def draw(self, case: str, seed: int) -> Drawn:
        from tebura_simulator.story.drawing import Difficulty, draw

        layout, text = _store(self.layout_file)
        return Drawn(draw(layout, Difficulty(case), seed), layout, text)


@dataclass(frozen=True)
class NamedSuite:
    """The named hard cases, each in its own store; the seed is that of the sensors."""

    name: str = "named"

    def cases(self) -> Sequence[str]:
        from tebura_simulator.cases import named

        return tuple(named())

    def draw(self, case: str, seed: int) -> Drawn:
        from tebura_simulator.cases import named
        from tebura_simulator.stores import store

        found = named()[case]
        layout, text = store(found.store)
        scenario = _seeded(load_scenario(found.path, layout), seed)
        return Drawn(scenario, layout, text, _footage(found.path))


@dataclass(frozen=True)
class VisitsSuite:
    """Labelled visits (`scenario autocheckout`), each played anew with the sensors of the seed."""

    visits_file: Path
    layout_file: Path
    name: str = "autocheckout"

    def cases(self) -> Sequence[str]:
        return tuple(_visits(self.visits_file, self.layout_file, 0)[1])

    def draw(self, case: str, seed: int) -> Drawn:
        layout, scenarios = _visits(self.visits_file, self.layout_file, seed)
        return Drawn(scenarios[case], layout)


@dataclass(frozen=True)
class FolderSuite:
    """Scenario files of one's own, in one store; the seed is that of the sensors.

    The store is ``layout.toml`` in the folder where there is one: scenarios made from labels may
    need more than the layout they were made from.
    """

    folder: Path
    layout_file: Path | None = None
    name: str = "own"

    def cases(self) -> Sequence[str]:
        layout = self._layout_file().resolve()
        files = sorted(p for p in self.folder.glob("*.toml") if p.resolve() != layout)
        if not files:
            raise SuiteFault(f"{self.folder}: holds no scenario (*.toml)")
        return tuple(file.stem for file in files)

    def draw(self, case: str, seed: int) -> Drawn:
        layout, text = _store(self._layout_file())
        file = self.folder / f"{case}.toml"
        return Drawn(_seeded(load_scenario(file, layout), seed), layout, text, _footage(file))

    def _layout_file(self) -> Path:
        mine = self.folder / "layout.toml"
        if mine.exists():
            return mine
        if self.layout_file is None:
            raise SuiteFault(f"{self.folder}: holds no layout.toml; give --layout")
        return self.layout_file


@dataclass(frozen=True)
class GivenSuite:
    """Another suite whose evidence of who took it has no errors: only plates can be wrong."""

    inner: Suite

    @property
    def name(self) -> str:
        return f"{self.inner.name}, sight given"

    def cases(self) -> Sequence[str]:
        return self.inner.cases()

    def draw(self, case: str, seed: int) -> Drawn:
        drawn = self.inner.draw(case, seed)
        scenario = msgspec.structs.replace(drawn.scenario, sight=NO_ERRORS)
        return replace(drawn, scenario=scenario)


def suite_of(
    name: str,
    layout_file: Path | None = None,
    scenarios: Path | None = None,
    visits: Path | None = None,
) -> Suite:
    """The suite of that name.

    Raises:
        SuiteFault: If there is none, or it lacks what it needs.
    """
    if scenarios is not None:
        return FolderSuite(scenarios, layout_file, name)
    if name in DRAWN:
        return DrawnSuite(name, layout_file)
    if name == "named":
        return NamedSuite()
    if name != "autocheckout":
        raise SuiteFault(f"--suite {name!r}: expected one of {', '.join(NAMES)}")
    if visits is None or layout_file is None:
        raise SuiteFault(
            "--suite autocheckout: give the labelled visits (--visits) and their store (--layout), "
            "or a folder that `scenario autocheckout` made of them (--scenarios)"
        )
    return VisitsSuite(visits, layout_file)


@functools.cache
def _store(layout_file: Path | None) -> tuple[Layout, bytes]:
    if layout_file is not None:
        return load_layout(layout_file), layout_file.read_bytes()
    from tebura_simulator.stores import store

    return store(STORE)


@functools.cache
def _visits(visits: Path, layout_file: Path, seed: int) -> tuple[Layout, dict[str, Scenario]]:
    from tebura_simulator.story.visits import scenarios_of

    try:
        layout, scenarios, _ = scenarios_of(visits.read_bytes(), load_layout(layout_file), seed)
    except ValueError as error:
        raise ConfigError(visits, [str(error)]) from error
    return layout, scenarios


def _seeded(scenario: Scenario, seed: int) -> Scenario:
    return msgspec.structs.replace(scenario, seed=seed)


def _footage(file: Path) -> Path:
    """Films lie in a folder of the scenario's name, beside it or as the demo's do."""
    beside = file.with_suffix("")
    return beside if beside.is_dir() else file.parent.parent / "footage" / file.stem
