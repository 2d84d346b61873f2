"""The labelled visits of a real store, played in its own geometry, through to the receipts.

Sensors are simulated, what people did is not. A receipt may wait for a person; nobody is charged
for what the labels do not say was taken.
"""

import json
from pathlib import Path

import pytest
from tebura_contract.layout import Layout, load_layout
from tebura_simulator.memory_reel import reel_of
from tebura_simulator.scoring.recorded import score_reel
from tebura_simulator.scoring.tebura import Tebura
from tebura_simulator.story.scenario import Scenario
from tebura_simulator.story.visits import scenarios_of

from tests.simulator.autocheckout_store import import_store

QUICK = ("cps-test-22", "team-8-1")
"""Three events each: one alone, and a bottle that one shopper puts away and another takes there."""
VISITS = (
    *(f"cps-test-{n}" for n in (2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 19, 20, 21, 22, 23, 24)),
    "all-simple-chip-1",
    "team-8-1",
    "team-pei-1",
    "team-pei-jd-1",
)


@pytest.fixture(scope="module")
def visits(shared_data: Path) -> Path:
    return shared_data / "store-aifi" / "visits.json"


@pytest.fixture(scope="module")
def played(
    visits: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Layout, dict[str, Scenario]]:
    store = load_layout(import_store(shared_data, tmp_path_factory.mktemp("store") / "layout.toml"))
    layout, scenarios, _ = scenarios_of(visits.read_bytes(), store, seed=0)
    return layout, scenarios


def test_these_are_all_the_labelled_visits(visits: Path) -> None:
    names = {visit["dataset"].lower() for visit in json.loads(visits.read_bytes())}
    assert names == set(VISITS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in VISITS],
)
def test_a_labelled_visit_charges_nobody_for_what_was_not_taken(
    played: tuple[Layout, dict[str, Scenario]], name: str
) -> None:
    layout, scenarios = played
    scored = score_reel(name, reel_of(scenarios[name], layout), Tebura())
    assert scored.receipts.true == len(scenarios[name].shopper)
    assert scored.receipts.overcharged == 0
    assert scored.receipts.after_review_count == scored.receipts.true
    assert scored.events.missed == 0, "what is not known is asked, never passed over"
