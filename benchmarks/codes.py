"""How well a gate reads codes off phones: `python benchmarks/codes.py [--count N] [--json]`.

Rendered phone screens in 640 x 360 pictures, one thing made worse at a time and then several, read
by the gate's own reader and by OpenCV's two. A phone is held up for a second, ten pictures with
their own noise and a hand's tremble: what counts is whether it was read by then, and by the first.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import SECOND_NS
from tebura_contract.entry_code import STEP_S, make_code, new_member_id
from tebura_contract.ids import CameraId, StoreId
from tebura_edge.code_reader import CodeReader
from tebura_edge.frames import Frame
from tebura_simulator.held_phone import Held, picture_of

Reader = Callable[[NDArray[np.uint8]], set[str]]

FRAMES = 10
"""Pictures of a second."""

USUAL = Held()
"""Five pixels a module: a phone some 25 cm before a camera of 640 pixels and 60 degrees."""
AT_LEAST = replace(USUAL, module_px=4.0)
"""What a gate is set up to give: the smallest size that its reading is promised for."""


def conditions() -> list[tuple[str, str, Held]]:
    """What is varied, its value, and the phone that shows it."""
    table: list[tuple[str, str, Held]] = []
    for size in (1.5, 2.0, 2.5, 3.0, 4.0, 6.0):
        table.append(("px a module", f"{size:g}", replace(USUAL, module_px=size)))
    for angle in (20.0, 40.0, 50.0, 60.0):
        table.append(("turned, deg", f"{angle:g}", replace(AT_LEAST, turned_deg=angle)))
    for angle in (20.0, 40.0, 50.0, 60.0):
        table.append(("tipped, deg", f"{angle:g}", replace(AT_LEAST, tipped_deg=angle)))
    for blur in (1.0, 1.5, 2.0, 2.5, 3.0):
        table.append(("out of focus, px", f"{blur:g}", replace(AT_LEAST, blur_px=blur)))
    for shake in (3.0, 5.0, 8.0):
        table.append(("shaken, px", f"{shake:g}", replace(AT_LEAST, shake_px=shake)))
    for light in (0.4, 0.2, 0.1, 0.05):
        table.append(("light", f"{light:g}", replace(AT_LEAST, light=light)))
    for cracks in (2, 5, 10):
        table.append(("cracks", f"{cracks}", replace(AT_LEAST, cracks=cracks)))
    for glare in (0.2, 0.4, 0.6):
        table.append(("glare, of the width", f"{glare:g}", replace(AT_LEAST, glare=glare)))
    tilted = replace(AT_LEAST, turned_deg=30.0, tipped_deg=30.0)
    dim = replace(tilted, light=0.2)
    table.append(("tilted 30 + 30", "", tilted))
    table.append(("tilted, dim", "", dim))
    table.append(("tilted, dim, 3 cracks", "", replace(dim, cracks=3)))
    table.append(("the same, out of focus 1.2", "", replace(dim, cracks=3, blur_px=1.2)))
    return table


def ours() -> Reader:
    """The gate's reader, new for each phone."""
    reader = CodeReader()
    frames = itertools.count()

    def read(picture: NDArray[np.uint8]) -> set[str]:
        at_ns = next(frames) * SECOND_NS // FRAMES
        return {seen.text for seen in reader(Frame(CameraId("gate"), at_ns, picture))}

    return read


def of_opencv(detector: cv2.QRCodeDetector | cv2.QRCodeDetectorAruco) -> Reader:
    """One of OpenCV's readers; where it throws, it read nothing."""

    def read(picture: NDArray[np.uint8]) -> set[str]:
        try:
            text, _, _ = detector.detectAndDecode(picture)
        except (cv2.error, UnicodeDecodeError):
            return set()
        return {text} if text else set()

    return read


READERS: dict[str, Callable[[], Reader]] = {
    "ours": ours,
    "ArUco": lambda: of_opencv(cv2.QRCodeDetectorAruco()),
    "OpenCV": lambda: of_opencv(cv2.QRCodeDetector()),
}


@dataclass
class Tally:
    """What one reader made of the phones of one row."""

    first: int = 0
    within: int = 0
    misread: int = 0
    took_ms: list[float] = field(default_factory=list)


def held_up(held: Held, chance: np.random.Generator) -> tuple[str, list[NDArray[np.uint8]]]:
    """A second of one phone, rolled by up to 20 degrees either way: its code, its pictures."""
    member = new_member_id(chance.bytes(9))
    step = int(chance.integers(0, 10**8))
    text = make_code(chance.bytes(32), StoreId("shop"), member, step * STEP_S * SECOND_NS)
    rolled_deg = float(chance.uniform(-20, 20))
    phone = replace(held, glass=int(chance.integers(2**31)))
    trembling = (
        replace(phone, rolled_deg=rolled_deg + float(chance.normal(0, 1))) for _ in range(FRAMES)
    )
    return text, [picture_of(each, text, chance) for each in trembling]


def watch(reader: Reader, text: str, pictures: list[NDArray[np.uint8]], tally: Tally) -> None:
    """Show a phone to a reader until it has read it."""
    for frame, picture in enumerate(pictures):
        began_s = time.thread_time()
        said = reader(picture)
        tally.took_ms.append((time.thread_time() - began_s) * 1e3)
        tally.misread += bool(said - {text})
        if text in said:
            tally.first += frame == 0
            tally.within += 1
            return


def rows(count: int, seed: int) -> Iterator[tuple[str, str, dict[str, Tally]]]:
    """Each condition with what each reader made of `count` phones."""
    for number, (what, value, held) in enumerate(conditions()):
        tallies = {name: Tally() for name in READERS}
        chance = np.random.default_rng((seed, number))
        for _ in range(count):
            text, pictures = held_up(held, chance)
            for name, new in READERS.items():
                watch(new(), text, pictures, tallies[name])
        yield what, value, tallies


def main() -> None:
    """Read the command line, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="phones a row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args()
    took_ms: dict[str, list[float]] = {name: [] for name in READERS}
    if not options.json:
        print(f"{'':33}" + "".join(f"{name:>14}" for name in READERS))
        print(f"{'':33}" + f"{'first   1 s':>14}" * len(READERS))
    for what, value, tallies in rows(options.count, options.seed):
        for name, tally in tallies.items():
            took_ms[name] += tally.took_ms
        shares = {
            name: (tally.first / options.count, tally.within / options.count, tally.misread)
            for name, tally in tallies.items()
        }
        if options.json:
            print(json.dumps({"what": what, "value": value, "first, within 1 s, misread": shares}))
        else:
            cells = (f"{first:8.2f}{within:6.2f}" for first, within, _ in shares.values())
            misread = sum(wrong for *_, wrong in shares.values())
            print(f"{what:27}{value:>6}{''.join(cells)}" + f"  misread {misread}" * bool(misread))
    medians = {name: statistics.median(ms) for name, ms in took_ms.items()}
    if options.json:
        print(json.dumps({"ms_a_picture": medians}))
    else:
        print("  ".join(f"{name} {ms:.1f} ms a picture" for name, ms in medians.items()))


if __name__ == "__main__":
    main()
