"""Rows taken at once come to the same as one by one, however they are cut."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_edge.cells import RAIL_COUNTS, Cells
from tebura_edge.levels import Levels

PLATES = 4
START_NS = 1_700_000_000 * SECOND_NS


def rough(seed: int, rate_hz: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Two minutes of counts: steps, noise, glitches, unread values, pauses, a rail, a set clock."""
    rng = np.random.default_rng(seed)
    rows = int(120 * rate_hz)
    at_ns = START_NS + np.round(np.arange(rows) / rate_hz * SECOND_NS).astype(np.int64)
    counts = np.round(300_000 + rng.normal(0, 60, (rows, PLATES)))
    counts[rows // 3 :, 1] -= 50_000
    counts[rows // 2 : rows // 2 + int(9 * rate_hz), 2] = counts[rows // 2, 2]
    counts[rows // 4 : rows // 4 + int(14 * rate_hz), 3] = RAIL_COUNTS
    counts[::37, 0] += 3_000_000 * rng.choice([-1, 1], len(counts[::37]))
    counts[rng.random(counts.shape) < 0.002] = np.nan
    at_ns[2 * rows // 3 :] -= 3 * SECOND_NS
    at_ns[5 * rows // 6 :] += 20 * SECOND_NS
    return at_ns, counts


def pieces(seed: int, rows: int) -> Iterator[slice]:
    rng, at = np.random.default_rng(seed), 0
    while at < rows:
        end = at + int(rng.integers(1, 33))
        yield slice(at, min(end, rows))
        at = end


@pytest.mark.parametrize("rate_hz", [4.0, 10.0, 60.0])
def test_cells_are_judged_the_same(monkeypatch: pytest.MonkeyPatch, rate_hz: float) -> None:
    def told(seed: int) -> tuple[list[object], list[NDArray[np.float64]]]:
        at_ns, counts = rough(seed, rate_hz)
        cells = Cells(np.full(PLATES, 100.0))
        found: list[object] = []
        shares = []
        for part in pieces(seed, len(at_ns)):
            found.append(cells.feed(at_ns[part], counts[part], np.zeros(PLATES, np.int64)))
            found.append((cells.health, cells._changed_ns.tolist(), cells._paused_ns.tolist()))
            shares += [cells._lively_share.copy(), cells._noisy_share.copy()]
        return found, shares

    at_once = [told(seed) for seed in range(3)]
    assert any(change for found, _ in at_once for change in found[::2])
    monkeypatch.setattr(Cells, "_is_plain", lambda *_: False)
    for seed, (found, shares) in enumerate(at_once):
        one_by_one, exactly = told(seed)
        assert one_by_one == found
        assert np.allclose(exactly, shares, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rate_hz", [4.0, 10.0, 60.0])
def test_levels_move_the_same(rate_hz: float) -> None:
    def told(seed: int, parts: Iterable[slice]) -> list[object]:
        at_ns, counts = rough(seed, rate_hz)
        levels = Levels(PLATES)
        found: list[object] = []
        for part in parts:
            for moves in levels.feed(at_ns[part], counts[part] / 100.0):
                found.append((moves, repr(levels.level_g), repr(levels.noise_g), levels.now_ns))
                found.append((levels.still_ns.tolist(), levels.is_busy.tolist()))
        return found

    for seed in range(3):
        rows = int(120 * rate_hz)
        one_by_one = told(seed, (slice(at, at + 1) for at in range(rows)))
        assert "PlateMove" in repr(one_by_one)
        assert told(seed, pieces(seed, rows)) == one_by_one
