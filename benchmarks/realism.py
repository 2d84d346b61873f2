"""How real the rendered store is: networks that never saw a rendering, on rendered and real frames.

``.venv/bin/python benchmarks/realism.py [--seeds A..B] [--jobs N] [--json] ...``

Drawn worlds are shown twice. *A shop's hours* is what a shop's cameras deliver: any moment at which
somebody is there, cameras as high and as steep as the twelve calibrated ones of a real store.
*Hard lessons* is what is trained on: every other moment a hand in a shelf, cameras anywhere.

Networks and real recordings lie beside the project (``../shared``); without them there is nothing
to compare. Rendered frames have a truth. Real ones have none: there a person is what the two
*other* networks agree on, and the same is said of rendered frames, so that like stands beside like.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import cv2
import numpy as np
from appearance import Appearance, appearance, spread
from kept_frames import Frame, Whole
from seers import Floats, Seen, Seer, iou, seers
from sightings import REAL, filmed, footage, rendered

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
DEMO = ROOT / "simulator" / "tebura_simulator" / "demo" / "footage"
MATCH_IOU = 0.5
GOAL_OF = "yolox-nano"
LEAST = 0.5
"""Scores are told from this share of the score that counts on."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass
class Tally:
    """What one network made of one source; `sure` is the score that counts."""

    sure: float
    frames: int = 0
    found: int = 0
    scores: list[float] = field(default_factory=list)
    agreed: list[bool] = field(default_factory=list)
    true_scores: list[float] = field(default_factory=list)
    off_px: list[float] = field(default_factory=list)
    off_share: list[float] = field(default_factory=list)
    wrist_off_px: list[float] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """As a row of the table."""
        true = np.array(self.true_scores)
        row: dict[str, object] = {
            "frames": self.frames,
            "people_a_frame": _share(self.found, self.frames),
            "scores": _quantiles(self.scores),
            "agreed_people": len(self.agreed),
            "agreed_found": _share(sum(self.agreed), len(self.agreed)),
        }
        if len(true):
            row["whole_people"] = len(true)
            row["whole_found"] = _share(int((true >= self.sure).sum()), len(true))
            row["whole_scores"] = _quantiles(self.true_scores)
        if self.off_px:
            row["keypoint_off_px"] = _quantiles(self.off_px)
            row["keypoint_off_share_of_height"] = _quantiles(self.off_share)
            row["wrist_off_px"] = _quantiles(self.wrist_off_px)
        return row


def measure(
    frames: Iterator[Frame], networks: Sequence[Seer], missed: Callable[[Frame, Whole], None]
) -> tuple[dict[str, Tally], list[Appearance]]:
    """Show frames to all networks; an interrupt ends it early."""
    tallies = {network.name: Tally(network.sure) for network in networks}
    looks: list[Appearance] = []
    try:
        for frame in frames:
            seen = [(network, network.look(frame.picture)) for network in networks]
            looks.append(appearance(frame.picture))
            _count(tallies, frame, seen)
            for person in frame.people or ():
                for network, found in seen:
                    is_found = _best(_sure(found, network.sure), person.box) is not None
                    if network.name == GOAL_OF and not is_found:
                        missed(frame, person)
    except KeyboardInterrupt:
        print("stopped early: this is of what was seen by then", file=sys.stderr)
    return tallies, looks


def _count(tallies: dict[str, Tally], frame: Frame, seen: Sequence[tuple[Seer, Seen]]) -> None:
    sure = {network.name: _sure(found, network.sure) for network, found in seen}
    for network, found in seen:
        tally = tallies[network.name]
        tally.frames += 1
        tally.found += len(sure[network.name].scores)
        tally.scores += found.scores[found.scores >= LEAST * network.sure].tolist()
        others = [one for name, one in sure.items() if name != network.name]
        tally.agreed += [_best(sure[network.name], box) is not None for box in _agreed(others)]
        for person in frame.people or ():
            _compare(tally, found, person)


def _sure(found: Seen, score: float) -> Seen:
    rows = found.scores >= score
    return Seen(found.boxes[rows], found.scores[rows])


def _compare(tally: Tally, found: Seen, person: Whole) -> None:
    row = _best(found, person.box)
    tally.true_scores.append(0.0 if row is None else float(found.scores[row]))
    if row is None or found.keypoints_px is None:
        return
    off = np.hypot(*(found.keypoints_px[row] - person.keypoints[:, :2]).T)
    is_seen = person.keypoints[:, 2] == 2
    high_px = float(person.box[3] - person.box[1])
    tally.off_px += off[is_seen].tolist()
    tally.off_share += (off[is_seen] / high_px).tolist()
    tally.wrist_off_px += off[9:11][is_seen[9:11]].tolist()


def _best(found: Seen, box: Floats) -> int | None:
    """The row with the best score of those that lie on a box."""
    if not len(found.scores):
        return None
    rows = np.flatnonzero(iou(box, found.boxes) >= MATCH_IOU)
    return int(rows[0]) if len(rows) else None


def _agreed(others: Sequence[Seen]) -> list[Floats]:
    """Boxes that both other networks found."""
    if len(others) < 2 or not len(others[1].scores):
        return []
    return [box for box in others[0].boxes if float(iou(box, others[1].boxes).max()) >= MATCH_IOU]


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _quantiles(values: Sequence[float]) -> list[float]:
    return [round(float(v), 3) for v in np.quantile(values, QUANTILES)] if len(values) else []


def _keep(folder: Path | None) -> Callable[[Frame, Whole], None]:
    """Writes down who was missed, where somebody wants to look."""

    def keep(frame: Frame, person: Whole) -> None:
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        shown = frame.picture.copy()
        left, top, right, bottom = (int(v) for v in person.box)
        cv2.rectangle(shown, (left, top), (right, bottom), (0, 0, 255), 1)
        cv2.imwrite(str(folder / f"{frame.name}-{left}.png"), shown)

    return keep


def _tell(source: str, network: str, row: dict[str, object]) -> str:
    def many(name: str) -> str:
        values = row.get(name)
        return "/".join(f"{v:g}" for v in values) if isinstance(values, list) else ""

    said = (
        f"{source:15} {network:11} {row['frames']:>5} frames  {row['people_a_frame']!s:>5} each  "
        f"scores {many('scores'):34} agreed {row['agreed_people']:>4}, found {row['agreed_found']}"
    )
    if "whole_people" in row:
        said += f"\n{'':27} in full view {row['whole_people']}, found {row['whole_found']}, "
        said += f"scores {many('whole_scores')}"
    if "keypoint_off_px" in row:
        said += f"\n{'':27} keypoints off {many('keypoint_off_px')} px, "
        said += f"{many('keypoint_off_share_of_height')} of the height; "
        said += f"wrists {many('wrist_off_px')} px"
    return said


def main() -> int:
    """Read the command line and run; 0 also where there is nothing to compare with."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--seeds", default="400..449", help="worlds: A..B, about 13 frames each")
    parser.add_argument("--jobs", type=int, default=1, help="processes that draw")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--missed", type=Path, help="keep pictures of whom YOLOX-nano missed")
    parser.add_argument("--keep", type=Path, help="keep drawn worlds there, and use those kept")
    parser.add_argument("--source", action="append", help="only this one; may be repeated")
    options = parser.parse_args()
    networks = seers(SHARED / "models")
    if not networks:
        print(f"skipped: no networks in {SHARED / 'models'}", file=sys.stderr)
        return 0
    first, _, last = options.seeds.partition("..")
    seeds = range(int(first), int(last or first) + 1)
    sources: dict[str, Iterator[Frame]] = {
        "a shop's hours": rendered("shop", seeds, options.jobs, options.keep),
        "hard lessons": rendered("lessons", seeds, options.jobs, options.keep),
        "demo's footage": footage(DEMO, 2),
    }
    for name, (file, every) in REAL.items():
        if (SHARED / file).exists():
            sources[name] = filmed(SHARED / file, every)
        else:
            print(f"{name}: skipped, no {SHARED / file}", file=sys.stderr)
    if options.source:
        sources = {name: frames for name, frames in sources.items() if name in options.source}
    looks = {}
    if not options.json:
        sure = ", ".join(f"{network.name} {network.sure}" for network in networks)
        print(f"found: {sure}; IoU {MATCH_IOU}; quantiles {'/'.join(map(str, QUANTILES))}")
    for source, frames in sources.items():
        tallies, seen = measure(frames, networks, _keep(options.missed))
        looks[source] = spread(seen)
        for network, tally in tallies.items():
            row = tally.told()
            if options.json:
                print(json.dumps({"source": source, "network": network, **row}), flush=True)
            else:
                print(_tell(source, network, row), flush=True)
    _show_looks(looks, is_json=options.json)
    return 0


def _show_looks(looks: dict[str, dict[str, list[float]]], *, is_json: bool) -> None:
    for source, row in looks.items():
        if is_json:
            print(json.dumps({"source": source, "appearance": row}), flush=True)
    if is_json:
        return
    names = [one.name for one in fields(Appearance)]
    print("\n" + " " * 16 + "".join(f"{name:>20}" for name in names))
    for source, row in looks.items():
        cells = "".join(f"{'/'.join(f'{value:.3g}' for value in row[name]):>20}" for name in names)
        print(f"{source:16}{cells}")


if __name__ == "__main__":
    sys.exit(main())
