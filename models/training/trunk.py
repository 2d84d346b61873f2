"""What MoveNet's trunk makes of a set's pictures, worked out once: what follows learns fast.

``python models/training/trunk.py SET --start movenet_multipose.onnx -o KEPT``

Every picture of the `train` and `real` parts is kept in several variations, every eighth of `test`
as a camera would give it. Each depends on the seed and its own number alone, and what was cut off
goes on where it was. About 0.6 MB a variation.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from movenet import trunk_outputs
from samples import Floats, People, Picture, fitted, listed, read, varied

SIZE_PX, CHECK_SIZE_PX = (320, 192), (384, 224)
TIMES = {"train": 5, "real": 15}
"""In so many variations is each picture of a part kept."""
CHECK_EVERY = 8
SAVE_EVERY = 64
LAYERS = {40: 4, 48: 8, 96: 16, 1280: 32}
"""Channels of what the trunk puts out, and how many pixels wide a cell of it is."""


class Kept:
    """A folder with samples as the trunk saw them: layers in half precision, and people."""

    def __init__(self, folder: Path) -> None:
        """Open what `made` made; `people` are those of what is kept so far."""
        files = _kept_layers(folder)
        self.depth = len(files)
        self._layers = [np.lib.format.open_memmap(file, "r+") for file in files]
        self.wanted, _, high, wide = self._layers[0].shape
        stride = min(LAYERS.values())
        self.size_px = (wide * stride, high * stride)
        self._file = folder / "people.jsonl"
        self.people = [_people(line) for line in self._file.read_text().splitlines()]

    @classmethod
    def made(cls, folder: Path, size_px: tuple[int, int], count: int, depth: int) -> "Kept":
        """Open a folder for so many samples, made where it is not there, to go on with."""
        folder.mkdir(parents=True, exist_ok=True)
        there = len(_kept_layers(folder))
        if there not in (0, depth):
            raise SystemExit(f"{folder}: holds {there} layers of each sample, not {depth}")
        lines = folder / "people.jsonl"
        told = lines.read_text() if lines.exists() else ""
        lines.write_text(told[: told.rfind("\n") + 1])  # a line that was cut off is no sample
        for channels, stride in list(LAYERS.items())[:depth]:
            file = folder / f"layer-{stride}.npy"
            if not file.exists():
                shape = (count, channels, size_px[1] // stride, size_px[0] // stride)
                np.lib.format.open_memmap(file, "w+", np.float16, shape)
        kept = cls(folder)
        if (kept.wanted, kept.size_px) != (count, size_px):
            raise SystemExit(f"{folder}: holds another set's {kept.wanted} samples, not {count}")
        return kept

    def __len__(self) -> int:
        return len(self.people)

    def layers(self, chosen: Sequence[int]) -> list[Floats]:
        """The layers (len(chosen), channels, h, w) of samples, finest first."""
        return [layer[list(chosen)].astype(np.float32) for layer in self._layers]

    def add(self, samples: Sequence[tuple[Sequence[Floats], People]]) -> None:
        """Keep some more; people are written last, so that only whole samples count."""
        for number, (layers, _) in enumerate(samples, start=len(self)):
            for to, layer in zip(self._layers, layers, strict=True):
                to[number] = layer
        for to in self._layers:
            to.flush()
        with self._file.open("a") as out:
            out.writelines(f"{_line(people)}\n" for _, people in samples)
        self.people += [people for _, people in samples]


def _kept_layers(folder: Path) -> list[Path]:
    files = [folder / f"layer-{stride}.npy" for stride in LAYERS.values()]
    return [file for file in files if file.exists()]


def _line(people: People) -> str:
    return json.dumps({"boxes": people.boxes.tolist(), "keypoints": people.keypoints.tolist()})


def _people(line: str) -> People:
    row = json.loads(line)
    boxes = np.array(row["boxes"], np.float32).reshape(-1, 4)
    return People(boxes, np.array(row["keypoints"], np.float32).reshape(-1, 17, 3))


class Trunk:
    """The file's own trunk, in ONNX Runtime."""

    def __init__(self, file: Path, threads: int, depth: int) -> None:
        network = onnx.load(str(file))
        self._names = list(trunk_outputs(network))[:depth]
        self.depth = depth
        kind = onnx.TensorProto.FLOAT
        network.graph.output.extend(
            onnx.helper.make_tensor_value_info(name, kind, None) for name in self._names
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            network.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def look(self, picture: Picture) -> list[Floats]:
        """The layers of one picture (BGR), finest first."""
        rgb = np.ascontiguousarray(picture[None, ..., ::-1], np.int32)
        return [layer[0] for layer in self._session.run(self._names, {"input:0": rgb})]


@dataclass(frozen=True)
class Part:
    """Samples to keep under a name: pictures, each so often, varied or as they are."""

    name: str
    files: Sequence[Path]
    size_px: tuple[int, int]
    is_varied: bool

    def samples(self, start: int, seed: int) -> Iterator[tuple[Picture, People]]:
        for number, file in enumerate(self.files[start:], start=start):
            rng = np.random.default_rng([seed, number])
            if self.is_varied:
                yield varied(*read(file), self.size_px, rng)
            else:
                yield fitted(*read(file), self.size_px)


def parts_of(folder: Path, without: Sequence[str] = ()) -> tuple[Part, Part]:
    """What learns and what checks, of a set; real films may be left `without`, by their names."""
    every = [name for name, times in TIMES.items() for _ in range(times)]
    taught = [f for f in listed(folder, every) if not f.name.startswith(tuple(without))]
    checked = listed(folder, ["test"])[::CHECK_EVERY]
    return (
        Part("train", taught, SIZE_PX, is_varied=True),
        Part("test", checked, CHECK_SIZE_PX, is_varied=False),
    )


def keep(part: Part, folder: Path, trunk: Trunk, seed: int) -> None:
    """Go on until all samples of a part are kept."""
    kept = Kept.made(folder / part.name, part.size_px, len(part.files), trunk.depth)
    waiting: list[tuple[Sequence[Floats], People]] = []
    for picture, people in part.samples(len(kept), seed):
        waiting.append((trunk.look(picture), people))
        if len(waiting) == SAVE_EVERY:
            kept.add(waiting)
            waiting = []
            print(f"{part.name}: {len(kept)} of {kept.wanted}", flush=True)
    kept.add(waiting)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("set", type=Path, help="images/ and labels/, as `dataset` draws them")
    parser.add_argument("--start", type=Path, required=True, help="MoveNet as it was converted")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the folder to keep it in")
    parser.add_argument("--without", nargs="*", default=[], help="real films that only judge")
    parser.add_argument(
        "--depth",
        type=int,
        default=len(LAYERS),
        choices=range(1, len(LAYERS) + 1),
        help="so many layers, finest first, stay as they are; what follows them learns",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    trunk = Trunk(options.start, options.threads, options.depth)
    for part in parts_of(options.set, options.without):
        keep(part, options.out, trunk, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
