"""How far a long command is, on standard error: always where it is a terminal, else by tenths."""

import sys
import time

import typer


class Eta:
    """Called with how much is done, of how much. What was done before the first call took no time.

    Args:
        unit: What is counted, in the plural.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._begun_s = time.monotonic()
        self._before: int | None = None
        self._tenth = 0

    def __call__(self, done: int, of: int) -> None:
        if self._before is None:
            self._before, self._begun_s = done, time.monotonic()
        is_terminal = sys.stderr.isatty()
        tenth = 10 * done // max(1, of)
        if not is_terminal and tenth == self._tenth:
            return
        self._tenth = tenth
        said = f"{done}/{of} {self._unit}{self._left(done, of)}"
        if is_terminal:
            bar = "█" * (2 * tenth) + "░" * (20 - 2 * tenth)
            typer.echo(f"\r{bar} {said}\x1b[K", err=True, nl=done == of)
        else:
            typer.echo(said, err=True)

    def _left(self, done: int, of: int) -> str:
        fresh = done - (self._before or 0)
        if fresh <= 0 or done >= of:
            return ""
        left_s = (time.monotonic() - self._begun_s) / fresh * (of - done)
        return f", {left_s / 60:.0f} min left" if left_s >= 90 else f", {left_s:.0f} s left"
