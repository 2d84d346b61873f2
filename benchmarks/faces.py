"""What a gate makes of people and of pictures: `benchmarks/faces.py [--count N] [--json]`.

With `--skip` it goes on where a run of fewer people ended.

Rendered heads answer the gate's challenge, and attackers hold up pictures of the same heads: prints
flat, bent, moved and turned, tablets with a picture or a film. Each is played frame by frame
against the gate's own look and judgement. With `--light` the gate's screen goes through its
colours meanwhile, in a shop of 300 to 1,000 lux, and the camera adapts to all it sees.

Told by kind: how many attacks pass (APCER) or how many people do not at their first try (BPCER),
with exact 95 % intervals, and why.
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

os.environ.setdefault("MUJOCO_GL", "egl")

import numpy as np
from numpy.typing import NDArray
from tebura_contract.binomial import clopper_pearson
from tebura_contract.clock import SECOND_NS, ns_from_s
from tebura_contract.ids import CameraId
from tebura_edge.face_life import Challenge, Move, moves_from
from tebura_edge.face_light import LightTest, tints_from
from tebura_edge.face_look import Attention, FaceLook
from tebura_edge.face_seen import FaceSeen
from tebura_edge.frames import Frame
from tebura_models.faces.reader import FaceReader, load_face_reader
from tebura_simulator.face_acts import (
    CUT,
    Act,
    AdaptingSensor,
    Asked,
    Flashing,
    Sensor,
    film,
    living,
    print_held,
    print_moved,
    print_turned,
    screen_turned,
)
from tebura_simulator.scenes.body import BODIES
from tebura_simulator.scenes.held_up import Mirrors
from tebura_simulator.scenes.portrait import Portrait, Stance
from tebura_simulator.scenes.screen_light import GateScreen

RATE_HZ = 10
LASTS_S = 9.0
LIVING = "a person"
COLOURS = 60
STEERED_S = 0.2
"""A tablet that watches the screen and tints its film needs a camera's time and a display's."""


@dataclass
class Told:
    """What came out of one kind."""

    tries: int = 0
    live: int = 0
    why: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)
    look_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judge:
    """Moves, and the screen's light where there is one."""

    challenge: Challenge
    light: LightTest | None

    def see(self, seen: FaceSeen) -> None:
        self.challenge.see(seen)
        if self.light is not None:
            self.light.see(seen)

    @property
    def is_live(self) -> bool:
        return self.challenge.is_live and (self.light is None or self.light.is_live)

    @property
    def doubt(self) -> str:
        if self.light is not None and self.light.is_dark:
            return "no-light"
        return str(self.challenge.doubt or "")


def play(
    act: Act,
    moves: Sequence[Move],
    reader: FaceReader,
    sensor: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    told: Told,
    light: Flashing | None = None,
) -> None:
    """One try, from the first frame to the verdict."""
    attention = Attention()
    attention.until(ns_from_s(LASTS_S))
    look, asked = FaceLook(reader, attention), list[Asked]()
    judge = Judge(Challenge(moves), LightTest(light.tints, 0) if light else None)
    for index in range(int(LASTS_S * RATE_HZ)):
        t_s = index / RATE_HZ
        at_ns = ns_from_s(t_s)
        seen_now = sensor(act(t_s, asked, light(t_s) if light else None))
        frame = Frame(CameraId("gate"), at_ns, seen_now)
        began_s = time.thread_time()
        for seen in look(frame):
            judge.see(seen)
        told.look_s.append(time.thread_time() - began_s)
        judge.challenge.pass_time(at_ns)
        if judge.is_live or judge.doubt:
            break
        wanted = judge.challenge.wanted
        if wanted is not None and (not asked or wanted is not asked[-1].move):
            asked.append(Asked(wanted, t_s))
    told.tries += 1
    told.live += judge.is_live
    told.why["live" if judge.is_live else judge.doubt or "time-over"] += 1
    if judge.is_live:
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


def lit_kinds(
    portrait: Portrait, rng: np.random.Generator, light: Flashing
) -> dict[str, Callable[[], Act]]:
    """What a film of the right moves can do about a screen's light."""
    behind: NDArray[np.uint8] = portrait.frame(Stance(shift_m=(0.0, 0.0, -5.0)))
    before = replace(light, tints=tints_from(rng.bytes(128), COLOURS))
    late = replace(light, late_s=light.late_s + STEERED_S)

    def right(mirrors: Mirrors, lit: Flashing | None = None) -> Callable[[], Act]:
        return lambda: film(portrait, behind, rng, None, mirrors=mirrors, lit=lit)

    name = "tablet, film of the right moves"
    return {
        f"{name}, held square": right(Mirrors.BELOW),
        f"{name}, mirroring all over": right(Mirrors.ALL_OVER),
        f"{name}, made at an earlier entry": right(Mirrors.NOTHING, before),
        f"{name}, the same, mirroring": right(Mirrors.ALL_OVER, before),
        f"{name}, tinted as the screen is, {STEERED_S} s late": right(Mirrors.NOTHING, late),
    }


def measure(
    people: Sequence[int], moves_count: int, seed: int, only: str, *, has_light: bool
) -> dict[str, Told]:
    """People, each as itself and as what is held up of it; kinds whose name has `only`."""
    reader, told = load_face_reader(), dict[str, Told]()
    shapes = sorted(path.stem for path in BODIES.glob("*.npz"))
    for number in people:
        rng = np.random.default_rng([seed, number])
        away_m = float(rng.uniform(0.5, 0.75))
        warmth = float(rng.uniform(-0.08, 0.08)) if has_light else 0.0
        with Portrait(shapes[number % len(shapes)], seed + number, away_m, warmth=warmth) as p:
            moves = moves_from(rng.bytes(64), moves_count)
            presented, light = kinds(p, rng, moves), None
            if has_light:
                screen = GateScreen(lux=float(rng.uniform(300, 1000)))
                colours = tints_from(rng.bytes(128), COLOURS)
                light = Flashing(screen, colours, float(rng.uniform(0.06, 0.3)))
                presented |= lit_kinds(p, rng, light)
            for kind, begin in presented.items():
                if only not in kind:
                    continue
                noise = float(rng.uniform(1, 4))
                sensor = AdaptingSensor(rng, noise) if has_light else Sensor(rng, noise)
                play(begin(), moves, reader, sensor, told.setdefault(kind, Told()), light)
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
    parser.add_argument("--light", action="store_true", help="with the colours of the screen")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    people = range(args.skip, args.skip + args.count)
    rows = report(measure(people, args.moves, args.seed, args.only, has_light=args.light))
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"{row['presented']:64} {row['rate']} {row['wrong']} of {row['of']} "
            f"({row['low']}..{row['high']})  {row['why']}  verdict p95 {row['verdict_s_p95']} s, "
            f"look p95 {row['look_ms_p95']} ms"
        )


if __name__ == "__main__":
    main()
