"""Which hands are taken for a thumbs-up: `benchmarks/gestures.py [--count N] [--json]`.

Drawn people before a counter's camera hold up a hand, turned and placed a little otherwise each
time. Told by gesture: in how many pictures it is taken for a thumbs-up, with exact 95 % intervals.
With `--skip` it goes on where a run of fewer people ended.
"""

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterable

os.environ.setdefault("MUJOCO_GL", "egl")

import numpy as np
from tebura_contract.binomial import clopper_pearson
from tebura_models.gestures.hands import HandFinder, load_hand_finder
from tebura_models.gestures.sign import Sign, sign_of
from tebura_simulator.face_acts import Sensor
from tebura_simulator.scenes.body import BODIES
from tebura_simulator.scenes.gestures import Gesture, HeldUp
from tebura_simulator.scenes.portrait import Portrait, Stance

TURNS = 4
"""Pictures of each person and gesture."""


def held_up(gesture: Gesture, rng: np.random.Generator) -> HeldUp:
    """As people do it: somewhere beside the face, not quite upright, not quite square."""
    x, y, z = rng.uniform((-0.19, -0.18, -0.19), (-0.12, -0.08, -0.10))
    return HeldUp(
        gesture,
        (float(x), float(y), float(z)),
        aslant_rad=float(rng.uniform(-0.3, 0.3)),
        aside_rad=float(rng.uniform(-0.35, 0.35)),
    )


def measure(people: Iterable[int], seed: int) -> dict[Gesture, Counter[str]]:
    """What is said of each gesture: a sign, or that no hand was found."""
    finder = load_hand_finder()
    told = {gesture: Counter[str]() for gesture in Gesture}
    shapes = sorted(path.stem for path in BODIES.glob("*.npz"))
    for number in people:
        rng = np.random.default_rng([seed, number])
        away_m, level = float(rng.uniform(0.6, 0.8)), float(rng.uniform(0.6, 1.1))
        with Portrait(shapes[number % len(shapes)], seed + number, away_m, level) as portrait:
            sensor = Sensor(rng, float(rng.uniform(1, 4)))
            for gesture in Gesture:
                for _ in range(TURNS):
                    picture = sensor(portrait.frame(Stance(hand=held_up(gesture, rng))))
                    told[gesture][_said(finder, picture)] += 1
    return told


def _said(finder: HandFinder, picture: np.ndarray) -> str:
    signs = [sign_of(hand) for hand in finder.hands(picture)]
    if not signs:
        return "no hand"
    return Sign.THUMB_UP if Sign.THUMB_UP in signs else Sign.NONE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=16, help="people (16 shapes in turn)")
    parser.add_argument("--skip", type=int, default=0, help="people to leave out first")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    people = range(args.skip, args.skip + args.count)
    for gesture, said in measure(people, args.seed).items():
        up, total = said[Sign.THUMB_UP], said.total()
        low, high = clopper_pearson(up, total)
        rows.append(
            {
                "gesture": gesture.value,
                "thumb_up": up,
                "of": total,
                "low": round(low, 3),
                "high": round(high, 3),
                "no_hand": said["no hand"],
            }
        )
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"{row['gesture']:12} thumb-up {row['thumb_up']} of {row['of']} "
            f"({row['low']}..{row['high']}), no hand found {row['no_hand']}"
        )


if __name__ == "__main__":
    main()
