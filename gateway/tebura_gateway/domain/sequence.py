"""Which numbers of a node's boot have arrived: a duplicate differs from a loss."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Run:
    """One boot: every seq up to `contiguous` is here (-1: none); `highest` has been seen."""

    contiguous: int = -1
    highest: int = -1
    _beyond: set[int] = field(default_factory=set)

    def add(self, seq: int) -> None:
        """Note an arrival; again is fine."""
        self.highest = max(self.highest, seq)
        if seq <= self.contiguous:
            return
        if seq == self.contiguous + 1 and not self._beyond:
            self.contiguous = seq
            return
        self._beyond.add(seq)
        while self.contiguous + 1 in self._beyond:
            self.contiguous += 1
            self._beyond.remove(self.contiguous)

    @property
    def missing(self) -> int:
        """How many numbers below the highest have not arrived."""
        return self.highest - self.contiguous - len(self._beyond)

    def accept_gap(self) -> None:
        """Go on as if all up to the highest had arrived."""
        self.contiguous = self.highest
        self._beyond.clear()


def is_believed(runs: dict[int, Run], boot: int, seq: int) -> bool:
    """Whether all events up to `seq` of `boot`, and of the boots before, are here."""
    earlier_is_whole = all(run.missing == 0 for number, run in runs.items() if number < boot)
    run = runs.get(boot)
    return earlier_is_whole and (run.contiguous if run is not None else -1) >= seq
