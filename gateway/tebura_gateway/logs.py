"""Logs: one line of JSON a state change, on standard error; pretty where a person watches.

Never in a log: members, visits with names, card data, keys.
"""

import logging
import sys
from typing import Any

import structlog

_FORBIDDEN = frozenset({"member", "name", "account", "key", "token", "code"})


def set_up(is_verbose: bool = False) -> None:
    """Configure logging for this process."""
    is_terminal = sys.stderr.isatty()
    last: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if is_terminal
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _without_people,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if is_verbose else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _without_people(_logger: object, _method: str, entry: Any) -> Any:
    """The last line of defence: a field that names a person or opens a door is taken out."""
    return {name: value for name, value in entry.items() if name not in _FORBIDDEN}
