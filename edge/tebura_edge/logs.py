"""Logs: one line of JSON a state change, on standard error; pretty where a person watches.

Never in a log: faces, codes, members. Trouble that repeats is said once and then counted.
"""

import logging
import sys
from typing import Any

import structlog

REPEAT_EVERY_NS = 60 * 1_000_000_000
MAX_REMEMBERED = 256

_FORBIDDEN = frozenset({"member", "code", "text", "key"})


def set_up(is_verbose: bool = False) -> None:
    """Configure logging for this process."""
    is_terminal = sys.stderr.isatty()
    rendering: Any = (
        structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_people,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks
            if not is_terminal
            else structlog.processors.ExceptionPrettyPrinter(),
            rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if is_verbose else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _without_people(_logger: Any, _method: str, entry: Any) -> Any:
    """The last line of defence: a field that names a person or a code is taken out."""
    return {name: value for name, value in entry.items() if name not in _FORBIDDEN}


class Repeats:
    """Says whether trouble is worth a line: the first time, and then once a minute."""

    def __init__(self) -> None:
        self._said_ns: dict[str, int] = {}
        self._held_back: dict[str, int] = {}

    def is_due(self, trouble: str, now_ns: int) -> bool:
        """Whether to say it now; `held_back` then tells how often it was not said."""
        before_ns = self._said_ns.get(trouble)
        if before_ns is not None and now_ns - before_ns < REPEAT_EVERY_NS:
            self._held_back[trouble] = self._held_back.get(trouble, 0) + 1
            return False
        if len(self._said_ns) >= MAX_REMEMBERED:
            self._said_ns.clear()
        self._said_ns[trouble] = now_ns
        return True

    def held_back(self, trouble: str) -> int:
        """How often it was not said since the last line; asking resets it."""
        return self._held_back.pop(trouble, 0)

    def over(self, trouble: str) -> None:
        """The trouble ended: the next time is a first time."""
        self._said_ns.pop(trouble, None)
        self._held_back.pop(trouble, None)
