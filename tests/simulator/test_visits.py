"""Labelled visits become scenarios: what happens is the labels', receipts included."""

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.config import load_toml
from tebura_contract.geometry import Pose
from tebura_contract.ids import FacingId, NodeId, Sku, StoreId, sku_from_name
from tebura_contract.layout import (
    Facing,
    Gondola,
    Layout,
    Plate,
    Product,
    Shelf,
    StoreInfo,
    layout_problems,
    load_layout,
)
from tebura_simulator.cli import app as simulate
from tebura_simulator.story.acting import FASTEST_MPS
from tebura_simulator.story.cleaned import Change, Cleaned
from tebura_simulator.story.labels import LabelError, parse_stamp, read_visits
from tebura_simulator.story.scenario import (
    Deed,
    PlateKind,
    Scenario,
    dump_scenario,
    load_scenario,
    scenario_problems,
)
from tebura_simulator.story.timeline import ActionKind, Timeline
from tebura_simulator.story.truth import truth_of
from tebura_simulator.story.visits import scenarios_of
from typer.testing import CliRunner

from tests.simulator.autocheckout_store import import_store

Labels = list[dict[str, object]]
Made = tuple[Layout, dict[str, Scenario], tuple[Cleaned, ...]]


def shop() -> Layout:
    """Two gondolas opposite each other with a shelf each: six plates, a product on two of them."""
    products = (
        Product(sku=Sku("tea"), name="Green Tea", price_minor=150, weight_g=540.0),
        Product(sku=Sku("gum"), name="Gum", price_minor=90, weight_g=30.0),
        Product(sku=Sku("nuts"), name="Nuts", gtin="04006381333931", price_minor=300, weight_g=200),
        Product(sku=Sku("towels"), name="Towels", price_minor=9, weight_g=500.0, weight_sd_g=500.0),
    )
    plates = tuple(Plate(id=str(n + 1), xy_m=(0.1 * n, 0.0), size_m=(0.1, 0.4)) for n in range(6))

    def gondola(name: str, pose: Pose, *skus: str) -> Gondola:
        facings = tuple(
            Facing(
                id=f"f{n}",
                sku=Sku(sku),
                x_m=(0.2 * n, 0.2 * n + 0.2),
                plates=(str(2 * n + 1), str(2 * n + 2)),
            )
            for n, sku in enumerate(skus)
        )
        shelf = Shelf(
            id="1",
            gondola_from_shelf=Pose(translation_m=(0.0, 0.0, 0.9)),
            size_m=(0.6, 0.4, 0.3),
            reports_picks=NodeId("plates-1"),
            plate=plates,
            facing=facings,
        )
        return Gondola(id=name, store_from_gondola=pose, size_m=(0.6, 0.4, 1.8), shelf=(shelf,))

    return Layout(
        store=StoreInfo(id=StoreId("shop"), name="Shop"),
        product=products,
        gondola=(
            gondola("1", Pose(), "tea", "gum"),
            gondola(
                "2",
                Pose(translation_m=(0.6, -4.0, 0.0), rotation_rad=(0.0, 0.0, math.pi)),
                "nuts",
                "towels",
            ),
        ),
    )


def label(
    time: str | float,
    name: str | None,
    place: str,
    *,
    shopper: str = "a",
    back: bool = False,
    weight_g: float = 1.0,
    count: int = 1,
) -> dict[str, object]:
    """One event; `place` is gondola/shelf/plate,plate."""
    gondola, shelf, plates = place.split("/")
    return {
        "time": f"2020-01-02_03-{time}" if isinstance(time, str) and len(time) == 5 else time,
        "shopper": shopper,
        "gondola": int(gondola),
        "shelf": int(shelf),
        "plates": [int(plate) for plate in plates.split(",") if plate],
        "putback": int(back),
        "products": [{"name": name, "gtin": "", "weight_g": weight_g}] * count if name else [],
    }


def made(*events: dict[str, object], seed: int = 0, layout: Layout | None = None) -> Made:
    raw = json.dumps([{"dataset": "visit", "events": events}]).encode()
    return scenarios_of(raw, layout or shop(), seed)


def changes(cleaned: tuple[Cleaned, ...], *kinds: Change) -> list[tuple[int | None, str]]:
    return [(one.event, one.why) for one in cleaned if one.what in kinds]


def deeds(layout: Layout, scenario: Scenario) -> list[tuple[str, str, str, int, str]]:
    """Who does what, by time; two hands of one reach in a fixed order."""
    actions = Timeline(scenario, layout).actions
    return [(a.shopper, a.kind.value, str(a.sku), a.quantity, str(a.facing)) for a in actions]


def receipts(layout: Layout, scenario: Scenario) -> dict[str, dict[str, int]]:
    truth = truth_of(Timeline(scenario, layout))
    return {receipt.shopper: dict(receipt.items) for receipt in truth.receipts}


# What labels say


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2019-11-07_02-35-28", 0.0),
        ("11_07_2019_02:35:29", 1.0),
        ("0:02 + 2019-11-07_02-35-28", 2.0),
        ("1:00:03+2019-11-07_01-35-28", 3.0),
        ("2019-11-07 02:35:32", 4.0),
        ("2019-11-07T02:35:33.5", 5.5),
    ],
)
def test_times_are_read_in_each_form(text: str, seconds: float) -> None:
    start = parse_stamp("2019-11-07_02-35-28")
    assert parse_stamp(text).at_s - start.at_s == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"time": "noon"}, "time 'noon': expected"),
        ({"time": "2019-13-07_02-35-28"}, "month must be in 1..12"),
        ({"putback": 2}, "putback"),
        ({"plates": "7"}, "plates"),
        ({"shopper": None}, "shopper"),
        ({"products": [{"name": 5}]}, "products"),
    ],
)
def test_a_label_that_cannot_be_read_is_named_by_visit_and_event(
    event: dict[str, object], said: str
) -> None:
    bad = label("00:09", "Gum", "1/1/3") | event
    raw = json.dumps([{"dataset": "v-7", "events": [label("00:01", "Gum", "1/1/3"), bad]}])
    with pytest.raises(LabelError, match="visit 'v-7', event 1: ") as found:
        read_visits(raw.encode())
    assert said in str(found.value)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'[{"dataset": "x", "events": []}]', b"\xff"])
def test_what_is_no_file_of_visits_is_refused(raw: bytes) -> None:
    with pytest.raises(LabelError):
        read_visits(raw)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (label("00:09", "Gum", "9/1/3"), "no shelf '9/1'"),
        (label("00:09", "Gum", "2/1/44"), "names no plate of shelf '2/1'"),
        (label("00:09", None, "1/1/5"), "does not say what"),
        (label("2020-01-03_03-00-00", "Gum", "1/1/3"), "no visit takes that long"),
    ],
)
def test_a_label_that_does_not_fit_the_store_is_named_by_visit_and_event(
    event: dict[str, object], said: str
) -> None:
    with pytest.raises(LabelError, match="visit 'visit', event 1: .*" + said):
        made(label("00:01", "Gum", "1/1/3"), event)


# What happens in the scenario


def test_events_happen_in_order_of_their_time_at_the_planograms_place() -> None:
    layout, scenarios, cleaned = made(
        label("00:40", "Nuts", "2/1/2"),
        label("00:10", "Green Tea", "1/1/1,2", weight_g=540.0),
        label("00:20", "Green Tea", "1/1/1,2", weight_g=540.0, back=True),
    )
    assert deeds(layout, scenarios["visit"]) == [
        ("shopper-1", "take", "tea", 1, "1/1/f0"),
        ("shopper-1", "put_back", "tea", 1, "1/1/f0"),
        ("shopper-1", "take", "nuts", 1, "2/1/f0"),
    ]
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {"nuts": 1}}
    assert [event for event, _ in changes(cleaned, Change.ORDER)] == [1, 2]
    assert [event for event, _ in changes(cleaned, Change.WEIGHT)] == [0]


def test_an_offset_that_was_added_up_already_is_a_time() -> None:
    film = "2020-01-02_03-00-00"
    layout, scenarios, cleaned = made(
        label(f"10:03 + {film}", "Gum", "1/1/3"),
        label("10:20 + 2020-01-02_03-10-22", "Nuts", "2/1/1"),
    )
    first, second = Timeline(scenarios["visit"], layout).actions
    assert second.t_s - first.t_s == pytest.approx(19.0, abs=1.5)
    assert [event for event, _ in changes(cleaned, Change.TIME)] == [1]


def test_what_the_label_does_not_know_is_what_the_planogram_has_there() -> None:
    layout, scenarios, cleaned = made(
        label("00:10", None, "1/1/4"), label("00:30", "UNKNOWN", "2/1/1", weight_g=0.0)
    )
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {"gum": 1, "nuts": 1}}
    assert [event for event, _ in changes(cleaned, Change.PRODUCT)] == [0, 1]


def test_a_product_the_store_lacks_stands_where_it_is_taken_and_weighs_what_is_labelled() -> None:
    layout, scenarios, cleaned = made(
        label("00:10", "Crisps", "1/1/4,5", weight_g=62.5),
        label("00:20", "Crisps", "1/1/4,5", weight_g=62.5, back=True),
        label("00:40", "Crisps", "1/1/5", weight_g=62.5),
    )
    assert layout_problems(layout) == []
    facing = layout.facings()[FacingId("1/1/4-5.also")][1]
    assert facing.sku == "crisps"
    assert facing.plates == ("4", "5")
    assert facing.x_m == pytest.approx((0.3, 0.5))
    assert layout.products()[Sku("crisps")].weight_g == 62.5
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {"crisps": 1}}
    assert len(changes(cleaned, Change.PLACE)) == 1
    standing = Timeline(scenarios["visit"], layout).standing(0.0)
    assert FacingId("1/1/f1") not in standing, "gum is not under the crisps"


def test_an_article_is_known_by_its_gtin_whatever_it_is_called() -> None:
    event = label("00:10", "NUTS wholesale 24pk", "2/1/1")
    event["products"] = [{"name": "NUTS wholesale", "gtin": "4006381333931", "weight_g": 200.0}]
    layout, scenarios, _ = made(event)
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {"nuts": 1}}
    assert layout.products() == shop().products()


def test_the_planograms_weight_wins_unless_it_is_a_placeholder_itself() -> None:
    layout, _, cleaned = made(
        label("00:10", "Gum", "1/1/3", weight_g=77.0),
        label("00:30", "Towels", "2/1/3", weight_g=415.0),
    )
    assert layout.products()[Sku("gum")].weight_g == 30.0
    assert layout.products()[Sku("towels")].weight_g == 415.0
    assert layout.products()[Sku("towels")].weight_sd_g == 0.0
    assert [event for event, _ in changes(cleaned, Change.WEIGHT)] == [0, 1]


def test_a_put_back_of_what_was_never_taken_was_taken_before() -> None:
    layout, scenarios, cleaned = made(
        label("00:10", "Gum", "1/1/3"), label("00:20", "Green Tea", "1/1/2", back=True)
    )
    assert [deed[:3] for deed in deeds(layout, scenarios["visit"])] == [
        ("shopper-1", "take", "gum"),
        ("shopper-1", "take", "tea"),
        ("shopper-1", "put_back", "tea"),
    ]
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {"gum": 1}}
    assert [event for event, _ in changes(cleaned, Change.MISSING)] == [1]


def test_a_put_back_of_what_somebody_else_took_was_handed_over_and_is_not_charged() -> None:
    layout, scenarios, cleaned = made(
        label("00:10", "Green Tea", "1/1/1", shopper="a"),
        label("00:12", "Gum", "1/1/4", shopper="b"),
        label("00:30", "Green Tea", "1/1/1", shopper="b", back=True),
    )
    steps = [step.action for shopper in scenarios["visit"].shopper for step in shopper.do]
    assert steps.count(Deed.HAND_OVER) == 1
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {}, "shopper-2": {"gum": 1}}
    assert [event for event, _ in changes(cleaned, Change.MISSING)] == [2]


def test_what_somebody_put_in_a_wrong_place_is_taken_from_there() -> None:
    layout, scenarios, cleaned = made(
        label("00:10", "Gum", "1/1/3", shopper="a"),
        label("00:20", "Gum", "2/1/1,2", shopper="a", back=True),
        label("00:25", "Gum", "2/1/2", shopper="b"),
    )
    assert [deed[4] for deed in deeds(layout, scenarios["visit"])] == ["1/1/f1", "2/1/f0", "2/1/f0"]
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {}, "shopper-2": {"gum": 1}}
    assert changes(cleaned, Change.PLACE) == []


def test_several_products_of_one_event_are_taken_with_both_hands() -> None:
    event = label("00:10", "Green Tea", "1/1/2,3")
    event["products"] = [{"name": name} for name in ("Green Tea", "Gum", "Gum")]
    layout, scenarios, _ = made(event)
    (step,) = scenarios["visit"].shopper[0].do
    assert step.other_hand is not None
    assert (step.sku, step.quantity) == ("tea", 1)
    assert (step.other_hand.sku, step.other_hand.quantity) == ("gum", 2)
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {"tea": 1, "gum": 2}}


def test_more_than_a_facing_holds_are_stocked() -> None:
    layout, scenarios, _ = made(label("00:10", "Gum", "1/1/3", count=12))
    assert receipts(layout, scenarios["visit"]) == {"shopper-1": {"gum": 12}}


def test_walks_get_the_time_they_need_and_nothing_is_reordered() -> None:
    layout, scenarios, cleaned = made(
        label("00:10", "Gum", "1/1/3"),
        label("00:11", "Nuts", "2/1/1"),
        label("00:12", "Green Tea", "1/1/1"),
    )
    scenario = scenarios["visit"]
    assert [deed[2] for deed in deeds(layout, scenario)] == ["gum", "nuts", "tea"]
    assert scenario.shopper[0].walk_mps <= FASTEST_MPS
    timeline = Timeline(scenario, layout)
    for one, two in pairwise(timeline.actions):
        assert two.t_s - one.t_s > 2.5 / FASTEST_MPS
    at_s = [n * 0.05 for n in range(int(scenario.duration_s / 0.05))]
    places = [timeline.shoppers(t)[0].xy_m for t in at_s if timeline.shoppers(t)]
    # A leg's ramps make its middle a little faster than the way over the time.
    assert max(math.dist(a, b) for a, b in pairwise(places)) / 0.05 < 1.05 * FASTEST_MPS
    assert {event for event, _ in changes(cleaned, Change.PACE)} == {1, 2}


def test_the_seed_varies_times_and_never_what_happens() -> None:
    events = [
        label("00:10", "Gum", "1/1/3", shopper="a"),
        label("00:10", "Gum", "1/1/3", shopper="a", back=True),
        label("00:10", "Nuts", "2/1/1", shopper="b"),
        label("00:50", "Gum", "1/1/4", shopper="b"),
    ]
    runs = [made(*events, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (scenarios["visit"] for _, scenarios, _ in runs)
    assert dump_scenario(first) == dump_scenario(again)
    assert first != other
    assert {s.enter_s for s in first.shopper}.isdisjoint(s.enter_s for s in other.shopper)
    for name in ("shopper-1", "shopper-2"):
        mine = [
            [deed for deed in deeds(layout, scenarios["visit"]) if deed[0] == name]
            for layout, scenarios, _ in runs
        ]
        assert mine[0] == mine[1] == mine[2]


names = st.sampled_from(["Green Tea", "Gum", "Nuts", "Towels", "Crisps", "UNKNOWN", None])
odd_labels = st.lists(
    st.builds(
        label,
        st.integers(0, 40).map(lambda second: f"01:{second:02d}"),
        names,
        st.sampled_from(["1/1/1", "1/1/2,3", "1/1/4", "2/1/1,2", "2/1/3,4"]),
        shopper=st.sampled_from("abc"),
        back=st.booleans(),
        weight_g=st.sampled_from([0.0, 1.0, 33.0, 500.0]),
        count=st.integers(1, 3),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=40, deadline=None)
@given(odd_labels)
def test_any_labels_that_fit_the_store_can_be_played(events: Labels) -> None:
    layout, scenarios, _ = made(*events)
    scenario = scenarios["visit"]
    assert layout_problems(layout) == []
    assert scenario_problems(scenario, layout) == []
    timeline = Timeline(scenario, layout)
    labelled = 0
    for event in events:
        assert isinstance(event["products"], list)
        labelled += len(event["products"]) or 1
    moved = sum(a.quantity for a in timeline.actions)
    assert moved >= labelled, "no label is dropped"
    assert {a.kind for a in timeline.actions} <= {ActionKind.TAKE, ActionKind.PUT_BACK}
    enters_s = sorted(passage.enter_s for passage in timeline.passages)
    assert all(b - a >= 7.9 for a, b in pairwise(enters_s)), "one at a time through the gate"


# The store's labels


@pytest.fixture(scope="module")
def store_layout(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return import_store(shared_data, tmp_path_factory.mktemp("store") / "layout.toml")


@pytest.fixture(scope="module")
def labels(shared_data: Path) -> Path:
    return shared_data / "store-aifi" / "visits.json"


def labelled_receipts(events: list[dict[str, object]], layout: Layout) -> list[Counter[str]]:
    """Picks less put-backs of each shopper by the raw labels, with arithmetic of its own."""
    by_shopper: dict[object, Counter[str]] = {}
    on_plate = {
        (shelf, plate): str(facing.sku)
        for shelf, facing in layout.facings().values()
        for plate in facing.plates
    }
    for event in events:
        mine = by_shopper.setdefault(event["shopper"], Counter())
        shelf, plates = f"{event['gondola']}/{event['shelf']}", event["plates"]
        assert isinstance(plates, list)
        assert isinstance(event["products"], list)
        names = [str(sku_from_name(product["name"])) for product in event["products"]] or [""]
        for name in names:
            sku = {"wholesale-sour-patch-watermelon": "sour-patch-watermelon"}.get(name, name)
            if sku in ("", "unknown"):
                sku = on_plate[shelf, str(plates[0])]  # type: ignore[index]
            mine[sku] += -1 if event["putback"] else 1
    return [+mine for mine in by_shopper.values()]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_receipts_of_twenty_visits_are_those_of_their_labels(
    store_layout: Path, labels: Path, seed: int
) -> None:
    store = load_layout(store_layout)
    layout, scenarios, _ = scenarios_of(labels.read_bytes(), store, seed)
    visits = json.loads(labels.read_bytes())
    assert layout_problems(layout) == []
    assert len(scenarios) == len(visits) == 20
    for visit, scenario in zip(visits, scenarios.values(), strict=True):
        truth = truth_of(Timeline(scenario, layout))
        told = sorted(sorted(dict(receipt.items).items()) for receipt in truth.receipts)
        mine = labelled_receipts(visit["events"], store)
        assert told == sorted(sorted(one.items()) for one in mine), visit["dataset"]


def test_the_command_writes_what_can_be_loaded_and_tells_every_change(
    store_layout: Path, labels: Path, tmp_path: Path
) -> None:
    command = ["scenario", "autocheckout", str(labels), "--layout", str(store_layout), "--json"]
    done = CliRunner().invoke(simulate, [*command, "-o", str(tmp_path), "--seed", "3"])
    assert done.exit_code == 0, done.output
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert ("cps-test-21", 1, "product") in [(t["visit"], t["event"], t["what"]) for t in told]
    layout = load_layout(tmp_path / "layout.toml")
    files = sorted(path for path in tmp_path.glob("*.toml") if path.name != "layout.toml")
    assert len(files) == 20
    for path in files:
        scenario = load_scenario(path, layout)
        assert scenario.plates.kind is PlateKind.STORE60
    checked = CliRunner().invoke(
        simulate, ["scenario", "check", str(files[0]), "--layout", str(tmp_path / "layout.toml")]
    )
    assert checked.exit_code == 0, checked.output
    assert "shopper-1 comes in" in checked.stdout
    assert "shopper-1 pays for" in checked.stdout


def test_check_names_what_is_wrong_with_a_scenario(repository: Path, tmp_path: Path) -> None:
    demo = repository / "simulator/tebura_simulator/demo"
    good = demo / "scenarios/two-in-turn.toml"
    bad = tmp_path / "bad.toml"
    bad.write_text(good.read_text().replace('sku = "', 'sku = "no-such-'))
    assert load_toml(good, Scenario).shopper
    done = CliRunner().invoke(
        simulate, ["scenario", "check", str(bad), "--layout", str(demo / "layout.toml")]
    )
    assert done.exit_code == 2
    assert "shopper[0].do[0].sku" in done.stderr


def test_the_command_names_visit_and_event_of_labels_it_cannot_use(
    repository: Path, tmp_path: Path
) -> None:
    visits = tmp_path / "visits.json"
    visits.write_text(json.dumps([{"dataset": "v", "events": [label("00:01", "x", "1/1/1")] * 2}]))
    visits.write_text(visits.read_text().replace("2020-01-02_03-00:01", "later", 1))
    layout = repository / "simulator/tebura_simulator/demo/layout.toml"
    command = ["scenario", "autocheckout", str(visits), "--layout", str(layout)]
    done = CliRunner().invoke(simulate, [*command, "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "visit 'v', event 0: time 'later'" in done.stderr
    assert "event 1" not in done.stderr
    assert not (tmp_path / "out").exists()
