"""The process dies at every point of a settlement, and all through a day: nothing is lost or twice.

A failure names its seed and point: `live_through(one_visit(SEED), ..., dies_at=lambda n, _: n ==
POINT)` plays it again.
"""

import random
from pathlib import Path

import pytest

from tests.gateway.simulation.running import (
    Death,
    a_day,
    die_everywhere,
    live_through,
    one_visit,
)

SEEDS_IN_CI = 2
EVERY_IN_CI = 6
SEEDS = 100


@pytest.fixture(params=[death.value for death in Death])
def death(request: pytest.FixtureRequest) -> Death:
    found = Death(request.param)
    if found is Death.POWER_CUT:
        request.getfixturevalue("watched_sqlite")
    return found


def explore(seed: int, folder: Path, empty: Path, death: Death, every: int = 1) -> None:
    # Every third seed pays by the built-in tab, whose book is in the same file.
    found = die_everywhere(one_visit(seed), folder, empty, death, seed % 3 == 0, every)
    print(f"seed {seed}, {death}: {len(found.points)} points, {len(found.broken)} broken")
    assert found.broken == []
    for wanted in ("before-commit", "after-commit", "acked", "before-capture", "answered-capture"):
        assert wanted in found.points, f"a settlement without {wanted} shows nothing"


@pytest.mark.parametrize("seed", range(SEEDS_IN_CI))
def test_a_settlement_that_dies_at_one_point_in_six_is_paid_once(
    seed: int, death: Death, tmp_path: Path, empty_sqlite: Path
) -> None:
    explore(seed, tmp_path, empty_sqlite, death, EVERY_IN_CI)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_settlement_that_dies_at_any_point_is_paid_once(
    seed: int, death: Death, tmp_path: Path, empty_sqlite: Path
) -> None:
    explore(seed, tmp_path, empty_sqlite, death)


def live_a_day(seed: int, visits: int, folder: Path, empty: Path, death: Death) -> int:
    rng = random.Random(f"deaths {seed}")

    def sometimes(number: int, name: str) -> bool:
        return rng.random() < 0.01

    world = live_through(
        a_day(seed, visits),
        folder,
        empty,
        sometimes,
        death,
        uses_house=seed % 3 == 0,
        breaks_at=sometimes,
    )
    return world.deaths


def test_a_day_on_which_the_process_dies_again_and_again(
    death: Death, tmp_path: Path, empty_sqlite: Path
) -> None:
    assert live_a_day(1, 6, tmp_path, empty_sqlite, death) >= 3


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(2, 30))
def test_days_on_which_the_process_dies_again_and_again(
    seed: int, death: Death, tmp_path: Path, empty_sqlite: Path
) -> None:
    assert live_a_day(seed, 40, tmp_path, empty_sqlite, death) >= 10


def live_a_day_together(seed: int, visits: int, folder: Path, empty: Path) -> tuple[int, int]:
    """Three gateways, of which one dies now and then, or all with their machine."""
    rng = random.Random(f"losses {seed}")
    world = live_through(
        a_day(seed, visits),
        folder,
        empty,
        dies_at=lambda *_: rng.random() < 0.003,
        breaks_at=lambda *_: rng.random() < 0.01,
        loses_at=lambda *_: rng.random() < 0.02,
        uses_house=seed % 3 == 0,
        gateways=3,
    )
    return world.losses, world.deaths


@pytest.mark.parametrize("seed", [1, 3])
def test_a_day_of_three_gateways_on_one_database_of_which_some_die(
    seed: int, tmp_path: Path, empty_sqlite: Path
) -> None:
    losses, _ = live_a_day_together(seed, 4, tmp_path, empty_sqlite)
    assert losses >= 3


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4, 30))
def test_days_of_three_gateways_on_one_database_of_which_some_die(
    seed: int, tmp_path: Path, empty_sqlite: Path
) -> None:
    losses, deaths = live_a_day_together(seed, 40, tmp_path, empty_sqlite)
    print(f"seed {seed}: {losses} gateways and {deaths} machines died")
    assert losses >= 10


def test_the_same_seed_plays_the_same_day(tmp_path: Path, empty_sqlite: Path) -> None:
    def day(name: str) -> tuple[list[str], float]:
        rng = random.Random(7)
        world = live_through(
            a_day(7, 3), tmp_path / name, empty_sqlite, lambda *_: rng.random() < 0.02
        )
        return world.points.passed, world.now_s

    assert day("one") == day("two")
