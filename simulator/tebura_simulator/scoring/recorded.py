"""Scores of recordings, and how they are shown."""

from collections.abc import Sequence
from pathlib import Path

from tebura_contract.codec import encode
from tebura_edge.recorder import RecordingError, RecordingReader

from tebura_simulator.claims import Method
from tebura_simulator.recordings import layout_of, truth_of
from tebura_simulator.reels import Reel
from tebura_simulator.scoring.case import Case, Score, score
from tebura_simulator.scoring.strangers import strangers_in
from tebura_simulator.scoring.tebura import Tebura
from tebura_simulator.scoring.totals import Total
from tebura_simulator.whereabouts import whereabouts_of


def score_recording(path: Path, method: Method | None = None) -> Score:
    """Replay a recording and score it.

    Raises:
        RecordingError: If it cannot be read in full, or nobody wrote down what happened.
        CalibrationError: If a calibration inside was altered.
    """
    with RecordingReader(path) as reader:
        if reader.is_cut_short:
            raise RecordingError(f"{path}: is cut short; its truth would be of more than it holds")
        return score_reel(path.name, reader, method or Tebura())


def score_reel(name: str, reel: Reel, method: Method) -> Score:
    """Run a method on a reel and score what it claims.

    Raises:
        RecordingError: If nobody wrote down what happened.
    """
    truth = truth_of(reel)
    if truth is None:
        raise RecordingError(f"{reel.path}: no truth.json inside or beside it")
    case = Case(
        recording=name,
        truth=truth,
        claims=method(reel),
        prices_minor={str(p.sku): p.price_minor for p in layout_of(reel).product},
        strangers=strangers_in(reel),
        whereabouts=whereabouts_of(reel),
    )
    return score(case)


def as_json(one: Score | Total) -> str:
    return encode(one).decode()


def as_table(scores: Sequence[Score | Total]) -> str:
    """One line a recording."""
    events = f"{'events':>7} {'P':>6} {'R':>6} {'F1':>6} {'who':>4} {'what':>4} {'n':>3}"
    receipts = f"{'receipts':>8} {'F1':>6} {'exact':>6} {'over':>5} {'under':>5} reviews/1000"
    rows = [f"{'recording':28} {events} {receipts}"]
    rows += [
        f"{s.recording:28} {s.events.true:7} {_text(s.events.precision)} {_text(s.events.recall)} "
        f"{_text(s.events.f1)} {s.events.who_errors:4} {s.events.what_errors:4} "
        f"{s.events.count_errors:3} {s.receipts.true:8} {_text(s.receipts.f1)} "
        f"{_text(s.receipts.exact)} {s.receipts.overcharged:5} {s.receipts.undercharged:5} "
        f"{_text(s.reviews_per_1000_visits, 12, 1)}"
        for s in scores
    ]
    return "\n".join(rows)


def _text(value: float | None, width: int = 6, digits: int = 3) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"
