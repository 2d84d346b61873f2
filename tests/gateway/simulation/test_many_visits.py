"""Ten thousand visits, with whatever can go wrong on the way: nobody pays twice, nothing is lost.

In one process and in virtual time, on SQLite; `tests/gateway/test_sharing.py` has real processes on
PostgreSQL. A day is 25 visits: what is checked after each commit grows with the day. On every
second day there are three gateways.
"""

import random
from pathlib import Path

import pytest

from tests.gateway.simulation.running import Death, a_hard_day, live_through

VISITS_A_DAY = 25
DAYS_IN_CI = 4
DAYS = 400


def live_a_hard_day(seed: int, folder: Path, empty: Path) -> None:
    rng = random.Random(f"hard {seed}")
    world = live_through(
        a_hard_day(seed, VISITS_A_DAY),
        folder,
        empty,
        dies_at=lambda *_: rng.random() < 0.001,
        death=Death.KILLED,
        uses_house=seed % 3 == 0,
        breaks_at=lambda *_: rng.random() < 0.003,
        loses_at=lambda *_: seed % 2 == 0 and rng.random() < 0.003,
        gateways=3 if seed % 2 == 0 else 1,
    )
    settled = list(world.promises.final.values()).count("settled")
    print(f"seed {seed}: {settled} paid, {world.deaths} deaths, {world.losses} gateways lost")
    assert settled > VISITS_A_DAY // 2


@pytest.mark.parametrize("seed", range(DAYS_IN_CI))
def test_on_a_hard_day_each_pays_once(seed: int, tmp_path: Path, empty_sqlite: Path) -> None:
    live_a_hard_day(seed, tmp_path, empty_sqlite)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(DAYS_IN_CI, DAYS))
def test_on_many_hard_days_each_pays_once(seed: int, tmp_path: Path, empty_sqlite: Path) -> None:
    live_a_hard_day(seed, tmp_path, empty_sqlite)
