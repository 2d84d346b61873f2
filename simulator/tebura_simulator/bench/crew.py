"""Cases at once, each in a process of its own: one that dies takes only itself along."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import msgspec

from tebura_simulator.bench.contest import Work, contest
from tebura_simulator.bench.lines import CaseLine

PRELOADED = tuple(
    f"tebura_simulator.{name}"
    for name in (
        "bench.contest",
        "cases",
        "memory_reel",
        "peers",
        "story.drawing",
        "story.visits",
    )
)
"""Read once for all cases: sooner begun, and a bench is of one version of the code throughout."""

_LINES = msgspec.json.Decoder(list[CaseLine])


@dataclass
class _Running:
    number: int
    process: BaseProcess
    result: Connection


def played(works: Sequence[Work], jobs: int) -> Iterator[tuple[int, list[CaseLine]]]:
    """Run all, so many at once; yields each one's number and lines when it is done.

    Closing the iterator, or an interrupt, ends what still runs.
    """
    context = _context()
    waiting = list(enumerate(works))[::-1]
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, work = waiting.pop()
                with uninterrupted():
                    running.append(_start(context, number, work))
            ready = wait([one.result for one in running])
            for one in [one for one in running if one.result in ready]:
                # Removed only once read: an interrupt in between must still find it to end it.
                lines = _lines(one, works[one.number])
                running.remove(one)
                yield one.number, lines
    finally:
        for one in running:
            one.process.terminate()
        for one in running:
            one.process.join()


def _context() -> multiprocessing.context.ForkServerContext:
    """Processes that Ctrl-C does not reach, though it goes to all of the terminal's.

    Whoever started them ends them. The mask is inherited, so there is no moment without it; the
    tracker is started before, since starting it would lift the mask.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    resource_tracker.ensure_running()
    with uninterrupted():
        forkserver.ensure_running()
    return context


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until this is over: no process is started that nobody knows of.

    The mask is for the processes begun here, which inherit it. It covers this thread alone, and
    the kernel may hand the signal to another one (a numeric library's), after which Python would
    raise it here all the same: hence the handler.
    """
    asked: list[int] = []
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    handler = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if asked:
            signal.raise_signal(signal.SIGINT)


def _start(context: multiprocessing.context.ForkServerContext, number: int, work: Work) -> _Running:
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_play, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Running(number, process, ours)


def _play(work: Work, result: Connection) -> None:
    result.send_bytes(msgspec.json.encode(contest(work)))
    result.close()


def _lines(one: _Running, work: Work) -> list[CaseLine]:
    try:
        data = one.result.recv_bytes()
    except EOFError:
        data = b""
    one.result.close()
    one.process.join()
    if data:
        return _LINES.decode(data)
    return work.failed(f"its process ended with {one.process.exitcode}")
