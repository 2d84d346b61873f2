"""Recorded words, restarts and a broken wire in a replay: nothing lost, nothing twice."""

import hashlib
from functools import cache
from pathlib import Path

import msgspec
import pytest
from tebura_contract.clock import SECOND_NS
from tebura_contract.events import NodeStarted, SensorChanged, SensorKind
from tebura_contract.ids import MemberId, NodeId, Sku
from tebura_contract.messages import Watermark
from tebura_contract.recording import FAULTS_ATTACHMENT, SCENARIO_ATTACHMENT
from tebura_edge.recorder import Recorded, RecordingReader
from tebura_gateway.domain.decision import Decision, Reason, Status
from tebura_gateway.domain.judgement import Judgement
from tebura_simulator.cli import app
from tebura_simulator.epoch import START_NS
from tebura_simulator.memory_reel import MemoryReel, reel_of
from tebura_simulator.recordings import faults_of, truth_of
from tebura_simulator.replay import Replay, member_of
from tebura_simulator.stores import layout_file, store
from tebura_simulator.story.scenario import (
    NO_ERRORS,
    Deed,
    FaultKind,
    FaultScript,
    Scenario,
    ShopperScript,
    SightScript,
    Step,
    View,
    dump_scenario,
)
from typer.testing import CliRunner

from tests.simulator.sight_cases import CALM_PLATES

TAKEN_S = 14.0


def step(action: Deed, sku: str, at_s: float | None = None, quantity: int = 1) -> Step:
    return Step(action=action, sku=Sku(sku), at_s=at_s, quantity=quantity)


HANA = ShopperScript(
    id="hana",
    member=MemberId("hana"),
    enter_s=0.5,
    do=(
        step(Deed.TAKE, "green-tea", at_s=TAKEN_S),
        step(Deed.TAKE, "melon-pan"),
        step(Deed.PUT_BACK, "melon-pan"),
    ),
)
KEN = ShopperScript(
    id="ken",
    member=MemberId("ken"),
    enter_s=20.0,
    do=(step(Deed.TAKE, "onigiri-tuna", quantity=2), step(Deed.TAKE, "chocolate-bar")),
)


def scenario(
    *fault: FaultScript, sight: SightScript = NO_ERRORS, seed: int = 4, lone: bool = False
) -> Scenario:
    return Scenario(
        name="broken",
        seed=seed,
        duration_s=60.0,
        shopper=(HANA,) if lone else (HANA, KEN),
        door_m=(1.45, -1.7),
        plates=CALM_PLATES,
        sight=sight,
        fault=fault,
    )


def reel(*fault: FaultScript, sight: SightScript = NO_ERRORS, lone: bool = False) -> MemoryReel:
    layout, toml = store("demo")
    return reel_of(scenario(*fault, sight=sight, lone=lone), layout, toml)


def replayed(played: MemoryReel | RecordingReader) -> Replay:
    replay = Replay.of(played)
    for _ in replay.run(played.messages()):
        pass
    return replay


@cache
def calm() -> Replay:
    return replayed(reel())


def carts(replay: Replay) -> dict[str, dict[str, int]]:
    """What each member of the truth would be charged for."""
    found: dict[str, dict[str, int]] = {}
    for visit in replay.judgement.visits.values():
        cart = found.setdefault(visit.member, {})
        for decision in replay.judgement.of_visit(visit.id):
            if decision.status is Status.DECIDED and decision.sku is not None:
                cart[decision.sku] = cart.get(decision.sku, 0) + decision.quantity
    return {m: {sku: n for sku, n in cart.items() if n} for m, cart in found.items()}


def owed(played: MemoryReel) -> dict[str, dict[str, int]]:
    truth = truth_of(played)
    assert truth is not None
    return {member_of(receipt.shopper): receipt.items for receipt in truth.receipts}


def outcome(replay: Replay) -> list[Decision]:
    return sorted(replay.judgement.decisions.values(), key=lambda d: (d.from_ns, d.id))


def lines(replay: Replay) -> list[tuple[object, ...]]:
    return [(d.id, d.status, d.visit, d.sku, d.quantity, d.from_ns) for d in outcome(replay)]


@pytest.mark.parametrize("view", list(View))
def test_without_errors_every_receipt_is_exact(view: View) -> None:
    for seed in range(3):
        layout, toml = store("demo")
        sight = msgspec.structs.replace(NO_ERRORS, view=view)
        played = reel_of(scenario(sight=sight, seed=seed), layout, toml)
        replay = replayed(played)
        assert carts(replay) == owed(played)
        assert not [d for d in outcome(replay) if d.status is not Status.DECIDED]
        assert all(v.doubt is None for v in replay.judgement.visits.values())


def test_steps_and_visits_are_known_soon_after_they_ended() -> None:
    replay = calm()
    for decision in outcome(replay):
        assert 0 < replay.decided_ns[decision.id] - decision.to_ns < 6 * SECOND_NS
    for visit in replay.judgement.visits.values():
        assert visit.exited_ns is not None
        assert 0 < replay.left_ns[visit.id] - visit.exited_ns < 8 * SECOND_NS


def test_the_same_scenario_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    hashes = []
    for name in ("a", "b"):
        reel(sight=SightScript()).write(tmp_path / name)
        hashes.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]


def test_what_is_written_reads_as_it_was_in_memory(tmp_path: Path) -> None:
    fault = FaultScript(kind=FaultKind.CAMERA_BLIND, on="aisle", at_s=18.0, for_s=5.0)
    played = reel(fault, sight=SightScript())
    played.write(tmp_path / "x.mcap")
    with RecordingReader(tmp_path / "x.mcap") as reader:
        assert reader.meta() == played.meta()
        assert reader.topics() == played.topics()
        assert reader.attachments() == played.attachments()
        assert {FAULTS_ATTACHMENT, SCENARIO_ATTACHMENT} <= set(reader.attachments())
        assert faults_of(reader) == faults_of(played)
        for name in reader.attachments():
            assert reader.attachment(name) == played.attachment(name)
        assert list(reader.messages()) == list(played.messages())
        assert outcome(replayed(reader)) == outcome(replayed(played))


def test_the_command_records_evidence_without_films(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(dump_scenario(scenario()))
    arguments = ["--layout", str(layout_file("demo")), "--evidence", "-o", str(tmp_path / "x.mcap")]
    result = CliRunner().invoke(app, ["record", str(file), *arguments])
    assert result.exit_code == 0, result.output
    with RecordingReader(tmp_path / "x.mcap") as reader:
        assert "/watermarks/camera-1" in reader.topics()
        assert outcome(replayed(reader)) == outcome(calm())
    both = CliRunner().invoke(app, ["record", str(file), *arguments, "--plates-only"])
    assert both.exit_code == 2
    assert "--evidence is instead of films" in both.output


def test_a_plate_node_that_restarts_in_mid_pick_finds_what_was_taken_meanwhile() -> None:
    off = FaultScript(kind=FaultKind.NODE_OFF, on="plates-1", at_s=TAKEN_S - 1.0, for_s=3.0)
    played = reel(off, lone=True)
    replay = replayed(played)
    started = [f for f in replay.facts if isinstance(f.event, NodeStarted)]
    assert [fact.id.node for fact in started] == ["plates-1"]
    tea = [d for d in outcome(replay) if d.sku == "green-tea"]
    assert [(d.quantity, d.status, d.reason) for d in tea] == [(1, Status.REVIEW, Reason.BLIND)]
    assert tea[0].id.boot == 2, "the weight it saved is not the weight it finds"
    bread = [(d.sku, d.quantity) for d in outcome(replay) if d.sku == "melon-pan"]
    assert bread == [("melon-pan", 1), ("melon-pan", -1)]


def test_a_plate_node_that_forgets_what_it_saved_misses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of the check: what a restart finds comes from the role's own saved state."""
    off = FaultScript(kind=FaultKind.NODE_OFF, on="plates-1", at_s=TAKEN_S - 1.0, for_s=3.0)
    played = reel(off, lone=True)
    monkeypatch.setattr("tebura_edge.plate_role.PlateRole.save", lambda _: b"")
    assert not [d for d in outcome(replayed(played)) if d.sku == "green-tea"]


def test_a_camera_node_that_restarts_makes_nobody_pay_for_another() -> None:
    off = FaultScript(kind=FaultKind.NODE_OFF, on="camera-1", at_s=24.0, for_s=4.0)
    played = reel(off)
    wrong = {
        (member, sku)
        for member, cart in carts(replayed(played)).items()
        for sku, count in cart.items()
        if count > owed(played)[member].get(sku, 0)
    }
    assert not wrong


def test_repeated_messages_change_nothing() -> None:
    repeated = [
        FaultScript(kind=FaultKind.MESSAGES_REPEATED, on=node, at_s=0.0, for_s=100.0, size=3.0)
        for node in ("plates-1", "camera-1", "gate-1")
    ]
    replay = replayed(reel(*repeated))
    assert len(replay.facts) == 3 * len({fact.id for fact in replay.facts})
    assert replay.judgement == calm().judgement


@pytest.mark.parametrize(
    ("kind", "on"),
    [
        (FaultKind.NETWORK_CUT, "plates-1"),
        (FaultKind.NETWORK_CUT, "camera-1"),
        (FaultKind.NETWORK_CUT, "gate-1"),
        (FaultKind.BROKER_KILLED, None),
        (FaultKind.GATEWAY_KILLED, None),
    ],
)
def test_a_cut_delays_but_changes_nothing(kind: FaultKind, on: str | None) -> None:
    until_s = 25.0
    replay = replayed(reel(FaultScript(kind=kind, on=on, at_s=10.0, for_s=until_s - 10.0)))
    # What was learnt came later too, so a doubt between candidates may differ a little.
    assert lines(replay) == lines(calm())
    cut = [d for d in outcome(replay) if d.to_ns < START_NS + (until_s - 6) * SECOND_NS]
    assert cut
    for decision in cut:
        assert replay.decided_ns[decision.id] >= START_NS + until_s * SECOND_NS
        assert replay.decided_ns[decision.id] > calm().decided_ns[decision.id]


def test_a_node_whose_clock_was_set_says_how_far_off_it_may_be() -> None:
    jump = FaultScript(kind=FaultKind.NODE_CLOCK_STEP, on="plates-1", at_s=10.0, size=0.5)
    replay = replayed(reel(jump))
    news = [f.event for f in replay.facts if isinstance(f.event, SensorChanged)]
    assert [event.sensor_kind for event in news] == [SensorKind.CLOCK] * 2
    doubts = [fact.uncertainty_ns for fact in replay.facts if fact.id.node == "plates-1"]
    assert max(doubts) >= 500_000_000
    assert min(doubts) < 10_000_000
    owned = {d.reason for d in outcome(replay) if d.status is Status.REVIEW}
    assert owned <= {Reason.CLOCK, Reason.BLIND}


def test_what_is_promised_reaches_no_further_than_what_was_said() -> None:
    """With one node silent nothing of its shelves is decided, however much the others say."""
    played = reel()

    def is_heard(recorded: Recorded) -> bool:
        is_mark = isinstance(recorded.message, Watermark)
        return not (is_mark and recorded.topic.endswith("/camera-1"))

    replay = Replay.of(played)
    steps = 0
    for now_ns in replay.run(filter(is_heard, played.messages())):
        if now_ns < START_NS + 55 * SECOND_NS:
            statuses = {d.status for d in replay.judgement.decisions.values()}
            steps += len(statuses)
            assert statuses <= {Status.CHECKING}
    assert steps
    assert carts(replay) == carts(calm())


def test_a_planted_judgement_is_the_one_that_counts() -> None:
    replay = Replay.of(reel())
    replay.judge = lambda *_: Judgement({}, {})
    for _ in replay.run(reel().messages()):
        pass
    assert not replay.judgement.decisions
    assert NodeId("plates-1") in replay.nodes
