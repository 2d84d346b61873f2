"""Things to do every so often, on the main loop's monotonic clock."""

from dataclasses import dataclass


@dataclass
class Pace:
    """Due at once, then every `every_ns`; with `last_ns` given the first time waits as well."""

    every_ns: int
    last_ns: int | None = None

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time; asking when it is counts as doing it."""
        if self.last_ns is not None and now_ns - self.last_ns < self.every_ns:
            return False
        self.last_ns = now_ns
        return True

    def at_once(self) -> None:
        """Do not wait for the next time."""
        self.last_ns = None
