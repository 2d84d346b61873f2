"""How well a node's cameras are looked at: what was counted, and a word where it is too little."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from tebura_contract.clock import ns_from_s, seconds

WANTED_HZ = 5.0
"""Between looks people are followed; after a fifth of a second a hand may be anywhere."""
WINDOW_NS = ns_from_s(5)


@dataclass(frozen=True, slots=True)
class Looking:
    """Frames of one camera so far.

    `looked` went through the network; `followed` did not, and of them `overtaken` should have:
    a newer one came before the network was free. `dropped` were never seen at all.
    """

    looked: int = 0
    followed: int = 0
    overtaken: int = 0
    dropped: int = 0


class LookRates:
    """Compares the counts with those of some seconds ago."""

    def __init__(self) -> None:
        self._past: deque[tuple[int, dict[str, Looking]]] = deque()

    def trouble(self, counts: Mapping[str, Looking], now_ns: int) -> str:
        """Which cameras the network is too slow for; empty where it keeps up."""
        while len(self._past) > 1 and now_ns - self._past[1][0] >= WINDOW_NS:
            self._past.popleft()
        self._past.append((now_ns, dict(counts)))
        since_ns, before = self._past[0]
        passed_s = seconds(now_ns - since_ns)
        if passed_s <= 0:
            return ""
        texts = [
            _slow(camera, before.get(camera, Looking()), now, passed_s)
            for camera, now in sorted(counts.items())
        ]
        return "; ".join(text for text in texts if text)


def _slow(camera: str, before: Looking, now: Looking, passed_s: float) -> str:
    dropped = now.dropped - before.dropped
    if dropped:
        return f"{camera}: {dropped} frames came too fast in {passed_s:.0f} s"
    looked_hz = (now.looked - before.looked) / passed_s
    if now.overtaken > before.overtaken and looked_hz < WANTED_HZ:
        return f"{camera}: looked at {looked_hz:.0f} times a second, should be {WANTED_HZ:g}"
    return ""
