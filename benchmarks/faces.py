"""What a gate makes of people and of pictures: `benchmarks/faces.py [--count N] [--json]`.

With `--skip` it goes on where a run of fewer people ended.

Rendered heads answer the gate's challenge, and attackers hold up pictures of the same heads: prints
flat, bent, moved and turned, tablets with a picture or a film. Each is played frame by frame
against the gate's own look and judgement. Told by kind: how many attacks pass (APCER) or how many
people do not at their first try (BPCER), with exact 95 % intervals, and why.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

os.environ.setdefault("MUJOCO_GL", "egl")

import numpy as np
from numpy.typing import NDArray
from tebura_contract.binomial import clopper_pearson
from tebura_contract.clock import SECOND_NS, ns_from_s
from tebura_contract.ids import CameraId
from tebura_edge.face_life import Challenge, Move, moves_from
from tebura_edge.face_look import Attention, FaceLook
from tebura_edge.frames import Frame
from tebura_models.faces.reader import FaceReader, load_face_reader
from tebura_simulator.face_acts import (
    CUT,
    Act,
    Asked,
    Sensor,
    film,
    living,
    print_held,
    print_moved,
    print_turned,
    screen_turned,
)
from tebura_simulator.scenes.body import BODIES
from tebura_simulator.scenes.portrait import Portrait, Stance

RATE_HZ = 10
LASTS_S = 9.0
LIVING = "a person"


@dataclass
class Told:
    """What came out of one kind."""

    tries: int = 0
    live: int = 0
    why: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)
    look_s: list[float] = field(default_factory=list)


def play(act: Act, moves: Sequence[Move], reader: FaceReader, sensor: Sensor, told: Told) -> None:
    """One try, from the first frame to the verdict."""
    attention = Attention()
    attention.until(ns_from_s(LASTS_S))
    look, challenge, asked = FaceLook(reader, attention), Challenge(moves), list[Asked]()
    for index in range(int(LASTS_S * RATE_HZ)):
        t_s = index / RATE_HZ
        at_ns = ns_from_s(t_s)
        frame = Frame(CameraId("gate"), at_ns, sensor(act(t_s, asked)))
        began_s = time.thread_time()
        for seen in look(frame):
            challenge.see(seen)
        told.look_s.append(time.thread_time() - began_s)
        challenge.pass_time(at_ns)
        if challenge.is_over:
            break
        wanted = challenge.wanted
        if wanted is not None and (not asked or wanted is not asked[-1].move):
            asked.append(Asked(wanted, t_s))
    told.tries += 1
    told.live += challenge.is_live
    told.why["live" if challenge.is_live else str(challenge.doubt or "nobody-straight")] += 1
    if challenge.is_live:
        told.took_s.append(at_ns / SECOND_NS)


def kinds(
    portrait: Portrait, rng: np.random.Generator, moves: Sequence[Move]
) -> dict[str, Callable[[], Act]]:
    """All kinds of presentations of one person."""
    behind: NDArray[np.uint8] = portrait.frame(Stance(shift_m=(0.0, 0.0, -5.0)))
    picture = np.ascontiguousarray(portrait.frame(Stance())[CUT])
    other = moves_from(rng.bytes(64), len(moves))
    while other == list(moves):
        other = moves_from(rng.bytes(64), len(moves))
    return {
        LIVING: lambda: living(portrait, rng),
        "print, held": lambda: print_held(picture, behind, rng),
        "print, moved": lambda: print_moved(picture, behind, rng),
        "print, turned": lambda: print_turned(picture, behind, rng),
        "print bent to 12 cm, turned": lambda: print_turned(picture, behind, rng, bend_m=0.12),
        "print bent to 8 cm, turned": lambda: print_turned(picture, behind, rng, bend_m=0.08),
        "print bent to 6 cm, turned": lambda: print_turned(picture, behind, rng, bend_m=0.06),
        "tablet, still, turned": lambda: screen_turned(picture, behind, rng),
        "tablet, film of other moves": lambda: film(portrait, behind, rng, other),
        "tablet, film of the right moves": lambda: film(portrait, behind, rng, None),
    }


def measure(people: Sequence[int], moves_count: int, seed: int, only: str) -> dict[str, Told]:
    """People, each as itself and as what is held up of it; kinds whose name has `only`."""
    reader, told = load_face_reader(), dict[str, Told]()
    shapes = sorted(path.stem for path in BODIES.glob("*.npz"))
    for number in people:
        rng = np.random.default_rng([seed, number])
        with Portrait(
            shapes[number % len(shapes)], seed + number, float(rng.uniform(0.5, 0.75))
        ) as p:
            moves = moves_from(rng.bytes(64), moves_count)
            chosen = {k: act for k, act in kinds(p, rng, moves).items() if only in k}
            for kind, begin in chosen.items():
                sensor = Sensor(rng, float(rng.uniform(1, 4)))
                play(begin(), moves, reader, sensor, told.setdefault(kind, Told()))
    return told


def report(told: dict[str, Told]) -> list[dict[str, object]]:
    """A row a kind."""
    rows: list[dict[str, object]] = []
    for kind, one in told.items():
        wrong = one.tries - one.live if kind == LIVING else one.live
        low, high = clopper_pearson(wrong, one.tries)
        rows.append(
            {
                "presented": kind,
                "rate": "BPCER" if kind == LIVING else "APCER",
                "wrong": wrong,
                "of": one.tries,
                "low": round(low, 3),
                "high": round(high, 3),
                "why": dict(one.why.most_common()),
                "verdict_s_p95": round(float(np.quantile(one.took_s, 0.95)), 2)
                if one.took_s
                else None,
                "look_ms_p95": round(1000 * float(np.quantile(one.look_s, 0.95)), 1),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=16, help="people (16 shapes in turn)")
    parser.add_argument("--skip", type=int, default=0, help="people to leave out first")
    parser.add_argument("--moves", type=int, default=2, help="moves asked of each")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    people = range(args.skip, args.skip + args.count)
    rows = report(measure(people, args.moves, args.seed, args.only))
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"{row['presented']:32} {row['rate']} {row['wrong']} of {row['of']} "
            f"({row['low']}..{row['high']})  {row['why']}  verdict p95 {row['verdict_s_p95']} s, "
            f"look p95 {row['look_ms_p95']} ms"
        )


if __name__ == "__main__":
    main()
