"""Recordings of a real plate, through the real role, against an independent reading of them.

The reference knows nothing of the weigher: it takes the trace as a whole, drops glitches with a
median over five samples, and cuts it into stretches of 3 s or more that stay within 20 g.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.calibration import Calibration, PlateCalibration
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.events import Event, ForeignObject, ItemPicked, ItemReturned
from tebura_contract.geometry import Pose
from tebura_contract.ids import GondolaId, NodeId, PlateId, Sku, StoreId
from tebura_contract.layout import (
    Facing,
    Gondola,
    Layout,
    Plate,
    Product,
    Shelf,
    StoreInfo,
)
from tebura_edge.plate_role import PlateRole, PlateSettings
from tebura_edge.role import Counts

PLATE = PlateId("1/1/1")
NODE = NodeId("plates-1")
COUNTS_PER_G = 100.0
SETTLED_S = 3.0
SETTLED_G = 20.0
HEAVIEST_G = 5000.0

Floats = NDArray[np.float64]
Step = ItemPicked | ItemReturned | ForeignObject


@dataclass(frozen=True)
class Stretch:
    """A settled level: seconds since the first sample, and its median in grams."""

    from_s: float
    to_s: float
    level_g: float


def read_trace(path: Path) -> tuple[Floats, Floats]:
    trace = np.loadtxt(path, delimiter=",")
    return trace[:, 0], trace[:, 1]


def settled_stretches(time_s: Floats, grams: Floats) -> list[Stretch]:
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(grams, 2, mode="edge"), 5)
    smooth = np.median(windows, axis=1)
    stretches, begin = [], 0
    while begin < len(smooth):
        end = begin
        low = high = smooth[begin]
        while end + 1 < len(smooth):
            low, high = min(low, smooth[end + 1]), max(high, smooth[end + 1])
            if high - low > SETTLED_G:
                break
            end += 1
        if time_s[end] - time_s[begin] >= SETTLED_S:
            level_g = float(np.median(smooth[begin : end + 1]))
            stretches.append(Stretch(time_s[begin] - time_s[0], time_s[end] - time_s[0], level_g))
            begin = end
        begin += 1
    return [stretch for stretch in stretches if stretch.level_g < HEAVIEST_G]


def true_changes(stretches: Sequence[Stretch]) -> list[tuple[float, float, float]]:
    """From, to (s) and change (g) between neighbouring stretches that differ by 20 g or more."""
    changes = [
        (before.to_s, after.from_s, after.level_g - before.level_g)
        for before, after in itertools.pairwise(stretches)
    ]
    return [change for change in changes if abs(change[2]) >= SETTLED_G]


def layout(product_g: float | None) -> Layout:
    products = (
        ()
        if product_g is None
        else (Product(sku=Sku("cup"), name="cup", price_minor=100, weight_g=product_g),)
    )
    facings = (
        ()
        if product_g is None
        else (Facing(id="1", sku=Sku("cup"), x_m=(0.0, 0.3), plates=("1",)),)
    )
    shelf = Shelf(
        id="1",
        gondola_from_shelf=Pose(),
        size_m=(0.3, 0.3, 0.4),
        reports_picks=NODE,
        plate=(Plate(id="1", xy_m=(0.0, 0.0), size_m=(0.3, 0.3)),),
        facing=facings,
    )
    gondola = Gondola(
        id=GondolaId("1"), store_from_gondola=Pose(), size_m=(0.3, 0.3, 1.0), shelf=(shelf,)
    )
    return Layout(
        store=StoreInfo(id=StoreId("pot"), name="pot"), product=products, gondola=(gondola,)
    )


def replay(time_s: Floats, grams: Floats, product_g: float | None, batch: int) -> list[Event]:
    calibration = Calibration(
        node=NODE,
        measured_ns=Ns(0),
        plates={PLATE: PlateCalibration(tare_counts=0, counts_per_g=COUNTS_PER_G)},
    )
    role = PlateRole(layout(product_g), calibration, NODE, PlateSettings(scales={"pot": (PLATE,)}))
    at_ns = np.round(time_s * SECOND_NS).astype(np.int64)
    counts = np.round(grams * COUNTS_PER_G)[:, None]
    events: list[Event] = []
    for at in range(0, len(at_ns), batch):
        events += role.step(Counts("pot", at_ns[at : at + batch], counts[at : at + batch]))
    return events


@pytest.mark.parametrize("product_g", [None, 200.0, 15.0], ids=["no-product", "200-g", "15-g"])
def test_a_quarter_hour_in_which_nothing_happens_gives_no_event(
    shared_data: Path, product_g: float | None
) -> None:
    time_s, grams = read_trace(shared_data / "plates-hx711" / "workday_a.csv")
    assert (np.abs(np.diff(grams)) > 1000).sum() == 89, "the glitches are in it"
    assert replay(time_s, grams, product_g, batch=5) == []


@pytest.mark.parametrize("product_g", [None, 200.0, 700.0], ids=["no-product", "200-g", "700-g"])
@pytest.mark.parametrize("batch", [1, 7])
def test_each_settled_change_of_the_pot_is_told_once_and_the_pressing_hand_never(
    shared_data: Path, product_g: float | None, batch: int
) -> None:
    time_s, grams = read_trace(shared_data / "plates-hx711" / "full_to_empty.csv")
    changes = true_changes(settled_stretches(time_s, grams))
    assert len(changes) == 23
    events = replay(time_s, grams, product_g, batch)
    steps = [event for event in events if isinstance(event, Step)]
    assert steps == events, "the plate is well all the time"
    assert len(steps) == len(changes)
    for step, (from_s, to_s, change_g) in zip(steps, changes, strict=True):
        began_s = (int(step.from_ns) / SECOND_NS) - time_s[0]
        rested_s = (int(step.to_ns) / SECOND_NS) - time_s[0]
        assert abs(step.delta_g - change_g) <= 15.0, f"at {from_s:.1f} s"
        assert abs(began_s - from_s) <= 2.0
        assert abs(rested_s - to_s) <= 2.0
        # Which of two things of one weight was taken may be in doubt; that it was seen is not.
        assert step.blind == ""


def test_a_lift_cut_short_by_a_pause_of_the_recording_is_seen_as_what_it_left(
    shared_data: Path,
) -> None:
    """At 27-30 s the pot is lifted, 2.4 s later the recording pauses until it stands again.

    No weight rests for 3 s in between, so there is no step, and none before it is back.
    """
    time_s, grams = read_trace(shared_data / "plates-hx711" / "full_to_empty.csv")
    since_s = time_s - time_s[0]
    lifted = (since_s > 27.5) & (since_s < 30.0)
    assert np.median(grams[lifted]) < 50
    assert np.ptp(since_s[lifted]) < SETTLED_S
    steps = [e for e in replay(time_s, grams, None, batch=5) if isinstance(e, Step)]
    began_s = [int(step.from_ns) / SECOND_NS - time_s[0] for step in steps]
    assert not any(20 < at_s < 45 for at_s in began_s)
