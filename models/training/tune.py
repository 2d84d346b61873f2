"""Goes on training MoveNet MultiPose on drawn worlds and real frames; torch alone, no GPU needed.

``python models/training/tune.py SET --start movenet_multipose.onnx -o RUN [--steps N] [--resume]``
``python models/training/tune.py SET --start … -o RUN --write out.onnx --share 0.5``
``python models/training/tune.py SET [MORE] --start … -o RUN --arms``

Instead of a SET it takes what `trunk.py` kept of one: then only what follows the trunk learns, in a
fraction of the time. With `--arms` it learns what a node looks at from nearer: each person cut out,
and of their joints elbows and wrists before all others.

A run that was cut off goes on where it was; every step's pictures depend on the seed and the
step's number alone. What is written is `--share` of the way from the start to the tuned weights:
half-way often keeps what the start knew of the world and has what the tuning taught.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from lessons import FromCuts, FromPictures, FromTrunk, Lessons
from movenet import BOX, BOX_OFFSET, CENTRE, HEADS, KEYPOINTS, OFFSET, REGRESSION, MoveNet
from samples import Targets, listed
from torch import Tensor
from torch.nn import functional as fn
from trunk import Kept

BATCH = 8
RATE, WARM_STEPS = 1e-3, 60
"""A step changes a weight by about such a share of its channel's size."""
KEEP = 0.995
"""Of the running mean of weights, which is what is used, each step keeps so much."""
SAVE_STEPS, CHECK_STEPS = 10, 150


def heat_loss(told: Tensor, bump: Tensor, counted: Tensor | None = None) -> Tensor:
    """CenterNet's focal loss, a person or keypoint; `told` is before the sigmoid."""
    p = told.sigmoid().clamp(1e-4, 1 - 1e-4)
    is_top = (bump >= 0.999).float()
    there = -((1 - p) ** 2) * p.log() * is_top
    empty = -((1 - bump) ** 4) * p**2 * (1 - p).log() * (1 - is_top)
    if counted is not None:
        empty = empty * counted
    return (there + empty).sum() / is_top.sum().clamp(min=1)


@dataclass(frozen=True)
class Emphasis:
    """How much parts of the loss count; `joints` are groups of keypoints, each with its share."""

    joints: tuple[tuple[Sequence[int], float], ...] = ((range(17), 1.0),)
    centre: float = 1.0
    reach: float = 0.1
    box: float = 0.1
    box_offset: float = 1.0

    def of_each(self) -> Tensor:
        """Of each keypoint (17,), about 1."""
        shares = torch.zeros(17)
        for group, share in self.joints:
            shares[list(group)] = share
        return shares / shares.mean()


ARMS = (7, 8, 9, 10)
ARMS_FIRST = Emphasis(
    joints=((ARMS, 1.0), ([joint for joint in range(17) if joint not in ARMS], 0.3)),
    centre=0.3,
    reach=0.6,
    box=0.05,
    box_offset=0.3,
)


def loss_of(
    heads: dict[str, Tensor], wanted: list[Targets], emphasis: Emphasis
) -> dict[str, Tensor]:
    """The parts of the loss over a batch."""
    stacked = {
        name: torch.from_numpy(np.stack([getattr(one, name) for one in wanted]))
        for name in ("centre", "keypoints", "counted")
    }
    people = [(n, *cell) for n, one in enumerate(wanted) for cell in one.cells]
    spots = [(n, *spot) for n, one in enumerate(wanted) for spot in one.spots]
    parts = {"centre": emphasis.centre * heat_loss(heads[CENTRE], stacked["centre"])}
    for number, (group, share) in enumerate(emphasis.joints):
        told, bump, counted = (
            heat[:, list(group)]
            for heat in (heads[KEYPOINTS], stacked["keypoints"], stacked["counted"])
        )
        parts[f"keypoints-{number}"] = share * heat_loss(told, bump, counted)
    if people:
        n, y, x = torch.tensor(people).T

        def off(head: str, name: str) -> Tensor:
            true = torch.from_numpy(np.concatenate([getattr(one, name) for one in wanted]))
            return fn.l1_loss(heads[head][n, :, y, x], true, reduction="none")

        known = torch.from_numpy(np.concatenate([one.reach_known for one in wanted]))
        known = known * emphasis.of_each().repeat_interleave(2)
        reach = off(REGRESSION, "reach") * known
        parts["reach"] = emphasis.reach * reach.sum() / known.sum().clamp(min=1)
        parts["box"] = emphasis.box * off(BOX, "box").mean()
        parts["box_offset"] = emphasis.box_offset * off(BOX_OFFSET, "box_offset").mean()
    if spots:
        n, k, y, x = torch.tensor(spots).T
        told = heads[OFFSET].unflatten(1, (17, 2))[n, k, :, y, x]
        true = torch.from_numpy(np.concatenate([one.spot_offset for one in wanted]))
        apart = fn.l1_loss(told, true, reduction="none").mean(dim=1)
        shares = emphasis.of_each()[k]
        parts["spot"] = (apart * shares).sum() / shares.sum()
    return parts


class Run:
    """A run in its folder: weights, their running mean, the optimiser, how many steps are done."""

    def __init__(
        self,
        net: MoveNet,
        folder: Path,
        seed: int,
        rate: float = RATE,
        emphasis: Emphasis | None = None,
    ) -> None:
        self.net = net.to(memory_format=torch.channels_last)
        self.emphasis = emphasis or Emphasis()
        self.folder, self.seed, self.rate, self.steps = folder, seed, rate, 0
        self.mean = {k: v.detach().clone() for k, v in self.net.weights.items()}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=0)
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> None:
        kept = torch.load(self.folder / "last.pt", weights_only=True)
        self.net.weights.load_state_dict(kept["weights"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.mean, self.steps = kept["mean"], kept["steps"]
        self.seed, self.rate = kept["seed"], kept["rate"]

    def save(self) -> None:
        kept = {
            "weights": self.net.weights.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "mean": self.mean,
            "steps": self.steps,
            "seed": self.seed,
            "rate": self.rate,
        }
        torch.save(kept, self.folder / "last.part")
        (self.folder / "last.part").replace(self.folder / "last.pt")

    def step(self, lessons: Lessons) -> dict[str, float]:
        """One batch; which, and how it is varied, follows from the seed and the step's number."""
        rng = np.random.default_rng([self.seed, self.steps])
        epoch, at = divmod(self.steps * BATCH, lessons.count)
        order = np.random.default_rng([self.seed, 10**9 + epoch]).permutation(lessons.count)
        chosen = np.resize(np.roll(order, -at), BATCH)
        given, wanted = lessons.batch(chosen.tolist(), self.steps, rng)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * min(1, (self.steps + 1) / WARM_STEPS)
        parts = loss_of(self.net(*given), wanted, self.emphasis)
        self.optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.steps += 1
        for name, weight in self.net.weights.items():
            self.mean[name].lerp_(weight.detach(), 1 - min(KEEP, self.steps / (self.steps + 10)))
        return {name: part.item() for name, part in parts.items()}

    @torch.no_grad()
    def check(self, lessons: Lessons) -> dict[str, float]:
        """The mean loss of the running mean of weights, on pictures as a camera gives them."""
        own = {k: v.detach().clone() for k, v in self.net.weights.items()}
        self.net.weights.load_state_dict(self.mean)
        sums: dict[str, list[float]] = {}
        for given, wanted in lessons.checks():
            for name, part in loss_of(self.net(*given), wanted, self.emphasis).items():
                sums.setdefault(name, []).append(float(part))
        self.net.weights.load_state_dict(own)
        return {name: float(np.mean(parts)) for name, parts in sums.items()}


def train(run: Run, lessons: Lessons, steps: int) -> None:
    """Go on to so many steps; one line of ``log.jsonl`` every few."""
    log = (run.folder / "log.jsonl").open("a", encoding="utf-8")
    if run.steps == 0:
        _note(log, {"step": 0, "check": run.check(lessons)})
    recent: list[dict[str, float]] = []
    began = time.monotonic()
    while run.steps < steps:
        recent.append(run.step(lessons))
        if run.steps % SAVE_STEPS == 0 or run.steps == steps:
            run.save()
            names = sorted({name for one in recent for name in one})
            mean = {n: float(np.mean([one[n] for one in recent if n in one])) for n in names}
            epoch = run.steps * BATCH / lessons.count
            spent = (time.monotonic() - began) / len(recent)
            _note(log, {"step": run.steps, "epoch": epoch, "s_a_step": spent, "loss": mean})
            recent, began = [], time.monotonic()
        if run.steps % CHECK_STEPS == 0:
            _note(log, {"step": run.steps, "check": run.check(lessons)})


def _note(log: object, row: dict[str, object]) -> None:
    def short(value: object) -> object:
        if isinstance(value, dict):
            return {k: short(v) for k, v in value.items()}
        return round(value, 4) if isinstance(value, float) else value

    line = json.dumps(short(row))
    print(line, file=log, flush=True)  # type: ignore[call-overload]
    print(line, flush=True)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument(
        "set", type=Path, nargs="+", help="as `dataset` draws it, or one kept by `trunk.py`"
    )
    parser.add_argument("--arms", action="store_true", help="of people cut out, arms before all")
    parser.add_argument("--start", type=Path, required=True, help="MoveNet as it was converted")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--real", type=int, default=3, help="how often each real frame stands for one"
    )
    parser.add_argument("--resume", action="store_true", help="go on where it was cut off")
    parser.add_argument("--write", type=Path, help="write the tuned network instead of training")
    parser.add_argument("--share", type=float, default=1.0, help="of the way from start to tuned")
    parser.add_argument("--only", nargs="+", choices=HEADS, help="heads that learn; else all does")
    parser.add_argument("--rate", type=float, default=RATE)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    cv2.setNumThreads(1)
    is_kept = (options.set[0] / "train" / "people.jsonl").exists()
    net = MoveNet(options.start, follows=Kept(options.set[0] / "train").depth if is_kept else 0)
    if options.only:
        net.learn_only(options.only)
    emphasis = ARMS_FIRST if options.arms else None
    run = Run(net, options.out, options.seed, options.rate, emphasis)
    if options.resume or options.write:
        started = {k: v.detach().clone() for k, v in run.net.weights.items()}
        run.resume()
        if options.write:
            mixed = {k: torch.lerp(started[k], run.mean[k], options.share) for k in started}
            run.net.weights.load_state_dict(mixed)
            run.net.write(options.start, options.write)
            print(f"{options.write}: {options.share:g} of {run.steps} steps")
            return 0
    lessons = _kept(options.set[0]) if is_kept else _pictures(options)
    print(f"{lessons.count} samples an epoch", flush=True)
    train(run, lessons, options.steps)
    return 0


def _kept(folder: Path) -> Lessons:
    return FromTrunk(Kept(folder / "train"), Kept(folder / "test"))


def _pictures(options: argparse.Namespace) -> Lessons:
    parts = ["train", *["real"] * options.real]
    files = [file for folder in options.set for file in listed(folder, parts)]
    checks = [file for folder in options.set for file in listed(folder, ["test"])]
    return FromCuts.of(files, checks) if options.arms else FromPictures(files, checks[::8])


if __name__ == "__main__":
    sys.exit(main())
