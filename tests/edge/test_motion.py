"""The gate lets every movement through, however slow, and little else."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_edge.glance import glance_at
from tebura_edge.motion import LOOK_IDLE_NS, MotionGate
from tebura_edge.people import PeopleSettings, open_people
from tebura_models.heads import find_people

RATE_HZ = 10
PX_PER_CM = 1.0
"""Of a ceiling camera that sees 6.4 m across 640 pixels: a hand is 8 pixels wide."""


GRAIN = np.random.default_rng(5).normal(0, 1, (360, 640, 3)).astype(np.float32)
GOODS = cv2.resize(
    np.random.default_rng(99).integers(70, 170, (18, 32)).astype(np.float32),
    (640, 360),
    interpolation=cv2.INTER_NEAREST,
)


def shop(
    hand_x_px: float | None = None, *, light: float = 1.0, noise: float = 3.0, seed: int = 0
) -> NDArray[np.uint8]:
    """A shelf of goods, with grain; an arm comes in from the right as far as `hand_x_px`.

    It is as wide as a hand, 30 greys lighter than what is behind, its edge may lie between pixels.
    """
    image = GOODS.copy()
    if hand_x_px is not None:
        image[150:158] += 30 * np.clip(np.arange(640) + 1 - hand_x_px, 0, 1)
    rng = np.random.default_rng(seed)
    grain = np.roll(GRAIN, tuple(rng.integers(0, 360, 2)), axis=(0, 1))
    return np.clip((image * light)[:, :, None] + noise * grain, 0, 255).astype(np.uint8)


def looks(gate: MotionGate, pictures: Iterator[NDArray[np.uint8]], *, first: int = 0) -> list[int]:
    """Which pictures are let through; the network finds nobody in any of them."""
    passed = []
    for n, picture in enumerate(pictures, start=first):
        glance, at_ns = glance_at(picture), ns_from_s(n / RATE_HZ)
        if gate.must_look(glance, at_ns):
            gate.looked(glance, at_ns, is_empty=True)
            passed.append(n)
    return passed


def still(count: int, noise: float = 3.0) -> Iterator[NDArray[np.uint8]]:
    for n in range(count):
        yield shop(noise=noise, seed=n)


@pytest.mark.parametrize("noise", [0.0, 3.0, 10.0, 15.0])
def test_an_empty_shop_is_looked_at_every_twenty_seconds_however_noisy(noise: float) -> None:
    assert looks(MotionGate(), still(405, noise)) == [0, 200, 400]


def test_somebody_who_stands_still_is_looked_at_every_two_seconds() -> None:
    gate = MotionGate()
    passed = []
    for n in range(45):
        glance, at_ns = glance_at(shop(seed=n)), ns_from_s(n / RATE_HZ)
        if gate.must_look(glance, at_ns):
            gate.looked(glance, at_ns, is_empty=False)
            passed.append(n)
    assert passed == [0, 20, 40]


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_a_hand_of_two_centimetres_a_second_is_seen_before_it_is_a_hand_further(
    noise: float,
) -> None:
    """From any moment on: what it has moved by since the last look never grows to its width."""
    gate = MotionGate()
    looks(gate, still(60, noise))
    speed_px = 2.0 * PX_PER_CM / RATE_HZ
    hand = (shop(400 - n * speed_px, noise=noise, seed=60 + n) for n in range(300))
    passed = looks(gate, hand, first=60)
    gaps = np.diff([60, *passed, 360])
    assert gaps.max() * speed_px < 8 * PX_PER_CM
    assert len(passed) >= 300 * speed_px / 8


def test_daylight_that_fades_costs_next_to_nothing() -> None:
    """A cloud: a third of the light in half a minute; and a camera that adjusts at once."""
    cloud = (shop(light=1 - n / 900, seed=n) for n in range(300))
    assert len(looks(MotionGate(), cloud)) <= 300 / 10
    switched = (shop(light=1.0 if n < 20 else 0.8, seed=n) for n in range(60))
    assert len(looks(MotionGate(), switched)) <= 2


def test_a_hand_is_seen_while_the_light_changes_too() -> None:
    gate = MotionGate()
    looks(gate, still(60))
    hand = (shop(400 - n * 0.2, light=1 - n / 900, seed=60 + n) for n in range(200))
    passed = looks(gate, hand, first=60)
    assert np.diff([60, *passed, 260]).max() * 0.2 < 8


def test_a_clock_that_steps_back_is_no_reason_to_look_away() -> None:
    gate = MotionGate()
    glance = glance_at(shop())
    gate.looked(glance, LOOK_IDLE_NS * 5, is_empty=True)
    assert gate.must_look(glance, 0)


def first_sights(seen: list[int]) -> list[int]:
    """Frames in which there are more people than in the one before."""
    return [n for n in range(len(seen)) if seen[n] > (seen[n - 1] if n else 0)]


def assert_in_time(video: Path, seen: list[int], passed: set[int]) -> None:
    for n in first_sights(seen):
        near = {n - 1, n, n + 1} | ({n + 2} if n + 1 >= len(seen) else set())
        assert near & passed, f"{video.name}: somebody came in frame {n}, unseen"


def pictures(video: Path) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(video))
    out: list[NDArray[np.uint8]] = []
    while True:
        is_read, image = capture.read()
        if not is_read:
            return out
        out.append(np.asarray(image, np.uint8))


def test_everybody_who_enters_the_demos_aisle_passes_the_gate(
    repository: Path, require_file: Callable[[Path], Path]
) -> None:
    footage = repository / "simulator" / "tebura_simulator" / "demo" / "footage"
    for scenario in ("two-in-turn", "just-looking"):
        video = require_file(footage / scenario / "aisle.mp4")
        truth = json.loads((footage / scenario / "aisle.truth.json").read_text())
        seen = [sum(is_a_cell_wide(person) for person in f["people"]) for f in truth["frames"]]
        assert first_sights(seen)
        assert_in_time(video, seen, set(looks(MotionGate(), iter(pictures(video)))))


def is_a_cell_wide(person: dict[str, list[float]]) -> bool:
    """Whether more than a sliver at the picture's edge shows: a cell is the least it compares."""
    left, top, right, bottom = person["box_px"]
    return min(right - left, bottom - top) >= 8


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "clip",
    [
        "store-aifi/cps-test-2-cam6.mp4",
        "video/one-by-one-person-detection.mp4",
        "video/store-aisle-detection.gif",
        "video/people-detection.gif",
    ],
)
def test_whom_the_network_finds_in_real_clips_the_gate_lets_through(
    shared_data: Path, clip: str
) -> None:
    """Every frame through the network: each new person's first frame, or the next, passes."""
    settings = PeopleSettings()
    network = open_people(settings)
    images = pictures(shared_data / clip)
    seen = [
        int((find_people(network, image, settings.size_px).scores >= 0.3).sum()) for image in images
    ]
    assert first_sights(seen)
    assert_in_time(shared_data / clip, seen, set(looks(MotionGate(), iter(images))))
