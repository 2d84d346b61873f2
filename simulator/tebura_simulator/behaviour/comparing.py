"""Replay recordings with two trees and put the results side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tebura_contract.calibration import CalibrationError
from tebura_edge.recorder import RecordingError

from tebura_simulator.behaviour.changes import changes
from tebura_simulator.behaviour.report import Compared
from tebura_simulator.behaviour.sides import Replays, Said
from tebura_simulator.behaviour.strips import strips
from tebura_simulator.reels import Reels


def compare(
    old: Path,
    new: Path,
    recordings: Sequence[Path],
    revision: str,
    told: Callable[[Path], None],
) -> list[Compared]:
    """What the tree `new` says otherwise than the tree `old`, which is of `revision`."""
    with Replays() as replays:
        sides = replays.all((old, new), recordings, told)
    return [
        _compared(recording, named(recording, new), was, now, revision)
        for recording, (was, now) in zip(recordings, sides, strict=True)
    ]


def named(recording: Path, root: Path) -> str:
    """As the repository calls it, where it is in there."""
    return str(recording.relative_to(root)) if recording.is_relative_to(root) else str(recording)


def _compared(recording: Path, name: str, was: Said, now: Said, revision: str) -> Compared:
    problems = [f"{revision} cannot read it: {was.problem}"] if was.problem else []
    problems += [f"the working tree cannot read it: {now.problem}"] if now.problem else []
    if problems:
        return Compared(name, problems=tuple(problems))
    differ = changes(was.outcomes, now.outcomes)
    if not differ:
        return Compared(name, events=len(now.outcomes))
    try:
        with Reels([recording]) as reel:
            shown = tuple(strips(reel, differ))
    except (RecordingError, CalibrationError):
        shown = tuple(() for _ in differ)
    return Compared(name, differ, shown, len(now.outcomes))
