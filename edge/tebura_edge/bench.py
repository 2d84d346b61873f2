"""How many cameras this board holds, with the network it would use: a trial, not a guess.

Cameras are played through the whole pipeline (`tebura_edge.trial`), more and more of them, until
tracks come too late, the network looks too rarely or pictures are lost.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tebura_contract.clock import seconds

from tebura_edge.looped import Stream
from tebura_edge.motion import LOOK_IDLE_NS
from tebura_edge.people import PeopleSettings, open_arms, open_people
from tebura_edge.sources import SourceError
from tebura_edge.trial import LOOK_HZ, Outcome, most_streams, run_trial

AISLE = Path(__file__).with_name("bench.mp4")
"""Eight rendered seconds of somebody in an aisle: 640 x 360, H.264, 10 pictures a second."""
MOST_CAMERAS = 64
BUSY_OF = 4
"""One camera in four sees somebody: a shop at a good hour."""
TRIALS = 10
WARM_UP_SHARE = 0.25
IDLE_PICTURES = 100
MOST_PICTURES = 200
NOISE_GREYS = 3.0
USABLE = 0.85
"""Of a machine's time: what is left serves the rest of the node, and the worst moments."""
BUSY_MACHINE = 0.15
"""Share of the machine that other programs may take before the report says so."""


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """The largest trial that kept up; nothing but `cameras` 0 where none did."""

    cameras: int
    p99_ms: float = 0.0
    looks_hz: float = 0.0
    cores: float = 0.0


class BenchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a board holds.

    `frame_ms`, `look_ms` and `still_ms` are the costs (see `Costs`). From these come the estimates
    of what the board would hold if nothing else ran on it; the trials are what it did hold.
    """

    network: str
    provider: str
    cores: int
    size_px: tuple[int, int]
    rate_hz: float
    frame_ms: float
    look_ms: float
    still_ms: float
    all_busy: Holds
    one_in_four_busy: Holds
    all_busy_estimate: int
    one_in_four_busy_estimate: int
    others_share: float
    took_s: float

    @property
    def is_disturbed(self) -> bool:
        return self.others_share > BUSY_MACHINE


def bench(
    settings: PeopleSettings,
    lasts_s: float,
    *,
    video: Path = AISLE,
    rate_hz: float = 10.0,
    progress: Callable[[str], None] = lambda _: None,
) -> BenchReport:
    """Try this board out for about so long.

    Args:
        settings: The network and how it is run.
        lasts_s: A minute is enough; less is less sure.
        video: What busy cameras see.
        rate_hz: Their rate.
        progress: Told what is being tried.

    Raises:
        ModelError: If the network cannot be used.
        SourceError: If the video cannot be read.
    """
    began_s = time.monotonic()
    network = open_people(settings)
    arms = open_arms(settings, network)
    trial_s = lasts_s / TRIALS / (1 + WARM_UP_SHARE)
    others: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        idle = Path(folder) / "idle.mp4"
        write_idle(video, idle)

        def play(count: int, busy: int, *, rests: bool = True) -> Outcome:
            streams = [Stream(video, rate_hz)] * busy
            streams += [Stream(idle, rate_hz, is_busy=False)] * (count - busy)
            warm_up_s = trial_s * WARM_UP_SHARE
            outcome = run_trial(
                streams, network, settings, trial_s, warm_up_s, arms=arms, rests=rests
            )
            others.append(outcome.others)
            word = "kept up" if outcome.keeps_up else "did not keep up"
            progress(f"{count} cameras, {busy} of them busy: {word}")
            return outcome

        def search(every: int, guess: int) -> Holds:
            within_s = lasts_s * (0.35 if every == 1 else 0.3)
            best = most_streams(
                lambda count: play(count, -(-count // every)), guess, MOST_CAMERAS, within_s
            )
            return _holds(best)

        costs = costs_of(play(1, 0), play(1, 0, rests=False), play(1, 1))
        cores = os.cpu_count() or 1
        estimates = [held_by_cost(cores, rate_hz, costs, of) for of in (1, BUSY_OF)]
        all_busy, in_four = (
            search(of, guess) for of, guess in zip((1, BUSY_OF), estimates, strict=True)
        )
    return BenchReport(
        network=network.entry.name,
        provider=network.provider,
        cores=cores,
        size_px=settings.size_px,
        rate_hz=rate_hz,
        frame_ms=costs.frame_ms,
        look_ms=costs.look_ms,
        still_ms=costs.still_ms,
        all_busy=all_busy,
        one_in_four_busy=in_four,
        all_busy_estimate=estimates[0],
        one_in_four_busy_estimate=estimates[1],
        others_share=float(np.mean(others)) / cores,
        took_s=time.monotonic() - began_s,
    )


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time: of a picture that the network does not see, and of a look on top of it.

    Decoding is included. `still_ms` is what a camera that sees nobody takes in a second: it gives
    fewer pictures, and the network looks all the same now and then.
    """

    frame_ms: float
    look_ms: float
    still_ms: float


def costs_of(still: Outcome, watched: Outcome, busy: Outcome) -> Costs:
    """From a camera that sees nobody, one whose every picture is wanted, and one with people.

    Where nobody is there the network looks, too, only rarely: how often is up to the trial.
    """
    still_ms, watched_ms, busy_ms = (
        one.cores * one.lasts_s * 1000 for one in (still, watched, busy)
    )
    apart = watched.tracked * busy.looks - busy.tracked * watched.looks
    if apart <= 0:  # nothing told the two trials apart
        return Costs(watched_ms / max(1, watched.tracked), 0.0, still_ms / still.lasts_s)
    frame_ms = max(0.0, watched_ms * busy.looks - busy_ms * watched.looks) / apart
    look_ms = max(0.0, busy_ms - busy.tracked * frame_ms) / busy.looks
    between_ms = max(0.0, still_ms - still.looks * look_ms) / still.lasts_s
    return Costs(frame_ms, look_ms, between_ms + look_ms / seconds(LOOK_IDLE_NS))


def held_by_cost(cores: int, rate_hz: float, costs: Costs, busy_of: int) -> int:
    """Cameras, one in `busy_of` looked at as often as it must be, that so much work fills.

    >>> held_by_cost(2, 10, Costs(frame_ms=1.0, look_ms=40.0, still_ms=5.0), busy_of=1)
    8
    """
    busy_ms = rate_hz * costs.frame_ms + LOOK_HZ * costs.look_ms
    camera_ms = (busy_ms + (busy_of - 1) * costs.still_ms) / busy_of
    return int(cores * USABLE * 1000 / camera_ms)


def lines(report: BenchReport) -> list[str]:
    """The report for a person."""
    width, height = report.size_px
    out = [
        f"{report.network} on {report.provider}, at most {width} x {height}, {report.cores} cores, "
        f"{report.rate_hz:g} pictures a second",
        f"  all of them busy:      {_told(report.all_busy)}",
        f"  one in four busy:      {_told(report.one_in_four_busy)}",
        f"  processor time:        {report.frame_ms:.1f} ms a picture, "
        f"{report.look_ms:.0f} ms more for a look, {report.still_ms:.0f} ms a second "
        "while nobody is there",
    ]
    if report.is_disturbed:
        out.append(
            f"  Other programs took {report.others_share:.0%} of this machine meanwhile. By its "
            f"processor time it holds about {report.all_busy_estimate} cameras alone, "
            f"{report.one_in_four_busy_estimate} with one in four busy."
        )
    return out


def _told(holds: Holds) -> str:
    if not holds.cameras:
        return "not even one camera"
    cameras = "camera" if holds.cameras == 1 else "cameras"
    return (
        f"{holds.cameras} {cameras} (tracks within {holds.p99_ms:.0f} ms, "
        f"{holds.looks_hz:.1f} looks a second, {holds.cores:.1f} cores)"
    )


def _holds(best: Outcome | None) -> Holds:
    if best is None:
        return Holds(cameras=0)
    return Holds(cameras=best.streams, p99_ms=best.p99_ms, looks_hz=best.look_hz, cores=best.cores)


def write_idle(video: Path, out: Path) -> None:
    """A video of what is left when nobody is there: the median picture, with a sensor's grain.

    Raises:
        SourceError: If the video cannot be read or the other not written.
    """
    pictures = np.stack(_pictures(video)[::4])
    empty = np.median(pictures, axis=0)
    height, width = empty.shape[:2]
    writer = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (width, height))
    if not writer.isOpened():
        raise SourceError(f"{out}: cannot be written")
    noise = np.random.default_rng(1).normal(0, NOISE_GREYS, empty.shape)
    for n in range(IDLE_PICTURES):
        grain = np.roll(noise, (7 * n, 13 * n), axis=(0, 1))
        writer.write(np.clip(empty + grain, 0, 255).astype(np.uint8))
    writer.release()


def _pictures(video: Path) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    if not video.is_file() or not capture.isOpened():
        raise SourceError(f"{video}: is no video that can be read")
    out: list[NDArray[np.uint8]] = []
    while len(out) < MOST_PICTURES:
        is_read, image = capture.read()
        if not is_read:
            break
        out.append(np.asarray(image, np.uint8))
    return out
