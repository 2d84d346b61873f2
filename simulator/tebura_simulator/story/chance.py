"""Chance in named streams: another question asked of one stream leaves the others as they were."""

import zlib

import numpy as np
from numpy.random import Generator

from tebura_simulator.story.difficulty import Span, Whole


class Chance:
    """Random numbers from a seed, a stream for each name.

    >>> Chance(1, "calm").stream("pace").random() == Chance(1, "calm").stream("pace").random()
    True
    """

    def __init__(self, seed: int, *names: str) -> None:
        self._seed = seed
        self._names = names
        self._streams: dict[str, Generator] = {}

    def of(self, name: str) -> "Chance":
        """The chance of a part of it, with streams of its own."""
        return Chance(self._seed, *self._names, name)

    def stream(self, name: str) -> Generator:
        """The stream of that name, going on where it was."""
        if name not in self._streams:
            words = [zlib.crc32(part.encode()) for part in (*self._names, name)]
            self._streams[name] = np.random.default_rng([self._seed, *words])
        return self._streams[name]

    def happens(self, name: str, share: float) -> bool:
        return bool(self.stream(name).random() < share)

    def count(self, name: str, rate: float) -> int:
        """How often something happens that happens `rate` times, about."""
        return int(self.stream(name).poisson(rate))

    def whole(self, name: str, bounds: Whole) -> int:
        return int(self.stream(name).integers(bounds[0], bounds[1] + 1))

    def between(self, name: str, bounds: Span) -> float:
        """Even over the logarithm, so that half and twice are as likely; to two decimals."""
        low, high = np.log(bounds)
        return round(float(np.exp(self.stream(name).uniform(low, high))), 2)

    def seconds(self, name: str, bounds: Span) -> float:
        return round(float(self.stream(name).uniform(*bounds)), 1)

    def index(self, name: str, size: int) -> int:
        """One of `size` (at least one)."""
        return min(size - 1, int(self.stream(name).random() * size))
