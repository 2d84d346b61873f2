"""Goes on training MoveNet MultiPose on drawn worlds and real frames; torch alone, no GPU needed.

``python models/training/tune.py SET --start movenet_multipose.onnx -o RUN [--steps N] [--resume]``
``python models/training/tune.py SET --start … -o RUN --write out.onnx --share 0.5``

A run that was cut off goes on where it was; every step's pictures depend on the seed and the
step's number alone. What is written is `--share` of the way from the start to the tuned weights:
half-way often keeps what the start knew of the world and has what the tuning taught.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from movenet import (
    BOX,
    BOX_OFFSET,
    CENTRE,
    KEYPOINTS,
    OFFSET,
    REGRESSION,
    STRIDE,
    MoveNet,
)
from samples import Targets, fitted, listed, read, targets, varied
from torch import Tensor
from torch.nn import functional as fn

SIZES_PX = ((320, 192), (384, 224))
BATCH = 8
RATE, WARM_STEPS = 1e-4, 60
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


def loss_of(heads: dict[str, Tensor], wanted: list[Targets]) -> dict[str, Tensor]:
    """The parts of the loss over a batch."""
    stacked = {
        name: torch.from_numpy(np.stack([getattr(one, name) for one in wanted]))
        for name in ("centre", "keypoints", "counted")
    }
    people = [(n, *cell) for n, one in enumerate(wanted) for cell in one.cells]
    spots = [(n, *spot) for n, one in enumerate(wanted) for spot in one.spots]
    parts = {
        "centre": heat_loss(heads[CENTRE], stacked["centre"]),
        "keypoints": heat_loss(heads[KEYPOINTS], stacked["keypoints"], stacked["counted"]),
    }
    if people:
        n, y, x = torch.tensor(people).T

        def off(head: str, name: str) -> Tensor:
            true = torch.from_numpy(np.concatenate([getattr(one, name) for one in wanted]))
            return fn.l1_loss(heads[head][n, :, y, x], true, reduction="none")

        known = torch.from_numpy(np.concatenate([one.reach_known for one in wanted]))
        reach = off(REGRESSION, "reach") * known
        parts["reach"] = 0.1 * reach.sum() / known.sum().clamp(min=1)
        parts["box"] = 0.1 * off(BOX, "box").mean()
        parts["box_offset"] = off(BOX_OFFSET, "box_offset").mean()
    if spots:
        n, k, y, x = torch.tensor(spots).T
        told = heads[OFFSET].unflatten(1, (17, 2))[n, k, :, y, x]
        true = torch.from_numpy(np.concatenate([one.spot_offset for one in wanted]))
        parts["spot"] = fn.l1_loss(told, true)
    return parts


class Run:
    """A run in its folder: weights, their running mean, the optimiser, how many steps are done."""

    def __init__(self, start: Path, folder: Path, seed: int) -> None:
        self.net = MoveNet(start).to(memory_format=torch.channels_last)
        self.folder, self.seed, self.steps = folder, seed, 0
        self.mean = {k: v.detach().clone() for k, v in self.net.weights.items()}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=RATE, weight_decay=0)
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> None:
        kept = torch.load(self.folder / "last.pt", weights_only=True)
        self.net.weights.load_state_dict(kept["weights"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.mean, self.steps, self.seed = kept["mean"], kept["steps"], kept["seed"]

    def save(self) -> None:
        kept = {
            "weights": self.net.weights.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "mean": self.mean,
            "steps": self.steps,
            "seed": self.seed,
        }
        torch.save(kept, self.folder / "last.part")
        (self.folder / "last.part").replace(self.folder / "last.pt")

    def step(self, files: list[Path]) -> dict[str, float]:
        """One batch; which, and how it is varied, follows from the seed and the step's number."""
        rng = np.random.default_rng([self.seed, self.steps])
        size_px = SIZES_PX[self.steps % len(SIZES_PX)]
        epoch, at = divmod(self.steps * BATCH, len(files))
        order = np.random.default_rng([self.seed, 10**9 + epoch]).permutation(len(files))
        chosen = [files[i] for i in np.resize(np.roll(order, -at), BATCH)]
        pairs = [varied(*read(file), size_px, rng) for file in chosen]
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * min(1, (self.steps + 1) / WARM_STEPS)
        parts = loss_of(
            self.net(batch([picture for picture, _ in pairs])),
            [targets(people, size_px, STRIDE) for _, people in pairs],
        )
        self.optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.steps += 1
        for name, weight in self.net.weights.items():
            self.mean[name].lerp_(weight.detach(), 1 - min(KEEP, self.steps / (self.steps + 10)))
        return {name: part.item() for name, part in parts.items()}

    @torch.no_grad()
    def check(self, files: list[Path], weights: dict[str, Tensor]) -> dict[str, float]:
        """The mean loss on pictures as a camera gives them, with other weights than its own."""
        own = {k: v.detach().clone() for k, v in self.net.weights.items()}
        self.net.weights.load_state_dict(weights)
        sums: dict[str, list[float]] = {}
        for file in files:
            picture, people = fitted(*read(file), SIZES_PX[1])
            for name, part in loss_of(
                self.net(batch([picture])), [targets(people, SIZES_PX[1], STRIDE)]
            ).items():
                sums.setdefault(name, []).append(float(part))
        self.net.weights.load_state_dict(own)
        return {name: float(np.mean(parts)) for name, parts in sums.items()}


def batch(pictures: list[np.ndarray]) -> Tensor:
    """Pictures (BGR) as the network takes them."""
    rgb = np.stack(pictures)[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    return torch.from_numpy(rgb).contiguous(memory_format=torch.channels_last)


def train(run: Run, files: list[Path], checks: list[Path], steps: int) -> None:
    """Go on to so many steps; one line of ``log.jsonl`` every few."""
    log = (run.folder / "log.jsonl").open("a", encoding="utf-8")
    if run.steps == 0:
        _note(log, {"step": 0, "check": run.check(checks, run.mean)})
    recent: list[dict[str, float]] = []
    began = time.monotonic()
    while run.steps < steps:
        recent.append(run.step(files))
        if run.steps % SAVE_STEPS == 0 or run.steps == steps:
            run.save()
            names = sorted({name for one in recent for name in one})
            mean = {n: float(np.mean([one[n] for one in recent if n in one])) for n in names}
            epoch = run.steps * BATCH / len(files)
            spent = (time.monotonic() - began) / len(recent)
            _note(log, {"step": run.steps, "epoch": epoch, "s_a_step": spent, "loss": mean})
            recent, began = [], time.monotonic()
        if run.steps % CHECK_STEPS == 0:
            _note(log, {"step": run.steps, "check": run.check(checks, run.mean)})


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
    parser.add_argument("set", type=Path, help="images/ and labels/, as `dataset` draws them")
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
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    cv2.setNumThreads(1)
    run = Run(options.start, options.out, options.seed)
    if options.resume or options.write:
        started = {k: v.detach().clone() for k, v in run.net.weights.items()}
        run.resume()
        if options.write:
            mixed = {k: torch.lerp(started[k], run.mean[k], options.share) for k in started}
            run.net.weights.load_state_dict(mixed)
            run.net.write(options.start, options.write)
            print(f"{options.write}: {options.share:g} of {run.steps} steps")
            return 0
    files = listed(options.set, ["train", *["real"] * options.real])
    checks = listed(options.set, ["test"])[::8]
    print(f"{len(files)} pictures an epoch, {len(checks)} to check with", flush=True)
    train(run, files, checks, options.steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
