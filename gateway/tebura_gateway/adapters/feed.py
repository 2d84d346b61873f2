"""Wakes streams when something was committed, from the writer's thread into the event loop."""

import asyncio
import threading


class ChangeFeed:
    """A number that grows with each commit that changed something."""

    def __init__(self) -> None:
        self._number = 0
        self._lock = threading.Lock()
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def number(self) -> int:
        return self._number

    def bump(self) -> None:
        """Count up and wake everyone; from any thread."""
        with self._lock:
            self._number += 1
            waiters = list(self._waiters)
        for loop, event in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self, after: int, timeout_s: float) -> int:
        """The number, as soon as it is greater than `after` or the time is over."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiters.add(waiter)
            is_behind = self._number > after
        try:
            if not is_behind:
                await asyncio.wait_for(waiter[1].wait(), timeout_s)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        return self._number
