"""A real store's shelves under simulated hands, through the commands: imported, replayed, scored.

The store is that of ``../shared/data/store-aifi`` (306 plates, products within 2 g of each other on
a shelf). Bounds leave room for what cannot be known: one pick in twenty is of a package or beside a
neighbour so far off that two products weigh the same, and goes to review. What is claimed wrongly
has no such room.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tebura_contract.codec import decode
from tebura_contract.ids import PlateId
from tebura_contract.layout import Facing, Layout, load_layout
from tebura_contract.truth import Outcome, OutcomeKind
from tebura_simulator.cli import app as simulate
from tebura_simulator.scoring.case import Score
from tebura_simulator.scoring.matching import matches
from typer.testing import CliRunner

from tests.replay.store_plates import StorePlates

Place = tuple[str, Facing]


@dataclass(frozen=True)
class Seen:
    """What the commands made of a recording."""

    lines: tuple[Outcome, ...]
    score: Score
    replay_s: float

    def claimed(self) -> list[Outcome]:
        return [o for o in self.lines if o.kind in (OutcomeKind.PICK, OutcomeKind.RETURN)]


@pytest.fixture(scope="module")
def layout_file(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tebura_calibration.cli import app as calibrate

    files, out = shared_data / "store-aifi", tmp_path_factory.mktemp("store") / "layout.toml"
    command = ["layout", "import", "autocheckout", "-o", str(out)]
    for option, name in {
        "--plates": "plates.json",
        "--shelves": "shelves.json",
        "--gondolas": "gondolas.json",
        "--planogram": "planogram.csv",
    }.items():
        command += [option, str(files / name)]
    result = CliRunner().invoke(calibrate, command)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def layout(layout_file: Path) -> Layout:
    return load_layout(layout_file)


@pytest.fixture
def see(layout_file: Path, tmp_path: Path) -> Callable[[Path], Seen]:
    def run(plates: Path) -> Seen:
        recording = tmp_path / "visit.mcap"
        command = ["import", "--layout", str(layout_file), "--plates", str(plates)]
        done = CliRunner().invoke(simulate, [*command, "-o", str(recording)])
        assert done.exit_code == 0, done.output
        begun_s = time.process_time()
        replayed = CliRunner().invoke(
            simulate, ["replay", str(recording), "--speed", "max", "--json"]
        )
        replay_s = time.process_time() - begun_s
        scored = CliRunner().invoke(simulate, ["score", str(recording), "--json"])
        assert replayed.exit_code == scored.exit_code == 0, replayed.output + scored.output
        return Seen(
            lines=tuple(decode(line.encode(), Outcome) for line in replayed.stdout.splitlines()),
            score=decode(scored.stdout.splitlines()[0].encode(), Score),
            replay_s=replay_s,
        )

    return run


def plates_of(layout: Layout, *shelves: str) -> list[PlateId]:
    return [plate for plate in layout.plates() if plate.rsplit("/", 1)[0] in shelves]


def places_of(layout: Layout, *shelves: str) -> list[Place]:
    """Facings of these shelves."""
    known = layout.shelves()
    return [
        (str(name), facing)
        for name, (_, shelf) in known.items()
        if not shelves or name in shelves
        for facing in shelf.facing
    ]


def wrong(store: StorePlates, seen: Seen) -> Sequence[Outcome]:
    """What is claimed to have happened and did not."""
    right = {line for _, line in matches(store.events, seen.claimed())}
    return [line for index, line in enumerate(seen.claimed()) if index not in right]


def undone(seen: Seen) -> int:
    """How often something was laid down and taken away again, whatever it was."""
    laid = [line for line in seen.lines if line.kind is OutcomeKind.FOREIGN]
    return len(laid) // 2


def test_half_a_minute_of_348_channels_in_which_nothing_is_taken_gives_nothing(
    layout: Layout, tmp_path: Path, see: Callable[[Path], Seen]
) -> None:
    store = StorePlates(layout, list(layout.plates()), 34.0, seed=1)
    seen = see(store.write(tmp_path, unknown_plates=42))
    assert seen.lines == ()
    assert seen.score.receipts.exact == 1.0
    assert seen.replay_s < 10.0, "a 34 s recording of a whole store replays much faster than it was"


def test_three_shoppers_at_their_own_gondolas_at_once(
    layout: Layout, tmp_path: Path, see: Callable[[Path], Seen]
) -> None:
    shelves = ["1/2", "2/4", "3/5", "4/6", "5/2", "5/4"]
    store = StorePlates(layout, plates_of(layout, *shelves), 36.0, seed=2)
    for gondolas in ("12", "3", "45"):
        places = places_of(layout, *(s for s in shelves if s[0] in gondolas))
        at_s = 4.0
        while at_s < 32.0:
            shelf, facing = places[int(store.random.integers(len(places)))]
            store.take(at_s, store.some_of(shelf, facing), str(facing.sku))
            at_s += store.random.uniform(1.3, 2.5)
    seen = see(store.write(tmp_path))
    assert wrong(store, seen) == []
    assert seen.score.events.recall is not None
    assert seen.score.events.recall >= 0.9
    off_s = [
        seen.claimed()[c].time_s - store.events[t].time_s
        for t, c in matches(store.events, seen.claimed())
    ]
    assert abs(np.median(off_s)) < 0.1, "a hand leans on the plate up to half a second before"


def test_two_products_at_once_from_neighbouring_facings(
    layout: Layout, tmp_path: Path, see: Callable[[Path], Seen]
) -> None:
    shelves = ["1/3", "2/1", "3/2", "3/6", "4/1", "4/4", "5/5", "5/6"]
    store = StorePlates(layout, plates_of(layout, *shelves), 6.0 + 3.0 * len(shelves), seed=3)
    for n, shelf in enumerate(shelves):
        places = places_of(layout, shelf)
        first = int(store.random.integers(len(places) - 1))
        for place in places[first : first + 2]:
            at_s = 4.0 + 3.0 * n + store.random.uniform(0, 0.2)
            store.take(at_s, store.some_of(*place), str(place[1].sku))
    seen = see(store.write(tmp_path))
    # Equal weights side by side are two of either, too: a review, never a third thing.
    bought = {event.sku for event in store.events}
    assert all(line.sku in bought for line in seen.claimed())
    assert seen.score.events.recall is not None
    assert seen.score.events.recall >= 0.8


def test_a_product_put_back_elsewhere_and_taken_again_from_there(
    layout: Layout, tmp_path: Path, see: Callable[[Path], Seen]
) -> None:
    store = StorePlates(layout, plates_of(layout, "1/5", "2/2", "3/6", "5/2"), 36.0, seed=4)
    home, away = places_of(layout, "1/5", "3/6"), places_of(layout, "2/2", "5/2")
    for n in range(3):
        (shelf, facing), elsewhere = home[2 * n], away[2 * n]
        spot, at_s = store.some_of(*elsewhere), 4.0 + 10.0 * n
        store.take(at_s, store.some_of(shelf, facing), str(facing.sku))
        store.put(at_s + 3.0, spot, str(facing.sku))
        store.take(at_s + 6.5, spot, str(facing.sku))
    seen = see(store.write(tmp_path))
    assert wrong(store, seen) == []
    # Where they hold two that weigh the same nobody knows which lay there; it is gone again.
    assert seen.score.receipts.exact == 1.0
    assert seen.score.events.found + 2 * undone(seen) == 9


@pytest.mark.parametrize(
    "way",
    [
        pytest.param({}, id="as-it-was"),
        pytest.param({"is_one_time_a_batch": True}, id="one-time-a-batch"),
        pytest.param({"back": (15.0, 3600.0)}, id="clock-set-back-an-hour"),
        pytest.param({"unread_share": 0.02}, id="one-in-fifty-not-read"),
    ],
)
def test_two_or_three_of_a_product_in_one_grasp_however_the_file_is_written(
    layout: Layout, tmp_path: Path, see: Callable[[Path], Seen], way: dict[str, float]
) -> None:
    store = StorePlates(layout, plates_of(layout, "1/2", "2/4", "3/3", "5/2"), 26.0, seed=5)
    for n, (shelf, facing) in enumerate(places_of(layout, "1/2", "2/4", "3/3", "5/2")[:10]):
        quantity = 2 + n % 2
        store.take(4.0 + 2.0 * n, store.some_of(shelf, facing), str(facing.sku), quantity)
    seen = see(store.write(tmp_path, **way))  # type: ignore[arg-type]
    assert wrong(store, seen) == []
    assert seen.score.events.found >= 9


LABELLED = ["cps-test-8", "cps-test-9", "cps-test-10", "cps-test-20"]
"""Visits with put-backs, two shoppers and quick changes of mind whose labels fit the planogram."""


@pytest.mark.parametrize("visit", LABELLED)
def test_a_labelled_visit_ends_with_its_receipt(
    layout: Layout, shared_data: Path, tmp_path: Path, see: Callable[[Path], Seen], visit: str
) -> None:
    known = {product.name: str(product.sku) for product in layout.product}
    labels = json.loads((shared_data / "store-aifi" / "visits.json").read_text())
    events = next(one["events"] for one in labels if one["dataset"] == visit)
    actions = sorted(
        (label["time"].replace("_", " "), n, label, product["name"])
        for n, label in enumerate(events)
        for product in label["products"]
        if product["name"] in known
    )
    shelves = {f"{label['gondola']}/{label['shelf']}" for _, _, label, _ in actions}
    store = StorePlates(layout, plates_of(layout, *shelves), 6.0 + 2.5 * len(actions), seed=6)
    for n, (_, _, label, name) in enumerate(actions):
        at = [PlateId(f"{label['gondola']}/{label['shelf']}/{p}") for p in label["plates"]]
        act = store.put if label["putback"] else store.take
        act(4.0 + 2.5 * n, at, known[name])
    seen = see(store.write(tmp_path))
    assert wrong(store, seen) == []
    assert seen.score.events.found >= len(actions) - 1
