"""When simulated recordings begin."""

import datetime as dt

from tebura_contract.clock import SECOND_NS, Ns

START_NS = Ns(int(dt.datetime(2026, 4, 1, 3, tzinfo=dt.UTC).timestamp()) * SECOND_NS)
"""Noon in Tokyo on the first day of the business year; a replay gives its own time anyway."""


def store_ns(t_s: float) -> Ns:
    """Store time of a scenario's second."""
    return Ns(START_NS + round(t_s * SECOND_NS))
