"""What cameras cost a node: `python benchmarks/vision.py [--data FOLDER] [--json] ...`.

One run, all figures, on real clips (see `clips.py`). Streams are played as live cameras through the
whole pipeline of a node (`tebura_edge.trial`). What needs onnx and ultralytics is measured only
with ``--train PYTHON``, a Python that has them.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

import clips
import msgspec
import numpy as np
import onnxruntime
from run import machine
from tebura_contract.ids import CameraId
from tebura_edge.bench import Costs, costs_of, held_by_cost
from tebura_edge.frames import Frame
from tebura_edge.looped import Stream
from tebura_edge.people import PeopleSettings, detect_people, open_arms, open_people
from tebura_edge.tracker import Tracker
from tebura_edge.trial import LOOK_HZ, Outcome, most_streams, run_trial
from tebura_models.loader import Network, find_entry, open_network
from tebura_models.manifest import PeopleEntry

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
BARE = ROOT.parent / "shared" / "models" / "movenet_multipose.onnx"
BARE_OF = "movenet-multipose"
"""A network that ships, as it was converted."""
PAIRS = 60
ALONE_S = 15.0
HELD_S = 8.0
MOST_STREAMS = 40
SEARCH_S = 60.0
MEMORY_CAMERAS = 4
RATE_HZ = 10.0
FAST_HZ = 14.95


@dataclass(frozen=True)
class Figure:
    """One measured figure, what was hoped for, and what one should know about it."""

    name: str
    value: float
    unit: str
    goal: str = ""
    note: str = ""


@dataclass(frozen=True)
class TrainPython:
    """A Python with the train extra (onnx, ultralytics), which no node has."""

    python: Path

    def run(self, *arguments: str) -> str:
        """Have `ultralytics_side.py` do something; what it printed last."""
        return self._run(str(Path(__file__).with_name("ultralytics_side.py")), *arguments)

    def augment(self, raw: Path, out: Path) -> None:
        self._run(
            "-m", "tebura_models.cli", "augment", str(raw), "-o", str(out), "--family", "yolo-pose"
        )

    def _run(self, *arguments: str) -> str:
        packages = ":".join(str(ROOT / folder) for folder in ("models", "contract"))
        done = subprocess.run(
            [str(self.python), *arguments],
            env={**os.environ, "PYTHONPATH": packages},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.python}: {done.stderr[-2000:]}")
        return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@dataclass(frozen=True)
class Bench:
    """What all figures are measured with."""

    folder: Path
    busy: tuple[Path, ...]
    idle: Path
    settings: PeopleSettings
    train: "TrainPython | None"

    @property
    def settings_of_one_thread(self) -> PeopleSettings:
        """Processor time of one thread can be compared whatever else runs."""
        return msgspec.structs.replace(self.settings, threads=1)

    def play(
        self,
        count: int,
        busy: int,
        lasts_s: float,
        rate_hz: float = RATE_HZ,
        *,
        rests: bool = True,
    ) -> Outcome:
        """A trial of so many cameras, so many of them busy."""
        played = [Stream(video, rate_hz) for video in islice(cycle(self.busy), busy)]
        played += [Stream(self.idle, rate_hz, is_busy=False)] * (count - busy)
        network = open_people(self.settings)
        arms = open_arms(self.settings, network)
        return run_trial(played, network, self.settings, lasts_s, arms=arms, rests=rests)

    def costs(self, busy: int, lasts_s: float) -> Costs:
        """What pictures and looks take, from so many busy cameras."""
        return costs_of(
            self.play(1, 0, lasts_s),
            self.play(1, 0, lasts_s, rests=False),
            self.play(busy, busy, lasts_s),
        )


def overhead(bench: Bench) -> Iterator[Figure]:
    """A frame through all of ours beside the network as it came, before we built anything in.

    The default differs from that one in its numbers alone.
    """
    if not BARE.exists():
        return
    settings = msgspec.structs.replace(bench.settings_of_one_thread, model=BARE_OF)
    network = open_people(settings)
    ours_ms, bare_ms = _in_turn(network, Bare(BARE), bench)
    note = f"{ours_ms:.2f} over {bare_ms:.2f} ms of processor time, one thread"
    yield Figure("a frame, over the bare network", ours_ms / bare_ms, "x", "<= 1.10", note)


def beside_ultralytics(bench: Bench) -> Iterator[Figure]:
    """One network of ultralytics' own kind, on both sides, over the same frames."""
    if bench.train is None:
        return
    raw, ours_file = bench.folder / "new.onnx", bench.folder / "people.onnx"
    bench.train.run("new", str(raw))
    bench.train.augment(raw, ours_file)
    entry = msgspec.structs.replace(
        find_entry("movenet-multipose", PeopleEntry), file=ours_file.name
    )
    network = open_network(entry, ours_file.read_bytes())
    ours_ms, bare_ms = _in_turn(network, Bare(raw), bench)
    note = f"{ours_ms:.2f} over {bare_ms:.2f} ms, untrained yolo11n-pose"
    yield Figure("a frame of it, over the bare network", ours_ms / bare_ms, "x", "<= 1.10", note)
    size = [str(side) for side in bench.settings.size_px]
    size[1] = "224"  # what a picture of 16:9 needs of it, on both sides
    told = bench.train.run("time", str(raw), str(bench.busy[0]), str(PAIRS), *size)
    theirs = {name: _undisturbed(times) for name, times in json.loads(told).items()}
    tracking_ms = _tracking_ms(network, bench)
    predict, track = theirs["predict"] / ours_ms, theirs["track"] / (ours_ms + tracking_ms)
    note = f"{theirs['predict']:.2f} over {ours_ms:.2f} ms of processor time, one thread"
    yield Figure("ultralytics predict, over ours", predict, "x", ">= 1.3", note)
    note = f"{theirs['track']:.2f} over {ours_ms + tracking_ms:.2f} ms"
    yield Figure("ultralytics track, over ours", track, "x", ">= 2", note)


class Bare:
    """A network alone, with a tensor that fits its input, on one thread as ours is."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        wanted = self._session.get_inputs()[0]
        planes, rows = np.zeros((1, 3, 224, 384), np.float32), np.zeros((1, 224, 384, 3), np.int32)
        self._feed = {wanted.name: rows if wanted.type == "tensor(int32)" else planes}

    def run(self) -> None:
        self._session.run(None, self._feed)


def _in_turn(network: Network, bare: Bare, bench: Bench) -> tuple[float, float]:
    """Milliseconds of ours and of the bare network, in turn, so that load hits both."""
    ours_ms, bare_ms = [], []
    for n, picture in enumerate(islice(clips.read(bench.busy[0]), PAIRS)):
        frame = Frame(CameraId("bench"), n, picture)
        ours_ms.append(_took_ms(lambda: detect_people(network, frame, bench.settings.size_px)))  # noqa: B023
        bare_ms.append(_took_ms(bare.run))
    return _undisturbed(ours_ms), _undisturbed(bare_ms)


def _tracking_ms(network: Network, bench: Bench) -> float:
    """What tracks add to a frame; with people that a trained network finds."""
    network = open_people(bench.settings_of_one_thread)
    tracker, times_ms = Tracker(picture_px=clips.SIZE_PX), []
    for n, picture in enumerate(islice(clips.read(bench.busy[0]), PAIRS)):
        frame = Frame(CameraId("bench"), n * 100_000_000, picture)
        found = detect_people(network, frame, bench.settings.size_px)
        times_ms.append(_took_ms(lambda: tracker.step(found)))  # noqa: B023
    return float(np.mean(times_ms))


def _took_ms(call: Callable[[], object]) -> float:
    """Processor time of this thread: what else runs on the machine is no part of it."""
    began_s = time.thread_time()
    call()
    return (time.thread_time() - began_s) * 1000


def _undisturbed(times_ms: list[float]) -> float:
    """Mean of the fastest third: other programs spoil caches, too."""
    return float(np.mean(sorted(times_ms)[: len(times_ms) // 3]))


def idle(bench: Bench) -> Iterator[Figure]:
    """A camera that sees nobody, beside one whose every picture the network sees.

    From what a picture and a look cost, so that it says the same on a board that is not free.
    """
    costs = bench.costs(1, ALONE_S)
    still_ms = costs.still_ms
    always_ms, least_ms = (
        RATE_HZ * costs.frame_ms + hz * costs.look_ms for hz in (RATE_HZ, LOOK_HZ)
    )
    note = (
        f"{still_ms:.0f} over {always_ms:.0f} ms a second, decoding included; "
        f"{still_ms / least_ms * 100:.1f} % of one looked at {LOOK_HZ:g} times a second"
    )
    yield Figure("an idle camera, over a busy one", still_ms / always_ms * 100, "%", "<= 5", note)


def streams(bench: Bench) -> Iterator[Figure]:
    """The most cameras that are held, all of them busy, then one in four."""
    costs = bench.costs(3, HELD_S)
    cores = os.cpu_count() or 1
    for rate_hz, every, goal in (
        (RATE_HZ, 1, ">= 6"),
        (RATE_HZ, 4, ">= 20"),
        (FAST_HZ, 1, ""),
    ):
        by_cost = held_by_cost(cores, rate_hz, costs, every)

        def play(count: int, every: int = every, rate_hz: float = rate_hz) -> Outcome:
            return bench.play(count, -(-count // every), HELD_S, rate_hz)

        best = most_streams(play, by_cost, MOST_STREAMS, SEARCH_S)
        kind = "all busy" if every == 1 else "one in four busy"
        yield Figure(
            f"streams held at {rate_hz:g} Hz, {kind}",
            best.streams if best else 0,
            "",
            goal,
            f"{_told(best) if best else 'not one'}; {by_cost} by processor time alone "
            f"({costs.frame_ms:.1f} ms a frame, {costs.look_ms:.0f} ms a look)",
        )


def _told(outcome: Outcome) -> str:
    return (
        f"p99 {outcome.p99_ms:.0f} ms, {outcome.look_hz:.1f} looks a second, "
        f"{outcome.cores:.2f} cores used, {outcome.others:.2f} by other programs"
    )


def memory(bench: Bench) -> Iterator[Figure]:
    """In a process of its own, as a node is."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        peak_mb = pool.apply(_peak_mb, (bench,))
    yield Figure(f"memory, {MEMORY_CAMERAS} busy cameras", peak_mb, "MB", "<= 600", "at most")


def _peak_mb(bench: Bench) -> float:
    bench.play(MEMORY_CAMERAS, MEMORY_CAMERAS, HELD_S)
    # Not getrusage: its peak is that of the process this one was forked from, if that was larger.
    lines = Path("/proc/self/status").read_text().splitlines()
    [peak_kb] = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak_kb) / 1024


PARTS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "overhead": overhead,
    "ultralytics": beside_ultralytics,
    "idle": idle,
    "memory": memory,
    "streams": streams,
}


def main() -> None:
    """Read the command line, make the clips, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    parser.add_argument("--train", type=Path, help="a Python with the train extra, to compare")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default=PeopleSettings().model, help="of the manifest")
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    options = parser.parse_args()
    if not options.json:
        print(machine())
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            Path(folder),
            tuple(clips.busy_clips(options.data, Path(folder)).values()),
            clips.idle_clip(options.data, Path(folder)),
            PeopleSettings(model=options.model, threads=options.threads),
            TrainPython(options.train) if options.train else None,
        )
        for part in options.part or PARTS:
            for figure in PARTS[part](bench):
                show(figure, options.json)


def show(figure: Figure, as_json: bool) -> None:
    """Print as it comes: the whole takes minutes."""
    if as_json:
        print(json.dumps({**asdict(figure), "machine": machine()}), flush=True)
        return
    goal = f"(goal {figure.goal})" if figure.goal else ""
    value = f"{figure.value:8.2f} {figure.unit}"
    print(f"  {figure.name:42} {value:12} {goal:16} {figure.note}", flush=True)


if __name__ == "__main__":
    main()
