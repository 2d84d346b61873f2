"""How often something may be done that takes its time, so that it never takes all of it."""


class Pace:
    """What took long comes again later; time that was not used is saved, up to a bound.

    So the first few after a quiet while come at once, and many together take their share and no
    more: of the time, one part in `rest` + 1.
    """

    def __init__(self, rest: float, saved_s: float) -> None:
        self._rest, self._saved_s = rest, saved_s
        self._due_s = 0.0

    @property
    def due_s(self) -> float:
        """From when on it may be done."""
        return self._due_s

    def took(self, took_s: float, now_s: float) -> None:
        """It was done until now."""
        self._due_s = max(self._due_s, now_s - self._saved_s) + (1.0 + self._rest) * took_s
