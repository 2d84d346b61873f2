"""Cases one after another or several at once, each told as it is done."""

import multiprocessing
import time
import traceback
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

from tebura_simulator.weighing_bench.cases import CaseName, draw
from tebura_simulator.weighing_bench.kept import Kept
from tebura_simulator.weighing_bench.lines import CaseLine, case_line
from tebura_simulator.weighing_bench.playing import play


def run(
    names: Sequence[CaseName], jobs: int = 1, is_taught: bool = True, kept: Kept | None = None
) -> Generator[CaseLine, None, None]:
    """Play cases; their lines come in order whatever `jobs` is. What is kept is not played again.

    Raises:
        KeptFault: If what is kept cannot be read.
    """
    known = {name: line for name in names if kept and (line := kept.find(name)) is not None}
    left = [name for name in names if name not in known]
    with closing(_played(left, jobs, is_taught)) as played:
        for name in names:
            line = known.get(name)
            if line is None:
                line = next(played)
                if kept is not None:
                    kept.add(name, line)
            yield line


def _played(
    names: Sequence[CaseName], jobs: int, is_taught: bool
) -> Generator[CaseLine, None, None]:
    if jobs == 1:
        yield from (one(name, is_taught) for name in names)
        return
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(one, name, is_taught) for name in names]
        try:
            for name, future in zip(names, futures, strict=True):
                try:
                    line = future.result()
                except BrokenProcessPool as error:
                    line = _failed(name, error)
                yield line
        finally:
            pool.shutdown(cancel_futures=True)


def one(name: CaseName, is_taught: bool) -> CaseLine:
    """Play one case; what cannot be played says why."""
    begun_s = time.monotonic()
    try:
        return case_line(play(draw(name), is_taught), time.monotonic() - begun_s)
    except Exception as error:  # a crash is a result here: it is told with its seed
        return _failed(name, error)


def _failed(name: CaseName, error: Exception) -> CaseLine:
    return CaseLine(
        suite=name.wanted.suite,
        case=name.name,
        seed=name.seed,
        store_s=0.0,
        rate_hz=0.0,
        plates=0,
        samples=0,
        cpu_s=0.0,
        took_s=0.0,
        steps=(),
        told=(),
        failure=_said(error),
    )


def _said(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}".replace("\n", " ")
