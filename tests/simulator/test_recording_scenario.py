"""A scenario's recording holds its plates, its films, its codes and its truth, all in step."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tebura_contract.layout import load_layout
from tebura_contract.recording import CompressedVideo, CountBatch, Screen
from tebura_contract.truth import OutcomeKind
from tebura_edge.recorder import RecordingReader
from tebura_simulator.cli import app
from tebura_simulator.footage import h264_frames
from tebura_simulator.recording_scenario import record_scenario
from tebura_simulator.recordings import truth_of
from tebura_simulator.story.scenario import load_scenario
from tebura_simulator.story.timeline import Timeline
from tebura_simulator.take import load_take
from typer.testing import CliRunner

DEMO = Path("simulator/tebura_simulator/demo")
NAMES = ("1-take-two-put-one-back", "2-two-in-turn", "3-just-looking")


def scenario_of(name: str) -> str:
    return name.partition("-")[2]


@pytest.mark.parametrize("name", NAMES)
def test_the_demo_s_recordings_are_what_recording_their_scenarios_gives(
    repository: Path, require_file: Callable[[Path], Path], tmp_path: Path, name: str
) -> None:
    demo = repository / DEMO
    kept = require_file(demo / "recordings" / f"{name}.mcap")
    out = tmp_path / kept.name
    scenario = demo / "scenarios" / f"{scenario_of(name)}.toml"
    footage = demo / "footage" / scenario_of(name)
    record_scenario(scenario, demo / "layout.toml", out, footage)
    with RecordingReader(kept) as before, RecordingReader(out) as now:
        assert before.topics() == now.topics()
        assert before.attachments() == now.attachments()
        for attachment in now.attachments():
            assert before.attachment(attachment) == now.attachment(attachment), attachment
        assert list(before.messages()) == list(now.messages())


def test_films_codes_and_counts_lie_on_one_time(repository: Path) -> None:
    demo = repository / DEMO
    take = load_take(demo / "recordings" / f"{NAMES[0]}.mcap")
    layout = load_layout(demo / "layout.toml")
    timeline = Timeline(
        load_scenario(demo / "scenarios" / "take-two-put-one-back.toml", layout), layout
    )
    passage = timeline.passages[0]
    shown = [
        at_s
        for track in take.cameras.values()
        for at_s, screen in zip(track.at_s, track.screen, strict=True)
        if screen is not None
    ]
    assert passage.code_from_s is not None
    assert passage.code_to_s is not None
    assert min(shown) <= passage.code_from_s + 0.1
    assert max(shown) >= passage.code_to_s - 0.1
    assert max(shown) - min(shown) < passage.code_to_s - passage.code_from_s + 1.0
    assert take.accounts() == ("hana",)
    assert take.duration_s == pytest.approx(timeline.duration_s, abs=0.2)
    for track in take.cameras.values():
        frames = list(
            h264_frames(demo / "footage" / "take-two-put-one-back" / f"{track.camera}.mp4")
        )
        assert track.at_s == pytest.approx([t_s for t_s, _ in frames], abs=1e-6)


def test_the_truth_says_what_was_taken_put_back_and_bought(repository: Path) -> None:
    with RecordingReader(repository / DEMO / "recordings" / f"{NAMES[0]}.mcap") as reader:
        truth = truth_of(reader)
    assert truth is not None
    assert [(e.kind, e.sku, e.shopper) for e in truth.events] == [
        (OutcomeKind.PICK, "green-tea", "hana"),
        (OutcomeKind.PICK, "melon-pan", "hana"),
        (OutcomeKind.RETURN, "melon-pan", "hana"),
    ]
    assert [(r.shopper, r.items) for r in truth.receipts] == [("hana", {"green-tea": 1})]


def test_plates_alone_are_recorded_without_any_film(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mcap"
    scenario = repository / DEMO / "scenarios" / "two-in-turn.toml"
    result = CliRunner().invoke(app, ["record", str(scenario), "--plates-only", "-o", str(out)])
    assert result.exit_code == 0, result.output
    with RecordingReader(out) as reader:
        kinds = {type(recorded.message) for recorded in reader.messages()}
    assert CountBatch in kinds
    assert not {CompressedVideo, Screen} & kinds


def test_footage_of_another_version_of_the_scenario_is_refused(
    repository: Path, tmp_path: Path
) -> None:
    demo = repository / DEMO
    scenario = tmp_path / "two-in-turn.toml"
    text = (demo / "scenarios" / "two-in-turn.toml").read_text()
    assert "quantity = 2" in text
    scenario.write_text(text.replace("quantity = 2", "quantity = 1"))
    footage = demo / "footage" / "two-in-turn"
    arguments = ["record", str(scenario), "--footage", str(footage), "-o", str(tmp_path / "x.mcap")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "was not drawn from this version of 'two-in-turn'" in result.output
    assert not (tmp_path / "x.mcap").exists()
