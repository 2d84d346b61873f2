"""A recording as a page: what it is told, how large it may be, and that it moves in a browser."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tebura_contract.clock import SECOND_NS
from tebura_contract.geometry import Pose
from tebura_contract.ids import NodeId, PlateId, StoreId
from tebura_contract.layout import Gondola, Layout, Plate, Shelf, StoreInfo, load_layout
from tebura_edge.recorder import RecordingReader, RecordingWriter
from tebura_simulator.cli import app
from tebura_simulator.memory_reel import reel_of, write_message
from tebura_simulator.recording_scenario import record_scenario
from tebura_simulator.story.scenario import load_scenario
from tebura_simulator.view.directing import scene_of
from tebura_simulator.view.envelopes import MISSING, ROOM, Envelope, Trace, packed
from tebura_simulator.view.lanes import TRACE_BYTES, shelf_blocks
from tebura_simulator.view.rendering import page_of
from tebura_simulator.view.scene import Scene
from tebura_simulator.view.watching import watch
from typer.testing import CliRunner

from tests.web.screenshots import FLAGS

SIMULATOR = Path("simulator/tebura_simulator")
START = 1_700_000_000 * SECOND_NS
PLATE = PlateId("g/s/p")


def samples(values: np.ndarray, rate_hz: float = 60.0, from_s: float = 0.0) -> Envelope:
    envelope = Envelope((PLATE,), START)
    at_ns = START + ((from_s + np.arange(len(values)) / rate_hz) * SECOND_NS).astype(np.int64)
    for begin in range(0, len(values), 600):
        part = slice(begin, begin + 600)
        envelope.add(at_ns[part], values[part, None].astype(np.float32))
    return envelope


def unpacked(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    low = np.frombuffer(base64.b64decode(trace.low), "<i2").astype(np.float64)
    high = np.frombuffer(base64.b64decode(trace.high or trace.low), "<i2").astype(np.float64)
    low[low == MISSING] = high[high == MISSING] = np.nan
    return trace.base_g + trace.unit_g * low, trace.base_g + trace.unit_g * high


@pytest.mark.parametrize("glitch_g", [25_000.0, -33_000.0])
def test_a_glitch_of_one_sample_is_still_there_when_an_hour_is_thinned_to_a_page(
    glitch_g: float,
) -> None:
    values = np.full(3600 * 60, 500.0)
    values[77_777] = glitch_g
    low, high = unpacked(packed(samples(values).thinned(256), 0, START))
    assert len(low) <= 256
    seen = np.nanmax(high) if glitch_g > 0 else np.nanmin(low)
    assert seen == pytest.approx(glitch_g, rel=0.001)


def test_weights_come_through_to_a_gram_and_at_their_time() -> None:
    values = np.where(np.arange(600) < 300, 1500.0, 1388.0)
    trace = packed(samples(values, rate_hz=10.0).thinned(10_000), 0, START)
    low, high = unpacked(trace)
    at_s = trace.first_s + (np.arange(len(low)) + 0.5) * trace.width_s
    assert np.abs(low[at_s < 29] - 1500).max() < 1
    assert np.abs(high[at_s > 31] - 1388).max() < 1
    assert not np.isnan(low).any(), "10 Hz is no gap"


def test_a_scale_that_was_silent_shows_a_gap() -> None:
    values = np.full(1200, 800.0)
    values[300:900] = np.nan
    low, _ = unpacked(packed(samples(values).thinned(2000), 0, START))
    assert 0.45 < np.isnan(low).mean() < 0.55


def test_memory_does_not_grow_with_the_recording() -> None:
    envelope = samples(np.zeros(40_000), rate_hz=1.0)
    assert envelope.low.shape == (ROOM, 1)
    assert envelope.width_ns * ROOM >= 40_000 * SECOND_NS


def test_traces_of_306_plates_that_all_moved_stay_within_their_bytes() -> None:
    rng = np.random.default_rng(3)
    here = Pose(translation_m=(0.0, 0.0, 0.0))
    shelves = tuple(
        Shelf(
            id=str(number),
            gondola_from_shelf=here,
            size_m=(0.9, 0.4, 0.3),
            reports_picks=NodeId("plates"),
            plate=tuple(Plate(id=str(n), xy_m=(0.1 * n, 0.0), size_m=(0.1, 0.4)) for n in range(9)),
        )
        for number in range(34)
    )
    gondola = Gondola(id="g", store_from_gondola=here, size_m=(0.9, 0.4, 2.0), shelf=shelves)
    layout = Layout(store=StoreInfo(id=StoreId("s"), name="s"), gondola=(gondola,))
    envelopes = []
    for name, (_, shelf) in layout.shelves().items():
        envelope = Envelope(tuple(PlateId(f"{name}/{plate.id}") for plate in shelf.plate), START)
        at_ns = START + (np.arange(3600) / 60 * SECOND_NS).astype(np.int64)
        grams = rng.normal(900.0, 4.0, (3600, 9)).astype(np.float32)
        grams[1800:] -= 120.0
        envelope.add(at_ns, grams)
        envelopes.append(envelope)
    blocks = shelf_blocks(layout, envelopes, START, {})
    lanes = [lane for block in blocks for lane in block.plates]
    assert len(lanes) == 306
    assert all(lane.has_moved for lane in lanes)
    assert sum(len(lane.trace.low) + len(lane.trace.high) for lane in lanes) <= TRACE_BYTES
    assert len(unpacked(lanes[0].trace)[0]) >= 600, "at least ten moments a second are left"


@pytest.mark.parametrize(
    ("values", "is_open"),
    [
        pytest.param(np.full(3600, 900.0), False, id="still"),
        pytest.param(np.where(np.arange(3600) < 900, 900.0, 860.0), True, id="one-small-step"),
        pytest.param(np.linspace(900.0, 870.0, 3600), False, id="drifts-by-30-g-in-a-minute"),
        pytest.param(
            np.where(np.arange(3600) == 1500, 26_000.0, 900.0), False, id="one-glitch-of-25-kg"
        ),
        pytest.param(
            np.where(np.abs(np.arange(3600) - 1800) < 120, 9_000.0, 900.0), True, id="leaned-upon"
        ),
    ],
)
def test_a_shelf_is_open_when_something_moved_on_it(values: np.ndarray, is_open: bool) -> None:
    noise = np.random.default_rng(1).normal(0.0, 1.0, len(values))
    here = Pose(translation_m=(0.0, 0.0, 0.0))
    plate = Plate(id="p", xy_m=(0.0, 0.0), size_m=(0.1, 0.4))
    shelf = Shelf(
        id="s",
        gondola_from_shelf=here,
        size_m=(0.9, 0.4, 0.3),
        reports_picks=NodeId("plates"),
        plate=(plate,),
    )
    gondola = Gondola(id="g", store_from_gondola=here, size_m=(0.9, 0.4, 2.0), shelf=(shelf,))
    layout = Layout(store=StoreInfo(id=StoreId("s"), name="s"), gondola=(gondola,))
    (block,) = shelf_blocks(layout, [samples(values + noise)], START, {})
    assert block.is_open is is_open


@pytest.fixture(scope="module")
def chromium(require_program: Callable[[str], str]) -> Iterator[Browser]:
    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Callable[[Path], Page]]:
    """`opened(file)`: the page in a browser whose console stays silent and that asks nobody."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(10_000)
    page = context.new_page()
    spoken: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: spoken.append(message.text))
    page.on("pageerror", lambda error: spoken.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    def open_page(file: Path) -> Page:
        page.goto(f"file://{file}")
        return page

    yield open_page
    assert spoken == []
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []
    assert len([url for url in asked if url.startswith("file://")]) == 1, "one file is the page"
    context.close()


@pytest.fixture(scope="module")
def dark(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a visit with who-evidence in which a camera is blind when it matters."""
    stores = repository / SIMULATOR / "stores" / "corner.toml"
    layout = load_layout(stores)
    case = repository / SIMULATOR / "cases" / "corner" / "camera-blind-in-mid-pick.toml"
    folder = tmp_path_factory.mktemp("dark")
    reel_of(load_scenario(case, layout), layout, stores.read_bytes()).write(folder / "dark.mcap")
    done = CliRunner().invoke(
        app, ["view", str(folder / "dark.mcap"), "-o", str(folder / "d.html")]
    )
    assert done.exit_code == 0, done.output
    return folder / "d.html"


def test_the_cursor_moves_marks_people_and_carts_together(
    dark: Path, opened: Callable[[Path], Page]
) -> None:
    page = opened(dark)
    clock, cart = page.locator("#clock"), page.locator(".cart")
    expect(clock).to_contain_text("0.00 /")
    expect(cart.locator(".line")).to_have_count(0)
    expect(page.locator("[data-mark].is-ahead")).to_have_count(page.locator("[data-mark]").count())
    expect(page.locator(".walker")).to_have_count(0)

    page.keyboard.press("n")
    expect(page.locator("[data-mark].is-now").first).to_be_attached()
    expect(cart.locator(".line").first).to_contain_text("… +1")
    expect(page.locator(".walker").first).to_be_visible()
    standing = page.locator(".walker circle").first.get_attribute("cx")
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    assert page.locator(".walker circle").first.get_attribute("cx") != standing
    expect(cart.locator(".line")).to_have_count(0)

    page.keyboard.press("End")
    expect(page.locator("[data-mark].is-ahead")).to_have_count(0)
    expect(cart.locator(".line", has_text="? +1").first).to_be_attached()
    expect(cart.filter(has_text="おにぎり").first).to_be_visible()
    page.keyboard.press("Home")
    expect(cart.locator(".line")).to_have_count(0)


def test_what_was_blind_or_broken_is_marked_with_its_reason(
    dark: Path, opened: Callable[[Path], Page]
) -> None:
    page = opened(dark)
    blind = page.locator(".trouble", has_text="camera front blind").first
    blind.hover()
    expect(page.locator("#tip")).to_contain_text("17.0–25.0 s")
    expect(page.locator(".trouble", has_text="planted: camera blind front")).to_have_count(1)


def test_a_mark_tells_its_candidates(dark: Path, opened: Callable[[Path], Page]) -> None:
    page = opened(dark)
    page.locator("[data-mark=review]", has_text="おにぎり").first.hover()
    expect(page.locator("#tip")).to_contain_text("could be1 × おにぎり")
    expect(page.locator("#tip")).to_contain_text("blind front")


def test_time_is_played_dragged_and_zoomed(dark: Path, opened: Callable[[Path], Page]) -> None:
    page = opened(dark)
    overview = page.locator("#overview")
    box = overview.bounding_box()
    assert box is not None
    end_s = float(overview.get_attribute("aria-valuemax") or 0)
    page.mouse.move(box["x"] + 5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.up()
    assert float(overview.get_attribute("aria-valuenow") or 0) == pytest.approx(end_s / 2, abs=0.5)
    page.keyboard.press("+")
    page.keyboard.press("+")
    window = page.locator("#window").bounding_box()
    assert window is not None
    assert window["width"] == pytest.approx(box["width"] / 4, rel=0.05)
    page.keyboard.press("Home")
    expect(page.locator(".axis span").first).to_have_text("0 s")
    page.keyboard.press(" ")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("Number(document.getElementById('overview').ariaValueNow) > 0.5")
    page.keyboard.press(" ")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false")


def test_quiet_shelves_open_on_demand(dark: Path, opened: Callable[[Path], Page]) -> None:
    page = opened(dark)
    lanes = page.locator(".lane")
    shown = lanes.count()
    assert 0 < shown < 10
    page.locator("#quiet").click()
    head = page.locator(".shelf.is-folded .head").first
    head.click()
    page.locator(".more").last.click()
    assert lanes.count() > shown


@pytest.fixture(scope="module")
def plates_only(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo = repository / SIMULATOR / "demo"
    path = tmp_path_factory.mktemp("plates") / "two.mcap"
    scenario = demo / "scenarios" / "two-in-turn.toml"
    record_scenario(scenario, demo / "layout.toml", path, footage_folder=None)
    return path


def test_a_recording_of_plates_alone_shows_one_open_visit_and_its_end(
    plates_only: Path, opened: Callable[[Path], Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plates_only.parent)
    done = CliRunner().invoke(app, ["view", str(plates_only), "--open-end"])
    assert done.exit_code == 0, done.output
    page = opened(plates_only.with_suffix(".html"))
    expect(page.locator(".cart")).to_have_count(1)
    expect(page.locator(".cart .line:not(.differs)")).to_have_count(2)
    expect(page.locator("#people")).to_contain_text("nobody was tracked")
    expect(page.locator(".end tbody tr")).to_have_count(3)
    expect(page.locator(".end")).to_be_in_viewport()


def beginning(source: Path, target: Path, seconds: float) -> None:
    """The first seconds of a recording: its networks need not look at all of it."""
    with RecordingReader(source) as reader, RecordingWriter(target, reader.meta()) as writer:
        for name in reader.attachments():
            writer.attach(name, reader.attachment(name) or b"", "application/octet-stream")
        end_ns = int(reader.meta().start_ns) + seconds * SECOND_NS
        for recorded in reader.messages():
            if int(recorded.at_ns) <= end_ns:
                write_message(writer, recorded)


def test_a_recording_with_video_shows_that_there_are_frames_and_who_walked(
    repository: Path, opened: Callable[[Path], Page], tmp_path: Path
) -> None:
    demo = repository / SIMULATOR / "demo" / "recordings" / "3-just-looking.mcap"
    recording = tmp_path / "short.mcap"
    beginning(demo, recording, seconds=9)
    page_file = tmp_path / "looking.html"
    done = CliRunner().invoke(app, ["view", str(recording), "-o", str(page_file)])
    assert done.exit_code == 0, done.output
    page = opened(page_file)
    expect(page.locator(".film", has_text="frames, 10.")).to_have_count(2)
    pictures = page.locator("#cameras img")
    expect(pictures).to_have_count(2)
    first = pictures.first.get_attribute("src") or ""
    page.keyboard.press("End")
    expect(page.locator(".walker text")).to_have_text("A")
    assert pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 360
    assert first.startswith("data:image/jpeg;base64,")
    assert pictures.first.get_attribute("src") != first


def scene(path: Path) -> Scene:
    from tebura_simulator.reels import Reels

    with Reels([path]) as reel:
        *_, (_, watched) = watch(reel)
        return scene_of(reel, watched, opens_at_end=False)


def test_nothing_of_a_recording_is_taken_for_markup(
    plates_only: Path, opened: Callable[[Path], Page], tmp_path: Path
) -> None:
    nasty = "</script><script>document.title='taken'</script><b id=bold>"
    told = scene(plates_only)
    marks = tuple(replace(mark, name=nasty) for mark in told.marks)
    file = tmp_path / "nasty.html"
    file.write_text(page_of(replace(told, title=nasty, marks=marks)), "utf-8")
    page = opened(file)
    assert page.title() == nasty
    expect(page.locator("#bold")).to_have_count(0)
    expect(page.locator("[data-mark]").first).to_contain_text("</script>")


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    torn = tmp_path / "torn.mcap"
    torn.write_bytes(b"no recording")
    done = CliRunner().invoke(app, ["view", str(torn), "-o", str(tmp_path / "page.html")])
    assert done.exit_code == 2
    assert "torn.mcap: is no recording" in done.stderr
    assert not (tmp_path / "page.html").exists()
