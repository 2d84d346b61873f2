"""What a gate makes of people and of pictures: `benchmarks/faces.py [--count N] [--json]`.

With `--skip` it goes on where a run of fewer people ended.

Rendered heads answer the gate's challenge, and attackers hold up pictures of the same heads: prints
flat, bent, moved and turned, tablets with a picture or a film. Each is played frame by frame
against the gate's own look and judgement. With `--light` the gate's screen goes through its
colours meanwhile, in a shop of 300 to 1,000 lux, and the camera adapts to all it sees. Each person
then has a gate of their own, which learns from them what its light is like; attacks come when it
has. `--kelvin` is how warm the shop's lamps are.

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
from tebura_contract.entry_code import new_member_id
from tebura_contract.ids import CameraId
from tebura_edge.face_life import Challenge, Move, moves_from
from tebura_edge.face_light import LightTest, tints_from
from tebura_edge.face_look import Attention, FaceLook
from tebura_edge.face_seen import FaceSeen
from tebura_edge.face_usual import AT_FIRST, Came, Usual, UsualLight
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
LEARNING, LEARNED = f"{LIVING}, while its gate learns", f"{LIVING}, once it has"
LEARNS_FROM, AGAIN = 8, 2
COLOURS = 60
LAMPS = {
    6500: (1.0, 1.0, 1.0),
    5000: (1.0, 0.78, 0.62),
    4000: (1.0, 0.64, 0.37),
    3000: (1, 0.44, 0.16),
}
"""Red, green and blue of what shines like a black body, over those of a screen's white."""
WANDERS_S, STAMPED_S = 0.03, 0.015
"""By how much a gate's lag differs from entry to entry, and the times of its pictures."""
STEERED_S = (0.2, 0.1, 0.05)
"""A tablet that watches the screen and tints its film needs a camera's time and a display's."""


@dataclass
class Told:
    """What came out of one kind."""

    tries: int = 0
    live: int = 0
    why: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)
    look_s: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)


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
            return "no-light" if self.light.came is None else "other-light"
        return str(self.challenge.doubt or "")


def play(
    act: Act,
    moves: Sequence[Move],
    reader: FaceReader,
    sensor: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    told: Told,
    light: Flashing | None = None,
    believed: Usual = AT_FIRST,
    stamps: np.random.Generator | None = None,
) -> tuple[bool, Came | None]:
    """One try, from the first frame to the verdict; how the light came where all else held."""
    attention = Attention()
    attention.until(ns_from_s(LASTS_S))
    look, asked = FaceLook(reader, attention), list[Asked]()
    judge = Judge(Challenge(moves), LightTest(light.tints, believed) if light else None)
    if judge.light is not None:
        judge.light.began_ns = 0
    for index in range(int(LASTS_S * RATE_HZ)):
        t_s = index / RATE_HZ
        at_ns = ns_from_s(t_s + (float(stamps.uniform(0, STAMPED_S)) if stamps else 0.0))
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
    came = judge.light.came if judge.light is not None else None
    if came is not None and light is not None:
        told.lag_s.append(came.lag_ns / SECOND_NS - light.late_s)
    if judge.is_live:
        told.took_s.append(at_ns / SECOND_NS)
    return judge.is_live, came if judge.challenge.is_live else None


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
    before = replace(
        light, tints=tints_from(rng.bytes(128), COLOURS), late_s=float(rng.uniform(0, 0.25))
    )

    def right(mirrors: Mirrors, lit: Flashing | None = None) -> Callable[[], Act]:
        return lambda: film(portrait, behind, rng, None, mirrors=mirrors, lit=lit)

    name = "tablet, film of the right moves"
    return {
        f"{name}, held square": right(Mirrors.BELOW),
        f"{name}, mirroring all over": right(Mirrors.ALL_OVER),
        f"{name}, made at an earlier entry": right(Mirrors.NOTHING, before),
        f"{name}, the same, mirroring": right(Mirrors.ALL_OVER, before),
    } | {
        f"{name}, tinted as the screen is, {late_s} s late": right(
            Mirrors.NOTHING, replace(light, late_s=light.late_s + late_s)
        )
        for late_s in STEERED_S
    }


def learn(
    portrait: Portrait,
    rng: np.random.Generator,
    light: Flashing,
    moves_count: int,
    reader: FaceReader,
    told: dict[str, Told],
) -> Usual:
    """One person comes in until the gate knows its light, and again once it does."""
    usual, again = UsualLight(), 0
    for n in range(LEARNS_FROM):
        has_learned = usual.believed != AT_FIRST
        kind = LIVING if n == 0 else LEARNED if has_learned else LEARNING
        sensor = AdaptingSensor(rng, float(rng.uniform(1, 4)))
        now = replace(light, late_s=light.late_s + float(rng.uniform(0, WANDERS_S)))
        moves = moves_from(rng.bytes(64), moves_count)
        one = told.setdefault(kind, Told())
        act, believed = living(portrait, rng), usual.believed
        is_live, came = play(act, moves, reader, sensor, one, now, believed, rng)
        if came is not None:
            teach = usual.confirmed if is_live else usual.refused
            teach(new_member_id(rng.bytes(9)), came)
        again += has_learned
        if again == AGAIN:
            break
    return usual.believed


def measure(
    people: Sequence[int],
    moves_count: int,
    seed: int,
    only: Sequence[str],
    *,
    kelvin: int,
    has_light: bool,
) -> dict[str, Told]:
    """People, each as itself and as what is held up of it; kinds whose name has one of `only`."""
    reader, told = load_face_reader(), dict[str, Told]()
    shapes = sorted(path.stem for path in BODIES.glob("*.npz"))
    for number in people:
        rng = np.random.default_rng([seed, number])
        away_m = float(rng.uniform(0.5, 0.75))
        warmth = float(rng.uniform(-0.08, 0.08)) if has_light else 0.0
        with Portrait(
            shapes[number % len(shapes)], seed + number, away_m, warmth=warmth, lamps=LAMPS[kelvin]
        ) as p:
            moves = moves_from(rng.bytes(64), moves_count)
            presented, light, believed = kinds(p, rng, moves), None, AT_FIRST
            if has_light:
                screen = GateScreen(lux=float(rng.uniform(300, 1000)))
                colours = tints_from(rng.bytes(128), COLOURS)
                light = Flashing(screen, colours, float(rng.uniform(0.06, 0.3)))
                del presented[LIVING]
                believed = learn(p, rng, light, moves_count, reader, told)
                presented |= lit_kinds(p, rng, light)
            for kind, begin in presented.items():
                if not any(part in kind for part in only):
                    continue
                noise = float(rng.uniform(1, 4))
                sensor = AdaptingSensor(rng, noise) if has_light else Sensor(rng, noise)
                play(begin(), moves, reader, sensor, told.setdefault(kind, Told()), light, believed)
    return told


def report(told: dict[str, Told]) -> list[dict[str, object]]:
    """A row a kind."""
    rows: list[dict[str, object]] = []
    for kind, one in told.items():
        is_living = kind.startswith(LIVING)
        wrong = one.tries - one.live if is_living else one.live
        low, high = clopper_pearson(wrong, one.tries)
        rows.append(
            {
                "presented": kind,
                "rate": "BPCER" if is_living else "APCER",
                "wrong": wrong,
                "of": one.tries,
                "low": round(low, 3),
                "high": round(high, 3),
                "why": dict(one.why.most_common()),
                "verdict_s_p95": round(float(np.quantile(one.took_s, 0.95)), 2)
                if one.took_s
                else None,
                "lag_off_ms": [round(1000 * one) for one in sorted(one.lag_s)],
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
    parser.add_argument("--only", nargs="+", default=[""], help="kinds whose name has one of these")
    parser.add_argument("--light", action="store_true", help="with the colours of the screen")
    parser.add_argument("--kelvin", type=int, default=6500, choices=LAMPS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    people = range(args.skip, args.skip + args.count)
    rows = report(
        measure(people, args.moves, args.seed, args.only, kelvin=args.kelvin, has_light=args.light)
    )
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"{row['presented']:64} {row['rate']} {row['wrong']} of {row['of']} "
            f"({row['low']}..{row['high']})  {row['why']}  verdict p95 {row['verdict_s_p95']} s, "
            f"look p95 {row['look_ms_p95']} ms, lags off {row['lag_off_ms']} ms"
        )


if __name__ == "__main__":
    main()
