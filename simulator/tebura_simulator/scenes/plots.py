"""Which scenes are meant by a word: a scenario's file, a named case, or a suite and its seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tebura_contract.layout import load_layout

from tebura_simulator import stores
from tebura_simulator.bench.suites import Drawn, suite_of
from tebura_simulator.cases import named
from tebura_simulator.story.scenario import load_scenario


@dataclass(frozen=True)
class Plot:
    """A scenario in its store, under a name that no other of the same call has."""

    name: str
    drawn: Drawn


def plots_of(words: Sequence[str], layout_file: Path | None, seeds: range) -> Iterator[Plot]:
    """The scenes of all words, in order.

    Args:
        words: Scenario files (``.toml``), named cases, or suites.
        layout_file: The store of scenario files (default: the demo's) and of drawn suites.
        seeds: Of suites.

    Raises:
        ConfigError: If a file has problems.
        SuiteFault: If a suite lacks what it needs.
        ValueError: If a word is none of these.
    """
    for word in words:
        if word.endswith(".toml"):
            path = Path(word)
            store = layout_file or stores.layout_file("demo")
            layout = load_layout(store)
            scenario = load_scenario(path, layout)
            yield Plot(path.stem, Drawn(scenario, layout, store.read_bytes()))
        elif word in named():
            case = named()[word]
            layout, text = stores.store(case.store)
            yield Plot(word, Drawn(load_scenario(case.path, layout), layout, text))
        else:
            suite = suite_of(word, layout_file)
            for seed in seeds:
                for name in suite.cases():
                    yield Plot(f"{name}-{seed}", suite.draw(name, seed))
