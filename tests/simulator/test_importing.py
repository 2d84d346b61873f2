"""CSV plate readings and films become recordings."""

import math
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tebura_contract.layout import Layout, load_layout
from tebura_contract.recording import CompressedVideo, CountBatch
from tebura_edge.recorder import RecordingReader
from tebura_simulator.cli import app
from tebura_simulator.footage import H264Encoder, decode_all, h264_frames
from tebura_simulator.plate_csv import PlateCsvError, read_plates, steady_time_s
from typer.testing import CliRunner

LAYOUT = """
[store]
id = "lab"
name = "Lab"
[[gondola]]
id = "1"
store_from_gondola = {}
size_m = [1.0, 0.5, 1.5]
[[gondola.shelf]]
id = "2"
gondola_from_shelf = {}
size_m = [1.0, 0.4, 0.3]
reports_picks = "plates-1"
plate = [
    { id = "3", xy_m = [0.0, 0.0], size_m = [0.3, 0.3] },
    { id = "4", xy_m = [0.4, 0.0], size_m = [0.3, 0.3] },
]
[[camera]]
label = "aisle"
node = "camera-1"
intrinsics = { size_px = [64, 48], focal_px = [50.0, 50.0], center_px = [32.0, 24.0] }
store_from_camera = {}
"""
HEADER = "timestamp,gondola,shelf,plate,grams\n"


@pytest.fixture
def layout_file(tmp_path: Path) -> Path:
    path = tmp_path / "layout.toml"
    path.write_text(LAYOUT)
    return path


@pytest.fixture
def layout(layout_file: Path) -> Layout:
    return load_layout(layout_file)


def write_csv(folder: Path, lines: list[str]) -> Path:
    path = folder / "plates.csv"
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path


def run_import(layout_file: Path, *arguments: str) -> tuple[int, str, Path]:
    out = layout_file.parent / "out.mcap"
    command = ["import", "--layout", str(layout_file), *arguments, "-o", str(out)]
    result = CliRunner().invoke(app, command)
    return result.exit_code, result.output, out


def imported(path: Path) -> tuple[list[int], list[tuple[int | None, ...]]]:
    with RecordingReader(path) as reader:
        batches = [r.message for r in reader.messages(["/counts/plates-1"])]
    at_ns, rows = [], []
    for batch in batches:
        assert isinstance(batch, CountBatch)
        at_ns += [int(ns) for ns in batch.at_ns]
        rows += list(batch.counts)
    return at_ns, rows


def test_grams_become_hundredths_and_what_was_not_read_stays_unread(layout_file: Path) -> None:
    lines = ["100.0,1,2,3,12.34", "100.0,1,2,4,", "100.1,1,2,3,NaN", "100.1,1,2,4,-0.56"]
    plates = write_csv(layout_file.parent, lines)
    code, output, out = run_import(layout_file, "--plates", str(plates))
    assert code == 0, output
    at_ns, rows = imported(out)
    assert at_ns == [100_000_000_000, 100_100_000_000]
    assert rows == [(1234, None), (None, -56)]


def test_plates_read_one_after_another_share_rows(layout_file: Path) -> None:
    lines = []
    for n in range(50):
        lines += [f"{100 + n / 10},1,2,3,5", f"{100 + n / 10 + 0.04},1,2,4,6"]
    plates = write_csv(layout_file.parent, lines)
    code, output, out = run_import(layout_file, "--plates", str(plates))
    assert code == 0, output
    assert imported(out)[1] == [(500, 600)] * 50


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("100.0,1,2,3", "line 2: 4 values, expected 5"),
        ("noon,1,2,3,5", "line 2: timestamp 'noon' is no number"),
        ("1573090828000,1,2,3,4", "line 2: timestamp '1573090828000' is no time in seconds"),
        ("inf,1,2,3,4", "line 2: timestamp 'inf' is no time"),
        ("100.0,1,2,3,heavy", "line 2: grams 'heavy' is no number"),
        ("-5,1,2,3,4", "line 2: timestamp '-5' is no time"),
        ("100.0,9,9,9,5", "1/2/3"),
    ],
)
def test_a_bad_line_is_named(layout: Layout, tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(PlateCsvError) as caught:
        read_plates(write_csv(tmp_path, [line]), layout)
    if said == "1/2/3":
        assert "no plate of the layout" in str(caught.value)
        assert "9/9/9 (line 2)" in str(caught.value)
    else:
        assert said in str(caught.value)


def test_a_wrong_header_says_what_it_must_be(layout: Layout, tmp_path: Path) -> None:
    path = tmp_path / "plates.csv"
    path.write_text("time,grams\n1,2\n")
    with pytest.raises(PlateCsvError, match="lacks timestamp, gondola, shelf, plate"):
        read_plates(path, layout)


def test_an_unknown_plate_is_left_out_and_named(layout_file: Path) -> None:
    plates = write_csv(layout_file.parent, ["100.0,1,2,3,5", "100.0,1,2,99,5"])
    code, output, out = run_import(layout_file, "--plates", str(plates))
    assert code == 0
    assert "line 3: no plate 1/2/99" in output
    assert imported(out)[1] == [(500,)]


def test_a_clock_set_back_goes_on_where_it_was(layout: Layout, tmp_path: Path) -> None:
    forward = [f"{1000 + n / 10},1,2,3,5" for n in range(100)]
    back = [f"{400 + n / 10},1,2,3,5" for n in range(100)]
    time_s, steps = steady_time_s(read_plates(write_csv(tmp_path, forward + back), layout))
    assert [round(step.back_s, 3) for step in steps] == [609.9]
    assert np.allclose(np.diff(time_s), 0.1)


def test_a_late_batch_moves_nothing_after_it(layout: Layout, tmp_path: Path) -> None:
    written = [1000.0, 1000.2, 1000.4, 1000.3, 1000.5, 1000.6]
    path = write_csv(tmp_path, [f"{t},1,2,3,5" for t in written])
    time_s, steps = steady_time_s(read_plates(path, layout))
    assert steps == []
    assert time_s.tolist() == [1000.0, 1000.2, 1000.4, 1000.4, 1000.5, 1000.6]


def test_a_file_sorted_by_plate_keeps_its_times(layout: Layout, tmp_path: Path) -> None:
    lines = [f"{1000 + n / 10},1,2,{plate},5" for plate in (3, 4) for n in range(100)]
    readings = read_plates(write_csv(tmp_path, lines), layout)
    time_s, steps = steady_time_s(readings)
    assert steps == []
    assert np.array_equal(time_s, readings.time_s)


def test_batches_longer_than_a_second_are_no_step_back(layout: Layout, tmp_path: Path) -> None:
    lines = [
        f"{1000 + (12 * batch + n) / 10},1,2,{plate},5"
        for batch in range(20)
        for plate in (3, 4)
        for n in range(12)
    ]
    readings = read_plates(write_csv(tmp_path, lines), layout)
    time_s, steps = steady_time_s(readings)
    assert steps == []
    assert np.array_equal(time_s, readings.time_s)


@pytest.mark.parametrize("batch", [1, 12], ids=["row-by-row", "plate-by-plate-in-batches"])
def test_a_step_back_moves_all_plates_alike(layout: Layout, tmp_path: Path, batch: int) -> None:
    true_s, lines = [], []
    for start in range(0, 240, batch):
        for plate in (3, 4):
            for n in range(start, start + batch):
                true_s.append(1000 + n / 10)
                lines.append(f"{true_s[-1] - (500 if n >= 120 else 0)},1,2,{plate},5")
    time_s, steps = steady_time_s(read_plates(write_csv(tmp_path, lines), layout))
    assert len(steps) == 1
    assert np.allclose(time_s, true_s)


def test_one_clock_of_two_set_back_does_not_move_the_other(layout: Layout, tmp_path: Path) -> None:
    lines = []
    for n in range(200):
        lines.append(f"{1000 + n / 10 - (300 if n >= 100 else 0)},1,2,3,5")
        lines.append(f"{1000 + n / 10},1,2,4,5")
    time_s, steps = steady_time_s(read_plates(write_csv(tmp_path, lines), layout))
    assert len(steps) == 1
    assert np.allclose(time_s[1::2], 1000 + np.arange(200) / 10)
    assert np.allclose(time_s[::2], time_s[1::2], atol=0.2)


def test_a_batch_that_bears_one_time_is_spread_up_to_the_next(
    layout: Layout, tmp_path: Path
) -> None:
    starts_s = [1000.0, 1000.2, 1000.4, 1003.0, 1003.2]
    lines = [f"{start_s},1,2,3,5" for start_s in starts_s for _ in range(12)]
    time_s, steps = steady_time_s(read_plates(write_csv(tmp_path, lines), layout))
    assert steps == []
    spread_s = time_s.reshape(5, 12)
    assert np.array_equal(spread_s[:, 0], starts_s)
    for batch in (0, 1, 3, 4):
        assert np.allclose(np.diff(spread_s[batch]), 0.2 / 12)
    assert spread_s[2, -1] < 1000.8, "not spread over the gap"


@settings(max_examples=60, deadline=None)  # files are written: a busy disk is no failure
@given(st.lists(st.floats(0, 5000, allow_nan=False), min_size=1, max_size=60))
def test_time_never_runs_backwards_whatever_the_file_says(times: list[float]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        layout_file = Path(folder) / "layout.toml"
        layout_file.write_text(LAYOUT)
        path = write_csv(Path(folder), [f"{t!r},1,2,3,1" for t in times])
        time_s, _ = steady_time_s(read_plates(path, load_layout(layout_file)))
    assert (np.diff(time_s) >= 0).all()
    assert time_s[0] == times[0]


def make_film(path: Path, count: int) -> list[int]:
    """A film whose frames are grey, each a little brighter; returns their grey levels."""
    levels = [40 + 8 * n for n in range(count)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in levels:
            picture = np.full((48, 64, 3), level, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return levels


def test_a_film_keeps_every_frame_its_time_and_its_picture(layout_file: Path) -> None:
    film = layout_file.parent / "film.mp4"
    levels = make_film(film, 12)
    code, output, out = run_import(layout_file, "--video", f"aisle={film}@500.5")
    assert code == 0, output
    with RecordingReader(out) as reader:
        frames = [r.message for r in reader.messages(["/video/aisle"])]
        times = [r.at_ns / 1e9 for r in reader.messages(["/video/aisle"])]
    assert times == pytest.approx([500.5 + n / 10 for n in range(12)])
    units = [frame.data for frame in frames if isinstance(frame, CompressedVideo)]
    seen = [picture.mean() for picture in decode_all(units) if picture is not None]
    assert seen == pytest.approx(levels, abs=3)


def test_a_film_of_an_unknown_camera_is_refused(layout_file: Path) -> None:
    code, output, out = run_import(layout_file, "--video", "attic=film.mp4")
    assert code == 2
    assert "the layout has no camera 'attic'" in output
    assert not out.exists()


def test_a_file_that_is_no_film_is_refused_and_leaves_nothing(layout_file: Path) -> None:
    film = layout_file.parent / "film.mp4"
    film.write_text("no film")
    code, output, out = run_import(layout_file, "--video", f"aisle={film}")
    assert code == 2
    assert "film.mp4: cannot be read as video" in output
    assert not out.exists()


def test_frames_come_out_of_the_encoder_one_by_one(tmp_path: Path) -> None:
    encoder = H264Encoder((64, 48), 10.0)
    units = [encoder.encode(np.full((48, 64, 3), 60 + n, np.uint8)) for n in range(5)]
    assert all(units)
    assert sum(p is not None for p in decode_all(units)) == 5
    film = tmp_path / "film.mp4"
    make_film(film, 7)
    assert [round(t, 6) for t, _ in h264_frames(film)] == [round(n / 10, 6) for n in range(7)]


def test_an_infinite_weight_counts_as_not_read(layout: Layout, tmp_path: Path) -> None:
    readings = read_plates(write_csv(tmp_path, ["1,1,2,3,inf", "2,1,2,3,7"]), layout)
    assert math.isnan(readings.grams[0])
    assert readings.grams[1] == 7
