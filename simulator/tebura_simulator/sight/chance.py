"""Randomness in streams of their own, so that one part's draws do not move another's."""

import zlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """The generator of a scenario's seed for one purpose."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
