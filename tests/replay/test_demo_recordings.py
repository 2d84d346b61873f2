"""The demo's recordings, from their pixels and counts to exactly the receipts they should give."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tebura_simulator.scoring.recorded import score_recording

RECORDINGS = Path("simulator/tebura_simulator/demo/recordings")


@pytest.mark.parametrize(
    ("name", "receipts"),
    [
        pytest.param("1-take-two-put-one-back.mcap", 1, id="takes-two-puts-one-back"),
        pytest.param("2-two-in-turn.mcap", 2, id="two-one-after-the-other"),
        pytest.param("3-just-looking.mcap", 1, id="takes-nothing"),
    ],
)
def test_a_recording_of_the_demo_gives_exactly_its_receipts(
    repository: Path, require_file: Callable[[Path], Path], name: str, receipts: int
) -> None:
    found = score_recording(require_file(repository / RECORDINGS / name))
    assert found.receipts.true == receipts
    assert found.receipts.exact == 1.0
    assert found.events.claimed == found.events.true == found.events.found
    assert (found.visits, found.reviews) == (receipts, 0)
