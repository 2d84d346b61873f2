"""Work for several processes that draw: each its own, none outlives whoever started it."""

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_PR_SET_PDEATHSIG = 1


def at_once(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    """Do tasks, so many at once; yields each result when it is there. One job stays in here.

    `work` is a function of a module, or an object that can be pickled. Closing the iterator, an
    error or an interrupt ends what still runs.
    """
    if min(jobs, len(tasks)) <= 1:
        yield from map(work, tasks)
        return
    # A graphics context does not survive a fork.
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), get_context("spawn"), _begin)
    try:
        waiting: set[Future[Result]] = {pool.submit(work, task) for task in tasks}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _begin() -> None:
    # Ctrl-C goes to all of a terminal's processes: whoever started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
