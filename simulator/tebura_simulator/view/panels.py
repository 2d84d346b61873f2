"""The parts of a film beside its cameras: weights, who is in the store, what carts hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.truth import OutcomeKind

from tebura_simulator.view.envelopes import Envelope
from tebura_simulator.view.overlay import Picture
from tebura_simulator.view.scene import Mark, Scene, VisitCard

WINDOW_S = 20.0
"""So much of the weights is in view; the moment shown is at its right end."""
_GROUND, _LINE, _TEXT, _FAINT = (32, 28, 26), (74, 66, 60), (240, 238, 236), (165, 158, 152)
_TRACE, _TOOK, _BACK, _ASKED = (240, 200, 90), (90, 170, 255), (120, 220, 120), (90, 220, 240)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LEAST_SPAN_G = 60.0
_ROW_PX = 24


@dataclass(frozen=True, eq=False)
class Lane:
    """One plate's weight: `grams` at `at_s`, NaN where none was read."""

    name: str
    at_s: NDArray[np.float64]
    grams: NDArray[np.float64]


def lanes_of(
    envelopes: Mapping[str, Envelope], plates: Sequence[str], epoch_ns: int, most: int
) -> list[Lane]:
    """The lanes of these plates, in their order."""
    found = {}
    for envelope in envelopes.values():
        thin = envelope.thinned(4096)
        at_s = (thin.start_ns - epoch_ns + np.arange(len(thin.low)) * thin.width_ns) / 1e9
        for column, plate in enumerate(thin.plates):
            grams = (thin.low[:, column] + thin.high[:, column]).astype(np.float64) / 2
            found[str(plate)] = Lane(str(plate), at_s, grams)
    return [found[plate] for plate in plates if plate in found][:most]


def told_plates(scene: Scene) -> list[str]:
    """Plates that something happened on, the first first."""
    marked = [(mark.from_s, mark.plates) for mark in scene.marks]
    marked += [(true.at_s, true.plates) for true in scene.truths]
    return list(dict.fromkeys(plate for _, plates in sorted(marked) for plate in plates))


def traces(
    size_px: tuple[int, int], lanes: Sequence[Lane], marks: Sequence[Mark], t_s: float
) -> Picture:
    """Weights of the last seconds, a lane a plate, with what was said of them."""
    wide, high = size_px
    panel = np.full((high, wide, 3), _GROUND, np.uint8)
    each = high // max(1, len(lanes))
    for number, lane in enumerate(lanes):
        top = number * each
        _lane(panel[top : top + each], lane, marks, t_s)
        cv2.line(panel, (0, top), (wide, top), _LINE, 1)
    return panel


def _lane(part: Picture, lane: Lane, marks: Sequence[Mark], t_s: float) -> None:
    high, wide, _ = part.shape

    def x(at_s: float) -> int:
        return int((at_s - t_s + WINDOW_S) / WINDOW_S * wide)

    for mark in marks:
        if lane.name in mark.plates and t_s - WINDOW_S < mark.from_s <= t_s:
            colour = _colour(mark)
            cv2.line(part, (x(mark.from_s), 0), (x(mark.from_s), high), colour, 1)
            if mark.known_s <= t_s:
                said = f"{_sign(mark)}{mark.quantity} {mark.name}"
                _write(part, said, (x(mark.from_s) + 4, 14), colour, 0.42)
    window = (lane.at_s > t_s - WINDOW_S) & (lane.at_s <= t_s) & np.isfinite(lane.grams)
    grams = lane.grams[window]
    _write(part, lane.name, (6, high - 8), _FAINT, 0.42)
    if not len(grams):
        return
    low, top = float(np.quantile(grams, 0.02)), float(np.quantile(grams, 0.98))
    span = max(_LEAST_SPAN_G, 1.3 * (top - low))
    middle = (low + top) / 2
    rows = (high / 2 - (grams - middle) / span * (high - 10)).clip(1, high - 2)
    columns = (lane.at_s[window] - t_s + WINDOW_S) / WINDOW_S * wide
    line = np.round(np.stack([columns, rows], axis=1)).astype(np.int32)
    cv2.polylines(part, [line], False, _TRACE, 1, cv2.LINE_AA)
    _write(part, f"{grams[-1]:.0f} g", (wide - 74, high - 8), _TEXT, 0.42)


def carts(size_px: tuple[int, int], scene: Scene, t_s: float) -> Picture:
    """The clock, and for each visit so far what its cart holds."""
    wide, high = size_px
    panel = np.full((high, wide, 3), _GROUND, np.uint8)
    _write(panel, f"{t_s:6.1f} s", (14, 34), _TEXT, 0.8)
    y = 34 + 2 * _ROW_PX
    for visit in scene.visits:
        if visit.from_s <= t_s and y < high:
            y = _cart(panel, visit, scene.marks, t_s, y) + _ROW_PX // 2
    return panel


def _cart(panel: Picture, visit: VisitCard, marks: Sequence[Mark], t_s: float, y: int) -> int:
    """Write one cart from a line on; returns the next line."""
    is_gone = visit.to_s is not None and visit.to_s <= t_s
    is_settled = visit.settled_s is not None and visit.settled_s <= t_s
    state = "receipt" if is_gone and is_settled else "left" if is_gone else "inside"
    _write(panel, f"{visit.who}  ({state})", (14, y), _FAINT if is_gone else _TEXT, 0.55)
    rows: list[tuple[str, tuple[int, int, int]]] = []
    holds: Counter[str] = Counter()
    for mark in marks:
        if mark.visit != visit.id or mark.from_s > t_s:
            continue
        if mark.known_s > t_s:
            rows.append(("checking ...", _FAINT))
        elif mark.kind == OutcomeKind.REVIEW:
            rows.append((f"? {mark.name or 'a person decides'}", _ASKED))
        elif mark.kind == OutcomeKind.PICK:
            holds[mark.name] += mark.quantity
        elif mark.kind == OutcomeKind.RETURN:
            holds[mark.name] -= mark.quantity
    rows = [(f"{n} x {name}", _TOOK) for name, n in holds.items() if n > 0] + rows
    for text, colour in rows or [("nothing", _FAINT)]:
        y += _ROW_PX
        _write(panel, text, (30, y), colour, 0.5)
    return y + _ROW_PX


def _colour(mark: Mark) -> tuple[int, int, int]:
    if mark.kind == OutcomeKind.PICK:
        return _TOOK
    return _BACK if mark.kind == OutcomeKind.RETURN else _ASKED


def _sign(mark: Mark) -> str:
    return {OutcomeKind.PICK: "-", OutcomeKind.RETURN: "+"}.get(OutcomeKind(mark.kind), "? ")


def _write(
    panel: Picture, text: str, at: tuple[int, int], colour: tuple[int, int, int], size: float
) -> None:
    # The drawn letters are ASCII's; names are given in those.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(panel, plain, at, _FONT, size, colour, 1, cv2.LINE_AA)
