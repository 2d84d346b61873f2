"""A replay as lines, in the order things became known."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tebura_contract.clock import SECOND_NS
from tebura_contract.codec import encode
from tebura_contract.ids import EventId
from tebura_contract.truth import Outcome
from tebura_gateway.domain.decision import Status

from tebura_simulator.outcomes import outcome, outcomes
from tebura_simulator.reels import Reel
from tebura_simulator.replay import Replay


@dataclass(frozen=True)
class Line:
    """One outcome to print."""

    outcome: Outcome

    def as_json(self) -> str:
        return encode(self.outcome).decode()

    def as_text(self) -> str:
        o = self.outcome
        what = f"{o.quantity} x {o.sku}" if o.sku else "?"
        return (
            f"{o.time_s:8.2f} s  {o.kind:<7} {o.gondola}/{o.shelf} {what:<24} "
            f"{o.delta_g:+9.1f} g  {o.confidence:6.1%}  {o.visit or '-'}  {o.reason}"
        ).rstrip()


def parse_speed(text: str) -> float | None:
    """``max`` (None) or how many times as fast as it was.

    Raises:
        ValueError: If it is neither.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        raise ValueError(f"--speed {text!r}: expected max or a number above 0")
    return speed


def lines(replay: Replay, reader: Reel, speed: float | None) -> Iterator[Line]:
    """All outcomes; at full speed in order of time, else each when it is decided."""
    if speed is None:
        for _ in replay.run(reader.messages()):
            pass
        yield from (Line(line) for line in outcomes(replay.judgement, replay.start_ns))
        return
    told: set[EventId] = set()
    began_s = time.monotonic()
    for now_ns in replay.run(reader.messages()):
        ahead_s = (now_ns - replay.start_ns) / SECOND_NS / speed - (time.monotonic() - began_s)
        time.sleep(max(0.0, ahead_s))
        yield from _news(replay, told, is_over=False)
    yield from _news(replay, told, is_over=True)


def _news(replay: Replay, told: set[EventId], is_over: bool) -> Iterator[Line]:
    for event, decision in replay.judgement.decisions.items():
        if event not in told and (is_over or decision.status is not Status.CHECKING):
            told.add(event)
            yield Line(outcome(decision, replay.start_ns))
